use alloc::vec::Vec;

use uuid::Uuid;

use crate::causality::{ReplicaId, VersionVector, Writer};
use crate::codec::{DecodeError, FragmentCodec, Largest, LatestStamp, Limits, Usage};
use crate::kernel::{Applied, ApplyError, Causal, Delta, Fragment, RebaseError, Shared};
use crate::serial::Unreadable;

/// A join semilattice: replicas that merge each other's states agree, in whatever order and however
/// often they do it.
///
/// Implement it for types of your own, with or without a version vector; the laws that it must obey
/// (merge is commutative, associative, idempotent) are in `dotted::laws`, to be run on them.
///
/// Shapiro et al., *Conflict-free Replicated Data Types* (2011).
pub trait Crdt: Clone {
    /// Takes in everything that `other` has, and says whether and how much changed.
    fn merge(&mut self, other: &Self) -> Applied;

    /// Whether both are the same replicated state.
    fn same_state(&self, other: &Self) -> bool;
}

/// What can be replicated by deltas: every type of this crate.
pub trait DeltaCrdt: Crdt + Default {
    /// What one replica sends to another.
    type Delta: Clone + core::fmt::Debug + Send + Sync + 'static;

    /// What has been seen: the complete digest of the state.
    fn version(&self) -> &VersionVector;

    /// As [`merge`](Crdt::merge), where a value may reach its limits.
    ///
    /// # Errors
    /// [`ApplyError::TooManyWriters`] or [`ApplyError::TooManyKeys`]. Nothing has changed then.
    fn try_merge(&mut self, other: &Self) -> Result<Applied, ApplyError> {
        Ok(self.merge(other))
    }

    /// What someone who has seen `known` lacks.
    fn delta_since(&self, known: &VersionVector) -> Self::Delta;

    /// What a receiver of the delta must have seen.
    fn delta_base(delta: &Self::Delta) -> &VersionVector;

    /// What a receiver of the delta will have seen.
    fn delta_upto(delta: &Self::Delta) -> &VersionVector;

    /// Whether [`apply`](DeltaCrdt::apply) would succeed.
    ///
    /// # Errors
    /// The error that it would return.
    fn can_apply(&self, delta: &Self::Delta) -> Result<(), ApplyError>;

    /// Takes a delta in, whole or not at all.
    ///
    /// # Errors
    /// [`ApplyError::Gap`] or [`ApplyError::Floor`] if the receiver has not seen what it builds on.
    fn apply(&mut self, delta: Self::Delta) -> Result<Applied, ApplyError>;

    /// How much the value holds of what limits count.
    fn usage(&self) -> Usage;

    /// As [`apply`](DeltaCrdt::apply), for what comes from outside: refuses what would make the value hold more than the
    /// limits allow.
    ///
    /// # Errors
    /// As [`apply`](DeltaCrdt::apply), and [`ApplyError::OverLimit`]. Nothing has changed then.
    fn apply_within(&mut self, delta: Self::Delta, limits: &Limits) -> Result<Applied, ApplyError> {
        let mut copy = self.clone();
        let applied = copy.apply(delta)?;
        if let Some(limit) = copy.usage().beyond(limits) {
            return Err(limit.into());
        }
        *self = copy;
        Ok(applied)
    }

    /// What others can have of a writer's events: see [`Shared`](crate::Shared).
    type Shared: Clone + core::fmt::Debug + Send + Sync + 'static;

    /// All that the writer `uuid` has written to this value is known elsewhere, or may be.
    fn shared(&self, uuid: Uuid) -> Self::Shared;

    /// The value has left up to here, a version that it has had.
    fn note_shared(&self, shared: &mut Self::Shared, upto: &VersionVector);

    /// The last event of a branch that has left.
    fn last_shared(shared: &Self::Shared, branch: &ReplicaId) -> u64;

    /// Gives what is not shared new names: those of `writer`. See [`Causal::rebase`].
    ///
    /// # Errors
    /// [`RebaseError`]. The value is as it was.
    fn rebase(&mut self, shared: &Self::Shared, writer: &mut Writer) -> Result<(), RebaseError>;

    /// Goes on with the state of another replica that has seen the same and differs. See [`Causal::adopt`].
    ///
    /// # Errors
    /// [`ApplyError`]. The value is as it was.
    fn adopt(&mut self, theirs: Self, writer: &mut Writer) -> Result<(), ApplyError>;

    /// Removals up to here may have been discarded.
    fn floor(&self) -> &VersionVector;

    /// Discards what is not needed any more.
    fn compact(&mut self);

    /// From now on only removals up to here are discarded by themselves: see [`Causal::set_collectable`]. What discards
    /// nothing by itself has nothing to do.
    fn set_collectable(&mut self, _upto: Option<VersionVector>) {}

    /// Appends the snapshot, everything that is stored, marked with the schema of the application's data.
    fn encode_into(&self, schema: u32, out: &mut Vec<u8>);

    /// The snapshot, with schema 0.
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode_into(0, &mut out);
        out
    }

    /// Reads a snapshot back.
    ///
    /// # Errors
    /// [`DecodeError`] for whatever is not the snapshot of a value of this type, within the limits.
    fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, DecodeError>;

    /// Appends a delta, marked with the schema of the application's data.
    fn encode_delta_into(delta: &Self::Delta, schema: u32, out: &mut Vec<u8>);

    /// A delta written down, with schema 0.
    fn encode_delta(delta: &Self::Delta) -> Vec<u8> {
        let mut out = Vec::new();
        Self::encode_delta_into(delta, 0, &mut out);
        out
    }

    /// Appends [`delta_since`](DeltaCrdt::delta_since), without making it first where that can be.
    fn encode_delta_since_into(&self, known: &VersionVector, schema: u32, out: &mut Vec<u8>) {
        Self::encode_delta_into(&self.delta_since(known), schema, out);
    }

    /// That whatever is new to someone who has seen `known` can be read back. See [`Causal::check_since`].
    ///
    /// # Errors
    /// [`Unreadable`], which names type and key.
    fn check_since(&self, known: &VersionVector) -> Result<(), Unreadable>;

    /// The largest of the values that are new to someone who has seen `known`. `None` if there is none, or if the type
    /// does not say; then it is not seen to it that values are as large as all members accept.
    fn largest_since(&self, _known: &VersionVector) -> Option<Largest> {
        None
    }

    /// The write with the latest stamp in a delta. `None` if there is none, or if the type does not say; then nobody is told
    /// of stamps that are far ahead.
    fn latest_in(_delta: &Self::Delta) -> Option<LatestStamp> {
        None
    }

    /// Writes from here on can be [taken back](DeltaCrdt::take_back_trial). Trials can be nested. A type that does not
    /// know how has nothing to do.
    fn begin_trial(&mut self) {}

    /// What was written since the trial began stays.
    fn keep_trial(&mut self) {}

    /// Takes back what was written since the trial began, and says whether it could. It cannot after anything but
    /// writes; then all stays. The writer must be set back, too.
    fn take_back_trial(&mut self) -> bool {
        false
    }

    /// Reads a delta back.
    ///
    /// # Errors
    /// [`DecodeError`] for whatever is not a delta for this type, within the limits.
    fn decode_delta(bytes: &[u8], limits: &Limits) -> Result<Self::Delta, DecodeError>;

    /// The view that replicas agree on: version and live events. Equal for equal states.
    fn canonical(&self) -> Vec<u8>;

    /// A hash of [`canonical`](DeltaCrdt::canonical): equal versions must mean equal hashes.
    fn state_hash(&self) -> u64;
}

impl<F: Fragment> Crdt for Causal<F> {
    /// # Panics
    /// Where [`try_merge`](Causal::try_merge) fails: beyond some million writers or 2³² keys.
    fn merge(&mut self, other: &Self) -> Applied {
        self.try_merge(other).expect("more writers or keys than a value can hold")
    }

    fn same_state(&self, other: &Self) -> bool {
        self == other
    }
}

impl<F: FragmentCodec> DeltaCrdt for Causal<F> {
    type Delta = Delta<F>;

    fn version(&self) -> &VersionVector {
        self.version()
    }

    fn try_merge(&mut self, other: &Self) -> Result<Applied, ApplyError> {
        self.try_merge(other)
    }

    fn delta_since(&self, known: &VersionVector) -> Delta<F> {
        self.delta_since(known)
    }

    fn delta_base(delta: &Delta<F>) -> &VersionVector {
        delta.base()
    }

    fn delta_upto(delta: &Delta<F>) -> &VersionVector {
        delta.upto()
    }

    fn can_apply(&self, delta: &Delta<F>) -> Result<(), ApplyError> {
        self.can_apply(delta)
    }

    fn apply(&mut self, delta: Delta<F>) -> Result<Applied, ApplyError> {
        self.apply(delta)
    }

    fn usage(&self) -> Usage {
        self.usage()
    }

    fn apply_within(&mut self, delta: Delta<F>, limits: &Limits) -> Result<Applied, ApplyError> {
        self.apply_within(delta, limits)
    }

    type Shared = Shared<F>;

    fn shared(&self, uuid: Uuid) -> Shared<F> {
        Shared::of(self, uuid)
    }

    fn note_shared(&self, shared: &mut Shared<F>, upto: &VersionVector) {
        shared.note_upto(self, upto);
    }

    fn last_shared(shared: &Shared<F>, branch: &ReplicaId) -> u64 {
        shared.last(branch)
    }

    fn rebase(&mut self, shared: &Shared<F>, writer: &mut Writer) -> Result<(), RebaseError> {
        self.rebase(&Self::new(), shared, writer).map(drop)
    }

    fn adopt(&mut self, theirs: Self, writer: &mut Writer) -> Result<(), ApplyError> {
        self.adopt(theirs, writer)
    }

    fn floor(&self) -> &VersionVector {
        self.floor()
    }

    fn compact(&mut self) {
        self.compact();
    }

    fn set_collectable(&mut self, upto: Option<VersionVector>) {
        self.set_collectable(upto);
    }

    fn encode_into(&self, schema: u32, out: &mut Vec<u8>) {
        self.encode_into(schema, out);
    }

    fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, DecodeError> {
        Self::decode(bytes, limits)
    }

    fn encode_delta_into(delta: &Delta<F>, schema: u32, out: &mut Vec<u8>) {
        delta.encode_into(schema, out);
    }

    fn encode_delta_since_into(&self, known: &VersionVector, schema: u32, out: &mut Vec<u8>) {
        self.encode_delta_since_into(known, schema, out);
    }

    fn check_since(&self, known: &VersionVector) -> Result<(), Unreadable> {
        self.check_since(known)
    }

    fn largest_since(&self, known: &VersionVector) -> Option<Largest> {
        self.largest_since(known)
    }

    fn latest_in(delta: &Self::Delta) -> Option<LatestStamp> {
        delta.latest()
    }

    fn begin_trial(&mut self) {
        self.begin_trial();
    }

    fn keep_trial(&mut self) {
        self.keep_trial();
    }

    fn take_back_trial(&mut self) -> bool {
        self.take_back_trial()
    }

    fn decode_delta(bytes: &[u8], limits: &Limits) -> Result<Delta<F>, DecodeError> {
        Delta::decode(bytes, limits)
    }

    fn canonical(&self) -> Vec<u8> {
        self.canonical()
    }

    fn state_hash(&self) -> u64 {
        self.state_hash()
    }
}
