use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::ops::Deref;

use hashbrown::Equivalent;

use crate::types::{Group, GroupError};

/// What a store keeps: data of any shape, compared by what it is.
///
/// Cloning is cheap: texts, bytes, lists and maps are shared. An integer is never equal to a float.
///
/// In JSON and other formats for people it looks like what it is. What they have no form for is a map with one key:
/// `{"$bytes": "00ff"}`, `{"$float": "NaN"}`; and a map of which a key begins with a dollar is `{"$map": {…}}`. So
/// foreign JSON with such keys is refused, and so are integers from 2⁶³ on. A float of more than 15 digits, or with an
/// exponent beyond 22, is a `$float`, too, since many readers get the last place of such numbers wrong; a plain `f64`
/// in a type of yours is a number.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
#[non_exhaustive]
pub enum Value {
    /// Nothing.
    #[default]
    Null,
    /// Yes or no.
    Bool(bool),
    /// An integer.
    Integer(i64),
    /// A floating-point number.
    Float(Float),
    /// Text.
    Text(Arc<str>),
    /// Bytes.
    Bytes(Arc<[u8]>),
    /// A list; made by [`Value::list`].
    List(List),
    /// A map from texts; made by [`Value::map`].
    Map(Map),
}

/// How deep lists and maps may be nested.
pub(super) const DEPTH_MAX: u8 = 64;

/// Lists and maps would be nested more than 64 deep. Nothing was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooDeep;

impl fmt::Display for TooDeep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lists and maps are nested more than {DEPTH_MAX} deep")
    }
}

impl core::error::Error for TooDeep {}

impl Value {
    /// A list.
    ///
    /// # Errors
    /// [`TooDeep`] if it would be nested more than 64 deep.
    pub fn list(items: impl IntoIterator<Item = impl Into<Value>>) -> Result<Self, TooDeep> {
        let items: Vec<Self> = items.into_iter().map(Into::into).collect();
        let depth = depth_above(&items)?;
        Ok(Self::List(List(Arc::new(Nested { depth, content: items }))))
    }

    /// A map. Of entries with one key the last counts.
    ///
    /// # Errors
    /// [`TooDeep`] if it would be nested more than 64 deep.
    pub fn map<K: Into<Arc<str>>, V: Into<Self>>(entries: impl IntoIterator<Item = (K, V)>) -> Result<Self, TooDeep> {
        Self::map_of(entries.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }

    /// As `map`, compiled once.
    fn map_of(mut entries: Entries) -> Result<Self, TooDeep> {
        entries.sort_by(|(one, _), (other, _)| one.cmp(other));
        entries.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                core::mem::swap(&mut earlier.1, &mut later.1);
            }
            same
        });
        let depth = depth_above(entries.iter().map(|(_, value)| value))?;
        Ok(Self::Map(Map(Arc::new(Nested { depth, content: entries }))))
    }

    /// Bytes.
    pub fn bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self::Bytes(bytes.into())
    }

    /// Whether it is nothing.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The truth value, if it is one.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(*value) } else { None }
    }

    /// The integer, if it is one.
    #[must_use]
    pub const fn as_integer(&self) -> Option<i64> {
        if let Self::Integer(value) = self { Some(*value) } else { None }
    }

    /// The floating-point number, if it is one. Not an integer.
    #[must_use]
    pub const fn as_float(&self) -> Option<f64> {
        if let Self::Float(value) = self { Some(value.get()) } else { None }
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(value) = self { Some(value) } else { None }
    }

    /// The bytes, if it is some.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        if let Self::Bytes(value) = self { Some(value) } else { None }
    }

    /// The items, if it is a list.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Self]> {
        if let Self::List(value) = self { Some(value) } else { None }
    }

    /// The entries, if it is a map.
    #[must_use]
    pub fn as_map(&self) -> Option<&Map> {
        if let Self::Map(value) = self { Some(value) } else { None }
    }

    /// How deep lists and maps are nested in it.
    fn depth(&self) -> u8 {
        match self {
            Self::List(List(list)) => list.depth,
            Self::Map(Map(map)) => map.depth,
            _ => 0,
        }
    }
}

fn depth_above<'a>(values: impl IntoIterator<Item = &'a Value>) -> Result<u8, TooDeep> {
    let below = values.into_iter().map(Value::depth).max().unwrap_or(0);
    if below < DEPTH_MAX { Ok(below + 1) } else { Err(TooDeep) }
}

/// A list or a map with its depth, which its content determines.
#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Nested<C> {
    depth: u8,
    content: C,
}

/// The items of a list, shared.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct List(Arc<Nested<Vec<Value>>>);

impl Deref for List {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        &self.0.content
    }
}

/// The entries of a map in the order of their keys, shared.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Map(Arc<Nested<Entries>>);

type Entries = Vec<(Arc<str>, Value)>;

impl Map {
    /// The value of a key. O(log of the entries).
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        let at = self.binary_search_by(|(other, _)| (**other).cmp(key)).ok()?;
        Some(&self[at].1)
    }
}

impl Deref for Map {
    type Target = [(Arc<str>, Value)];

    fn deref(&self) -> &Self::Target {
        &self.0.content
    }
}

/// A map is a group of its entries.
impl Group for Value {
    type Member = Self;

    fn member(&self, name: &str) -> Option<&Self> {
        self.as_map()?.get(name)
    }

    fn with(group: Option<&Self>, members: impl IntoIterator<Item = (Arc<str>, Self)>) -> Result<Self, GroupError> {
        let mut all = match group {
            None => Vec::new(),
            Some(group) => group.as_map().ok_or(GroupError::NotAGroup)?.to_vec(),
        };
        all.extend(members);
        Self::map_of(all).map_err(|TooDeep| GroupError::TooDeep)
    }
}

/// A floating-point number that can be compared: there is one NaN, which equals itself and is
/// greater than all others, and one zero.
#[derive(Clone, Copy)]
pub struct Float(f64);

impl Float {
    /// The number; a negative zero becomes zero, and every NaN the same one.
    #[must_use]
    pub const fn new(value: f64) -> Self {
        if value.is_nan() {
            Self(f64::NAN)
        } else if value == 0.0 {
            Self(0.0)
        } else {
            Self(value)
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl PartialEq for Float {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Float {}

impl PartialOrd for Float {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Float {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl Hash for Float {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

impl fmt::Debug for Float {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// As what is inside hashes, so that a set can be asked for a `&str` without making a value of it.
impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Null => {}
            Self::Bool(value) => value.hash(state),
            Self::Integer(value) => value.hash(state),
            Self::Float(value) => value.hash(state),
            Self::Text(value) => value.hash(state),
            Self::Bytes(value) => value.hash(state),
            Self::List(value) => value.hash(state),
            Self::Map(value) => value.hash(state),
        }
    }
}

impl Equivalent<Value> for str {
    fn equivalent(&self, value: &Value) -> bool {
        value.as_text() == Some(self)
    }
}

impl Equivalent<Value> for i64 {
    fn equivalent(&self, value: &Value) -> bool {
        value.as_integer() == Some(*self)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => fmt::Debug::fmt(value, f),
            Self::Integer(value) => fmt::Debug::fmt(value, f),
            Self::Float(value) => fmt::Debug::fmt(value, f),
            Self::Text(value) => fmt::Debug::fmt(value, f),
            Self::Bytes(value) => {
                f.write_str("0x")?;
                value.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            Self::List(value) => f.debug_list().entries(value.iter()).finish(),
            Self::Map(value) => f.debug_map().entries(value.iter().map(|(key, value)| (key, value))).finish(),
        }
    }
}

macro_rules! from {
    ($($type:ty => |$value:ident| $code:expr;)+) => { $(
        impl From<$type> for Value {
            fn from($value: $type) -> Self {
                $code
            }
        }
    )+ };
}

from! {
    () => |_nothing| Self::Null;
    bool => |value| Self::Bool(value);
    i8 => |value| Self::Integer(value.into());
    i16 => |value| Self::Integer(value.into());
    i32 => |value| Self::Integer(value.into());
    i64 => |value| Self::Integer(value);
    u8 => |value| Self::Integer(value.into());
    u16 => |value| Self::Integer(value.into());
    u32 => |value| Self::Integer(value.into());
    f32 => |value| Self::Float(Float::new(value.into()));
    f64 => |value| Self::Float(Float::new(value));
    &str => |value| Self::Text(value.into());
    &String => |value| Self::Text(value.as_str().into());
    String => |value| Self::Text(value.into());
    Arc<str> => |value| Self::Text(value);
    &Value => |value| value.clone();
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// An integer of more than 63 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfRange;

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer does not fit into 64 bits with a sign")
    }
}

impl core::error::Error for OutOfRange {}

impl TryFrom<u64> for Value {
    type Error = OutOfRange;

    fn try_from(value: u64) -> Result<Self, OutOfRange> {
        i64::try_from(value).map(Self::Integer).map_err(|_| OutOfRange)
    }
}
