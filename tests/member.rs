//! The durable member: what leaves, what is said when storage is behind, and starts from backups and copies.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

use common::random::Random;
use dotted::replication::{Config, Event, ForkCheck, Member, PeerId, Role};
use dotted::{
    Causal, LoadError, MemoryStorage, PnCounterBody, SetBody, Step, Storage, Stored, Timestamp, Uuid, Writer,
};

/// What is written, and how often something was: each event of both can be told from every other.
type Value = Causal<(SetBody<u64>, PnCounterBody)>;

const STORE: Uuid = Uuid::from_u128(1);

/// Ids for new writers: one after the other, or of a few, so that they come out the same.
fn writers(lineage: u64, seed: u64, of: u64) -> impl FnMut() -> Writer + Send + Sync + 'static {
    let mut random = Random::new(seed);
    let mut count = 0;
    move || {
        count += 1;
        // The first is the incarnation; the others are taken after a fork, and are new.
        let id = if of > 0 && count == 1 { random.next() % of } else { random.next() | 1 << 63 };
        let mut millis = 0;
        Writer::with_clock(Uuid::from_u64_pair(lineage, id), move || {
            millis += 1;
            Timestamp::from_millis(millis)
        })
    }
}

/// A machine: a disk, and a member while it is up.
struct Machine {
    id: PeerId,
    disk: MemoryStorage,
    /// Which disk this is, or a copy of which: writers are of the same id only where their records are.
    lineage: u64,
    member: Option<Member<Value>>,
}

impl Machine {
    fn new(number: u64) -> Self {
        Self { id: PeerId::from_seed(number), disk: MemoryStorage::new(), lineage: number, member: None }
    }

    fn start(&mut self, peers: &[PeerId], seed: u64, of: u64) {
        let stored = self.disk.load().unwrap();
        let mut config = Config::new(self.id, STORE, seed);
        // Where ids come out the same, there are two writers of one id.
        config.forks = if of > 0 { ForkCheck::Left } else { ForkCheck::Issued };
        let mut member = Member::open(&stored, config, writers(self.lineage, seed, of)).unwrap().with_log_bytes(300);
        for &peer in peers.iter().filter(|&&peer| peer != self.id) {
            member.join(peer, Role::Voter).unwrap();
        }
        self.member = Some(member);
    }

    fn copy_of(&mut self, disk: &MemoryStorage, lineage: u64) {
        (self.disk, self.lineage) = (disk.clone(), lineage);
    }

    fn member(&mut self) -> &mut Member<Value> {
        self.member.as_mut().unwrap()
    }

    fn write(&mut self, element: u64) {
        let written = self.member().update(|value, writer| {
            value.edit(writer, |(mut set, mut count), edit| {
                set.insert(edit, element);
                count.increment(edit, 1).unwrap();
            });
        });
        written.unwrap();
    }

    fn persist(&mut self) {
        let member = self.member.as_mut().unwrap();
        while let Some(step) = member.poll_persist() {
            self.disk.perform(&step).unwrap();
            member.persisted();
        }
    }
}

/// All that are up, connected to each other or not.
struct Group {
    machines: Vec<Machine>,
    peers: Vec<PeerId>,
    now: u64,
    diverged: usize,
    renamed: usize,
}

impl Group {
    fn new(machines: u64) -> Self {
        let machines: Vec<_> = (0..machines).map(Machine::new).collect();
        let peers = machines.iter().map(|machine| machine.id).collect();
        Self { machines, peers, now: 0, diverged: 0, renamed: 0 }
    }

    fn start(&mut self, at: usize, seed: u64, of: u64) {
        let Self { machines, peers, .. } = self;
        machines[at].start(peers, seed, of);
    }

    /// Connects those that reach each other, and lets time pass.
    fn run(&mut self, reach: &[usize], millis: u64) {
        let until = self.now + millis;
        for &at in reach {
            for &peer in &self.peers {
                let connects = reach.iter().any(|&other| other != at && self.machines[other].id == peer);
                let Some(member) = &mut self.machines[at].member else { continue };
                if connects {
                    member.connected(peer)
                } else {
                    member.disconnected(peer)
                };
            }
        }
        while self.now < until {
            self.now += 10;
            for &at in reach {
                let Some(member) = &mut self.machines[at].member else { continue };
                member.tick(self.now);
                self.machines[at].persist();
                let from = self.machines[at].id;
                while let Some(message) = self.machines[at].member().poll_transmit() {
                    let to = self.peers.iter().position(|&peer| peer == message.to).unwrap();
                    if let Some(member) = self.machines[to].member.as_mut().filter(|_| reach.contains(&to)) {
                        _ = member.handle(from, &message.bytes, self.now);
                    }
                }
                while let Some(event) = self.machines[at].member().poll_event() {
                    self.diverged += usize::from(matches!(event, Event::Diverged { .. }));
                    self.renamed += usize::from(matches!(event, Event::Renamed { .. }));
                }
            }
        }
    }

    /// All have the same, under the same version, and nothing of `written` is missing.
    fn assert_agree(&mut self, written: &BTreeSet<u64>, what: &str) {
        // One after the other first: what two of one id gave away at once, to two others, is beyond repair.
        (1..self.machines.len()).for_each(|at| self.run(&[0, at], 3_000));
        let all: Vec<_> = (0..self.machines.len()).collect();
        self.run(&all, 60_000);
        let states: BTreeMap<_, _> =
            self.machines.iter_mut().map(|machine| (machine.id, machine.member().value().clone())).collect();
        let first = states.values().next().unwrap();
        for state in states.values() {
            assert_eq!(state.canonical(), first.canonical(), "{what}");
        }
        let (set, count) = first.view();
        assert_eq!(set.iter().copied().collect::<BTreeSet<_>>(), *written, "{what}");
        assert_eq!(count.value(), written.len() as i128, "{what}");
        assert_eq!(self.diverged, 0, "{what}");
    }
}

#[test]
fn nothing_leaves_before_it_is_stored_and_all_of_it_after() {
    let mut group = Group::new(2);
    group.start(0, 1, 0);
    group.start(1, 2, 0);
    group.run(&[0, 1], 2_000);
    group.machines[0].write(7);
    for now in (2_000..4_000).step_by(10) {
        group.machines[0].member().tick(now);
        while let Some(message) = group.machines[0].member().poll_transmit() {
            // A `Have` may leave; it does not name what is not stored.
            group.machines[1].member().handle(PeerId::from_seed(0), &message.bytes, now).unwrap();
        }
        let member = group.machines[0].member();
        assert!(member.replica().published().is_empty() && !member.is_stored());
        assert!(member.export().is_err());
    }
    assert!(group.machines[1].member().value().version().is_empty());
    group.now = 4_000;
    group.run(&[0, 1], 2_000);
    assert!(group.machines[0].member().is_stored());
    assert!(group.machines[1].member().value().view().0.contains(&7));
    let export = group.machines[0].member().export().unwrap();
    assert_eq!(&Value::decode(&export, &Default::default()).unwrap(), group.machines[1].member().value());
}

#[test]
fn a_driver_that_forgets_to_store_is_told() {
    let mut machine = Machine::new(0);
    machine.start(&[], 1, 0);
    machine.member().tick(1_000);
    assert_eq!(machine.member().poll_event(), None);
    machine.write(1);
    let mut told = Vec::new();
    let mut now = 1_000;
    // As often as it wants to be woken.
    while now < 200_000 {
        let member = machine.member();
        now = member.poll_timeout().unwrap().max(now + 1);
        member.tick(now);
        while let Some(event) = member.poll_event() {
            assert_eq!(event, Event::NotStored { since: 1_000 });
            told.push(now);
        }
    }
    assert_eq!(told, [11_000, 21_000, 41_000, 81_000, 161_000]);
    // A step that was fetched and is not answered is no better; one that fails is not either.
    let step = machine.member().poll_persist();
    assert!(step.is_some() && machine.member().poll_persist().is_none());
    machine.member().persist_failed();
    machine.persist();
    machine.member().tick(1_000_000);
    assert_eq!(machine.member().poll_event(), None);
    assert!(machine.member().is_stored());
    // Answers that belong to no step change nothing.
    machine.member().persisted();
    machine.member().persist_failed();
    machine.write(2);
    machine.member().persisted();
    assert!(!machine.member().is_stored());
}

#[test]
fn a_failed_step_is_made_good_by_a_snapshot() {
    let mut machine = Machine::new(0);
    machine.start(&[], 1, 0);
    machine.write(1);
    machine.persist();
    machine.write(2);
    assert!(matches!(machine.member().poll_persist(), Some(Step::Append(_))));
    machine.member().persist_failed();
    assert!(matches!(machine.member().poll_persist(), Some(Step::Replace(_))));
}

#[test]
fn what_cannot_be_read_is_told_and_not_overwritten() {
    let stored = Stored { snapshot: Some(vec![1, 2, 3]), log: Vec::new() };
    let opened = Member::<Value>::open(&stored, Config::new(PeerId::from_seed(0), STORE, 1), writers(0, 1, 0));
    assert!(matches!(opened, Err(LoadError::Snapshot(_))));
}

/// Reads, crash loops and failed edits take no id: what is stored stays byte for byte as it was.
#[test]
fn starts_that_write_nothing_leave_nothing_behind() {
    let mut machine = Machine::new(0);
    machine.start(&[], 1, 0);
    machine.write(1);
    machine.persist();
    let stored = machine.disk.stored();
    for seed in 2..100 {
        machine.start(&[], seed, 0);
        machine.persist();
        let failed = machine.member().update(|value, writer| {
            value.try_edit(writer, |(mut set, _), edit| {
                set.insert(edit, 9);
                Err::<(), _>("failed")
            })
        });
        assert_eq!(failed, Ok(Err("failed")));
        machine.persist();
        machine.member().tick(1_000);
        machine.persist();
    }
    assert_eq!(machine.disk.stored(), stored);
}

/// A start appends to the log what it writes, and does not store everything anew.
#[test]
fn the_first_write_of_a_start_costs_what_it_writes() {
    let mut machine = Machine::new(0);
    machine.start(&[], 1, 0);
    machine.member = machine.member.take().map(|member| member.with_log_bytes(1 << 20));
    (0..1_000).for_each(|element| machine.write(element));
    machine.persist();
    machine.start(&[], 2, 0);
    machine.member = machine.member.take().map(|member| member.with_log_bytes(1 << 20));
    machine.write(1_000);
    let Some(Step::Append(bytes)) = machine.member().poll_persist() else { panic!("a snapshot") };
    assert!(bytes.len() < 400, "{}", bytes.len());
}

/// Restored from a backup that lacks n events, then m are written offline: with a restart in between or not, whoever is
/// met first.
#[test]
fn a_restored_backup_loses_nothing_whatever_was_written_before_and_after() {
    for lacks in 0..4 {
        for writes in 0..6 {
            for restarts in [false, true] {
                for (first, second) in [(1, 2), (2, 1)] {
                    let mut group = Group::new(3);
                    (0..3).for_each(|at| group.start(at, at as u64, 0));
                    let mut element = 0;
                    let mut write = |group: &mut Group, count: u64| {
                        (0..count).for_each(|_| {
                            group.machines[0].write(element);
                            element += 1;
                        });
                        group.machines[0].persist();
                    };
                    write(&mut group, 2);
                    group.run(&[0, 1, 2], 3_000);
                    let backup = group.machines[0].disk.clone();
                    write(&mut group, lacks);
                    group.run(&[0, 1], 3_000);
                    // The disk is lost, and the backup restored.
                    group.machines[0].disk = backup;
                    group.start(0, 10, 0);
                    write(&mut group, writes);
                    if restarts {
                        group.start(0, 11, 0);
                        write(&mut group, 1);
                    }
                    group.run(&[0, first], 3_000);
                    group.run(&[0, second], 3_000);
                    let what = format!("{lacks} lost, {writes} written, restarts: {restarts}, {first} first");
                    group.assert_agree(&(0..element).collect(), &what);
                }
            }
        }
    }
}

/// A disk that is copied while its member is up, and both go on. What the copy of a machine did before it met anybody
/// is renamed; what it wrote is not lost.
#[test]
fn two_copies_of_one_disk_lose_nothing() {
    for (one, two) in (0..4u64).flat_map(|one| (0..4u64).map(move |two| (one, two))) {
        two_copies(one, two);
    }
}

fn two_copies(one: u64, two: u64) {
    let mut group = Group::new(3);
    (0..2).for_each(|at| group.start(at, at as u64, 0));
    group.machines[0].write(0);
    group.run(&[0, 1], 2_000);
    let disk = group.machines[0].disk.clone();
    group.machines[2].copy_of(&disk, 0);
    // Of one id, so that it comes out the same.
    group.start(0, 5, 1);
    group.start(2, 6, 1);
    (0..one).for_each(|element| group.machines[0].write(10 + element));
    (0..two).for_each(|element| group.machines[2].write(20 + element));
    group.machines.iter_mut().filter(|machine| machine.member.is_some()).for_each(Machine::persist);
    let written = (0..one).map(|at| 10 + at).chain((0..two).map(|at| 20 + at)).chain([0]).collect();
    group.run(&[0, 1], 2_000);
    group.assert_agree(&written, &format!("{one} and {two}"));
    assert!(group.renamed > 0 || one == 0 || two == 0, "{one} and {two}");
}

/// Equally many events on both sides are a fork that only the comparison with what has left can see.
#[test]
#[cfg(feature = "mutants")]
fn the_sharp_check_is_needed() {
    use dotted::mutants::{Mutant, with};
    let equally_many = || with(Mutant::NoSharpCheck, || two_copies(2, 2));
    assert!(std::panic::catch_unwind(equally_many).is_err());
}

/// Two of one id that have given different events away are told when they meet, not at some heartbeat later.
#[test]
#[cfg(feature = "mutants")]
fn equal_versions_are_audited_when_two_meet() {
    use dotted::mutants::{Mutant, with};
    let diverged = || {
        let mut group = Group::new(2);
        for at in 0..2 {
            // One id, which both have loaded: all of it counts as having left.
            group.start(at, at as u64, 1);
            group.machines[at].lineage = 0;
            group.start(at, at as u64, 1);
            group.machines[at].write(at as u64);
            group.machines[at].persist();
            group.start(at, 10 + at as u64, 0);
        }
        group.run(&[0, 1], 1_000);
        group.diverged
    };
    assert_eq!(diverged(), 2);
    assert_eq!(with(Mutant::NoFirstAudit, diverged), 0);
}

/// The remedy that `Diverged` names: one of the two adopts what the other one exports.
#[test]
fn members_that_diverged_come_together_and_nothing_that_they_show_is_lost() {
    for adopts in [0, 1] {
        let mut group = Group::new(3);
        for at in 0..2 {
            group.machines[at].lineage = 0;
            group.start(at, at as u64, 1);
            (0..3).for_each(|element| group.machines[at].write(10 * at as u64 + element));
            // Both have one thing in common.
            group.machines[at].write(7);
            group.machines[at].persist();
            group.start(at, 10 + at as u64, 0);
        }
        group.run(&[0, 1], 1_000);
        assert_eq!(group.diverged, 2);
        // Each goes on meanwhile, and takes in what the other one writes.
        group.machines[0].write(30);
        group.machines[1].write(31);
        group.run(&[0, 1], 5_000);
        let export = group.machines[1 - adopts].member().export().unwrap();
        let member = group.machines[adopts].member();
        let before = member.value().clone();
        assert!(member.adopt(&export[..export.len() - 1]).is_err());
        assert_eq!(member.value(), &before);
        member.adopt(&export).unwrap();
        assert!(!member.is_stored() && member.replica().published().is_empty(), "nothing leaves before it is stored");
        group.diverged = 0;
        group.machines[adopts].persist();
        assert!(group.machines[adopts].member().is_stored());
        // It is found again after a crash.
        group.start(adopts, 20, 0);
        group.start(2, 2, 0);
        let all: Vec<_> = (0..3).collect();
        group.run(&all, 60_000);
        let states: Vec<_> = group.machines.iter_mut().map(|machine| machine.member().value().clone()).collect();
        assert!(states.iter().all(|state| state == &states[0]));
        let set: BTreeSet<_> = states[0].view().0.iter().copied().collect();
        assert_eq!(set, BTreeSet::from([0, 1, 2, 7, 10, 11, 12, 30, 31]));
        assert_eq!(group.diverged, 0);
    }
}

/// A member that lies about another's events makes it take new ids, a few times; it never stops it.
#[test]
fn a_claimed_fork_stops_nobody() {
    let mut group = Group::new(2);
    group.start(0, 1, 0);
    group.start(1, 2, 0);
    group.machines[0].write(0);
    group.run(&[0, 1], 2_000);
    let mut renamed = 0;
    for round in 1..100u64 {
        // The liar knows the id under which the other one writes now, and claims to have seen more.
        let own = group.machines[0].member().replica().writer().uuid();
        let mut liar = Value::new();
        let mut forger = Writer::with_clock(own, Timestamp::default);
        (0..round * 50).for_each(|element| {
            liar.edit(&mut forger, |(mut set, _), edit| set.insert(edit, 1_000_000 + element));
        });
        let mut machine = Machine::new(1);
        machine.start(&group.peers, round, 0);
        machine.member().update(|value, _| value.merge_for_test(&liar)).unwrap();
        machine.persist();
        group.now += 10;
        machine.member().tick(group.now);
        let now = group.now;
        while let Some(message) = machine.member().poll_transmit() {
            _ = group.machines[0].member().handle(machine.id, &message.bytes, now);
        }
        group.machines[0].persist();
        group.machines[0].member().tick(now);
        while let Some(event) = group.machines[0].member().poll_event() {
            renamed += usize::from(matches!(event, Event::Renamed { .. }));
        }
        group.machines[0].write(round);
        group.machines[0].persist();
    }
    assert!((1..=10).contains(&renamed), "{renamed}");
    let value = group.machines[0].member().value();
    assert!((0..100).all(|element| value.view().0.contains(&element)));
}

trait MergeForTest {
    fn merge_for_test(&mut self, other: &Self);
}

impl MergeForTest for Value {
    fn merge_for_test(&mut self, other: &Self) {
        self.try_merge(other).unwrap();
    }
}

/// Disks that are backed up, restored, copied; machines that crash, and meet in any order.
#[test]
fn random_histories_of_backups_and_copies_lose_nothing() {
    let histories = std::env::var("DOTTED_HISTORIES").map_or(300, |count| count.parse().unwrap());
    let seed: u64 = std::env::var("DOTTED_SEED").map_or(0, |seed| seed.parse().unwrap());
    let renamed = AtomicU64::new(0);
    common::parallel::for_each(seed..seed + histories, |history: u64| {
        let (mut random, seed) = (Random::new(history), history);
        // Machine 0 is the one that all the others meet, and it is not rolled back: what has left under one id twice,
        // to two that do not know of each other, is beyond repair.
        let mut group = Group::new(4);
        let mut starts = 0;
        // In every other history new ids come out the same now and then. Then a machine meets the group before it
        // starts again, or is copied: what collided and is loaded is not told from what has left.
        let collide = history % 2 == 1;
        let mut start = |group: &mut Group, at: usize, random: &mut Random| {
            starts += 1;
            let of = if collide { [4, 4, 1][random.below(3)] } else { 0 };
            group.start(at, seed * 1_000 + starts, of);
        };
        (0..4).for_each(|at| start(&mut group, at, &mut random));
        let mut backups = vec![(MemoryStorage::new(), 9)];
        let (mut element, mut written) = (0, BTreeSet::new());
        for _ in 0..40 {
            let at = random.below(4);
            match random.below(100) {
                0..45 => {
                    (0..1 + random.below(3)).for_each(|_| {
                        group.machines[at].write(element);
                        written.insert(element);
                        element += 1;
                    });
                    group.machines[at].persist();
                }
                45..75 => group.run(&[0, at], 1_000),
                75..82 => {
                    if collide {
                        group.run(&[0, at.max(1)], 3_000);
                    }
                    backups.push((group.machines[at].disk.clone(), group.machines[at].lineage));
                }
                82..88 => {
                    if collide {
                        group.run(&[0, at], 3_000);
                    }
                    start(&mut group, at, &mut random);
                }
                // What this machine alone has would go with its disk.
                88.. if at > 0 => {
                    group.run(&[0, at], 3_000);
                    let other = random.below(4);
                    if collide {
                        group.run(&[0, other.max(1)], 3_000);
                    }
                    let (backup, other) = (random.below(backups.len()), &group.machines[other]);
                    let copied = (other.disk.clone(), other.lineage);
                    let (disk, lineage) = if random.chance(50) { &backups[backup] } else { &copied };
                    group.machines[at].copy_of(disk, *lineage);
                    start(&mut group, at, &mut random);
                }
                _ => {}
            }
        }
        group.assert_agree(&written, &format!("history {history}"));
        renamed.fetch_add(group.renamed as u64, Ordering::Relaxed);
    });
    assert!(renamed.into_inner() > 0, "ids come out the same");
}
