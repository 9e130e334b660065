use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::DecodeError;
use crate::causality::{Dot, MAX_WRITERS, Timestamp};
use crate::kernel::ApplyError;

/// What is accepted from outside: how large one message may be, and how much a state may hold.
///
/// Decoders refuse what goes beyond. So do [`apply_within`](crate::Causal::apply_within) and
/// [`try_merge_within`](crate::Causal::try_merge_within), counted on the state as it would be afterwards; whatever they let
/// a state become is decoded under the same limits. [`merge`](crate::Crdt::merge), which cannot fail, knows no limits but
/// the kernel's own: use it for what is your own.
///
/// What a program has stored itself is read back whatever the limits are ([`Journal`](crate::Journal)).
///
/// Memory is never reserved for what a length claims, only for what the
/// bytes hold; these limits bound the bytes and what they may name. Dense sets of dots are a bit or
/// two each in bytes and 16 to 60 bytes each in memory, so that [`events`](Limits::events) is the
/// bound that matters for memory.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The length of one input, in bytes: a message, a delta, a state that arrives.
    pub bytes: usize,
    /// How many writers a state may name.
    pub writers: usize,
    /// How many events it may hold, in all of its parts, removals that are not forgotten yet included; and how many runs
    /// of live ones a delta.
    pub events: usize,
    /// How many names a store may hold.
    pub names: usize,
    /// The application schema that is expected: what your keys and values look like.
    pub schema: u32,
}

impl Default for Limits {
    /// 256 MiB, 65,536 writers, 2²⁴ events, 2²⁰ names, schema 0.
    fn default() -> Self {
        Self { bytes: 256 << 20, writers: 1 << 16, events: 1 << 24, names: 1 << 20, schema: 0 }
    }
}

impl Limits {
    /// No limits but the kernel's own: for what this program has stored itself.
    #[must_use]
    pub const fn unlimited() -> Self {
        Self { bytes: usize::MAX, writers: MAX_WRITERS, events: usize::MAX, names: usize::MAX, schema: 0 }
    }

    /// The same limits for data of another application schema.
    #[must_use]
    pub fn with_schema(mut self, schema: u32) -> Self {
        self.schema = schema;
        self
    }

    /// The same limits with another bound on the input's length.
    #[must_use]
    pub fn with_bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// The same limits with another bound on the number of writers.
    #[must_use]
    pub fn with_writers(mut self, writers: usize) -> Self {
        self.writers = writers;
        self
    }

    /// The same limits with another bound on the number of events.
    #[must_use]
    pub fn with_events(mut self, events: usize) -> Self {
        self.events = events;
        self
    }

    /// The same limits with another bound on the number of names.
    #[must_use]
    pub fn with_names(mut self, names: usize) -> Self {
        self.names = names;
        self
    }

    /// How much there may be of something.
    #[must_use]
    pub const fn of(&self, limit: Limit) -> usize {
        match limit {
            Limit::Writers => self.writers,
            Limit::Events => self.events,
            Limit::Names => self.names,
        }
    }
}

/// What there can be too much of in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// [`Limits::writers`].
    Writers,
    /// [`Limits::events`].
    Events,
    /// [`Limits::names`].
    Names,
}

impl Limit {
    pub(crate) const ALL: [Self; 3] = [Self::Writers, Self::Events, Self::Names];

    const fn word(self) -> &'static str {
        match self {
            Self::Writers => "writers",
            Self::Events => "events",
            Self::Names => "names",
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl From<Limit> for ApplyError {
    fn from(limit: Limit) -> Self {
        Self::OverLimit(limit)
    }
}

impl From<Limit> for DecodeError {
    fn from(limit: Limit) -> Self {
        Self::TooLarge(limit.word())
    }
}

impl Limits {
    /// The same for a value that holds more than they allow, because it was stored before they were lowered: it may not
    /// hold more than it does.
    pub(crate) fn raised_to(&self, usage: &Usage) -> Self {
        let [writers, events, names] = Limit::ALL.map(|limit| self.of(limit).max(usage.of(limit)));
        self.clone().with_writers(writers).with_events(events).with_names(names)
    }
}

/// The largest of some values.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Largest {
    /// The name of the value, in a store.
    pub name: Option<Arc<str>>,
    /// The key in bytes: in the postcard format.
    pub key: Vec<u8>,
    /// How many bytes key and value have.
    pub bytes: usize,
}

impl Largest {
    pub(crate) const fn new(name: Option<Arc<str>>, key: Vec<u8>, bytes: usize) -> Self {
        Self { name, key, bytes }
    }
}

impl fmt::Display for Largest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value")?;
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        // Of a long key the beginning says which it is.
        let shown = &self.key[..self.key.len().min(64)];
        write!(f, " at \"{}\" has {} bytes", shown.escape_ascii(), self.bytes)
    }
}

/// The write with the latest stamp of some.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LatestStamp {
    /// The event: who wrote it.
    pub dot: Dot,
    /// Its stamp.
    pub at: Timestamp,
    /// The name of the value, in a store.
    pub name: Option<Arc<str>>,
    /// The key in bytes: in the postcard format.
    pub key: Vec<u8>,
}

/// How much a state holds of what [`Limits`] count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Usage {
    /// The writers that it names.
    pub writers: usize,
    /// The events that it holds, removals that are not forgotten yet included.
    pub events: usize,
    /// The names of a store.
    pub names: usize,
}

impl Usage {
    /// So much of each.
    #[must_use]
    pub const fn new(writers: usize, events: usize, names: usize) -> Self {
        Self { writers, events, names }
    }

    /// How much there is of something.
    #[must_use]
    pub const fn of(&self, limit: Limit) -> usize {
        match limit {
            Limit::Writers => self.writers,
            Limit::Events => self.events,
            Limit::Names => self.names,
        }
    }

    /// The first limit that it goes beyond.
    #[must_use]
    pub fn beyond(&self, limits: &Limits) -> Option<Limit> {
        Limit::ALL.into_iter().find(|&limit| self.of(limit) > limits.of(limit))
    }
}
