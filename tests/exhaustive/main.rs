//! Small groups, completely: every order in which a few writes, messages, losses, repetitions, crashes and restores can
//! happen, with the real [`Replica`](dotted::replication::Replica) and the real journal.
//!
//! A *scope* says how many machines there are, how they are connected, and how often what can happen to any of them at
//! any time. The search visits every state that can come about, once. In each:
//!
//! * nobody has seen, and no message on its way claims, an event that was not written;
//! * what a replica shows is what the events that it has seen say by definition; equal versions, equal states;
//! * with a disk, nothing leaves that the disk does not hold, and what was called persisted survives;
//! * if faults stop here, and all that is on its way arrives or all of it is lost, the group agrees after a bounded number
//!   of steps and is silent from then on but for heartbeats, which bring no states.
//!
//! Machines are deterministic, so what one does in one of its states is worked out once; a state of the world is a few
//! numbers. What is left out, so that there are few enough:
//!
//! * Time is a clock per machine, which goes on to what is due next, or on all machines alike once faults have stopped.
//!   Periods are a few milliseconds, so that they do not vary. Heartbeats count as far off.
//! * The wire holds a few messages; what does not fit is lost. Messages are fetched from a replica at once.
//! * A crash and the start after it are one step, and a crash leaves whole records. Torn ones are in `tests/storage.rs`.
//! * A state is known by two 64-bit hashes of all fields but caches, budgets that are not used up, and how the disk's
//!   log is laid out; internal slots and tables are seen through the encoding of the value.
//! * No deltas in parts, no confirmations, no members that come and go, no clocks: the simulator has them.
//!
//! `DOTTED_TICKS=1` lets time pass once more in each scope, for a longer run; `DOTTED_STATES` bounds the states of each.

mod facts;
mod lab;
mod machine;
#[path = "../common/parallel.rs"]
mod parallel;
mod search;

use std::sync::Mutex;

use dotted::mutants::{Mutant, with};
use dotted::replication::Topology;
use machine::{Group, peer};
use search::{Budget, Report, Scope, Violation, run};

const NONE: Budget =
    Budget { inserts: 0, removes: 0, compacts: 0, drops: 0, twice: 0, crashes: 0, restores: 0, ticks: 0 };

fn scope(name: &'static str, replicas: usize, durable: bool, topology: Topology, wire: usize, budget: Budget) -> Scope {
    let group = Group { replicas, durable, topology };
    Scope { name, group, warm: true, elements: 1, wire, seeds: 1, budget }
}

fn scopes() -> Vec<Scope> {
    let mesh = || Topology::FullMesh;
    let star = || Topology::Star { hub: peer(0) };
    vec![
        Scope {
            warm: false,
            ..scope("cold", 2, false, mesh(), 3, Budget { inserts: 1, ticks: 3, drops: 1, twice: 1, ..NONE })
        },
        scope("writes", 2, false, mesh(), 3, Budget { inserts: 2, removes: 1, ticks: 3, drops: 1, ..NONE }),
        scope("a message again", 2, false, mesh(), 3, Budget { inserts: 2, ticks: 4, drops: 1, twice: 1, ..NONE }),
        scope("crash", 2, false, mesh(), 3, Budget { inserts: 1, removes: 1, ticks: 3, drops: 1, crashes: 1, ..NONE }),
        scope("restore", 2, false, mesh(), 3, Budget { inserts: 2, ticks: 2, restores: 1, ..NONE }),
        scope(
            "forgotten removals, restore",
            2,
            false,
            mesh(),
            3,
            Budget { inserts: 1, removes: 1, compacts: 1, ticks: 2, restores: 1, ..NONE },
        ),
        scope("disk, crash", 2, true, mesh(), 3, Budget { inserts: 2, ticks: 3, crashes: 1, ..NONE }),
        scope(
            "disk, crash, restore",
            2,
            true,
            mesh(),
            3,
            Budget { inserts: 1, ticks: 2, crashes: 1, restores: 1, ..NONE },
        ),
        scope("mesh of three", 3, false, mesh(), 3, Budget { inserts: 1, removes: 1, ticks: 4, drops: 1, ..NONE }),
        scope(
            "mesh of three, forgotten removals",
            3,
            false,
            mesh(),
            3,
            Budget { inserts: 1, removes: 1, compacts: 1, ticks: 3, ..NONE },
        ),
        scope("star", 3, false, star(), 3, Budget { inserts: 1, removes: 1, ticks: 4, drops: 1, ..NONE }),
        scope(
            "star, a message again",
            3,
            false,
            star(),
            3,
            Budget { inserts: 1, ticks: 4, drops: 1, twice: 1, ..NONE },
        ),
        scope("mesh of three, restore", 3, false, mesh(), 3, Budget { inserts: 1, ticks: 2, restores: 1, ..NONE }),
        scope(
            "mesh of three, crash",
            3,
            false,
            mesh(),
            3,
            Budget { inserts: 1, removes: 1, ticks: 2, crashes: 1, ..NONE },
        ),
        scope("star, crash", 3, false, star(), 3, Budget { inserts: 1, removes: 1, ticks: 3, crashes: 1, ..NONE }),
        scope("star, disk, crash", 3, true, star(), 3, Budget { inserts: 1, ticks: 3, crashes: 1, ..NONE }),
        scope("ring", 3, false, Topology::Ring, 3, Budget { inserts: 2, ticks: 3, drops: 1, ..NONE }),
        Scope {
            seeds: 4,
            ..scope(
                "random",
                3,
                false,
                Topology::Random { fan_out: 1 },
                3,
                Budget { inserts: 1, ticks: 4, drops: 1, ..NONE },
            )
        },
    ]
}

fn setting(name: &str) -> Option<usize> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn every_order_of_a_few_events_is_right() {
    let (most, ticks) = (setting("DOTTED_STATES").unwrap_or(usize::MAX), setting("DOTTED_TICKS").unwrap_or(0) as u8);
    let done = Mutex::new(Vec::new());
    parallel::for_each(scopes().into_iter().rev(), |mut scope| {
        scope.budget.ticks += ticks;
        let name = scope.name;
        let result = run(scope, most);
        println!("{name}: {result:?}");
        done.lock().unwrap().push(result);
    });
    let done: Result<Vec<Report>, Violation> = done.into_inner().unwrap().into_iter().collect();
    let total: Report = done.expect("nothing is wrong").into_iter().sum();
    println!("in all: {total:?}");
    assert!(total.is_complete || setting("DOTTED_STATES").is_some());
    assert!(total.states >= 5_000_000, "the scopes have become smaller");
}

/// (`ListOnlyNewEvents` needs more events on one key than fit into small worlds; `tests/mutants.rs` notices it.)
#[test]
fn broken_rules_are_noticed() {
    use Mutant::*;
    std::panic::set_hook(Box::new(|_| {}));
    let mutants = [
        IgnoreGap,
        InsertKnownEvents,
        KeepSuperseded,
        DropLosersOnMerge,
        RemovalTakesNoDot,
        FloorStays,
        NoFloorJoin,
        NoLiveSet,
        NoFloorCheck,
        PersistedTooEarly,
        PublishTooEarly,
        KnownOnlyRises,
        NoRetry,
    ];
    let missed = mutants.into_iter().filter(|&mutant| {
        let violation = scopes().into_iter().find_map(|scope| {
            let name = scope.name;
            with(mutant, || run(scope, 50_000)).err().map(|violation| (name, violation))
        });
        println!("{mutant:?}: {violation:?}");
        violation.is_none()
    });
    let missed: Vec<Mutant> = missed.collect();
    _ = std::panic::take_hook();
    assert!(missed.is_empty(), "not noticed: {missed:?}");
}
