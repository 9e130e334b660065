//! The store: many named values under one version vector.

use dotted::{
    ChangeKind, ConflictKind, Crdt, Delta, DeltaCrdt, Limits, Named, Origin, Snapshot, Store, TooDeep, Value,
    ValueKind, VersionVector, Watched, Writer,
};
use std::sync::Arc;

fn named(name: &str, kind: ValueKind) -> Named {
    Named { name: name.into(), kind }
}

#[test]
fn every_type_is_read_and_written_in_place() {
    let mut w = Writer::from_seed(1);
    let mut store = Store::new();
    store.counter("likes").increment(&mut w, 5).unwrap();
    store.counter("likes").decrement(&mut w, 2).unwrap();
    store.register("title").set(&mut w, "notes");
    store.multi_register("colour").set(&mut w, 7);
    store.flag("open").enable(&mut w);
    store.set("cart").extend(&mut w, ["milk", "tea"]);
    store.set("cart").insert(&mut w, 5);
    store.map("prices").insert(&mut w, "milk", 1.5);
    store.record("ana").extend(&mut w, [("email", "a@example.com"), ("phone", "+81 1")]);

    assert_eq!(store.counter("likes").value(), 3);
    assert_eq!(store.register("title").get(), Some(&"notes".into()));
    assert_eq!(store.multi_register("colour").values().collect::<Vec<_>>(), [&Value::from(7)]);
    assert!(store.flag("open").is_enabled());
    assert!(store.set("cart").contains("milk") && store.set("cart").contains(&5i64));
    assert!(!store.set("cart").contains("x"));
    assert_eq!(store.set("cart").iter().collect::<Vec<_>>(), [&"milk".into(), &"tea".into(), &Value::from(5)]);
    assert_eq!(store.map("prices").get("milk").unwrap().as_float(), Some(1.5));
    assert_eq!(store.record("ana").get("phone").unwrap().as_text(), Some("+81 1"));
    assert_eq!(
        format!("{store:?}"),
        r#"{"ana": VersionedRecord {"email": "a@example.com", "phone": "+81 1"}, "cart": {"milk", "tea", 5}, "#
            .to_string()
            + r#""colour": MvRegister[7], "likes": PnCounter(3), "open": EwFlag(true), "prices": {"milk": 1.5}, "#
            + r#""title": LwwRegister(Some("notes"))}"#
    );

    store.set("cart").remove(&mut w, 5);
    store.set("cart").retain(&mut w, |item| item.as_text() != Some("tea"));
    store.map("prices").clear(&mut w);
    store.flag("open").disable(&mut w);
    store.multi_register("colour").clear(&mut w);
    store.record("ana").remove(&mut w, "phone");
    let left: Vec<_> = store.names().map(|named| &*named.name).collect();
    assert_eq!(left, ["ana", "cart", "likes", "title"]);
    assert_eq!((store.set("cart").len(), store.record("ana").len()), (1, 1));
}

/// Two replicas that give one name two types must not clash: it is two values, and both are listed.
#[test]
fn one_name_with_two_types_is_two_values() {
    let (mut a, mut b) = (Writer::from_seed(1), Writer::from_seed(2));
    let (mut here, mut there) = (Store::new(), Store::new());
    here.set("x").insert(&mut a, 1);
    there.counter("x").increment(&mut b, 1).unwrap();
    here.merge(&there);
    assert_eq!(here.names().collect::<Vec<_>>(), [&named("x", ValueKind::Counter), &named("x", ValueKind::Set)]);
    assert_eq!((here.set("x").len(), here.counter("x").value()), (1, 1));
    here.remove(&mut a, "x");
    assert_eq!(here.names().count(), 0);
    there.merge(&here);
    assert_eq!((there.names().count(), there.counter("x").value()), (0, 0));
}

#[test]
fn names_are_listed_by_prefix_in_order() {
    let mut w = Writer::from_seed(1);
    let mut store = Store::new();
    for name in ["cart/2", "user/1", "cart/1", "carton", "cart/10", "ü"] {
        store.flag(name).enable(&mut w);
    }
    let list = |prefix: &str| store.names_with(prefix).map(|named| named.name.to_string()).collect::<Vec<_>>();
    assert_eq!(list("cart/"), ["cart/1", "cart/10", "cart/2"]);
    assert_eq!(list("cart"), ["cart/1", "cart/10", "cart/2", "carton"]);
    assert_eq!((list("").len(), list("zzz").len(), list("ü").len()), (6, 0, 1));
}

#[test]
fn a_group_over_several_names_travels_whole() {
    let (mut a, mut b) = (Writer::from_seed(1), Writer::from_seed(2));
    let mut here = Store::new();
    here.counter("seats").increment(&mut b, 9).unwrap();
    let mut there = here.clone();
    let (_, operation) = here.edit_as_operation(&mut a, |mut store, edit| {
        store.register("seat 1").set(edit, "Ana".into());
        store.counter("seats").decrement(edit, 1).unwrap();
    });
    let operation = operation.unwrap();
    assert_eq!(operation.events(), 2);
    there.apply_operation(operation).unwrap();
    assert_eq!(there, here);
    assert_eq!(there.counter("seats").value(), 8);
}

/// What a delta costs follows what changed, however many names and elements there are.
#[test]
fn a_delta_costs_what_changed() {
    let mut w = Writer::from_seed(1);
    let mut store = Store::new();
    store.edit(&mut w, |mut store, edit| {
        for i in 0..100_000i64 {
            store.register(&format!("name {i}")).set(edit, i.into());
        }
        let mut big = store.set("big");
        for i in 0..1_000_000i64 {
            big.insert(edit, i.into());
        }
    });
    let mut copy = store.clone();
    let before = store.version().clone();
    store.set("big").insert(&mut w, -1);
    store.register("name 77").set(&mut w, "new");
    let mut bytes = Vec::new();
    store.encode_delta_since(&before, &mut bytes);
    assert!(bytes.len() < 120, "{} bytes for two changes", bytes.len());
    let mut changed = Vec::new();
    let delta = Delta::decode(&bytes, &Limits::default()).unwrap();
    copy.apply_with(delta, &mut |change| changed.push((change.key.named(), change.kind))).unwrap();
    changed.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(
        changed,
        [
            (named("big", ValueKind::Set), ChangeKind::Added),
            (named("name 77", ValueKind::Register), ChangeKind::Updated)
        ]
    );
    assert_eq!(copy.set("big").len(), 1_000_001);
    assert_eq!(copy.names_with("name 9999").count(), 11);
    assert_eq!(copy, store);
}

/// A name leaves nothing behind once it is removed and collected.
#[test]
fn names_that_come_and_go_cost_nothing_in_the_end() {
    let mut w = Writer::from_seed(1);
    let mut store = Store::new();
    store.set("stays").insert(&mut w, 1);
    for i in 0..20_000 {
        let name = format!("session {i}");
        store.set(&name).insert(&mut w, i);
        store.remove(&mut w, &name);
    }
    store.compact();
    assert_eq!(store.names().count(), 1);
    assert!(store.encode().len() < 120, "{}", store.encode().len());
    assert_eq!(Store::decode(&store.encode(), &Limits::default()).unwrap(), store);
}

#[test]
fn conflicts_of_all_values_are_listed_the_same_everywhere() {
    let (mut a, mut b) = (Writer::from_seed(1), Writer::from_seed(2));
    let mut here = Store::new();
    here.record("order").set(&mut a, "state", "open");
    let mut there = here.clone();
    here.register("owner").set(&mut a, "Ana");
    there.register("owner").set(&mut b, "Bo");
    here.map("prices").insert(&mut a, "tea", 1);
    there.map("prices").insert(&mut b, "tea", 2);
    here.map("same").insert(&mut a, "tea", 1);
    there.map("same").insert(&mut b, "tea", 1);
    here.record("order").delete(&mut a);
    there.record("order").set(&mut b, "state", "refunded");
    here.record("user 5000").set(&mut a, "name", "Ana");
    there.record("user 5000").set(&mut b, "name", "Bo");
    here.merge(&there);
    there.merge(&here);
    assert_eq!(here.conflicts(), there.conflicts());
    let found: Vec<_> = here.conflicts().iter().map(|c| (c.key.name().to_string(), c.key.key(), c.kind)).collect();
    let expected = [
        ("order", Some("state".into()), ConflictKind::UpdateDelete),
        ("owner", None, ConflictKind::WriteWrite),
        ("prices", Some("tea".into()), ConflictKind::WriteWrite),
        ("user 5000", Some("name".into()), ConflictKind::InsertInsert),
    ];
    assert_eq!(found, expected.map(|(name, key, kind)| (name.to_string(), key, kind)));
    here.record("user 5000").resolve(&mut a, "name", "Ana");
    here.map("prices").resolve(&mut a, "tea", 2);
    here.register("owner").set(&mut a, "Bo");
    here.record("order").resolve(&mut a, "state", "refunded");
    assert!(here.conflicts().is_empty());
}

#[test]
fn states_go_through_json_and_bytes() {
    let mut w = Writer::from_seed(1);
    let mut store = Store::new();
    store.set("s").extend(&mut w, [Value::Null, true.into(), 1.into(), 1.0.into(), "a".into(), f64::NAN.into()]);
    store.set("s").insert(&mut w, Value::bytes([0u8, 255]));
    store.map("m").insert(&mut w, "k", Value::map([("$bytes", "not bytes")]).unwrap());
    store.counter("c").increment(&mut w, 3).unwrap();
    store.record("r").set(&mut w, "f", Value::list([1, 2]).unwrap());
    store.record("r").delete(&mut w);
    store.flag("f").enable(&mut w);
    store.flag("f").disable(&mut w);
    let json = serde_json::to_string(&store).unwrap();
    let back: Store = serde_json::from_str(&json).unwrap();
    assert_eq!(back, store);
    assert_eq!(back.encode(), store.encode());
    assert_eq!(Store::decode(&store.encode(), &Limits::default()).unwrap(), store);
}

mod values {
    use super::*;

    #[test]
    fn look_like_json_in_json() {
        let value = Value::map([
            ("text", Value::from("a")),
            ("number", 1.into()),
            ("float", 1.0.into()),
            ("nothing", Value::Null),
            ("list", Value::list([true, false]).unwrap()),
        ]);
        let json = serde_json::to_string(&value.unwrap()).unwrap();
        assert_eq!(json, r#"{"float":1.0,"list":[true,false],"nothing":null,"number":1,"text":"a"}"#);
    }

    #[test]
    fn come_back_from_json_and_from_bytes() {
        let deep = (0..64).try_fold(Value::Null, |value, _| Value::list([value]));
        let odd = Value::map([("$map", Value::map([("$bytes", 1)]).unwrap())]).unwrap();
        let all = [
            Value::Null,
            i64::MIN.into(),
            i64::MAX.into(),
            f64::NAN.into(),
            f64::INFINITY.into(),
            f64::NEG_INFINITY.into(),
            f64::MIN_POSITIVE.into(),
            1e300.into(),
            Value::bytes([]),
            Value::bytes([0u8, 128, 255]),
            Value::map::<&str, Value>([]).unwrap(),
            Value::map([("$float", "NaN")]).unwrap(),
            Value::map([("$a", 1)]).unwrap(),
            Value::map([("$map", 1), ("$float", 2)]).unwrap(),
            odd,
            deep.unwrap(),
        ];
        for value in all {
            let json = serde_json::to_string(&value).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), value, "{json}");
            let mut store = Store::new();
            store.set("s").insert(&mut Writer::from_seed(1), value.clone());
            let back = Store::decode(&store.encode(), &Limits::default()).unwrap();
            assert_eq!(back.view().set("s").iter().collect::<Vec<_>>(), [&value]);
        }
    }

    #[test]
    fn know_one_nan_and_one_zero() {
        assert_eq!(Value::from(f64::NAN), Value::from(-f64::NAN));
        assert_eq!(Value::from(0.0), Value::from(-0.0));
        assert_ne!(Value::from(1.0), Value::from(1));
        assert!(Value::try_from(u64::MAX).is_err());
        assert!(serde_json::from_str::<Value>("18446744073709551615").is_err());
    }

    #[test]
    fn are_not_nested_without_end() {
        let deep = (0..64).fold(Value::Null, |value, _| Value::list([value]).unwrap());
        assert_eq!(Value::list([deep.clone()]), Err(TooDeep));
        assert_eq!(Value::map([("a", deep)]), Err(TooDeep));
        let json = "[".repeat(100) + &"]".repeat(100);
        assert!(serde_json::from_str::<Value>(&json).is_err());
        for reserved in [r#"{"$bytes":"f"}"#, r#"{"$bytes":"é"}"#, r#"{"$float":1}"#, r#"{"$map":1}"#, r#"{"$x":1}"#] {
            assert!(serde_json::from_str::<Value>(reserved).is_err(), "{reserved}");
        }
    }
}

mod watched {
    use super::*;

    #[test]
    fn tells_what_changed_and_who_changed_it() {
        let (mut a, mut b) = (Writer::from_seed(1), Writer::from_seed(2));
        let mut there = Store::new();
        there.set("cart").extend(&mut b, ["tea", "milk"]);
        there.register("owner").set(&mut b, "Bo");
        let mut here = Watched::default();
        here.edit(&mut a, |mut store, edit| {
            store.register("owner").set(edit, "Ana".into());
            store.set("cart").insert(edit, "milk".into());
            store.set("cart").remove(edit, "milk");
            store.counter("n").increment(edit, 1).unwrap();
        });
        let local = here.poll_changes().unwrap();
        assert_eq!(local.origin, Origin::Local);
        let kinds: Vec<_> = local.changes.iter().map(|change| (change.named.kind, change.kind)).collect();
        assert_eq!(kinds, [(ValueKind::Register, ChangeKind::Added), (ValueKind::Counter, ChangeKind::Added)]);
        assert!(local.changes.iter().all(|change| change.by.len() == 1 && a.owns(&change.by[0])));

        here.apply(there.delta_since(&VersionVector::new())).unwrap();
        let batch = here.poll_changes().unwrap();
        assert_eq!((batch.origin, batch.changes.len()), (Origin::Remote, 3));
        for change in &batch.changes {
            assert!(change.by.len() == 1 && b.owns(&change.by[0]));
            let expected = if &*change.named.name == "owner" { ChangeKind::Updated } else { ChangeKind::Added };
            assert_eq!(change.kind, expected);
        }
        let revision = here.revision();
        here.apply(there.delta_since(&VersionVector::new())).unwrap();
        assert_eq!((here.poll_changes(), here.revision()), (None, revision));
        let before = here.clone();
        here.edit(&mut a, |mut store, edit| store.remove(edit, "cart"));
        let removed = here.poll_changes().unwrap();
        assert!(removed.changes.iter().all(|change| change.kind == ChangeKind::Removed));
        assert_eq!(removed.changes.len(), 2);
        assert!(before.store().view().set("cart").contains("tea"));
    }

    #[test]
    fn keeps_a_snapshot_until_its_value_changes() {
        let mut w = Writer::from_seed(1);
        let mut here = Watched::default();
        here.edit(&mut w, |mut store, edit| store.map("m").insert(edit, "k".into(), 1.into()));
        let first = here.snapshot("m", ValueKind::Map);
        here.edit(&mut w, |mut store, edit| store.set("other").insert(edit, 1.into()));
        assert!(Arc::ptr_eq(&first, &here.snapshot("m", ValueKind::Map)));
        here.edit(&mut w, |mut store, edit| store.map("m").insert(edit, "k".into(), 2.into()));
        let second = here.snapshot("m", ValueKind::Map);
        assert_eq!(*first, Snapshot::Map([("k".into(), 1.into())].into()));
        assert_eq!(*second, Snapshot::Map([("k".into(), 2.into())].into()));
        here.release("m", ValueKind::Map);
        assert_eq!(here.snapshot("m", ValueKind::Map), second);
    }

    #[test]
    fn says_when_changes_were_not_fetched() {
        let mut w = Writer::from_seed(1);
        let mut here = Watched::with_limit(Store::new(), 3);
        for i in 0..5 {
            here.edit(&mut w, |mut store, edit| store.set("s").insert(edit, i.into()));
        }
        assert_eq!(here.poll_changes().unwrap().origin, Origin::Missed);
        assert_eq!(std::iter::from_fn(|| here.poll_changes()).count(), 3);
        here.edit(&mut w, |mut store, edit| (0..9).for_each(|i| _ = store.set("t").insert(edit, i.into())));
        assert_eq!(here.poll_changes().unwrap().origin, Origin::Missed);
        assert_eq!(here.poll_changes(), None);
    }
}
