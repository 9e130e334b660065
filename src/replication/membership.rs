use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::peer::Peer;
use super::random::Random;
use super::{Bounds, JoinError, PeerId, Topology};
use crate::sorted::SortedMap;

/// Who belongs to the group, as this replica was told.
#[derive(Debug, Clone)]
pub(super) struct Membership {
    pub(super) me: PeerId,
    pub(super) topology: Topology,
    peers: SortedMap<PeerId, Peer>,
    retired: VecDeque<PeerId>,
    /// Sorted; without this replica and those that are away.
    active: Vec<PeerId>,
    /// Sorted; a part of the active ones.
    targets: Vec<PeerId>,
}

impl Membership {
    pub(super) fn new(me: PeerId, topology: Topology) -> Self {
        let (peers, retired) = (SortedMap::default(), VecDeque::new());
        Self { me, topology, peers, retired, active: Vec::new(), targets: Vec::new() }
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

    /// Adds a member, or brings back one that was away. Says whether that is new.
    pub(super) fn join(&mut self, peer: PeerId, bounds: &Bounds, random: &mut Random) -> Result<bool, JoinError> {
        if peer == self.me {
            return Err(JoinError::Myself);
        }
        if self.is_retired(peer) {
            return Err(JoinError::Retired);
        }
        let full = self.peers.len() >= bounds.members;
        match self.peers.get_mut(&peer) {
            Some(known) if !known.away => return Ok(false),
            Some(known) => known.away = false,
            None if full => return Err(JoinError::Full),
            None => _ = self.peers.entry(peer, || Peer::new(bounds)),
        }
        self.redraw(random);
        Ok(true)
    }

    pub(super) fn leave(&mut self, peer: PeerId, random: &mut Random) -> bool {
        let Some(known) = self.peers.get_mut(&peer).filter(|known| !known.away) else { return false };
        known.away = true;
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
        self.active = self.peers.iter().filter(|(_, peer)| !peer.away).map(|(&id, _)| id).collect();
        self.targets = self.topology.targets(self.me, &self.active, random);
    }
}
