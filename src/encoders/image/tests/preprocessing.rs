//! From pixels to what a network is shown, beside Pillow, torchvision and transformers.

use proptest::prelude::*;
use serde_json::json;

use super::{Expected, picture};
use crate::encoders::image::Picture;
use crate::encoders::image::prepare::{Preprocessing, Resize};
use crate::encoders::image::resample::{Filter, Span, resample};

fn whole(picture: &Picture, filter: Filter, width: u32, height: u32) -> Vec<u8> {
    let [columns, rows] = [width, height].map(|len| Span { start: 0, len });
    resample(picture, filter, (width, height), columns, rows)
}

#[test]
fn sizes_are_pillows_bit_for_bit() {
    let (expected, picture) = (Expected::open(), picture("colour.png").unwrap());
    let names = expected.names("resized.");
    assert_eq!(names.len(), 16);
    for name in names {
        let filter = if name.starts_with("bilinear") { Filter::Bilinear } else { Filter::Bicubic };
        let (shape, wanted) = expected.bytes(&format!("resized.{name}"));
        assert!(whole(&picture, filter, shape[1] as u32, shape[0] as u32) == wanted, "{name}");
    }
}

#[test]
fn tensors_are_those_of_torchvision_and_transformers() {
    let expected = Expected::open();
    let ways = [
        ("torchvision", Preprocessing::torchvision()),
        ("vit", Preprocessing::vit(224)),
        ("clip", Preprocessing::clip(224)),
    ];
    for (way, preprocessing) in ways {
        let mut most = 0f32;
        let names = expected.names(&format!("prepared.{way}."));
        assert_eq!(names.len(), 6);
        for name in names {
            let wanted = expected.floats(&format!("prepared.{way}.{name}"));
            let file = name.trim_end_matches(".turned");
            let mut picture = picture(file).unwrap();
            if file != name {
                picture = turned(&picture);
            }
            let found = preprocessing.prepare(&picture);
            assert_eq!(found.numbers().len(), 3 * 224 * 224);
            let found = found.numbers().iter().step_by(97);
            assert_eq!(found.len(), wanted.len());
            most = found.zip(&wanted).map(|(a, b)| (a - b).abs()).fold(most, f32::max);
        }
        eprintln!("{way}: {most:e}");
        assert!(most <= 1e-5, "{way} differs by {most}");
    }
}

/// A quarter turn to the left.
fn turned(picture: &Picture) -> Picture {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let rgb = (0..width)
        .rev()
        .flat_map(|x| (0..height).flat_map(move |y| (0..3).map(move |c| 3 * (y * width + x) + c)));
    Picture::new(height as u32, width as u32, rgb.map(|at| picture.rgb()[at]).collect()).unwrap()
}

#[test]
fn a_strip_of_a_picture_costs_no_more_than_what_is_kept_of_it() {
    // Brought to 256 pixels a side, the other would have 8 million.
    let strip = Picture::new(2, 65_535, vec![200; 2 * 3 * 65_535]).unwrap();
    for preprocessing in [Preprocessing::torchvision(), Preprocessing::vit(224), Preprocessing::clip(224)] {
        let prepared = preprocessing.prepare(&strip);
        assert_eq!(prepared.numbers().len(), 3 * 224 * 224);
        let first = prepared.numbers()[0];
        assert!(prepared.numbers()[..224 * 224].iter().all(|x| *x == first));
    }
}

#[test]
fn settings_of_a_folder_are_followed_or_refused() {
    let said = |value: serde_json::Value| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("preprocessor_config.json"), value.to_string()).unwrap();
        Preprocessing::clip(224).of_folder(folder.path()).map_err(|error| error.code())
    };
    use crate::error::Code;
    let usual = Preprocessing::clip(224);
    assert_eq!(said(json!({})), Ok(usual.clone()));
    assert_eq!(said(json!({"size": 224, "crop_size": 224, "resample": 3})), Ok(usual.clone()));
    let exact =
        said(json!({"size": {"height": 96, "width": 64}, "do_center_crop": false, "resample": 2})).unwrap();
    assert_eq!((exact.resize, exact.crop, exact.size()), (Resize::Exact(64, 96), None, (64, 96)));
    let plain = said(json!({"do_normalize": false, "do_rescale": false})).unwrap();
    assert_eq!((plain.mean, plain.std, plain.scale), ([0.0; 3], [1.0; 3], 1.0));
    assert_eq!(said(json!({"resample": 1})), Err(Code::Unsupported));
    assert_eq!(said(json!({"do_resize": false})), Err(Code::Unsupported));
    for wrong in [
        json!({"size": {"shortest_edge": 100_000}}),
        json!({"size": 0}),
        json!({"size": "large"}),
        json!({"size": -3}),
        json!({"crop_size": 500}),
        json!({"do_center_crop": false}),
        json!({"image_std": [0.0, 1.0, 1.0]}),
        json!({"rescale_factor": 1e300, "image_std": [1e-300, 1.0, 1.0]}),
    ] {
        assert_eq!(said(wrong.clone()), Err(Code::BadValue), "{wrong}");
    }
    assert_eq!(said(json!({"image_mean": "grey"})), Err(Code::BadFile));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// A part of the result is that part of the whole, and one colour stays what it is.
    #[test]
    fn parts_are_parts_of_the_whole(
        (width, height, to_width, to_height) in (1u32..40, 1u32..40, 1u32..40, 1u32..40),
        (x, y, w, h) in (0u32..40, 0u32..40, 1u32..40, 1u32..40),
        cubic in any::<bool>(),
        bytes in prop::collection::vec(any::<u8>(), 3 * 40 * 40),
        colour in any::<[u8; 3]>(),
    ) {
        let filter = if cubic { Filter::Bicubic } else { Filter::Bilinear };
        let picture = Picture::new(width, height, bytes[..(3 * width * height) as usize].to_vec()).unwrap();
        let all = whole(&picture, filter, to_width, to_height);
        let (x, y) = (x % to_width, y % to_height);
        let (w, h) = (w.min(to_width - x), h.min(to_height - y));
        let part = resample(&picture, filter, (to_width, to_height), Span { start: x, len: w }, Span { start: y, len: h });
        for (row, part) in part.chunks((3 * w) as usize).enumerate() {
            let start = 3 * ((y as usize + row) * to_width as usize + x as usize);
            prop_assert_eq!(part, &all[start..start + part.len()]);
        }
        let flat = Picture::new(width, height, colour.repeat((width * height) as usize)).unwrap();
        prop_assert!(whole(&flat, filter, to_width, to_height).chunks(3).all(|pixel| pixel == colour));
    }
}
