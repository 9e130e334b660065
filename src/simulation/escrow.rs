use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Random, Subject};
use crate::Crdt;
use crate::causality::{Dot, ReplicaId, VersionVector, Writer};
use crate::types::BoundedCounter;

/// A [`BoundedCounter`] that is always scarce: its rights are made, spent and handed over, more than there are of them.
///
/// What is right is known from the books: all that was ever acknowledged, by whoever, wherever he was and whatever became
/// of him. Altogether never more may be spent than was made; what a replica shows must be what is in the
/// books of the events that it has seen, and never below zero.
pub struct EscrowSubject<'t> {
    /// How many operations a write makes.
    operations: usize,
    tally: &'t EscrowTally,
    books: Books,
}

/// How many operations there were, of all subjects that share it.
#[derive(Debug, Default)]
pub struct EscrowTally {
    operations: AtomicU64,
    increments: AtomicU64,
    decrements: AtomicU64,
    transfers: AtomicU64,
    refused: AtomicU64,
}

impl EscrowTally {
    /// All attempts.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.operations.load(Ordering::Relaxed)
    }

    /// Increments, decrements and transfers that were made, and attempts that were refused for want of rights.
    #[must_use]
    pub fn outcomes(&self) -> [u64; 4] {
        [&self.increments, &self.decrements, &self.transfers, &self.refused].map(|count| count.load(Ordering::Relaxed))
    }
}

fn one_more(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

/// A sum by the counter of the event that raised it.
type Sums = Vec<(u64, u64)>;

fn add(sums: &mut Sums, counter: u64, amount: u64) {
    let before = sums.last().map_or(0, |&(_, sum)| sum);
    sums.push((counter, before + amount));
}

fn upto(sums: &Sums, counter: u64) -> i128 {
    let seen = sums.partition_point(|&(at, _)| at <= counter);
    seen.checked_sub(1).map_or(0, |last| i128::from(sums[last].1))
}

#[derive(Default)]
struct Books {
    made: BTreeMap<ReplicaId, Sums>,
    spent: BTreeMap<ReplicaId, Sums>,
    given: BTreeMap<(ReplicaId, ReplicaId), Sums>,
}

impl Books {
    fn all(sums: &BTreeMap<ReplicaId, Sums>) -> u128 {
        sums.values().filter_map(|sums| sums.last()).map(|&(_, sum)| u128::from(sum)).sum()
    }

    /// The rights of everyone, by the events within a version.
    fn rights(&self, version: &VersionVector) -> BTreeMap<ReplicaId, i128> {
        let mut rights = BTreeMap::new();
        let mut book = |id: &ReplicaId, amount: i128| *rights.entry(*id).or_default() += amount;
        self.made.iter().for_each(|(id, sums)| book(id, upto(sums, version.get(id))));
        self.spent.iter().for_each(|(id, sums)| book(id, -upto(sums, version.get(id))));
        for ((from, to), sums) in &self.given {
            let amount = upto(sums, version.get(from));
            book(from, -amount);
            book(to, amount);
        }
        rights
    }

    fn strike_out(&mut self, is_lost: &dyn Fn(&Dot) -> bool) {
        let strike = |id: &ReplicaId, sums: &mut Sums| sums.retain(|&(counter, _)| !is_lost(&Dot::new(*id, counter)));
        self.made.iter_mut().for_each(|(id, sums)| strike(id, sums));
        self.spent.iter_mut().for_each(|(id, sums)| strike(id, sums));
        self.given.iter_mut().for_each(|((id, _), sums)| strike(id, sums));
    }
}

impl<'t> EscrowSubject<'t> {
    /// A counter on which each write makes so many operations.
    #[must_use]
    pub fn new(operations: usize, tally: &'t EscrowTally) -> Self {
        Self { operations, tally, books: Books::default() }
    }

    fn operate(&mut self, counter: &mut BoundedCounter, writer: &mut Writer, random: &mut Random) {
        let amount = 1 + random.below(8) as u64;
        let (books, tally) = (&mut self.books, self.tally);
        let done = match random.below(32) {
            // Somewhat less than is wanted.
            0 | 1 => counter.increment(writer, 12 * amount).map(|dot| {
                add(books.made.entry(dot.replica).or_default(), dot.counter, 12 * amount);
                &tally.increments
            }),
            2..28 => counter.try_decrement(writer, amount).map(|dot| {
                add(books.spent.entry(dot.replica).or_default(), dot.counter, amount);
                &tally.decrements
            }),
            _ => {
                counter.announce(writer);
                let at = random.below(counter.version().len());
                let Some((to, _)) = counter.version().iter().nth(at) else { return };
                counter.transfer(writer, &to, 8 * amount).map(|dot| {
                    add(books.given.entry((dot.replica, to)).or_default(), dot.counter, 8 * amount);
                    &tally.transfers
                })
            }
        };
        one_more(&tally.operations);
        one_more(done.unwrap_or(&tally.refused));
    }
}

impl Subject for EscrowSubject<'_> {
    type Value = BoundedCounter;

    fn write(&mut self, counter: &mut BoundedCounter, writer: &mut Writer, random: &mut Random) {
        // Now and then on two copies that know nothing of each other.
        let mut copy = random.chance(10).then(|| counter.clone());
        for _ in 0..self.operations {
            match copy.as_mut().filter(|_| random.chance(50)) {
                Some(copy) => self.operate(copy, writer, random),
                None => self.operate(counter, writer, random),
            }
        }
        if let Some(copy) = copy {
            counter.merge(&copy);
        }
    }

    fn check(&self, counter: &BoundedCounter) -> Result<(), String> {
        let (made, spent) = (Books::all(&self.books.made), Books::all(&self.books.spent));
        if spent > made {
            return Err(format!("{spent} were sold, and there were {made}"));
        }
        let mut right = self.books.rights(counter.version());
        right.retain(|_, rights| *rights != 0);
        let shown = counter.holders().into_iter().filter(|&(_, rights)| rights != 0);
        if !shown.eq(right.iter().map(|(&id, &rights)| (id, rights))) {
            return Err(format!("the rights are {:?}, not {right:?}", counter.holders()));
        }
        if counter.overdrawn() > 0 || counter.value() < 0 || counter.value() != right.values().sum() {
            return Err(format!("{counter:?} with {:?}", counter.holders()));
        }
        Ok(())
    }

    fn read(&self, counter: &BoundedCounter) -> String {
        format!("{counter:?} {:?}", counter.holders())
    }

    fn lost(&mut self, is_lost: &dyn Fn(&Dot) -> bool) {
        self.books.strike_out(is_lost);
    }
}
