use core::hash::BuildHasher;

use super::{HashLookup, Key, KeyForm, KeySort, Keys, Lookup, OwnedForm, Slots, Vacant};

/// Two writers as a key, by their slots: what the first has to do with the second, or with itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct WriterPair {
    /// Whose key it is.
    pub(crate) from: u32,
    pub(crate) to: u32,
}

impl Key for WriterPair {
    type Lookup = HashLookup;
    type Shown = ();
    type Content = ();
    type Name = ();

    fn sort(_: Option<&()>) -> KeySort {
        KeySort::Writers
    }

    fn shown(&self) -> &() {
        &()
    }

    #[inline]
    fn translate(&mut self, slots: &Slots<'_>) {
        *self = Self { from: slots.0.get(self.from), to: slots.0.get(self.to) };
    }

    const NAMES_WRITERS: bool = true;

    fn writer(&self) -> Option<u32> {
        Some(self.from)
    }

    fn partner(&self) -> Option<u32> {
        Some(self.to)
    }

    fn form(&self) -> KeyForm<'_, Self> {
        KeyForm::Writers(self.from, self.to)
    }

    fn from_form(_: Option<()>, form: OwnedForm<Self>) -> Option<Self> {
        match form {
            OwnedForm::Writers(from, to) => Some(Self { from, to }),
            _ => None,
        }
    }
}

impl Lookup<WriterPair> for HashLookup {
    #[inline]
    fn find(&self, key: &WriterPair, keys: &impl Keys<WriterPair>) -> Result<u32, Vacant> {
        let vacant = self.vacant(key);
        self.table.find(vacant.0, |slot| keys.key(slot) == Some(key)).ok_or(vacant)
    }

    #[inline]
    fn vacant(&self, key: &WriterPair) -> Vacant {
        Vacant(self.hasher.hash_one(key))
    }

    fn reserve(&mut self, keys: usize) {
        self.table.reserve(keys);
    }

    #[inline]
    fn insert(&mut self, vacant: Vacant, slot: u32, keys: &dyn Keys<WriterPair>) {
        let Self { table, hasher } = self;
        table.insert(vacant.0, slot, |slot| keys.key(slot).map_or(0, |key| hasher.hash_one(key)));
    }

    fn remove(&mut self, key: &WriterPair, slot: u32) {
        self.table.remove(self.hasher.hash_one(key), slot);
    }

    fn relocate(&mut self, key: &WriterPair, from: u32, to: u32) {
        self.table.relocate(self.hasher.hash_one(key), from, to);
    }
}
