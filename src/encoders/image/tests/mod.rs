//! What `tests/encoders/pictures.py` stored, and ours beside it.

mod networks;
mod pictures;
mod preprocessing;

use std::path::PathBuf;

use safetensors::SafeTensors;

use super::{Broken, Limits, Picture};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/encoders")
}

/// A picture of the fixtures.
fn picture(name: &str) -> Result<Picture, Broken> {
    let path = folder().join("pictures").join(name);
    Picture::decode(&std::fs::read(path).unwrap(), Limits::default())
}

/// What the reference made.
struct Expected(Vec<u8>);

impl Expected {
    fn open() -> Self {
        Expected(std::fs::read(folder().join("expected.safetensors")).unwrap())
    }

    fn bytes(&self, name: &str) -> (Vec<usize>, Vec<u8>) {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let tensor = file.tensor(name).unwrap();
        (tensor.shape().to_vec(), tensor.data().to_vec())
    }

    fn floats(&self, name: &str) -> Vec<f32> {
        let (_, bytes) = self.bytes(name);
        bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }

    fn names(&self, start: &str) -> Vec<String> {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let mut names: Vec<String> =
            file.names().iter().filter_map(|name| name.strip_prefix(start)).map(Into::into).collect();
        names.sort_unstable();
        names
    }
}
