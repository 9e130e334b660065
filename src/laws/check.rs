use core::fmt::Debug;

use quickcheck::{Arbitrary, QuickCheck};

use super::delta::{
    compaction_is_invisible, damage_is_refused, delta_encoding_round_trips, delta_idempotent, delta_is_merge,
    deltas_commute, empty_is_neutral, encoding_round_trips, merge_joins_versions, refusal_changes_nothing,
    version_is_digest,
};
use super::merge::{associative, commutative, idempotent, inflationary, merged, same_state_is_equivalence, truthful};
use super::{Generate, Outcome, Replicas};
use crate::{Crdt, VersionVector};

/// Runs the laws of a join semilattice on random values, as a test.
///
/// # Panics
/// If a law does not hold, with its name and operands that break it.
pub fn crdt<C: Crdt + Arbitrary + Debug>() {
    let laws: [fn(C, C, C) -> Outcome; 6] = [
        |a, _, _| idempotent(&a),
        |a, b, _| commutative(&a, &b),
        |a, b, c| associative(&a, &b, &c),
        |a, b, _| inflationary(&a, &b),
        |a, b, _| truthful(&a, &b),
        |a, b, c| {
            same_state_is_equivalence(&a, &b, &c)?;
            // Random values are rarely equal; these are, in a type that merges as it should.
            same_state_is_equivalence(&merged(&a, &b), &merged(&b, &a), &c)
        },
    ];
    for law in laws {
        QuickCheck::new().quickcheck(law);
    }
}

/// Runs the laws of merging, of versions, of deltas and of bytes on the replicas of random
/// histories, as a test.
///
/// # Panics
/// If a law does not hold, with its name and a history, shrunk to a few steps, that breaks it.
pub fn delta_crdt<C: Generate + Debug>() {
    let laws: [fn(Replicas<C>) -> Outcome; 17] = [
        |replicas| each(&replicas, idempotent),
        |replicas| pairs(&replicas, commutative),
        |replicas| triples(&replicas, associative),
        |replicas| pairs(&replicas, inflationary),
        |replicas| pairs(&replicas, truthful),
        |replicas| triples(&replicas, |a, b, c| same_state_is_equivalence(&merged(a, b), &merged(b, a), c)),
        |replicas| each(&replicas, empty_is_neutral),
        |replicas| pairs(&replicas, merge_joins_versions),
        digest_after_every_step,
        |replicas| pairs_and_known(&replicas, delta_is_merge),
        |replicas| pairs_and_known(&replicas, |to, from, known| delta_idempotent(to, &from.delta_since(known))),
        |replicas| triples(&replicas, deltas_commute),
        |replicas| pairs_and_known(&replicas, |to, from, known| refusal_changes_nothing(to, &from.delta_since(known))),
        |replicas| each(&replicas, encoding_round_trips),
        |replicas| {
            pairs_and_known(&replicas, |to, from, known| delta_encoding_round_trips(to, &from.delta_since(known)))
        },
        |replicas| pairs(&replicas, compaction_is_invisible),
        |replicas| each(&replicas, |a| damage_is_refused(a, replicas.states()[0].version())),
    ];
    for law in laws {
        QuickCheck::new().quickcheck(law);
    }
}

/// After every step, the changed replica compared with all others, and with what comes of merging.
fn digest_after_every_step<C: Generate>(replicas: Replicas<C>) -> Outcome {
    replicas.replay(|changed, states| {
        let one = &states[changed];
        states.iter().try_for_each(|other| {
            version_is_digest(one, other)?;
            version_is_digest(&merged(one, other), &merged(other, one))
        })
    })
}

fn each<C: Generate>(replicas: &Replicas<C>, law: impl Fn(&C) -> Outcome) -> Outcome {
    replicas.states().iter().try_for_each(law)
}

fn pairs<C: Generate>(replicas: &Replicas<C>, law: impl Fn(&C, &C) -> Outcome) -> Outcome {
    each(replicas, |a| each(replicas, |b| law(a, b)))
}

/// All triples of one replica and two of the others or itself.
fn triples<C: Generate>(replicas: &Replicas<C>, law: impl Fn(&C, &C, &C) -> Outcome) -> Outcome {
    let with_empty = |a: &C, b: &C| each(replicas, |c| law(a, b, c)).and_then(|()| law(&C::default(), a, b));
    pairs(replicas, with_empty)
}

/// All pairs, empty receivers too, each with several versions that the receiver might have said it
/// knows: truly, long ago, falsely.
fn pairs_and_known<C: Generate>(replicas: &Replicas<C>, law: impl Fn(&C, &C, &VersionVector) -> Outcome) -> Outcome {
    pairs(replicas, |to, from| {
        law(&C::default(), from, &VersionVector::new())?;
        law(to, from, &VersionVector::new())?;
        law(to, from, &to.version().meet(from.version()))?;
        law(to, from, &shortened(to.version()))?;
        law(to, from, &shortened(from.version()))?;
        each(replicas, |other| law(to, from, other.version()))
    })
}

/// A version with each writer's last event missing: perhaps within a group, perhaps without the
/// causes of what is left.
fn shortened(version: &VersionVector) -> VersionVector {
    let mut shorter = VersionVector::new();
    version.iter().for_each(|(replica, counter)| shorter.observe(&replica, counter - 1));
    shorter
}
