//! What happens in time: pushes, retries, rumors, heartbeats, deadlines.

use alloc::vec::Vec;

use super::message::{Nack, Why};
use super::parts::{Encoded, Pinned};
use super::peer::Say;
use super::topology::choose;
use super::{Event, PeerId, Replica, Topology};
use crate::DeltaCrdt;
use crate::causality::VersionVector;
use crate::mutants::{self, Mutant};
use crate::sorted::SortedSet;

impl<C: DeltaCrdt> Replica<C> {
    /// It is `now`: does what is due. Calling it early or often does no harm.
    pub fn tick(&mut self, now: u64) {
        self.advance(now);
        let now = self.now;
        if core::mem::take(&mut self.dirty) {
            self.spread(None);
        }
        for id in self.members.ids() {
            self.tick_peer(id);
        }
        if self.rumor_at.is_some_and(|at| at <= now) {
            self.rumor();
        }
        match self.beat_at {
            None => self.beat_at = Some(now.saturating_add(self.random.around(self.config.timing.heartbeat))),
            Some(at) if at <= now => self.beat(),
            Some(_) => {}
        }
        self.watches.expire(now);
        self.fetch();
        self.settle();
        if self.confirmations.ask_at.is_some_and(|at| at <= now) {
            self.ask_for_confirmations();
        }
    }

    /// When to call [`tick`](Replica::tick) next, if nothing arrives before; never far off, as there
    /// are heartbeats. What is past is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        let connected = self.members.all().filter(|(_, peer)| peer.is_connected);
        let peers = connected.flat_map(|(_, peer)| {
            [peer.push_at, peer.news_at, peer.retry_at, peer.staged.next_ask()].into_iter().flatten()
        });
        let dirty = self.dirty.then_some(self.now);
        let beat = Some(self.beat_at.unwrap_or(self.now));
        let fetch = self.fetch.map(|fetch| fetch.until);
        let own = [dirty, beat, fetch, self.rumor_at, self.confirmations.ask_at, self.confirmations.next_deadline()];
        peers.chain(own.into_iter().flatten()).min().map(|at| self.clock.outer(at))
    }

    fn tick_peer(&mut self, id: PeerId) {
        let (now, timing) = (self.now, &self.config.timing);
        let Some(peer) = self.members.get_mut(id).filter(|peer| peer.is_connected) else { return };
        if peer.news_at.is_some_and(|at| at <= now) {
            peer.news_at = None;
            peer.say(Say::Have);
        }
        let due = peer.staged.due(now, timing.retry, timing.staging, self.config.bounds.attempts);
        if let Some((id, missing)) = due.into_iter().next_back() {
            // The version is filled in when it leaves.
            let version = VersionVector::new();
            peer.nack = Some(Nack { version, why: Why::Parts, id, missing });
        }
        let (push, retry) = (peer.push_at, peer.retry_at);
        if push.is_some_and(|at| at <= now) {
            peer.push_at = None;
            self.serve(id, false);
            self.rearm(id);
        }
        if retry.is_some_and(|at| at <= now) {
            self.retry(id);
        }
    }

    /// Something is new here: pushes it, or starts to gossip about it.
    pub(super) fn spread(&mut self, from: Option<PeerId>) {
        let at = self.now.saturating_add(self.config.timing.debounce);
        let epidemic = match self.members.topology {
            Topology::Random { .. } => true,
            _ => from.is_some() && self.members.topology.is_epidemic(),
        };
        if epidemic {
            self.rumors = self.members.active().len().max(1).ilog2() + 3;
            let at = if from.is_none() {
                at
            } else {
                self.now.saturating_add(self.random.around(self.config.timing.gossip))
            };
            self.rumor_at.get_or_insert(at);
            return;
        }
        for id in self.members.targets().to_vec() {
            if Some(id) != from
                && let Some(peer) = self.members.get_mut(id)
            {
                peer.push_at.get_or_insert(at);
            }
        }
    }

    /// Whether a peer that has just been heard is to get by a push what it lacks. In a full mesh it gets others' changes
    /// from their writers, and rumors go round about them: if all pushed to all what they have heard
    /// from all, every change would come from everyone.
    pub(super) fn pushes_to(&self, id: PeerId) -> bool {
        let version = self.value.version();
        let Some(peer) = self.members.get(id).filter(|peer| peer.lacks(version)) else { return false };
        let told_otherwise = self.members.topology == Topology::FullMesh && self.rumor_at.is_some();
        // What is on its way already is looked at when it has arrived.
        let has = |branch, counter| peer.known.as_ref().is_some_and(|known| known.get(&branch) >= counter);
        let lacks_own = || version.branches_of(self.writer.uuid()).any(|(branch, counter)| !has(branch, counter));
        !told_otherwise || (peer.pinned.is_none() && lacks_own())
    }

    /// Tells some peers what is here, unless they are known to have it. They ask for what they lack.
    fn rumor(&mut self) {
        // Where this is the only way, an answer is asked for: one that has told all it has, and hears of more, would wait
        // for a delta. In a full mesh the writer has pushed, and this only sees to it that it got through.
        let (count, say) = match self.members.topology {
            Topology::Random { fan_out } => (fan_out, Say::Ask),
            _ => (1, Say::Have),
        };
        self.members.redraw(&mut self.random);
        let behind: Vec<PeerId> =
            self.members.active().iter().copied().filter(|&peer| !self.is_in_sync_with(peer)).collect();
        for id in choose(&behind, count, &mut self.random) {
            if let Some(peer) = self.members.get_mut(id) {
                peer.say(say);
            }
        }
        self.rumors = self.rumors.saturating_sub(1);
        let again = self.rumors > 0 && !behind.is_empty();
        let next = self.now.saturating_add(self.random.around(self.config.timing.gossip));
        self.rumor_at = again.then_some(next);
    }

    /// The rare sign of life, which also corrects what is wrongly believed.
    fn beat(&mut self) {
        self.beat_at = Some(self.now.saturating_add(self.random.around(self.config.timing.heartbeat)));
        let chosen = match self.members.topology {
            Topology::Random { .. } => choose(self.members.active(), 1, &mut self.random).pop(),
            _ => self.members.target_after(self.beaten),
        };
        let Some(id) = chosen else { return };
        self.beaten = Some(id);
        self.beats = self.beats.wrapping_add(1);
        let every = self.config.timing.audit_every;
        let audit = every > 0
            && self.beats.is_multiple_of(every)
            && self.is_in_sync_with(id)
            && self.value.version().is_within(&self.published());
        if let Some(peer) = self.members.get_mut(id) {
            if audit {
                peer.audit = true;
            } else {
                peer.say(Say::Have);
            }
        }
    }

    /// The greatest number of a round that is taken from a peer; a clock gives at most half of it.
    pub(super) const LAST_ROUND: u64 = u64::MAX >> 1;

    fn ask_for_confirmations(&mut self) {
        self.round = self.now.min(Self::LAST_ROUND >> 1).max(self.round.saturating_add(1));
        for id in self.members.targets().to_vec() {
            if let Some(peer) = self.members.get_mut(id) {
                peer.say(Say::Have);
            }
        }
        let wait = self.backoff(self.confirmations.asked);
        self.confirmations.asked = self.confirmations.asked.saturating_add(1);
        self.confirmations.ask_at = Some(self.now.saturating_add(wait));
    }

    /// How long to wait after so many attempts.
    fn backoff(&mut self, attempts: u32) -> u64 {
        let timing = &self.config.timing;
        let wait = timing.retry.saturating_mul(1 << attempts.min(32)).min(timing.retry_max);
        self.random.around(wait)
    }

    /// Makes sure that something happens later where an answer is expected, and nothing where none is.
    pub(super) fn rearm(&mut self, id: PeerId) {
        let is_target = self.members.is_target(id);
        let Some(peer) = self.members.get(id) else { return };
        let expects = peer.pinned.is_some() || peer.waits || peer.offers || (is_target && peer.known.is_none());
        let (armed, attempts) = (peer.retry_at.is_some(), peer.attempts);
        if armed && expects {
            return;
        }
        let at = expects.then(|| self.now.saturating_add(self.backoff(attempts)));
        if let Some(peer) = self.members.get_mut(id) {
            peer.retry_at = at;
        }
    }

    /// No answer in time.
    fn retry(&mut self, id: PeerId) {
        let (is_target, most) = (self.members.is_target(id), self.config.bounds.attempts);
        let Some(peer) = self.members.get_mut(id) else { return };
        peer.retry_at = None;
        peer.waits &= !peer.known.as_ref().is_some_and(|known| known.is_within(self.value.version()));
        if let Some(pinned) = &mut peer.pinned {
            // What has not left yet, for the transport is slow or the storage is, cannot be answered.
            if !pinned.has_unsent() && !mutants::on(Mutant::NoRetry) {
                pinned.probe();
                peer.attempts += 1;
                if peer.attempts > most {
                    // It holds memory for someone who may never come back.
                    peer.pinned = None;
                    peer.known = None;
                    peer.waits = false;
                    peer.say(Say::Ask);
                }
            }
        } else if peer.known.is_none() {
            if is_target {
                peer.attempts = peer.attempts.saturating_add(1);
                peer.say(Say::Ask);
            }
        } else if peer.waits || peer.offers {
            peer.attempts += 1;
            if peer.attempts > most {
                (peer.waits, peer.offers) = (false, false);
            } else {
                peer.say(if peer.offers { Say::Ask } else { Say::Have });
            }
        }
        self.rearm(id);
    }

    /// Puts what a peer lacks on its way, unless something is on its way already.
    pub(super) fn serve(&mut self, id: PeerId, charged: bool) {
        let now = self.now;
        let Some(peer) = self.members.get_mut(id) else { return };
        let version = self.value.version();
        if !peer.is_connected || peer.pinned.is_some() || !peer.lacks(version) || peer.is_full_for(version) {
            return;
        }
        let wait = if charged && !peer.work.take(now) { peer.work.wait() } else { 0 };
        let wait = wait.max(peer.paused_until.saturating_sub(now));
        if wait > 0 {
            peer.push_at = Some(now.saturating_add(wait));
            return;
        }
        let (known, max_bytes) = (peer.known.clone().unwrap_or_default(), peer.accepts_parts(&self.config.bounds));
        let most = peer.accepts.map_or(usize::MAX, |accepts| accepts.bytes);
        let delta = self.encoded_since(known);
        if delta.bytes.len() > most {
            return self.keep_back(id, &delta, most);
        }
        let is_held = self.members.get(id).is_some_and(|peer| peer.is_held);
        if is_held && delta.bytes.len() > self.config.bounds.unasked_bytes {
            return self.offer(id);
        }
        if !self.has_room_to_pin(&delta) {
            let at = now.saturating_add(self.backoff(0));
            if let Some(peer) = self.members.get_mut(id) {
                peer.push_at = Some(at);
            }
            return;
        }
        if let Some(peer) = self.members.get_mut(id) {
            peer.pinned = Some(Pinned::new(delta, max_bytes));
            peer.retry_at = None;
            peer.push_at = None;
        }
        self.rearm(id);
    }

    /// What a peer does not accept is not sent, until either of them changes.
    fn keep_back(&mut self, id: PeerId, delta: &Encoded, allowed: usize) {
        let largest = self.value.largest_since(&delta.known);
        let Some(peer) = self.members.get_mut(id) else { return };
        peer.full = Some((delta.known.clone(), delta.upto.clone()));
        peer.push_at = None;
        if !core::mem::replace(&mut peer.too_large, true) {
            self.events.push(Event::TooLarge { peer: id, bytes: delta.bytes.len(), allowed, largest });
        }
    }

    /// Encoded once for all who lack the same.
    fn encoded_since(&mut self, known: VersionVector) -> Encoded {
        let version = self.value.version();
        match &self.encoded {
            Some(delta) if delta.known == known && delta.upto == *version => delta.clone(),
            _ => {
                let mut bytes = Vec::new();
                self.value.encode_delta_since_into(&known, self.config.bounds.decode.schema, &mut bytes);
                let delta = Encoded::new(known, version.clone(), bytes);
                self.encoded = Some(delta.clone());
                delta
            }
        }
    }

    fn has_room_to_pin(&self, delta: &Encoded) -> bool {
        let mut counted = SortedSet::default();
        let mut bytes = 0;
        for pinned in self.members.all().filter_map(|(_, peer)| peer.pinned.as_ref()) {
            if counted.insert(pinned.delta.id) {
                bytes += pinned.delta.bytes.len();
            }
        }
        counted.len() == 0
            || counted.contains(&delta.id)
            || bytes + delta.bytes.len() <= self.config.bounds.pinned_bytes
    }
}
