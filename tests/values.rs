//! What applications put into values: how deep, how many, and that it comes back as what it is.

use std::collections::BTreeMap;

use dotted::{DecodeError, Limits, LwwMap, LwwRegister, OrSet, Unfit, Value, Writer};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh64::xxh64;

/// A set with one element, of which the bytes are these.
fn set_of(element: &[u8]) -> Vec<u8> {
    let mut set = OrSet::new();
    set.insert(&mut Writer::new(), 7u8);
    let mut bytes = set.encode();
    bytes.truncate(bytes.len() - 4);
    assert_eq!(bytes.pop(), Some(7));
    bytes.extend_from_slice(element);
    let checksum = xxh64(&bytes, 0) as u32;
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes
}

fn decoded<T: dotted::Data + std::hash::Hash>(element: &[u8]) -> Result<OrSet<T>, DecodeError> {
    OrSet::<T>::decode(&set_of(element), &Limits::default())
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Expression {
    Number(u8),
    Not(Box<Expression>),
    Sum { terms: Vec<Expression> },
    Pair(Box<Expression>, u8),
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Chain(Option<Box<Chain>>);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Endless(Box<Endless>);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Tree(BTreeMap<u8, Tree>);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Deep(BTreeMap<Box<Deep>, ()>);

/// Goes on in spite of whatever is wrong below it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
struct Stubborn(Option<Box<Stubborn>>);

impl<'de> Deserialize<'de> for Stubborn {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Option::deserialize(deserializer).unwrap_or_default()))
    }
}

#[test]
fn types_that_refer_to_themselves_are_read_so_deep_and_no_deeper() {
    const MANY: usize = 1 << 20;
    assert_eq!(decoded::<Expression>(&[1; MANY]).unwrap_err(), DecodeError::TooDeep);
    assert_eq!(decoded::<Expression>(&[2, 1].repeat(MANY)).unwrap_err(), DecodeError::TooDeep);
    assert_eq!(decoded::<Expression>(&[3; MANY]).unwrap_err(), DecodeError::TooDeep);
    assert_eq!(decoded::<Chain>(&[1; MANY]).unwrap_err(), DecodeError::TooDeep);
    assert_eq!(decoded::<Endless>(&[1]).unwrap_err(), DecodeError::TooDeep);
    assert_eq!(decoded::<Tree>(&[1; MANY]).unwrap_err(), DecodeError::TooDeep);
    assert_eq!(decoded::<Deep>(&[1; MANY]).unwrap_err(), DecodeError::TooDeep);
    assert_eq!(decoded::<Stubborn>(&[1; MANY]).unwrap_err(), DecodeError::TooDeep);
    assert_eq!(decoded::<Vec<Vec<Option<Option<u8>>>>>(&[1, 1, 1, 1, 5]).unwrap().len(), 1);

    // In a format for people, where `5` is a number inside of any number of options.
    for json in ["5".to_owned(), "[".repeat(100_000)] {
        assert!(serde_json::from_str::<OrSet<Chain>>(&readable(&json)).is_err());
        assert!(serde_json::from_str::<OrSet<Endless>>(&readable(&json)).is_err());
    }
}

/// A readable set of this one element.
fn readable(element: &str) -> String {
    let mut set = OrSet::new();
    set.insert(&mut Writer::new(), 7u8);
    let written = serde_json::to_string(&set).unwrap();
    assert!(written.contains("\"key\":7"));
    written.replace("\"key\":7", &format!("\"key\":{element}"))
}

/// So many operations around a number: the number counts one, too.
fn nested(depth: usize) -> Expression {
    (0..depth).fold(Expression::Number(0), |inner, _| Expression::Not(Box::new(inner)))
}

#[test]
fn what_can_be_written_can_be_read_and_what_is_too_deep_cannot_be_written() {
    let holding = |depth| {
        let mut set = OrSet::new();
        set.insert(&mut Writer::new(), nested(depth));
        set
    };
    let deepest = holding(191);
    assert_eq!(OrSet::decode(&deepest.encode(), &Limits::default()).unwrap(), deepest);
    let json = |set: &OrSet<Expression>| serde_json::to_string(set);
    let less_deep = holding(100);
    assert_eq!(serde_json::from_str::<OrSet<Expression>>(&json(&less_deep).unwrap()).unwrap(), less_deep);
    assert!(json(&deepest).is_ok());
    assert_eq!(decoded::<Expression>(&[[1; 191].as_slice(), &[0, 0]].concat()).unwrap().len(), 1);
    assert_eq!(decoded::<Expression>(&[[1; 192].as_slice(), &[0, 0]].concat()).unwrap_err(), DecodeError::TooDeep);
    let too_deep = std::panic::catch_unwind(|| holding(1000).encode().len());
    assert!(too_deep.is_err(), "refused, and no overflow of the stack");
}

#[test]
fn the_values_of_a_store_have_room_within_the_limit() {
    let value = (0..64).fold(Value::Null, |inner, at| match at % 2 {
        0 => Value::list([inner]).unwrap(),
        _ => Value::map([("key", inner)]).unwrap(),
    });
    let mut register = LwwRegister::new();
    register.set(&mut Writer::new(), vec![Some(value)]);
    assert_eq!(LwwRegister::decode(&register.encode(), &Limits::default()).unwrap(), register);
}

#[test]
fn items_without_bytes_are_as_many_as_there_are_bytes_and_some() {
    /// A length of 2⁶⁰.
    const HUGE: [u8; 9] = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10];
    let too_many = DecodeError::TooLarge("items without bytes");
    assert_eq!(decoded::<Vec<()>>(&HUGE).unwrap_err(), too_many);
    assert_eq!(decoded::<Vec<((), ())>>(&HUGE).unwrap_err(), too_many);
    assert_eq!(decoded::<BTreeMap<(), ()>>(&HUGE).unwrap_err(), too_many);
    assert_eq!(decoded::<std::collections::BTreeSet<()>>(&HUGE).unwrap_err(), too_many);
    assert_eq!(decoded::<Vec<[(); 32]>>(&HUGE).unwrap_err(), too_many);
    assert_eq!(decoded::<Vec<std::marker::PhantomData<u8>>>(&HUGE).unwrap_err(), too_many);
    assert_eq!(decoded::<(u8, Vec<()>)>(&[&[3], &HUGE[..]].concat()).unwrap_err(), too_many);
    for claim in [decoded::<Vec<u8>>(&HUGE).err(), decoded::<String>(&HUGE).err(), decoded::<Vec<String>>(&HUGE).err()]
    {
        assert_eq!(claim, Some(DecodeError::Value));
    }
    assert_eq!(round_trip(vec![(); 250]), vec![(); 250]);
    let both = ("x".repeat(100_000), vec![(); 100_000]);
    assert_eq!(round_trip(both.clone()), both);
    assert!(std::panic::catch_unwind(|| round_trip(vec![(); 1 << 40])).is_err());
}

fn round_trip<T: dotted::Data>(value: T) -> T {
    let mut register = LwwRegister::new();
    register.set(&mut Writer::new(), value);
    let back = LwwRegister::<T>::decode(&register.encode(), &Limits::default()).unwrap();
    back.get().unwrap().clone()
}

// --- what is not read back ---------------------------------------------------------------------------

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(u8),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Sparse {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<u8>,
    rest: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Skipped {
    #[serde(skip)]
    cache: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Flat {
    #[serde(flatten)]
    inner: BTreeMap<String, u8>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Tagged {
    One { number: u8 },
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Crooked(#[serde(serialize_with = "one_more")] u8);

fn one_more<S: serde::Serializer>(number: &u8, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u8(number + 1)
}

/// Why it cannot be a key, which is why it cannot be a value.
fn refused<T: dotted::Data + std::hash::Hash>(value: T) -> Unfit {
    let (mut set, mut map, mut writer) = (OrSet::new(), LwwMap::new(), Writer::new());
    set.insert(&mut writer, 0u8);
    let known = set.version().clone();
    let mut keys = OrSet::new();
    keys.insert(&mut Writer::new(), value.clone());
    map.insert(&mut writer, "kim".to_owned(), value);
    let (key, value) = (keys.check_since(&known).unwrap_err(), map.check_since(&known).unwrap_err());
    assert!(key.is_key && key.type_name.contains(std::any::type_name::<T>()));
    assert!(!value.is_key && value.type_name.contains(std::any::type_name::<T>()));
    assert!(value.to_string().contains("kim"), "{value}");
    assert_eq!(map.check_since(map.version()), Ok(()), "nothing is new");
    assert_eq!(key.reason, value.reason);
    key.reason
}

#[test]
fn what_is_not_read_back_is_named_before_it_counts_as_saved() {
    assert_eq!(refused(Untagged::Number(1)), Unfit::NotRead);
    assert_eq!(refused(Sparse { name: None, rest: 1 }), Unfit::NotRead);
    assert_eq!(refused(Skipped { cache: 1 }), Unfit::Changed);
    assert_eq!(refused(Flat { inner: BTreeMap::new() }), Unfit::NotWritten);
    refused(Tagged::One { number: 1 });
    assert_eq!(refused(Crooked(1)), Unfit::Changed);
    assert_eq!(refused(serde_json::json!([1])), Unfit::NotRead);
    assert_eq!(refused(nested(1000)), Unfit::TooDeep);
    assert_eq!(refused(vec![(); 1000]), Unfit::TooManyItems);
    let mut set = OrSet::new();
    set.insert(&mut Writer::new(), nested(100));
    assert_eq!(set.check_since(&Default::default()), Ok(()));
}

// --- floats ----------------------------------------------------------------------------------------

/// A value in JSON, read back.
fn through_json<T: Serialize + DeserializeOwned>(value: &T) -> T {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

#[test]
fn floats_survive_json() {
    let json = |float: f64| serde_json::to_string(&Value::from(float)).unwrap();
    assert_eq!(json(0.5), "0.5");
    assert_eq!(json(-1e22), "-1e+22");
    assert_eq!(json(7306676813254220.0), r#"{"$float":"7306676813254220.0"}"#);
    assert_eq!(json(1e23), r#"{"$float":"1e23"}"#);
    assert_eq!(json(14697.206744285713), r#"{"$float":"14697.206744285713"}"#);
    assert_eq!(json(-0.0), "0.0");
    assert_eq!(json(f64::NEG_INFINITY), r#"{"$float":"-Infinity"}"#);
    let specials = [f64::MIN_POSITIVE, f64::MAX, f64::MIN, 5e-324, f64::EPSILON, 1e-22, 1e-23, f64::NAN, f64::INFINITY];
    for float in specials {
        assert_eq!(through_json(&Value::from(float)), Value::from(float));
    }
    for json in ["nan", "inf", "-inf", "+Infinity", "", " 1", "1e999", "0x1", "1_0"] {
        let json = format!("{{\"$float\":\"{json}\"}}");
        assert!(serde_json::from_str::<Value>(&json).is_err(), "{json}");
    }
    for integer in [i64::MIN, -1, 0, i64::MAX] {
        assert_eq!(through_json(&Value::from(integer)), Value::from(integer));
    }
    for beyond in ["9223372036854775808", "18446744073709551615"] {
        assert!(serde_json::from_str::<Value>(beyond).is_err());
    }
    let mut register = LwwRegister::new();
    register.set(&mut Writer::new(), Value::from(14697.206744285713));
    assert_eq!(through_json(&register), register);
}

/// Random doubles, everyday quotients, short decimals, and whole numbers where doubles stop to hold each of them.
/// `DOTTED_FLOATS` says how many.
#[test]
fn random_floats_survive_json() {
    let count = std::env::var("DOTTED_FLOATS").map_or(1_000_000, |count| count.parse::<u64>().expect("a number"));
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let (mut numbers, mut wrapped) = (0u64, 0u64);
    for at in 0..count {
        let float = match at % 5 {
            0 => f64::from_bits(next()),
            1 => (next() % 10_000_000) as f64 / (next() % 1000 + 1) as f64,
            2 => (next() % 1_000_000_000_000_000) as f64 / 10f64.powi((next() % 23) as i32),
            3 => (next() % 10_000_000_000_000_000) as f64 / 10.0,
            _ => (next() % 1_000_000_000_000_000) as f64 * 10f64.powi((next() % 23) as i32),
        };
        let value = Value::from(float);
        let json = serde_json::to_string(&value).unwrap();
        if json.starts_with('{') {
            wrapped += 1
        } else {
            numbers += 1
        }
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), value, "{json}");
    }
    assert!(numbers > count / 10 && wrapped > count / 10, "{numbers} numbers, {wrapped} wrapped");
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
enum Either {
    Number(u8),
    Text(String),
}

/// What cannot be read back does not count as saved: the journal names type and key, what was saved stays, and once the key
/// is gone everything else is saved.
#[test]
fn what_cannot_be_read_back_is_never_saved() {
    use dotted::{MemoryStorage, PersistError, Persistent};
    let resume = |record: Option<_>| record.map_or_else(|| Writer::from_seed(1), Writer::resume_exclusive);
    let open = |disk| Persistent::<LwwMap<u8, Either>, _>::open(disk, Limits::default(), resume);
    let mut map = open(MemoryStorage::new()).unwrap();
    // Even nothing is saved with a record of its writer.
    map.save().unwrap();
    let before = map.persisted().clone();
    map.update(|map, writer| map.insert(writer, 5, Either::Text("milk".into())));
    let Err(PersistError::Unreadable(error)) = map.save() else { panic!("it was saved") };
    assert!(error.type_name.contains("Either") && !error.is_key && error.key == [5], "{error}");
    assert_eq!(map.persisted(), &before);
    assert!(open(map.into_storage()).unwrap().value().is_empty());
}

/// The same in a member: it is told once, and goes on when the key is removed.
#[test]
fn a_member_tells_what_it_cannot_store() {
    use dotted::replication::{Config, Event, Member, PeerId};
    let config = Config::new(PeerId::from_seed(1), dotted::Uuid::from_u128(1), 1);
    let mut member = Member::<LwwMap<u8, Either>>::open(&Default::default(), config, || Writer::from_seed(1)).unwrap();
    member.update(|map, writer| map.insert(writer, 5, Either::Number(7))).unwrap();
    for _ in 0..3 {
        assert_eq!(member.poll_persist(), None);
    }
    let Some(Event::Unreadable(error)) = member.poll_event() else { panic!("nothing was told") };
    assert_eq!(error.key, [5]);
    assert_eq!(member.poll_event(), None);
    member.update(|map, writer| map.remove(writer, &5)).unwrap();
    assert!(member.poll_persist().is_some());
    member.persisted();
    assert!(member.is_stored());
}
