//! Conflicts as data: listed alike everywhere, settled in one call, read by resolvers, and trimmed.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};

use common::random::Random;
use dotted::{
    ConflictKind, Crdt, Deletes, GroupError, Grouped, LwwMap, LwwRegister, MvRegister, Named, NoSuchKey, ResolveError,
    Resolved, Resolver, Store, StoreKey, Timestamp, Value, ValueKind, Version, VersionedRecord, Writer,
};

/// Two writers whose clocks stand still.
fn writers() -> (Writer, Writer) {
    (writer(1, 10), writer(2, 20))
}

fn writer(seed: u64, millis: u64) -> Writer {
    Writer::with_clock(dotted::ReplicaId::from_seed(seed).uuid(), move || Timestamp::from_millis(millis))
}

fn key(name: &str, kind: ValueKind, key: Option<&str>) -> StoreKey {
    StoreKey::new(Named { name: name.into(), kind }, key.map(Value::from)).expect("it has such keys")
}

#[test]
fn a_register_with_several_values_lists_its_conflict() {
    let (mut a, mut b) = writers();
    let (mut here, mut there) = (MvRegister::new(), MvRegister::new());
    let first = here.set(&mut a, 7);
    there.set(&mut b, 7);
    here.merge(&there);
    assert_eq!((here.len(), here.versions().len()), (1, 2), "equal values are one");
    assert_eq!(here.conflict(), None, "and no conflict");
    there.set(&mut b, 8);
    here.merge(&there);
    let conflict = here.conflict().expect("7 and 8");
    assert_eq!((conflict.kind, conflict.versions.len()), (ConflictKind::WriteWrite, 2));
    assert_eq!(conflict.versions[0].writer(), first.replica);
    let sum = Resolver::Custom(&|versions| Some(versions.iter().filter_map(|version| version.value).sum()));
    assert_eq!(here.get_by(sum).unwrap().value(), Some(&15));
    let settled = here.resolve_by(&mut a, sum).unwrap().expect("there was a conflict");
    assert_eq!(settled.conflict.versions.iter().map(|version| version.value).collect::<Vec<_>>(), [Some(7), Some(8)]);
    assert_eq!((settled.by.value, here.conflict()), (Some(15), None));
    assert_eq!(here.resolve_by(&mut a, Resolver::Latest).unwrap(), None, "nothing to settle, nothing written");
    assert_eq!(here.version().iter().map(|(_, counter)| counter).sum::<u64>(), 4);
}

#[test]
fn a_resolver_that_depends_on_the_order_is_an_error() {
    let (mut a, mut b) = writers();
    let (mut here, mut there) = (LwwRegister::new(), LwwRegister::new());
    here.set(&mut a, 1);
    there.set(&mut b, 2);
    here.merge(&there);
    let first = Resolver::Custom(&|versions: &[Version<&i32>]| versions[0].value.copied());
    let before = here.encode();
    assert_eq!(here.get_by(first), Err(ResolveError::OrderDependent));
    assert_eq!(here.resolve_by(&mut a, first), Err(ResolveError::OrderDependent));
    let calls = std::cell::Cell::new(0);
    let impure = |_: &[Version<&i32>]| {
        calls.set(calls.get() + 1);
        Some(calls.get())
    };
    assert_eq!(here.get_by(Resolver::Custom(&impure)), Err(ResolveError::OrderDependent));
    assert_eq!(here.encode(), before);
}

#[test]
fn a_resolver_that_cannot_tell_or_panics_changes_nothing() {
    let (mut a, mut b) = writers();
    let (mut here, mut there) = (Store::new(), Store::new());
    for name in ["m", "n"] {
        here.map(name).insert(&mut a, "k", 1);
        there.map(name).insert(&mut b, "k", 2);
        here.record(name).set(&mut a, "f", 1);
        there.record(name).set(&mut b, "f", 2);
    }
    here.merge(&there);
    let before = here.encode();
    assert_eq!(here.resolve_all(&mut a, Resolver::KeepAll).unwrap(), []);
    assert_eq!(here.resolve_all(&mut a, Resolver::Custom(&|_| None)).unwrap(), []);
    let left_open = here.map("m").get_by("k", Resolver::Custom(&|_| None)).map(|found| found.value().is_some());
    assert_eq!(left_open, Ok(false));
    // The third conflict of four is too much for it.
    let asked = std::cell::Cell::new(0);
    let panicking = |versions: &[Version<&Value>]| {
        asked.set(asked.get() + 1);
        assert!(asked.get() < 6, "too much");
        versions.iter().filter_map(|version| version.value).max().cloned()
    };
    let unwound =
        catch_unwind(AssertUnwindSafe(|| here.resolve_all(&mut a, Resolver::Custom(&panicking)).map(|all| all.len())));
    assert!(unwound.is_err());
    assert_eq!(here.encode(), before);
}

#[test]
fn all_conflicts_of_a_store_are_settled_and_reported_at_once() {
    let (mut a, mut b) = writers();
    let mut here = Store::new();
    here.record("order").extend(&mut a, [("state", "open"), ("note", "-")]);
    let mut there = here.clone();
    here.register("owner").set(&mut a, "Ana");
    there.register("owner").set(&mut b, "Bo");
    here.multi_register("tags").set(&mut a, 1);
    there.multi_register("tags").set(&mut b, 2);
    here.map("prices").extend(&mut a, [("tea", 1), ("rice", 1)]);
    there.map("prices").extend(&mut b, [("tea", 2), ("rice", 1)]);
    here.record("order").delete(&mut a);
    there.record("order").set(&mut b, "state", "paid");
    here.set("same").insert(&mut a, 1);
    there.set("same").insert(&mut b, 1);
    here.merge(&there);
    there.merge(&here);
    assert_eq!(here.conflicts(), there.conflicts());
    let tea = here.conflict(&key("prices", ValueKind::Map, Some("tea"))).expect("1 and 2");
    assert_eq!(tea.versions.iter().map(|version| version.timestamp).collect::<Vec<_>>().len(), 2);
    assert_eq!(here.conflict(&key("prices", ValueKind::Map, Some("rice"))), None);
    assert_eq!(here.conflict(&key("same", ValueKind::Flag, None)), None);

    let settled = here.resolve_all(&mut a, Resolver::Latest).unwrap();
    let told: Vec<_> = settled.iter().map(|one| (one.conflict.key.name(), one.conflict.versions.len())).collect();
    assert_eq!(told, [("order", 2), ("owner", 2), ("prices", 2), ("tags", 2)]);
    assert!(here.conflicts().is_empty());
    assert_eq!(here.view().register("owner").get(), Some(&"Bo".into()));
    assert_eq!(here.view().record("order").get("note"), Some(&"-".into()), "the update wins, for good");
    // A second replica that settles by the same rule meanwhile makes no new conflict.
    there.resolve_all(&mut b, Resolver::Latest).unwrap();
    there.merge(&here);
    assert!(there.conflicts().is_empty());
}

#[test]
fn a_conflict_is_settled_by_the_key_that_it_names() {
    let (mut a, mut b) = writers();
    let (mut here, mut there) = (Store::new(), Store::new());
    here.record("r").set(&mut a, "f", 1);
    there.record("r").set(&mut b, "f", 2);
    here.merge(&there);
    let found = here.conflicts()[0].key.clone();
    here.resolve(&mut a, &found, 3).expect("a field");
    assert!(here.conflicts().is_empty());
    let whole = StoreKey::new(Named { name: "r".into(), kind: ValueKind::Record }, Some(Value::Null)).unwrap();
    let before = here.encode();
    assert_eq!(here.resolve(&mut a, &whole, 3), Err(NoSuchKey));
    assert_eq!(here.resolve(&mut a, &key("s", ValueKind::Set, Some("x")), 3), Err(NoSuchKey));
    assert_eq!(here.encode(), before);
}

#[test]
fn a_record_of_a_store_is_read_by_any_policy() {
    let (mut a, mut b) = writers();
    let mut here = Store::new();
    here.record("order").set(&mut a, "state", "open");
    let mut there = here.clone();
    here.record_with("order", Deletes::DeleteWins).delete(&mut a);
    there.record_with("order", Deletes::Ask).set(&mut b, "state", "paid");
    here.merge(&there);
    there.merge(&here);
    assert_eq!(here, there);
    assert_eq!(here.view().record("order").get("state"), Some(&"paid".into()));
    assert_eq!(here.view().record_with("order", Deletes::DeleteWins).get("state"), None);
    let asked = here.view().record_with("order", Deletes::Ask).get_by("state", Resolver::Latest).unwrap();
    assert!(matches!(asked, Resolved::Conflict(versions) if versions.len() == 2));
    here.record_with("order", Deletes::DeleteWins).resolve_all(&mut a, Resolver::Latest).unwrap();
    assert!(here.conflicts().is_empty() && here.view().record("order").is_empty());
}

#[test]
fn a_group_changes_as_a_unit() {
    let (mut a, mut b) = writers();
    let text = |text: &str| text.to_string();
    let mut here: VersionedRecord<Grouped<String>> = VersionedRecord::new();
    here.set(&mut a, "name", Grouped::One(text("Ana")));
    here.set_members(&mut a, "address", [("city", text("Recife")), ("zip", text("50000"))]).unwrap();
    let mut there = here.clone();
    here.set_members(&mut a, "address", [("city", text("Olinda"))]).unwrap();
    there.set_members(&mut b, "address", [("zip", text("50100"))]).unwrap();
    here.merge(&there);
    there.merge(&here);
    assert_eq!(here, there);
    assert_eq!(here.conflicts().len(), 1, "one conflict for the group");
    let address = |record: &VersionedRecord<Grouped<String>>| {
        ["city", "zip"].map(|member| record.get_member("address", member).cloned().unwrap_or_default())
    };
    assert_eq!(address(&here), ["Recife", "50100"], "an address that somebody wrote");
    let before = here.encode();
    let refused = here.set_members(&mut a, "address", [("city", text("Natal"))]);
    assert_eq!(refused, Err(GroupError::InConflict), "nothing is picked silently");
    assert_eq!(here.set_members(&mut a, "name", [("first", text("Ana"))]), Err(GroupError::NotAGroup));
    assert_eq!(here.encode(), before);
    here.resolve(&mut a, "address", Grouped::group([("city", text("Olinda")), ("zip", text("50100"))]));
    here.set_members(&mut a, "address", [("zip", text("50200"))]).unwrap();
    assert_eq!(address(&here), ["Olinda", "50200"]);
    // Deleted here and changed there: the group comes back whole.
    let mut there = here.clone();
    here.delete(&mut a);
    there.set_members(&mut b, "address", [("zip", text("50300"))]).unwrap();
    here.merge(&there);
    assert_eq!(address(&here), ["Olinda", "50300"]);
    assert_eq!(here.conflicts()[0].kind, ConflictKind::UpdateDelete);
}

#[test]
fn a_group_in_a_store_is_a_map() {
    let (mut a, mut b) = writers();
    let mut here = Store::new();
    here.record("ana").set_members(&mut a, "address", [("city", "Recife"), ("zip", "50000")]).unwrap();
    let mut there = here.clone();
    here.record("ana").set_members(&mut a, "address", [("city", "Olinda")]).unwrap();
    there.record("ana").set_members(&mut b, "address", [("zip", "50100")]).unwrap();
    here.merge(&there);
    assert_eq!(here.view().record("ana").get_member("address", "city"), Some(&"Recife".into()));
    assert_eq!(here.conflicts()[0].versions.len(), 2);
    let settled = here.conflicts()[0].key.clone();
    here.resolve(&mut a, &settled, 5).unwrap();
    assert_eq!(here.record("ana").set_members(&mut a, "address", [("zip", "1")]), Err(GroupError::NotAGroup));
}

/// Many write at once, and whoever sees more than two siblings writes the last of them again.
#[test]
fn trimming_ends_and_loses_nothing_unreported() {
    const LIMIT: usize = 2;
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let replicas = 3 + random.below(5);
        let mut writers: Vec<Writer> =
            (0..replicas).map(|at| writer(at as u64 + 1, 10 + random.below(3) as u64)).collect();
        let mut maps: Vec<LwwMap<u8, u32>> = vec![LwwMap::new(); replicas];
        for at in 0..replicas {
            (0..2).for_each(|key| _ = maps[at].insert(&mut writers[at], key, 100 * u32::from(key) + at as u32));
        }
        let mut reported: Vec<u32> = Vec::new();
        // Any order of merging and trimming: each settles more events than it writes, so it ends.
        for _ in 0..60 {
            let (at, from) = (random.below(replicas), random.below(replicas));
            let other = maps[from].clone();
            maps[at].merge(&other);
            for settled in maps[at].trim_siblings(&mut writers[at], LIMIT) {
                assert!(settled.conflict.versions.len() > LIMIT);
                reported.extend(settled.conflict.versions.iter().filter_map(|version| version.value));
            }
        }
        let mut quiet = 0;
        for round in 0.. {
            assert!(round < 20, "seed {seed}: it goes on for ever");
            let all = maps.clone();
            maps.iter_mut().for_each(|map| all.iter().for_each(|other| _ = map.merge(other)));
            let before = maps[0].version().clone();
            for (map, writer) in maps.iter_mut().zip(&mut writers) {
                for settled in map.trim_siblings(writer, LIMIT) {
                    reported.extend(settled.conflict.versions.iter().filter_map(|version| version.value));
                }
            }
            quiet = if maps.iter().all(|map| *map.version() == before) { quiet + 1 } else { 0 };
            if quiet == 2 {
                break;
            }
        }
        for key in 0..2u8 {
            let there: Vec<u32> = maps[0].versions(&key).iter().filter_map(|version| version.value.copied()).collect();
            assert!(there.len() <= LIMIT, "seed {seed}: {there:?}");
            for at in 0..replicas {
                let value = 100 * u32::from(key) + at as u32;
                assert!(there.contains(&value) || reported.contains(&value), "seed {seed}: {value} was lost silently");
            }
        }
    }
}

#[test]
fn whoever_is_there_trims() {
    let mut writers: Vec<Writer> = (1..5).map(|seed| writer(seed, seed)).collect();
    let mut all = Store::new();
    for (value, writer) in (0i64..).zip(&mut writers) {
        let mut one = Store::new();
        one.register("r").set(writer, value);
        one.map("m").insert(writer, "k", value);
        one.record("f").set(writer, "f", value);
        all.merge(&one);
    }
    let mut hub = writer(9, 0);
    assert_eq!(all.trim_siblings(&mut hub, 4), [], "four are not more than four");
    // The author of the last write, one of another, and one who wrote nothing, do it at a time.
    let [mut first, mut second, _, mut last]: [Writer; 4] = writers.try_into().ok().unwrap();
    let trimmed = [&mut last, &mut first, &mut hub].map(|writer| {
        let mut all = all.clone();
        let settled = all.trim_siblings(writer, 3);
        let names: Vec<_> = settled.iter().map(|one| (one.conflict.key.name(), one.by.value.clone())).collect();
        assert_eq!(names, [("f", Some(3.into())), ("m", Some(3.into())), ("r", Some(3.into()))]);
        assert!(all.conflicts().is_empty());
        all
    });
    trimmed.iter().for_each(|one| _ = all.merge(one));
    assert!(all.conflicts().is_empty());
    let before = all.version().clone();
    assert_eq!(all.trim_siblings(&mut second, 2), [], "three that are the same are for the last of them to trim");
    assert_eq!(*all.version(), before);
    assert_eq!(all.trim_siblings(&mut hub, 2), [], "nothing that differed was settled");
    assert_eq!(all.register("r").versions().len(), 1);
    let before = all.version().clone();
    assert_eq!(all.trim_siblings(&mut hub, 0), [], "one is never too many");
    assert_eq!(*all.version(), before);
}

#[test]
fn a_hub_trims_what_ten_thousand_wrote_blindly() {
    let (mut hub, mut all) = (writer(1, 0), LwwRegister::new());
    for value in 0..10_000u64 {
        let mut one = LwwRegister::new();
        one.set(&mut writer(value + 2, value % 7), value);
        all.merge(&one);
    }
    let settled = all.trim_siblings(&mut hub, 16).expect("too many");
    assert_eq!((settled.conflict.versions.len(), all.versions().len()), (10_000, 1));
    assert_eq!(all.get().copied(), settled.by.value);
}

#[test]
fn setting_what_is_there_writes_nothing() {
    let (mut a, mut b) = writers();
    let mut store = Store::new();
    let first = [
        store.register("r").set(&mut a, 1),
        store.multi_register("v").set(&mut a, 1),
        store.map("m").insert(&mut a, "k", 1),
        store.record("f").set(&mut a, "f", 1),
    ];
    let before = store.version().clone();
    // Whoever sets it.
    let again = [
        store.register("r").set(&mut b, 1),
        store.multi_register("v").set(&mut b, 1),
        store.map("m").insert(&mut b, "k", 1),
        store.record("f").set(&mut b, "f", 1),
    ];
    assert_eq!((again, store.version()), (first, &before));
    assert_eq!(store.branch_of(&b), None, "no branch is opened for it");
    // As one of several versions, after a removal, or in a deletion that is in conflict, it is written.
    let mut other = store.clone();
    store.register("r").set(&mut a, 2);
    other.register("r").set(&mut b, 3);
    store.record("f").delete(&mut a);
    other.record("f").set(&mut b, "g", 1);
    store.merge(&other);
    let shown = store.register("r").get().unwrap().clone();
    store.register("r").set(&mut a, shown);
    store.record("f").set(&mut a, "g", 1);
    assert!(store.conflicts().is_empty());
    store.map("m").remove(&mut a, "k");
    store.map("m").insert(&mut a, "k", 1);
    assert_eq!(store.map("m").get("k"), Some(&1.into()));
    // In a group everything is written.
    let before = store.version().clone();
    store.edit(&mut a, |mut store, edit| store.map("m").insert(edit, "k".into(), 1.into()));
    assert_ne!(*store.version(), before);
}

#[test]
fn registers_and_maps_have_groups() {
    let (mut a, mut b) = writers();
    let mut here = Store::new();
    here.register("r").set_members(&mut a, [("city", "Recife"), ("zip", "50000")]).unwrap();
    here.map("m").set_members(&mut a, "home", [("city", "Recife"), ("zip", "50000")]).unwrap();
    let mut there = here.clone();
    here.register("r").set_members(&mut a, [("city", "Olinda")]).unwrap();
    here.map("m").set_members(&mut a, "home", [("city", "Olinda")]).unwrap();
    there.register("r").set_members(&mut b, [("zip", "50100")]).unwrap();
    there.map("m").set_members(&mut b, "home", [("zip", "50100")]).unwrap();
    here.merge(&there);
    let view = here.view();
    let register = ["city", "zip"].map(|member| view.register("r").get_member(member).unwrap().as_text().unwrap());
    let map = ["city", "zip"].map(|member| view.map("m").get_member("home", member).unwrap().as_text().unwrap());
    assert!(["Recife 50100", "Olinda 50000"].contains(&register.join(" ").as_str()), "{register:?}");
    assert_eq!(map, register);
    assert_eq!(here.register("r").set_members(&mut a, [("zip", "1")]), Err(GroupError::InConflict));
    assert_eq!(here.map("m").set_members(&mut a, "home", [("zip", "1")]), Err(GroupError::InConflict));
    here.register("r").set(&mut a, 5);
    assert_eq!(here.register("r").set_members(&mut a, [("zip", "1")]), Err(GroupError::NotAGroup));
    let mut several: MvRegister<Grouped<u8>> = MvRegister::new();
    several.set_members(&mut a, [("x", 1), ("y", 2)]).unwrap();
    let mut other = several.clone();
    several.set_members(&mut a, [("x", 3)]).unwrap();
    assert!(several.values().eq([&Grouped::group([("x", 3), ("y", 2)])]));
    other.set_members(&mut b, [("x", 4)]).unwrap();
    several.merge(&other);
    assert_eq!(several.set_members(&mut a, [("x", 5)]), Err(GroupError::InConflict));
}

/// Which of two deletions keeps its name does not depend on which was heard of first.
#[test]
fn what_is_erased_is_erased_alike_everywhere() {
    let (mut one, mut tokyo) = (VersionedRecord::<u32>::new(), Writer::from_seed(1));
    one.set(&mut tokyo, "age", 1);
    let (mut other, mut london) = (one.clone(), Writer::from_seed(2));
    one.delete(&mut tokyo);
    other.delete(&mut london);
    let (before, theirs) = (one.clone(), other.clone());
    _ = one.merge(&theirs);
    _ = other.merge(&before);
    assert!(one == other);
    let erased = [one, other].map(|mut record| {
        record.erase(&mut Writer::from_seed(3)).expect("there is something to erase");
        record.encode()
    });
    assert_eq!(erased[0], erased[1]);
}
