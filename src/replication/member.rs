use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use super::budget::Budget;
use super::{
    AdoptError, Config, Event, ForkCheck, JoinError, Level, PeerId, Replica, ReplicaError, Role, Ticket,
    TooManyTickets, Topology, Transmit, WriteError,
};
use crate::causality::{Dot, VersionVector, Writer};
use crate::kernel::RebaseError;
use crate::storage::{Journal, LoadError, Step, Stored};
use crate::{DeltaCrdt, Unreadable};

/// A durable member of a group: a value, its writer, its storage and the protocol in one piece.
///
/// It does no I/O and has no clock. Whoever drives it hands in what arrives and the time, and after each call fetches
/// what is to be stored, what is to be sent, what happened, and when to call [`tick`](Member::tick) next:
///
/// | the driver | when |
/// |---|---|
/// | [`poll_persist`](Member::poll_persist), then [`persisted`](Member::persisted) or [`persist_failed`](Member::persist_failed) | after every call; one step at a time |
/// | [`poll_transmit`](Member::poll_transmit) | until there is none |
/// | [`poll_event`](Member::poll_event) | until there is none |
/// | [`tick`](Member::tick) | at [`poll_timeout`](Member::poll_timeout); early or often does no harm |
/// | [`handle`](Member::handle) | when a message arrives |
///
/// What is written counts at once for reads here. It leaves, as a change or as a claim to have it, once the step
/// that holds it is [`persisted`](Member::persisted) and not before; there is no other way to say so. A driver that
/// forgets to persist gets [`Event::NotStored`].
///
/// # Starts
/// A member is made from what is stored, and in no other way. It writes under an id of its own at each start, which is
/// taken at the first write, so that backups, copies of a disk and crash loops lose nothing; see
/// [`Writer`](crate::Writer#resuming). Where another writer of the same id is noticed all the same (a copy of a running
/// machine), what has not left is renamed at once, and [`Event::Renamed`] says so.
///
/// ```
/// use dotted::replication::{Config, Member, PeerId};
/// use dotted::{MemoryStorage, OrSet, Storage, Writer};
///
/// # let store = "6f1c1f7a-5b0c-4c60-9b0e-2b8f4a3f9d11".parse()?;
/// let mut disk = MemoryStorage::new(); // or a `FileStorage`
/// let config = Config::new(PeerId::from_seed(1), store, 7);
/// let mut member: Member<OrSet<String>> = Member::open(&disk.load()?, config, Writer::new)?;
/// member.update(|set, writer| set.insert(writer, "milk".to_string()))?;
/// while let Some(step) = member.poll_persist() {
///     match disk.perform(&step) {
///         Ok(()) => member.persisted(),
///         Err(_) => member.persist_failed(), // and try again later
///     }
/// }
/// assert!(member.is_stored());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Member<C: DeltaCrdt> {
    replica: Replica<C>,
    journal: Journal<C>,
    new_writer: Box<dyn FnMut() -> Writer + Send + Sync>,
    /// Since when there is something that is not durable, and when to say so.
    waiting: Option<Waiting>,
    /// What was told to be unreadable.
    unreadable: Option<Unreadable>,
    /// How often it takes a new id because a peer says that there is another writer of the old one.
    renamings: Budget,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    since: u64,
    report_at: u64,
}

/// What has not left yet cannot leave: the storage is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotStored;

impl fmt::Display for NotStored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not everything is stored yet, and nothing leaves before it is")
    }
}

impl core::error::Error for NotStored {}

impl<C: DeltaCrdt> Member<C> {
    /// How often in a row a new id is taken because of what peers say, and how often in a second from then on.
    const RENAMINGS: (u32, u32) = (8, 1);

    /// The member that is stored, or a new one where nothing is. It writes under a new id.
    ///
    /// `new_writer` makes writers with an id that is random and was never used, which [`Writer::new`] does; it is asked
    /// at the start, and when another writer of the same id is noticed. `config` is taken as
    /// [`durable`](Config::durable).
    ///
    /// # Errors
    /// [`LoadError`]. Nothing was written: what cannot be read is never overwritten.
    pub fn open(
        stored: &Stored,
        config: Config,
        mut new_writer: impl FnMut() -> Writer + Send + Sync + 'static,
    ) -> Result<Self, LoadError> {
        Self::start(stored, config, new_writer(), Box::new(new_writer), |writer, record| writer.after(record))
    }

    /// The member that is stored, which goes on under its old id. This keeps the rights of bounded counters, and adds
    /// nothing to version vectors. It is for storage that is never rolled back or copied: see
    /// [`Writer`](crate::Writer#resuming). That this does not hold is noticed when somebody is met who knows
    /// better ([`ForkCheck::Left`], which it takes), and then events get new names; what two copies had given to
    /// different peers before is lost.
    ///
    /// # Errors
    /// [`LoadError`], as [`open`](Member::open).
    pub fn open_exclusive(
        stored: &Stored,
        config: Config,
        mut new_writer: impl FnMut() -> Writer + Send + Sync + 'static,
    ) -> Result<Self, LoadError> {
        let config = Config { forks: ForkCheck::Left, ..config };
        Self::start(stored, config, new_writer(), Box::new(new_writer), Writer::again)
    }

    fn start(
        stored: &Stored,
        config: Config,
        writer: Writer,
        new_writer: Box<dyn FnMut() -> Writer + Send + Sync>,
        go_on: impl FnOnce(Writer, crate::WriterRecord) -> Writer,
    ) -> Result<Self, LoadError> {
        let (journal, loaded) = Journal::open(stored, config.bounds.decode.clone())?;
        let (value, writer) = match loaded {
            Some(loaded) => (loaded.value, go_on(writer, loaded.writer)),
            None => (C::default(), writer),
        };
        let replica = Replica::new(value, writer, config.durable());
        let (burst, per_second) = Self::RENAMINGS;
        let renamings = Budget::new(burst, per_second);
        Ok(Self { replica, journal, new_writer, waiting: None, unreadable: None, renamings })
    }

    /// Takes a snapshot when the log is longer than this and than the last snapshot. 1 MiB unless told.
    #[must_use]
    pub fn with_log_bytes(mut self, bytes: u64) -> Self {
        self.journal = self.journal.with_log_bytes(bytes);
        self
    }

    /// The value, as it is in memory.
    #[must_use]
    pub const fn value(&self) -> &C {
        self.replica.value()
    }

    /// The protocol's side: members, what is known of them, the writer.
    #[must_use]
    pub const fn replica(&self) -> &Replica<C> {
        &self.replica
    }

    /// The storage's side.
    #[must_use]
    pub const fn journal(&self) -> &Journal<C> {
        &self.journal
    }

    /// Whether everything is durable.
    #[must_use]
    pub fn is_stored(&self) -> bool {
        self.journal.has(self.value().version()) && !self.journal.is_busy()
    }

    /// Writes. It counts here at once; it leaves once it is [`persisted`](Member::persisted).
    ///
    /// The value must not be exchanged with others behind the member's back: a copy that leaves by another way is made
    /// by [`export`](Member::export). Costs what `write` costs, and a comparison of version vectors.
    ///
    /// # Errors
    /// [`WriteError`]; nothing is written. [`Forked`](WriteError::Forked): another one writes under this id, and the
    /// value has no room for a new one; it is tried again at each [`tick`](Member::tick).
    /// [`Full`](WriteError::Full) and [`TooLarge`](WriteError::TooLarge): see [`Replica::update`].
    pub fn update<R>(&mut self, write: impl FnOnce(&mut C, &mut Writer) -> R) -> Result<R, WriteError> {
        let result = self.replica.update(write);
        self.watch_storage();
        result
    }

    /// The value as bytes, to be handed on by other means: a file, another transport. What is in it counts as having
    /// left.
    ///
    /// # Errors
    /// [`NotStored`] while something is not durable.
    pub fn export(&mut self) -> Result<Vec<u8>, NotStored> {
        if !self.is_stored() {
            return Err(NotStored);
        }
        Ok(self.replica.export())
    }

    /// The remedy after [`Event::Diverged`], for one of the two: goes on with what the other one
    /// [exported](Member::export), and writes again under a new id what is shown here and not there. See
    /// [`Replica::adopt`].
    ///
    /// # Errors
    /// [`AdoptError`]. Nothing has changed then.
    pub fn adopt(&mut self, theirs: &[u8]) -> Result<(), AdoptError> {
        let writer = (self.new_writer)();
        self.replica.adopt(theirs, writer)?;
        self.journal.outdate();
        self.watch_storage();
        Ok(())
    }

    /// The next step for the storage, if something is to be stored and no step is under way. Do it durably
    /// ([`Storage::perform`](crate::Storage::perform)), then call [`persisted`](Member::persisted) or
    /// [`persist_failed`](Member::persist_failed). Where what is new cannot be read back from its bytes there is none, and
    /// [`Event::Unreadable`] names type and key.
    #[must_use = "a step that is dropped keeps the storage busy: do it, or call `persist_failed`"]
    pub fn poll_persist(&mut self) -> Option<Step> {
        match self.journal.record(self.replica.value(), self.replica.writer()) {
            Ok(step) => {
                self.unreadable = None;
                step
            }
            Err(unreadable) => {
                if self.unreadable.as_ref() != Some(&unreadable) {
                    self.replica.events.push(Event::Unreadable(unreadable.clone()));
                    self.unreadable = Some(unreadable);
                }
                None
            }
        }
    }

    /// The step that was fetched is durable. Without one, this does nothing.
    pub fn persisted(&mut self) {
        if self.journal.is_busy() {
            self.journal.done();
            self.replica.persisted(self.journal.persisted());
            self.watch_storage();
        }
    }

    /// The step that was fetched failed, or may have. The next one stores everything anew. Without one, this does
    /// nothing.
    pub fn persist_failed(&mut self) {
        self.journal.failed();
    }

    /// Takes in a message of `from`, for whom the transport vouches: see [`Replica::handle`].
    ///
    /// # Errors
    /// [`ReplicaError`], naming the peer. The value is as it was before.
    pub fn handle(&mut self, from: PeerId, bytes: &[u8], now: u64) -> Result<(), ReplicaError> {
        let result = self.replica.handle(from, bytes, now);
        let is_fork = matches!(result, Err(ReplicaError::Forked { .. }));
        let result = if is_fork && self.rename() { self.replica.handle(from, bytes, now) } else { result };
        self.watch_storage();
        result
    }

    /// It is `now`: does what is due. Calling it early or often does no harm.
    pub fn tick(&mut self, now: u64) {
        self.replica.tick(now);
        if self.replica.forked().is_some() {
            self.rename();
        }
        self.watch_storage();
        let now = self.replica.now;
        let period = self.replica.config().timing.store;
        if let Some(waiting) = self.waiting.as_mut().filter(|waiting| waiting.report_at <= now) {
            let waited = now.saturating_sub(waiting.since);
            waiting.report_at = now.saturating_add(waited.max(period));
            let since = self.replica.clock.outer(waiting.since);
            self.replica.events.push(Event::NotStored { since });
        }
    }

    /// When to call [`tick`](Member::tick) next, if nothing arrives before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        let report = self.waiting.map(|waiting| self.replica.clock.outer(waiting.report_at));
        self.replica.poll_timeout().into_iter().chain(report).min()
    }

    /// The next message to be sent: see [`Replica::poll_transmit`].
    #[must_use = "a message that is dropped counts as sent"]
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.replica.poll_transmit()
    }

    /// What happened since, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.replica.poll_event()
    }

    /// Asks for an event as soon as so many members have `dot`: see [`Replica::confirm`].
    ///
    /// # Errors
    /// [`TooManyTickets`].
    pub fn confirm(&mut self, dot: Dot, level: Level, deadline: u64) -> Result<Ticket, TooManyTickets> {
        self.replica.confirm(dot, level, deadline)
    }

    /// Adds a member to the group: see [`Replica::join`].
    ///
    /// # Errors
    /// [`JoinError`]. Nothing has changed then.
    pub fn join(&mut self, peer: PeerId, role: Role) -> Result<(), JoinError> {
        self.replica.join(peer, role)
    }

    /// There is a connection to a member, or a new one: see [`Replica::connected`].
    pub fn connected(&mut self, peer: PeerId) -> bool {
        self.replica.connected(peer)
    }

    /// There is no connection to a member any more: see [`Replica::disconnected`].
    pub fn disconnected(&mut self, peer: PeerId) -> bool {
        self.replica.disconnected(peer)
    }

    /// A message of so many bytes does not reach a member: see [`Replica::undelivered`].
    pub fn undelivered(&mut self, to: PeerId, bytes: usize) -> bool {
        self.replica.undelivered(to, bytes)
    }

    /// A member is gone for good: see [`Replica::retire`].
    pub fn retire(&mut self, peer: PeerId) -> bool {
        self.replica.retire(peer)
    }

    /// Changes with whom this member keeps up by itself.
    pub fn set_topology(&mut self, topology: Topology) {
        self.replica.set_topology(topology);
    }

    /// Everything that is durable, and may leave.
    #[must_use]
    pub const fn durable(&self) -> &VersionVector {
        self.journal.persisted()
    }

    /// Goes on under a new id, with new names for what has not left. Says whether it does.
    ///
    /// It costs O(state), and a peer can claim what it likes. So there is a bound; beyond it a claim is not believed:
    /// nothing is taken from who makes it, and writing goes on.
    fn rename(&mut self) -> bool {
        if !self.renamings.take(self.replica.now) {
            self.replica.forked = None;
            return false;
        }
        let writer = (self.new_writer)();
        let to = writer.uuid();
        match self.replica.rebase(writer) {
            Ok(before) => {
                self.replica.events.push(Event::Renamed { from: before.uuid(), to });
                true
            }
            // No room, or an id that is not new: it is asked for again at the next tick.
            Err(RebaseError::SameWriter | RebaseError::Apply(_)) => false,
        }
    }

    /// Notes since when the storage is behind.
    fn watch_storage(&mut self) {
        if self.journal.has(self.replica.value().version()) {
            self.waiting = None;
        } else if self.waiting.is_none() {
            let since = self.replica.now;
            let report_at = since.saturating_add(self.replica.config().timing.store);
            self.waiting = Some(Waiting { since, report_at });
        }
    }
}

impl<C: DeltaCrdt + fmt::Debug> fmt::Debug for Member<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member").field("replica", &self.replica).field("journal", &self.journal).finish_non_exhaustive()
    }
}
