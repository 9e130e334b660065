use core::cmp::Ordering;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

/// The name under which one incarnation of a writer issues dots.
///
/// A random UUID, drawn once per writer, and a small *branch* number that the [`Writer`](crate::Writer)
/// manages: it opens a new branch whenever it writes to a value whose history it cannot continue (a
/// fresh value, a clone, a roll-back). Two ids are different writers unless both parts are equal.
///
/// The text form is the UUID, followed by `.` and the branch where that is not 0:
///
/// ```
/// use dotted::ReplicaId;
///
/// let id: ReplicaId = "67e55044-10b1-426f-9247-bb680e5fe0c8.3".parse()?;
/// assert_eq!(id.branch(), 3);
/// assert_eq!(id.to_string(), "67e55044-10b1-426f-9247-bb680e5fe0c8.3");
/// # Ok::<(), dotted::ParseReplicaIdError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReplicaId {
    uuid: Uuid,
    branch: u32,
}

impl ReplicaId {
    /// The id of branch `branch` of the writer `uuid`.
    #[must_use]
    pub const fn new(uuid: Uuid, branch: u32) -> Self {
        Self { uuid, branch }
    }

    /// An id made from a number, for tests and simulations **only**.
    ///
    /// An id that can be made twice can be used twice, and two writers with one id lose data. Ids grow
    /// with the seed, so a test can choose the order of ties.
    #[must_use]
    pub const fn from_seed(seed: u64) -> Self {
        // The seed first, for the order; a fixed tail that no version-4 UUID has.
        Self::new(Uuid::from_u64_pair(seed, 0x0000_746f_7474_6564), 0)
    }

    /// The writer's random UUID.
    #[must_use]
    pub const fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// The branch of that writer.
    #[must_use]
    pub const fn branch(&self) -> u32 {
        self.branch
    }
}

impl Ord for ReplicaId {
    // WebAssembly has to turn the bytes around, which is long: it is compiled once.
    #[cfg_attr(target_family = "wasm", inline(never))]
    fn cmp(&self, other: &Self) -> Ordering {
        (self.uuid, self.branch).cmp(&(other.uuid, other.branch))
    }
}

impl PartialOrd for ReplicaId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.branch == 0 { write!(f, "{}", self.uuid) } else { write!(f, "{}.{}", self.uuid, self.branch) }
    }
}

impl fmt::Debug for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not a replica id: `UUID` or `UUID.BRANCH`, with a branch of 1 or more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseReplicaIdError(());

impl fmt::Display for ParseReplicaIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a replica id: expected UUID or UUID.BRANCH")
    }
}

impl core::error::Error for ParseReplicaIdError {}

impl FromStr for ReplicaId {
    type Err = ParseReplicaIdError;

    /// Accepts exactly what `Display` writes, so that one id has one text.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = ParseReplicaIdError(());
        let (uuid, branch) = match text.split_once('.') {
            None => (text, 0),
            Some((_, branch)) if branch.starts_with(['0', '+']) => return Err(error),
            Some((uuid, branch)) => (uuid, branch.parse().map_err(|_| error.clone())?),
        };
        let parsed = Uuid::try_parse(uuid).map_err(|_| error.clone())?;
        // `try_parse` also takes braces, URNs and upper case.
        let mut buffer = Uuid::encode_buffer();
        if parsed.hyphenated().encode_lower(&mut buffer) != uuid {
            return Err(error);
        }
        Ok(Self::new(parsed, branch))
    }
}

impl Serialize for ReplicaId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            (self.uuid.as_bytes(), self.branch).serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for ReplicaId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            struct Text;
            impl de::Visitor<'_> for Text {
                type Value = ReplicaId;
                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("a replica id")
                }
                fn visit_str<E: de::Error>(self, text: &str) -> Result<ReplicaId, E> {
                    text.parse().map_err(E::custom)
                }
            }
            deserializer.deserialize_str(Text)
        } else {
            let (bytes, branch) = <([u8; 16], u32)>::deserialize(deserializer)?;
            Ok(Self::new(Uuid::from_bytes(bytes), branch))
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn text_round_trips_and_has_one_form() {
        for id in [ReplicaId::from_seed(7), ReplicaId::new(Uuid::from_u128(1 << 90), 12)] {
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        let uuid = ReplicaId::from_seed(7).to_string();
        for bad in ["", "x", ".1", "{67e55044-10b1-426f-9247-bb680e5fe0c8}", "67E55044-10b1-426f-9247-bb680e5fe0c8"] {
            assert!(bad.parse::<ReplicaId>().is_err(), "{bad}");
        }
        for tail in [".", ".0", ".01", ".+1", ".4294967296", ".1.2"] {
            assert!((uuid.clone() + tail).parse::<ReplicaId>().is_err(), "{tail}");
        }
    }

    #[test]
    fn seeds_give_ids_in_their_own_order() {
        assert!(ReplicaId::from_seed(1) < ReplicaId::from_seed(2));
        assert!(ReplicaId::from_seed(255) < ReplicaId::from_seed(256));
    }
}
