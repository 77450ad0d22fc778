//! Any bytes as a JSON string: each byte is the character of its number, so that what is text
//! stays readable and nothing is lost.

use serde::{Deserialize, Deserializer, Serializer};

/// Writes bytes.
pub(crate) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
    let text: String = bytes.iter().map(|&byte| char::from(byte)).collect();
    to.serialize_str(&text)
}

/// Reads them back.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(from)?;
    text.chars()
        .map(|one| u8::try_from(u32::from(one)).map_err(|_| serde::de::Error::custom("no byte")))
        .collect()
}

/// The same for pairs of bytes: fields of an answer.
pub(crate) mod pairs {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct One(#[serde(with = "super")] Vec<u8>, #[serde(with = "super")] Vec<u8>);

    type Pair = (Vec<u8>, Vec<u8>);

    pub(crate) fn serialize<S: Serializer>(pairs: &[Pair], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(pairs.iter().map(|(name, value)| One(name.clone(), value.clone())))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Pair>, D::Error> {
        let pairs = Vec::<One>::deserialize(from)?;
        Ok(pairs.into_iter().map(|One(name, value)| (name, value)).collect())
    }
}
