//! What conflicts there were: a bounded log that replicas can merge.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use serde::{Serialize, Serializer};
use xxhash_rust::xxh64::{Xxh64, xxh64};

use crate::causality::{Dot, Timestamp};
use crate::crdt::Crdt;
use crate::kernel::Applied;
use crate::store::{Batch, Named, Store, StoreConflict, StoreKey, Value, ValueKind};
use crate::types::ConflictKind;

/// The conflicts of a [`Store`] that were noted, those noted last if there were more than are kept.
///
/// It is fed after each change with what changed, which costs O(changes + their conflicts), and is a state of its own:
/// logs of several replicas merge like sets, in any order and any number of times, since a conflict has the same name
/// everywhere, the hash of the dots of its versions. Of a conflict that both have, the later time of noting counts.
/// That the log is bounded does not spoil that: which entries are kept follows from the union of all. This holds
/// among logs with the same [`LogConfig`]; other entries are fitted to it when they are merged.
///
/// A conflict that grows by another version is another conflict, and the one that it was is not open any more.
///
/// ```
/// use dotted::replication::{ConflictLog, LogConfig};
/// use dotted::{Crdt, DeltaCrdt, Store, VersionVector, Watched, Writer};
///
/// let (mut tokyo, mut london) = (Writer::new(), Writer::new());
/// let mut there = Store::new();
/// there.map("prices").insert(&mut london, "tea", 4);
/// let mut here = Watched::new(Store::new()); // or the value of a `Replica<Watched>`
/// here.edit(&mut tokyo, |mut store, edit| store.map("prices").insert(edit, "tea".into(), 3.into()));
/// here.apply(there.delta_since(&VersionVector::new()))?;
///
/// let mut log = ConflictLog::new(LogConfig::default());
/// let now = 1_700_000_000_000; // milliseconds, by a clock of your own
/// while let Some(batch) = here.poll_changes() {
///     log.note_batch(here.store(), &batch, now);
/// }
/// assert_eq!(log.unresolved(here.store()).count(), 1);
/// let mut lines = String::new();
/// log.write_json_lines(&mut lines)?;
/// assert!(lines.starts_with(r#"{"id":""#) && lines.contains(r#""name":"prices","key":"tea""#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// With a [`Replica<Watched>`](super::Replica), [`poll_changes`](super::Replica::poll_changes) after each `handle`. A
/// `Replica<Store>` does not tell what changed: then [`note_all`](ConflictLog::note_all) takes its
/// [`value`](super::Replica::value), and visits every key with concurrent events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictLog {
    config: LogConfig,
    entries: BTreeMap<ConflictId, LogEntry>,
    /// By time and id, all entries: those that come first leave first.
    order: BTreeSet<(u64, ConflictId)>,
}

/// What a [`ConflictLog`] keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// So many conflicts.
    pub entries: usize,
    /// Of a conflict so many versions, the latest. The others are counted.
    pub versions: usize,
    /// Whether the values are kept. They may be personal data.
    pub values: bool,
    /// Whether the names and keys are kept.
    pub keys: LogKeys,
}

/// How a [`ConflictLog`] names keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogKeys {
    /// As they are.
    Plain,
    /// By hashes with this salt, which is to be the same in all logs that are merged. Equal keys can be told, and
    /// whoever knows the salt can try keys: it is a pseudonym, not a secret.
    Hashed(u64),
    /// Not at all.
    Omitted,
}

impl Default for LogConfig {
    /// 1,024 conflicts, of each 16 versions, with values and keys.
    fn default() -> Self {
        Self { entries: 1024, versions: 16, values: true, keys: LogKeys::Plain }
    }
}

/// The name of a conflict: a hash of the dots of its versions, the same on all machines.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConflictId(u64);

impl ConflictId {
    /// The name of a conflict between these events, whatever their order.
    pub fn of(dots: impl IntoIterator<Item = Dot>) -> Self {
        let mut dots: Vec<Dot> = dots.into_iter().collect();
        dots.sort_unstable();
        let mut hash = Xxh64::new(0);
        for Dot { replica, counter } in dots {
            hash.update(replica.uuid().as_bytes());
            hash.update(&replica.branch().to_le_bytes());
            hash.update(&counter.to_le_bytes());
        }
        Self(hash.digest())
    }
}

impl fmt::Display for ConflictId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for ConflictId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for ConflictId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A conflict that was noted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LogEntry {
    /// Its name.
    pub id: ConflictId,
    /// When it was noted, by the clock of the one who noted it last.
    pub noted: u64,
    /// How it came about.
    pub kind: ConflictKind,
    /// What it is about.
    #[serde(flatten)]
    pub place: LogPlace,
    /// Its versions, in the order of their dots.
    pub versions: Vec<LogVersion>,
    /// How many versions it has besides.
    pub omitted: usize,
}

/// What a conflict is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum LogPlace {
    /// Nobody is to know.
    Omitted {},
    /// A key by its hash.
    Hashed {
        /// The type of the value.
        of: ValueKind,
        /// The hash of the name.
        #[serde(serialize_with = "hexadecimal")]
        name_hash: u64,
        /// The hash of the key; of nothing, if the type has no keys.
        #[serde(serialize_with = "hexadecimal")]
        key_hash: u64,
    },
    /// A key.
    Plain {
        /// The type of the value.
        of: ValueKind,
        /// Its name.
        name: Arc<str>,
        /// The key of a map, the field of a record or null for the record as a whole; a register has none.
        key: Option<Value>,
    },
}

/// As text: numbers of 64 bits do not survive all readers of JSON.
fn hexadecimal<S: Serializer>(hash: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&ConflictId(*hash))
}

/// One of the versions of a conflict.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct LogVersion {
    /// The event that wrote it.
    pub dot: Dot,
    /// When it was written, by the clock of its writer.
    pub timestamp: Option<Timestamp>,
    /// Whether this version deletes the value.
    pub deleted: bool,
    /// The value, if values are kept and it has one.
    pub value: Option<Value>,
}

impl LogPlace {
    fn of(key: &StoreKey, config: &LogConfig) -> Self {
        let Named { name, kind } = key.named();
        Self::Plain { of: kind, name, key: key.key() }.fitted(config)
    }

    /// As much of it as is to be kept.
    fn fitted(self, config: &LogConfig) -> Self {
        match (config.keys, self) {
            (LogKeys::Omitted, _) => Self::Omitted {},
            (LogKeys::Hashed(salt), Self::Plain { of, name, key }) => {
                let key = key.and_then(|key| postcard::to_allocvec(&key).ok()).unwrap_or_default();
                let key_hash = xxh64(&key, salt);
                Self::Hashed { of, name_hash: xxh64(name.as_bytes(), salt), key_hash }
            }
            (_, place) => place,
        }
    }
}

impl LogEntry {
    fn of(conflict: &StoreConflict<'_>, config: &LogConfig, noted: u64) -> Self {
        let version = |version: &crate::types::Version<&Value>| LogVersion {
            dot: version.dot,
            timestamp: version.timestamp,
            deleted: version.deleted,
            value: version.value.filter(|_| config.values).cloned(),
        };
        let entry = Self {
            id: ConflictId::of(conflict.versions.iter().map(|version| version.dot)),
            noted,
            kind: conflict.kind,
            place: LogPlace::of(conflict.key, config),
            versions: conflict.versions.iter().map(version).collect(),
            omitted: 0,
        };
        entry.fitted(config)
    }

    /// As much of it as is to be kept.
    fn fitted(mut self, config: &LogConfig) -> Self {
        self.place = self.place.fitted(config);
        if !config.values {
            self.versions.iter_mut().for_each(|version| version.value = None);
        }
        let more = self.versions.len().saturating_sub(config.versions);
        if more > 0 {
            self.versions.sort_unstable_by_key(|version| (version.timestamp, version.dot));
            self.versions.drain(..more);
            self.versions.sort_unstable_by_key(|version| version.dot);
            self.omitted += more;
        }
        self
    }

    /// Of each part the one that says more, or else the greater one.
    fn join(&mut self, other: Self) {
        self.noted = self.noted.max(other.noted);
        self.kind = self.kind.max(other.kind);
        let rank = |entry: &Self| (core::cmp::Reverse(entry.omitted), entry.versions.clone());
        if rank(&other) > rank(self) {
            (self.omitted, self.versions) = (other.omitted, other.versions);
        }
        self.place = core::cmp::max(self.place.clone(), other.place);
    }
}

impl ConflictLog {
    /// An empty log.
    #[must_use]
    pub fn new(config: LogConfig) -> Self {
        Self { config, entries: BTreeMap::new(), order: BTreeSet::new() }
    }

    /// What it keeps.
    #[must_use]
    pub const fn config(&self) -> &LogConfig {
        &self.config
    }

    /// Notes a conflict at the time `now`, of the caller's clock. Whether it is new here and kept.
    pub fn note(&mut self, conflict: &StoreConflict<'_>, now: u64) -> bool {
        let entry = LogEntry::of(conflict, &self.config, now);
        let new = !self.entries.contains_key(&entry.id);
        new && self.take(entry)
    }

    /// Notes the conflict about a key, if there is one: after a change of the key, as
    /// [`apply_with`](crate::Causal::apply_with) shows them. Whether one is new here.
    pub fn note_key(&mut self, store: &Store, key: &StoreKey, now: u64) -> bool {
        store.conflict(key).is_some_and(|conflict| self.note(&conflict, now))
    }

    /// Notes the conflicts about what changed, in all of the store where it is not known what. Costs O(changes + their
    /// versions). Returns how many are new here.
    pub fn note_batch(&mut self, store: &Store, batch: &Batch, now: u64) -> usize {
        if batch.changes.is_empty() {
            return self.note_all(store, now);
        }
        let keys = batch.changes.iter().filter_map(|change| StoreKey::new(change.named.clone(), change.key.clone()));
        keys.filter(|key| self.note_key(store, key, now)).count()
    }

    /// Notes all conflicts that there are. Costs O(keys with concurrent events). Returns how many are new here.
    pub fn note_all(&mut self, store: &Store, now: u64) -> usize {
        store.conflicts().iter().filter(|conflict| self.note(conflict, now)).count()
    }

    /// The number of conflicts in the log.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many of the conflicts in the log are of each kind. Costs O(entries).
    #[must_use]
    pub fn counts(&self) -> BTreeMap<ConflictKind, usize> {
        let mut counts = BTreeMap::new();
        self.entries.values().for_each(|entry| *counts.entry(entry.kind).or_default() += 1);
        counts
    }

    /// The entries, those noted last first; of one time in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &LogEntry> {
        self.order.iter().rev().filter_map(|(_, id)| self.entries.get(id))
    }

    /// The entries of a kind.
    pub fn of_kind(&self, kind: ConflictKind) -> impl Iterator<Item = &LogEntry> {
        self.iter().filter(move |entry| entry.kind == kind)
    }

    /// The entries about a key, also where keys are hashed; none where they are omitted.
    pub fn of_key(&self, key: &StoreKey) -> impl Iterator<Item = &LogEntry> {
        let place = LogPlace::of(key, &self.config);
        self.iter().filter(move |entry| entry.place == place && entry.place != LogPlace::Omitted {})
    }

    /// The entry of a conflict.
    #[must_use]
    pub fn get(&self, id: ConflictId) -> Option<&LogEntry> {
        self.entries.get(&id)
    }

    /// The entries that still are conflicts in this store, as they were noted.
    pub fn unresolved(&self, store: &Store) -> impl Iterator<Item = &LogEntry> {
        let dots = |conflict: &StoreConflict<'_>| ConflictId::of(conflict.versions.iter().map(|version| version.dot));
        let open: BTreeSet<ConflictId> = store.conflicts().iter().map(dots).collect();
        self.iter().filter(move |entry| open.contains(&entry.id))
    }

    /// Writes the entries as JSON, one to a line, those noted first first.
    ///
    /// # Errors
    /// The error of `out`. Some lines may have been written.
    pub fn write_json_lines(&self, out: &mut impl fmt::Write) -> fmt::Result {
        for entry in self.order.iter().filter_map(|(_, id)| self.entries.get(id)) {
            out.write_str(&serde_json::to_string(entry).map_err(|_| fmt::Error)?)?;
            out.write_char('\n')?;
        }
        Ok(())
    }

    /// Enters an entry that fits, and lets those go for which there is no room. Whether it stays.
    fn take(&mut self, entry: LogEntry) -> bool {
        let id = entry.id;
        if let Some(mine) = self.entries.get_mut(&id) {
            self.order.remove(&(mine.noted, id));
            mine.join(entry);
            self.order.insert((mine.noted, id));
        } else {
            self.order.insert((entry.noted, id));
            self.entries.insert(id, entry);
        }
        while self.entries.len() > self.config.entries
            && let Some((_, first)) = self.order.pop_first()
        {
            self.entries.remove(&first);
        }
        self.entries.contains_key(&id)
    }
}

impl Default for ConflictLog {
    fn default() -> Self {
        Self::new(LogConfig::default())
    }
}

/// Takes in the entries of another log, as far as this one's configuration keeps them.
impl Crdt for ConflictLog {
    fn merge(&mut self, other: &Self) -> Applied {
        let before = self.entries.clone();
        for entry in other.entries.values() {
            self.take(entry.clone().fitted(&self.config));
        }
        Applied::from_changed(self.entries != before)
    }

    fn same_state(&self, other: &Self) -> bool {
        self.entries == other.entries
    }
}
