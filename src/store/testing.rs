//! What the tests of the store share.

use super::record::Record;
use crate::error::Result;

#[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize, Clone, Debug, Default, PartialEq)]
pub(crate) struct Note {
    pub text: String,
    pub weights: Vec<f32>,
}

impl Record for Note {
    const KIND: [u8; 4] = *b"note";
    const VERSION: u16 = 1;
}

#[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize, Debug, PartialEq)]
pub(crate) struct NoteV2 {
    pub text: String,
}

impl Record for NoteV2 {
    const KIND: [u8; 4] = *b"note";
    const VERSION: u16 = 2;

    fn upgrade(_: u16, archive: &[u8]) -> Result<Self> {
        let old = rkyv::from_bytes::<Note, rkyv::rancor::Error>(archive)
            .map_err(|cause| super::record::damaged(&"a note", "its archive is malformed").because(cause))?;
        Ok(NoteV2 { text: old.text })
    }
}

#[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize, Debug, PartialEq)]
pub(crate) struct Other(pub u64);

impl Record for Other {
    const KIND: [u8; 4] = *b"othr";
    const VERSION: u16 = 1;
}
