//! Archived numbers as plain slices, without copying.
//!
//! rkyv archives numbers in little-endian order with their natural alignment; on a little-endian
//! machine that is how Rust keeps them, and a slice of the one is a slice of the other.

use rkyv::rend::{f32_le, u32_le, u64_le};
use rkyv::vec::ArchivedVec;

#[cfg(not(target_endian = "little"))]
compile_error!("Seedbed maps little-endian files as numbers and needs a little-endian machine");

// The layout of archives is part of the format: a build where another crate switched on one of rkyv's
// format features (big endian, unaligned, other pointer widths) must not compile.
const _: () = {
    assert!(size_of::<f32_le>() == 4 && align_of::<f32_le>() == 4);
    assert!(size_of::<u32_le>() == 4 && align_of::<u32_le>() == 4);
    assert!(size_of::<u64_le>() == 8 && align_of::<u64_le>() == 8);
    assert!(size_of::<rkyv::Archived<u32>>() == 4 && align_of::<rkyv::Archived<u32>>() == 4);
    assert!(size_of::<ArchivedVec<u8>>() == 8);
};

/// The numbers of an archived `Vec<f32>`.
pub fn floats(archived: &ArchivedVec<f32_le>) -> &[f32] {
    let slice = archived.as_slice();
    // SAFETY: f32_le has the size and alignment of f32 (asserted above) and holds its bytes in the order
    // of this machine (asserted above); every bit pattern is an f32.
    unsafe { std::slice::from_raw_parts(slice.as_ptr().cast(), slice.len()) }
}

/// The numbers of an archived `Vec<u32>`.
pub fn ints(archived: &ArchivedVec<u32_le>) -> &[u32] {
    let slice = archived.as_slice();
    // SAFETY: as in `floats`, for u32.
    unsafe { std::slice::from_raw_parts(slice.as_ptr().cast(), slice.len()) }
}

/// The numbers of an archived `Vec<u64>`.
pub fn longs(archived: &ArchivedVec<u64_le>) -> &[u64] {
    let slice = archived.as_slice();
    // SAFETY: as in `floats`, for u64.
    unsafe { std::slice::from_raw_parts(slice.as_ptr().cast(), slice.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(rkyv::Archive, rkyv::Serialize)]
    struct Numbers {
        small: Vec<f32>,
        ids: Vec<u32>,
        offsets: Vec<u64>,
    }

    #[test]
    fn archived_numbers_are_plain_slices() {
        let numbers =
            Numbers { small: vec![1.5, f32::NAN, -0.0], ids: vec![7, u32::MAX], offsets: vec![1 << 40] };
        let bytes = rkyv::to_bytes::<rkyv::rancor::Error>(&numbers).unwrap();
        let archived = rkyv::access::<ArchivedNumbers, rkyv::rancor::Error>(&bytes).unwrap();
        let bits = |floats: &[f32]| floats.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(floats(&archived.small)), bits(&numbers.small));
        assert_eq!(ints(&archived.ids), numbers.ids);
        assert_eq!(longs(&archived.offsets), numbers.offsets);
    }
}
