use super::accepts::Accepts;
use super::budget::Budget;
use super::message::{Nack, Why};
use super::parts::{Pinned, Stagings};
use alloc::collections::VecDeque;

use super::{Bounds, Role};
use crate::causality::VersionVector;

/// Whether a `Have` is to be sent, and of which kind. The greater one stands for both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Say {
    #[default]
    Nothing,
    /// What I have.
    Have,
    /// The same, and I want an answer.
    Ask,
}

/// What a replica knows of one peer, and has to send to it. Messages are made when they are polled, so
/// they are never out of date and never queue up.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    pub(super) role: Role,
    /// Nothing is made for one without.
    pub(super) is_connected: bool,
    /// What it has, on evidence. Nothing known: not heard yet, or silent for too long.
    pub(super) known: Option<VersionVector>,
    /// What it accepts, once it has said so.
    pub(super) accepts: Option<Accepts>,
    /// The longest message that reaches it, if longer ones were found not to.
    pub(super) reaches: Option<usize>,
    /// It was told that what is here is more than this peer accepts.
    pub(super) too_large: bool,

    pub(super) say: Say,
    pub(super) nack: Option<Nack>,
    pub(super) audit: bool,
    /// The one delta that is on its way to it.
    pub(super) pinned: Option<Pinned>,
    /// To be acknowledged once it is durable here.
    pub(super) owes: Option<VersionVector>,
    /// What it was told last that this replica has.
    pub(super) told: Option<VersionVector>,
    /// It has more than this replica, which waits for it.
    pub(super) waits: bool,
    /// It was told that long deltas are to wait, and it has told so.
    pub(super) told_to_wait: bool,
    pub(super) is_held: bool,
    /// There is a long delta for it, which waits.
    pub(super) offers: bool,

    pub(super) staged: Stagings,

    /// When to see whether it lacks something.
    pub(super) push_at: Option<u64>,
    /// When to say what has been seen of others.
    pub(super) news_at: Option<u64>,
    /// When to try again.
    pub(super) retry_at: Option<u64>,
    pub(super) attempts: u32,
    /// It refused a delta: none before.
    pub(super) paused_until: u64,
    pub(super) refusals: u32,

    /// It has no room for what this replica has: what both had then. It is not asked again before one of them changes.
    pub(super) full: Option<(VersionVector, VersionVector)>,

    pub(super) bad: Budget,
    pub(super) work: Budget,
    /// How often it is told at once what is missing of a delta in parts.
    pub(super) asks: Budget,
    /// The version at which it was found to differ.
    pub(super) diverged: Option<VersionVector>,
    pub(super) forked: bool,
    /// It was heard once in its session.
    pub(super) met: bool,
    /// The latest of its starts, and some before.
    pub(super) session: Option<u32>,
    pub(super) ended: VecDeque<u32>,
    /// How many messages came from earlier starts.
    pub(super) late: u32,
    /// How often one that had ended went on.
    pub(super) returns: u32,
}

impl Peer {
    /// How many starts before the latest one are remembered.
    const ENDED_SESSIONS: usize = 4;
    /// How many messages of an earlier start are passed over. If more come, it may be the latest one after all, of which a
    /// message was overtaken.
    const LATE_MESSAGES: u32 = 2;
    /// How often starts take turns before that is taken for two processes.
    const RETURNS: u32 = 4;

    /// The longest part of a delta until a peer has said what it accepts.
    const PART_BYTES_UNTOLD: usize = 64 << 10;

    pub(super) fn new(bounds: &Bounds) -> Self {
        Self {
            role: Role::Voter,
            is_connected: true,
            known: None,
            accepts: None,
            reaches: None,
            too_large: false,
            say: Say::Nothing,
            nack: None,
            audit: false,
            pinned: None,
            owes: None,
            told: None,
            waits: false,
            told_to_wait: false,
            is_held: false,
            offers: false,
            staged: Stagings::default(),
            push_at: None,
            news_at: None,
            retry_at: None,
            attempts: 0,
            paused_until: 0,
            refusals: 0,
            full: None,
            bad: Budget::new(bounds.bad_burst, bounds.bad_per_second),
            work: Budget::new(bounds.work_burst, bounds.work_per_second),
            asks: Budget::new(bounds.work_burst, bounds.work_per_second),
            diverged: None,
            forked: false,
            met: false,
            session: None,
            ended: VecDeque::new(),
            late: 0,
            returns: 0,
        }
    }

    pub(super) fn say(&mut self, what: Say) {
        self.say = self.say.max(what);
    }

    /// The longest message for it. Until it has said what it accepts, as much as this replica does: version vectors cannot
    /// be cut, and those of many writers must fit from the first `Have` on.
    pub(super) fn accepts(&self, bounds: &Bounds) -> usize {
        let accepts = self.accepts.map_or(bounds.message_bytes, |accepts| accepts.message_bytes);
        accepts.min(bounds.message_bytes).min(self.reaches.unwrap_or(usize::MAX))
    }

    /// The longest message for it that holds a part of a delta, which can be cut.
    pub(super) fn accepts_parts(&self, bounds: &Bounds) -> usize {
        let untold = if self.accepts.is_some() { usize::MAX } else { Self::PART_BYTES_UNTOLD };
        self.accepts(bounds).min(untold)
    }

    /// One refusal is enough: whatever else was wrong comes up again. The version is filled in when it leaves.
    pub(super) fn refuse(&mut self, why: Why, id: u64) {
        self.nack = Some(Nack { version: VersionVector::new(), why, id, missing: alloc::vec::Vec::new() });
    }

    /// There is a sign that things go on.
    pub(super) fn progress(&mut self) {
        if self.attempts > 0 {
            // The next attempt need not wait as long as the last one did.
            self.attempts = 0;
            self.retry_at = None;
        }
    }

    /// Whether it can be asked for what this version lacks.
    pub(super) fn has_more(&mut self, version: &VersionVector) -> bool {
        self.waits =
            self.is_connected && self.waits && self.known.as_ref().is_none_or(|known| !known.is_within(version));
        self.waits
    }

    /// What it lacks, given what is known of it.
    pub(super) fn lacks(&self, version: &VersionVector) -> bool {
        self.known.as_ref().is_some_and(|known| !version.is_within(known))
    }

    /// Whether a message comes from before its latest start.
    pub(super) fn is_late(&mut self, session: u32) -> bool {
        let is_late = self.ended.contains(&session) && self.late < Self::LATE_MESSAGES;
        self.late += u32::from(is_late);
        is_late
    }

    /// It has started anew: whatever was heard of it and told to it was another process. Says whether both of them seem
    /// to be there.
    pub(super) fn begin_session(&mut self, session: u32, ended: u32) -> bool {
        self.forget_exchange();
        self.known = None;
        self.told = None;
        (self.accepts, self.too_large) = (None, false);
        self.met = false;
        (self.paused_until, self.refusals, self.full) = (0, 0, None);
        let returns = self.ended.contains(&session);
        self.ended.retain(|&before| before != session);
        self.ended.push_back(ended);
        if self.ended.len() > Self::ENDED_SESSIONS {
            self.ended.pop_front();
        }
        self.late = 0;
        self.returns = if returns { self.returns + 1 } else { 0 };
        self.returns == Self::RETURNS
    }

    /// Whether it has refused just this: what both have has not changed since.
    pub(super) fn is_full_for(&self, version: &VersionVector) -> bool {
        self.full.as_ref().is_some_and(|(theirs, mine)| mine == version && self.known.as_ref() == Some(theirs))
    }

    pub(super) fn forget_exchange(&mut self) {
        self.pinned = None;
        self.owes = None;
        self.waits = false;
        (self.is_held, self.offers) = (false, false);
        self.nack = None;
        self.say = Say::Nothing;
        self.audit = false;
        self.staged.clear();
        self.push_at = None;
        self.news_at = None;
        self.retry_at = None;
        self.attempts = 0;
    }
}
