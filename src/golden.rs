//! Goldens of the reference systems, for tests.

use crate::shared::data_dir;

/// A file of goldens.
pub(crate) struct Golden(Vec<u8>);

impl Golden {
    pub(crate) fn open(name: &str) -> Option<Golden> {
        let path = data_dir()?.parent()?.join("golden").join(format!("{name}.safetensors"));
        match std::fs::read(&path) {
            Ok(bytes) => Some(Golden(bytes)),
            Err(_) => {
                eprintln!("skipped: no golden at {}", path.display());
                None
            }
        }
    }

    fn bytes(&self, tensor: &str) -> Vec<u8> {
        let file = safetensors::SafeTensors::deserialize(&self.0).unwrap();
        file.tensor(tensor).unwrap().data().to_vec()
    }

    pub(crate) fn floats(&self, tensor: &str) -> Vec<f32> {
        let bytes = self.bytes(tensor);
        bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
    }

    pub(crate) fn ints(&self, tensor: &str) -> Vec<u32> {
        let bytes = self.bytes(tensor);
        bytes.as_chunks::<8>().0.iter().map(|b| i64::from_le_bytes(*b) as u32).collect()
    }

    /// Pairs of ids; right ids less `offset`.
    pub(crate) fn pairs(&self, tensor: &str, offset: u32) -> Vec<(u32, u32)> {
        self.ints(tensor).as_chunks::<2>().0.iter().map(|&[a, b]| (a, b - offset)).collect()
    }
}
