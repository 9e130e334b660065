use alloc::sync::Arc;
use core::hash::{Hash, Hasher};

use hashbrown::Equivalent;
use serde::{Deserialize, Serialize};

use crate::causality::{Dot, Timestamp};
use crate::kernel::{Data, EventsOf, payload};

/// What a conflict of a record is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RecordKey {
    /// The record as a whole: deleted here, and given a new field there.
    Record,
    /// A field.
    Field(Arc<str>),
}

impl RecordKey {
    /// The name of the field.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Record => None,
            Self::Field(name) => Some(name),
        }
    }
}

/// A field's name, borrowed, that hashes as its key does.
pub(super) struct Named<'a>(pub(super) &'a str);

impl Hash for RecordKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Record => state.write_u8(0),
            Self::Field(name) => Named(name).hash(state),
        }
    }
}

impl Hash for Named<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u8(1);
        self.0.hash(state);
    }
}

impl Equivalent<RecordKey> for Named<'_> {
    fn equivalent(&self, key: &RecordKey) -> bool {
        key.field() == Some(self.0)
    }
}

/// What an event says of a field or of the header.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FieldEvent<V> {
    pub(super) at: Timestamp,
    /// There was no live value here.
    pub(super) created: bool,
    pub(super) state: FieldState<V>,
}
payload!(FieldEvent<V>, V: Data);

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum FieldState<V> {
    /// The record is there: the header alone says so.
    Header,
    /// A value.
    Live(V),
    /// Deleted, with the value that was visible, by this deletion: the first dot of its group.
    Deleted { kept: V, deletion: Dot },
    /// Deleted without a value: the header, or a field whose kept value was erased.
    Gone { deletion: Dot },
}

impl<V> FieldEvent<V> {
    pub(super) fn is_live(&self) -> bool {
        matches!(self.state, FieldState::Header | FieldState::Live(_))
    }

    /// Takes the stamp of its group.
    pub(crate) const fn restamp(&mut self, at: Timestamp) {
        self.at = at;
    }

    pub(super) fn value(&self) -> Option<&V> {
        match &self.state {
            FieldState::Live(value) | FieldState::Deleted { kept: value, .. } => Some(value),
            FieldState::Header | FieldState::Gone { .. } => None,
        }
    }

    pub(super) fn deletion(&self) -> Option<Dot> {
        match &self.state {
            FieldState::Header | FieldState::Live(_) => None,
            FieldState::Deleted { deletion, .. } | FieldState::Gone { deletion } => Some(*deletion),
        }
    }
}

pub(super) fn has_live<V>(events: &EventsOf<'_, FieldEvent<V>>) -> bool {
    events.live().any(|(_, event)| event.is_live())
}
