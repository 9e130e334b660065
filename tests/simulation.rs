//! The simulator: schedules with faults, a schedule played again, and proof that broken rules are noticed.
//!
//! `DOTTED_SIMULATIONS` says how many schedules, `DOTTED_SEED` which is the first. The long run is the example
//! `simulate`.

#![cfg(feature = "simulation")]

use dotted::simulation::{self, Random, Report, StoreSubject, Subject};
use dotted::{OrSet, Writer};

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |value| value.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

#[test]
fn replicas_agree_whatever_fails() {
    let (schedules, first) = (number("DOTTED_SIMULATIONS", 10_000), number("DOTTED_SEED", 1));
    let half = schedules / 2;
    let run = |seeds: std::ops::Range<u64>| {
        let mut report = Report::default();
        for seed in seeds {
            report += simulation::run(seed, StoreSubject::default()).unwrap_or_else(|violation| panic!("{violation}"));
        }
        report
    };
    let report = std::thread::scope(|scope| {
        let other = scope.spawn(|| run(first..first + half));
        let mut report = run(first + half..first + schedules);
        report += other.join().expect("no violation");
        report
    });
    println!("{report}");
    assert_eq!(report.schedules, schedules);
    if schedules >= 1_000 {
        // Each fault struck, and what is asserted was looked at.
        assert!(report.faults.len() >= 21, "{:?}", report.faults);
        assert!(report.faults.values().all(|&count| count > 20), "{:?}", report.faults);
        assert!(report.checks > 20 * schedules && report.agreements > 5 * schedules && report.confirmed > schedules);
    }
}

#[test]
fn a_seed_replays_byte_for_byte() {
    for seed in 1..20 {
        let run = || simulation::run(seed, StoreSubject::default()).unwrap_or_else(|violation| panic!("{violation}"));
        assert_eq!(run(), run());
    }
    let run = |seed| simulation::run(seed, StoreSubject::default()).expect("no violation").trace;
    assert_ne!(run(1), run(2));
}

/// A subject that says of itself when it is wrong.
struct Numbers {
    most: usize,
}

impl Subject for Numbers {
    type Value = OrSet<u8>;

    fn write(&mut self, set: &mut OrSet<u8>, writer: &mut Writer, random: &mut Random) {
        set.insert(writer, random.below(100) as u8);
    }

    fn check(&self, set: &OrSet<u8>) -> Result<(), String> {
        if set.len() <= self.most { Ok(()) } else { Err(format!("{} elements", set.len())) }
    }
}

#[test]
fn a_violation_names_its_seed() {
    let violation = (1..50).find_map(|seed| simulation::run(seed, Numbers { most: 5 }).err()).expect("more than five");
    assert_eq!(violation.what, "replica 0: 6 elements".replace('0', &violation.what[8..9]));
    assert_eq!(simulation::run(violation.seed, Numbers { most: 5 }), Err(violation));
    simulation::run(1, Numbers { most: 100 }).expect("never more than a hundred");
}
