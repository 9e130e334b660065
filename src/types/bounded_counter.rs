use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::tag;
use crate::causality::{Dot, ReplicaId, Writer};
use crate::kernel::{
    Causal, DotStore, Edit, Events, EventsMut, EventsOf, Kind, Mut, ShowKind, View, WriterPair, payload, reads,
};
use crate::mutants::{self, Mutant};

/// A counter that never goes below zero, without coordination: stock, seats, a budget.
///
/// Every unit that is counted up is a *right* to count one down, and belongs to the replica that made it
/// until it is [handed over](BoundedCounter::transfer). A replica counts down only what it has rights
/// for. As it knows all that it has spent or given away, and maybe not yet all that it was given, it can
/// only underestimate its rights: so no two replicas spend the same unit, and nobody ever sees the counter
/// below zero.
///
/// | concurrent | result |
/// |---|---|
/// | increment ∥ anything | both count |
/// | decrement ∥ decrement | both count, each against its own replica's rights |
/// | transfer ∥ decrement or transfer | both count: what was handed over cannot be spent by its giver |
///
/// ```
/// use dotted::{BoundedCounter, Crdt, EscrowError, Writer};
///
/// let (mut london, mut tokyo) = (Writer::new(), Writer::new());
/// let mut here = BoundedCounter::new();
/// here.increment(&mut london, 100)?;
/// let mut there = here.clone();
/// // Tokyo makes itself known, and is given half of it.
/// there.announce(&mut tokyo);
/// here.merge(&there);
/// here.transfer(&mut london, &there.branch_of(&tokyo).unwrap(), 50)?;
/// there.merge(&here);
///
/// // Cut off from each other, both try to sell 80.
/// let refused = EscrowError::InsufficientRights { local: 50, elsewhere: 50 };
/// assert_eq!(here.try_decrement(&mut london, 80), Err(refused));
/// assert_eq!(there.try_decrement(&mut tokyo, 80), Err(refused));
/// there.try_decrement(&mut tokyo, 30)?;
/// here.merge(&there);
/// assert_eq!((here.value(), here.rights(&london)), (70, 50));
/// # Ok::<(), EscrowError>(())
/// ```
///
/// Another lower bound than zero is a constant of the application, which counts what is above it. An upper
/// bound is a second counter, of the room that is left: a count up first takes from the room, a count down
/// gives back to it, as one edit that is tried: if the second half is refused, the first is not made either.
///
/// ```
/// use dotted::{BoundedCounterBody, Causal, EscrowError, Writer};
///
/// // Between 10 and 25.
/// let mut tokyo = Writer::new();
/// let mut level = Causal::<(BoundedCounterBody, BoundedCounterBody)>::new();
/// level.edit(&mut tokyo, |(_, mut room), edit| room.increment(edit, 15))?;
/// let mut up = |by| {
///     level.try_edit(&mut tokyo, |(mut above, mut room), edit| {
///         room.try_decrement(edit, by)?;
///         above.increment(edit, by)
///     })
/// };
/// up(12)?;
/// assert!(matches!(up(4), Err(EscrowError::InsufficientRights { local: 3, .. })));
/// assert_eq!(level.view().0.value() + 10, 22);
/// # Ok::<(), EscrowError>(())
/// ```
///
/// # Whose rights
/// Rights belong to a branch of a writer, like counts. So a new writer has none, and a writer that goes on
/// with a clone has none there: it opens a branch. A process that owns rights either resumes its writer
/// ([`Writer::resume`]) or hands them over before it ends: what it leaves behind stays in the value, and nobody can
/// spend it. A decrement is to be acknowledged when it is durable, not before: what a crash takes
/// back would be spent twice. The counter cannot be reset, nor removed from a store.
///
/// What holds rights only for those who obey holds for nobody else: a member of the group that forges events can
/// count up or down what it likes.
///
/// # After a fork
/// If two processes go on under one id, both spend the same rights, and no type can prevent it. After
/// [`rebase`](Causal::rebase) nothing of that is hidden: what was spent here is spent by the new writer, who has not
/// the rights for it, so [`rights_of`](BoundedCounter::rights_of) it is below zero and
/// [`overdrawn`](BoundedCounter::overdrawn) says by how much altogether. Rights that are handed over to it, or
/// counted up by it, make that good. Until then the value may be below zero, and nobody who sees that it is counts
/// down. What is left of the old id's rights is with whoever goes on under it.
///
/// Changes and reads cost O(entries): one for each writer, and one for each pair of them between which rights were
/// ever handed over. After O'Neil, *The escrow transactional method* (1986), and Balegas et al., *Extending
/// eventually consistent cloud databases for enforcing numeric invariants* (2015).
pub type BoundedCounter = Causal<BoundedCounterBody>;
/// The body of a [`BoundedCounter`], for values made of values.
pub type BoundedCounterBody = DotStore<Escrow>;

/// The kind of a [`BoundedCounter`]: under each writer and itself what it has counted, and under each writer and
/// another one what it has handed over.
#[derive(Debug)]
pub enum Escrow {}

/// A running total of a writer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entry(Sum);
payload!(Entry);

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Sum {
    /// What it has counted up and down.
    Counted { up: u64, down: u64 },
    /// What it has handed over to another one.
    Given(u64),
}

impl Sum {
    fn parts(self) -> (u64, u64) {
        match self {
            Self::Counted { up, down } => (up, down),
            Self::Given(total) => (total, 0),
        }
    }

    /// The same sort of sum.
    fn with(self, (first, second): (u64, u64)) -> Self {
        match self {
            Self::Counted { .. } => Self::Counted { up: first, down: second },
            Self::Given(_) => Self::Given(first),
        }
    }
}

/// Totals of one key are prefixes of each other: the greatest has all.
fn greatest<'a>(sums: impl Iterator<Item = &'a Entry>) -> (u64, u64) {
    let sums = sums.map(|entry| entry.0.parts());
    sums.fold((0, 0), |(first, second), sum| (first.max(sum.0), second.max(sum.1)))
}

fn total(events: &EventsOf<'_, Entry>) -> (u64, u64) {
    greatest(events.live().map(|(_, entry)| entry))
}

/// Why nothing was counted or handed over. Nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EscrowError {
    /// Refused: the amount is zero.
    ZeroAmount,
    /// Refused: this replica does not have so many rights.
    InsufficientRights {
        /// How many it has.
        local: u128,
        /// How many others have, as far as it is known here.
        elsewhere: u128,
    },
    /// Refused: rights are handed over to another replica.
    ToOneself,
    /// Refused: this value has seen nothing of that replica. It [announces](BoundedCounter::announce) itself first.
    UnknownReplica,
    /// Exhausted: the sum of what this writer has counted up, counted down or given to that replica would exceed
    /// 2⁶⁴ − 1.
    Overflow,
}

impl fmt::Display for EscrowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ZeroAmount => f.write_str("the amount is zero"),
            Self::InsufficientRights { local, elsewhere } => {
                write!(f, "{local} rights are here, and {elsewhere} elsewhere")
            }
            Self::ToOneself => f.write_str("rights are handed over to another replica"),
            Self::UnknownReplica => f.write_str("nothing is known of the replica"),
            Self::Overflow => f.write_str("a writer's sum would exceed 64 bits"),
        }
    }
}

impl core::error::Error for EscrowError {}

impl Kind for Escrow {
    type Key = WriterPair;
    type Value = Entry;
    type Policy = ();
    const TAG: u8 = tag::BOUNDED_COUNTER;
    const NAME: &'static str = "BoundedCounter";

    /// An entry is written by its owner, and never removed. Only one who took a new id writes to another's: what it knew of its old one.
    /// As it has just taken that id, nothing was handed over to it yet; so nobody gives to himself in the name of
    /// another one.
    fn admits(writer: u32, key: &WriterPair, entry: Option<&Entry>) -> bool {
        entry.is_some_and(|entry| {
            let counted = matches!(entry.0, Sum::Counted { .. });
            counted == (key.from == key.to) && (writer == key.from || writer != key.to)
        })
    }

    fn divide(all: &[&Entry], shared: &[&Entry]) -> Option<(Entry, Entry)> {
        let sort = all.first()?.0;
        let (all, shared) = (greatest(all.iter().copied()), greatest(shared.iter().copied()));
        let rest = (all.0.saturating_sub(shared.0), all.1.saturating_sub(shared.1));
        Some((Entry(sort.with(shared)), Entry(sort.with(rest))))
    }
}

/// What an entry says of the rights of its two writers. No sum overflows: 2⁴⁰ entries of 64 bits fit.
fn shares(key: WriterPair, (first, second): (u64, u64)) -> [(u32, i128); 2] {
    let (first, second) = (i128::from(first), i128::from(second));
    if key.from == key.to {
        return [(key.from, first), (key.from, -second)];
    }
    let taken = if mutants::on(Mutant::EscrowGivenAndKept) { 0 } else { -first };
    [(key.to, first), (key.from, taken)]
}

/// All that all entries say of rights.
fn all_shares<'a>(events: impl Events<'a, Kind = Escrow>) -> impl Iterator<Item = (u32, i128)> {
    events.slots().flat_map(move |slot| shares(*events.key_at(slot), total(&events.events_at(slot))))
}

/// The rights of every writer that an entry names.
fn rights_of_all<'a>(events: impl Events<'a, Kind = Escrow>) -> Vec<(u32, i128)> {
    let mut all: Vec<_> = all_shares(events).collect();
    all.sort_unstable_by_key(|&(writer, _)| writer);
    all.dedup_by(|(writer, share), (before, sum)| {
        let same = writer == before;
        *sum += if same { *share } else { 0 };
        same
    });
    all
}

/// What is above zero.
fn positive(rights: i128) -> u128 {
    u128::try_from(rights).unwrap_or(0)
}

/// Writes to a [`BoundedCounter`] within an edit.
pub type BoundedCounterMut<'e> = Mut<'e, Escrow>;

impl<'e, E: EventsMut<'e, Kind = Escrow>> Mut<'e, Escrow, E> {
    /// Counts up: makes so many rights, which belong to this replica.
    ///
    /// # Errors
    /// [`EscrowError::ZeroAmount`], and [`EscrowError::Overflow`] if this writer alone would have counted up beyond 64
    /// bits. Nothing is written.
    pub fn increment(&mut self, edit: &mut Edit<'e>, by: u64) -> Result<Dot, EscrowError> {
        let me = edit.slot();
        self.count(edit, WriterPair { from: me, to: me }, (not_zero(by)?, 0))
    }

    /// Counts down, if this replica has so many rights.
    ///
    /// # Errors
    /// [`EscrowError::ZeroAmount`], [`EscrowError::InsufficientRights`], and [`EscrowError::Overflow`] if this writer
    /// alone would have counted down beyond 64 bits. Nothing is written.
    pub fn try_decrement(&mut self, edit: &mut Edit<'e>, by: u64) -> Result<Dot, EscrowError> {
        let me = edit.slot();
        not_zero(by)?;
        let (mut own, mut value) = (0, 0);
        for (writer, share) in all_shares(self.events.read()) {
            value += share;
            own += if is_own(edit, me, writer) { share } else { 0 };
        }
        // The value is all rights together, so it is less than those of one only after a fork, where some have spent
        // what they did not own.
        self.require(me, own.min(value), by)?;
        self.count(edit, WriterPair { from: me, to: me }, (0, by))
    }

    /// Hands so many rights over to another replica, which has them when it hears of it.
    ///
    /// # Errors
    /// [`EscrowError::ZeroAmount`], [`EscrowError::ToOneself`], [`EscrowError::UnknownReplica`],
    /// [`EscrowError::InsufficientRights`], and [`EscrowError::Overflow`] if so much was handed over to that replica
    /// since ever that 64 bits do not hold it. Nothing is written.
    pub fn transfer(&mut self, edit: &mut Edit<'e>, to: &ReplicaId, amount: u64) -> Result<Dot, EscrowError> {
        let me = edit.slot();
        not_zero(amount)?;
        let version = edit.version();
        if version.id(me) == *to {
            return Err(EscrowError::ToOneself);
        }
        let to = version.slot(to).filter(|&slot| version.at(slot) > 0).ok_or(EscrowError::UnknownReplica)?;
        let shares = all_shares(self.events.read()).filter(|&(writer, _)| is_own(edit, me, writer));
        let own = shares.map(|(_, share)| share).sum();
        self.require(me, own, amount)?;
        self.count(edit, WriterPair { from: me, to }, (amount, 0))
    }

    /// Makes this replica known, so that others can hand rights over to it. Returns `None` if it is known
    /// here already: it has counted something, or announced itself.
    pub fn announce(&mut self, edit: &mut Edit<'e>) -> Option<Dot> {
        let me = edit.slot();
        let key = WriterPair { from: me, to: me };
        let is_known = self.events.read().find(&key).is_some();
        (!is_known).then(|| self.events.write(edit, key, Some(Entry(Sum::Counted { up: 0, down: 0 }))))
    }

    fn require(&self, me: u32, local: i128, amount: u64) -> Result<(), EscrowError> {
        if local >= i128::from(amount) || mutants::on(Mutant::EscrowUnchecked) {
            return Ok(());
        }
        let others = rights_of_all(self.events.read()).into_iter().filter(|&(writer, _)| writer != me);
        let elsewhere = others.map(|(_, rights)| positive(rights)).sum();
        Err(EscrowError::InsufficientRights { local: positive(local), elsewhere })
    }

    /// Adds to a running total.
    fn count(&mut self, edit: &mut Edit<'e>, key: WriterPair, by: (u64, u64)) -> Result<Dot, EscrowError> {
        let found = self.events.read().find(&key);
        let before = found.map_or((0, 0), |slot| total(&self.events.read().events_at(slot)));
        let sums = before.0.checked_add(by.0).zip(before.1.checked_add(by.1)).ok_or(EscrowError::Overflow)?;
        let sort = if key.from == key.to { Sum::Counted { up: 0, down: 0 } } else { Sum::Given(0) };
        let entry = Some(Entry(sort.with(sums)));
        Ok(match found {
            Some(slot) => self.events.write_at(edit, slot, entry),
            None => self.events.write(edit, key, entry),
        })
    }
}

fn not_zero(amount: u64) -> Result<u64, EscrowError> {
    if amount == 0 { Err(EscrowError::ZeroAmount) } else { Ok(amount) }
}

/// Whether rights of a writer are those of the branch that writes: the id *and* branch, never the id alone.
fn is_own(edit: &Edit<'_>, me: u32, writer: u32) -> bool {
    let inherited = || edit.version().uuid_bytes(writer) == edit.version().uuid_bytes(me);
    writer == me || (mutants::on(Mutant::EscrowInherited) && inherited())
}

reads! { impl[] Escrow {
    /// What was counted up less what was counted down: all rights together. It is below zero only if an id was forked.
    #[must_use]
    fn value(view) -> i128 {
        all_shares(view.events).map(|(_, share)| share).sum()
    }

    /// How many rights a replica has, as far as it is known here. Another one may have more by now, or less; the one that
    /// asks about itself has these at least. It is below zero if the replica took over what was spent twice when an id
    /// was forked.
    #[must_use]
    fn rights_of(view, replica: &ReplicaId) -> i128 {
        let Some(slot) = view.version.slot(replica) else { return 0 };
        all_shares(view.events).filter(|&(writer, _)| writer == slot).map(|(_, share)| share).sum()
    }

    /// All replicas that have counted, announced themselves or been given something, with their rights as
    /// [`rights_of`](BoundedCounter::rights_of) says, in the order of their ids.
    #[must_use]
    fn holders(view) -> Vec<(ReplicaId, i128)> {
        let all = rights_of_all(view.events).into_iter();
        let mut holders: Vec<_> = all.map(|(writer, rights)| (view.version.id(writer), rights)).collect();
        holders.sort_unstable();
        holders
    }

    /// How many rights were ever handed over to a replica, as far as it is known here.
    #[must_use]
    fn handed_to(view, replica: &ReplicaId) -> u128 {
        let Some(to) = view.version.slot(replica) else { return 0 };
        let gifts = view.events.slots().filter(|&slot| {
            let key = view.events.key_at(slot);
            key.to == to && key.from != to
        });
        gifts.map(|slot| u128::from(total(&view.events.events_at(slot)).0)).sum()
    }

    /// How much was spent or handed over by replicas that did not own it, and has not been made good: zero, unless an id
    /// was forked.
    #[must_use]
    fn overdrawn(view) -> u128 {
        rights_of_all(view.events).iter().map(|(_, rights)| positive(-rights)).sum()
    }
} }

impl<'a, E: Events<'a, Kind = Escrow>> View<'a, Escrow, E> {
    /// What this replica would count down itself.
    pub(crate) fn spendable(self, replica: &ReplicaId) -> u128 {
        positive(self.rights_of(replica).min(self.value()))
    }
}

impl BoundedCounter {
    /// Counts up: makes so many rights, which belong to this replica.
    ///
    /// # Errors
    /// [`EscrowError::ZeroAmount`], and [`EscrowError::Overflow`] if this writer alone would have counted up beyond 64
    /// bits. Nothing is written.
    pub fn increment(&mut self, writer: &mut Writer, by: u64) -> Result<Dot, EscrowError> {
        self.edit(writer, |mut counter, edit| counter.increment(edit, by))
    }

    /// Counts down, if this replica has so many rights.
    ///
    /// # Errors
    /// [`EscrowError::ZeroAmount`], [`EscrowError::InsufficientRights`], and [`EscrowError::Overflow`] if this writer
    /// alone would have counted down beyond 64 bits. Nothing is written.
    pub fn try_decrement(&mut self, writer: &mut Writer, by: u64) -> Result<Dot, EscrowError> {
        self.edit(writer, |mut counter, edit| counter.try_decrement(edit, by))
    }

    /// Hands so many rights over to another replica, which has them when it hears of it.
    ///
    /// # Errors
    /// [`EscrowError::ZeroAmount`], [`EscrowError::ToOneself`], [`EscrowError::UnknownReplica`],
    /// [`EscrowError::InsufficientRights`], and [`EscrowError::Overflow`] if so much was handed over to that replica
    /// since ever that 64 bits do not hold it. Nothing is written.
    pub fn transfer(&mut self, writer: &mut Writer, to: &ReplicaId, amount: u64) -> Result<Dot, EscrowError> {
        self.edit(writer, |mut counter, edit| counter.transfer(edit, to, amount))
    }

    /// Makes this replica known, so that others can hand rights over to it. Returns `None` if it is known
    /// here already: it has counted something, or announced itself.
    pub fn announce(&mut self, writer: &mut Writer) -> Option<Dot> {
        self.edit(writer, |mut counter, edit| counter.announce(edit))
    }

    /// How many rights `writer` has here: what it can count down without hearing of others.
    #[must_use]
    pub fn rights(&self, writer: &Writer) -> u128 {
        self.branch_of(writer).map_or(0, |branch| self.view().spendable(&branch))
    }
}

impl ShowKind for Escrow {
    fn show<'a>(view: View<'a, Self, impl Events<'a, Kind = Self>>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BoundedCounter").field(&view.value()).finish()
    }
}
