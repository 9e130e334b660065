//! From whom much is taken that several have: from one after the other.

use alloc::vec::Vec;

use super::peer::{Peer, Say};
use super::{PeerId, Replica};
use crate::DeltaCrdt;
use crate::mutants::{self, Mutant};

/// The one peer that may send at once whatever is missing here. All others let long deltas wait until it is their turn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fetch {
    pub(super) from: PeerId,
    since: u64,
    pub(super) until: u64,
}

impl<C: DeltaCrdt> Replica<C> {
    /// Whether a peer is told to let long deltas wait: it is another one's turn, or nobody has been heard yet and it may
    /// become another one's.
    pub(super) fn holds(&self, to: PeerId) -> bool {
        match &self.fetch {
            Some(fetch) => fetch.from != to,
            None => {
                let heard = self.members.get(to).is_some_and(|peer| peer.known.is_some());
                !heard && self.members.active().len() > 1
            }
        }
    }

    /// Sees to it that it is somebody's turn if something is missing. It is over when nothing is missing of what that peer
    /// has, when it is gone, and when it is silent.
    pub(super) fn fetch(&mut self) {
        let (now, version, ended) = (self.now, self.value.version(), self.fetch.take());
        if let Some(fetch) = ended {
            let goes_on = |peer: &mut Peer| fetch.until > now && peer.has_more(version);
            if self.members.get_mut(fetch.from).is_some_and(goes_on) || mutants::on(Mutant::FetchesForever) {
                self.fetch = ended;
                return;
            }
        }
        let mut waiting: Vec<PeerId> =
            self.members.all_mut().filter_map(|(id, peer)| peer.has_more(version).then_some(id)).collect();
        let turn = ended.map_or(0, |ended| waiting.partition_point(|&id| id <= ended.from));
        let Some(&from) = waiting.get(turn).or(waiting.first()) else { return };
        self.fetch = Some(Fetch { from, since: now, until: now.saturating_add(self.patience()) });
        if ended.is_none() {
            waiting = Vec::from([from]);
        }
        // What the others have more than the last one had is little, and needs no turn.
        for id in waiting {
            if let Some(peer) = self.members.get_mut(id).filter(|peer| peer.told_to_wait) {
                peer.say(Say::Have);
            }
        }
    }

    /// A part came from a peer: if it is its turn, it goes on.
    pub(super) fn fetch_goes_on(&mut self, from: PeerId) {
        let until = self.now.saturating_add(self.patience());
        if let Some(fetch) = self.fetch.as_mut().filter(|fetch| fetch.from == from) {
            fetch.until = until.min(fetch.since.saturating_add(self.config.timing.staging)).max(fetch.until);
        }
    }

    fn patience(&self) -> u64 {
        self.config.timing.retry.saturating_mul(4)
    }

    /// It is another one's turn to send a peer much: says that there is something here.
    pub(super) fn offer(&mut self, to: PeerId) {
        let published = self.published().into_owned();
        let Some(peer) = self.members.get_mut(to) else { return };
        peer.offers = true;
        peer.push_at = None;
        if peer.told.as_ref() != Some(&published) {
            peer.say(Say::Have);
        }
        self.rearm(to);
    }
}
