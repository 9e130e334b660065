//! Groups of real replicas over a network in memory that loses nothing and always takes as long.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use dotted::replication::{Config, PeerId, Replica, Role, Timing, Topology};
use dotted::{Store, VersionVector, Writer};
use uuid::Uuid;

/// Milliseconds that every message is on its way.
pub const DELAY: u64 = 50;
/// So seldom that no heartbeat comes between.
const NEVER: u64 = 1 << 40;

/// How replicas are connected, made new for each group.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    FullMesh,
    Star,
    Ring,
    Random,
}

impl Shape {
    pub const ALL: [Self; 4] = [Self::FullMesh, Self::Star, Self::Ring, Self::Random];

    pub const fn name(self) -> &'static str {
        match self {
            Self::FullMesh => "full mesh",
            Self::Star => "star",
            Self::Ring => "ring",
            Self::Random => "random, fan-out 2",
        }
    }

    /// The hub of a star is its last member: the first one is the one that writes.
    fn topology(self, members: usize) -> Topology {
        match self {
            Self::FullMesh => Topology::FullMesh,
            Self::Star => Topology::Star { hub: peer(members - 1) },
            Self::Ring => Topology::Ring,
            Self::Random => Topology::Random { fan_out: 2 },
        }
    }
}

/// Without heartbeats, so that what a change causes can be told from what goes on anyway.
pub fn without_heartbeats() -> Timing {
    Timing { heartbeat: NEVER, ..Timing::default() }
}

fn peer(place: usize) -> PeerId {
    PeerId::from_seed(place as u64)
}

/// Whether a message holds a delta, or a part of one: the content is the sixth byte of an envelope.
pub fn is_state(message: &[u8]) -> bool {
    message[5] == 17
}

/// What was sent.
#[derive(Default, Clone, Copy)]
pub struct Traffic {
    pub messages: usize,
    pub bytes: usize,
    /// In messages that hold a delta.
    pub state_bytes: usize,
}

/// A message on its way. What arrives first is the least.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Letter {
    at: u64,
    number: usize,
    from: usize,
    to: usize,
    bytes: Vec<u8>,
}

/// What everyone should have, and since when they do.
#[derive(Default)]
struct Watch {
    target: VersionVector,
    since: Vec<Option<u64>>,
}

pub struct Group {
    pub replicas: Vec<Replica<Store>>,
    pub now: u64,
    pub traffic: Traffic,
    /// By replica, when it wants to be called.
    wakes: Vec<u64>,
    mail: BinaryHeap<Reverse<Letter>>,
    watch: Watch,
}

impl Group {
    /// A group in which everyone has written once and all know of each other that they have it.
    pub fn new(members: usize, shape: Shape, timing: &Timing, seed: u64) -> Self {
        let mut writers: Vec<_> = (0..members as u64).map(|place| Writer::from_seed(seed << 16 | place)).collect();
        let mut store = Store::new();
        for (place, writer) in writers.iter_mut().enumerate() {
            store.set("cart").insert(writer, element(place));
        }
        let replicas = (0..members).zip(writers).map(|(place, writer)| {
            let config = Config::new(peer(place), Uuid::from_u128(3), seed << 16 | place as u64);
            let config = config.with_topology(shape.topology(members)).with_timing(timing.clone());
            let mut replica = Replica::new(store.clone(), writer, config);
            for other in (0..members).filter(|other| *other != place) {
                replica.join(peer(other), Role::Voter).expect("there is room for all");
            }
            replica
        });
        let mut group = Self {
            replicas: replicas.collect(),
            now: 0,
            traffic: Traffic::default(),
            wakes: vec![0; members],
            mail: BinaryHeap::new(),
            watch: Watch::default(),
        };
        group.run_until(20_000);
        group.traffic = Traffic::default();
        group
    }

    /// Writes new elements.
    pub fn write(&mut self, at: usize, elements: std::ops::Range<usize>) {
        let write = |store: &mut Store, writer: &mut Writer| {
            elements.for_each(|number| _ = store.set("cart").insert(writer, element(number)));
        };
        self.replicas[at].update(write).expect("nobody has this id twice");
        self.touched(at);
    }

    /// Notes from now on who has all that anyone has now.
    pub fn watch(&mut self) {
        self.watch.target = VersionVector::new();
        for replica in &self.replicas {
            self.watch.target.join(replica.value().version());
        }
        self.watch.since = vec![None; self.replicas.len()];
        (0..self.replicas.len()).for_each(|at| self.look(at));
    }

    /// In the order of the members, since when they have what is watched for.
    pub fn since(&self) -> &[Option<u64>] {
        &self.watch.since
    }

    fn look(&mut self, at: usize) {
        if let Some(since @ None) = self.watch.since.get_mut(at)
            && self.watch.target.is_within(self.replicas[at].value().version())
        {
            *since = Some(self.now);
        }
    }

    /// Runs until nothing is to be done before long.
    pub fn rest(&mut self) {
        while self.next().is_some_and(|at| at < self.now + NEVER / 4) {
            self.step();
        }
    }

    /// Runs until a time.
    pub fn run_until(&mut self, end: u64) {
        while self.next().is_some_and(|at| at <= end) {
            self.step();
        }
        self.now = end;
    }

    /// Nobody has a connection to anybody: what is written stays where it is.
    pub fn part(&mut self) {
        for at in 0..self.replicas.len() {
            for other in self.replicas[at].members().to_vec() {
                self.replicas[at].disconnected(other);
            }
        }
    }

    /// The first two get a connection, and so many of them speak at once.
    pub fn greet(&mut self, speaking: usize) {
        for at in 0..2 {
            self.replicas[at].connected(peer(1 - at));
        }
        for at in speaking..2 {
            while self.replicas[at].poll_transmit().is_some() {}
        }
        (0..2).for_each(|at| self.touched(at));
    }

    fn next(&self) -> Option<u64> {
        let letter = self.mail.peek().map(|Reverse(letter)| letter.at);
        letter.into_iter().chain(self.wakes.iter().copied()).min()
    }

    /// One message arrives, or whoever is the first to wait for the time is told it.
    fn step(&mut self) {
        let Some(at) = self.next() else { return };
        self.now = self.now.max(at);
        if self.mail.peek().is_some_and(|Reverse(letter)| letter.at <= at) {
            let Reverse(Letter { from, to, bytes, .. }) = self.mail.pop().expect("there is one");
            self.replicas[to].handle(peer(from), &bytes, self.now).expect("only replicas have written it");
            self.look(to);
            self.touched(to);
        } else if let Some(due) = self.wakes.iter().position(|&wake| wake <= at) {
            self.touched(due);
        }
    }

    /// After each call: what is due, what is to be sent, when to come back.
    fn touched(&mut self, at: usize) {
        let replica = &mut self.replicas[at];
        replica.tick(self.now);
        while replica.poll_event().is_some() {}
        while let Some(message) = replica.poll_transmit() {
            self.traffic.messages += 1;
            self.traffic.bytes += message.bytes.len();
            self.traffic.state_bytes += if is_state(&message.bytes) { message.bytes.len() } else { 0 };
            let to = (0..).find(|&place| peer(place) == message.to).expect("a member");
            let letter =
                Letter { at: self.now + DELAY, number: self.traffic.messages, from: at, to, bytes: message.bytes };
            self.mail.push(Reverse(letter));
        }
        // What is due already was looked at: not again at the same time.
        self.wakes[at] = replica.poll_timeout().map_or(u64::MAX, |wake| wake.max(self.now + 1));
    }
}

/// All elements are equally long.
pub fn element(number: usize) -> String {
    format!("element {number:08}")
}

/// What names and elements take by themselves: the names once each, then every element.
pub fn payload<'a>(names: impl IntoIterator<Item = &'a str>, values: impl IntoIterator<Item = dotted::Value>) -> usize {
    let names = names.into_iter().map(|name| name.len() + 1);
    let values = values.into_iter().map(|value| postcard::to_allocvec(&value).expect("it is only text").len());
    names.sum::<usize>() + values.sum::<usize>()
}
