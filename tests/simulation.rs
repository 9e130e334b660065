//! The simulator: schedules with faults, a schedule played again, and proof that broken rules are noticed.
//!
//! `DOTTED_SIMULATIONS` says how many schedules, `DOTTED_SEED` which is the first. The long run is the example
//! `simulate`.

#![cfg(feature = "simulation")]

use dotted::simulation::{self, EscrowSubject, EscrowTally, Random, Report, StoreSubject, Subject};
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
fn nothing_is_sold_twice_whatever_fails() {
    let (schedules, first) = (number("DOTTED_ESCROW_SCHEDULES", 2_000), number("DOTTED_SEED", 1));
    let tally = EscrowTally::default();
    let mut report = Report::default();
    for seed in first..first + schedules {
        let run = simulation::run(seed, EscrowSubject::new(40, &tally));
        report += run.unwrap_or_else(|violation| panic!("{violation}"));
    }
    let outcomes = tally.outcomes();
    println!("{report}\n{} operations: {outcomes:?}", tally.operations());
    assert_eq!(outcomes.iter().sum::<u64>(), tally.operations());
    if schedules >= 2_000 {
        assert!(tally.operations() >= 1_000_000, "{}", tally.operations());
        // It is scarce: about as much is refused as sold, and everything happens.
        assert!(outcomes.iter().all(|&count| count * 50 > tally.operations()), "{outcomes:?}");
        assert!(report.faults.len() >= 21 && report.faults.values().all(|&count| count > 20), "{:?}", report.faults);
    }
}

/// Rules of escrow, broken on purpose.
#[cfg(feature = "mutants")]
#[test]
fn broken_rules_of_escrow_are_noticed() {
    use dotted::mutants::{Mutant, with};
    for mutant in [Mutant::EscrowUnchecked, Mutant::EscrowInherited, Mutant::EscrowGivenAndKept] {
        let tally = EscrowTally::default();
        let run = |seed| with(mutant, || simulation::run(seed, EscrowSubject::new(40, &tally)));
        let found = (1..=50).find_map(|seed| run(seed).err());
        println!("{mutant:?}: {found:?}");
        assert!(found.is_some(), "{mutant:?} is not noticed");
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
