//! Values of any length over a key-value store that wants short ones.
//!
//! Invariant: no value handed to the key-value store is longer than [`VALUE_BYTES`]; sled would make
//! blob files of long ones, which it neither syncs nor reclaims. A longer value is cut into pieces in
//! the table's overflow table, under the key and the piece's number, and the key itself holds a stub:
//! "SBX1", number of pieces (u32), total length (u64). Stub and pieces change in one transaction. The
//! record's own checksum covers the whole, so the pieces carry none.

use super::kv::{KeyValue, Write};
use super::record::damaged;
use crate::error::Result;

/// The longest value the key-value store is given.
pub(crate) const VALUE_BYTES: usize = 4096;

const STUB: [u8; 4] = *b"SBX1";
const STUB_BYTES: usize = 16;
const OVERFLOW: &str = "overflow:";

/// The table that holds the pieces of a table's long values.
pub(crate) fn overflow(table: &str) -> String {
    format!("{OVERFLOW}{table}")
}

/// The table whose pieces an overflow table holds.
pub(crate) fn overflowed(table: &str) -> Option<&str> {
    table.strip_prefix(OVERFLOW)
}

/// Appends the writes that make `value` the value of the key, whose raw value so far is `old`.
pub(crate) fn lower(
    writes: &mut Vec<Write>,
    table: &str,
    key: &[u8],
    value: Option<Vec<u8>>,
    old: Option<&[u8]>,
) {
    let old_pieces = old.and_then(read_stub).map_or(0, |(pieces, _)| pieces);
    let mut new_pieces = 0;
    let raw = value.map(|value| {
        if value.len() <= VALUE_BYTES {
            return value;
        }
        for piece in value.chunks(VALUE_BYTES) {
            let key = piece_key(key, new_pieces);
            writes.push(Write { table: overflow(table), key, value: Some(piece.to_vec()) });
            new_pieces += 1;
        }
        write_stub(new_pieces, value.len())
    });
    for number in new_pieces..old_pieces {
        writes.push(Write { table: overflow(table), key: piece_key(key, number), value: None });
    }
    writes.push(Write { table: table.to_string(), key: key.to_vec(), value: raw });
}

/// The value whose raw value is `raw`; `place` names it in an error.
pub(crate) fn whole(kv: &dyn KeyValue, table: &str, key: &[u8], raw: Vec<u8>) -> Result<Vec<u8>> {
    let Some((pieces, length)) = read_stub(&raw) else { return Ok(raw) };
    let broken = || damaged(&super::db::place(table, key), "a piece of it is missing");
    let mut value = Vec::new();
    for number in 0..pieces {
        let piece = kv.get(&overflow(table), &piece_key(key, number))?.ok_or_else(broken)?;
        value.extend(piece);
    }
    match value.len() as u64 == length {
        true => Ok(value),
        false => Err(broken()),
    }
}

/// Whether the raw value is in pieces.
pub(crate) fn is_cut(raw: &[u8]) -> bool {
    read_stub(raw).is_some()
}

/// Whether the raw value of `key` accounts for the piece with this key of the overflow table.
pub(crate) fn accounts_for(kv: &dyn KeyValue, table: &str, piece: &[u8]) -> Result<bool> {
    let Some((key, number)) = piece.split_last_chunk::<4>() else { return Ok(false) };
    let raw = kv.get(table, key)?;
    let pieces = raw.as_deref().and_then(read_stub).map_or(0, |(pieces, _)| pieces);
    Ok(u32::from_be_bytes(*number) < pieces)
}

// Keys of equal length are equal only if key and number are: no piece can be taken for another's.
fn piece_key(key: &[u8], number: u32) -> Vec<u8> {
    [key, &number.to_be_bytes()].concat()
}

fn write_stub(pieces: u32, length: usize) -> Vec<u8> {
    [&STUB[..], &pieces.to_le_bytes(), &(length as u64).to_le_bytes()].concat()
}

fn read_stub(raw: &[u8]) -> Option<(u32, u64)> {
    let stub: &[u8; STUB_BYTES] = raw.try_into().ok()?;
    let (mark, rest) = stub.split_first_chunk::<4>()?;
    let (pieces, length) = rest.split_first_chunk::<4>()?;
    let length: &[u8; 8] = length.try_into().ok()?;
    (*mark == STUB).then(|| (u32::from_le_bytes(*pieces), u64::from_le_bytes(*length)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::memory::MemoryKv;

    fn store(kv: &MemoryKv, key: &[u8], value: Option<Vec<u8>>) {
        let old = kv.get("t", key).unwrap();
        let mut writes = Vec::new();
        lower(&mut writes, "t", key, value, old.as_deref());
        assert!(writes.iter().all(|w| w.value.as_ref().is_none_or(|v| v.len() <= VALUE_BYTES)));
        kv.apply(&writes).unwrap();
    }

    #[test]
    fn long_values_come_back_and_leave_nothing_behind() {
        let kv = MemoryKv::default();
        for length in [0usize, 16, 4096, 4097, 100_000, 8192, 3] {
            let value: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
            store(&kv, b"k", Some(value.clone()));
            let raw = kv.get("t", b"k").unwrap().unwrap();
            assert_eq!(whole(&kv, "t", b"k", raw).unwrap(), value);
            let pieces = kv.scan(&overflow("t"), b"").count();
            assert_eq!(pieces, if length > 4096 { length.div_ceil(4096) } else { 0 });
        }
        store(&kv, b"k", Some(vec![1; 10_000]));
        store(&kv, b"k", None);
        assert_eq!(kv.scan(&overflow("t"), b"").count() + kv.scan("t", b"").count(), 0);
    }
}
