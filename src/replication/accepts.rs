//! What a member accepts, as it tells the others.

use alloc::vec::Vec;

use super::message::MIN_MESSAGE_BYTES;
use super::{Bounds, WriteError};
use crate::DeltaCrdt;
use crate::causality::VersionVector;
use crate::codec::{DecodeError, Limit, Limits, Reader, Usage, put_varint};
use crate::mutants::{self, Mutant};

/// How much room is left to the others: a sixteenth. They write at the same time, and what each of them has room for
/// must fit together.
const RESERVE: usize = 16;

/// What a member accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Accepts {
    /// The longest message.
    pub(super) message_bytes: usize,
    /// The longest delta, and so the longest value.
    pub(super) bytes: usize,
    /// How much its value may hold.
    pub(super) state: Usage,
}

impl Accepts {
    /// What is accepted by who does not say otherwise.
    fn usual(message_bytes: usize) -> Self {
        Self::new(message_bytes, &Limits::default())
    }

    fn new(message_bytes: usize, limits: &Limits) -> Self {
        let state = Usage::new(limits.writers, limits.events, limits.names);
        Self { message_bytes, bytes: limits.bytes, state }
    }

    pub(super) fn within(bounds: &Bounds) -> Self {
        Self::new(bounds.message_bytes, &bounds.decode)
    }

    /// Whether it must be told, since it is not usual.
    pub(super) fn is_told(&self) -> bool {
        *self != Self::usual(self.message_bytes)
    }

    /// What both accept.
    pub(super) fn least(self, other: Self) -> Self {
        let Usage { writers, events, names, .. } = other.state;
        Self {
            message_bytes: self.message_bytes.min(other.message_bytes),
            bytes: self.bytes.min(other.bytes),
            state: Usage::new(
                self.state.writers.min(writers),
                self.state.events.min(events),
                self.state.names.min(names),
            ),
        }
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, self.message_bytes as u64);
        if self.is_told() {
            let Usage { writers, events, names, .. } = self.state;
            [self.bytes, writers, events, names].iter().for_each(|&limit| put_varint(out, limit as u64));
        }
    }

    pub(super) fn take(reader: &mut Reader<'_>, is_told: bool) -> Result<Self, DecodeError> {
        let mut limit = || Ok::<_, DecodeError>(usize::try_from(reader.varint()?).unwrap_or(usize::MAX));
        let mut accepts = Self::usual(limit()?);
        if accepts.message_bytes < MIN_MESSAGE_BYTES {
            return Err(DecodeError::Malformed("messages have at least 1 KiB"));
        }
        if is_told {
            accepts.bytes = limit()?;
            accepts.state = Usage::new(limit()?, limit()?, limit()?);
            if !accepts.is_told() {
                return Err(DecodeError::Malformed("limits that are told without need"));
            }
        }
        Ok(accepts)
    }

    /// Why a value that was written to, from this version and usage on, is more than all accept, less the reserve. What
    /// does not make it more is no reason.
    pub(super) fn refuses<C: DeltaCrdt>(&self, value: &C, before: &VersionVector, usage: &Usage) -> Option<WriteError> {
        if mutants::on(Mutant::WritesBeyondLimits) {
            return None;
        }
        let less = |limit: usize| limit - limit / RESERVE;
        let after = value.usage();
        let full = Limit::ALL.into_iter().find_map(|limit| {
            let (used, allowed) = (after.of(limit), less(self.state.of(limit)));
            (used > allowed && used > usage.of(limit)).then_some(WriteError::Full { limit, used, allowed })
        });
        full.or_else(|| {
            let allowed = less(self.bytes);
            let largest = value.largest_since(before).filter(|largest| largest.bytes > allowed)?;
            Some(WriteError::TooLarge { largest, allowed })
        })
    }
}
