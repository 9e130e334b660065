//! What it takes a group to agree.

use dotted::Store;
use dotted::replication::Timing;

use crate::group::{DELAY, Group, Shape, Traffic, element, payload, without_heartbeats};
use crate::messages;
use crate::report::{Report, number};
use crate::timing::median;

const SIZES: [usize; 3] = [3, 10, 50];
/// Random choices and pauses differ from run to run.
const RUNS: u64 = 15;

pub fn measure(report: &mut Report) {
    both_ways(report);
    in_sync(report);
    messages::sync(report);
    messages::handle(report);
    silence(report);
    convergence(report);
}

/// Two that were apart and have both written: one of them says what it has.
fn both_ways(report: &mut Report) {
    let trips = |speaking: usize| {
        let mut group = Group::new(2, Shape::FullMesh, &without_heartbeats(), 1);
        group.part();
        (0..2).for_each(|at| group.write(at, 10 * (at + 1)..10 * (at + 1) + 5));
        let start = group.now;
        group.watch();
        group.greet(speaking);
        group.run_until(start + 400);
        let last = group.since().iter().map(|since| since.expect("nothing is lost")).max();
        (last.expect("there are two") - start) as f64 / (2 * DELAY) as f64
    };
    let note = format!("one of them speaks first; if both do at once: {}", number(trips(2)));
    report.at_most("sync of two that both have something new", 1.5, "round trips", trips(1), note);
}

/// What a version vector takes in a message: without the envelope that it has by itself.
fn bare(store: &Store) -> usize {
    store.version().encode().len() - (dotted::VersionVector::new().encode().len() - 1)
}

fn in_sync(report: &mut Report) {
    let mut group = Group::new(10, Shape::FullMesh, &without_heartbeats(), 1);
    let vector = bare(group.replicas[0].value());
    let of = |traffic: Traffic| (traffic.bytes - traffic.messages * vector) as f64;
    group.greet(1);
    group.rest();
    let asked = of(group.traffic);
    assert_eq!((group.traffic.messages, group.traffic.state_bytes), (2, 0));
    let timing = Timing { heartbeat: 30_000, ..Timing::default() };
    let mut group = Group::new(10, Shape::Ring, &timing, 1);
    group.run_until(group.now + 60_000);
    assert_eq!(group.traffic.state_bytes, 0);
    let beat = of(group.traffic) / group.traffic.messages as f64;
    let note = format!(
        "a heartbeat is one message, {} B; asked for an answer, as at a start: two. The vector of 10 writers: {} B in each",
        number(beat),
        number(vector as f64)
    );
    report.at_most("in-sync check of two replicas, beyond the version vector", 100.0, "B", asked, note);
}

fn silence(report: &mut Report) {
    let timing = Timing { audit_every: 5, ..Timing::default() };
    let mut total = Traffic::default();
    for shape in Shape::ALL {
        let mut group = Group::new(10, shape, &timing, 2);
        group.watch();
        group.write(0, 100..101);
        group.run_until(group.now + 60_000);
        group.traffic = Traffic::default();
        group.run_until(group.now + 10 * timing.heartbeat);
        total.messages += group.traffic.messages;
        total.bytes += group.traffic.bytes;
        total.state_bytes += group.traffic.state_bytes;
    }
    let each = total.messages as f64 / (4.0 * 10.0 * 10.0);
    let note = format!(
        "10 replicas in each topology; a heartbeat of a replica is {} messages, {} B, every fifth an audit",
        number(each),
        number(total.bytes as f64 / total.messages as f64)
    );
    report.at_most("bytes of state in 10 heartbeats after convergence", 0.0, "B", total.state_bytes as f64, note);
}

/// What a change, or all of them, took.
struct Run {
    /// Milliseconds until the last has all. None: somebody was missed, and would learn it by a heartbeat.
    time: Option<f64>,
    traffic: Traffic,
}

fn run(members: usize, shape: Shape, load: Load, timing: &Timing, seed: u64) -> Run {
    let mut group = Group::new(members, shape, timing, seed);
    let start = group.now;
    match load {
        Load::One => group.write(0, 100..101),
        Load::All => (0..members).for_each(|at| group.write(at, 100 + 10 * at..110 + 10 * at)),
    }
    group.watch();
    group.rest();
    let since: Option<Vec<u64>> = group.since().iter().copied().collect();
    Run { time: since.map(|since| (since.into_iter().fold(0, u64::max) - start) as f64), traffic: group.traffic }
}

#[derive(Clone, Copy)]
enum Load {
    One,
    All,
}

impl Load {
    const fn name(self) -> &'static str {
        match self {
            Self::One => "one change in one replica",
            Self::All => "10 changes in every replica",
        }
    }

    const fn changes(self, members: usize) -> usize {
        match self {
            Self::One => 1,
            Self::All => 10 * members,
        }
    }
}

fn convergence(report: &mut Report) {
    let mut lines = Vec::new();
    for load in [Load::One, Load::All] {
        for shape in Shape::ALL {
            lines.extend(SIZES.map(|members| line(members, shape, load)));
        }
    }
    let title = format!(
        "Convergence by topology and number of replicas, over a network in memory that loses nothing and takes {DELAY} ms one \
         way; each replica has written before, so every `Have` names all of them. Changes are gathered for 20 ms before they \
         are pushed, and by each that relays them; rounds of gossip are 1 s apart; no heartbeats. Medians of {RUNS} runs; \
         where it varies, in brackets the longest. One-way delays: the time without the first 20 ms, over {DELAY} ms, as \
         it is and if nobody gathers. Messages and bytes: all until nobody says anything any more, acknowledgements \
         included; of them deltas; and per change and replica that lacked it, against the payload (an element's own {} B).",
        own()
    );
    let columns = [
        "what",
        "topology",
        "replicas",
        "time to the last",
        "one-way delays",
        "messages",
        "bytes",
        "of them in deltas",
        "per change and replica",
        "against its payload",
    ];
    report.table(title, &columns, lines);
}

/// The bytes of an element by itself.
fn own() -> usize {
    payload([], [element(0).into()])
}

fn line(members: usize, shape: Shape, load: Load) -> Vec<String> {
    let plain = without_heartbeats();
    let hasty = Timing { debounce: 0, ..plain.clone() };
    let runs: Vec<_> = (0..RUNS).map(|seed| run(members, shape, load, &plain, seed)).collect();
    let times: Vec<f64> = runs.iter().filter_map(|run| run.time).collect();
    let missed = runs.len() - times.len();
    let middle = |of: &dyn Fn(&Run) -> usize| median(runs.iter().map(|run| of(run) as f64));
    let time = median(times.iter().copied());
    let longest = times.into_iter().fold(0.0, f64::max);
    let varies = if longest > time { format!(" ({})", number(longest)) } else { String::new() };
    let missed = if missed > 0 { format!("; {missed} runs need a heartbeat") } else { String::new() };
    let hasty = median((0..RUNS).filter_map(|seed| run(members, shape, load, &hasty, seed).time));
    let bytes = middle(&|run| run.traffic.bytes);
    let each = bytes / (load.changes(members) * (members - 1)) as f64;
    vec![
        load.name().into(),
        shape.name().into(),
        members.to_string(),
        format!("{} ms{varies}{missed}", number(time)),
        format!("{}; {}", number((time - plain.debounce as f64) / DELAY as f64), number(hasty / DELAY as f64)),
        number(middle(&|run| run.traffic.messages)),
        format!("{} B", number(bytes)),
        format!("{} B", number(middle(&|run| run.traffic.state_bytes))),
        format!("{} B", number(each)),
        format!("{} ×", number(each / own() as f64)),
    ]
}
