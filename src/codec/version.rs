use alloc::vec::Vec;

use uuid::Uuid;

use super::body::Ranks;
use super::envelope::{self, Content};
use super::wire::{Reader, put_varint};
use super::{DecodeError, Limits};
use crate::causality::{MAX_COUNTER, MAX_WRITERS, ReplicaId, VersionVector};

/// Writes the table of the writers for whom `written` holds, and gives their ranks by slot.
///
/// Ids are sorted; those of one UUID share it: UUID, number of branches, first branch, differences.
pub(super) fn put_writers(version: &VersionVector, written: impl Fn(u32) -> bool, out: &mut Vec<u8>) -> Ranks {
    let ranks = Ranks::new(version, written);
    let groups = ranks.slots.chunk_by(|&a, &b| version.uuid_bytes(a) == version.uuid_bytes(b));
    put_varint(out, groups.clone().count() as u64);
    for group in groups {
        out.extend_from_slice(version.uuid_bytes(group[0]));
        put_varint(out, group.len() as u64 - 1);
        let mut next = 0;
        for &slot in group {
            put_varint(out, u64::from(version.branch(slot)) - next);
            next = u64::from(version.branch(slot)) + 1;
        }
    }
    ranks
}

/// Reads a table of writers into the slots 0, 1, …
pub(super) fn take_writers(reader: &mut Reader<'_>, limits: &Limits) -> Result<VersionVector, DecodeError> {
    let mut version = VersionVector::new();
    let mut last: Option<Uuid> = None;
    for _ in 0..reader.varint()? {
        let uuid = reader.uuid()?;
        if last.is_some_and(|last| last >= uuid) {
            return Err(DecodeError::Malformed("writers are not in order"));
        }
        last = Some(uuid);
        let branches = reader.varint()?;
        let mut next = 0u64;
        for at in 0u64.. {
            let branch = next.checked_add(reader.varint()?).and_then(|branch| u32::try_from(branch).ok());
            let branch = branch.ok_or(DecodeError::Malformed("a branch has 32 bits"))?;
            if version.slots() >= limits.writers.min(MAX_WRITERS) {
                return Err(DecodeError::TooLarge("writers"));
            }
            version.intern(&ReplicaId::new(uuid, branch));
            next = u64::from(branch) + 1;
            if at == branches {
                break;
            }
        }
    }
    Ok(version)
}

/// Reads one counter per writer, each between `least` and what `most` says.
pub(super) fn take_counters(
    reader: &mut Reader<'_>,
    writers: usize,
    least: u64,
    most: impl Fn(u32) -> u64,
) -> Result<Vec<u64>, DecodeError> {
    let mut counters = Vec::new();
    for slot in 0..writers as u32 {
        let counter = reader.varint()?;
        if counter < least || counter > most(slot) {
            return Err(DecodeError::Malformed("a counter is out of range"));
        }
        counters.push(counter);
    }
    Ok(counters)
}

impl VersionVector {
    /// Writes the version vector down: the smallest digest that says what one has seen.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        envelope::seal_plain(Content::Version, |out| _ = self.put(out))
    }

    /// Reads a version vector back. The schema of the limits does not matter here.
    ///
    /// # Errors
    /// [`DecodeError`] for whatever [`encode`](VersionVector::encode) does not write.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, DecodeError> {
        let mut reader = envelope::open_plain(bytes, Content::Version, limits.bytes)?;
        let version = Self::take(&mut reader, limits)?;
        reader.end()?;
        Ok(version)
    }

    /// Reads what [`put`](VersionVector::put) wrote.
    pub(crate) fn take(reader: &mut Reader<'_>, limits: &Limits) -> Result<Self, DecodeError> {
        let writers = take_writers(reader, limits)?;
        let counters = take_counters(reader, writers.slots(), 1, |_| MAX_COUNTER)?;
        Ok(writers.with_counters(counters))
    }

    /// The table and the counters, without an envelope. Gives the ranks of the writers.
    pub(crate) fn put(&self, out: &mut Vec<u8>) -> Ranks {
        let ranks = put_writers(self, |slot| self.at(slot) > 0, out);
        for &slot in &ranks.slots {
            put_varint(out, self.at(slot));
        }
        ranks
    }
}
