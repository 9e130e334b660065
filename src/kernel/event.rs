use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::lookup::{Data, Key};
use crate::causality::{Dot, PackedDot, Timestamp};

/// What an event can carry.
///
/// [`Payload::Place`] is where the value is kept beside its dot. It is nothing at all for `()`, which
/// is what makes an element of a set no bigger than its key and its dot.
pub trait Payload: Data {
    /// Where a value may be.
    #[doc(hidden)]
    type Place: Clone + Default + Send + Sync + 'static;

    /// Puts the value in its place.
    #[doc(hidden)]
    fn into_place(self) -> Self::Place;

    /// The value in a place that holds one.
    #[doc(hidden)]
    fn in_place(place: &Self::Place) -> Option<&Self>;

    /// Takes the value out of its place.
    #[doc(hidden)]
    fn take(place: &mut Self::Place) -> Option<Self>;
}

impl Payload for () {
    type Place = ();

    #[inline]
    fn into_place(self) {}

    #[inline]
    fn in_place((): &()) -> Option<&()> {
        Some(&())
    }

    #[inline]
    fn take((): &mut ()) -> Option<()> {
        Some(())
    }
}

/// Implements [`Payload`] for types that are kept as an `Option`.
macro_rules! payload {
    ($type:ty $(, $name:ident: $bound:path)?) => {
        impl $(<$name: $bound>)? $crate::kernel::Payload for $type {
            type Place = Option<Self>;

            #[inline]
            fn into_place(self) -> Option<Self> {
                Some(self)
            }

            #[inline]
            fn in_place(place: &Option<Self>) -> Option<&Self> {
                place.as_ref()
            }

            #[inline]
            fn take(place: &mut Option<Self>) -> Option<Self> {
                place.take()
            }
        }
    };
}
pub(crate) use payload;
payload!(bool);

/// A type of the kernel: which key, which value. Everything else is the same for all of them.
pub trait Kind: Sized + 'static {
    /// What an event is about.
    type Key: Key;
    /// What an event says.
    type Value: Payload;
    /// What is chosen when it is read or written, and is no part of the state; `()` where there is nothing to choose.
    #[doc(hidden)]
    type Policy: Copy + Default;
    /// How the format names this kind. Never reused.
    const TAG: u8;
    /// The name for people.
    const NAME: &'static str;

    /// Writes the value of an event whose key the reader knows.
    #[doc(hidden)]
    fn serialize_value<Z: Serializer>(value: &Self::Value, serializer: Z) -> Result<Z::Ok, Z::Error> {
        value.serialize(serializer)
    }

    /// Reads the value of an event of this key.
    #[doc(hidden)]
    fn deserialize_value<'de, D: Deserializer<'de>>(
        _key: &Self::Key,
        deserializer: D,
    ) -> Result<Self::Value, D::Error> {
        Self::Value::deserialize(deserializer)
    }

    /// Whether an event of this writer (its slot) can have this key and value; without a value it is a
    /// removal. What no writer of this type would issue is refused before anything is changed.
    #[doc(hidden)]
    fn admits(_writer: u32, _key: &Self::Key, _value: Option<&Self::Value>) -> bool {
        true
    }

    /// Gives the dots that a value names the names that their events now have. Only for values that
    /// name dots; the kernel cannot see into them.
    #[doc(hidden)]
    fn rename(_value: &mut Self::Value, _name: &dyn Fn(Dot) -> Dot) {}

    /// Gives a value the stamp of its group; `None` where values have none, or one that is no part of a group's.
    #[doc(hidden)]
    const RESTAMP: Option<fn(&mut Self::Value, Timestamp)> = None;

    /// The stamp of a value, where values have one.
    #[doc(hidden)]
    fn stamp_of(_value: &Self::Value) -> Option<Timestamp> {
        None
    }

    /// Of a key that names a writer, what `all` of its events say together, in two parts: what
    /// `shared` says, and the rest. Only for such keys: what stands there is a sum since ever, and
    /// when its writer takes a new id a part of it goes to another key.
    #[doc(hidden)]
    fn divide(_all: &[&Self::Value], _shared: &[&Self::Value]) -> Option<(Self::Value, Self::Value)> {
        None
    }
}

/// One maximal event of a key.
#[doc(hidden)]
#[derive(Clone)]
pub struct Event<V> {
    pub(crate) dot: PackedDot,
    /// `None` is a removal.
    pub(crate) value: Option<V>,
}

/// The dot of an entry together with what is at it: a live event, a removal, or several events.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell(u64);

/// What a [`Cell`] says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// One event, with a value.
    Live(PackedDot),
    /// One event, a removal.
    Removed(PackedDot),
    /// Several events: the number of the siblings.
    Many(u32),
}

impl Cell {
    const REMOVED: u64 = 1 << PackedDot::BITS;
    const MANY: u64 = 2 << PackedDot::BITS;

    #[inline]
    pub(crate) const fn live(dot: PackedDot) -> Self {
        Self(dot.bits())
    }

    #[inline]
    pub(crate) const fn removed(dot: PackedDot) -> Self {
        Self(dot.bits() | Self::REMOVED)
    }

    #[inline]
    pub(crate) const fn many(number: u32) -> Self {
        Self(number as u64 | Self::MANY)
    }

    #[inline]
    pub(crate) const fn of(dot: PackedDot, live: bool) -> Self {
        if live { Self::live(dot) } else { Self::removed(dot) }
    }

    #[inline]
    pub(crate) const fn state(self) -> State {
        match self.0 >> PackedDot::BITS {
            0 => State::Live(PackedDot::from_bits(self.0)),
            1 => State::Removed(PackedDot::from_bits(self.0)),
            _ => State::Many(self.0 as u32),
        }
    }

    #[inline]
    pub(crate) const fn is_live(self) -> bool {
        self.0 < Self::REMOVED
    }
}
