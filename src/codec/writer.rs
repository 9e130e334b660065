use alloc::vec::Vec;

use super::envelope::{self, Content};
use super::wire::{Reader, put_varint};
use super::{DecodeError, Limits};
use crate::causality::WriterRecord;

impl WriterRecord {
    /// Writes the record down.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        envelope::seal_plain(Content::Writer, |out| self.put(out))
    }

    /// Reads a record back. The schema of the limits does not matter here.
    ///
    /// # Errors
    /// [`DecodeError`] for whatever [`encode`](WriterRecord::encode) does not write.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, DecodeError> {
        let mut reader = envelope::open_plain(bytes, Content::Writer, limits.bytes)?;
        let record = Self::take(&mut reader)?;
        reader.end()?;
        Ok(record)
    }

    /// The record without an envelope.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.uuid.as_bytes());
        put_varint(out, u64::from(self.closed));
        put_varint(out, self.last.len() as u64);
        self.last.iter().for_each(|&last| put_varint(out, last));
    }

    pub(crate) fn take(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (uuid, closed) = (reader.uuid()?, reader.branch()?);
        let open = reader.varint()?;
        let mut last = Vec::new();
        for _ in 0..open {
            last.push(reader.varint()?);
        }
        Self::checked(uuid, closed, last).map_err(DecodeError::Malformed)
    }
}
