use alloc::vec::Vec;
use core::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use super::{MAX_COUNTER, ReplicaId, VersionVector, Writer};

/// How many branches a record may say are taken, so that there is always a next one.
pub(super) const MAX_BRANCHES: u32 = 1 << 31;

/// What must be durable of a [`Writer`] for it to come back after a restart.
///
/// It is saved atomically with the values that the writer writes to, before any of its events leaves
/// the process (as state, delta, operation or acknowledgement), and it is never made from the values:
/// a value that was rolled back does not know what was issued. `Journal` does both.
///
/// There are two sorts of it. [`Writer::record`] keeps the last counter of every branch, so that the
/// writer goes on where it was; it is out of date after every write. [`Writer::reserve`] keeps only
/// the number of the next branch, so that it is written once at the start; whoever resumes from it
/// opens new branches.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct WriterRecord {
    pub(crate) uuid: Uuid,
    /// Branches below this one are never continued. What was issued on them is not known.
    pub(crate) closed: u32,
    /// The last counters of the branches from there.
    pub(crate) last: Vec<u64>,
}

impl WriterRecord {
    /// A record with these contents, if a writer can have them.
    pub(crate) fn checked(uuid: Uuid, closed: u32, last: Vec<u64>) -> Result<Self, &'static str> {
        let branches = u32::try_from(last.len()).ok().and_then(|open| closed.checked_add(open));
        if branches.is_none_or(|branches| branches > MAX_BRANCHES) {
            return Err("a writer has at most 2^31 branches");
        }
        if last.iter().any(|&counter| counter > MAX_COUNTER) {
            return Err("a counter is out of range");
        }
        Ok(Self { uuid, closed, last })
    }

    /// The UUID of the writer.
    #[must_use]
    pub const fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// How many branches are taken: whoever resumes opens this one next.
    #[must_use]
    pub fn branches(&self) -> u32 {
        self.closed + self.last.len() as u32
    }

    /// Whether a writer resumed from this record can issue nothing that `writer` has issued already.
    ///
    /// As long as this does not hold of what is durable, nothing that `writer` has written may leave.
    #[must_use]
    pub fn covers(&self, writer: &Writer) -> bool {
        if writer.is_unwritten() {
            return true;
        }
        self.uuid == writer.uuid()
            && self.branches() as usize >= writer.branches()
            && (self.closed..self.branches()).zip(&self.last).all(|(branch, &last)| last >= writer.last(branch))
    }
}

impl<'de> Deserialize<'de> for WriterRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Fields {
            uuid: Uuid,
            closed: u32,
            last: Vec<u64>,
        }
        let Fields { uuid, closed, last } = Fields::deserialize(deserializer)?;
        Self::checked(uuid, closed, last).map_err(D::Error::custom)
    }
}

/// Someone else writes under this writer's id: a copied disk, a backup that was resumed, a second
/// process.
///
/// Nothing was changed. Stop writing under this id and take a new one; what was written since the
/// fork is saved by [`Causal::rebase`](crate::Causal::rebase).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forked {
    /// The branch that two write under.
    pub replica: ReplicaId,
    /// What this side knows to have been issued, or to have left.
    pub issued: u64,
    /// What a peer has seen of it.
    pub seen: u64,
}

impl Forked {
    /// The first branch of a writer of which `theirs` shows more than was issued, where that is known.
    pub(crate) fn first(
        theirs: &VersionVector,
        uuid: Uuid,
        issued: impl Fn(&ReplicaId) -> Option<u64>,
    ) -> Option<Self> {
        let forks = theirs.branches_of(uuid).filter_map(|(replica, seen)| {
            let issued = issued(&replica)?;
            (seen > issued).then_some(Self { replica, issued, seen })
        });
        forks.min_by_key(|forked| forked.replica)
    }
}

impl fmt::Display for Forked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { replica, issued, seen } = self;
        write!(f, "a peer has seen {seen} events of {replica}, which is at {issued} here: another one writes under it")
    }
}

impl core::error::Error for Forked {}
