use core::fmt;

use super::changes::Either;
use super::error::ApplyError;
use super::group::Restamp;
use super::incoming::{Incoming, Since};
use super::rebase::Renaming;
use crate::causality::{PackedDot, VersionVector};

/// A body without a version vector of its own: a dot store, or a tuple of fragments.
///
/// It lives in a [`Causal`](crate::Causal), which has the one version vector for all of its parts. So
/// a value made of values is replicated as one, and a group of writes to several parts becomes
/// visible everywhere at once. The trait is implemented by this crate only.
pub trait Fragment: Default + Clone + Send + Sync + 'static {
    /// What is new, without its version.
    type Delta: Clone + Default + Send + Sync + 'static;
    /// A handle that writes.
    type Mut<'a>
    where
        Self: 'a;
    /// What [`apply_with`](crate::Causal::apply_with) shows.
    type Change<'a>;
    /// The changes, until they are shown.
    #[doc(hidden)]
    type Changes;

    /// None yet; they are listed where that is wanted, and counted.
    #[doc(hidden)]
    fn changes(wanted: bool) -> Self::Changes;

    /// Shows the changes and returns how many there are.
    #[doc(hidden)]
    fn show_changes(changes: &Self::Changes, visit: Visit<'_, Self>) -> usize;

    /// What reads: a [`View`](crate::View), or a tuple of them.
    type View<'a>
    where
        Self: 'a;

    /// The view for a [`view`](crate::Causal::view).
    fn view<'a>(&'a self, version: &'a VersionVector) -> Self::View<'a>;

    /// The handle for an [`edit`](crate::Causal::edit). It cannot be swapped out of its root.
    fn edit(&mut self) -> Self::Mut<'_>;

    /// The keys with an event that is new, each with all its events.
    #[doc(hidden)]
    fn collect(&self, since: &Since<'_>) -> Self::Delta;

    /// All checks, for all parts, before anything is changed.
    #[doc(hidden)]
    fn check(&self, delta: &Self::Delta) -> Result<(), ApplyError>;

    /// As `check`, for all that another body has seen and this one has not.
    #[doc(hidden)]
    fn check_from(&self, other: &Self, known: &VersionVector, theirs: &VersionVector) -> Result<(), ApplyError>;

    /// Takes a checked delta in. Cannot fail.
    #[doc(hidden)]
    fn absorb(&mut self, delta: Self::Delta, incoming: &Incoming<'_>, changes: &mut Self::Changes);

    /// Gives the events of a group their one stamp.
    #[doc(hidden)]
    fn restamp(&mut self, restamp: &Restamp);

    /// Writes from here on can be taken back.
    #[doc(hidden)]
    fn begin_trial(&mut self);

    /// Keeps what was written since, or takes it back, if entries have not moved.
    #[doc(hidden)]
    fn end_trial(&mut self, keep: bool);

    /// Takes in what another value has, without a delta in between.
    #[doc(hidden)]
    fn absorb_from(&mut self, other: &Self, since: &Since<'_>, incoming: &Incoming<'_>, changes: &mut Self::Changes);

    /// Visits the live dots within what is known.
    #[doc(hidden)]
    fn live_within(&self, since: &Since<'_>, visit: &mut dyn FnMut(Raw));

    /// Visits the dots that a delta lists.
    #[doc(hidden)]
    fn listed(delta: &Self::Delta, visit: &mut dyn FnMut(Raw));

    /// Visits the writers that keys of a delta name.
    #[doc(hidden)]
    fn named(delta: &Self::Delta, visit: &mut dyn FnMut(u32));

    /// Drops the live events that do not pass.
    #[doc(hidden)]
    fn retain_live(&mut self, keep: &dyn Fn(Raw) -> bool, changes: &mut Self::Changes);

    /// Whether an event is stored here.
    #[doc(hidden)]
    fn holds(&self, dot: Raw) -> bool;

    /// How many keys are live, and how many removals are stored.
    #[doc(hidden)]
    fn counts(&self) -> (usize, usize);

    /// How many events are stored, and how many names they have.
    #[doc(hidden)]
    fn events_and_names(&self) -> (usize, usize);

    /// How many more events, and at most how many more names, there are once a delta is taken in.
    #[doc(hidden)]
    fn growth(&self, delta: &Self::Delta, incoming: &Incoming<'_>) -> (isize, usize);

    /// Discards the oldest removals, at most so many, showing each, up to one that may not be discarded. How many it were.
    #[doc(hidden)]
    fn discard_removals(
        &mut self,
        at_most: usize,
        may: &mut dyn FnMut(Raw) -> bool,
        visit: &mut dyn FnMut(Raw),
    ) -> usize;

    /// Gives back room that was reserved or left behind.
    #[doc(hidden)]
    fn rebuild(&mut self);

    /// Whether both hold the same live events.
    #[doc(hidden)]
    fn same_live(&self, other: &Self, incoming: &Incoming<'_>) -> bool;

    /// The live events of another value that are not here, by key, under the names that `name` gives.
    #[doc(hidden)]
    fn missing_of(&self, lost: &Self, incoming: &Incoming<'_>, name: &mut dyn FnMut(Raw) -> Raw) -> Self::Delta;

    /// The counts of these writers: the keys that name one of them.
    #[doc(hidden)]
    fn collect_counts(&self, own: &dyn Fn(u32) -> bool) -> Self::Delta;

    /// Those of the counts of these writers on which they have written since, but none that has an event
    /// beyond `upto`.
    #[doc(hidden)]
    fn collect_new_counts(&self, since: &Since<'_>, own: &dyn Fn(u32) -> bool, upto: &[u64]) -> Self::Delta;

    /// Renames the events of a delta. `shared` are the counts that keep their names.
    #[doc(hidden)]
    fn rename(delta: &mut Self::Delta, shared: &Self, renaming: &mut Renaming);

    #[doc(hidden)]
    #[cfg(any(test, feature = "mutants"))]
    fn assert_consistent(&self, writers: u32);
}

/// What `Debug` shows of a fragment: its value, in the order of dots.
#[doc(hidden)]
pub trait Show {
    /// Writes the value.
    fn show(&self, version: &VersionVector, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// A part of a tuple, for `Debug`.
struct Shown<'a, F> {
    body: &'a F,
    version: &'a VersionVector,
}

impl<F: Show> fmt::Debug for Shown<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.body.show(self.version, f)
    }
}

/// Shows each change.
pub type Visit<'v, F> = &'v mut dyn for<'c> FnMut(<F as Fragment>::Change<'c>);

/// A dot in the slots of its value. Opaque outside of the kernel.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Raw(pub(crate) PackedDot);

macro_rules! tuple {
    ($(($name:ident, $part:tt)),+; $last:tt) => {
        impl<$($name: Show),+> Show for ($($name,)+) {
            fn show(&self, version: &VersionVector, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple("")$(.field(&Shown { body: &self.$part, version }))+.finish()
            }
        }

        impl<$($name: Fragment),+> Fragment for ($($name,)+) {
            type Delta = ($($name::Delta,)+);
            type Mut<'a> = ($($name::Mut<'a>,)+) where Self: 'a;
            type View<'a> = ($($name::View<'a>,)+) where Self: 'a;
            type Change<'a> = tuple!(@change 'a, $($name),+);

            fn view<'a>(&'a self, version: &'a VersionVector) -> Self::View<'a> {
                ($(self.$part.view(version),)+)
            }

            fn edit(&mut self) -> Self::Mut<'_> {
                ($(self.$part.edit(),)+)
            }

            fn collect(&self, since: &Since<'_>) -> Self::Delta {
                ($(self.$part.collect(since),)+)
            }

            fn check(&self, delta: &Self::Delta) -> Result<(), ApplyError> {
                $(self.$part.check(&delta.$part)?;)+
                Ok(())
            }

            fn check_from(
                &self,
                other: &Self,
                known: &VersionVector,
                theirs: &VersionVector,
            ) -> Result<(), ApplyError> {
                $(self.$part.check_from(&other.$part, known, theirs)?;)+
                Ok(())
            }

            type Changes = ($($name::Changes,)+);

            fn changes(wanted: bool) -> Self::Changes {
                ($($name::changes(wanted),)+)
            }

            fn show_changes(changes: &Self::Changes, visit: Visit<'_, Self>) -> usize {
                0 $(+ $name::show_changes(&changes.$part, &mut |change| {
                    visit(tuple!(@wrap $part, $last, change));
                }))+
            }

            fn absorb(&mut self, delta: Self::Delta, incoming: &Incoming<'_>, changes: &mut Self::Changes) {
                $(self.$part.absorb(delta.$part, incoming, &mut changes.$part);)+
            }

            fn absorb_from(
                &mut self,
                other: &Self,
                since: &Since<'_>,
                incoming: &Incoming<'_>,
                changes: &mut Self::Changes,
            ) {
                $(self.$part.absorb_from(&other.$part, since, incoming, &mut changes.$part);)+
            }

            fn restamp(&mut self, restamp: &Restamp) {
                $(self.$part.restamp(restamp);)+
            }

            fn begin_trial(&mut self) {
                $(self.$part.begin_trial();)+
            }

            fn end_trial(&mut self, keep: bool) {
                $(self.$part.end_trial(keep);)+
            }

            fn live_within(&self, since: &Since<'_>, visit: &mut dyn FnMut(Raw)) {
                $(self.$part.live_within(since, visit);)+
            }

            fn listed(delta: &Self::Delta, visit: &mut dyn FnMut(Raw)) {
                $($name::listed(&delta.$part, visit);)+
            }

            fn named(delta: &Self::Delta, visit: &mut dyn FnMut(u32)) {
                $($name::named(&delta.$part, visit);)+
            }

            fn retain_live(&mut self, keep: &dyn Fn(Raw) -> bool, changes: &mut Self::Changes) {
                $(self.$part.retain_live(keep, &mut changes.$part);)+
            }

            fn holds(&self, dot: Raw) -> bool {
                false $(|| self.$part.holds(dot))+
            }

            fn counts(&self) -> (usize, usize) {
                let (mut live, mut removals) = (0, 0);
                $(
                    let counts = self.$part.counts();
                    live += counts.0;
                    removals += counts.1;
                )+
                (live, removals)
            }

            fn events_and_names(&self) -> (usize, usize) {
                let (mut events, mut names) = (0, 0);
                $(
                    let part = self.$part.events_and_names();
                    events += part.0;
                    names += part.1;
                )+
                (events, names)
            }

            fn growth(&self, delta: &Self::Delta, incoming: &Incoming<'_>) -> (isize, usize) {
                let (mut events, mut names) = (0, 0);
                $(
                    let part = self.$part.growth(&delta.$part, incoming);
                    events += part.0;
                    names += part.1;
                )+
                (events, names)
            }

            fn discard_removals(
                &mut self,
                at_most: usize,
                may: &mut dyn FnMut(Raw) -> bool,
                visit: &mut dyn FnMut(Raw),
            ) -> usize {
                let mut discarded = 0;
                $(discarded += self.$part.discard_removals(at_most - discarded, may, visit);)+
                discarded
            }

            fn rebuild(&mut self) {
                $(self.$part.rebuild();)+
            }

            fn same_live(&self, other: &Self, incoming: &Incoming<'_>) -> bool {
                true $(&& self.$part.same_live(&other.$part, incoming))+
            }

            fn missing_of(&self, lost: &Self, incoming: &Incoming<'_>, name: &mut dyn FnMut(Raw) -> Raw) -> Self::Delta {
                ($(self.$part.missing_of(&lost.$part, incoming, name),)+)
            }

            fn collect_new_counts(&self, since: &Since<'_>, own: &dyn Fn(u32) -> bool, upto: &[u64]) -> Self::Delta {
                ($(self.$part.collect_new_counts(since, own, upto),)+)
            }

            fn collect_counts(&self, own: &dyn Fn(u32) -> bool) -> Self::Delta {
                ($(self.$part.collect_counts(own),)+)
            }

            fn rename(delta: &mut Self::Delta, shared: &Self, renaming: &mut Renaming) {
                $($name::rename(&mut delta.$part, &shared.$part, renaming);)+
            }

            #[cfg(any(test, feature = "mutants"))]
            fn assert_consistent(&self, writers: u32) {
                $(self.$part.assert_consistent(writers);)+
            }
        }
    };
    (@change $lifetime:lifetime, $a:ident) => { $a::Change<$lifetime> };
    (@change $lifetime:lifetime, $a:ident, $($rest:ident),+) => {
        Either<$a::Change<$lifetime>, tuple!(@change $lifetime, $($rest),+)>
    };
    (@wrap 0, $last:tt, $change:expr) => { Either::Left($change) };
    (@wrap 1, 1, $change:expr) => { Either::Right($change) };
    (@wrap 1, $last:tt, $change:expr) => { Either::Right(Either::Left($change)) };
    (@wrap 2, 2, $change:expr) => { Either::Right(Either::Right($change)) };
    (@wrap 2, $last:tt, $change:expr) => { Either::Right(Either::Right(Either::Left($change))) };
    (@wrap 3, 3, $change:expr) => { Either::Right(Either::Right(Either::Right($change))) };
}

tuple!((A, 0), (B, 1); 1);
tuple!((A, 0), (B, 1), (C, 2); 2);
tuple!((A, 0), (B, 1), (C, 2), (D, 3); 3);
