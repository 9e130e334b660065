use alloc::collections::BTreeMap;

use super::changes::Applied;
use super::dot_set::DotSet;
use super::edit::Written;
use super::fragment::Fragment;
use super::incoming::Since;
use crate::causality::{Dot, PackedDot, ReplicaId, VersionVector};
use crate::codec::{FragmentCodec, Limits};

/// One event, or one group of events, with what it depends on and what it supersedes.
///
/// It names its dependencies as the difference to the writer's previous group, so that it stays
/// small however many writers there are. It is applied when all of them have been seen.
///
/// After Shapiro et al., *Conflict-free Replicated Data Types* (2011), and Baquero, Almeida and
/// Shoker, *Making Operation-based CRDTs Operation-based* (2014).
pub struct Operation<F: Fragment> {
    /// The table of writers, with the counters that must have been seen, beside the writer's own.
    pub(crate) writers: VersionVector,
    /// The writer's slot.
    pub(crate) writer: u32,
    pub(crate) first: u64,
    pub(crate) count: u64,
    pub(crate) superseded: DotSet,
    pub(crate) body: F::Delta,
}

impl<F: Fragment> Operation<F> {
    /// The group that was just written to a value with this version and body.
    pub(crate) fn new(
        version: &VersionVector,
        body: &F,
        written: &Written,
        superseded: &[PackedDot],
        heard: &[u32],
    ) -> Self {
        let mut counters = alloc::vec![0; version.slots()];
        for &slot in heard {
            if slot != written.slot {
                counters[slot as usize] = version.at(slot);
            }
        }
        let mut before = version.counters().to_vec();
        before[written.slot as usize] = written.first - 1;
        let before = version.with_counters(before);
        Self {
            body: body.collect(&Since::new(&before, version)),
            writers: version.with_counters(counters),
            writer: written.slot,
            first: written.first,
            count: written.count,
            superseded: superseded_outside(written, superseded),
        }
    }

    /// The first event of the group.
    #[must_use]
    pub fn dot(&self) -> Dot {
        self.writers.dot(self.writer, self.first)
    }

    /// How many events the group has.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.count
    }

    /// What must have been seen before: of the writer itself everything before [`dot`](Operation::dot),
    /// and of others what the writer had seen, as far as it is not implied by its previous group.
    #[must_use]
    pub fn dependencies(&self) -> VersionVector {
        let mut dependencies = self.writers.clone();
        dependencies.raise(self.writer, self.first - 1);
        dependencies
    }

    /// Whether everything that it depends on has been seen.
    #[must_use]
    pub fn is_ready(&self, version: &VersionVector) -> bool {
        version.get(&self.writers.id(self.writer)) + 1 >= self.first && self.writers.is_within(version)
    }

    /// Whether it has been seen already.
    #[must_use]
    pub fn is_known(&self, version: &VersionVector) -> bool {
        version.get(&self.writers.id(self.writer)) + 1 >= self.first + self.count
    }
}

/// What a group supersedes of what was there before it.
fn superseded_outside(written: &Written, superseded: &[PackedDot]) -> DotSet {
    let within = |dot: PackedDot| dot.slot() == written.slot && dot.counter() >= written.first;
    // An event of the group that another one superseded passes on what it had superseded itself: all
    // of that is in the list, too.
    DotSet::from_dots(superseded.iter().copied().filter(|&dot| !within(dot)).collect())
}

impl<F: Fragment> Clone for Operation<F> {
    fn clone(&self) -> Self {
        Self {
            writers: self.writers.clone(),
            writer: self.writer,
            first: self.first,
            count: self.count,
            superseded: self.superseded.clone(),
            body: self.body.clone(),
        }
    }
}

impl<F: Fragment> core::fmt::Debug for Operation<F> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Operation")
            .field("dot", &self.dot())
            .field("events", &self.count)
            .field("dependencies", &self.dependencies())
            .finish_non_exhaustive()
    }
}

/// Keeps operations until what they depend on has arrived; drops duplicates and restores the order.
pub struct CausalInbox<F: Fragment> {
    /// By writer and first counter, with its bytes. Of each writer only the first can be ready.
    waiting: BTreeMap<ReplicaId, BTreeMap<u64, (Operation<F>, usize)>>,
    count: usize,
    bytes: usize,
    limit: usize,
    most_bytes: usize,
    limits: Limits,
}

/// An operation that did not fit into a [`CausalInbox`], given back. Nothing was changed.
pub struct InboxFull<F: Fragment>(pub Operation<F>);

impl<F: Fragment> core::fmt::Display for InboxFull<F> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("too many operations wait for others; ask for a delta instead")
    }
}

impl<F: Fragment> core::fmt::Debug for InboxFull<F> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("InboxFull").field(&self.0).finish()
    }
}

impl<F: Fragment> core::error::Error for InboxFull<F> {}

impl<F: FragmentCodec> CausalInbox<F> {
    /// An inbox in which at most `limit` operations wait, of 16 MiB in all.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        let (count, bytes) = (0, 0);
        Self { waiting: BTreeMap::new(), count, bytes, limit, most_bytes: 16 << 20, limits: Limits::unlimited() }
    }

    /// The same inbox, in which operations of at most so many bytes wait, as they are encoded.
    #[must_use]
    pub fn with_bytes(mut self, bytes: usize) -> Self {
        self.most_bytes = bytes;
        self
    }

    /// The same inbox for what comes from outside: what would make a value hold more than the limits allow waits, as what
    /// does not fit does, until there is room.
    #[must_use]
    pub fn within(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How many operations wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// How many bytes they have together, as they are encoded.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Applies the operation and everything that waited for it, or lets it wait.
    ///
    /// # Errors
    /// [`InboxFull`] gives the operation back when it must wait and the inbox is full, by number or by bytes. What the
    /// value has got in another way meanwhile takes no room. An operation that the value cannot hold (too many writers or
    /// keys) waits, too.
    pub fn receive(&mut self, value: &mut crate::Causal<F>, operation: Operation<F>) -> Result<Applied, InboxFull<F>> {
        const NOTHING_YET: Applied = Applied::UNCHANGED;
        if operation.is_known(value.version()) {
            return Ok(NOTHING_YET);
        }
        if value.operation_fits(&operation, &self.limits).is_err() {
            let dot = operation.dot();
            if self.waiting.get(&dot.replica).is_some_and(|waiting| waiting.contains_key(&dot.counter)) {
                return Ok(NOTHING_YET);
            }
            let bytes = operation.encode().len();
            let is_full = |inbox: &Self| inbox.count >= inbox.limit || bytes > inbox.most_bytes - inbox.bytes;
            if is_full(self) {
                self.forget_known(value.version());
            }
            if is_full(self) {
                return Err(InboxFull(operation));
            }
            self.waiting.entry(dot.replica).or_default().insert(dot.counter, (operation, bytes));
            (self.count, self.bytes) = (self.count + 1, self.bytes + bytes);
            return Ok(NOTHING_YET);
        }
        Ok(self.apply_from(Some(operation), value))
    }

    /// Looks again at what waits, after the value has learned something in another way.
    pub fn flush(&mut self, value: &mut crate::Causal<F>) -> Applied {
        let first = self.next_ready(value);
        self.apply_from(first, value)
    }

    /// Applies an operation that is ready, and then all that has become ready.
    fn apply_from(&mut self, first: Option<Operation<F>>, value: &mut crate::Causal<F>) -> Applied {
        let mut applied = Applied::UNCHANGED;
        let mut next = first;
        while let Some(operation) = next {
            if let Ok(more) = value.apply_operation(operation) {
                applied.events += more.events;
                applied.keys += more.keys;
            }
            next = self.next_ready(value);
        }
        applied
    }

    /// Drops what the value has got in another way.
    fn forget_known(&mut self, version: &VersionVector) {
        self.waiting.retain(|_, waiting| {
            waiting.retain(|_, (operation, bytes)| {
                let stays = !operation.is_known(version);
                if !stays {
                    (self.count, self.bytes) = (self.count - 1, self.bytes - *bytes);
                }
                stays
            });
            !waiting.is_empty()
        });
    }

    fn next_ready(&mut self, value: &crate::Causal<F>) -> Option<Operation<F>> {
        let mut ready = None;
        self.waiting.retain(|_, waiting| {
            while ready.is_none()
                && let Some(first) = waiting.first_entry()
            {
                let (operation, bytes) = first.get();
                let is_known = operation.is_known(value.version());
                if !is_known && value.operation_fits(operation, &self.limits).is_err() {
                    break;
                }
                (self.count, self.bytes) = (self.count - 1, self.bytes - bytes);
                let (operation, _) = first.remove();
                ready = (!is_known).then_some(operation);
            }
            !waiting.is_empty()
        });
        ready
    }
}

impl<F: Fragment> core::fmt::Debug for CausalInbox<F> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let waiting = self.waiting.values().flat_map(BTreeMap::values).map(|(operation, _)| operation.dot());
        f.debug_struct("CausalInbox")
            .field("limit", &self.limit)
            .field("waiting", &waiting.collect::<alloc::vec::Vec<_>>())
            .finish()
    }
}

impl<F: FragmentCodec> Default for CausalInbox<F> {
    /// Room for 4096 operations of 16 MiB in all.
    fn default() -> Self {
        Self::new(4096)
    }
}
