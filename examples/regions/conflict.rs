//! Conflicts, with the regions' names instead of ids.

use dotted::{ConflictKind, RecordKey, Version};

use super::region::Region;

/// Concurrent versions that differ, as any reader sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    pub place: Place,
    pub kind: ConflictKind,
    pub versions: Vec<Side>,
}

/// What a conflict is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Field(String),
    /// A record as a whole: deleted here, and given a new field there.
    Record,
    Register,
}

/// One of the versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    pub region: Region,
    pub at: u64,
    pub deleted: bool,
    pub value: Option<String>,
    /// Whether a reader who does not choose sees this one.
    pub read: bool,
}

impl Conflict {
    pub fn of_record(conflict: &dotted::Conflict<&RecordKey, &String>) -> Self {
        let place = conflict.key.field().map_or(Place::Record, |field| Place::Field(field.to_string()));
        Self { place, kind: conflict.kind, versions: sides(&conflict.versions) }
    }

    pub fn of_register(conflict: &dotted::Conflict<&(), &String>) -> Self {
        Self { place: Place::Register, kind: conflict.kind, versions: sides(&conflict.versions) }
    }
}

/// The versions with the names of who wrote them, and the one that is read marked. A read prefers
/// what was written to what was deleted, and then the latest.
fn sides(versions: &[Version<&String>]) -> Vec<Side> {
    let written = versions.iter().filter(|version| !version.deleted);
    let read = written.max_by_key(|version| (version.timestamp, version.dot)).map(|version| version.dot);
    let side = |version: &Version<&String>| {
        Some(Side {
            region: Region::of(version.dot)?,
            at: version.timestamp?.millis(),
            deleted: version.deleted,
            value: version.value.cloned(),
            read: Some(version.dot) == read,
        })
    };
    versions.iter().filter_map(side).collect()
}
