//! What arrives.

use alloc::vec::Vec;

use super::message::{Audit, HASH_SCHEME, Have, Message, Nack, Part, Why};
use super::parts::Staged;
use super::peer::{Peer, Say};
use super::{Event, ForkCheck, PeerId, Refusal, Replica, ReplicaError};
use crate::DeltaCrdt;
use crate::causality::{Forked, ReplicaId, VersionVector};
use crate::codec::{DecodeError, LatestStamp};
use crate::kernel::ApplyError;
use crate::mutants::{self, Mutant};

impl<C: DeltaCrdt> Replica<C> {
    /// Takes in a message of `from`, for whom the transport vouches.
    ///
    /// Loss, duplication and reordering are normal. A message that does not fit any more is answered or
    /// passed over, and is no error. Costs what the message holds; a delta that `from` asks for by it is made here.
    ///
    /// # Errors
    /// [`ReplicaError`], naming the peer. The value is as it was before.
    pub fn handle(&mut self, from: PeerId, bytes: &[u8], now: u64) -> Result<(), ReplicaError> {
        self.advance(now);
        let now = self.now;
        let Some(peer) = self.members.get_mut(from) else {
            let retired = self.members.is_retired(from);
            return Err(if retired {
                ReplicaError::Retired { peer: from }
            } else {
                ReplicaError::NotMember { peer: from }
            });
        };
        if peer.bad.is_empty(now) {
            return Err(ReplicaError::Muted { peer: from });
        }
        let result = self.receive(from, bytes);
        if result.as_ref().is_err_and(ReplicaError::is_malformed)
            && let Some(peer) = self.members.get_mut(from)
        {
            peer.bad.take(now);
        }
        self.fetch();
        self.settle();
        result
    }

    fn receive(&mut self, from: PeerId, bytes: &[u8]) -> Result<(), ReplicaError> {
        let bounds = &self.config.bounds;
        if bytes.len() > bounds.message_bytes {
            return Err(ReplicaError::TooLong { peer: from, bytes: bytes.len() });
        }
        let limits = bounds.decode.raised_to(&self.value.usage()).with_bytes(bounds.message_bytes);
        let (sender, message) =
            Message::decode(bytes, &limits).map_err(|error| ReplicaError::Malformed { peer: from, error })?;
        if sender.store != self.config.store {
            return Err(ReplicaError::WrongStore { peer: from });
        }
        if !self.is_current(from, sender.session) {
            return Ok(());
        }
        match message {
            Message::Have(have) => self.on_have(from, have),
            Message::Part(part) => self.on_part(from, part),
            Message::Nack(nack) => self.on_nack(from, &nack),
            Message::Audit(audit) => self.on_audit(from, audit),
        }
    }

    /// Whether a message is of the latest start of a peer. With a new one, what was known of the peer is forgotten.
    fn is_current(&mut self, from: PeerId, session: u32) -> bool {
        let Some(peer) = self.members.get_mut(from) else { return false };
        let ignores = mutants::on(Mutant::SessionsIgnored) || mutants::on(Mutant::KnownOnlyRises);
        if peer.session == Some(session) || ignores {
            return true;
        }
        if peer.is_late(session) {
            return false;
        }
        if let Some(ended) = peer.session.replace(session) {
            let is_twice = peer.begin_session(session, ended);
            self.meet_limits();
            self.confirmations.forget(from);
            self.watches.forget(from);
            if is_twice {
                self.events.push(Event::TwoSessions { peer: from });
            }
        }
        true
    }

    fn on_have(&mut self, from: PeerId, have: Have) -> Result<(), ReplicaError> {
        self.check_fork(from, &have.version, 0)?;
        let bounds = &self.config.bounds;
        let mut changed = false;
        if let Some(peer) = self.members.get_mut(from) {
            if peer.accepts.replace(have.accepts) != Some(have.accepts) {
                (peer.full, peer.too_large) = (None, false);
                changed = true;
            }
            peer.is_held = have.holds;
            peer.offers &= have.holds;
            let max_bytes = peer.accepts(bounds);
            let lost = |delta: &VersionVector| !delta.is_within(&have.version);
            // It accepts less than before; or it starts again, without what the delta builds on.
            if peer
                .pinned
                .as_ref()
                .is_some_and(|pinned| pinned.message_bytes() > max_bytes || (have.answer && lost(&pinned.delta.base)))
            {
                peer.pinned = None;
            }
        }
        if changed {
            self.meet_limits();
        }
        self.hear_watches(from, &have);
        self.compare(from, have.version, have.answer);
        Ok(())
    }

    /// A peer has said what it has: whoever has more sends it.
    fn compare(&mut self, from: PeerId, version: VersionVector, answer: bool) {
        self.meet(from, &version);
        let acknowledged = self.learn(from, version);
        let published = self.published().into_owned();
        let push_at = self.now.saturating_add(self.config.timing.debounce);
        let pushes = acknowledged && self.pushes_to(from);
        let Some(peer) = self.members.get_mut(from) else { return };
        let ahead = peer.lacks(self.value.version());
        if peer.waits && (answer || peer.told.as_ref() != Some(&published)) {
            peer.say(Say::Have);
        }
        if pushes {
            // It keeps up; what was written meanwhile is gathered as usual.
            peer.push_at.get_or_insert(push_at);
        } else if ahead && !acknowledged {
            self.serve(from, true);
        }
        let Some(peer) = self.members.get_mut(from) else { return };
        if answer && peer.pinned.is_none() {
            peer.say(Say::Have);
        }
        self.rearm(from);
    }

    /// Equal versions are equal states, unless there is a fork in which both sides have written equally much: whoever
    /// hears a peer for the first time looks once.
    fn meet(&mut self, from: PeerId, version: &VersionVector) {
        let Some(peer) = self.members.get_mut(from).filter(|peer| !peer.met) else { return };
        peer.met = true;
        peer.audit |= version == self.value.version() && !version.is_empty() && !mutants::on(Mutant::NoFirstAudit);
    }

    /// What a peer has replaces what it was known to have, also if it is less. Says whether a delta that
    /// was on its way has arrived.
    fn learn(&mut self, from: PeerId, version: VersionVector) -> bool {
        let mut news = Vec::new();
        self.watches.credit_all(from, &version, &mut news);
        if self.members.is_voter(from) {
            self.confirmations.credit(from, &version);
        }
        self.tell_news(news);
        let Some(peer) = self.members.get_mut(from) else { return false };
        let mut acknowledged = false;
        if let Some(pinned) = &peer.pinned {
            acknowledged = pinned.delta.upto.is_within(&version);
            // A large one is not given up for a message that may be an old one: the peer will say.
            if acknowledged || (pinned.is_single() && !pinned.delta.base.is_within(&version)) {
                peer.pinned = None;
            }
        }
        if acknowledged {
            peer.progress();
            peer.refusals = 0;
        }
        if peer.known.is_none() {
            peer.progress();
        }
        peer.waits = !version.is_within(self.value.version());
        match &mut peer.known {
            Some(known) if mutants::on(Mutant::KnownOnlyRises) => known.join(&version),
            known => *known = Some(version),
        }
        self.bound_known(from);
        acknowledged
    }

    /// Of whoever names most writers that nobody has heard of, they are not remembered, so that all together cannot fill
    /// the memory.
    fn bound_known(&mut self, from: PeerId) {
        let version = self.value.version();
        let beyond = |peer: &Peer| peer.known.as_ref().map_or(0, |known| known.slots().saturating_sub(version.slots()));
        if self.members.get(from).is_none_or(|peer| beyond(peer) == 0) {
            return;
        }
        while self.members.all().map(|(_, peer)| beyond(peer)).sum::<usize>() > self.config.bounds.known_writers {
            let most = self.members.all_mut().map(|(_, peer)| peer).max_by_key(|peer| beyond(peer));
            let Some(known) = most.and_then(|peer| peer.known.as_mut()) else { return };
            *known = version.meet(known);
        }
    }

    /// The confirmations that others wait for, and what they say of others.
    fn hear_watches(&mut self, from: PeerId, have: &Have) {
        let until = self.now.saturating_add(self.config.timing.watch);
        let mut news = Vec::new();
        for &(origin, branch, round) in &have.watches {
            if origin == self.config.me {
                self.resume_rounds(round);
                continue;
            }
            if self.members.get(origin).is_none() {
                continue;
            }
            let watch = (origin, branch, round);
            let (targets, most) = (self.members.targets(), self.config.bounds.watches);
            if self.watches.hear(watch, from, until, targets, most) {
                for (id, peer) in self.members.all() {
                    let counter = peer.known.as_ref().map_or(0, |known| known.get(&branch));
                    self.watches.credit(id, &branch, counter, &mut news);
                }
                // Outwards, and an answer back.
                news.extend(self.members.targets());
                news.push(from);
            } else if self.watches.correct(watch, from) {
                news.push(from);
            }
        }
        for (branch, member, counter) in &have.seen {
            if *member != self.config.me && self.members.get(*member).is_some() {
                if self.members.is_voter(*member) {
                    self.confirmations.credit_branch(*member, branch, *counter);
                }
                self.watches.credit(*member, branch, *counter, &mut news);
            }
        }
        self.tell_news(news);
    }

    /// Others remember a greater number from before this replica started: rounds go on behind it, at once. Numbers that
    /// no clock has are not believed, so that there is always a greater one.
    fn resume_rounds(&mut self, round: u64) {
        if round > self.round && round <= Self::LAST_ROUND && self.confirmations.ask_at.is_some() {
            self.round = round;
            self.confirmations.ask_at = Some(self.now);
        }
    }

    fn on_part(&mut self, from: PeerId, mut part: Part) -> Result<(), ReplicaError> {
        let (now, id) = (self.now, part.id);
        self.fetch_goes_on(from);
        if !part.is_whole() && part.total <= self.config.bounds.decode.bytes {
            self.make_room_to_stage(part.bytes.len());
        }
        let (timing, bounds) = (&self.config.timing, &self.config.bounds);
        let Some(peer) = self.members.get_mut(from) else { return Ok(()) };
        // To list what is missing costs as much as there are parts. Beyond its budget a peer is told after a while.
        part.last &= part.is_whole() || peer.asks.take(now);
        match peer.staged.add(part, now, timing.retry, bounds.stagings, bounds.decode.bytes) {
            Staged::Waiting => Ok(()),
            Staged::Known => {
                self.acknowledge(from);
                Ok(())
            }
            Staged::Missing(missing) => {
                // The version is filled in when it leaves.
                peer.nack = Some(Nack { version: VersionVector::new(), why: Why::Parts, id, missing });
                Ok(())
            }
            Staged::TooBig => Err(self.reject(from, id, Refusal::TooBig, DecodeError::TooLarge("bytes"))),
            Staged::Broken => Err(self.reject(from, id, Refusal::BadBytes, DecodeError::Checksum)),
            Staged::Complete(bytes) => self.take_in(from, id, &bytes),
        }
    }

    /// Whoever holds most of what is staged for all gives way, so that nobody can take the room of the others.
    fn make_room_to_stage(&mut self, bytes: usize) {
        let bounds = &self.config.bounds;
        let most = bounds.staged_bytes.max(bounds.decode.bytes);
        while self.staged_bytes() + bytes > most {
            let largest = self.members.all_mut().map(|(_, peer)| peer).max_by_key(|peer| peer.staged.bytes());
            match largest.filter(|peer| peer.staged.bytes() > 0) {
                Some(peer) => peer.staged.drop_oldest(),
                None => return,
            }
        }
    }

    fn take_in(&mut self, from: PeerId, id: u64, bytes: &[u8]) -> Result<(), ReplicaError> {
        let limits = self.config.bounds.decode.raised_to(&self.value.usage());
        let delta = C::decode_delta(bytes, &limits).map_err(|error| {
            let too_big = matches!(error, DecodeError::TooLarge(_));
            self.reject(from, id, if too_big { Refusal::TooBig } else { Refusal::BadBytes }, error)
        })?;
        let mut upto = C::delta_upto(&delta).clone();
        self.check_fork(from, &upto, id)?;
        let before = self.published().into_owned();
        let latest = C::latest_in(&delta);
        match self.value.apply_within(delta, &self.config.bounds.decode) {
            Ok(applied) => {
                if let Some(peer) = self.members.get_mut(from) {
                    peer.staged.remember(id);
                    // What it sends it has.
                    if let Some(known) = &peer.known {
                        upto.join(known);
                    }
                }
                self.learn(from, upto);
                self.acknowledge(from);
                if applied.changed() {
                    self.events.push(Event::Changed { from, applied });
                    self.watch_stamps(from, latest);
                    self.watch_limits();
                    self.tell_own_news(&before);
                    self.spread(Some(from));
                }
                let push_at = self.now.saturating_add(self.config.timing.debounce);
                let pushes = self.members.is_target(from) && self.pushes_to(from);
                if let Some(peer) = self.members.get_mut(from) {
                    peer.progress();
                    if pushes {
                        peer.push_at.get_or_insert(push_at);
                    }
                }
                self.rearm(from);
                Ok(())
            }
            Err(error @ (ApplyError::Gap { .. } | ApplyError::Floor { .. })) => {
                let why = if matches!(error, ApplyError::Gap { .. }) { Why::Gap } else { Why::Floor };
                if let Some(peer) = self.members.get_mut(from) {
                    peer.refuse(why, id);
                }
                Ok(())
            }
            Err(error) => {
                _ = self.reject(from, id, Refusal::TooBig, DecodeError::TooLarge("keys"));
                Err(ReplicaError::NoRoom { peer: from, error })
            }
        }
    }

    /// Says when somebody's clock is far ahead, or this one's far behind.
    fn watch_stamps(&mut self, from: PeerId, latest: Option<LatestStamp>) {
        let Some(latest) = latest.filter(|_| self.config.timing.ahead < u64::MAX) else { return };
        let by = latest.at.millis().saturating_sub(self.writer.now().millis());
        if by > self.config.timing.ahead {
            self.events.push(Event::StampAhead { from, latest, by });
        }
    }

    /// One answer to each delta that was taken in, as soon as that is durable.
    fn acknowledge(&mut self, from: PeerId) {
        let version = self.value.version().clone();
        let durable = version.is_within(&self.published());
        if let Some(peer) = self.members.get_mut(from) {
            if durable {
                peer.say(Say::Have);
            } else {
                peer.owes = Some(version);
            }
        }
    }

    /// Refuses a delta for good.
    fn reject(&mut self, from: PeerId, id: u64, why: Refusal, error: DecodeError) -> ReplicaError {
        if let Some(peer) = self.members.get_mut(from) {
            peer.refuse(Why::Refused(why), id);
        }
        self.events.push(Event::Rejected { peer: from, why });
        ReplicaError::BadDelta { peer: from, error }
    }

    fn on_nack(&mut self, from: PeerId, nack: &Nack) -> Result<(), ReplicaError> {
        self.check_fork(from, &nack.version, 0)?;
        self.learn(from, nack.version.clone());
        let (now, timing) = (self.now, &self.config.timing);
        let Some(peer) = self.members.get_mut(from) else { return Ok(()) };
        let about_pinned = peer.pinned.as_ref().is_some_and(|pinned| pinned.delta.id == nack.id);
        match nack.why {
            Why::Parts if about_pinned => {
                if let Some(pinned) = peer.pinned.as_mut().filter(|_| peer.work.take(now)) {
                    pinned.send_again(&nack.missing);
                    peer.progress();
                }
            }
            // Also about a delta that is not on its way any more: the version says what is missing.
            Why::Parts | Why::Gap | Why::Floor => {
                if about_pinned {
                    peer.pinned = None;
                }
                self.serve(from, true);
            }
            Why::Refused(why) if about_pinned || why == Refusal::Forked => {
                peer.pinned = None;
                if why == Refusal::TooBig {
                    peer.full = Some((nack.version.clone(), self.value.version().clone()));
                }
                let pause = timing.back_off.saturating_mul(1 << peer.refusals.min(6));
                if peer.paused_until <= now {
                    peer.refusals += 1;
                    peer.paused_until = now.saturating_add(pause);
                    let known = peer.known.clone().unwrap_or_default();
                    let largest = (why == Refusal::TooBig).then(|| self.value.largest_since(&known)).flatten();
                    self.events.push(Event::Refused { peer: from, why, largest });
                }
                // When the pause is over.
                self.serve(from, false);
            }
            Why::Refused(_) => {}
        }
        self.rearm(from);
        Ok(())
    }

    fn on_audit(&mut self, from: PeerId, audit: Audit) -> Result<(), ReplicaError> {
        self.check_fork(from, &audit.version, 0)?;
        let same = audit.version == *self.value.version();
        if same && audit.scheme == HASH_SCHEME && self.state_hash() != audit.hash {
            let published = *self.published() == audit.version;
            if let Some(peer) = self.members.get_mut(from)
                && peer.diverged.as_ref() != Some(&audit.version)
            {
                peer.diverged = Some(audit.version.clone());
                // So that it learns of it, too.
                peer.audit = published;
                self.events.push(Event::Diverged { peer: from, version: audit.version.clone() });
            }
        }
        self.compare(from, audit.version, false);
        Ok(())
    }

    /// The hash of the state, computed once per version.
    pub(super) fn state_hash(&mut self) -> u64 {
        let version = self.value.version();
        match &self.hash {
            Some((of, hash)) if of == version => *hash,
            _ => {
                let hash = self.value.state_hash();
                self.hash = Some((version.clone(), hash));
                hash
            }
        }
    }

    /// Whether somebody has seen events of this writer's id that are another one's: see [`ForkCheck`].
    fn check_fork(&mut self, from: PeerId, version: &VersionVector, id: u64) -> Result<(), ReplicaError> {
        let is_sharp = self.config.forks == ForkCheck::Left && !mutants::on(Mutant::NoSharpCheck);
        let left = |branch: &ReplicaId| {
            let issued = self.writer.issued(branch.branch())?;
            Some(if is_sharp { C::last_shared(&self.shared, branch) } else { issued })
        };
        let Some(fork) = Forked::first(version, self.writer.uuid(), left) else { return Ok(()) };
        self.forked.get_or_insert(fork);
        if let Some(peer) = self.members.get_mut(from) {
            peer.refuse(Why::Refused(Refusal::Forked), id);
            if !peer.forked {
                peer.forked = true;
                self.events.push(Event::Forked { peer: from, fork });
            }
        }
        Err(ReplicaError::Forked { peer: from, fork })
    }
}
