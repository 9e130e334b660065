use serde::{Deserialize, Serialize};

use super::conflict::Written;
use crate::causality::{PackedDot, Timestamp, VersionVector};
use crate::kernel::{Data, EventsOf, payload};
use crate::mutants::{self, Mutant};

/// A value with the time of its write, which breaks ties among concurrent writes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Stamped<T> {
    /// When it was written.
    pub at: Timestamp,
    /// What was written.
    pub value: T,
}

payload!(Stamped<T>, T: Data);

impl<T> Stamped<T> {
    /// Takes the stamp of its group.
    pub(crate) const fn restamp(&mut self, at: Timestamp) {
        self.at = at;
    }
}

impl<T: Data> Written for Stamped<T> {
    type Value = T;

    fn value(&self) -> Option<&T> {
        Some(&self.value)
    }

    fn timestamp(&self) -> Option<Timestamp> {
        Some(self.at)
    }

    fn after(last: Option<Timestamp>, value: T) -> Self {
        Self { at: last.map_or(Timestamp::default(), Timestamp::next), value }
    }
}

/// The stamps of the live events of a key.
pub(crate) fn stamps<T>(events: &EventsOf<'_, Stamped<T>>) -> impl Iterator<Item = (PackedDot, Timestamp)> {
    events.live().map(|(dot, stamped)| (dot, stamped.at))
}

/// The last of the live writes: by timestamp, then by replica id, then by counter.
pub(crate) fn latest<'a, T>(
    events: &EventsOf<'a, Stamped<T>>,
    version: &VersionVector,
) -> Option<(PackedDot, &'a Stamped<T>)> {
    if let EventsOf::One(dot, value) = events {
        return Some((*dot, (*value)?));
    }
    events.live().max_by(|(a, x), (b, y)| {
        let ids = if mutants::on(Mutant::TiesBySlot) {
            a.slot().cmp(&b.slot())
        } else {
            version.id(a.slot()).cmp(&version.id(b.slot()))
        };
        x.at.cmp(&y.at).then(ids).then(a.counter().cmp(&b.counter()))
    })
}
