//! Deltas of 1,000 changes.

use std::hint::black_box;

use crate::report::{Report, number};
use crate::timing::{median, nanoseconds, side_by_side};
use crate::workload::*;

const CHANGES: usize = 1_000;

pub fn measure(report: &mut Report) {
    delta_since(report);
    apply(report);
}

/// Microseconds to make the delta.
fn make(changed: &Changed) -> f64 {
    nanoseconds(|| changed.after.delta_since(black_box(changed.known()))) / 1e3
}

fn delta_since(report: &mut Report) {
    let [small, large, huge] = [10_000, 1_000_000, 10_000_000].map(|size| Changed::new(size, CHANGES));
    let keys = keys(CHANGES, 1);
    let mut samples = Vec::new();
    for _ in 0..201 {
        let copy = nanoseconds(|| black_box(&keys).clone()) / 1e3;
        samples.push([make(&small), make(&large), make(&huge), copy]);
    }
    let of = |column: usize| median(samples.iter().map(|row| row[column]));
    let note = format!("half new keys, half removals; copying the keys alone: {} µs", number(of(3)));
    report.at_most("`delta_since` for 1,000 changes of 1 M", 20.0, "µs", of(1), note);
    let ratio = median(samples.iter().map(|row| row[2] / row[0]));
    let note = format!("{} µs against {} µs", number(of(2)), number(of(0)));
    report.at_most("… of 10 M against 10 k", 1.5, "×", ratio, note);
}

fn apply(report: &mut Report) {
    let changed = Changed::new(1_000_000, CHANGES);
    let delta = changed.after.delta_since(changed.known());
    let floor = grown_hash_set(&keys(1_000_000, 1));
    let ours = || {
        let (mut set, delta) = (changed.before.clone(), delta.clone());
        nanoseconds(|| set.apply(delta).expect("it builds on this"))
    };
    let theirs = || {
        let mut set = floor.clone();
        nanoseconds(|| changed.changes.make_in_hash_set(&mut set))
    };
    let pair = side_by_side(15, changed.changes.count() as f64, ours, theirs);
    let note = pair.describe("ns", "the same in `hashbrown::HashSet`");
    report.at_most("`apply` of that delta to 1 M, per changed key", 150.0, "ns", pair.ours, note);
}
