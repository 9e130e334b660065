use alloc::vec::Vec;

use super::PeerId;
use super::random::Random;

/// With whom a replica keeps up by itself. Whoever speaks to it is answered in any case, so relaying
/// needs nothing special: what came from one side goes on to the others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Topology {
    /// Every member with every other. The writer pushes to all; the others only check with a few,
    /// chosen at random, that it got through.
    #[default]
    FullMesh,
    /// With the next and the previous member in the order of their ids.
    Ring,
    /// All with the hub. On the hub itself: with all.
    Star {
        /// The hub.
        hub: PeerId,
    },
    /// In each round with some members, chosen at random. A change is passed on for a few rounds more than the
    /// logarithm of the number of members; whom that misses learns it from a heartbeat.
    Random {
        /// How many in a round.
        fan_out: usize,
    },
    /// With these, as far as they are members. The graph of all replicas must be connected.
    Custom(Vec<PeerId>),
}

impl Topology {
    /// Whether changes of others are passed on in random rounds instead of at once.
    pub(super) fn is_epidemic(&self) -> bool {
        matches!(self, Self::FullMesh | Self::Random { .. })
    }

    /// Whom to keep up with. `members` is sorted and without `me`.
    pub(super) fn targets(&self, me: PeerId, members: &[PeerId], random: &mut Random) -> Vec<PeerId> {
        match self {
            Self::FullMesh => members.to_vec(),
            Self::Star { hub } if *hub == me => members.to_vec(),
            Self::Star { hub } => members.iter().copied().filter(|peer| peer == hub).collect(),
            Self::Ring => {
                if members.is_empty() {
                    return Vec::new();
                }
                let next = members.partition_point(|peer| *peer < me);
                let previous = (next + members.len() - 1) % members.len();
                let mut both = alloc::vec![members[next % members.len()], members[previous]];
                both.sort_unstable();
                both.dedup();
                both
            }
            Self::Random { fan_out } => choose(members, *fan_out, random),
            Self::Custom(list) => members.iter().copied().filter(|peer| list.contains(peer)).collect(),
        }
    }
}

/// Some of them, sorted.
pub(super) fn choose(members: &[PeerId], count: usize, random: &mut Random) -> Vec<PeerId> {
    let mut rest = members.to_vec();
    let mut chosen = Vec::new();
    while chosen.len() < count && !rest.is_empty() {
        chosen.push(rest.swap_remove(random.below(rest.len())));
    }
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_close_and_stars_have_one_centre() {
        let peers: Vec<PeerId> = (1..=5).map(PeerId::from_seed).collect();
        let mut random = Random::new(1);
        let mut targets = |topology: Topology, me: usize| {
            let others: Vec<PeerId> = peers.iter().copied().filter(|peer| *peer != peers[me]).collect();
            topology.targets(peers[me], &others, &mut random)
        };
        assert_eq!(targets(Topology::Ring, 0), [peers[1], peers[4]]);
        assert_eq!(targets(Topology::Ring, 2), [peers[1], peers[3]]);
        assert_eq!(targets(Topology::Ring, 4), [peers[0], peers[3]]);
        assert_eq!(targets(Topology::Star { hub: peers[3] }, 0), [peers[3]]);
        assert_eq!(targets(Topology::Star { hub: peers[3] }, 3).len(), 4);
        assert_eq!(targets(Topology::Random { fan_out: 2 }, 3).len(), 2);
        assert_eq!(targets(Topology::Random { fan_out: 9 }, 3).len(), 4);
        assert_eq!(targets(Topology::Custom(peers[1..3].to_vec()), 1), [peers[2]]);
        assert!(Topology::Ring.targets(peers[0], &[], &mut Random::new(1)).is_empty());
    }
}
