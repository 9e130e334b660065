//! A git tree as a replicated value.

use std::collections::{BTreeSet, HashMap};

use dotted::{Crdt, LwwMap, OrSet, VersionVector, Writer};

use crate::Outcome;
use crate::git::{Change, Entry, Path};

/// Which paths there are, and what is there.
///
/// Every commit writes to both, so that they agree: a path that was changed on one side is written
/// in the set too, and so it survives its deletion on the other side in both.
#[derive(Clone, Default)]
pub struct Tree {
    paths: OrSet<Path>,
    entries: LwwMap<Path, Entry>,
}

/// What a tree has seen.
pub struct TreeVersion {
    paths: VersionVector,
    entries: VersionVector,
}

impl Tree {
    pub fn entry(&self, path: &Path) -> Option<Entry> {
        self.entries.get(path).copied()
    }

    /// Whether both parts show this for the path.
    pub fn shows(&self, path: &Path, entry: Option<Entry>) -> bool {
        self.paths.contains(path) == entry.is_some() && self.entry(path) == entry
    }

    /// The paths with several concurrent entries that differ.
    pub fn conflicts(&self) -> BTreeSet<Path> {
        self.entries.conflicts().iter().map(|conflict| conflict.key.clone()).collect()
    }

    pub fn version(&self) -> TreeVersion {
        TreeVersion { paths: self.paths.version().clone(), entries: self.entries.version().clone() }
    }

    /// How many bytes bring someone who has seen `known` up to date.
    pub fn delta_bytes(&self, known: &TreeVersion) -> usize {
        let mut bytes = Vec::new();
        self.paths.encode_delta_since(&known.paths, &mut bytes);
        self.entries.encode_delta_since(&known.entries, &mut bytes);
        bytes.len()
    }

    /// The sizes of both parts as they are stored.
    pub fn encoded_bytes(&self) -> (usize, usize) {
        (self.paths.encode().len(), self.entries.encode().len())
    }

    /// How many ids the writers took: one per line of work that each had going at a time.
    pub fn branches(&self) -> usize {
        self.paths.version().len() + self.entries.version().len()
    }

    pub fn merge(&mut self, other: &Self) {
        self.paths.merge(&other.paths);
        self.entries.merge(&other.entries);
    }

    /// Writes the changes, as one group in each part.
    pub fn write(&mut self, writer: &mut Writer, changes: &[Change]) {
        self.paths.edit(writer, |mut paths, edit| {
            for Change { path, entry } in changes {
                match entry {
                    Some(_) => _ = paths.insert(edit, path.clone()),
                    None => _ = paths.remove(edit, path),
                }
            }
        });
        self.entries.edit(writer, |mut entries, edit| {
            for Change { path, entry } in changes {
                match *entry {
                    Some(entry) => _ = entries.insert(edit, path.clone(), entry),
                    None => _ = entries.remove(edit, path),
                }
            }
        });
    }

    /// Whether this is the tree that git lists.
    pub fn must_equal(&self, listing: &HashMap<Path, Entry>) -> Outcome<()> {
        let mut wrong: BTreeSet<&Path> =
            listing.keys().filter(|path| !self.shows(path, listing.get(*path).copied())).collect();
        wrong.extend(self.paths.iter().chain(self.entries.keys()).filter(|path| !listing.contains_key(*path)));
        if wrong.is_empty() {
            return Ok(());
        }
        let first: Vec<String> = wrong.iter().take(5).map(ToString::to_string).collect();
        Err(format!("{} paths are not as git lists them, such as {}", wrong.len(), first.join(", ")).into())
    }
}
