//! Deliberately broken rules, for this crate's own tests (feature `mutants`).
//!
//! Every rule that keeps replicas together has a mutant here that breaks it, and a test that fails
//! when the mutant is on. Without the feature, [`on`] is a constant and the broken code is not there.

/// A rule of `ARCHITECTURE.md` and the way in which it is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// Rule 1: concurrent losers are dropped when merging.
    DropLosersOnMerge,
    /// Rule 2: a delta is applied although its base is not known.
    IgnoreGap,
    /// Rule 2: a delta lists only the new events of a key.
    ListOnlyNewEvents,
    /// Apply: an event that is known and gone is inserted again.
    InsertKnownEvents,
    /// Apply: an event that the sender has superseded is kept.
    KeepSuperseded,
    /// Removals take no dot.
    RemovalTakesNoDot,
    /// Rule 4: the cached slot is used whoever writes.
    CacheIgnoresWriter,
    /// Rule 4: the cached slot is used wherever the value stands.
    CacheIgnoresCounter,
    /// Rule 4: counts are keyed by the writer without its branch.
    CountsIgnoreBranch,
    /// Rule 5: a write is stamped with the wall clock alone.
    TimeBeforeCausality,
    /// Rule 5: the writes of a group keep the stamps that they had before the group ended.
    GroupKeepsStamps,
    /// Rule 5: what settles a conflict is stamped as its group is.
    RestampSettled,
    /// What was written on trial stays when it is taken back.
    TrialLeavesWrites,
    /// A local write is not refused, whatever the group accepts.
    WritesBeyondLimits,
    /// A branch that was opened for nothing stays open.
    UnusedBranchStays,
    /// Who was asked for what is missing stays the only one, even if it is gone.
    FetchesForever,
    /// A clock that was set back is waited for.
    ClockStaysAhead,
    /// Those who trimmed the versions of a key at a time all do it again.
    TrimTogether,
    /// Rule 6: ties are broken by slot, that is by order of arrival.
    TiesBySlot,
    /// Rule 7: the floor does not rise when removals are discarded.
    FloorStays,
    /// Rule 7: the floor does not rise when some of the removals are discarded.
    FloorStaysBelowSome,
    /// Rule 7: removals that are kept for peers are discarded before memory asks for it.
    CollectWhatIsKept,
    /// Rule 7: the floor of what is merged is forgotten.
    NoFloorJoin,
    /// Rule 7: a peer below the floor gets no live set, and does not ask for it.
    NoLiveSet,
    /// Rule 7: a peer that was empty when it asked, and is not any more, applies without a live set.
    NoFloorCheck,
    /// Rule 7: the live set also drops removals.
    LiveSetDropsRemovals,
    /// Rule 8: fields that were brought back are not written again.
    NoRewriteOfRevived,
    /// Rule 8: records have no header.
    NoHeader,
    /// Rule 8: any deletion is overruled by any live value.
    OverruleAnyDeletion,
    /// Rule 8: where deletions win, what a deletion of the record had not seen is shown.
    HeaderMarkHidesNothing,
    /// Rule 8: where deletions win, what they hide comes back with the next write.
    NoBurial,
    /// Rule 9: one dot for a whole group.
    OneDotPerGroup,
    /// Counters: removing a count is a plain removal, not a reset.
    ResetIsRemoval,
    /// Ledger: a request that came after it was folded counts again.
    LateCountsTwice,
    /// Claims: a claim is confirmed although not every member has answered.
    ClaimsIgnoreSilence,
    /// Escrow: more is spent than the writer has rights for.
    EscrowUnchecked,
    /// Escrow: a new branch has the rights of its writer's other branches.
    EscrowInherited,
    /// Escrow: what is handed over stays with its giver, too.
    EscrowGivenAndKept,
    /// Limits: what arrives is not counted before it is taken in.
    LimitsIgnored,
    /// Operations: applied before what they depend on.
    IgnoreDependencies,
    /// Rule 3: a branch is opened although the value knows it.
    OpenKnownBranch,
    /// Rule 3: a writer is resumed from what the value has seen, not from its own record.
    ResumeFromValue,
    /// Rebase: the version stays where it was, so that the other side's events never come.
    RebaseKeepsVersion,
    /// Rebase: a running total goes over as a whole, with what was shared.
    RebaseMovesWholeCounts,
    /// Rebase: the marks of deletions keep their old names.
    RebaseKeepsMarks,
    /// Rebase: what was forgotten since the fork is not said under the new id.
    RebaseForgetsFloor,
    /// Storage: what is not durable is called persisted.
    PersistedTooEarly,
    /// Storage: an append that failed is followed by another.
    AppendAfterFailure,
    /// Replication: what is known of a peer never becomes less, not with a new start of it either.
    KnownOnlyRises,
    /// Replication: a delta that was not answered is not sent again.
    NoRetry,
    /// Replication: what is not durable leaves.
    PublishTooEarly,
    /// Replication: a peer's version is compared with what was issued, where it should be with what has left.
    NoSharpCheck,
    /// Replication: whoever has no connection does not count for confirmations.
    ElectorateIsConnected,
    /// Replication: what is known of a peer outlives its start.
    SessionsIgnored,
    /// Replication: equal versions at first contact are believed.
    NoFirstAudit,
}

#[cfg(feature = "mutants")]
mod switch {
    use core::cell::Cell;

    use super::Mutant;

    std::thread_local!(static ON: Cell<Option<Mutant>> = const { Cell::new(None) });

    /// Whether this mutant is on in this thread.
    pub fn on(mutant: Mutant) -> bool {
        ON.get() == Some(mutant)
    }

    /// Runs `body` with the mutant on in this thread.
    pub fn with<R>(mutant: Mutant, body: impl FnOnce() -> R) -> R {
        struct Off(Option<Mutant>);
        impl Drop for Off {
            fn drop(&mut self) {
                ON.set(self.0);
            }
        }
        let _off = Off(ON.replace(Some(mutant)));
        body()
    }
}

#[cfg(feature = "mutants")]
pub use switch::{on, with};

/// Whether this mutant is on: never.
#[cfg(not(feature = "mutants"))]
#[inline(always)]
pub const fn on(_: Mutant) -> bool {
    false
}
