use alloc::vec::Vec;

use super::PeerId;
use crate::causality::{ReplicaId, VersionVector};
use crate::sorted::{SortedMap, SortedSet};

/// The confirmations that others wait for, relayed.
///
/// Who waits starts a *round*: it floods outwards to all, and what members have of the branch flows back
/// along the way on which the round came first. What is lost is repaired by the next round. Nothing of this
/// is sent unless somebody waits.
#[derive(Debug, Default, Clone)]
pub(super) struct Watches {
    list: SortedMap<(PeerId, ReplicaId), Watch>,
}

#[derive(Debug, Clone)]
struct Watch {
    round: u64,
    /// From whom the round came first.
    via: PeerId,
    until: u64,
    /// Who is still to be told of the round. Each is told once: a round that was repeated in every `Have`
    /// would come back to those who have forgotten it, and go round for ever.
    untold: SortedSet<PeerId>,
    /// What other members have of the branch.
    seen: SortedMap<PeerId, u64>,
}

impl Watches {
    /// Whether this round is new, so that it is passed on.
    pub(super) fn hear(
        &mut self,
        (origin, branch, round): (PeerId, ReplicaId, u64),
        via: PeerId,
        until: u64,
        targets: &[PeerId],
        limit: usize,
    ) -> bool {
        let untold = || targets.iter().copied().filter(|&peer| peer != via && peer != origin).collect();
        let full = self.list.len() >= limit;
        match self.list.get_mut(&(origin, branch)) {
            Some(watch) if watch.round >= round => false,
            Some(watch) => {
                (watch.round, watch.via, watch.until, watch.untold) = (round, via, until, untold());
                true
            }
            None if full => false,
            None => {
                let watch = || Watch { round, via, until, untold: untold(), seen: SortedMap::default() };
                self.list.entry((origin, branch), watch);
                true
            }
        }
    }

    /// A round that is older than the one known here: it is late, or whoever waits has started again with a smaller clock.
    /// Then that one must hear from where to go on, so the greater number goes back the way this one came.
    pub(super) fn correct(&mut self, (origin, branch, round): (PeerId, ReplicaId, u64), via: PeerId) -> bool {
        let newer = self.list.get_mut(&(origin, branch)).filter(|watch| watch.round > round);
        newer.is_some_and(|watch| watch.untold.insert(via))
    }

    /// A member has so much of a branch. Lists to whom that is news.
    pub(super) fn credit(&mut self, member: PeerId, branch: &ReplicaId, counter: u64, news: &mut Vec<PeerId>) {
        for ((origin, watched), watch) in self.list.iter_mut() {
            if watched == branch && *origin != member && counter > 0 {
                let known = watch.seen.entry(member, || 0);
                if counter > *known {
                    *known = counter;
                    if watch.via != member {
                        news.push(watch.via);
                    }
                }
            }
        }
    }

    /// As [`credit`](Watches::credit), for all that is watched.
    pub(super) fn credit_all(&mut self, member: PeerId, version: &VersionVector, news: &mut Vec<PeerId>) {
        let branches: Vec<ReplicaId> = self.list.keys().map(|&(_, branch)| branch).collect();
        for branch in branches {
            self.credit(member, &branch, version.get(&branch), news);
        }
    }

    /// Whom to tell that this replica has more of what is watched.
    pub(super) fn own_news(&self, before: &VersionVector, after: &VersionVector) -> Vec<PeerId> {
        let grown = self.list.iter().filter(|((_, branch), _)| after.get(branch) > before.get(branch));
        grown.map(|(_, watch)| watch.via).collect()
    }

    /// What to say to a peer: the rounds, and what others have.
    #[expect(clippy::type_complexity)]
    pub(super) fn tell(&mut self, to: PeerId) -> (Vec<(PeerId, ReplicaId, u64)>, Vec<(ReplicaId, PeerId, u64)>) {
        let watches = self
            .list
            .iter_mut()
            .filter_map(|(&(origin, branch), watch)| watch.untold.remove(&to).then_some((origin, branch, watch.round)));
        let watches = watches.collect();
        let mut seen = SortedMap::default();
        for ((_, branch), watch) in self.list.iter().filter(|(_, watch)| watch.via == to) {
            for (&member, &counter) in watch.seen.iter().filter(|&(&member, _)| member != to) {
                let most = seen.entry((*branch, member), || 0);
                *most = counter.max(*most);
            }
        }
        (
            watches,
            seen.into_entries().into_iter().map(|((branch, member), counter)| (branch, member, counter)).collect(),
        )
    }

    pub(super) fn expire(&mut self, now: u64) {
        self.list.retain(|_, watch| watch.until > now);
    }

    pub(super) fn forget(&mut self, peer: PeerId) {
        self.list.retain(|(origin, _), watch| *origin != peer && watch.via != peer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_told_once_and_what_is_seen_goes_back() {
        let peers: Vec<PeerId> = (0..5).map(PeerId::from_seed).collect();
        let branch = ReplicaId::from_seed(9);
        let mut watches = Watches::default();
        let round = |number| (peers[0], branch, number);
        assert!(watches.hear(round(7), peers[1], 100, &peers[1..3], 1));
        assert!(!watches.hear(round(7), peers[2], 200, &peers[1..3], 1), "no new round");
        assert!(!watches.hear((peers[3], branch, 8), peers[1], 100, &peers[1..3], 1), "no room");
        assert_eq!(watches.tell(peers[2]).0, [round(7)]);
        assert!(watches.tell(peers[2]).0.is_empty() && watches.tell(peers[1]).0.is_empty());

        let mut news = Vec::new();
        watches.credit(peers[4], &branch, 3, &mut news);
        watches.credit(peers[4], &branch, 2, &mut news);
        assert_eq!(news, [peers[1]], "once, and to where the round came from");
        assert_eq!(watches.tell(peers[1]).1, [(branch, peers[4], 3)]);
        assert!(watches.tell(peers[2]).1.is_empty());

        assert!(watches.hear(round(8), peers[2], 300, &peers[1..3], 1));
        assert_eq!((watches.tell(peers[1]).0.len(), watches.tell(peers[2]).1.len()), (1, 1));
        watches.expire(299);
        assert_eq!(watches.list.len(), 1);
        watches.expire(300);
        assert_eq!(watches.list.len(), 0);
    }
}
