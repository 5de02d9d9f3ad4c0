//! What the benches share: arguments, data, and the peak of resident memory.

use seedbed::Rng;

#[allow(dead_code)]
pub mod dbp15k;

/// Numbers given on the command line, else the defaults (what cargo passes, such as `--bench`, is left out).
#[allow(dead_code)]
pub fn arguments<const N: usize>(mut defaults: [usize; N]) -> [usize; N] {
    let given = std::env::args().skip(1).filter_map(|argument| argument.parse().ok());
    defaults.iter_mut().zip(given).for_each(|(value, given)| *value = given);
    defaults
}

/// Standard normal numbers.
#[allow(dead_code)]
pub fn normals(seed: u64, count: usize) -> Vec<f32> {
    let mut rng = Rng::new(seed);
    (0..count).map(|_| rng.normal() as f32).collect()
}

/// Peak resident memory of this process so far, in MiB; 0 where the system does not tell.
#[allow(dead_code)]
pub fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}

/// Prints the best time of three with the rate of so many operations (in 10⁹).
#[allow(dead_code)]
pub fn part(name: &str, gflop: f64, mut work: impl FnMut() -> seedbed::Result<()>) {
    let mut best = f64::MAX;
    for _ in 0..3 {
        let begun = std::time::Instant::now();
        work().expect("a part");
        best = best.min(begun.elapsed().as_secs_f64());
    }
    println!("part {best:.3} s {:>4.0} GFLOP/s  {name}", gflop / best);
}
