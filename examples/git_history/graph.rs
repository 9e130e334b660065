//! Which commits two histories do not share.

use std::collections::BTreeMap;

use crate::git::Commit;

/// One side of a merge, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sides(u8);

impl Sides {
    pub const NONE: Self = Self(0);
    pub const LEFT: Self = Self(1);
    pub const RIGHT: Self = Self(2);

    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn is_one(self) -> bool {
        self.0 == Self::LEFT.0 || self.0 == Self::RIGHT.0
    }
}

/// The commits that only one of two histories has: that of all of `left`, or that of `right`.
///
/// Parents come before their children, so the greatest place that is left to visit has been reached
/// from all its descendants. Costs O(commits apart), not O(history), unless they share nothing.
pub fn apart(commits: &[Commit], left: &[usize], right: usize) -> Vec<(usize, Sides)> {
    let mut frontier = Frontier::default();
    left.iter().for_each(|&place| frontier.reach(place, Sides::LEFT));
    frontier.reach(right, Sides::RIGHT);
    let mut apart = Vec::new();
    while frontier.one_sided > 0
        && let Some((place, sides)) = frontier.pop()
    {
        if sides.is_one() {
            apart.push((place, sides));
        }
        commits[place].parents.iter().for_each(|&parent| frontier.reach(parent, sides));
    }
    apart
}

/// The commits to visit next, and how many of them were reached from one side only.
#[derive(Default)]
struct Frontier {
    places: BTreeMap<usize, Sides>,
    one_sided: usize,
}

impl Frontier {
    fn reach(&mut self, place: usize, sides: Sides) {
        let reached = self.places.entry(place).or_insert(Sides::NONE);
        self.one_sided -= usize::from(reached.is_one());
        *reached = reached.and(sides);
        self.one_sided += usize::from(reached.is_one());
    }

    fn pop(&mut self) -> Option<(usize, Sides)> {
        let (place, sides) = self.places.pop_last()?;
        self.one_sided -= usize::from(sides.is_one());
        Some((place, sides))
    }
}
