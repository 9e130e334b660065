use uuid::Uuid;

use super::message::MIN_MESSAGE_BYTES;
use super::{PeerId, Role, Topology};
use crate::codec::Limits;

/// What a replica is told when it is made.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// This replica's own name.
    pub me: PeerId,
    /// What is replicated: only replicas of the same store talk to each other.
    pub store: Uuid,
    /// Where jitter and random choices come from. Draw it anew at every start.
    pub seed: u64,
    /// Whether the value and its writer survive a restart. Then nothing leaves, neither a delta nor a
    /// claim to have something, before [`persisted`](super::Replica::persisted) says that it is durable.
    ///
    /// Without durable storage (`false`) the writer must be a new one at each start.
    pub durable: bool,
    /// How another writer under the same id is noticed.
    pub forks: ForkCheck,
    /// What this replica counts for where it waits for confirmations itself.
    pub role: Role,
    /// To whom to push, and with whom to gossip.
    pub topology: Topology,
    /// When things happen.
    pub timing: Timing,
    /// How much of anything there may be.
    pub bounds: Bounds,
}

impl Config {
    /// The replica `me` of `store`: a voter, not durable, in a full mesh, with default timing and bounds.
    #[must_use]
    pub fn new(me: PeerId, store: Uuid, seed: u64) -> Self {
        Self {
            me,
            store,
            seed,
            durable: false,
            forks: ForkCheck::Issued,
            role: Role::Voter,
            topology: Topology::FullMesh,
            timing: Timing::default(),
            bounds: Bounds::default(),
        }
    }

    /// The same, with durable storage.
    #[must_use]
    pub fn durable(mut self) -> Self {
        self.durable = true;
        self
    }

    /// The same as an observer.
    #[must_use]
    pub fn observer(mut self) -> Self {
        self.role = Role::Observer;
        self
    }

    /// The same in another topology.
    #[must_use]
    pub fn with_topology(mut self, topology: Topology) -> Self {
        self.topology = topology;
        self
    }

    /// The same with other timing.
    #[must_use]
    pub fn with_timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// The same with other bounds. A bound on messages below 1 KiB is taken as 1 KiB.
    #[must_use]
    pub fn with_bounds(mut self, bounds: Bounds) -> Self {
        self.bounds = bounds;
        self.bounds.message_bytes = self.bounds.message_bytes.max(MIN_MESSAGE_BYTES);
        self
    }
}

/// How it is noticed that another one writes under this writer's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ForkCheck {
    /// A peer has seen more than was ever issued. Right wherever the writer is of a new incarnation: nobody else ever
    /// writes under its id, and copies of what it has stored may be anywhere.
    #[default]
    Issued,
    /// A peer has seen more than has ever left this replica. This notices a fork in which the other side has written as
    /// much or less, too, and is for writers that go on under an old id. It takes for granted that the value leaves by
    /// messages and by [`export`](super::Replica::export) only: what a copy of the storage gave away before this
    /// replica did is taken for another one's, gets new names, and is there twice.
    Left,
}

/// When things happen, in milliseconds. Periods vary by a quarter up and down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// How long local changes are gathered before they are pushed.
    pub debounce: u64,
    /// The pause between rounds in which a change is passed on to peers chosen at random.
    pub gossip: u64,
    /// How long to wait for an answer the first time; doubled each time after.
    pub retry: u64,
    /// The longest wait for an answer.
    pub retry_max: u64,
    /// The period of the heartbeat: a `Have` to one peer after the other, also in a converged group.
    pub heartbeat: u64,
    /// Every how many heartbeats an `Audit` goes in its place. 0: never.
    pub audit_every: u32,
    /// The first pause after a peer refused a delta for good (too big, not readable, forked); doubled
    /// each time up to 64 times.
    pub back_off: u64,
    /// How long parts of a delta are kept that is not completed.
    pub staging: u64,
    /// How long others' interest in confirmations is kept without being renewed.
    pub watch: u64,
    /// How far the stamp of a write may be ahead of this writer's clock before [`Event::StampAhead`](super::Event) says so.
    /// `u64::MAX`: never, for a machine whose clock shows nothing.
    pub ahead: u64,
    /// How long something may wait for the storage before a [`Member`](super::Member) says so; it says so again after
    /// twice as long each time.
    pub store: u64,
}

impl Default for Timing {
    /// 20 ms debounce, 1 s gossip, retries from 500 ms to 30 s, a heartbeat in 30 s, every tenth an
    /// audit, back-off from 5 s, staging for 2 min, watches for 30 s, stamps a day ahead, storage behind after 10 s.
    fn default() -> Self {
        Self {
            debounce: 20,
            gossip: 1_000,
            retry: 500,
            retry_max: 30_000,
            heartbeat: 30_000,
            audit_every: 10,
            back_off: 5_000,
            staging: 120_000,
            watch: 30_000,
            ahead: 24 * 60 * 60 * 1_000,
            store: 10_000,
        }
    }
}

/// How much of anything there may be. What goes beyond is refused or counted, never silently lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// The largest message that is accepted, and told to peers; at least 1 KiB. A version vector must fit into it:
    /// some 19 bytes for each writer.
    pub message_bytes: usize,
    /// What a delta may be. Its bytes also bound what is staged of each peer, so that a delta as
    /// large as a state can be received.
    pub decode: Limits,
    /// How many members there may be, connected or not; and how many retired ones are remembered.
    pub members: usize,
    /// How many writers the version vectors of all members may name that this replica has not heard of. Beyond, it does not
    /// remember them of whoever named most, and may send that one what it has already.
    pub known_writers: usize,
    /// How many events wait to be polled.
    pub events: usize,
    /// How many confirmations are waited for, or not yet polled.
    pub tickets: usize,
    /// How many confirmations of others are relayed.
    pub watches: usize,
    /// How many incomplete deltas are kept for each peer.
    pub stagings: usize,
    /// How many bytes of incomplete deltas are kept for all peers together; one delta is always possible. Whoever has most
    /// of them gives way.
    pub staged_bytes: usize,
    /// How many bytes of encoded deltas are held for peers; one delta is always possible.
    pub pinned_bytes: usize,
    /// The longest delta that is sent to a peer at once while it takes in what it lacks from somebody else. A longer one
    /// waits for its turn: what all have comes from one, not from all.
    pub unasked_bytes: usize,
    /// How often to try again before a silent peer is only probed.
    pub attempts: u32,
    /// How many bad messages a peer may send at once before it is muted …
    pub bad_burst: u32,
    /// … and how many in a second from then on.
    pub bad_per_second: u32,
    /// How many deltas are made at once because a peer asks for them …
    pub work_burst: u32,
    /// … and how many in a second from then on.
    pub work_per_second: u32,
}

impl Default for Bounds {
    /// Messages of 1 MiB, default decoding limits, 1,024 members that name 2²² unknown writers in all, 1,024 events, 1,024 tickets,
    /// 64 watches, 4 stagings, 1 GiB staged and 1 GiB pinned, 16 KiB unasked, 8 attempts, 16 bad messages and 1 a second, 64 deltas and 16 a second.
    fn default() -> Self {
        Self {
            message_bytes: 1 << 20,
            decode: Limits::default(),
            members: 1024,
            known_writers: 1 << 22,
            events: 1024,
            tickets: 1024,
            watches: 64,
            stagings: 4,
            staged_bytes: 1 << 30,
            pinned_bytes: 1 << 30,
            unasked_bytes: 16 << 10,
            attempts: 8,
            bad_burst: 16,
            bad_per_second: 1,
            work_burst: 64,
            work_per_second: 16,
        }
    }
}
