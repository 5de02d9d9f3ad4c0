//! What a file is, by its bytes.

use image::ImageFormat;

use super::Broken;

/// The format of a file, if it is one of the four that are read.
pub(super) fn of(bytes: &[u8]) -> Result<ImageFormat, Broken> {
    if bytes.is_empty() {
        return Err(Broken::Empty);
    }
    match image::guess_format(bytes) {
        Ok(format @ (ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP | ImageFormat::Gif)) => {
            Ok(format)
        }
        _ => Err(Broken::NoPicture(known(bytes))),
    }
}

/// What else a file in a folder of pictures turns out to be.
fn known(bytes: &[u8]) -> Option<&'static str> {
    const STARTS: [(&[u8], &str); 8] = [
        (b"BM", "image/bmp"),
        (b"II*\0", "image/tiff"),
        (b"MM\0*", "image/tiff"),
        (b"%PDF-", "application/pdf"),
        (b"PK\x03\x04", "application/zip"),
        (b"\x1f\x8b", "application/gzip"),
        (b"\0\0\x01\0", "image/x-icon"),
        (b"8BPS", "image/vnd.adobe.photoshop"),
    ];
    const BRANDS: [(&[u8], &str); 4] = [
        (b"ftypavif", "image/avif"),
        (b"ftypheic", "image/heic"),
        (b"ftypmif1", "image/heif"),
        (b"ftyp", "video/mp4"),
    ];
    const WORDS: [(&str, &str); 5] = [
        ("<!doctype html", "text/html"),
        ("<html", "text/html"),
        ("<svg", "image/svg+xml"),
        ("<?xml", "text/xml"),
        ("{", "application/json"),
    ];
    let starts = STARTS.iter().find(|(start, _)| bytes.starts_with(start));
    let brands =
        || BRANDS.iter().find(|(brand, _)| bytes.get(4..).is_some_and(|rest| rest.starts_with(brand)));
    if let Some((_, kind)) = starts.or_else(brands) {
        return Some(kind);
    }
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]).to_ascii_lowercase();
    let text = text.trim_start_matches('\u{feff}').trim_start();
    // A drawing may stand after a declaration of XML or a comment.
    if text.starts_with('<') && text.contains("<svg") {
        return Some("image/svg+xml");
    }
    WORDS.iter().find(|(word, _)| text.starts_with(word)).map(|(_, kind)| *kind)
}

/// Whether a file goes on to its end, where its decoder would not notice or not say so: that of JPEG fills what is not
/// there with grey, that of WebP speaks of corruption.
pub(super) fn is_whole(bytes: &[u8], format: ImageFormat) -> bool {
    match format {
        ImageFormat::Jpeg => jpeg_is_whole(bytes),
        // "RIFF", and the length of what follows.
        ImageFormat::WebP => match bytes.get(4..).and_then(|rest| rest.first_chunk::<4>()) {
            Some(length) => bytes.len() as u64 >= 8 + u64::from(u32::from_le_bytes(*length)),
            None => false,
        },
        _ => true,
    }
}

/// Whether a JPEG goes on to its end marker (ITU-T T.81, annex B): segments with their lengths, then scans, in which
/// `FF` is followed by `00` or a restart marker.
fn jpeg_is_whole(bytes: &[u8]) -> bool {
    let mut at = 2;
    while let Some(step) = bytes.get(at..).and_then(|rest| rest.iter().position(|&byte| byte == 0xff)) {
        // Between segments, decoders skip what is no marker.
        at += step;
        let Some(&marker) = bytes.get(at + 1) else { return false };
        match marker {
            0xd9 => return true,
            0xff => at += 1,
            0x00 | 0x01 | 0xd0..=0xd8 => at += 2,
            _ => {
                let Some(&[high, low]) = bytes.get(at + 2..at + 4) else { return false };
                at += 2 + usize::from(u16::from_be_bytes([high, low]));
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_picture_is_named() {
        let kind = |bytes: &[u8]| of(bytes).unwrap_err();
        assert_eq!(kind(b""), Broken::Empty);
        assert_eq!(kind(b"\n <!DOCTYPE HTML><title>404"), Broken::NoPicture(Some("text/html")));
        assert_eq!(kind(b"<?xml version='1.0'?><svg/>"), Broken::NoPicture(Some("image/svg+xml")));
        assert_eq!(kind(b"\0\0\0\x20ftypavif\0"), Broken::NoPicture(Some("image/avif")));
        assert_eq!(kind(b"BM1234"), Broken::NoPicture(Some("image/bmp")));
        assert_eq!(kind(b"hello"), Broken::NoPicture(None));
    }

    #[test]
    fn a_jpeg_ends_with_its_marker_and_not_with_that_of_a_thumbnail() {
        // A segment that holds an end marker, a scan with a stuffed byte and a restart, and the end.
        let whole = b"\xff\xd8\xff\xe1\x00\x04\xff\xd9\xff\xda\x00\x02ab\xff\x00\xff\xd3c\xff\xd9";
        assert!(jpeg_is_whole(whole));
        for end in 0..whole.len() {
            assert!(!jpeg_is_whole(&whole[..end]), "{end}");
        }
    }
}
