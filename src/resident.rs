//! The most memory that the process had resident.

/// In bytes since the start, or since [`reset_peak`]; `None` where the system does not tell.
pub(crate) fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
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
    fn a_peak_is_told_and_begins_anew() {
        let (Some(before), true) = (peak(), reset_peak()) else { return };
        // Other tests of this process may allocate at any time: a peak is what can be said of it.
        assert!(before > 0 && peak().is_some_and(|peak| peak > 0));
    }
}
