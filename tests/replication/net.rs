//! A small network in memory: it loses, doubles, delays and reorders by seed.

use std::collections::{BTreeMap, BTreeSet};

use dotted::replication::{Bounds, Config, Event, PeerId, Replica, ReplicaError, Role, Timing, Topology};
use dotted::{Dot, OrSet, Writer};
use uuid::Uuid;

#[path = "../common/random.rs"]
mod random;
pub use random::Random;

pub type Set = OrSet<u64>;

pub const STORE: Uuid = Uuid::from_u128(42);
pub const HAVE: u8 = 16;
pub const PART: u8 = 17;
pub const NACK: u8 = 18;
pub const AUDIT: u8 = 19;

/// In percent and milliseconds.
#[derive(Clone, Copy)]
pub struct Faults {
    pub loss: u64,
    pub twice: u64,
    /// A copy that comes much later.
    pub late: u64,
    pub delay: (u64, u64),
}

pub const CALM: Faults = Faults { loss: 0, twice: 0, late: 0, delay: (10, 10) };
pub const STORM: Faults = Faults { loss: 30, twice: 20, late: 5, delay: (1, 200) };

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    pub at: u64,
    pub from: usize,
    pub to: usize,
    pub bytes: Vec<u8>,
}

impl Sent {
    pub fn kind(&self) -> u8 {
        self.bytes[5]
    }
}

pub struct Net {
    pub replicas: Vec<Replica<Set>>,
    pub now: u64,
    pub faults: Faults,
    /// From whom to whom nothing gets through.
    pub cut: BTreeSet<(usize, usize)>,
    pub down: BTreeSet<usize>,
    pub log: Vec<Sent>,
    pub errors: Vec<(usize, ReplicaError)>,
    pub events: Vec<Vec<Event>>,
    wire: BTreeMap<(u64, u64), Sent>,
    serial: u64,
    random: Random,
}

pub fn peer(at: usize) -> PeerId {
    PeerId::from_seed(at as u64 + 1)
}

pub fn index(peer: PeerId) -> usize {
    (0..1000).find(|&at| self::peer(at) == peer).expect("a peer of the network")
}

pub fn config(at: usize) -> Config {
    Config::new(peer(at), STORE, 1000 + at as u64)
}

pub fn replica(config: Config) -> Replica<Set> {
    let writer = Writer::from_seed(index(config.me) as u64 + 1);
    Replica::new(Set::new(), writer, config)
}

impl Net {
    pub fn of(replicas: Vec<Replica<Set>>, seed: u64) -> Self {
        let events = replicas.iter().map(|_| Vec::new()).collect();
        Self {
            replicas,
            now: 0,
            faults: CALM,
            cut: BTreeSet::new(),
            down: BTreeSet::new(),
            log: Vec::new(),
            errors: Vec::new(),
            events,
            wire: BTreeMap::new(),
            serial: 0,
            random: Random::new(seed),
        }
    }

    /// So many replicas that are all members of one group.
    pub fn group(count: usize, topology: &Topology, seed: u64) -> Self {
        Self::group_with(count, seed, |at| config(at).with_topology(topology.clone()))
    }

    pub fn group_with(count: usize, seed: u64, config: impl Fn(usize) -> Config) -> Self {
        let mut net = Self::of((0..count).map(|at| replica(config(at))).collect(), seed);
        net.join_all();
        net
    }

    pub fn join_all(&mut self) {
        for at in 0..self.replicas.len() {
            for other in (0..self.replicas.len()).filter(|&other| other != at) {
                self.replicas[at].join(peer(other), Role::Voter).expect("it may join");
            }
        }
    }

    pub fn insert(&mut self, at: usize, element: u64) -> Dot {
        self.replicas[at].update(|set, writer| set.insert(writer, element)).expect("it is not forked")
    }

    pub fn remove(&mut self, at: usize, element: u64) {
        self.replicas[at].update(|set, writer| _ = set.remove(writer, &element)).expect("it is not forked");
    }

    pub fn fill(&mut self, at: usize, elements: std::ops::Range<u64>) {
        self.replicas[at].update(|set, writer| set.extend(writer, elements)).expect("it is not forked");
    }

    /// Puts a message on the wire, as it is.
    pub fn inject(&mut self, at: u64, sent: Sent) {
        self.serial += 1;
        self.wire.insert((at, self.serial), sent);
    }

    fn send(&mut self, sent: Sent) {
        self.log.push(sent.clone());
        let Faults { loss, twice, late, delay } = self.faults;
        if self.cut.contains(&(sent.from, sent.to)) || self.random.chance(loss) {
            return;
        }
        let mut copies = vec![delay];
        copies.extend(self.random.chance(twice).then_some(delay));
        copies.extend(self.random.chance(late).then_some((2_000, 60_000)));
        for (least, most) in copies {
            let at = self.now + least + self.random.next() % (most - least + 1);
            self.inject(at, sent.clone());
        }
    }

    /// What is under way is lost.
    pub fn lose(&mut self, from: usize, to: usize) {
        self.wire.retain(|_, sent| (sent.from, sent.to) != (from, to));
    }

    /// Fetches what the replicas have to say.
    pub fn flush(&mut self) {
        for from in 0..self.replicas.len() {
            if self.down.contains(&from) {
                continue;
            }
            while let Some(message) = self.replicas[from].poll_transmit() {
                self.send(Sent { at: self.now, from, to: index(message.to), bytes: message.bytes });
            }
            while let Some(event) = self.replicas[from].poll_event() {
                self.events[from].push(event);
            }
        }
    }

    /// Goes on to the next thing that happens, at most until `end`.
    fn step(&mut self, end: u64) {
        let up = (0..self.replicas.len()).filter(|at| !self.down.contains(at));
        let due = up.filter_map(|at| self.replicas[at].poll_timeout()).min();
        let next = due.into_iter().chain(self.wire.keys().next().map(|key| key.0)).min();
        self.now = next.unwrap_or(end).clamp(self.now, end);
        while let Some(entry) = self.wire.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let Sent { from, to, bytes, .. } = entry.remove();
            if to < self.replicas.len()
                && !self.down.contains(&to)
                && let Err(error) = self.replicas[to].handle(peer(from), &bytes, self.now)
            {
                assert_eq!(error.peer(), peer(from));
                self.errors.push((to, error));
            }
            self.flush();
        }
        for at in 0..self.replicas.len() {
            if !self.down.contains(&at) && self.replicas[at].poll_timeout().is_some_and(|due| due <= self.now) {
                self.replicas[at].tick(self.now);
                let next = self.replicas[at].poll_timeout();
                assert!(next.is_none_or(|next| next > self.now), "a tick leaves nothing that is due");
            }
        }
        self.flush();
    }

    pub fn run(&mut self, millis: u64) {
        let end = self.now + millis;
        self.flush();
        loop {
            self.step(end);
            if self.now >= end {
                return;
            }
        }
    }

    /// Runs until it holds. Gives the time that took.
    pub fn run_until(&mut self, most: u64, done: impl Fn(&Self) -> bool) -> u64 {
        let start = self.now;
        self.flush();
        while !done(self) {
            assert!(self.now < start + most, "not within {most} ms");
            self.step(start + most);
        }
        self.now - start
    }

    pub fn converged(&self) -> bool {
        let first = self.replicas[0].value();
        self.replicas.iter().all(|replica| replica.value().version() == first.version() && replica.value() == first)
    }

    /// What was sent since `from`, of a kind.
    pub fn count(&self, from: usize, kind: u8) -> usize {
        self.log[from..].iter().filter(|sent| sent.kind() == kind).count()
    }

    pub fn take_events(&mut self, at: usize) -> Vec<Event> {
        self.flush();
        std::mem::take(&mut self.events[at])
    }
}

pub fn small_messages() -> Bounds {
    Bounds { message_bytes: 1024, ..Bounds::default() }
}

pub fn no_heartbeat() -> Timing {
    Timing { heartbeat: 1 << 40, ..Timing::default() }
}
