use alloc::borrow::Cow;
use alloc::vec::Vec;

use super::accepts::Accepts;
use super::clock::Clock;
use super::confirmations::{Confirmations, Group};
use super::event::Events;
use super::fetch::Fetch;
use super::membership::Membership;
use super::message::{MIN_MESSAGE_BYTES, Why};
use super::parts::Encoded;
use super::peer::{Peer, Say};
use super::random::Random;
use super::trial::Trial;
use super::watches::Watches;
use super::{
    AdoptError, Config, Event, JoinError, Level, PeerId, Refusal, Role, Ticket, TooManyTickets, Topology, WriteError,
};
use crate::DeltaCrdt;
use crate::causality::{Checkpoint, Dot, Forked, VersionVector, Writer};
use crate::codec::{Limit, Limits};
use crate::kernel::RebaseError;
use crate::mutants::{self, Mutant};
use crate::sorted::SortedSet;
use crate::store::{Batch, Watched};

/// One member of a group that keeps a value in common: the value, its writer, and what the others have.
///
/// It does no I/O and has no clock. Whoever drives it hands in what arrives ([`handle`](Replica::handle)) and the
/// time ([`tick`](Replica::tick)), and after each call fetches what is to be sent
/// ([`poll_transmit`](Replica::poll_transmit)), what happened ([`poll_event`](Replica::poll_event)) and
/// when to call [`tick`](Replica::tick) next ([`poll_timeout`](Replica::poll_timeout)). Calls that
/// come too early, too late or twice do no harm. The same calls give the same bytes.
///
/// Times are milliseconds on a clock of the caller's choice that starts anywhere. A time before the latest one counts as
/// the latest one; if it is more than a minute before, the clock was set, and time goes on from there. A clock that jumps
/// ahead makes everything due, once, and does no other harm.
pub struct Replica<C: DeltaCrdt> {
    pub(super) value: C,
    pub(super) writer: Writer,
    pub(super) config: Config,
    /// The time since the first one, and how it follows from the caller's.
    pub(super) now: u64,
    pub(super) clock: Clock,
    /// Whose turn it is to send much.
    pub(super) fetch: Option<Fetch>,
    pub(super) random: Random,
    pub(super) members: Membership,
    /// What is durable here. Not used unless the configuration says `durable`.
    pub(super) durable: VersionVector,
    pub(super) forked: Option<Forked>,
    /// What has left of the writer's events.
    pub(super) shared: C::Shared,
    pub(super) events: Events,
    pub(super) confirmations: Confirmations,
    pub(super) watches: Watches,
    /// Drawn at random: which start of this replica it is.
    pub(super) session: u32,
    /// The number of the round in which others are asked for confirmations.
    pub(super) round: u64,
    /// There are local changes that were not scheduled yet: `update` is not told the time.
    pub(super) dirty: bool,
    /// In how many more rounds to pass on what is new to peers chosen at random, and when.
    pub(super) rumors: u32,
    pub(super) rumor_at: Option<u64>,
    pub(super) beat_at: Option<u64>,
    pub(super) beats: u32,
    pub(super) beaten: Option<PeerId>,
    /// The delta that was encoded last.
    pub(super) encoded: Option<Encoded>,
    pub(super) hash: Option<(VersionVector, u64)>,
    /// Who was sent something last.
    pub(super) sent: Option<PeerId>,
    /// Of which limits it was said that they are near.
    pub(super) nearly_full: [bool; Limit::ALL.len()],
    /// What this replica and all voters accept, as far as they have said so.
    pub(super) least: Accepts,
}

impl<C: DeltaCrdt> Replica<C> {
    /// A replica that keeps `value` and writes with `writer`.
    ///
    /// With durable storage, `value` must be durable already (it was loaded, or saved just now) and so must be the
    /// writer's record. Without, the writer must be a new one.
    #[must_use]
    pub fn new(value: C, writer: Writer, config: Config) -> Self {
        let bounds = config.bounds.clone();
        let config = config.with_bounds(bounds);
        let mut random = Random::new(config.seed);
        let session = random.next() as u32;
        Self {
            durable: value.version().clone(),
            now: 0,
            clock: Clock::default(),
            fetch: None,
            random,
            session,
            members: Membership::new(config.me, config.topology.clone()),
            forked: None,
            shared: value.shared(writer.uuid()),
            events: Events::new(config.bounds.events),
            confirmations: Confirmations::default(),
            watches: Watches::default(),
            round: 0,
            dirty: false,
            rumors: 0,
            rumor_at: None,
            beat_at: None,
            beats: 0,
            beaten: None,
            encoded: None,
            hash: None,
            sent: None,
            nearly_full: [false; Limit::ALL.len()],
            least: Accepts::within(&config.bounds),
            value,
            writer,
            config,
        }
    }

    /// The value.
    #[must_use]
    pub const fn value(&self) -> &C {
        &self.value
    }

    /// The writer.
    #[must_use]
    pub const fn writer(&self) -> &Writer {
        &self.writer
    }

    /// The configuration. Its topology is the one at the start.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// This replica's own name.
    #[must_use]
    pub const fn me(&self) -> PeerId {
        self.config.me
    }

    /// The members, without this replica, in the order of their ids: connected or not, voters and observers.
    #[must_use]
    pub fn members(&self) -> &[PeerId] {
        self.members.members()
    }

    /// The members to whom there is a connection, in the order of their ids.
    #[must_use]
    pub fn connected_members(&self) -> &[PeerId] {
        self.members.active()
    }

    /// The members with whom this replica keeps up by itself.
    #[must_use]
    pub fn targets(&self) -> &[PeerId] {
        self.members.targets()
    }

    /// The topology.
    #[must_use]
    pub const fn topology(&self) -> &Topology {
        &self.members.topology
    }

    /// What a peer has, as far as it was heard; `None` before that, and after long silence.
    #[must_use]
    pub fn known_of(&self, peer: PeerId) -> Option<&VersionVector> {
        self.members.get(peer)?.known.as_ref()
    }

    /// Whether a peer is known to have the same as this replica.
    #[must_use]
    pub fn is_in_sync_with(&self, peer: PeerId) -> bool {
        self.known_of(peer) == Some(self.value.version())
    }

    /// How many bytes of incomplete deltas are kept for all peers, at most [`Bounds::staged_bytes`](super::Bounds).
    #[must_use]
    pub fn staged_bytes(&self) -> usize {
        self.members.all().map(|(_, peer)| peer.staged.bytes()).sum()
    }

    /// What this replica says that it has: all, or with durable storage what is durable.
    #[must_use]
    pub fn published(&self) -> Cow<'_, VersionVector> {
        let version = self.value.version();
        if !self.config.durable || version.is_within(&self.durable) || mutants::on(Mutant::PublishTooEarly) {
            Cow::Borrowed(version)
        } else {
            Cow::Owned(version.meet(&self.durable))
        }
    }

    /// Who writes under this replica's id, too, if that was noticed.
    #[must_use]
    pub const fn forked(&self) -> Option<Forked> {
        self.forked
    }

    /// The value as bytes, to be handed on by other means. What is in it counts as having left, which matters when a
    /// fork must be repaired. With durable storage, see to it that all of it is durable.
    pub fn export(&mut self) -> Vec<u8> {
        self.value.note_shared(&mut self.shared, self.value.version());
        let mut bytes = Vec::new();
        self.value.encode_into(self.config.bounds.decode.schema, &mut bytes);
        bytes
    }

    /// Gives value and writer back.
    #[must_use]
    pub fn into_parts(self) -> (C, Writer) {
        (self.value, self.writer)
    }

    /// Writes. What is new is pushed after [`Timing::debounce`](super::Timing); call [`tick`](Replica::tick)
    /// next (as [`poll_timeout`](Replica::poll_timeout) says, too).
    ///
    /// Costs what `write` costs, and a comparison of version vectors.
    ///
    /// # Errors
    /// [`WriteError`]; nothing is written. [`Forked`](WriteError::Forked): somebody else writes under this id, and
    /// `write` was not called. [`Full`](WriteError::Full) and [`TooLarge`](WriteError::TooLarge): it is more than this
    /// replica and the voters of its group [accept](Replica::accepted). What was written is taken back then, unless
    /// `write` did more than write, such as merge; that stays.
    pub fn update<R>(&mut self, write: impl FnOnce(&mut C, &mut Writer) -> R) -> Result<R, WriteError> {
        if let Some(fork) = self.forked {
            return Err(WriteError::Forked(fork));
        }
        let (before, usage) = (self.value.version().clone(), self.value.usage());
        let mut trial = Trial::begin(&mut self.value, &mut self.writer);
        let result = write(trial.value, trial.writer);
        let changed = *trial.value.version() != before;
        let refused = changed.then(|| self.least.refuses(trial.value, &before, &usage)).flatten();
        if let Some(refused) = refused
            && trial.take_back()
        {
            return Err(refused);
        }
        drop(trial);
        if changed {
            self.dirty = true;
            if !before.is_within(self.value.version()) {
                self.went_back();
            }
            self.tell_own_news(&before);
            self.settle();
            self.watch_limits();
        }
        Ok(result)
    }

    /// Writes from here on can be taken back, by [`end_trial`](Replica::end_trial): for groups that span several calls. Trials
    /// can be nested. What is written on trial must not leave. Costs O(writers).
    #[doc(hidden)]
    pub fn begin_trial(&mut self) -> Checkpoint {
        self.value.begin_trial();
        self.writer.checkpoint()
    }

    /// Keeps what was written since, or takes it back. Says whether it was taken back: it cannot be after anything but writes
    /// with this writer.
    #[doc(hidden)]
    pub fn end_trial(&mut self, before: Checkpoint, keep: bool) -> bool {
        if keep || !self.writer.is_after(&before) {
            self.value.keep_trial();
            return false;
        }
        let taken_back = self.value.take_back_trial();
        if taken_back {
            self.writer.restore(before);
            self.went_back();
        }
        taken_back
    }

    /// What this replica and the voters of its group accept, as far as they have said: the least of each limit. What is
    /// written here is to leave a sixteenth of it free.
    #[must_use]
    pub fn accepted(&self) -> Limits {
        let Accepts { bytes, state, .. } = self.least;
        let limits = Limits::default().with_bytes(bytes).with_schema(self.config.bounds.decode.schema);
        limits.with_writers(state.writers).with_events(state.events).with_names(state.names)
    }

    /// A voter accepts something else than before, or is one no more.
    pub(super) fn meet_limits(&mut self) {
        let voters = self.members.voters().iter().filter_map(|&voter| self.members.get(voter)?.accepts);
        self.least = voters.fold(Accepts::within(&self.config.bounds), Accepts::least);
    }

    /// Says once when the limits are near.
    pub(super) fn watch_limits(&mut self) {
        let (usage, limits) = (self.value.usage(), &self.config.bounds.decode);
        for (limit, is_near) in Limit::ALL.into_iter().zip(&mut self.nearly_full) {
            let (used, allowed) = (usage.of(limit), limits.of(limit));
            if used < allowed / 2 {
                *is_near = false;
            } else if used >= allowed - allowed / 4 && !core::mem::replace(is_near, true) {
                self.events.push(Event::NearlyFull { limit, used, allowed });
            }
        }
    }

    /// The value does not hold any more what it held, or not under the names that it had.
    fn went_back(&mut self) {
        let version = self.value.version();
        // What is gone is not durable either, should it come back from a peer.
        self.durable = self.durable.meet(version);
        for (_, peer) in self.members.all_mut() {
            peer.staged.forget_complete();
            // It would never be published, and so stand in the way of all others.
            if peer.pinned.as_ref().is_some_and(|pinned| !pinned.delta.upto.is_within(version)) {
                peer.pinned = None;
            }
        }
    }

    /// Everything up to here is durable, and may leave. Without durable storage this does nothing.
    ///
    /// What the value does not hold is passed over.
    pub fn persisted(&mut self, upto: &VersionVector) {
        if !self.config.durable {
            return;
        }
        let before = self.published().into_owned();
        self.durable.join(&upto.meet(self.value.version()));
        let published = self.published().into_owned();
        for (_, peer) in self.members.all_mut() {
            if peer.owes.as_ref().is_some_and(|owed| owed.is_within(&published)) {
                peer.owes = None;
                peer.say(Say::Have);
            }
        }
        self.tell_own_news(&before);
        self.settle();
    }

    /// Carries on under a new writer after [`Forked`], or whenever it is wanted. Returns the one before.
    ///
    /// What was written here and has left no one gets new names, and is as if the new writer had written it. Then
    /// peers send what the other one wrote under the old id: nothing that either wrote is lost. Costs O(state). With
    /// durable storage, nothing leaves before all of it is [persisted](Replica::persisted) again.
    ///
    /// See [`Causal::rebase`](crate::Causal::rebase) for what is beyond repair.
    ///
    /// # Errors
    /// [`RebaseError`]. Nothing has changed then.
    pub fn rebase(&mut self, mut writer: Writer) -> Result<Writer, RebaseError> {
        self.value.rebase(&self.shared, &mut writer)?;
        Ok(self.go_on_as(writer))
    }

    /// The remedy after [`Event::Diverged`], for one of the two: goes on with the state of the other one, as its
    /// [`export`](Replica::export) gives it, and writes again, under a new writer, what is shown here and not there. Returns
    /// the writer before. Costs O(both states). With durable storage, nothing leaves before all of it is
    /// [persisted](Replica::persisted) again.
    ///
    /// See [`Causal::adopt`](crate::Causal::adopt) for what is beyond repair. Others who hold the state that was given up
    /// find that they differ, too.
    ///
    /// # Errors
    /// [`AdoptError`]. Nothing has changed then.
    pub fn adopt(&mut self, theirs: &[u8], mut writer: Writer) -> Result<Writer, AdoptError> {
        let theirs = C::decode(theirs, &self.config.bounds.decode).map_err(AdoptError::Decode)?;
        self.value.adopt(theirs, &mut writer).map_err(AdoptError::Apply)?;
        // What is durable is another state of the same version.
        self.durable = VersionVector::new();
        self.hash = None;
        Ok(self.go_on_as(writer))
    }

    /// Events have other names than before.
    fn go_on_as(&mut self, writer: Writer) -> Writer {
        self.went_back();
        self.encoded = None;
        self.shared = C::default().shared(writer.uuid());
        self.forked = None;
        self.dirty = true;
        for (_, peer) in self.members.all_mut() {
            peer.forked = false;
            peer.diverged = None;
            // It has not left, and would keep the peer from sending for a while.
            peer.nack.take_if(|nack| nack.why == Why::Refused(Refusal::Forked));
        }
        for peer in self.members.targets().to_vec() {
            self.greet(peer);
        }
        core::mem::replace(&mut self.writer, writer)
    }

    /// Adds a member, or gives one another role. A new one counts as [connected](Replica::connected) until it is said to
    /// be [disconnected](Replica::disconnected), and is served at once.
    ///
    /// # Errors
    /// [`JoinError`]. Nothing has changed then.
    pub fn join(&mut self, peer: PeerId, role: Role) -> Result<(), JoinError> {
        let before = self.members.targets().to_vec();
        if self.members.join(peer, role, &self.config.bounds, &mut self.random)? {
            if matches!(self.members.topology, Topology::Random { .. }) {
                self.greet(peer);
            }
            self.greet_new(&before);
        }
        self.meet_limits();
        self.settle();
        Ok(())
    }

    /// The transport has a connection to a member, or a new one in place of the old one. Both sides speak at once, and
    /// nothing is sent before it is heard what the member has. Says whether it is a member.
    ///
    /// Transports without connections need not call this.
    pub fn connected(&mut self, peer: PeerId) -> bool {
        let before = self.members.targets().to_vec();
        let there = self.members.connect(peer, &mut self.random);
        if there {
            self.greet(peer);
            self.greet_new(&before);
        }
        there
    }

    /// The transport has no connection to a member any more. Nothing is made for it until it is
    /// [connected](Replica::connected) again, and a ring closes around it. It still counts for confirmations. A message
    /// of it is taken in all the same. Says whether it was connected.
    pub fn disconnected(&mut self, peer: PeerId) -> bool {
        let before = self.members.targets().to_vec();
        let there = self.members.disconnect(peer, &mut self.random);
        self.watches.forget(peer);
        self.fetch();
        self.greet_new(&before);
        there
    }

    /// A message of so many bytes does not reach a member, since something on the way refuses it for its length: a
    /// WebSocket was closed with 1009, a proxy answered 413. From now on messages for it have at most half as many bytes,
    /// at least 1 KiB; what was on its way goes again in smaller parts, and where there are none after a pause.
    /// Says whether smaller messages are tried.
    pub fn undelivered(&mut self, to: PeerId, bytes: usize) -> bool {
        let (now, timing, bounds) = (self.now, &self.config.timing, &self.config.bounds);
        let Some(peer) = self.members.get_mut(to) else { return false };
        let before = peer.accepts(bounds);
        let reaches = (bytes / 2).clamp(MIN_MESSAGE_BYTES, before);
        peer.reaches = Some(reaches);
        if peer.pinned.as_ref().is_some_and(|pinned| pinned.message_bytes() > reaches) {
            peer.pinned = None;
        }
        if reaches == before {
            let pause = timing.back_off.saturating_mul(1 << peer.refusals.min(6));
            peer.paused_until = now.saturating_add(pause);
            peer.refusals += 1;
        }
        self.events.push(Event::Undelivered { peer: to, bytes, reaches });
        self.serve(to, false);
        self.rearm(to);
        reaches < before
    }

    /// A member is gone for good: its messages are refused, and its id does not join again. What it wrote
    /// stays. Says whether that is new.
    pub fn retire(&mut self, peer: PeerId) -> bool {
        let before = self.members.targets().to_vec();
        let there = self.members.retire(peer, &self.config.bounds, &mut self.random);
        self.watches.forget(peer);
        self.meet_limits();
        self.fetch();
        self.greet_new(&before);
        self.settle();
        there
    }

    /// Changes with whom this replica keeps up by itself.
    pub fn set_topology(&mut self, topology: Topology) {
        let before = self.members.targets().to_vec();
        self.members.topology = topology;
        self.members.redraw(&mut self.random);
        self.greet_new(&before);
    }

    /// Asks for an event as soon as so many replicas have `dot`, or at the `deadline` one that says who
    /// is missing. What other members have is learned through others, too, where the topology does not lead to them.
    ///
    /// # Errors
    /// [`TooManyTickets`].
    pub fn confirm(&mut self, dot: Dot, level: Level, deadline: u64) -> Result<Ticket, TooManyTickets> {
        if self.confirmations.len() + self.events.settled() >= self.config.bounds.tickets {
            return Err(TooManyTickets);
        }
        let has =
            |peer: &Peer| peer.role == Role::Voter && peer.known.as_ref().is_some_and(|known| known.contains(&dot));
        let by: SortedSet<PeerId> = self.members.all().filter(|(_, peer)| has(peer)).map(|(id, _)| id).collect();
        let ticket = self.confirmations.add(dot, level, self.clock.inner(deadline), by);
        if level != Level::Local && self.confirmations.ask_at.is_none() {
            // Where everybody is a neighbour their acknowledgements say it all.
            let wait = if self.members.active() == self.members.targets() { self.config.timing.retry } else { 0 };
            self.confirmations.ask_at = Some(self.now.saturating_add(wait));
        }
        self.settle();
        Ok(ticket)
    }

    /// What happened since, oldest first; settled confirmations before everything else.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop()
    }

    pub(super) fn advance(&mut self, now: u64) {
        self.now = self.clock.advance(now);
    }

    /// Settles confirmations.
    pub(super) fn settle(&mut self) {
        if self.confirmations.len() == 0 {
            return;
        }
        let published = self.published().into_owned();
        let (me, counts) = (self.config.me, self.config.role == Role::Voter);
        let others = match mutants::on(Mutant::ElectorateIsConnected) {
            false => self.members.voters(),
            true => self.members.active(),
        };
        let group = Group { me, counts, others, version: &published };
        let events = &mut self.events;
        self.confirmations.settle(&group, self.now, |event| events.settle(event));
    }

    /// This replica has more now: some wait for that.
    pub(super) fn tell_own_news(&mut self, before: &VersionVector) {
        let news = self.watches.own_news(before, &self.published());
        self.tell_news(news);
    }

    pub(super) fn tell_news(&mut self, to: Vec<PeerId>) {
        let at = self.now.saturating_add(self.config.timing.debounce);
        for peer in to {
            if let Some(peer) = self.members.get_mut(peer) {
                peer.news_at = Some(peer.news_at.map_or(at, |before| before.min(at)));
            }
        }
    }

    fn greet_new(&mut self, before: &[PeerId]) {
        if matches!(self.members.topology, Topology::Random { .. }) {
            return;
        }
        for peer in self.members.targets().to_vec() {
            if before.binary_search(&peer).is_err() {
                self.greet(peer);
            }
        }
    }

    fn greet(&mut self, id: PeerId) {
        if let Some(peer) = self.members.get_mut(id) {
            peer.attempts = 0;
            peer.say(Say::Ask);
        }
    }
}

/// Listing changes writes nothing, so it goes on after a fork.
impl Replica<Watched> {
    /// The oldest batch of changes that was not fetched yet: see [`Watched::poll_changes`].
    pub fn poll_changes(&mut self) -> Option<Batch> {
        self.value.poll_changes()
    }

    /// Keeps up to `limit` changes from now on, until they are fetched.
    pub fn keep_changes(&mut self, limit: usize) {
        self.value.set_limit(limit);
    }
}

impl<C: DeltaCrdt + core::fmt::Debug> core::fmt::Debug for Replica<C> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut replica = f.debug_struct("Replica");
        replica.field("me", &self.config.me).field("value", &self.value).field("writer", &self.writer);
        replica.field("members", &self.members.active()).finish_non_exhaustive()
    }
}
