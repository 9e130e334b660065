//! Small maps and sets in the order of their keys: vectors.
//!
//! For what stays small, or grows at its end: entering a key in the middle moves what is behind it. A `BTreeMap` would
//! do the same work; each one compiles to several times the code, which counts in a browser.

use alloc::vec::Vec;
use core::borrow::Borrow;
use core::cmp::Ordering;

/// Values by key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SortedMap<K, V>(Vec<(K, V)>);

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord, V> SortedMap<K, V> {
    /// Where a key is, or would be.
    fn place<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        self.0.binary_search_by(|(other, _)| other.borrow().cmp(key))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.place(key).ok().map(|at| &self.0[at].1)
    }

    pub(crate) fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.place(key).ok().map(|at| &mut self.0[at].1)
    }

    pub(crate) fn contains<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.place(key).is_ok()
    }

    /// The value of a key, which is entered if it is not there.
    pub(crate) fn entry(&mut self, key: K, new: impl FnOnce() -> V) -> &mut V {
        let at = match self.place(&key) {
            Ok(at) => at,
            Err(at) => {
                self.0.insert(at, (key, new()));
                at
            }
        };
        &mut self.0[at].1
    }

    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.place(key).ok().map(|at| self.0.remove(at).1)
    }

    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.0.retain_mut(|(key, value)| keep(key, value));
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.0.iter_mut().map(|(key, value)| (&*key, value))
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.iter().map(|(key, _)| key)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    pub(crate) fn into_entries(self) -> Vec<(K, V)> {
        self.0
    }
}

/// Keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SortedSet<K>(Vec<K>);

impl<K: Ord> SortedSet<K> {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn contains(&self, key: &K) -> bool {
        self.0.binary_search(key).is_ok()
    }

    /// Whether it was not there.
    pub(crate) fn insert(&mut self, key: K) -> bool {
        let place = self.0.binary_search(&key);
        if let Err(at) = place {
            self.0.insert(at, key);
        }
        place.is_err()
    }

    /// Whether it was there.
    pub(crate) fn remove(&mut self, key: &K) -> bool {
        let place = self.0.binary_search(key);
        if let Ok(at) = place {
            self.0.remove(at);
        }
        place.is_ok()
    }
}

impl<K: Ord> FromIterator<K> for SortedSet<K> {
    fn from_iter<I: IntoIterator<Item = K>>(keys: I) -> Self {
        let mut set = Self(Vec::new());
        keys.into_iter().for_each(|key| _ = set.insert(key));
        set
    }
}

/// Many values in an order, in runs: whatever the order in which they come, entering or leaving moves no more than a run
/// and, once in many times, the list of runs. Where a value belongs is asked of the caller, so it can be a number whose
/// meaning is elsewhere.
#[derive(Debug, Clone)]
pub(crate) struct SortedRuns<T> {
    /// None is empty.
    runs: Vec<Vec<T>>,
}

/// A run that is longer is split.
const RUN: usize = if cfg!(test) { 4 } else { 1024 };

impl<T> Default for SortedRuns<T> {
    fn default() -> Self {
        Self { runs: Vec::new() }
    }
}

impl<T> SortedRuns<T> {
    /// The run and the place in it of a value, or where it would be. `order` says where a value stands beside it.
    fn place(&self, order: &dyn Fn(&T) -> Ordering) -> (usize, Result<usize, usize>) {
        let run = self.runs.partition_point(|run| order(&run[0]) != Ordering::Greater).saturating_sub(1);
        let place = self.runs.get(run).map_or(Err(0), |run| run.binary_search_by(order));
        (run, place)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    pub(crate) fn get(&self, order: &dyn Fn(&T) -> Ordering) -> Option<&T> {
        let (run, at) = self.place(order);
        at.ok().map(|at| &self.runs[run][at])
    }

    pub(crate) fn get_mut(&mut self, order: &dyn Fn(&T) -> Ordering) -> Option<&mut T> {
        let (run, at) = self.place(order);
        at.ok().map(|at| &mut self.runs[run][at])
    }

    /// Enters a value, and says whether it was not there.
    pub(crate) fn insert(&mut self, value: T, order: &dyn Fn(&T) -> Ordering) -> bool {
        let (run, Err(at)) = self.place(order) else { return false };
        if self.runs.is_empty() || (run + 1 == self.runs.len() && at == self.runs[run].len() && at >= RUN) {
            // At the end: full runs stay full.
            self.runs.push(alloc::vec![value]);
            return true;
        }
        self.runs[run].insert(at, value);
        if self.runs[run].len() > RUN {
            let half = self.runs[run].split_off(RUN / 2);
            self.runs.insert(run + 1, half);
        }
        true
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.runs.iter().flatten()
    }

    /// Takes a value out, if it is there.
    pub(crate) fn remove(&mut self, order: &dyn Fn(&T) -> Ordering) {
        if let (run, Ok(at)) = self.place(order) {
            self.runs[run].remove(at);
            if self.runs[run].is_empty() {
                self.runs.remove(run);
            }
        }
    }

    /// The values from a place on.
    pub(crate) fn from<'a>(&'a self, order: &dyn Fn(&T) -> Ordering) -> impl Iterator<Item = &'a T> + use<'a, T> {
        let (run, at) = self.place(order);
        let at = at.unwrap_or_else(|at| at);
        let (first, rest) = self
            .runs
            .get(run..)
            .and_then(<[_]>::split_first)
            .map_or((&[][..], &[][..]), |(run, rest)| (&run[at..], rest));
        first.iter().chain(rest.iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use super::*;

    #[test]
    fn runs_hold_what_a_tree_holds_whatever_the_order() {
        let (mut runs, mut tree) = (SortedRuns::default(), BTreeSet::new());
        let mut state = 7u64;
        for step in 0..4000u64 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let value = match step % 1000 {
                ..300 => step,
                300..500 => 4000 - step,
                _ => (state >> 33) % 700,
            };
            if state >> 62 == 0 {
                runs.remove(&|other: &u64| other.cmp(&value));
                tree.remove(&value);
            } else {
                assert_eq!(runs.insert(value, &|other| other.cmp(&value)), tree.insert(value));
            }
            assert!(runs.runs.iter().all(|run| !run.is_empty() && run.len() <= RUN));
            if step % 7 == 0 {
                let from = (state >> 40) % 4100;
                assert!(runs.from(&|other| other.cmp(&from)).eq(tree.range(from..)), "{step}: from {from}");
            }
        }
        assert!(tree.len() > 100 && runs.iter().eq(&tree));
        for value in tree {
            runs.remove(&|other| other.cmp(&value));
        }
        assert!(runs.runs.is_empty());
    }

    #[test]
    fn a_map_keeps_its_keys_in_order() {
        let mut map = SortedMap::default();
        for key in [3, 1, 2, 1] {
            *map.entry(key, || 0) += 1;
        }
        assert!(map.iter().eq([(&1, &2), (&2, &1), (&3, &1)]));
        assert_eq!((map.remove(&2), map.get(&2), map.len()), (Some(1), None, 2));
    }
}
