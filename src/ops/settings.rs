//! Settings of a session, and what `SET` does to them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rayon::ThreadPool;

use super::reach::Reach;
use super::spec::amounts::{duration_text, size_text};
use super::spec::{Request, Setting};
use crate::error::{Code, Error, Result};
use crate::limits::Limits;
use crate::resident;

/// Where training runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Device {
    /// The processor.
    Cpu,
    /// An NVIDIA GPU by number.
    Cuda(usize),
}

impl Device {
    /// Reads `cpu`, `cuda`, `cuda:1` or `auto` and makes sure that the device is there.
    pub fn resolve(text: &str) -> Result<Device> {
        let lower = text.to_lowercase();
        let number = match lower.as_str() {
            "cpu" => return Ok(Device::Cpu),
            "auto" => return Ok(Device::open_cuda(0).map_or(Device::Cpu, |_| Device::Cuda(0))),
            "cuda" => Some(0),
            other => other.strip_prefix("cuda:").and_then(|number| number.parse().ok()),
        };
        let Some(number) = number else {
            return Err(Error::new(Code::OutOfRange, format!("there is no device `{text}`"))
                .help("devices are 'cpu', 'cuda:0' (or another number) and 'auto'"));
        };
        Device::open_cuda(number).map(|_| Device::Cuda(number))
    }

    /// What to tell of the device that `text` stood for; nothing where the text itself says it.
    pub(crate) fn choice(self, text: &str) -> Option<String> {
        let why = if cfg!(feature = "cuda") { "no GPU can be opened" } else { "this build has no CUDA" };
        text.eq_ignore_ascii_case("auto").then(|| match self {
            Device::Cpu => format!("device='auto' chose cpu: {why}"),
            Device::Cuda(_) => format!("device='auto' chose {self}"),
        })
    }

    /// The device as candle has it. Fails with [`Code::Unsupported`] if it cannot be opened.
    pub(crate) fn open(self) -> Result<candle_core::Device> {
        match self {
            Device::Cpu => Ok(candle_core::Device::Cpu),
            Device::Cuda(number) => Device::open_cuda(number),
        }
    }

    #[cfg(feature = "cuda")]
    fn open_cuda(number: usize) -> Result<candle_core::Device> {
        candle_core::Device::new_cuda(number).map_err(|cause| {
            Error::new(Code::Unsupported, format!("the GPU cuda:{number} cannot be opened"))
                .help("check nvidia-smi, or SET device='cpu'")
                .because(cause)
        })
    }

    #[cfg(not(feature = "cuda"))]
    fn open_cuda(number: usize) -> Result<candle_core::Device> {
        Err(Error::new(Code::Unsupported, format!("cuda:{number} was asked for, but this build has no CUDA"))
            .help("build with `--features cuda` on a machine with a GPU, or SET device='cpu'"))
    }
}

impl std::fmt::Display for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Device::Cpu => f.write_str("cpu"),
            Device::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

/// Settings of a session.
#[derive(Clone)]
pub struct Settings {
    /// Random seed of statements that name none.
    pub seed: u64,
    /// Where training runs.
    pub device: Device,
    /// Worker threads; 0 stands for one per core.
    pub threads: usize,
    /// Who edits and judges; empty for nobody in particular.
    pub author: String,
    /// Bytes that the process may hold while a statement runs.
    pub memory: Option<u64>,
    /// How long a statement may take.
    pub timeout: Option<Duration>,
    /// Which files may be named; `None` for all. No statement changes it.
    pub reach: Option<Reach>,
    pool: Option<Arc<ThreadPool>>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            seed: 42,
            device: Device::Cpu,
            threads: 0,
            author: String::new(),
            memory: None,
            timeout: None,
            reach: None,
            pool: None,
        }
    }
}

impl Settings {
    /// Applies a `SET`.
    pub fn set(&mut self, setting: &Setting) -> Result<()> {
        match setting {
            Setting::Seed(seed) => self.seed = *seed,
            Setting::Author(author) => self.author = author.clone(),
            Setting::Memory(Some(_)) if resident::held().is_none() => {
                return Err(Error::new(
                    Code::Unsupported,
                    "this system does not tell how much memory is held",
                )
                .help("limit the process from outside, by a control group or ulimit"));
            }
            Setting::Memory(memory) => self.memory = *memory,
            Setting::Timeout(timeout) => self.timeout = *timeout,
            Setting::Device(text) => self.device = Device::resolve(text)?,
            Setting::Threads(threads) => {
                self.pool = match threads {
                    0 => None,
                    &threads => Some(Arc::new(pool(threads)?)),
                };
                self.threads = *threads;
            }
        }
        Ok(())
    }

    /// Fails for a request that names files out of reach.
    pub(crate) fn check_reach(&self, request: &Request) -> Result<()> {
        self.reach.as_ref().map_or(Ok(()), |reach| reach.check(request))
    }

    /// The limits of a statement that begins now.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            until: self.timeout.and_then(|limit| Instant::now().checked_add(limit)),
            memory: self.memory,
        }
    }

    /// Runs `work` on the session's threads.
    pub(crate) fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match &self.pool {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }
}

impl std::fmt::Display for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "seed={} device='{}' threads={}", self.seed, self.device, self.threads)?;
        if self.memory.is_some() {
            write!(f, " memory='{}'", size_text(self.memory))?;
        }
        if self.timeout.is_some() {
            write!(f, " timeout='{}'", duration_text(self.timeout))?;
        }
        match self.author.as_str() {
            "" => Ok(()),
            author => write!(f, " author='{}'", author.replace('\'', "''")),
        }
    }
}

fn pool(threads: usize) -> Result<ThreadPool> {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(|cause| {
        Error::new(Code::Limit, format!("{threads} worker threads could not be started"))
            .help("ask for fewer; 0 takes one per core")
            .because(cause)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_is_not_there_is_refused() {
        assert_eq!(Device::resolve("CPU").unwrap(), Device::Cpu);
        assert_eq!(Device::resolve("gpu").unwrap_err().code(), Code::OutOfRange);
        if cfg!(not(feature = "cuda")) {
            assert_eq!(Device::resolve("cuda:0").unwrap_err().code(), Code::Unsupported);
            assert_eq!(Device::resolve("auto").unwrap(), Device::Cpu);
        }
    }
}
