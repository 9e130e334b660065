//! Rights of bounded counters go to where they are needed.

mod demand;
mod escrows;
mod message;

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use self::demand::Demand;
use self::message::{Grant, Message, Want};
use super::budget::Budget;
use super::{PeerId, Replica, ReplicaError, Transmit, WriteError};
use crate::causality::{Dot, ReplicaId};
use crate::sorted::SortedMap;
use crate::types::EscrowError;

pub use self::escrows::Escrows;

/// Asks for rights of bounded counters before they run out, and gives away those that are not needed.
///
/// It stands beside a [`Replica`], and like that it does no I/O and has no clock: count down with
/// [`try_decrement`](Rebalancer::try_decrement), hand in the messages that it [claims](Rebalancer::claims) and the time,
/// and send what it says. The same calls give the same bytes. What is given is an ordinary
/// [`transfer`](crate::BoundedCounter::transfer) and travels as part of the value, so messages may be lost, doubled
/// or late, and no message of anyone can take a counter below its bound: at worst rights are where nobody needs
/// them.
///
/// * Who has less than half of what was wanted in the last [`window`](Rebalancing), or was refused something, asks the
///   richest member for as much as twice that. It asks one at a time, waits for an answer no longer than
///   [`expiry`](Rebalancing), and then turns to the next.
/// * Who is asked keeps twice of what was wanted from it itself, and gives up to half of the rest.
/// * Between what is asked for and what is kept there is a factor of four, and who has just asked does not give: so
///   rights do not go back and forth.
///
/// ```
/// use dotted::replication::{Config, Role, PeerId, Rebalancer, Rebalancing, Replica};
/// use dotted::{BoundedCounter, Writer};
///
/// let (a, b) = (PeerId::from_seed(1), PeerId::from_seed(2));
/// let store = "6f1c1f7a-5b0c-4c60-9b0e-2b8f4a3f9d11".parse()?;
/// let replica = |me, seed| Replica::<BoundedCounter>::new(BoundedCounter::new(), Writer::new(), Config::new(me, store, seed));
/// let rebalancer = |session| Rebalancer::new(session, Rebalancing::default());
/// let mut nodes = [(replica(a, 7), rebalancer(11)), (replica(b, 8), rebalancer(12))];
/// nodes[0].0.join(b, Role::Voter)?;
/// nodes[1].0.join(a, Role::Voter)?;
/// nodes[0].0.update(|stock, writer| stock.increment(writer, 100))??;
/// // There is nothing at the other one yet. A single counter has the empty name.
/// let (replica, rebalancer) = &mut nodes[1];
/// assert!(rebalancer.try_decrement(replica, "", 5, 0).is_err());
///
/// for now in (0..1000).step_by(10) {
///     for (from, sender) in [(0, a), (1, b)] {
///         let (replica, rebalancer) = &mut nodes[from];
///         replica.tick(now);
///         rebalancer.tick(replica, now);
///         let messages = std::iter::from_fn(|| replica.poll_transmit().or_else(|| rebalancer.poll_transmit()));
///         let messages: Vec<_> = messages.collect();
///         let (replica, rebalancer) = &mut nodes[1 - from];
///         for message in messages {
///             if Rebalancer::claims(&message.bytes) {
///                 rebalancer.handle(replica, sender, &message.bytes, now)?;
///             } else {
///                 replica.handle(sender, &message.bytes, now)?;
///             }
///         }
///     }
/// }
/// let (replica, rebalancer) = &mut nodes[1];
/// rebalancer.try_decrement(replica, "", 5, 1000)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Members are asked directly, whatever the topology. Each call costs what the reads of the counter cost.
#[derive(Debug, Clone)]
pub struct Rebalancer {
    settings: Rebalancing,
    session: u64,
    /// The number of the last request.
    number: u64,
    now: u64,
    /// Those that are counted down here.
    counters: SortedMap<String, Counter>,
    peers: SortedMap<PeerId, Peer>,
    outbox: VecDeque<Transmit>,
}

/// When rights are asked for, in milliseconds, and how much there may be of anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebalancing {
    /// Over which time demand is measured. It should be many times longer than an answer takes.
    pub window: u64,
    /// How long an answer, and what it promises, is waited for.
    pub expiry: u64,
    /// The least time from one request for rights of a counter to the next.
    pub pause: u64,
    /// For how long a member that has nothing to give, or does not answer, is not asked again.
    pub back_off: u64,
    /// For how long who has asked does not give.
    pub calm: u64,
    /// For how many counters demand is measured; others can be counted down, and rights are not asked for.
    pub counters: usize,
    /// How many requests of a member are heard at once …
    pub burst: u32,
    /// … and how many in a second from then on.
    pub per_second: u32,
}

impl Default for Rebalancing {
    /// A window of 10 s, expiry after 2 s, a pause of 100 ms, back-off and calm for 1 s, 1,024 counters, 16 requests at
    /// once and 16 a second.
    fn default() -> Self {
        Self {
            window: 10_000,
            expiry: 2_000,
            pause: 100,
            back_off: 1_000,
            calm: 1_000,
            counters: 1024,
            burst: 16,
            per_second: 16,
        }
    }
}

/// Why nothing was counted down. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpendError {
    /// The counter refuses it.
    Escrow(EscrowError),
    /// The replica refuses it: see [`Replica::update`].
    Refused(WriteError),
}

impl fmt::Display for SpendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Escrow(error) => fmt::Display::fmt(error, f),
            Self::Refused(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl core::error::Error for SpendError {}

/// A counter that is counted down here.
#[derive(Debug, Clone)]
struct Counter {
    demand: Demand,
    /// The most that was refused, until there is so much.
    need: u64,
    asked: Option<Asked>,
    asked_at: Option<u64>,
    /// Members with nothing to give, until then.
    poor: SortedMap<PeerId, u64>,
    /// When to look again; `None` while there is enough.
    wake_at: Option<u64>,
}

impl Counter {
    /// Forgets a need that cannot be met.
    fn give_up(&mut self, there: u128) {
        if is_hopeless(self.need, there) {
            self.need = 0;
        }
    }
}

/// A request under way.
#[derive(Debug, Clone)]
struct Asked {
    peer: PeerId,
    number: u64,
    expires: u64,
    granted: bool,
    /// What had been handed over before.
    before: u128,
}

/// What is known of a member.
#[derive(Debug, Clone)]
struct Peer {
    /// Under which id it has its rights, as it says.
    holder: Option<ReplicaId>,
    /// The last request that was heard.
    session: u64,
    number: u64,
    budget: Budget,
}

/// Messages wait in the thousands only where nobody fetches them. Those for which there is no room are lost, as on
/// the way.
const OUTBOX: usize = 4096;

impl Rebalancer {
    /// One that has asked for nothing yet. Draw `session` at random at every start.
    #[must_use]
    pub fn new(session: u64, settings: Rebalancing) -> Self {
        let (counters, peers, outbox) = (SortedMap::default(), SortedMap::default(), VecDeque::new());
        Self { settings, session, number: 0, now: 0, counters, peers, outbox }
    }

    /// Whether a message is one for [`handle`](Rebalancer::handle), and not for the replica.
    #[must_use]
    pub fn claims(bytes: &[u8]) -> bool {
        message::claims(bytes)
    }

    /// Counts a counter down, and asks for more rights where they run low. What is refused counts as demand, too, and is
    /// asked for with the next [`tick`](Rebalancer::tick), which is due then: try again a little later. Only what is more
    /// than all rights that are known is not asked for: it would bring them all here for nothing. With durable storage,
    /// what was counted is acknowledged once it is durable.
    ///
    /// # Errors
    /// [`SpendError`]. Nothing is written.
    pub fn try_decrement<C: Escrows>(
        &mut self,
        replica: &mut Replica<C>,
        name: &str,
        by: u64,
        now: u64,
    ) -> Result<Dot, SpendError> {
        self.now = self.now.max(now);
        let result = replica.update(|value, writer| value.try_decrement(writer, name, by));
        let result = result.map_err(SpendError::Refused)?;
        let there = match result {
            Err(EscrowError::InsufficientRights { local, elsewhere }) => Some(local.saturating_add(elsewhere)),
            _ => None,
        };
        if result.is_ok() {
            self.note(name, by, None);
            self.consider(replica, name);
        } else if there.is_some_and(|there| !is_hopeless(by, there)) {
            self.note(name, by, there);
            // Not at once: asking may take an announcement, and what is refused writes nothing.
            if let Some(counter) = self.counters.get_mut(name) {
                counter.wake_at = Some(self.now);
            }
        }
        result.map_err(SpendError::Escrow)
    }

    /// What was wanted, and of how many rights, if it was refused.
    fn note(&mut self, name: &str, by: u64, there: Option<u128>) {
        if !self.counters.contains(name) {
            if self.counters.len() >= self.settings.counters {
                self.forget_idle();
            }
            if self.counters.len() >= self.settings.counters || name.len() > message::MAX_NAME {
                return;
            }
            let demand = Demand::new(self.settings.window, self.now);
            let counter =
                Counter { demand, need: 0, asked: None, asked_at: None, poor: SortedMap::default(), wake_at: None };
            self.counters.entry(name.into(), || counter);
        }
        if let Some(counter) = self.counters.get_mut(name) {
            // Where there is nothing at all, it is not known yet whether so much can ever be had.
            counter.demand.add(if there == Some(0) { 1 } else { by }, self.now);
            if there.is_some() {
                counter.need = counter.need.max(by);
            }
        }
    }

    /// Takes note of the time: requests expire, and rights that run low are asked for. Call it when
    /// [`poll_timeout`](Rebalancer::poll_timeout) says; calls that come too early do no harm.
    pub fn tick<C: Escrows>(&mut self, replica: &mut Replica<C>, now: u64) {
        self.now = self.now.max(now);
        let now = self.now;
        self.peers.retain(|peer, _| replica.members().binary_search(peer).is_ok());
        self.forget_idle();
        let due = self.counters.iter().filter(|(_, counter)| counter.wake_at.is_some_and(|at| at <= now));
        for name in due.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            self.consider(replica, &name);
        }
    }

    /// Counters that nobody counts down any more make room for others.
    fn forget_idle(&mut self) {
        let now = self.now;
        self.counters.retain(|_, counter| {
            counter.poor.retain(|_, until| *until > now);
            counter.wake_at.is_some() || counter.demand.recent(now) > 0
        });
    }

    /// When to call [`tick`](Rebalancer::tick) next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        self.counters.values().filter_map(|counter| counter.wake_at).min()
    }

    /// The next message to be sent.
    #[must_use = "a message that is dropped counts as sent"]
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.outbox.pop_front()
    }

    /// Takes in a message of `from`, for whom the transport vouches.
    ///
    /// # Errors
    /// [`ReplicaError`], naming the peer. Nothing has changed then.
    pub fn handle<C: Escrows>(
        &mut self,
        replica: &mut Replica<C>,
        from: PeerId,
        bytes: &[u8],
        now: u64,
    ) -> Result<(), ReplicaError> {
        self.now = self.now.max(now);
        if replica.members().binary_search(&from).is_err() {
            return Err(ReplicaError::NotMember { peer: from });
        }
        if bytes.len() > message::MAX_BYTES {
            return Err(ReplicaError::TooLong { peer: from, bytes: bytes.len() });
        }
        let now = self.now;
        if !self.peer(from).budget.take(now) {
            return Err(ReplicaError::Muted { peer: from });
        }
        let (store, message) = Message::decode(bytes).map_err(|error| ReplicaError::Malformed { peer: from, error })?;
        if store != replica.config().store {
            return Err(ReplicaError::WrongStore { peer: from });
        }
        match message {
            Message::Want(want) => self.on_want(replica, from, want),
            Message::Grant(grant) => self.on_grant(replica, from, &grant),
        }
        Ok(())
    }

    fn peer(&mut self, id: PeerId) -> &mut Peer {
        let Rebalancing { burst, per_second, .. } = self.settings;
        let budget = || Budget::new(burst, per_second);
        self.peers.entry(id, || Peer { holder: None, session: 0, number: 0, budget: budget() })
    }

    fn on_want<C: Escrows>(&mut self, replica: &mut Replica<C>, from: PeerId, want: Want) {
        let peer = self.peer(from);
        if peer.session == want.session && want.number <= peer.number {
            return; // It was heard already.
        }
        (peer.session, peer.number, peer.holder) = (want.session, want.number, Some(want.to));
        let amount = self.give(replica, &want);
        let own = replica.value().branch_of(replica.writer());
        let grant = Grant { session: want.session, number: want.number, from: own, amount };
        self.send(replica, from, Message::Grant(grant));
    }

    /// Gives what is not needed here, up to half of it. Returns how much.
    fn give<C: Escrows>(&mut self, replica: &mut Replica<C>, want: &Want) -> u64 {
        let Some(own) = replica.value().branch_of(replica.writer()) else { return 0 };
        let mut keep = 0;
        if let Some(counter) = self.counters.get_mut(&want.name) {
            let calm = |at: u64| self.now < at.saturating_add(self.settings.calm);
            if counter.asked.is_some() || counter.asked_at.is_some_and(calm) {
                return 0;
            }
            counter.give_up(all_rights(&replica.value().holders(&want.name)));
            keep = counter.demand.recent(self.now).saturating_mul(2).max(counter.need);
        }
        let spare = positive(replica.value().rights_of(&want.name, &own)).saturating_sub(u128::from(keep));
        let amount = u64::try_from(spare.div_ceil(2)).unwrap_or(u64::MAX).min(want.amount);
        let given = replica.update(|value, writer| value.transfer(writer, &want.name, &want.to, amount));
        if matches!(given, Ok(Ok(_))) { amount } else { 0 }
    }

    fn on_grant<C: Escrows>(&mut self, replica: &mut Replica<C>, from: PeerId, grant: &Grant) {
        let is_mine = |asked: &Asked| asked.peer == from && asked.number == grant.number && !asked.granted;
        let found = self.counters.iter_mut().find(|(_, counter)| counter.asked.as_ref().is_some_and(is_mine));
        let Some((name, counter)) = found.filter(|_| grant.session == self.session) else { return };
        if grant.amount > 0 {
            counter.asked.iter_mut().for_each(|asked| asked.granted = true);
        } else {
            counter.asked = None;
            *counter.poor.entry(from, || 0) = self.now.saturating_add(self.settings.back_off);
        }
        let name = name.clone();
        self.peer(from).holder = grant.from;
        self.consider(replica, &name);
    }

    /// Asks for rights of a counter, if they run low and nothing is under way.
    fn consider<C: Escrows>(&mut self, replica: &mut Replica<C>, name: &str) {
        let (now, settings) = (self.now, &self.settings);
        let Some(counter) = self.counters.get_mut(name) else { return };
        let own = replica.value().branch_of(replica.writer());
        let mine = own.map_or(0, |own| positive(replica.value().rights_of(name, &own)));
        let recent = counter.demand.recent(now);
        let holders = replica.value().holders(name);
        counter.give_up(all_rights(&holders));
        if recent == 0 {
            counter.need = 0; // It was given up.
        }
        if mine >= u128::from(counter.need.max(recent / 2)) {
            (counter.need, counter.asked, counter.wake_at) = (0, None, None);
            return;
        }
        if let Some(asked) = &counter.asked {
            let arrived = own.is_some_and(|own| replica.value().handed_to(name, &own) > asked.before);
            if asked.expires > now && !arrived {
                counter.wake_at = Some(asked.expires);
                return;
            }
            if !arrived {
                *counter.poor.entry(asked.peer, || 0) = now.saturating_add(settings.back_off);
            }
            counter.asked = None;
        }
        let next = counter.asked_at.map_or(now, |at| at.saturating_add(settings.pause));
        if next > now {
            counter.wake_at = Some(next);
            return;
        }
        // If there is nobody to ask, soon again: more may be known then.
        counter.wake_at = Some(now.saturating_add(settings.pause.max(1)));
        let target = u128::from(recent.saturating_mul(2).max(counter.need));
        let amount = u64::try_from(target.saturating_sub(mine)).unwrap_or(u64::MAX);
        let poor = |peer: &PeerId| counter.poor.get(peer).is_some_and(|&until| until > now);
        let Some(peer) = richest(replica, &self.peers, &holders, own, poor) else { return };
        // So that it can be given something. Whoever is asked must have heard of it first.
        let announced = replica.update(|value, writer| value.announce(writer, name));
        if announced != Ok(None) {
            counter.asked_at = Some(now);
            return;
        }
        let Some(to) = replica.value().branch_of(replica.writer()) else { return };
        let before = replica.value().handed_to(name, &to);
        self.number += 1;
        let (number, expires) = (self.number, now.saturating_add(settings.expiry));
        counter.asked = Some(Asked { peer, number, expires, granted: false, before });
        (counter.asked_at, counter.wake_at) = (Some(now), Some(expires));
        let want = Want { session: self.session, number, to, amount, name: name.into() };
        self.send(replica, peer, Message::Want(want));
    }

    fn send<C: Escrows>(&mut self, replica: &Replica<C>, to: PeerId, message: Message) {
        if self.outbox.len() < OUTBOX {
            self.outbox.push_back(Transmit { to, bytes: message.encode(replica.config().store) });
        }
    }
}

/// Whether so much is more than there is.
fn is_hopeless(amount: u64, there: u128) -> bool {
    there > 0 && u128::from(amount) > there
}

/// What is above zero.
fn positive(rights: i128) -> u128 {
    u128::try_from(rights).unwrap_or(0)
}

/// What all holders have.
fn all_rights(holders: &[(ReplicaId, i128)]) -> u128 {
    holders.iter().map(|&(_, rights)| positive(rights)).sum()
}

/// What one of the holders has.
fn rights(holders: &[(ReplicaId, i128)], replica: &ReplicaId) -> u128 {
    let found = holders.binary_search_by_key(replica, |&(id, _)| id);
    found.map_or(0, |at| positive(holders[at].1))
}

/// The member with the most rights. Those of whom it is not known what they have may have all that is not known to
/// be another's: they are asked in turn, and say who they are.
fn richest<C: Escrows>(
    replica: &Replica<C>,
    peers: &SortedMap<PeerId, Peer>,
    holders: &[(ReplicaId, i128)],
    own: Option<ReplicaId>,
    poor: impl Fn(&PeerId) -> bool,
) -> Option<PeerId> {
    let holder = |peer: &PeerId| peers.get(peer).and_then(|peer| peer.holder);
    let known = |peer: &PeerId| holder(peer).map(|id| rights(holders, &id));
    let members = replica.members();
    let theirs: u128 = members.iter().filter_map(known).sum();
    let all = all_rights(holders);
    let unknown = all.saturating_sub(theirs).saturating_sub(own.map_or(0, |own| rights(holders, &own)));
    // The next after this replica in the order of ids first, so that not everybody asks the same one.
    let (before, after) = members.split_at(members.partition_point(|&peer| peer < replica.me()));
    let (mut best, mut most) = (None, 0);
    for peer in [after, before].into_iter().flatten() {
        let rights = known(peer).unwrap_or(unknown);
        if rights > most && !poor(peer) {
            (best, most) = (Some(*peer), rights);
        }
    }
    best
}
