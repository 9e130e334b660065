use super::{Law, Outcome};
use crate::Crdt;

/// `same_state` is reflexive, symmetric and transitive, and equal states stay equal when the same is
/// merged into them.
///
/// # Errors
/// [`Law::SameState`] with what does not hold.
pub fn same_state_is_equivalence<C: Crdt>(a: &C, b: &C, c: &C) -> Outcome {
    let law = Law::SameState;
    law.demand(a.same_state(a), "a ~ a")?;
    law.demand(a.same_state(&a.clone()), "a ~ a.clone()")?;
    law.demand(a.same_state(b) == b.same_state(a), "a ~ b as b ~ a")?;
    let chained = a.same_state(b) && b.same_state(c);
    law.demand(!chained || a.same_state(c), "if a ~ b and b ~ c then a ~ c")?;
    if a.same_state(b) {
        law.demand(merged(a, c).same_state(&merged(b, c)), "if a ~ b then a ⊔ c ~ b ⊔ c")?;
        law.demand(merged(c, a).same_state(&merged(c, b)), "if a ~ b then c ⊔ a ~ c ⊔ b")?;
    }
    Ok(())
}

/// `a ⊔ a ~ a`: what arrives twice counts once.
///
/// # Errors
/// [`Law::Idempotent`] if it does not hold.
pub fn idempotent<C: Crdt>(a: &C) -> Outcome {
    Law::Idempotent.demand(merged(a, a).same_state(a), "a ⊔ a ~ a")
}

/// `a ⊔ b ~ b ⊔ a`: it does not matter who merges whom.
///
/// # Errors
/// [`Law::Commutative`] if it does not hold.
pub fn commutative<C: Crdt>(a: &C, b: &C) -> Outcome {
    Law::Commutative.demand(merged(a, b).same_state(&merged(b, a)), "a ⊔ b ~ b ⊔ a")
}

/// `(a ⊔ b) ⊔ c ~ a ⊔ (b ⊔ c)`: it does not matter who relays.
///
/// # Errors
/// [`Law::Associative`] if it does not hold.
pub fn associative<C: Crdt>(a: &C, b: &C, c: &C) -> Outcome {
    let (left, right) = (merged(&merged(a, b), c), merged(a, &merged(b, c)));
    Law::Associative.demand(left.same_state(&right), "(a ⊔ b) ⊔ c ~ a ⊔ (b ⊔ c)")
}

/// `(a ⊔ b) ⊔ a ~ a ⊔ b` and `(a ⊔ b) ⊔ b ~ a ⊔ b`: nothing that was merged is lost.
///
/// # Errors
/// [`Law::Inflationary`] with the one that does not hold.
pub fn inflationary<C: Crdt>(a: &C, b: &C) -> Outcome {
    let both = merged(a, b);
    Law::Inflationary.demand(merged(&both, a).same_state(&both), "(a ⊔ b) ⊔ a ~ a ⊔ b")?;
    Law::Inflationary.demand(merged(&both, b).same_state(&both), "(a ⊔ b) ⊔ b ~ a ⊔ b")
}

/// `merge` reports a change if and only if the state is another one afterwards.
///
/// Who is told of a change that is none passes it on for ever; who is not told stops too early.
///
/// # Errors
/// [`Law::Truthful`] with the report that was wrong.
pub fn truthful<C: Crdt>(a: &C, b: &C) -> Outcome {
    let reports = |a: &C, b: &C| a.clone().merge(b).changed();
    let law = Law::Truthful;
    law.demand(!reports(a, a), "a ⊔ a reports no change")?;
    law.demand(!reports(&merged(a, b), b), "(a ⊔ b) ⊔ b reports no change")?;
    let changed = !merged(a, b).same_state(a);
    law.demand_with(reports(a, b) == changed, || {
        format!("a ⊔ b reports changed = {}, but a ⊔ b ~ a is {}", !changed, !changed)
    })
}

/// `a ⊔ b`.
pub(super) fn merged<C: Crdt>(a: &C, b: &C) -> C {
    let mut both = a.clone();
    both.merge(b);
    both
}
