use std::collections::BTreeMap;

use crate::causality::{Dot, VersionVector};

/// What is right, by definition: every event with all that its writer had seen.
///
/// It knows nothing of how the library stores or merges anything.
#[derive(Default)]
pub(super) struct Model {
    facts: BTreeMap<Place, Vec<Fact>>,
}

/// Where: a value, and a key within it.
pub(super) type Place = (&'static str, String);

struct Fact {
    dot: Dot,
    /// What its writer had seen before.
    past: VersionVector,
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The key has this value.
    Put(i64),
    /// It has none.
    Removed,
    /// Of a counter: this much more.
    Counted(i64),
    /// Of a counter: what was counted so far does not count.
    Reset,
}

impl Model {
    pub(super) fn note(&mut self, place: Place, dot: Dot, past: &VersionVector, what: What) {
        self.facts.entry(place).or_default().push(Fact { dot, past: past.clone(), what });
    }

    /// These events never left the machine that wrote them, and are gone.
    pub(super) fn forget(&mut self, is_lost: &dyn Fn(&Dot) -> bool) {
        self.facts.values_mut().for_each(|facts| facts.retain(|fact| !is_lost(&fact.dot)));
    }

    fn seen<'m>(&'m self, place: &Place, version: &'m VersionVector) -> impl Iterator<Item = &'m Fact> + Clone {
        self.facts.get(place).into_iter().flatten().filter(move |fact| version.contains(&fact.dot))
    }

    /// The values of a key that nothing has superseded, each with its event, in the order of the events.
    pub(super) fn values(&self, place: &Place, version: &VersionVector) -> Vec<(Dot, i64)> {
        let seen = self.seen(place, version);
        let standing = seen.clone().filter(|fact| !seen.clone().any(|later| later.past.contains(&fact.dot)));
        let mut values: Vec<_> = standing
            .filter_map(|fact| match fact.what {
                What::Put(value) => Some((fact.dot, value)),
                _ => None,
            })
            .collect();
        values.sort_unstable();
        values
    }

    /// What was counted and not reset by someone who had seen it.
    pub(super) fn count(&self, place: &Place, version: &VersionVector) -> i128 {
        let seen = self.seen(place, version);
        let counted = seen.clone().filter_map(|fact| match fact.what {
            What::Counted(by) => Some((fact.dot, by)),
            _ => None,
        });
        let is_reset = |dot: &Dot| seen.clone().any(|later| later.what == What::Reset && later.past.contains(dot));
        counted.filter(|(dot, _)| !is_reset(dot)).map(|(_, by)| i128::from(by)).sum()
    }

    /// The keys of a value about which anything was ever written.
    pub(super) fn keys<'m>(&'m self, value: &'m str) -> impl Iterator<Item = &'m Place> {
        self.facts.keys().filter(move |(name, _)| *name == value)
    }
}
