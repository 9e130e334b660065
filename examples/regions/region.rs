//! The three regions.

use std::fmt;

use dotted::{Dot, ReplicaId};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use uuid::Uuid;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Region {
    Tokyo,
    London,
    SaoPaulo,
}

impl Region {
    pub const ALL: [Self; 3] = [Self::Tokyo, Self::London, Self::SaoPaulo];

    pub fn name(self) -> &'static str {
        match self {
            Self::Tokyo => "Tokyo",
            Self::London => "London",
            Self::SaoPaulo => "São Paulo",
        }
    }

    /// Its place in [`Region::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }

    /// The id under which it writes. It is the same in every run, so that ties are decided equally
    /// each time; a program that is no simulation draws its ids at random.
    pub fn uuid(self) -> Uuid {
        ReplicaId::from_seed(self.index() as u64 + 1).uuid()
    }

    /// Who wrote an event.
    pub fn of(dot: Dot) -> Option<Self> {
        Self::ALL.into_iter().find(|region| region.uuid() == dot.replica.uuid())
    }
}

/// By hand, so that an error is found where the name stands and not at the end of its line.
impl<'de> Deserialize<'de> for Region {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = Region;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a region")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Region, E> {
                let region = Region::ALL.into_iter().find(|region| region.name() == name);
                region.ok_or_else(|| {
                    E::custom(format!("unknown region {name:?}: expected \"Tokyo\", \"London\" or \"São Paulo\""))
                })
            }
        }
        deserializer.deserialize_str(Name)
    }
}
