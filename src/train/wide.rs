//! The same numbers from wider registers.

/// Runs `work`, compiled for 256-bit registers where the processor has them.
///
/// The compiler neither fuses nor reorders floating-point operations for it, so the results are the
/// same bits either way. It reaches what is inlined into `work`: hand it innermost loops.
#[inline(always)]
pub(crate) fn wide<R>(work: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2")]
        fn run<R>(work: impl FnOnce() -> R) -> R {
            work()
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor was just asked.
            return unsafe { run(work) };
        }
    }
    work()
}
