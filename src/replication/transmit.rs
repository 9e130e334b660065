//! What leaves. Messages are made when they are fetched.

use alloc::vec::Vec;

use super::accepts::Accepts;
use super::message::{Audit, HASH_SCHEME, Have, Message, Sender};
use super::peer::Say;
use super::{Event, PeerId, Replica};
use crate::DeltaCrdt;
use crate::causality::VersionVector;

/// A message to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// To whom.
    pub to: PeerId,
    /// The message: at most as long as the peer accepts.
    pub bytes: Vec<u8>,
}

impl<C: DeltaCrdt> Replica<C> {
    /// The next message to be sent, if there is one: peers in turn, one message each.
    ///
    /// Messages are made here, so a slow transport just calls it less often: nothing queues up, and nothing
    /// is out of date when it leaves. Whoever has no connection should not call it: what was fetched counts as
    /// having left, which matters when a fork must be repaired.
    #[must_use = "a message that is dropped counts as sent"]
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        let published = self.published().into_owned();
        self.members.after(self.sent).into_iter().find_map(|to| {
            let message = self.message_for(to, &published)?;
            self.sent = Some(to);
            Some(Transmit { to, bytes: message })
        })
    }

    fn message_for(&mut self, to: PeerId, published: &VersionVector) -> Option<Vec<u8>> {
        let sender = self.sender();
        let peer = self.members.get_mut(to).filter(|peer| peer.is_connected)?;
        if let Some(mut nack) = peer.nack.take() {
            nack.version = published.clone();
            peer.told = Some(published.clone());
            let bytes = Message::Nack(nack).encode(sender);
            if let Some(bytes) = self.fitting(to, bytes) {
                return Some(bytes);
            }
        }
        if let Some(bytes) = self.have_for(to, published) {
            return Some(bytes);
        }
        let peer = self.members.get_mut(to)?;
        // What is not durable yet is waited for.
        if peer.audit && self.value.version() == published {
            peer.audit = false;
            let audit = Audit { version: published.clone(), scheme: HASH_SCHEME, hash: self.state_hash() };
            if let Some(bytes) = self.fitting(to, Message::Audit(audit).encode(sender)) {
                return Some(bytes);
            }
        }
        let peer = self.members.get_mut(to)?;
        let pinned =
            peer.pinned.as_mut().filter(|pinned| pinned.has_unsent() && pinned.delta.upto.is_within(published))?;
        let part = pinned.next()?;
        // To say what is here is not to send it: only now can somebody take it in.
        self.value.note_shared(&mut self.shared, &pinned.delta.upto);
        if part.last {
            // The answer is waited for from now on.
            peer.retry_at = None;
        }
        let bytes = Message::Part(part).encode(sender);
        self.rearm(to);
        Some(bytes)
    }

    fn sender(&self) -> Sender {
        Sender { store: self.config.store, session: self.session }
    }

    fn have_for(&mut self, to: PeerId, published: &VersionVector) -> Option<Vec<u8>> {
        let (sender, me, holds) = (self.sender(), self.config.me, self.holds(to));
        let peer = self.members.get_mut(to)?;
        let say = core::mem::take(&mut peer.say);
        if say == Say::Nothing {
            return None;
        }
        peer.told = Some(published.clone());
        peer.told_to_wait = holds;
        let max_bytes = peer.accepts(&self.config.bounds);
        let (relayed, seen) = self.watches.tell(to);
        let own = self.confirmations.branches().into_iter().filter(|_| self.round > 0);
        let own = own.map(|branch| (me, branch, self.round));
        let mut watches: Vec<_> = own.chain(relayed).take(self.config.bounds.watches).collect();
        watches.sort_unstable();
        let mut have = Have {
            version: published.clone(),
            answer: say == Say::Ask,
            holds,
            accepts: Accepts::within(&self.config.bounds),
            watches,
            seen,
        };
        let mut bytes = Message::Have(have.clone()).encode(sender);
        if bytes.len() > max_bytes {
            (have.watches, have.seen) = (Vec::new(), Vec::new());
            bytes = Message::Have(have).encode(sender);
        }
        self.rearm(to);
        self.fitting(to, bytes)
    }

    fn fitting(&mut self, to: PeerId, bytes: Vec<u8>) -> Option<Vec<u8>> {
        let fits = self.members.get(to).is_some_and(|peer| bytes.len() <= peer.accepts(&self.config.bounds));
        if !fits {
            self.events.push(Event::TooLong { peer: to, bytes: bytes.len() });
        }
        fits.then_some(bytes)
    }
}
