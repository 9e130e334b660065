use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use uuid::Uuid;

use super::record::MAX_BRANCHES;
use super::{Forked, MAX_COUNTER, MAX_WRITERS, ReplicaId, Timestamp, VersionVector, WriterRecord};
use crate::mutants::{self, Mutant};

/// One incarnation of someone who writes: the source of dots and of timestamps.
///
/// One writer can write to any number of values, clones and rolled-back copies included: it continues
/// a value's history only where it was the last to do so, and otherwise opens a new *branch* of its
/// id (each value that it writes to has a branch of its own). So it never issues a dot twice. It is not `Clone`, for two copies would.
///
/// Make a new writer at every start of the program: that is what [`Writer::new`] does, and it is always
/// right. A writer whose id comes back after a crash may issue dots again that others have already
/// seen; then these others never learn of the new events, with equal version vectors, for ever.
///
/// # Resuming
/// A program that keeps a [`WriterRecord`] beside its values resumes with [`Writer::resume`]: the writer takes a new
/// incarnation, a random id, at its first write. Until then its record is the one that was loaded, so a start
/// that writes nothing leaves nothing behind. This is right whatever happened to the storage: a restored backup, a
/// copied disk, a second process.
///
/// [`Writer::resume_exclusive`] goes on under the old id. That saves an entry in every version vector per
/// start, and a `BoundedCounter` keeps its rights. It is right only where all of this holds:
/// * the [`WriterRecord`] is saved **atomically with the values**, in durable storage;
/// * **nothing leaves before it is saved**: no delta, no operation, no state, no acknowledgement;
/// * **one process at a time** uses the storage: an exclusive lock;
/// * the storage is **never rolled back or copied**: no backup is ever restored, no disk cloned, no machine
///   set back to a snapshot. Otherwise there is a second writer with the same id, and events are lost.
///
/// The check against the last mistake is [`Writer::forked_by`], on every version vector of a peer.
pub struct Writer {
    uuid: Uuid,
    name: Option<Box<str>>,
    /// Branches below this one were written under before a restart, and are not continued.
    closed: u32,
    /// By branch from there, the last counter issued on it.
    last: Vec<u64>,
    /// The branch written last: the one that most likely continues a value that is not cached.
    recent: u32,
    /// The record that was resumed from, until something is written.
    before: Option<Box<WriterRecord>>,
    /// Whose incarnation this is: the id of that record.
    follows: Option<Uuid>,
    /// The branch that was opened last, and what was before.
    opened: Option<Opened>,
    clock: Box<dyn FnMut() -> Timestamp + Send + Sync>,
}

impl Writer {
    /// A writer with a random id and the system's clock.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(Uuid::new_v4(), system_clock)
    }

    /// A writer with this UUID, which must be random and never used before, and this wall clock.
    #[must_use]
    pub fn with_clock(uuid: Uuid, clock: impl FnMut() -> Timestamp + Send + Sync + 'static) -> Self {
        Self {
            uuid,
            name: None,
            closed: 0,
            last: Vec::new(),
            recent: 0,
            before: None,
            follows: None,
            opened: None,
            clock: Box::new(clock),
        }
    }

    /// The writer of this record in a new incarnation, with the system's clock. `incarnation` must be
    /// random; see [Resuming](Writer#resuming).
    ///
    /// Nothing is taken before the first write: until then [`record`](Writer::record) is what it was.
    ///
    /// ```
    /// use dotted::{OrSet, Uuid, Writer, WriterRecord};
    ///
    /// let mut tokyo = Writer::new();
    /// let mut cart = OrSet::new();
    /// cart.insert(&mut tokyo, "milk".to_string());
    /// let (saved, record) = (cart.encode(), tokyo.record().encode()); // atomically, and durably
    ///
    /// // After a restart:
    /// let mut cart = OrSet::<String>::decode(&saved, &Default::default())?;
    /// let record = WriterRecord::decode(&record, &Default::default())?;
    /// let mut tokyo = Writer::resume(record.clone(), Uuid::new_v4());
    /// assert_eq!(tokyo.record(), record);
    /// cart.insert(&mut tokyo, "tea".to_string());
    /// assert_eq!(cart.version().len(), 2);
    /// # Ok::<(), dotted::DecodeError>(())
    /// ```
    #[cfg(feature = "std")]
    #[must_use]
    pub fn resume(record: WriterRecord, incarnation: Uuid) -> Self {
        Self::with_clock(incarnation, system_clock).after(record)
    }

    /// This writer, which has written nothing yet, as the next incarnation of the writer of a record: that
    /// stays the [`record`](Writer::record) until something is written. [`Writer::resume`] with a clock of one's own.
    #[must_use]
    pub fn after(mut self, record: WriterRecord) -> Self {
        debug_assert!(self.last.is_empty(), "a writer that has written has a record of its own");
        if record.uuid == self.uuid {
            // The random number came out the same, and another one is as good.
            self.uuid = Uuid::from_u128(self.uuid.as_u128().wrapping_add(1));
        }
        self.follows = Some(record.uuid);
        self.before = Some(Box::new(record));
        self
    }

    /// The writer of this record under the same id, with the system's clock. Read [Resuming](Writer#resuming)
    /// first: this loses events where the storage was ever rolled back or copied.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn resume_exclusive(record: WriterRecord) -> Self {
        Self::resume_exclusive_with_clock(record, system_clock)
    }

    /// The writer of this record under the same id, with this wall clock. Read [Resuming](Writer#resuming) first.
    ///
    /// A branch that a value knows and the record does not is never opened, so a record that is older
    /// than its values does no harm to them; but to others it does.
    #[must_use]
    pub fn resume_exclusive_with_clock(
        record: WriterRecord,
        clock: impl FnMut() -> Timestamp + Send + Sync + 'static,
    ) -> Self {
        Self::with_clock(record.uuid, clock).again(record)
    }

    /// The writer of this record under the same id, with the clock and the label of this one.
    pub(crate) fn again(self, record: WriterRecord) -> Self {
        let WriterRecord { uuid, closed, last } = record;
        Self { uuid, closed, recent: closed, last, before: None, follows: None, opened: None, ..self }
    }

    /// Whether what it writes comes after all that the writer of this id wrote: it is that writer, or its next
    /// incarnation.
    pub(crate) fn follows(&self, uuid: Uuid) -> bool {
        self.uuid == uuid || self.follows == Some(uuid)
    }

    /// It takes over events under new names: it does not just go on.
    pub(crate) fn renames(&mut self) {
        self.follows = None;
        self.before = None;
    }

    /// Whether it has issued nothing yet: whatever is durable covers it.
    pub(crate) const fn is_unwritten(&self) -> bool {
        self.last.is_empty()
    }

    /// What must be durable before anything that was written so far may leave the process: the last
    /// counter of every branch. After every write it is another one.
    #[must_use]
    pub fn record(&self) -> WriterRecord {
        if let Some(before) = &self.before {
            return WriterRecord::clone(before);
        }
        WriterRecord { uuid: self.uuid, closed: self.closed, last: self.last.clone() }
    }

    /// The cheaper record: `branches` more branches are taken, and no counters are kept. Once it is
    /// durable, nothing more needs to be, until [`WriterRecord::covers`] says that more branches were
    /// opened than that.
    ///
    /// Whoever resumes from it goes on under new branches, one per value that it writes to, and
    /// notices a fork only of what it writes itself.
    #[must_use]
    pub fn reserve(&self, branches: u32) -> WriterRecord {
        let taken = u32::try_from(self.branches()).unwrap_or(u32::MAX);
        WriterRecord { uuid: self.uuid, closed: taken.saturating_add(branches).min(MAX_BRANCHES), last: Vec::new() }
    }

    /// Whether `theirs`, the version vector of a peer, names events of this writer that it has not
    /// issued. Then another one writes under its id.
    ///
    /// Ask before anything of that peer is taken in. It is compared with what was *issued*, whatever
    /// any value says, so clones and roll-backs raise no false alarm. What was issued before a restart
    /// from [`Writer::reserve`] is not known, and not compared.
    ///
    /// It cannot see a fork in which both sides have issued equally many events.
    /// [`Shared::forked_by`](crate::Shared::forked_by) can, where it is known what has left.
    #[must_use]
    pub fn forked_by(&self, theirs: &VersionVector) -> Option<Forked> {
        Forked::first(theirs, self.uuid, |replica| self.issued(replica.branch()))
    }

    /// The last counter that was issued on a branch; `None` for branches that were closed by a restart.
    pub(crate) fn issued(&self, branch: u32) -> Option<u64> {
        (branch >= self.closed).then(|| self.last(branch))
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

    /// The last counter that was issued on `branch`, as far as it is known: 0 before the first, and
    /// for branches that were closed by a restart.
    #[must_use]
    pub fn last(&self, branch: u32) -> u64 {
        self.last.get(self.at(branch)).copied().unwrap_or(0)
    }

    /// Where a branch is in `last`; past its end for branches that are not open.
    #[inline]
    fn at(&self, branch: u32) -> usize {
        branch.wrapping_sub(self.closed) as usize
    }

    /// How many branches have been opened, before restarts too.
    #[must_use]
    pub fn branches(&self) -> usize {
        self.closed as usize + self.last.len()
    }

    /// A second one of the same id, with a clock that stands still: for a search, in which each goes on in a
    /// world of its own.
    #[cfg(feature = "mutants")]
    pub(crate) fn duplicate(&self) -> Self {
        let Self { uuid, name, closed, last, recent, before, follows, opened, clock: _ } = self;
        let (name, last, before, opened) = (name.clone(), last.clone(), before.clone(), opened.clone());
        let clock = Box::new(|| Timestamp::from_millis(0));
        Self { uuid: *uuid, name, closed: *closed, last, recent: *recent, before, follows: *follows, opened, clock }
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
        if let Some(slot) = self.continued(version) {
            self.recent = version.branch(slot);
            return Some(slot);
        }
        if version.slots() >= MAX_WRITERS {
            return None;
        }
        let (recent, before) = (self.recent, self.before.clone());
        let id = self.open(&[version])?;
        self.opened = Some(Opened { branch: id.branch(), recent, before });
        self.recent = id.branch();
        Some(version.intern(&id))
    }

    /// The slot of the branch under which this writer goes on where `version` stands, if it has one.
    pub(crate) fn continued(&self, version: &VersionVector) -> Option<u32> {
        let recent = version.slot(&ReplicaId::new(self.uuid, self.recent));
        let mut slots = recent.into_iter().chain(0..version.slots() as u32);
        slots.find(|&slot| {
            version.uuid_bytes(slot) == self.uuid.as_bytes() && self.continues(&version.id(slot), version.at(slot))
        })
    }

    /// Opens the next branch that none of these values knows.
    pub(crate) fn open(&mut self, known: &[&VersionVector]) -> Option<ReplicaId> {
        loop {
            let branch = u32::try_from(self.branches()).ok().filter(|&branch| branch < u32::MAX)?;
            self.last.push(0);
            self.before = None;
            let id = ReplicaId::new(self.uuid, branch);
            // A branch that a value already knows is never opened.
            if known.iter().all(|version| version.get(&id) == 0) || mutants::on(Mutant::OpenKnownBranch) {
                return Some(id);
            }
        }
    }

    /// Takes back the opening of a branch if nothing was issued on it, and it was the last one to be opened. What is as if
    /// it had never been open is opened again as the next one.
    #[cold]
    pub(crate) fn take_back(&mut self, branch: u32) {
        let is_last = self.branches() == branch as usize + 1 && self.last(branch) == 0;
        let of_this = |opened: &mut Opened| is_last && opened.branch == branch;
        if let Some(Opened { recent, before, .. }) = self.opened.take_if(of_this) {
            self.last.pop();
            (self.recent, self.before) = (recent, before);
        }
    }

    /// Says that so many events were issued at once on a branch that was just opened.
    pub(crate) fn advance(&mut self, branch: u32, counter: u64) {
        let at = self.at(branch);
        self.last[at] = counter;
    }

    /// Whether a value that has seen `known` events of `own` is where that branch was written last,
    /// and the branch has room for another group.
    #[inline]
    pub(crate) fn continues(&self, own: &ReplicaId, known: u64) -> bool {
        if own.uuid() != self.uuid && !mutants::on(Mutant::CacheIgnoresWriter) {
            return false;
        }
        let last = self.last.get(self.at(own.branch())).copied();
        if mutants::on(Mutant::CacheIgnoresCounter) {
            return last.is_some() && known > 0;
        }
        last == Some(known) && known <= MAX_COUNTER / 2
    }

    /// Takes the next counter of a branch that [`Writer::slot_for`] chose.
    #[inline]
    pub(crate) fn issue(&mut self, branch: u32) -> u64 {
        let at = self.at(branch);
        let last = &mut self.last[at];
        *last += 1;
        *last
    }

    /// Where it is, to come back to.
    #[doc(hidden)]
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint { uuid: self.uuid, last: self.last.clone(), recent: self.recent, before: self.before.clone() }
    }

    /// Whether it is the writer of a checkpoint, and not another one in its place.
    #[doc(hidden)]
    #[must_use]
    pub fn is_after(&self, checkpoint: &Checkpoint) -> bool {
        self.uuid == checkpoint.uuid
    }

    /// Takes back all that was issued and opened since. Nobody may have seen it.
    #[doc(hidden)]
    pub fn restore(&mut self, Checkpoint { last, recent, before, .. }: Checkpoint) {
        (self.last, self.recent, self.before) = (last, recent, before);
    }
}

/// How a branch was opened.
#[derive(Clone)]
struct Opened {
    branch: u32,
    recent: u32,
    before: Option<Box<WriterRecord>>,
}

/// What an edit that fails gives back.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub struct Checkpoint {
    uuid: Uuid,
    last: Vec<u64>,
    recent: u32,
    before: Option<Box<WriterRecord>>,
}

#[cfg(feature = "std")]
fn system_clock() -> Timestamp {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    // A clock before 1970 reads as 0: time only breaks ties.
    Timestamp::from_millis(now.map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(u64::MAX)))
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
        writer.field("uuid", &self.uuid).field("branches", &self.branches()).finish()
    }
}
