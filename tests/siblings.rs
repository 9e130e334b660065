//! Keys that very many write to at once: what is taken in costs what it names, and is taken in right.

mod common;

use std::time::{Duration, Instant};

use common::random::Random;
use dotted::{Crdt, Delta, MvRegister, MvRegisterBody, OrSet, VersionVector, Writer};

type Set = OrSet<u8>;

/// A writer of whom nobody else knows anything yet, with what it has seen.
struct Client {
    writer: Writer,
    value: Set,
}

impl Client {
    fn new(seed: u64) -> Self {
        Self { writer: Writer::from_seed(seed), value: Set::new() }
    }
}

/// Whoever names few writers is taken in by looking for their events, and whoever names many by looking at all events
/// of the key: a delta, an operation and a merge must not differ.
#[test]
fn few_writers_are_taken_in_like_many() {
    for seed in 0..6 {
        let mut random = Random::new(seed);
        // Ids in no order, so that slots are in another order everywhere.
        let mut fresh = || Client::new(random.next());
        let mut clients: Vec<Client> = (0..40).map(|_| fresh()).collect();
        let mut random = Random::new(seed + 100);
        let (mut by_delta, mut by_operation, mut by_merge) = (Set::new(), Set::new(), Set::new());
        let mut most = 0;
        for step in 0..1_500 {
            let (at, other) = (random.below(clients.len()), random.below(clients.len()));
            if random.chance(3) {
                clients[at] = Client::new(random.next());
            }
            if random.chance(8) {
                let theirs = clients[other].value.clone();
                clients[at].value.merge(&theirs);
            }
            let Client { writer, value } = &mut clients[at];
            let before = value.version().clone();
            let (element, removes) = (random.below(2) as u8, random.chance(20));
            let (_, operation) = value.edit_as_operation(writer, |mut set, edit| {
                if !removes || set.remove(edit, &element).is_none() {
                    set.insert(edit, element);
                }
            });
            by_delta.apply(value.delta_since(&before)).expect("all before was taken in");
            by_operation.apply_operation(operation.expect("something was written")).expect("all before was taken in");
            by_merge.merge(value);
            assert_eq!(by_delta, by_merge, "seed {seed}, step {step}");
            assert_eq!(by_operation, by_merge, "seed {seed}, step {step}");
            most = most.max(by_delta.delta_since(&VersionVector::new()).encode().len());
            if step % 50 == 0 {
                let values = [&by_delta, &by_operation, &by_merge];
                values.iter().for_each(|value| value.assert_consistent());
                assert_eq!(by_delta.canonical(), by_merge.canonical());
                by_delta.collect();
            }
        }
        assert!(most > 1_000, "there were never many siblings");
    }
}

/// A client's first two writes to a key, and then it is gone.
fn writes(client: u64) -> [Delta<MvRegisterBody<u64>>; 2] {
    let (mut writer, mut value) = (Writer::from_seed(client), MvRegister::new());
    [0, 1].map(|write| {
        let before = value.version().clone();
        value.set(&mut writer, write);
        value.delta_since(&before)
    })
}

/// The least time that it takes to take in what one more client has written: to a key, and once more.
fn least(others: u64) -> [Duration; 2] {
    let mut value = MvRegister::new();
    (0..others).flat_map(writes).for_each(|delta| _ = value.apply(delta).expect("its base is known"));
    let mut least = [Duration::MAX; 2];
    for client in others..others + 300 {
        for (least, delta) in least.iter_mut().zip(writes(client)) {
            let start = Instant::now();
            value.apply(delta).expect("its base is known");
            *least = start.elapsed().min(*least);
        }
    }
    assert_eq!(value.versions().len() as u64, others + 300);
    least
}

/// Taking in one delta cost O(writers), and sorted all events of its key.
#[test]
fn many_writers_do_not_make_a_small_delta_dear() {
    let (few, many) = (least(10), least(20_000));
    for (few, many) in few.into_iter().zip(many) {
        // A nanosecond for each of the others would be several times as much.
        assert!(many < 10 * few.max(Duration::from_micros(1)), "{few:?} became {many:?}");
    }
}
