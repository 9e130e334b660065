use alloc::vec::Vec;

use uuid::Uuid;

use super::envelope::{self, Content};
use super::wire::{Reader, put_varint};
use super::{DecodeError, Limits};
use crate::causality::WriterRecord;

impl WriterRecord {
    /// Writes the record down.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        envelope::seal(&mut out, Content::Writer, 0, |_| {}, |out| self.put(out));
        out
    }

    /// Reads a record back. The schema of the limits does not matter here.
    ///
    /// # Errors
    /// [`DecodeError`] for whatever [`encode`](WriterRecord::encode) does not write.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, DecodeError> {
        let limits = limits.clone().with_schema(0);
        let mut reader = envelope::open(bytes, Content::Writer, &limits, |_| {})?;
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
        let uuid: [u8; 16] = reader.take(16)?.try_into().map_err(|_| DecodeError::Truncated)?;
        let closed = u32::try_from(reader.varint()?).map_err(|_| DecodeError::Malformed("a branch has 32 bits"))?;
        let open = reader.varint()?;
        let mut last = Vec::new();
        for _ in 0..open {
            last.push(reader.varint()?);
        }
        Self::checked(Uuid::from_bytes(uuid), closed, last).map_err(DecodeError::Malformed)
    }
}
