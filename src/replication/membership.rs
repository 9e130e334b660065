use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::peer::Peer;
use super::random::Random;
use super::{Bounds, JoinError, PeerId, Topology};
use crate::sorted::SortedMap;

/// What a member counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// It counts for confirmations, connected or not, until it is retired.
    #[default]
    Voter,
    /// It reads and writes like all others and counts for nothing: browsers, tools, whoever comes and goes. Where
    /// members are [as many as may be](super::Bounds::members), one without a connection makes room for the next.
    Observer,
}

/// Who belongs to the group, as this replica was told.
#[derive(Debug, Clone)]
pub(super) struct Membership {
    pub(super) me: PeerId,
    pub(super) topology: Topology,
    peers: SortedMap<PeerId, Peer>,
    retired: VecDeque<PeerId>,
    /// Sorted; all but this replica.
    members: Vec<PeerId>,
    /// Sorted; the voters, without this replica.
    voters: Vec<PeerId>,
    /// Sorted; those that can be reached.
    active: Vec<PeerId>,
    /// Sorted; a part of the active ones.
    targets: Vec<PeerId>,
}

impl Membership {
    pub(super) fn new(me: PeerId, topology: Topology) -> Self {
        let (peers, retired) = (SortedMap::default(), VecDeque::new());
        let [members, voters, active, targets] = Default::default();
        Self { me, topology, peers, retired, members, voters, active, targets }
    }

    pub(super) fn get(&self, peer: PeerId) -> Option<&Peer> {
        self.peers.get(&peer)
    }

    pub(super) fn get_mut(&mut self, peer: PeerId) -> Option<&mut Peer> {
        self.peers.get_mut(&peer)
    }

    pub(super) fn is_retired(&self, peer: PeerId) -> bool {
        self.retired.contains(&peer)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (PeerId, &Peer)> {
        self.peers.iter().map(|(&id, peer)| (id, peer))
    }

    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = (PeerId, &mut Peer)> {
        self.peers.iter_mut().map(|(&id, peer)| (id, peer))
    }

    pub(super) fn ids(&self) -> Vec<PeerId> {
        self.peers.keys().copied().collect()
    }

    pub(super) fn members(&self) -> &[PeerId] {
        &self.members
    }

    pub(super) fn voters(&self) -> &[PeerId] {
        &self.voters
    }

    pub(super) fn is_voter(&self, peer: PeerId) -> bool {
        self.voters.binary_search(&peer).is_ok()
    }

    pub(super) fn active(&self) -> &[PeerId] {
        &self.active
    }

    pub(super) fn targets(&self) -> &[PeerId] {
        &self.targets
    }

    pub(super) fn is_target(&self, peer: PeerId) -> bool {
        self.targets.binary_search(&peer).is_ok()
    }

    /// The one after `last`, in a circle.
    pub(super) fn target_after(&self, last: Option<PeerId>) -> Option<PeerId> {
        let at = last.map_or(0, |last| self.targets.partition_point(|peer| *peer <= last));
        self.targets.get(at).or_else(|| self.targets.first()).copied()
    }

    /// The peers after `last`, in a circle.
    pub(super) fn after(&self, last: Option<PeerId>) -> Vec<PeerId> {
        let Some(last) = last else { return self.ids() };
        let mut ids = self.ids();
        let at = ids.partition_point(|peer| *peer <= last);
        ids.rotate_left(at);
        ids
    }

    /// Adds a member, or gives one another role. Says whether it is new.
    pub(super) fn join(
        &mut self,
        peer: PeerId,
        role: Role,
        bounds: &Bounds,
        random: &mut Random,
    ) -> Result<bool, JoinError> {
        if peer == self.me {
            return Err(JoinError::Myself);
        }
        if self.is_retired(peer) {
            return Err(JoinError::Retired);
        }
        let is_new = self.peers.get(&peer).is_none();
        if is_new && self.peers.len() >= bounds.members && !self.evict_observer() {
            return Err(JoinError::Full);
        }
        self.peers.entry(peer, || Peer::new(bounds)).role = role;
        self.redraw(random);
        Ok(is_new)
    }

    /// Makes room: of the observers without a connection, the first by id goes.
    fn evict_observer(&mut self) -> bool {
        let evicted = self.all().find(|(_, peer)| !peer.is_connected && peer.role == Role::Observer);
        let evicted = evicted.map(|(id, _)| id);
        evicted.is_some_and(|id| self.peers.remove(&id).is_some())
    }

    /// There is a connection to a member, or a new one. Whatever was under way on the old one is not waited for, and what
    /// the member has is heard anew.
    pub(super) fn connect(&mut self, peer: PeerId, random: &mut Random) -> bool {
        let Some(known) = self.peers.get_mut(&peer) else { return false };
        known.is_connected = true;
        known.forget_exchange();
        known.known = None;
        self.redraw(random);
        true
    }

    pub(super) fn disconnect(&mut self, peer: PeerId, random: &mut Random) -> bool {
        let Some(known) = self.peers.get_mut(&peer).filter(|known| known.is_connected) else { return false };
        known.is_connected = false;
        known.forget_exchange();
        self.redraw(random);
        true
    }

    pub(super) fn retire(&mut self, peer: PeerId, bounds: &Bounds, random: &mut Random) -> bool {
        if peer == self.me || self.is_retired(peer) {
            return false;
        }
        if self.retired.len() >= bounds.members.max(1) {
            self.retired.pop_front();
        }
        self.retired.push_back(peer);
        self.peers.remove(&peer);
        self.redraw(random);
        true
    }

    /// Chooses the targets again.
    pub(super) fn redraw(&mut self, random: &mut Random) {
        let those = |of: fn(&Peer) -> bool| self.all().filter(|(_, peer)| of(peer)).map(|(id, _)| id).collect();
        let (voters, active) = (those(|peer| peer.role == Role::Voter), those(|peer| peer.is_connected));
        (self.members, self.voters, self.active) = (self.ids(), voters, active);
        self.targets = self.topology.targets(self.me, &self.active, random);
    }
}
