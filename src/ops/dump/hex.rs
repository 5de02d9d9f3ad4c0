//! Digests in JSON: hexadecimal digits, wherever an entry has them.

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::Result;
use crate::store::Digest;

/// Digests in some arrangement, and the same arrangement of texts.
pub(crate) trait Hex: Sized {
    type Text: Serialize + DeserializeOwned;

    fn text(&self) -> Self::Text;

    fn read(text: Self::Text) -> Result<Self>;
}

impl Hex for [u8; 32] {
    type Text = String;

    fn text(&self) -> String {
        Digest(*self).to_string()
    }

    fn read(text: String) -> Result<Self> {
        Ok(text.parse::<Digest>()?.0)
    }
}

impl Hex for [[u8; 32]; 2] {
    type Text = [String; 2];

    fn text(&self) -> Self::Text {
        self.each_ref().map(Hex::text)
    }

    fn read([left, right]: Self::Text) -> Result<Self> {
        Ok([Hex::read(left)?, Hex::read(right)?])
    }
}

impl Hex for Vec<(String, [u8; 32])> {
    type Text = Vec<(String, String)>;

    fn text(&self) -> Self::Text {
        self.iter().map(|(name, digest)| (name.clone(), digest.text())).collect()
    }

    fn read(text: Self::Text) -> Result<Self> {
        text.into_iter().map(|(name, digest)| Ok((name, Hex::read(digest)?))).collect()
    }
}

pub(crate) fn serialize<T: Hex, S: Serializer>(digests: &T, to: S) -> Result<S::Ok, S::Error> {
    digests.text().serialize(to)
}

pub(crate) fn deserialize<'de, T: Hex, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    T::read(T::Text::deserialize(from)?).map_err(D::Error::custom)
}
