//! Pictures, and the weights of networks.

use super::{Scratch, head, judge_file};
use crate::encoders::Weights;
use crate::encoders::image::{Limits, Picture, PictureEncoder};
use crate::task::Task;

/// Pixels that one input may claim, so that many are run in a second.
const LIMITS: Limits = Limits { pixels: 1 << 20, side: 8192 };

/// A picture, or weights after the byte `w`: both are what they claim to be, or refused with a reason.
pub fn encoders(bytes: &[u8]) {
    let ([kind], content) = head(bytes);
    if kind != b'w' {
        return picture(bytes);
    }
    let scratch = Scratch::new();
    let path = scratch.file("weights.safetensors", content);
    if let Err(error) = Weights::open(&path, &candle_core::Device::Cpu, &Task::quiet()) {
        judge_file(&error);
    }
}

fn picture(bytes: &[u8]) {
    match Picture::decode(bytes, LIMITS) {
        Ok(picture) => {
            let (width, height) = (u64::from(picture.width()), u64::from(picture.height()));
            assert!(width * height <= LIMITS.pixels && picture.rgb().len() as u64 == 3 * width * height);
            let vector = PictureEncoder::pixels().prepare(&picture);
            assert!(vector.numbers().iter().all(|x| x.is_finite()));
        }
        Err(broken) => assert!(!broken.to_string().is_empty()),
    }
}
