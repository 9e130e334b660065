/// How much a merge or a delta changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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

/// What became of a key.
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
#[derive(Debug)]
pub struct Change<'a, K: ?Sized> {
    /// The element, key or field; `()` where the type has only one.
    pub key: &'a K,
    /// What became of it.
    pub kind: ChangeKind,
}

/// A change in one of the parts of a tuple.
#[derive(Debug)]
pub enum Either<A, B> {
    /// In the first part.
    Left(A),
    /// In one of the other parts.
    Right(B),
}
