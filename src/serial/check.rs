use alloc::vec::Vec;
use core::fmt;

use serde::de::DeserializeSeed;

use super::budget::Unfit;

/// A key or a value that cannot be written, or would not be read back as what it is. Nothing was written.
///
/// Types whose form depends on a format that describes itself do this: `serde(untagged)`, `serde(flatten)`,
/// `serde(skip_serializing_if)`, `serde(tag)`, `serde_json::Value`; so do fields that are skipped but compared, most hash maps, and a `Serialize` that fails.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unreadable {
    /// The type that cannot be read back.
    pub type_name: &'static str,
    /// Whether it is a key. Else it is the value of an event.
    pub is_key: bool,
    /// The key in bytes, as far as it can be written: in the postcard format.
    pub key: Vec<u8>,
    /// Why.
    pub reason: Unfit,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.is_key { "a key" } else { "the value" };
        write!(f, "{what} of type {} cannot be read back: {}; the key is \"", self.type_name, self.reason)?;
        write!(f, "{}\"", self.key.escape_ascii())
    }
}

impl core::error::Error for Unreadable {}

/// Reads back what was written, and makes sure that it is the same and is written in the same bytes.
pub(crate) fn read_back<T, D>(
    bytes: &[u8],
    seed: D,
    written: impl FnOnce(&T, &mut Vec<u8>) -> Result<(), Unfit>,
    is_same: impl FnOnce(T) -> bool,
) -> Result<(), Unfit>
where
    D: for<'de> DeserializeSeed<'de, Value = T>,
{
    let (back, len) = super::read(seed, bytes)?;
    let mut again = Vec::with_capacity(len);
    written(&back, &mut again)?;
    if len == bytes.len() && again == bytes && is_same(back) { Ok(()) } else { Err(Unfit::Changed) }
}
