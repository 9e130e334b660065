//! What causality costs in bytes: everything that is encoded beside keys and values.

use dotted::{OrSet, Writer};
use hashbrown::HashMap;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use crate::report::{Report, number};
use crate::workload::*;

const SIZE: usize = 100_000;

pub fn measure(report: &mut Report) {
    without_removals(report);
    random_third(report);
    written_three_times(report);
    for (changes, writers) in [(1, 1), (1, 3), (1, 10), (1_000, 1), (1_000, 3), (1_000, 10)] {
        sync(report, changes, writers);
    }
    churn(report);
}

/// The bytes of a snapshot that are not its keys.
fn metadata(set: &OrSet<u64>) -> usize {
    set.encode().len() - put_keys(set.iter().copied()).len()
}

/// Bytes to say which `chosen` of `all` it is: log2 of the binomial coefficient, over eight.
fn entropy_of_choice(all: u64, chosen: u64) -> f64 {
    let bits: f64 = (0..chosen).map(|at| ((all - at) as f64 / (chosen - at) as f64).log2()).sum();
    bits / 8.0
}

fn without_removals(report: &mut Report) {
    let set = grown_set(&mut Writer::new(), &keys(SIZE, 1));
    let bytes = metadata(&set);
    let each = bytes as f64 / SIZE as f64;
    let note = format!("{bytes} B in all, envelope, writer and checksum included");
    report.at_most("encoded causal metadata per element, no removals, 100 k", 0.01, "B", each, note);
}

fn against_entropy(report: &mut Report, what: &str, set: &OrSet<u64>, entropy: f64, of: &str) {
    let bytes = metadata(set) as f64;
    let note = format!(
        "{} B per element; entropy of {of}: {} B",
        number(bytes / set.len() as f64),
        number(entropy / set.len() as f64)
    );
    report.at_most(what, 1.1, "×", bytes / entropy, note);
}

/// Three events per live element, and which of them are alive is chosen evenly: all others are
/// overwritten writes of one and the same key.
fn random_third(report: &mut Report) {
    let mut order: Vec<Option<u64>> = keys(SIZE, 1).into_iter().map(Some).collect();
    order.resize(3 * SIZE, None);
    order.shuffle(&mut StdRng::seed_from_u64(2));
    let (mut set, mut writer) = (OrSet::new(), Writer::new());
    for key in order {
        set.insert(&mut writer, key.unwrap_or(0));
    }
    let entropy = entropy_of_choice(3 * SIZE as u64, set.len() as u64);
    let what = "… at 3 events per live element, a random third alive";
    against_entropy(report, what, &set, entropy, "the choice of a third");
}

/// Every element is written three times, in random order: the later an event, the likelier it is
/// alive. The event in place t of T is if both others of its element come before: with probability
/// (t/T)². The entropy is the sum over all places.
fn written_three_times(report: &mut Report) {
    let mut order = keys(SIZE, 1).repeat(3);
    order.shuffle(&mut StdRng::seed_from_u64(2));
    let set = grown_set(&mut Writer::new(), &order);
    let bits = |p: f64| if p <= 0.0 || p >= 1.0 { 0.0 } else { -p * p.log2() - (1.0 - p) * (1.0 - p).log2() };
    let all = order.len() as f64;
    let entropy = (0..order.len()).map(|at| bits(((at as f64 + 0.5) / all).powi(2))).sum::<f64>() / 8.0;
    let what = "… at 3 events per live element, each written three times";
    against_entropy(report, what, &set, entropy, "such a history");
}

/// The bytes of a delta above the keys that it is about. Each writer's id is 16 of them, so that the
/// goal is 64 + (16 + 5) per writer + 3 per changed key.
fn sync(report: &mut Report, changes: usize, writers: usize) {
    let ByWriters { mut here, there, writers: mut all } = ByWriters::new(10_000, writers);
    let keys: Vec<u64> = there.iter().copied().collect();
    let changes = Changes::of(&keys, changes);
    let mut turn = (0..writers).cycle();
    let mut next = || turn.next().expect("it has no end");
    for &key in &changes.added {
        here.insert(&mut all[next()], key);
    }
    for key in &changes.removed {
        here.remove(&mut all[next()], key);
    }
    let bytes = here.delta_since(there.version()).encode().len();
    let payload = put_keys(changes.keys()).len();
    let goal = 64 + (16 + 5) * writers + 3 * changes.count();
    let what = format!("delta above its payload: changed keys: {}, writers: {writers}", number(changes.count() as f64));
    let note =
        format!("{} B with a payload of {} B; no removals forgotten", number(bytes as f64), number(payload as f64));
    report.at_most(what, goal as f64, "B", (bytes - payload) as f64, note);
}

/// Elements come and go at random. The bound is a fresh store of the same elements and the entropy of
/// the gaps between their dots: which k counters are alive between the first and the last that are.
fn churn(report: &mut Report) {
    const LIVE: usize = 1_000;
    const ADDS: usize = 10_000_000;
    let (mut set, mut writer, mut random) = (OrSet::new(), Writer::new(), StdRng::seed_from_u64(1));
    let mut live: Vec<u64> = Vec::new();
    let mut counters = HashMap::new();
    for _ in 0..ADDS + LIVE {
        let key = random.random();
        counters.insert(key, set.insert(&mut writer, key).counter);
        live.push(key);
        if live.len() > LIVE {
            let gone = live.swap_remove(random.random_range(0..live.len()));
            set.remove(&mut writer, &gone);
            counters.remove(&gone);
        }
    }
    set.compact();
    let fresh = grown_set(&mut Writer::new(), &set.iter().copied().collect::<Vec<_>>());
    assert!(set.same_content(&fresh) && set.len() == LIVE);
    let (first, last) = counters.values().fold((u64::MAX, 0), |(first, last), &at| (first.min(at), last.max(at)));
    let gaps = entropy_of_choice(last - first + 1, LIVE as u64);
    let (reached, plain) = (set.encode().len() as f64, fresh.encode().len() as f64);
    let note = format!("{} B against {} B fresh and {} B for gaps", number(reached), number(plain), number(gaps));
    let what = "10 M adds and removes, 1 k alive, `compact()`: encoded size";
    report.at_most(what, 1.05, "×", reached / (plain + gaps), note);
}
