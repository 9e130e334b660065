use alloc::collections::VecDeque;
use alloc::vec::Vec;

use uuid::Uuid;

use super::{PeerId, Ticket};
use crate::Unreadable;
use crate::causality::{Forked, VersionVector};
use crate::codec::{Largest, LatestStamp, Limit};
use crate::kernel::Applied;

/// What happened, to be polled.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A delta of a peer was taken in.
    Changed {
        /// Who sent it; not necessarily who wrote it.
        from: PeerId,
        /// How much changed.
        applied: Applied,
    },
    /// As many members have the event as were asked for.
    Confirmed {
        /// What [`confirm`](super::Replica::confirm) returned.
        ticket: Ticket,
    },
    /// The deadline has passed, and these members are not known to have the event. They may have it,
    /// and will get it in any case once they can be reached.
    Unreachable {
        /// What [`confirm`](super::Replica::confirm) returned.
        ticket: Ticket,
        /// Who is missing; this replica itself if it does not have the event either.
        missing: Vec<PeerId>,
    },
    /// Loud: a peer has seen events of this replica's writer that it has not issued, so another one writes
    /// under its id. Nothing is written any more until [`rebase`](super::Replica::rebase). Raised once per
    /// peer, until there is a new writer.
    Forked {
        /// Who has seen them.
        peer: PeerId,
        /// Which branch, and how far.
        fork: Forked,
    },
    /// Loud: a peer has seen exactly the same events and has another state. One of both is damaged, or
    /// two writers have used one id. Raised once per peer and version.
    ///
    /// The remedy: one of the two [adopts](super::Member::adopt) what the other one [exports](super::Member::export).
    /// Take the one whose storage was copied, set back or damaged.
    Diverged {
        /// The peer.
        peer: PeerId,
        /// What both have seen.
        version: VersionVector,
    },
    /// Loud: two processes seem to say that they are this peer, in turns. Each is begun anew with whenever it takes its
    /// turn, so that little gets done. Give one of them an id of its own.
    TwoSessions {
        /// The peer.
        peer: PeerId,
    },
    /// A peer refused a delta for good. It is tried again after a pause, longer each time, and where it was too big not
    /// before something has changed: what the peer has, what it accepts, or what is here.
    Refused {
        /// The peer.
        peer: PeerId,
        /// Its reason.
        why: Refusal,
        /// Where it was too big: the largest value that the peer lacks.
        largest: Option<Largest>,
    },
    /// A peer lacks more than it accepts at once, as it says. It is not sent before either changes: so nothing that is
    /// written here reaches it any more. Let it accept more, or make the largest value smaller. Raised once, until the
    /// peer accepts something else or starts anew.
    TooLarge {
        /// The peer.
        peer: PeerId,
        /// How many bytes it lacks …
        bytes: usize,
        /// … and how many it accepts.
        allowed: usize,
        /// The largest value among what it lacks.
        largest: Option<Largest>,
    },
    /// A peer sent a delta that this replica refused for good; see the error of
    /// [`handle`](super::Replica::handle).
    Rejected {
        /// The peer.
        peer: PeerId,
        /// The reason that it was given.
        why: Refusal,
    },
    /// A message for a peer would be longer than the peer accepts, and was not sent: the version
    /// vector itself is too long.
    TooLong {
        /// The peer.
        peer: PeerId,
        /// The length of the message.
        bytes: usize,
    },
    /// A message did not reach a peer for its length, as the transport says. Shorter ones are tried from now on, as long
    /// as they can be.
    Undelivered {
        /// The peer.
        peer: PeerId,
        /// The length of the message.
        bytes: usize,
        /// The longest that is tried from now on.
        reaches: usize,
    },
    /// Loud: something has waited for the storage since then, and nothing of it leaves before it is stored. Either steps
    /// are not fetched ([`Member::poll_persist`](super::Member::poll_persist)), or not answered, or they fail. Raised
    /// again after twice as long each time.
    NotStored {
        /// The time at which it began to wait.
        since: u64,
    },
    /// Loud: something that was written cannot be read back from its bytes, so nothing can be stored, and nothing new
    /// leaves. Overwrite or remove the key that it names.
    Unreadable(Unreadable),
    /// Another one writes under the id of this member, which goes on under a new one. What had not left has new names;
    /// nothing that either wrote is lost. Dots that were returned before and have not left name nothing any more.
    Renamed {
        /// The old id.
        from: Uuid,
        /// The new one.
        to: Uuid,
    },
    /// The value holds three quarters or more of what the [limits](super::Bounds::decode) allow. Beyond them what others
    /// write is refused. Raised once, until it holds less than half.
    NearlyFull {
        /// Of what.
        limit: Limit,
        /// How much it holds.
        used: usize,
        /// How much it may hold.
        allowed: usize,
    },
    /// A delta of a peer holds a write whose stamp is more than [`Timing::ahead`](super::Timing) ahead of this writer's
    /// clock. It was taken in: one of both clocks is wrong, and only somebody can say which. Until the others' clocks have
    /// caught up that write wins over concurrent ones; writes that have seen it come after it all the same. The remedy for a
    /// clock that was wrong: write the key again where that one is seen.
    StampAhead {
        /// Who sent it; not necessarily who wrote it.
        from: PeerId,
        /// The write with the latest stamp of the delta.
        latest: LatestStamp,
        /// By how many milliseconds it is ahead.
        by: u64,
    },
    /// So many events were not polled in time and are lost. Confirmations are never among them.
    EventsLost(u64),
}

/// Why a delta was refused for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// It goes beyond the receiver's limits.
    TooBig,
    /// It cannot be read.
    BadBytes,
    /// It holds events under the receiver's id that the receiver has not written.
    Forked,
}

/// Events that wait, bounded.
#[derive(Debug, Clone)]
pub(super) struct Events {
    waiting: VecDeque<Event>,
    /// Bounded by the number of tickets.
    settled: VecDeque<Event>,
    lost: u64,
    limit: usize,
}

impl Events {
    pub(super) fn new(limit: usize) -> Self {
        Self { waiting: VecDeque::new(), settled: VecDeque::new(), lost: 0, limit }
    }

    pub(super) fn push(&mut self, event: Event) {
        if self.waiting.len() < self.limit {
            self.waiting.push_back(event);
        } else {
            self.lost += 1;
        }
    }

    /// An event that must not be lost, and of which a ticket keeps a place.
    pub(super) fn settle(&mut self, event: Event) {
        self.settled.push_back(event);
    }

    pub(super) fn settled(&self) -> usize {
        self.settled.len()
    }

    pub(super) fn pop(&mut self) -> Option<Event> {
        let next = self.settled.pop_front().or_else(|| self.waiting.pop_front());
        // What was lost came after all that is still there.
        next.or_else(|| (self.lost > 0).then(|| Event::EventsLost(core::mem::take(&mut self.lost))))
    }
}
