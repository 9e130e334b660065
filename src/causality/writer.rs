use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use uuid::Uuid;

use super::{MAX_COUNTER, MAX_WRITERS, ReplicaId, Timestamp, VersionVector};
use crate::mutants::{self, Mutant};

/// One incarnation of someone who writes: the source of dots and of timestamps.
///
/// One writer can write to any number of values, clones and rolled-back copies included: it continues
/// a value's history only where it was the last to do so, and otherwise opens a new *branch* of its
/// id (each value that it writes to has a branch of its own). So it never issues a dot twice. It is not `Clone`, for two copies would.
///
/// Make a new writer at every start of the program (that is what [`Writer::new`] does). A writer whose
/// id comes back after a crash may issue dots again that others have already seen.
pub struct Writer {
    uuid: Uuid,
    name: Option<Box<str>>,
    /// By branch, the last counter issued on it.
    last: Vec<u64>,
    /// The branch written last: the one that most likely continues a value that is not cached.
    recent: u32,
    clock: Box<dyn FnMut() -> Timestamp + Send + Sync>,
}

impl Writer {
    /// A writer with a random id and the system's clock.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(Uuid::new_v4(), || {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            // A clock before 1970 reads as 0: time only breaks ties.
            Timestamp::from_millis(now.map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(u64::MAX)))
        })
    }

    /// A writer with this UUID, which must be random and never used before, and this wall clock.
    #[must_use]
    pub fn with_clock(uuid: Uuid, clock: impl FnMut() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { uuid, name: None, last: Vec::new(), recent: 0, clock: Box::new(clock) }
    }

    /// A writer for tests and simulations **only**: its id is [`ReplicaId::from_seed`], and its clock
    /// starts at 0 and advances by one millisecond per reading.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        let mut millis = 0;
        Self::with_clock(ReplicaId::from_seed(seed).uuid(), move || {
            millis += 1;
            Timestamp::from_millis(millis)
        })
    }

    /// The same writer with a label for people to read. Labels need not differ; ids do.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The label, if one was given.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The UUID that all branches of this writer share.
    #[must_use]
    pub const fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// Whether this writer issued events under `replica`, whatever the branch.
    #[must_use]
    pub fn owns(&self, replica: &ReplicaId) -> bool {
        replica.uuid() == self.uuid
    }

    /// The last counter that was issued on `branch`, 0 before the first.
    #[must_use]
    pub fn last(&self, branch: u32) -> u64 {
        self.last.get(branch as usize).copied().unwrap_or(0)
    }

    /// How many branches have been opened.
    #[must_use]
    pub fn branches(&self) -> usize {
        self.last.len()
    }

    /// Reads the clock.
    pub(crate) fn now(&mut self) -> Timestamp {
        (self.clock)()
    }

    /// The slot in `version` under which the next event is written. Afterwards
    /// `last[branch of the slot] == version[slot]`.
    ///
    /// Returns `None` if a new branch is needed and the value has no slot left for it.
    pub(crate) fn slot_for(&mut self, version: &mut VersionVector) -> Option<u32> {
        let recent = version.slot(&ReplicaId::new(self.uuid, self.recent));
        let slots = recent.into_iter().chain(0..version.slots() as u32);
        for slot in slots {
            if version.uuid_bytes(slot) == self.uuid.as_bytes() && self.continues(&version.id(slot), version.at(slot)) {
                self.recent = version.branch(slot);
                return Some(slot);
            }
        }
        if version.slots() >= MAX_WRITERS {
            return None;
        }
        // A branch that the value already knows is never opened.
        loop {
            let branch = u32::try_from(self.last.len()).ok()?;
            self.last.push(0);
            let id = ReplicaId::new(self.uuid, branch);
            if version.get(&id) == 0 {
                self.recent = branch;
                return Some(version.intern(&id));
            }
        }
    }

    /// Whether a value that has seen `known` events of `own` is where that branch was written last,
    /// and the branch has room for another group.
    #[inline]
    pub(crate) fn continues(&self, own: &ReplicaId, known: u64) -> bool {
        if own.uuid() != self.uuid && !mutants::on(Mutant::CacheIgnoresWriter) {
            return false;
        }
        let last = self.last.get(own.branch() as usize).copied();
        if mutants::on(Mutant::CacheIgnoresCounter) {
            return last.is_some() && known > 0;
        }
        last == Some(known) && known <= MAX_COUNTER / 2
    }

    /// Takes the next counter of a branch that [`Writer::slot_for`] chose.
    #[inline]
    pub(crate) fn issue(&mut self, branch: u32) -> u64 {
        let last = &mut self.last[branch as usize];
        *last += 1;
        *last
    }

    /// Takes back the last `count` counters of a branch. Nobody may have seen them.
    pub(crate) fn retract(&mut self, branch: u32, count: u64) {
        self.last[branch as usize] -= count;
    }
}

#[cfg(feature = "std")]
impl Default for Writer {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut writer = f.debug_struct("Writer");
        if let Some(name) = &self.name {
            writer.field("name", name);
        }
        writer.field("uuid", &self.uuid).field("branches", &self.last.len()).finish()
    }
}
