use alloc::vec::Vec;

use super::{Event, PeerId};
use crate::causality::{Dot, ReplicaId, VersionVector};
use crate::sorted::SortedSet;

/// How many must have an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Level {
    /// This replica: at once, or as soon as it is durable.
    Local,
    /// So many voters, this replica included if it is one.
    Count(usize),
    /// More than half of the voters, connected or not, this replica included if it is one.
    Majority,
    /// All voters, connected or not.
    All,
}

/// Names a confirmation that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

#[derive(Debug, Clone)]
struct Pending {
    ticket: Ticket,
    dot: Dot,
    level: Level,
    deadline: u64,
    /// Who was seen to have it, at any time.
    by: SortedSet<PeerId>,
}

/// The confirmations that are waited for.
#[derive(Debug, Default, Clone)]
pub(super) struct Confirmations {
    /// In the order of their tickets.
    pending: Vec<Pending>,
    next: u64,
    /// When to ask the others again whom they have seen.
    pub(super) ask_at: Option<u64>,
    pub(super) asked: u32,
}

/// Whom a confirmation is measured against.
pub(super) struct Group<'a> {
    pub(super) me: PeerId,
    /// Whether this replica is a voter.
    pub(super) counts: bool,
    /// The voters without this replica, connected or not.
    pub(super) others: &'a [PeerId],
    /// What this replica has, and may say that it has.
    pub(super) version: &'a VersionVector,
}

impl Pending {
    fn is_confirmed(&self, group: &Group<'_>) -> bool {
        let here = group.version.contains(&self.dot);
        let there = group.others.iter().filter(|peer| self.by.contains(peer)).count();
        let own = usize::from(here && group.counts);
        match self.level {
            Level::Local => here,
            // Somebody who was retired meanwhile still has it.
            Level::Count(count) => self.by.len() + own >= count,
            Level::Majority => there + own > (group.others.len() + usize::from(group.counts)) / 2,
            Level::All => here && there == group.others.len(),
        }
    }

    fn missing(&self, group: &Group<'_>) -> Vec<PeerId> {
        let me = (!group.version.contains(&self.dot)).then_some(group.me);
        group.others.iter().copied().filter(|peer| !self.by.contains(peer)).chain(me).collect()
    }
}

impl Confirmations {
    pub(super) fn len(&self) -> usize {
        self.pending.len()
    }

    pub(super) fn add(&mut self, dot: Dot, level: Level, deadline: u64, by: SortedSet<PeerId>) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        self.pending.push(Pending { ticket, dot, level, deadline, by });
        ticket
    }

    /// A peer has all of `version`.
    pub(super) fn credit(&mut self, peer: PeerId, version: &VersionVector) {
        for pending in &mut self.pending {
            if version.contains(&pending.dot) {
                pending.by.insert(peer);
            }
        }
    }

    /// A peer has so much of one branch, as another one says.
    pub(super) fn credit_branch(&mut self, peer: PeerId, branch: &ReplicaId, counter: u64) {
        for pending in &mut self.pending {
            if pending.dot.replica == *branch && pending.dot.counter <= counter {
                pending.by.insert(peer);
            }
        }
    }

    /// A peer has started anew, perhaps without what it had.
    pub(super) fn forget(&mut self, peer: PeerId) {
        self.pending.iter_mut().for_each(|pending| _ = pending.by.remove(&peer));
    }

    /// The branches that somebody waits for here.
    pub(super) fn branches(&self) -> Vec<ReplicaId> {
        let remote = self.pending.iter().filter(|pending| pending.level != Level::Local);
        let mut branches: Vec<_> = remote.map(|pending| pending.dot.replica).collect();
        branches.sort_unstable();
        branches.dedup();
        branches
    }

    /// Those that are settled now, or whose deadline has passed.
    pub(super) fn settle(&mut self, group: &Group<'_>, now: u64, mut event: impl FnMut(Event)) {
        self.pending.retain(|pending| {
            let ticket = pending.ticket;
            if pending.is_confirmed(group) {
                event(Event::Confirmed { ticket });
                return false;
            }
            let late = pending.deadline <= now;
            if late {
                event(Event::Unreachable { ticket, missing: pending.missing(group) });
            }
            !late
        });
        if self.branches().is_empty() {
            self.ask_at = None;
            self.asked = 0;
        }
    }

    pub(super) fn next_deadline(&self) -> Option<u64> {
        self.pending.iter().map(|pending| pending.deadline).min()
    }
}
