//! 10,000 writers beside 10, and their version vector by itself.

use std::hint::black_box;

use dotted::{Crdt, OrSet, VersionVector, Writer};

use crate::report::{Report, number};
use crate::timing::{median, nanoseconds};
use crate::workload::*;

const SIZE: usize = 100_000;
const FEW: usize = 10;
const MANY: usize = 10_000;
const ROUNDS: usize = 301;

/// Nanoseconds, each a median.
struct Costs {
    insert: f64,
    insert_in_turn: f64,
    merge: f64,
    delta_since: f64,
    apply: f64,
    vector: Vector,
}

/// Nanoseconds of a version vector's own work.
struct Vector {
    compare: f64,
    compare_other_order: f64,
    clone: f64,
    join: f64,
}

impl Vector {
    fn measure(version: &VersionVector) -> Self {
        let mut copy = version.clone();
        let mut other_order = VersionVector::new();
        let mut ids: Vec<_> = version.iter().collect();
        ids.reverse();
        ids.iter().for_each(|(id, counter)| other_order.observe(id, *counter));
        Self {
            compare: often(|| black_box(version).is_within(black_box(&copy))),
            compare_other_order: often(|| black_box(version).is_within(black_box(&other_order))),
            clone: often(|| black_box(version).clone()),
            join: often(|| copy.join(black_box(version))),
        }
    }

    /// One pass of each kind.
    fn all(&self) -> f64 {
        self.compare + self.clone + self.join
    }
}

fn often<R>(mut work: impl FnMut() -> R) -> f64 {
    median((0..ROUNDS).map(|_| nanoseconds(&mut work)))
}

/// Nanoseconds per insert of new keys; each next one is by the next of the writers.
fn inserts(set: &mut OrSet<u64>, writers: &mut [Writer], seed: u64) -> f64 {
    // Few enough that the table does not grow meanwhile.
    let keys = keys(500, seed);
    let count = writers.len();
    let all = nanoseconds(|| {
        for (at, &key) in keys.iter().enumerate() {
            set.insert(&mut writers[at % count], key);
        }
    });
    all / keys.len() as f64
}

impl Costs {
    fn measure(writers: usize) -> Self {
        let ByWriters { mut here, there, mut writers } = ByWriters::new(SIZE, writers);
        let half = writers.len() / 2;
        let (mut merging, mut applying) = (there.clone(), there);
        let mut samples = Vec::new();
        for key in keys(ROUNDS, 5) {
            here.insert(&mut writers[half], key);
            let since = applying.version().clone();
            let delta_since = nanoseconds(|| here.delta_since(black_box(&since)));
            let delta = here.delta_since(&since);
            let apply = nanoseconds(|| applying.apply(delta).expect("it builds on this"));
            let merge = nanoseconds(|| merging.merge(black_box(&here)));
            samples.push([delta_since, apply, merge]);
        }
        let of = |column: usize| median(samples.iter().map(|row| row[column]));
        let vector = Vector::measure(here.version());
        let insert = median((0..11).map(|seed| inserts(&mut here, &mut writers[half..=half], 6 + seed)));
        let insert_in_turn = median((0..11).map(|seed| inserts(&mut here, &mut writers[half..half + 5], 60 + seed)));
        Self { insert, insert_in_turn, delta_since: of(0), apply: of(1), merge: of(2), vector }
    }
}

/// More than half as much again is not "the same".
const SAME: f64 = 1.5;

pub fn measure(report: &mut Report) {
    let (few, many) = (Costs::measure(FEW), Costs::measure(MANY));
    let vector = many.vector.all();
    let mut row = |what: &str, few: f64, many: f64, vector: f64| {
        let own = if vector > 0.0 { format!(" + {} of the vector's own", number(vector)) } else { String::new() };
        let note = format!("{} ns against {}{own} ns", number(many), number(few));
        report.at_most(what, SAME, "×", many / (few + vector), note);
    };
    row("10,000 writers against 10: insert", few.insert, many.insert, 0.0);
    row("… insert, five writers in turn", few.insert_in_turn, many.insert_in_turn, 0.0);
    row("… merge of one change", few.merge, many.merge, vector);
    row("… `delta_since` for one change", few.delta_since, many.delta_since, vector);
    row("… `apply` of it", few.apply, many.apply, vector);
    let Vector { compare, compare_other_order, clone, join } = &many.vector;
    let note = format!(
        "compare {}, clone {}, join {}; compare in another order of ids {}; with 10 writers all three take {} ns",
        number(compare / 1e3),
        number(clone / 1e3),
        number(join / 1e3),
        number(compare_other_order / 1e3),
        number(few.vector.all()),
    );
    report.stated("the version vector's own cost, 10,000 writers", format!("{} µs", number(vector / 1e3)), note);
}
