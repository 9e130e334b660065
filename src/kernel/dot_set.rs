use alloc::vec::Vec;

use crate::causality::PackedDot;

/// A set of dots as runs: what is alive at a sender, or what an operation supersedes.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct DotSet {
    /// First dot and length; sorted, and never touching.
    runs: Vec<(PackedDot, u64)>,
}

impl DotSet {
    pub(crate) fn from_dots(mut dots: Vec<PackedDot>) -> Self {
        dots.sort_unstable();
        let mut set = Self::default();
        for dot in dots {
            set.push(dot, 1);
        }
        set
    }

    /// Appends a run that starts at or behind the end of the last.
    pub(crate) fn push(&mut self, first: PackedDot, len: u64) {
        if let Some((start, run)) = self.runs.last_mut() {
            if start.bits() + *run == first.bits() {
                *run += len;
                return;
            }
            if start.bits() + *run > first.bits() {
                return; // The same dot again.
            }
        }
        self.runs.push((first, len));
    }

    pub(crate) fn contains(&self, dot: PackedDot) -> bool {
        let at = self.runs.partition_point(|(start, _)| *start <= dot);
        at.checked_sub(1).is_some_and(|at| {
            let (start, len) = self.runs[at];
            dot.bits() < start.bits() + len
        })
    }

    pub(crate) fn runs(&self) -> &[(PackedDot, u64)] {
        &self.runs
    }

    /// The same set in other slots. Runs stay runs, however long they are.
    pub(crate) fn translated(&self, translate: impl Fn(PackedDot) -> PackedDot) -> Self {
        let mut runs: Vec<_> = self.runs.iter().map(|&(first, len)| (translate(first), len)).collect();
        runs.sort_unstable();
        Self { runs }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_runs_within_a_writer_only() {
        let dot = PackedDot::new;
        let set = DotSet::from_dots(alloc::vec![dot(1, 1), dot(0, 5), dot(0, 4), dot(0, 5), dot(0, 9)]);
        assert_eq!(set.runs(), [(dot(0, 4), 2), (dot(0, 9), 1), (dot(1, 1), 1)]);
        let swapped = set.translated(|at| dot(1 - at.slot(), at.counter()));
        assert_eq!(swapped.runs(), [(dot(0, 1), 1), (dot(1, 4), 2), (dot(1, 9), 1)]);
        assert!(set.contains(dot(0, 5)) && !set.contains(dot(0, 6)) && !set.contains(dot(1, 2)));
    }
}
