use alloc::vec::Vec;

use super::lookup::Key;

/// How much a merge or a delta changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct Applied {
    /// How many events of others became known. Zero means that nothing at all changed.
    pub events: u64,
    /// How many keys look different now.
    pub keys: usize,
}

impl Applied {
    /// Nothing was new.
    pub const UNCHANGED: Self = Self { events: 0, keys: 0 };

    /// For types of your own that only know whether they changed.
    #[must_use]
    pub const fn from_changed(changed: bool) -> Self {
        Self { events: changed as u64, keys: changed as usize }
    }

    /// Whether anything was new. What was not new need not be passed on.
    #[must_use]
    pub const fn changed(&self) -> bool {
        self.events > 0
    }
}

/// What became of a key. In a record the mark of a deletion counts as being there, and may change what
/// other fields show: after any change of a record, read it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// It was not there, and is now.
    Added,
    /// It was there and still is, with another value or other siblings.
    Updated,
    /// It was there, and is not any more.
    Removed,
}

/// A key that looks different after a delta was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change<'a, K: ?Sized> {
    /// The element, key or field; `()` where the type has only one.
    pub key: &'a K,
    /// What became of it.
    pub kind: ChangeKind,
}

/// The changes of a delta, gathered while it is taken in and shown when it is.
///
/// Until then a visitor could see, or by a panic leave behind, a value that is half changed.
#[doc(hidden)]
pub struct Changes<K> {
    wanted: bool,
    list: Vec<(K, ChangeKind)>,
    count: usize,
}

impl<K: Key> Changes<K> {
    pub(crate) fn new(wanted: bool) -> Self {
        Self { wanted, list: Vec::new(), count: 0 }
    }

    #[inline]
    pub(crate) fn add(&mut self, key: &K, kind: ChangeKind) {
        self.count += 1;
        if self.wanted {
            self.list.push((key.clone(), kind));
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn show(&self, visit: &mut dyn for<'c> FnMut(Change<'c, K::Shown>)) {
        self.list.iter().for_each(|(key, kind)| visit(Change { key: key.shown(), kind: *kind }));
    }
}

/// A change in one of the parts of a tuple.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Either<A, B> {
    /// In the first part.
    Left(A),
    /// In one of the other parts.
    Right(B),
}
