use super::merge::merged;
use super::{Law, Outcome};
use crate::{ApplyError, DeltaCrdt, Limits, VersionVector};

/// `∅ ⊔ a ~ a` and `a ⊔ ∅ ~ a`.
///
/// # Errors
/// [`Law::EmptyIsNeutral`] with the one that does not hold.
pub fn empty_is_neutral<C: DeltaCrdt>(a: &C) -> Outcome {
    let law = Law::EmptyIsNeutral;
    law.demand(C::default().version().is_empty(), "version(∅) is empty")?;
    law.demand(merged(&C::default(), a).same_state(a), "∅ ⊔ a ~ a")?;
    law.demand(!a.clone().merge(&C::default()).changed(), "a ⊔ ∅ reports no change")?;
    law.demand(merged(a, &C::default()).same_state(a), "a ⊔ ∅ ~ a")
}

/// `version(a ⊔ b) = version(a) ⊔ version(b)`, and it says truthfully whether `b` was news.
///
/// # Errors
/// [`Law::MergeJoinsVersions`] with what does not hold.
pub fn merge_joins_versions<C: DeltaCrdt>(a: &C, b: &C) -> Outcome {
    let law = Law::MergeJoinsVersions;
    let mut both = a.clone();
    let applied = both.merge(b);
    law.demand(*both.version() == joined(a.version(), b.version()), "version(a ⊔ b) = version(a) ⊔ version(b)")?;
    let news = !b.version().is_within(a.version());
    law.demand(applied.changed() == news, "a ⊔ b reports a change iff version(b) is not within version(a)")?;
    law.demand(both.floor().is_within(both.version()), "floor(a ⊔ b) is within version(a ⊔ b)")
}

/// Equal versions mean equal states, equal [`canonical`](DeltaCrdt::canonical) views and equal hashes;
/// and only equal versions do.
///
/// The most valuable law of all: replicas that differ under equal versions never notice it.
///
/// # Errors
/// [`Law::VersionIsDigest`] with what differs.
pub fn version_is_digest<C: DeltaCrdt>(a: &C, b: &C) -> Outcome {
    let law = Law::VersionIsDigest;
    let equal = a.version() == b.version();
    let under = |what: &str| format!("{what}, under {:?} and {:?}", a.version(), b.version());
    law.demand_with(a.same_state(b) == equal, || under("a ~ b iff the versions are equal"))?;
    law.demand_with((a.canonical() == b.canonical()) == equal, || under("views are equal iff the versions are"))?;
    law.demand_with(!equal || a.state_hash() == b.state_hash(), || under("equal versions have equal hashes"))
}

/// `apply(receiver, delta_since(sender, known)) ~ receiver ⊔ sender`, whatever `known` is.
///
/// It is refused in two cases, and only then: a `Gap` where the receiver lacks what both `known` and
/// the sender have, and possibly a `Floor` where `known` is empty and the receiver is not.
///
/// # Errors
/// [`Law::DeltaIsMerge`] with what does not hold.
pub fn delta_is_merge<C: DeltaCrdt>(receiver: &C, sender: &C, known: &VersionVector) -> Outcome {
    let law = Law::DeltaIsMerge;
    let delta = sender.delta_since(known);
    let allowed = receiver.can_apply(&delta);
    let (mut by_delta, mut by_merge) = (receiver.clone(), receiver.clone());
    let applied = by_delta.apply(delta);
    let detail = |what: &str| {
        let (have, theirs) = (receiver.version(), sender.version());
        format!("{what}; the receiver has {have:?}, the sender {theirs:?}, known is {known:?}")
    };
    law.demand_with(allowed == applied.clone().map(|_| ()), || detail("can_apply says what apply does"))?;
    let has_base = sender.version().meet(known).is_within(receiver.version());
    match applied {
        Ok(applied) => {
            let merged = by_merge.merge(sender);
            law.demand_with(has_base, || detail("a delta with a gap is refused"))?;
            law.demand_with(by_delta.same_state(&by_merge), || detail("both give the same state"))?;
            law.demand_with(by_delta.canonical() == by_merge.canonical(), || detail("both give the same view"))?;
            law.demand_with(by_delta.floor() == by_merge.floor(), || detail("both give the same floor"))?;
            law.demand_with(applied.changed() == merged.changed(), || detail("both report the same"))
        }
        Err(ApplyError::Gap { have }) => {
            law.demand_with(!has_base, || detail("without a gap, none is reported"))?;
            law.demand_with(have == *receiver.version(), || detail("a gap names what the receiver has"))
        }
        Err(ApplyError::Floor { have }) => {
            let late = known.is_empty() && !receiver.version().is_empty();
            law.demand_with(late, || detail("only who was empty, and is not any more, may be told of the floor"))?;
            law.demand_with(have == *receiver.version(), || detail("a floor names what the receiver has"))
        }
        Err(error) => law.demand_with(false, || detail(&format!("refused without a reason: {error}"))),
    }
}

/// A delta that was applied, or that the receiver had seen already, changes nothing more.
///
/// # Errors
/// [`Law::DeltaIdempotent`] with what does not hold.
pub fn delta_idempotent<C: DeltaCrdt>(receiver: &C, delta: &C::Delta) -> Outcome {
    let law = Law::DeltaIdempotent;
    let mut once = receiver.clone();
    if once.apply(delta.clone()).is_err() {
        return Ok(());
    }
    let mut twice = once.clone();
    let again = twice.apply(delta.clone());
    law.demand(again.is_ok_and(|again| !again.changed()), "the second time is accepted and reports no change")?;
    law.demand(twice.encode() == once.encode(), "the second time changes no byte")
}

/// Deltas of two senders give `receiver ⊔ left ⊔ right` in either order.
///
/// Where the second is refused because the receiver was empty when both were made, it is made again,
/// as a receiver would ask for it.
///
/// # Errors
/// [`Law::DeltasCommute`] with what does not hold.
pub fn deltas_commute<C: DeltaCrdt>(receiver: &C, left: &C, right: &C) -> Outcome {
    let law = Law::DeltasCommute;
    let known = receiver.version();
    let in_order = |first: &C, second: &C| {
        let mut value = receiver.clone();
        let (one, two) = (first.delta_since(known), second.delta_since(known));
        value.apply(one).ok()?;
        if value.apply(two).is_err() {
            let asked_again = second.delta_since(value.version());
            value.apply(asked_again).ok()?;
        }
        Some(value)
    };
    let Some((one, other)) = in_order(left, right).zip(in_order(right, left)) else {
        return law.demand(false, "deltas since what the receiver has are accepted");
    };
    law.demand(one.same_state(&other), "both orders give the same state")?;
    let all = merged(&merged(receiver, left), right);
    law.demand(one.same_state(&all), "that state is receiver ⊔ left ⊔ right")
}

/// A delta that is refused changes not a byte of the receiver.
///
/// # Errors
/// [`Law::RefusalChangesNothing`] with what does not hold.
pub fn refusal_changes_nothing<C: DeltaCrdt>(receiver: &C, delta: &C::Delta) -> Outcome {
    let law = Law::RefusalChangesNothing;
    let mut value = receiver.clone();
    let Err(error) = value.apply(delta.clone()) else { return Ok(()) };
    law.demand_with(value.encode() == receiver.encode(), || {
        format!("refused ({error}), but the snapshot is another one afterwards")
    })?;
    law.demand(value.version() == receiver.version(), "refused, but the version is another one afterwards")
}

/// `decode(encode(a)) ~ a` with the same floor, and encodes to the same bytes again.
///
/// # Errors
/// [`Law::EncodingRoundTrips`] with what does not hold.
pub fn encoding_round_trips<C: DeltaCrdt>(a: &C) -> Outcome {
    let law = Law::EncodingRoundTrips;
    let bytes = a.encode();
    let back = match C::decode(&bytes, &Limits::default()) {
        Ok(back) => back,
        Err(error) => return law.demand_with(false, || format!("decode(encode(a)) is refused: {error}")),
    };
    law.demand(back.same_state(a), "decode(encode(a)) ~ a")?;
    law.demand(back.version() == a.version(), "decode(encode(a)) has the version of a")?;
    law.demand(back.floor() == a.floor(), "decode(encode(a)) has the floor of a")?;
    law.demand(back.canonical() == a.canonical(), "decode(encode(a)) has the view of a")?;
    law.demand(back.encode() == bytes, "encode(decode(encode(a))) = encode(a)")
}

/// `decode_delta(encode_delta(d))` does to the receiver what `d` does, and encodes to the same bytes
/// again.
///
/// # Errors
/// [`Law::DeltaEncodingRoundTrips`] with what does not hold.
pub fn delta_encoding_round_trips<C: DeltaCrdt>(receiver: &C, delta: &C::Delta) -> Outcome {
    let law = Law::DeltaEncodingRoundTrips;
    let bytes = C::encode_delta(delta);
    let back = match C::decode_delta(&bytes, &Limits::default()) {
        Ok(back) => back,
        Err(error) => return law.demand_with(false, || format!("it is refused: {error}")),
    };
    law.demand(C::encode_delta(&back) == bytes, "it encodes to the same bytes again")?;
    let (mut direct, mut by_bytes) = (receiver.clone(), receiver.clone());
    law.demand(direct.apply(delta.clone()) == by_bytes.apply(back), "it is accepted or refused in the same way")?;
    law.demand(direct.same_state(&by_bytes), "it gives the same state")?;
    law.demand(direct.encode() == by_bytes.encode(), "it gives the same snapshot")
}

/// `compact` changes nothing that replicas agree on, neither at once nor in what a peer learns from
/// the value, or the value from a peer, afterwards.
///
/// # Errors
/// [`Law::CompactionIsInvisible`] with what does not hold.
pub fn compaction_is_invisible<C: DeltaCrdt>(a: &C, peer: &C) -> Outcome {
    let law = Law::CompactionIsInvisible;
    let mut compacted = a.clone();
    compacted.compact();
    law.demand(compacted.same_state(a), "compact(a) ~ a")?;
    law.demand(compacted.version() == a.version(), "compact(a) has the version of a")?;
    law.demand(compacted.canonical() == a.canonical(), "compact(a) has the view of a")?;
    law.demand(compacted.state_hash() == a.state_hash(), "compact(a) has the hash of a")?;
    law.demand(a.floor().is_within(compacted.floor()), "the floor only rises")?;
    law.demand(compacted.floor().is_within(compacted.version()), "the floor stays within the version")?;
    law.demand(merged(peer, &compacted).same_state(&merged(peer, a)), "peer ⊔ compact(a) ~ peer ⊔ a")?;
    law.demand(merged(&compacted, peer).same_state(&merged(a, peer)), "compact(a) ⊔ peer ~ a ⊔ peer")?;
    let mut again = compacted.clone();
    again.compact();
    law.demand(again.encode() == compacted.encode(), "compact(compact(a)) = compact(a)")
}

/// The snapshot and the delta since `known` are refused when they are cut, lengthened, or changed in
/// one bit. Tries some 256 places, all where the bytes are no more.
///
/// # Errors
/// [`Law::DamageIsRefused`] with the place.
pub fn damage_is_refused<C: DeltaCrdt>(a: &C, known: &VersionVector) -> Outcome {
    let limits = Limits::default();
    let (state, delta) = (a.encode(), C::encode_delta(&a.delta_since(known)));
    refuses_damage("a snapshot", &state, |bytes| C::decode(bytes, &limits).is_err())?;
    refuses_damage("a delta", &delta, |bytes| C::decode_delta(bytes, &limits).is_err())
}

fn refuses_damage(what: &str, bytes: &[u8], refused: impl Fn(&[u8]) -> bool) -> Outcome {
    let law = Law::DamageIsRefused;
    let mut damaged = bytes.to_vec();
    for at in (0..bytes.len()).step_by(bytes.len() / 256 + 1) {
        law.demand_with(refused(&bytes[..at]), || format!("{what} is accepted without what follows byte {at}"))?;
        let bit = at % 8;
        damaged[at] ^= 1 << bit;
        law.demand_with(refused(&damaged), || format!("{what} is accepted with bit {bit} of byte {at} flipped"))?;
        damaged[at] ^= 1 << bit;
    }
    damaged.push(0);
    law.demand_with(refused(&damaged), || format!("{what} is accepted with a byte behind it"))
}

fn joined(a: &VersionVector, b: &VersionVector) -> VersionVector {
    let mut both = a.clone();
    both.join(b);
    both
}
