//! A type of a user around one of this crate's, and what may be wrong with such a type.

use super::*;

#[test]
fn a_wrapper_obeys_all_laws() {
    laws::delta_crdt::<Wrapper<RIGHT>>();
}

#[test]
fn a_wrapper_that_lacks_a_law_is_caught() {
    assert_eq!(caught(laws::delta_crdt::<Wrapper<HASHES_REMOVALS>>), Some(Law::VersionIsDigest));
    assert_eq!(caught(laws::delta_crdt::<Wrapper<SENDS_ALL>>), Some(Law::DeltaIsMerge));
    assert_eq!(caught(laws::delta_crdt::<Wrapper<COUNTS_REFUSALS>>), Some(Law::RefusalChangesNothing));
    assert_eq!(caught(laws::delta_crdt::<Wrapper<FORGETS_REMOVALS>>), Some(Law::EncodingRoundTrips));
    assert_eq!(caught(laws::delta_crdt::<Wrapper<IGNORES_THE_REST>>), Some(Law::DamageIsRefused));
}

const RIGHT: u8 = 0;
const HASHES_REMOVALS: u8 = 1;
const SENDS_ALL: u8 = 2;
const COUNTS_REFUSALS: u8 = 3;
const FORGETS_REMOVALS: u8 = 4;
const IGNORES_THE_REST: u8 = 5;

#[derive(Clone, Debug, Default)]
struct Wrapper<const WRONG: u8> {
    set: OrSet<u8>,
    refusals: u8,
}

impl<const WRONG: u8> Generate for Wrapper<WRONG> {
    fn write_at_random(&mut self, writer: &mut Writer, g: &mut Gen) {
        self.set.write_at_random(writer, g);
    }
}

impl<const WRONG: u8> Crdt for Wrapper<WRONG> {
    fn merge(&mut self, other: &Self) -> Applied {
        self.set.merge(&other.set)
    }

    fn same_state(&self, other: &Self) -> bool {
        self.set == other.set
    }
}

impl<const WRONG: u8> DeltaCrdt for Wrapper<WRONG> {
    type Delta = Delta<SetBody<u8>>;

    fn version(&self) -> &VersionVector {
        self.set.version()
    }

    fn delta_since(&self, known: &VersionVector) -> Self::Delta {
        if WRONG == SENDS_ALL { self.set.delta_since(&VersionVector::new()) } else { self.set.delta_since(known) }
    }

    fn delta_base(delta: &Self::Delta) -> &VersionVector {
        delta.base()
    }

    fn delta_upto(delta: &Self::Delta) -> &VersionVector {
        delta.upto()
    }

    fn usage(&self) -> Usage {
        self.set.usage()
    }

    fn can_apply(&self, delta: &Self::Delta) -> Result<(), ApplyError> {
        self.set.can_apply(delta)
    }

    fn apply(&mut self, delta: Self::Delta) -> Result<Applied, ApplyError> {
        let applied = self.set.apply(delta);
        self.refusals += u8::from(WRONG == COUNTS_REFUSALS && applied.is_err());
        applied
    }

    type Shared = <OrSet<u8> as DeltaCrdt>::Shared;

    fn shared(&self, uuid: uuid::Uuid) -> Self::Shared {
        self.set.shared(uuid)
    }

    fn last_shared(shared: &Self::Shared, branch: &ReplicaId) -> u64 {
        OrSet::<u8>::last_shared(shared, branch)
    }

    fn note_shared(&self, shared: &mut Self::Shared, upto: &VersionVector) {
        self.set.note_shared(shared, upto);
    }

    fn rebase(&mut self, shared: &Self::Shared, writer: &mut Writer) -> Result<(), RebaseError> {
        DeltaCrdt::rebase(&mut self.set, shared, writer)
    }

    fn adopt(&mut self, theirs: Self, writer: &mut Writer) -> Result<(), ApplyError> {
        DeltaCrdt::adopt(&mut self.set, theirs.set, writer)
    }

    fn floor(&self) -> &VersionVector {
        self.set.floor()
    }

    fn compact(&mut self) {
        self.set.compact();
    }

    fn encode_into(&self, schema: u32, out: &mut Vec<u8>) {
        self.set.encode_into(schema, out);
        out.extend((WRONG == COUNTS_REFUSALS).then_some(self.refusals));
    }

    fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, DecodeError> {
        let set = match bytes {
            [read @ .., _] if WRONG == IGNORES_THE_REST => OrSet::decode(bytes, limits).or(OrSet::decode(read, limits)),
            [read @ .., _] if WRONG == COUNTS_REFUSALS => OrSet::decode(read, limits),
            _ => OrSet::decode(bytes, limits),
        };
        let mut set = set?;
        if WRONG == FORGETS_REMOVALS {
            set.compact();
        }
        Ok(Self { set, refusals: 0 })
    }

    fn encode_delta_into(delta: &Self::Delta, schema: u32, out: &mut Vec<u8>) {
        delta.encode_into(schema, out);
    }

    fn check_since(&self, known: &VersionVector) -> Result<(), dotted::Unreadable> {
        self.set.check_since(known)
    }

    fn decode_delta(bytes: &[u8], limits: &Limits) -> Result<Self::Delta, DecodeError> {
        Delta::decode(bytes, limits)
    }

    fn canonical(&self) -> Vec<u8> {
        if WRONG == HASHES_REMOVALS { self.set.encode() } else { self.set.canonical() }
    }

    fn state_hash(&self) -> u64 {
        self.set.state_hash()
    }
}
