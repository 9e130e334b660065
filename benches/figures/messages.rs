//! Single messages: their bytes, and the time to take them in.

use std::hint::black_box;

use dotted::replication::{Config, PeerId, Replica, Role, Timing, Transmit};
use dotted::{Store, Value, Writer};
use uuid::Uuid;

use crate::group::{element, is_state, payload};
use crate::report::{Report, number};
use crate::timing::{median, nanoseconds};

/// What two replicas have in common before.
const ELEMENTS: usize = 10_000;
const ROUNDS: usize = 301;

/// Two replicas that know each other, and whose messages go by hand.
struct Two {
    here: Replica<Store>,
    there: Replica<Store>,
    now: u64,
}

fn peer(of: u64) -> PeerId {
    PeerId::from_seed(of)
}

fn pass(from: &mut Replica<Store>, to: &mut Replica<Store>, now: u64) -> usize {
    let messages: Vec<_> = std::iter::from_fn(|| from.poll_transmit()).collect();
    for Transmit { bytes, .. } in &messages {
        to.handle(from.me(), bytes, now).expect("a replica has written it");
    }
    while to.poll_event().is_some() {}
    messages.len()
}

impl Two {
    /// Both have what is in `store`, and what is written next is by its last writer.
    fn new(store: Store, writer: Writer) -> Self {
        let timing = Timing { debounce: 0, heartbeat: 1 << 40, ..Timing::default() };
        let replica = |me, other, writer| {
            let config = Config::new(peer(me), Uuid::from_u128(3), me).with_timing(timing.clone());
            let mut replica = Replica::new(store.clone(), writer, config);
            replica.join(peer(other), Role::Voter).expect("there is room");
            replica
        };
        let mut two = Self { here: replica(1, 2, writer), there: replica(2, 1, Writer::from_seed(u64::MAX)), now: 0 };
        two.settle();
        two
    }

    fn settle(&mut self) {
        while {
            self.now += 1;
            self.here.tick(self.now);
            self.there.tick(self.now);
            pass(&mut self.here, &mut self.there, self.now) + pass(&mut self.there, &mut self.here, self.now) > 0
        } {}
    }

    /// The message with what was written here.
    fn push(&mut self) -> Vec<u8> {
        self.now += 1;
        self.here.tick(self.now);
        let message = self.here.poll_transmit().expect("something was written").bytes;
        assert!(is_state(&message));
        message
    }
}

/// Elements of a set, in turn by these writers.
fn store_by(writers: &mut [Writer], elements: usize) -> Store {
    let mut store = Store::new();
    let count = writers.len();
    for number in 0..elements {
        store.set("cart").insert(&mut writers[number % count], element(number));
    }
    store
}

/// The bytes of a delta of a store above names and elements, in its message.
pub fn sync(report: &mut Report) {
    for (keys, over_names) in [(1, false), (10, false), (1_000, false), (1_000, true)] {
        for count in [1, 10] {
            if count == 10 && keys == 10 {
                continue;
            }
            overhead(report, keys, over_names, count);
        }
    }
    stamped(report);
}

/// A goal counts the id of a writer with it: 16 bytes.
fn goal(writers: usize, keys: usize) -> f64 {
    (64 + (16 + 5) * writers + 3 * keys) as f64
}

fn overhead(report: &mut Report, keys: usize, over_names: bool, count: usize) {
    let mut writers: Vec<_> = (0..count as u64).map(Writer::from_seed).collect();
    let store = store_by(&mut writers, ELEMENTS);
    let mut two = Two::new(store, writers.remove(0));
    let name = |number: usize| if over_names { format!("cart {number:04}") } else { "cart".into() };
    let write = |store: &mut Store, writer: &mut Writer| {
        for number in 0..keys {
            // In turn: the replica's own one, then the others.
            let writer = match number % count {
                0 => &mut *writer,
                other => &mut writers[other - 1],
            };
            store.set(&name(number)).insert(writer, element(ELEMENTS + number));
        }
    };
    two.here.update(write).expect("nobody has this id twice");
    let names: Vec<_> = (0..if over_names { keys } else { 1 }).map(name).collect();
    let elements = (0..keys).map(|number| Value::from(element(ELEMENTS + number)));
    let payload = payload(names.iter().map(String::as_str), elements);
    let delta = two.here.value().delta_since(two.there.value().version()).encode().len();
    let message = two.push().len();
    let known = count.min(keys);
    let what = format!(
        "message to sync a `Store`, above its payload: changed keys: {}{}, writers: {count}{}",
        number(keys as f64),
        if over_names { " under as many names" } else { "" },
        if known < count { format!(", of whom {known} wrote") } else { String::new() },
    );
    let note = format!(
        "the delta alone {} B, in its message {} B; payload {} B",
        number((delta - payload) as f64),
        number(message as f64),
        number(payload as f64)
    );
    report.at_most(what, goal(count, keys), "B", (message - payload) as f64, note);
}

/// Registers: a time stamp belongs to each value, and is not payload.
fn stamped(report: &mut Report) {
    const KEYS: usize = 1_000;
    let mut writers = [Writer::new()];
    let store = store_by(&mut writers, ELEMENTS);
    let [writer] = writers;
    let mut two = Two::new(store, writer);
    let name = |number: usize| format!("price {number:04}");
    let write = |store: &mut Store, writer: &mut Writer| {
        (0..KEYS).for_each(|number| _ = store.register(&name(number)).set(writer, number as i64));
    };
    two.here.update(write).expect("nobody has this id twice");
    let names: Vec<_> = (0..KEYS).map(name).collect();
    let payload = payload(names.iter().map(String::as_str), (0..KEYS).map(|number| Value::from(number as i64)));
    let above = (two.push().len() - payload) as f64;
    let note = format!(
        "{} B per register, its time stamp included; payload {} B",
        number(above / KEYS as f64),
        number(payload as f64)
    );
    report.stated("… 1,000 registers, 1 writer", format!("{} B", number(above)), note);
}

/// Microseconds to make and to take in messages.
struct Times {
    write: f64,
    make: f64,
    take: f64,
    acknowledge: f64,
    in_sync: f64,
}

fn times(writers: usize, changes: usize) -> Times {
    let mut all: Vec<_> = (0..writers as u64).map(Writer::from_seed).collect();
    let store = store_by(&mut all, ELEMENTS);
    let mut two = Two::new(store, all.remove(0));
    let mut samples = Vec::new();
    for round in 0..ROUNDS {
        let first = ELEMENTS + round * changes;
        let write = |store: &mut Store, writer: &mut Writer| {
            (first..first + changes).for_each(|number| _ = store.set("cart").insert(writer, element(number)));
        };
        let write = nanoseconds(|| two.here.update(write).expect("nobody has this id twice"));
        let mut message = Vec::new();
        let make = nanoseconds(|| message = two.push());
        let take = nanoseconds(|| two.there.handle(peer(1), black_box(&message), two.now).expect("it is next"));
        let Transmit { bytes: have, .. } = two.there.poll_transmit().expect("it is acknowledged");
        let acknowledge = nanoseconds(|| two.here.handle(peer(2), black_box(&have), two.now).expect("it is true"));
        // The same again: nothing new in it.
        let in_sync = nanoseconds(|| two.here.handle(peer(2), black_box(&have), two.now).expect("it is true"));
        samples.push([write, make, take, acknowledge, in_sync]);
        two.settle();
    }
    let of = |column: usize| median(samples.iter().map(|row: &[f64; 5]| row[column])) / 1e3;
    Times { write: of(0), make: of(1), take: of(2), acknowledge: of(3), in_sync: of(4) }
}

/// The time of handling messages.
pub fn handle(report: &mut Report) {
    let columns = [
        "writers",
        "changes in a delta",
        "write them: `update`",
        "push it: find, encode, send",
        "handle it",
        "handle its acknowledgement",
        "handle a `Have` without news",
    ];
    let mut lines = Vec::new();
    for writers in [1, 100, 10_000] {
        for changes in [1, 100] {
            let Times { write, make, take, acknowledge, in_sync } = times(writers, changes);
            let mut line = vec![number(writers as f64), number(changes as f64)];
            line.extend([write, make, take, acknowledge, in_sync].map(|time| format!("{} µs", number(time))));
            lines.push(line);
        }
    }
    let title = format!(
        "Time of a processor per message, in a `Store` with a set of {} elements; what grows with the writers are passes over \
         version vectors, which every message holds (a busy machine shows in all of these).",
        number(ELEMENTS as f64)
    );
    report.table(title, &columns, lines);
}
