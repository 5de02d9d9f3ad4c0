//! Files as pictures: beside Pillow, and those that are none.

use proptest::prelude::*;

use super::{Expected, folder, picture};
use crate::encoders::image::{Broken, Limits, MOST_BYTES, Picture};

/// The greatest difference from Pillow in one byte, by file.
fn difference(expected: &Expected, name: &str) -> u8 {
    let (shape, wanted) = expected.bytes(&format!("decoded.{name}"));
    let found = picture(name).unwrap_or_else(|broken| panic!("{name} {broken}"));
    assert_eq!([found.height() as usize, found.width() as usize, 3], shape[..], "{name}");
    found.rgb().iter().zip(&wanted).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

#[test]
fn pictures_are_what_pillow_makes_of_them() {
    let expected = Expected::open();
    let names = expected.names("decoded.");
    assert!(names.len() >= 17, "{names:?}");
    for name in names {
        let most = difference(&expected, &name);
        eprintln!("{name}: {most}");
        // Decoders of what was stored with losses round in their own ways.
        let allowed = match name.as_str() {
            "cmyk.jpg" => 8,
            name if name.ends_with(".jpg") || name == "lossy.webp" => 4,
            _ => 0,
        };
        assert!(most <= allowed, "{name} differs by {most}");
    }
}

#[test]
fn of_sixteen_bits_the_high_ones_are_taken() {
    let grey = picture("grey16.png").unwrap();
    let wanted: Vec<u8> = (0..30 * 40u32).flat_map(|i| [((i * 54) as u16 >> 8) as u8; 3]).collect();
    assert_eq!(grey.rgb(), wanted);
}

#[test]
fn what_is_no_picture_says_why() {
    let why = |name: &str| picture(name).unwrap_err();
    for name in ["cut_short.jpg", "cut_short.png", "cut_short.webp", "cut_short.gif"] {
        assert_eq!(why(name), Broken::CutShort, "{name}");
    }
    assert_eq!(why("page.jpg"), Broken::NoPicture(Some("text/html")));
    assert_eq!(why("drawing.png"), Broken::NoPicture(Some("image/svg+xml")));
    assert_eq!(why("empty.jpg"), Broken::Empty);
    assert!(matches!(why("damaged.png"), Broken::Damaged(_)), "{}", why("damaged.png"));
    let bomb = why("bomb.png");
    assert!(matches!(bomb, Broken::TooLarge { width: 60_000, height: 60_000, .. }), "{bomb}");
    assert_eq!(
        bomb.to_string(),
        "claims 60000 x 60000 pixels, more than the 89 million allowed (no side above 65535)"
    );
    let long = vec![0; MOST_BYTES as usize + 1];
    assert!(matches!(Picture::decode(&long, Limits::default()), Err(Broken::TooLong(_))));
    let few = Limits { pixels: 100, side: 1000 };
    let bytes = std::fs::read(folder().join("pictures/colour.png")).unwrap();
    assert!(matches!(Picture::decode(&bytes, few), Err(Broken::TooLarge { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever happens to a file, it is a picture or has a reason.
    #[test]
    fn damage_is_never_a_crash(
        which in 0usize..8,
        cut in 0.0f64..1.0,
        whole in any::<bool>(),
        flips in prop::collection::vec((0.0f64..1.0, any::<u8>()), 0..6),
    ) {
        let names = [
            "colour.jpg", "progressive.jpg", "colour.png", "palette.png",
            "lossless.webp", "lossy.webp", "animated.gif", "cmyk.jpg",
        ];
        let mut bytes = std::fs::read(folder().join("pictures").join(names[which])).unwrap();
        let length = bytes.len();
        flips.iter().for_each(|(at, byte)| bytes[(at * length as f64) as usize] = *byte);
        if !whole {
            bytes.truncate((cut * length as f64) as usize);
        }
        let limits = Limits { pixels: 1 << 20, side: 4096 };
        match Picture::decode(&bytes, limits) {
            Ok(picture) => prop_assert_eq!(picture.rgb().len() as u32, 3 * picture.width() * picture.height()),
            Err(broken) => prop_assert!(!broken.to_string().is_empty()),
        }
    }
}
