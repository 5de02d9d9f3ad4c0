//! How much memory the process has, and had at most.

/// In bytes since the start, or since [`reset_peak`]; `None` where the system does not tell.
pub(crate) fn peak() -> Option<u64> {
    status("VmHWM:")
}

/// Bytes that the process holds by itself: mapped files, which the system takes back when it wants them, are
/// not counted. `None` where the system does not tell.
pub(crate) fn held() -> Option<u64> {
    status("RssAnon:")
}

/// A line of the process's status, in bytes.
fn status(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib << 10)
}

/// Lets the peak begin anew from what is resident now; tells whether the system does so.
pub(crate) fn reset_peak() -> bool {
    // proc(5): 5 resets the peak resident set size, since Linux 4.0.
    std::fs::write("/proc/self/clear_refs", "5").is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_begins_anew_from_what_is_held() {
        if !reset_peak() {
            return;
        }
        // Other tests of this process come and go, by far less than this.
        const HELD: usize = 512 << 20;
        drop(std::hint::black_box(vec![1u8; HELD]));
        let before = peak().unwrap();
        assert!(before >= HELD as u64);
        assert!(reset_peak() && peak().is_some_and(|peak| peak < before));
    }
}
