//! What is right, by definition: every event that exists, with all that its writer had seen.

use std::collections::BTreeSet;

use dotted::{Dot, VersionVector};

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fact {
    pub dot: Dot,
    pub element: u8,
    pub is_add: bool,
    /// The events that its writer had seen, one by one.
    pub past: Vec<Dot>,
}

/// Sorted: the order in which things happened elsewhere is nobody's business.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Facts(Vec<Fact>);

impl Facts {
    pub fn with(&self, fact: Fact) -> Self {
        let mut facts = self.0.clone();
        facts.push(fact);
        facts.sort_unstable();
        Self(facts)
    }

    pub fn without(&self, lost: impl Fn(&Dot) -> bool) -> Self {
        Self(self.0.iter().filter(|fact| !lost(&fact.dot)).cloned().collect())
    }

    /// The events within a version, one by one.
    pub fn within(&self, version: &VersionVector) -> Vec<Dot> {
        self.0.iter().map(|fact| fact.dot).filter(|dot| version.contains(dot)).collect()
    }

    /// Whether every event that a version claims exists.
    pub fn cover(&self, version: &VersionVector) -> bool {
        let exists =
            |replica, counter| self.0.iter().any(|fact| fact.dot.replica == replica && fact.dot.counter == counter);
        version.iter().all(|(replica, counter)| (1..=counter).all(|counter| exists(replica, counter)))
    }

    /// What a set that has seen so much holds: the elements of which some add is seen by no removal.
    pub fn set(&self, version: &VersionVector) -> BTreeSet<u8> {
        let seen = || self.0.iter().filter(|fact| version.contains(&fact.dot));
        let is_removed =
            |add: &Fact| seen().any(|fact| !fact.is_add && fact.element == add.element && fact.past.contains(&add.dot));
        seen().filter(|fact| fact.is_add && !is_removed(fact)).map(|fact| fact.element).collect()
    }
}
