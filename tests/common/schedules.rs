//! Fixed histories that random tests rarely find, each with what must come out.
//!
//! `d=S>k` of the notation is `S.delta_since(k)`, `gc` is `collect()`, `∅` the empty version.

use dotted::{
    ApplyError, Ask, Causal, CausalInbox, ConflictKind, Crdt, DeletePolicy, DeleteWins, GCounter, Limits, LwwMap,
    LwwRegister, MapBody, OrSet, PnCounter, PnCounterBody, RecordWith, ReplicaId, Resolved, Resolver, SetBody,
    Timestamp, VersionVector, VersionedRecord, Writer,
};

use super::world::name;

/// What came out wrong.
pub type Check = Result<(), String>;

/// A history that is played, and checked.
pub type Schedule = fn() -> Check;

/// All of them, by name.
pub const ALL: &[(&str, Schedule)] = &[
    ("S1", s1_a_delta_for_nothing_is_no_delta_for_something),
    ("S2", s2_a_collected_removal_reaches_those_who_have_the_element),
    ("S3", s3_the_live_set_drops_no_removals),
    ("S4", s4_the_floor_travels_on),
    ("S5", s5_an_empty_replica_joins_above_the_floor),
    ("S6", s6_a_delta_with_a_live_set_applies_twice),
    ("S7", s7_a_delta_is_never_cut),
    ("S8", s8_an_operation_holds_its_whole_group),
    ("S9", s9_a_delta_needs_its_base),
    ("S10", s10_some_removals_that_were_discarded_reach_those_who_have_the_elements),
    ("S11", s11_removals_that_a_peer_lacks_are_kept_for_it),
    ("B1", b1_a_fresh_value_opens_a_branch_and_the_old_one_goes_on),
    ("B2", b2_two_writers_take_turns),
    ("B3", b3_a_roll_back_opens_a_branch),
    ("B4", b4_a_branch_is_continued_in_one_place_only),
    ("R1", r1_an_update_overrules_a_concurrent_deletion),
    ("R2", r2_writing_into_the_conflict_brings_the_fields_back_for_good),
    ("R3", r3_a_field_after_a_deletion_comes_alone),
    ("R4", r4_a_new_field_overrules_a_concurrent_deletion_only),
    ("R5", r5_an_old_deletion_stays_done),
    ("R6", r6_the_right_deletion_is_overruled),
    ("R7", r7_created_does_not_depend_on_collection),
    ("P1", p1_a_purge_is_an_event),
    ("R8", r8_one_who_saw_only_the_deletion_revives_only_what_he_writes),
    ("W1", w1_where_deletions_win_what_they_had_not_seen_is_hidden),
    ("W2", w2_where_deletions_win_the_next_write_brings_nothing_back),
    ("W3", w3_where_deletions_win_a_record_that_was_made_anew_shows),
    ("W4", w4_where_removals_win_the_other_fields_stay),
    ("Q1", q1_what_is_undecided_shows_nothing_until_it_is_decided),
    ("C1", c1_a_reset_takes_what_it_saw),
    ("C2", c2_concurrent_resets_count_once),
    ("C3", c3_clones_count_apart),
    ("L1", l1_saturated_stamps_agree),
    ("L2", l2_a_loser_survives_the_removal_of_the_winner),
    ("T1", t1_an_overwrite_wins_whatever_the_clock_says),
    ("T2", t2_ties_do_not_depend_on_arrival),
    ("T3", t3_a_group_has_one_stamp),
    ("T4", t4_what_settles_a_conflict_keeps_its_stamp),
    ("T5", t5_of_those_who_trim_at_a_time_one_goes_on),
    ("G1", g1_a_group_takes_one_dot_per_key),
    ("G2", g2_a_group_that_fails_leaves_nothing),
    ("O1", o1_operations_wait_for_what_they_depend_on),
    ("O2", o2_an_edit_without_a_write_forgets_no_dependency),
    ("O3", o3_a_reset_of_a_count_that_is_not_known_waits),
];

fn writer(seed: u64) -> Writer {
    Writer::from_seed(seed)
}

pub fn expect<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Check {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found:?} instead of {expected:?}")) }
}

type Set = OrSet<char>;

fn elements(set: &Set) -> String {
    let mut elements: Vec<char> = set.iter().copied().collect();
    elements.sort_unstable();
    elements.into_iter().collect()
}

/// Both have seen the same, so they must be the same.
fn agree(a: &Set, b: &Set) -> Check {
    let (mut left, mut right) = (a.clone(), b.clone());
    left.merge(b);
    right.merge(a);
    expect("after merging both ways", elements(&left), elements(&right))
}

fn sync(to: &mut Set, from: &Set) -> Check {
    let delta = from.delta_since(to.version());
    to.apply(delta).map(|_| ()).map_err(|error| error.to_string())
}

fn s1_a_delta_for_nothing_is_no_delta_for_something() -> Check {
    let (mut t, mut s, mut q) = (Set::new(), Set::new(), Set::new());
    t.insert(&mut writer(1), 'x');
    s.merge(&t);
    s.remove(&mut writer(2), &'x');
    s.collect();
    let delta = s.delta_since(&VersionVector::new());
    q.merge(&t);
    let before = q.encode();
    let refused = q.apply(delta).err();
    expect("the answer", refused.as_ref().map(name), Some("Floor"))?;
    expect("the refuser is as it was", q.encode() == before, true)?;
    expect("Q", elements(&q), "x".into())?;
    // With the version of that answer it goes through.
    let Some(ApplyError::Floor { have }) = refused else { return Err("no version in the answer".into()) };
    q.apply(s.delta_since(&have)).map_err(|error| error.to_string())?;
    expect("Q afterwards", elements(&q), String::new())
}

fn s2_a_collected_removal_reaches_those_who_have_the_element() -> Check {
    let mut writer = writer(1);
    let mut a = Set::new();
    a.insert(&mut writer, 'x');
    let (mut by_merge, mut by_delta) = (a.clone(), a.clone());
    a.remove(&mut writer, &'x');
    a.collect();
    by_merge.merge(&a);
    sync(&mut by_delta, &a)?;
    expect("by merge", elements(&by_merge), String::new())?;
    expect("by delta", elements(&by_delta), String::new())
}

fn s10_some_removals_that_were_discarded_reach_those_who_have_the_elements() -> Check {
    for at_most in 1..4 {
        let mut writer = writer(1);
        let mut a = Set::new();
        for key in ['x', 'y', 'z'] {
            a.insert(&mut writer, key);
        }
        let (mut by_merge, mut by_delta) = (a.clone(), a.clone());
        for key in ['z', 'y', 'x'] {
            a.remove(&mut writer, &key);
        }
        assert_eq!(a.collect_some(at_most), at_most);
        // The oldest first: the floor is just above them.
        expect("the floor", a.floor().iter().map(|(_, counter)| counter).sum::<u64>(), 3 + at_most as u64)?;
        by_merge.merge(&a);
        sync(&mut by_delta, &a)?;
        expect("by merge", elements(&by_merge), String::new())?;
        expect("by delta", elements(&by_delta), String::new())?;
    }
    Ok(())
}

fn s11_removals_that_a_peer_lacks_are_kept_for_it() -> Check {
    let mut writer = writer(1);
    let mut a = Set::new();
    for key in ['x', 'y'] {
        a.insert(&mut writer, key);
    }
    a.remove(&mut writer, &'x');
    let peer = a.clone();
    a.remove(&mut writer, &'y');
    a.set_collectable(Some(peer.version().clone()));
    a.collect_some(10);
    expect("kept", a.removals(), 1)?;
    expect("the floor is within the peer's version", a.floor().is_within(peer.version()), true)?;
    a.set_collectable(None);
    a.collect_some(10);
    expect("kept", a.removals(), 0)
}

fn s3_the_live_set_drops_no_removals() -> Check {
    for by_delta in [false, true] {
        let take = |to: &mut Set, from: &Set| if by_delta { sync(to, from) } else { Ok(_ = to.merge(from)) };
        let (mut ana, mut ben) = (writer(1), writer(2));
        let mut a = Set::new();
        a.insert(&mut ana, 'x');
        a.insert(&mut ana, 'y');
        let (mut z, mut b, mut r) = (a.clone(), a.clone(), a.clone());
        b.remove(&mut ben, &'y');
        a.remove(&mut ana, &'x');
        take(&mut r, &a)?;
        // S collects B's removal and only then hears of A's.
        let mut s = b.clone();
        s.collect();
        take(&mut s, &a)?;
        take(&mut r, &s)?;
        take(&mut z, &b)?;
        take(&mut z, &r)?;
        expect("Z", elements(&z), String::new())?;
    }
    Ok(())
}

fn s4_the_floor_travels_on() -> Check {
    for by_delta in [false, true] {
        let take = |to: &mut Set, from: &Set| if by_delta { sync(to, from) } else { Ok(_ = to.merge(from)) };
        let mut ana = writer(1);
        let mut a = Set::new();
        a.insert(&mut ana, 'x');
        let (mut r, mut z) = (a.clone(), a.clone());
        a.remove(&mut ana, &'x');
        a.collect();
        take(&mut r, &a)?;
        take(&mut z, &r)?;
        expect("Z", elements(&z), String::new())?;
    }
    Ok(())
}

fn s5_an_empty_replica_joins_above_the_floor() -> Check {
    let mut ana = writer(1);
    let mut s = Set::new();
    s.insert(&mut ana, 'x');
    s.remove(&mut ana, &'x');
    s.insert(&mut ana, 'y');
    s.collect();
    let (mut by_merge, mut by_delta) = (Set::new(), Set::new());
    by_merge.merge(&s);
    sync(&mut by_delta, &s)?;
    expect("by merge", elements(&by_merge), "y".into())?;
    expect("by delta", elements(&by_delta), "y".into())?;
    agree(&by_merge, &s)
}

fn s6_a_delta_with_a_live_set_applies_twice() -> Check {
    let (mut ana, mut ben) = (writer(1), writer(2));
    let mut a = Set::new();
    a.insert(&mut ana, 'x');
    let (mut b, mut r) = (a.clone(), a.clone());
    a.remove(&mut ana, &'x');
    a.collect();
    let delta = a.delta_since(r.version());
    b.insert(&mut ben, 'x');
    b.insert(&mut ben, 'z');
    b.remove(&mut ben, &'z');
    r.merge(&b);
    r.collect();
    for _ in 0..2 {
        r.apply(delta.clone()).map_err(|error| error.to_string())?;
        expect("R", elements(&r), "x".into())?;
    }
    Ok(())
}

/// A delta has no way to be cut: whatever its base, it goes up to all that the sender has seen.
fn s7_a_delta_is_never_cut() -> Check {
    let mut ana = writer(1);
    let mut a = Set::new();
    for element in ['x', 'y', 'x'] {
        a.insert(&mut ana, element);
    }
    let half: VersionVector = [(ReplicaId::from_seed(1), 2)].into_iter().collect();
    for known in [VersionVector::new(), half] {
        expect("the delta's end", a.delta_since(&known).upto().clone(), a.version().clone())?;
    }
    let mut b = Set::new();
    sync(&mut b, &a)?;
    expect("equal versions, equal views", a.canonical() == b.canonical(), true)
}

fn s8_an_operation_holds_its_whole_group() -> Check {
    let mut ana = writer(1);
    let (mut a, mut b) = (Set::new(), Set::new());
    let (_, operation) = a.edit_as_operation(&mut ana, |mut set, edit| {
        set.insert(edit, 'x');
        set.insert(edit, 'y');
    });
    let operation = operation.ok_or("nothing was written")?;
    expect("events", operation.events(), 2)?;
    b.apply_operation(operation).map_err(|error| error.to_string())?;
    expect("B", elements(&b), "xy".into())
}

fn s9_a_delta_needs_its_base() -> Check {
    let mut ana = writer(1);
    let mut a = Set::new();
    a.edit(&mut ana, |mut set, edit| {
        set.insert(edit, 'x');
        set.insert(edit, 'y');
    });
    let base: VersionVector = [(ReplicaId::from_seed(1), 1)].into_iter().collect();
    let delta = a.delta_since(&base);
    let mut empty = Set::new();
    expect("an empty one", empty.apply(delta.clone()).err().as_ref().map(name), Some("Gap"))?;
    expect("an empty one stays empty", empty == Set::new(), true)?;
    let before = a.encode();
    let applied = a.apply(delta).map_err(|error| error.to_string())?;
    expect("one that has it all", (applied.changed(), a.encode() == before), (false, true))
}

/// The ids of the first writer's branches that a version names.
fn branches(set: &Set) -> Vec<(u32, u64)> {
    let of_one = set.version().iter().filter(|(id, _)| id.uuid() == ReplicaId::from_seed(1).uuid());
    of_one.map(|(id, counter)| (id.branch(), counter)).collect()
}

fn b1_a_fresh_value_opens_a_branch_and_the_old_one_goes_on() -> Check {
    let mut w = writer(1);
    let (mut v, mut u) = (Set::new(), Set::new());
    v.insert(&mut w, 'a');
    u.insert(&mut w, 'b');
    v.insert(&mut w, 'c');
    expect("v", branches(&v), vec![(0, 2)])?;
    expect("u", branches(&u), vec![(1, 1)])
}

fn b2_two_writers_take_turns() -> Check {
    let (mut u, mut w) = (writer(1), writer(2));
    let mut v = Set::new();
    let dots = [v.insert(&mut u, 'a'), v.insert(&mut w, 'b'), v.insert(&mut u, 'c'), v.insert(&mut w, 'd')];
    let expected = [(1, 1), (2, 1), (1, 2), (2, 2)];
    for (dot, (seed, counter)) in dots.into_iter().zip(expected) {
        expect("a dot", (dot.replica, dot.counter), (ReplicaId::from_seed(seed), counter))?;
    }
    Ok(())
}

fn b3_a_roll_back_opens_a_branch() -> Check {
    let mut w = writer(1);
    let (mut v, mut p) = (Set::new(), Set::new());
    v.insert(&mut w, 'x');
    let old = v.clone();
    v.insert(&mut w, 'y');
    p.merge(&v);
    v = old;
    v.insert(&mut w, 'z');
    expect("v", branches(&v), vec![(0, 1), (1, 1)])?;
    v.merge(&p);
    p.merge(&v);
    expect("v", elements(&v), "xyz".into())?;
    expect("p", elements(&p), "xyz".into())
}

fn b4_a_branch_is_continued_in_one_place_only() -> Check {
    let mut w = writer(1);
    let mut v = Set::new();
    v.insert(&mut w, 'a');
    let mut c = v.clone();
    v.insert(&mut w, 'b');
    c.insert(&mut w, 'c');
    expect("c", branches(&c), vec![(0, 1), (1, 1)])?;
    v.merge(&c);
    // Read back, so that v does not remember which branch it was written under: w1 is the recent one.
    v = Set::decode(&v.encode(), &Limits::default()).map_err(|error| error.to_string())?;
    v.insert(&mut w, 'd');
    expect("v", branches(&v), vec![(0, 2), (1, 2)])?;
    c.insert(&mut w, 'e');
    expect("c", branches(&c), vec![(0, 1), (1, 1), (2, 1)])?;
    agree(&v, &c)
}

type Record = VersionedRecord<u8>;

fn fields(record: &Record) -> String {
    let mut fields: Vec<String> = record.iter().map(|(field, value)| format!("{field}{value}")).collect();
    fields.sort_unstable();
    fields.concat()
}

fn kinds(record: &Record) -> Vec<ConflictKind> {
    record.conflicts().iter().map(|conflict| conflict.kind).collect()
}

fn merged(a: &Record, b: &Record) -> Result<Record, String> {
    let (mut left, mut right) = (a.clone(), b.clone());
    left.merge(b);
    right.merge(a);
    expect("both ways", fields(&left), fields(&right))?;
    expect("both ways", kinds(&left), kinds(&right))?;
    Ok(left)
}

fn first_conflict(a: &mut Writer, b: &mut Writer) -> Result<Record, String> {
    let mut here = Record::new();
    here.set(a, "f", 1);
    here.set(a, "g", 2);
    let mut there = here.clone();
    here.delete(a);
    there.set(b, "f", 3);
    merged(&here, &there)
}

fn r1_an_update_overrules_a_concurrent_deletion() -> Check {
    let record = first_conflict(&mut writer(1), &mut writer(2))?;
    expect("the record", fields(&record), "f3g2".into())?;
    expect("the conflict", kinds(&record), vec![ConflictKind::UpdateDelete])
}

fn r2_writing_into_the_conflict_brings_the_fields_back_for_good() -> Check {
    let mut record = first_conflict(&mut writer(1), &mut writer(2))?;
    record.set(&mut writer(3), "f", 4);
    expect("the record", fields(&record), "f4g2".into())?;
    expect("the conflicts", kinds(&record), vec![])
}

fn r3_a_field_after_a_deletion_comes_alone() -> Check {
    let mut a = writer(1);
    let mut record = Record::new();
    record.set(&mut a, "f", 1);
    record.set(&mut a, "g", 2);
    record.delete(&mut a);
    expect("deleted", fields(&record), String::new())?;
    record.set(&mut a, "f", 5);
    expect("the record", fields(&record), "f5".into())
}

fn r4_a_new_field_overrules_a_concurrent_deletion_only() -> Check {
    let (mut a, mut b) = (writer(1), writer(2));
    let mut here = Record::new();
    here.set(&mut a, "f", 1);
    let mut there = here.clone();
    here.delete(&mut a);
    let mut after = here.clone();
    there.set(&mut b, "g", 9);
    let record = merged(&here, &there)?;
    expect("concurrent", fields(&record), "f1g9".into())?;
    expect("the conflict", kinds(&record), vec![ConflictKind::UpdateDelete])?;
    after.set(&mut b, "g", 9);
    expect("afterwards", fields(&after), "g9".into())
}

fn r5_an_old_deletion_stays_done() -> Check {
    let (mut a, mut b) = (writer(1), writer(2));
    let mut here = Record::new();
    here.set(&mut a, "f", 1);
    here.set(&mut a, "g", 2);
    here.delete(&mut a);
    here.set(&mut a, "f", 5);
    let mut there = here.clone();
    here.delete(&mut a);
    there.set(&mut b, "f", 6);
    expect("the record", fields(&merged(&here, &there)?), "f6".into())
}

fn r6_the_right_deletion_is_overruled() -> Check {
    let (mut a, mut b, mut c) = (writer(1), writer(2), writer(3));
    let mut here = Record::new();
    here.set(&mut a, "f", 1);
    here.set(&mut a, "g", 2);
    let mut there = here.clone();
    here.delete(&mut a);
    let mut third = here.clone();
    third.set(&mut c, "f", 7);
    there.delete(&mut b);
    expect("the record", fields(&merged(&third, &there)?), "f7".into())
}

fn r7_created_does_not_depend_on_collection() -> Check {
    for collected in [false, true] {
        let (mut a, mut b) = (writer(1), writer(2));
        let mut here = Record::new();
        here.set(&mut a, "k", 1);
        here.remove(&mut a, "k");
        if collected {
            here.purge(&mut a);
            here.collect();
        }
        let mut there = here.clone();
        here.set(&mut a, "k", 2);
        there.set(&mut b, "k", 3);
        expect("the conflict", kinds(&merged(&here, &there)?), vec![ConflictKind::InsertInsert])?;
    }
    Ok(())
}

fn p1_a_purge_is_an_event() -> Check {
    let (mut a, mut b) = (writer(1), writer(2));
    let mut here = Record::new();
    here.set(&mut a, "f", 1);
    here.delete(&mut b);
    let mut there = here.clone();
    here.purge(&mut a).ok_or("nothing was purged")?;
    if here.version() == there.version() {
        return Err("a purge that no version sees".into());
    }
    there.merge(&here);
    here.collect();
    expect("equal versions, equal views", here.canonical() == there.canonical(), true)
}

/// Accepted and documented: del ∥ f=3, then f=7 by one who saw only the deletion.
fn r8_one_who_saw_only_the_deletion_revives_only_what_he_writes() -> Check {
    let (mut a, mut b, mut c) = (writer(1), writer(2), writer(3));
    let mut here = Record::new();
    here.set(&mut a, "f", 1);
    here.set(&mut a, "g", 2);
    let mut there = here.clone();
    here.delete(&mut a);
    there.set(&mut b, "f", 3);
    let mut third = here.clone();
    third.set(&mut c, "f", 7);
    let record = merged(&merged(&here, &there)?, &third)?;
    expect("g stays deleted", record.get("g"), None)
}

/// What the fields show, of a record with any policy.
fn shown<P: DeletePolicy>(record: &RecordWith<u8, P>) -> String {
    let mut fields: Vec<String> = record.iter().map(|(field, value)| format!("{field}{value}")).collect();
    fields.sort_unstable();
    fields.concat()
}

/// Both ways, which must read alike.
fn joined<P: DeletePolicy>(a: &RecordWith<u8, P>, b: &RecordWith<u8, P>) -> Result<RecordWith<u8, P>, String> {
    let (mut left, mut right) = (a.clone(), b.clone());
    left.merge(b);
    right.merge(a);
    expect("the other way round", shown(&right), shown(&left))?;
    expect("its conflicts", right.conflicts() == left.conflicts(), true)?;
    Ok(left)
}

/// A record {f: 1, h: 2} that a deletes, while b does something else.
fn deleted_while<P: DeletePolicy>(
    other: impl FnOnce(&mut RecordWith<u8, P>, &mut Writer),
) -> Result<[RecordWith<u8, P>; 2], String> {
    let (mut a, mut b) = (writer(1), writer(2));
    let mut here: RecordWith<u8, P> = RecordWith::new();
    here.set(&mut a, "f", 1);
    here.set(&mut a, "h", 2);
    let mut there = here.clone();
    here.delete(&mut a);
    other(&mut there, &mut b);
    Ok([joined(&here, &there)?, here])
}

fn w1_where_deletions_win_what_they_had_not_seen_is_hidden() -> Check {
    for field in ["f", "g"] {
        let [record, _] = deleted_while::<DeleteWins>(|there, b| _ = there.set(b, field, 9))?;
        expect("the record", shown(&record), String::new())?;
        expect("the conflicts", record.conflicts().len(), 1)?;
        let mut kept = record.clone();
        expect("settled", kept.restore(&mut writer(3)).len(), 1)?;
        expect("restored", shown(&kept), if field == "f" { "f9h2" } else { "f1g9h2" }.into())?;
        expect("restored for good", kept.conflicts().len(), 0)?;
    }
    Ok(())
}

fn w2_where_deletions_win_the_next_write_brings_nothing_back() -> Check {
    let [mut record, _] = deleted_while::<DeleteWins>(|there, b| _ = there.set(b, "g", 9))?;
    record.set(&mut writer(3), "f", 5);
    expect("made anew", shown(&record), "f5".into())?;
    expect("nothing is open", record.conflicts().len(), 0)?;
    let [mut record, _] = deleted_while::<DeleteWins>(|there, b| _ = there.set(b, "f", 9))?;
    record.set(&mut writer(3), "g", 5);
    expect("made anew", shown(&record), "g5".into())?;
    expect("f is still open", record.conflicts().len(), 1)
}

fn w3_where_deletions_win_a_record_that_was_made_anew_shows() -> Check {
    let [record, deleted] = deleted_while::<DeleteWins>(|there, b| _ = there.set(b, "f", 9))?;
    let mut third = deleted;
    third.set(&mut writer(3), "g", 7);
    expect("by one who saw the deletion alone", shown(&joined(&record, &third)?), "g7".into())
}

fn w4_where_removals_win_the_other_fields_stay() -> Check {
    let (mut a, mut b) = (writer(1), writer(2));
    let mut here: RecordWith<u8, DeleteWins> = RecordWith::new();
    here.set(&mut a, "f", 1);
    here.set(&mut a, "h", 2);
    let mut there = here.clone();
    here.remove(&mut a, "f");
    there.set(&mut b, "f", 9);
    let mut record = joined(&here, &there)?;
    expect("the removal wins", shown(&record), "h2".into())?;
    let settled = record.resolve_all(&mut a, Resolver::Latest).map_err(|error| error.to_string())?;
    expect("settled as a deletion", settled.iter().map(|settled| settled.by.deleted).collect(), vec![true])?;
    expect("as it was read", (shown(&record), record.conflicts().len()), ("h2".into(), 0))
}

fn q1_what_is_undecided_shows_nothing_until_it_is_decided() -> Check {
    let undecided = |record: &RecordWith<u8, Ask>, field| {
        matches!(record.get_by(field, Resolver::Latest), Ok(Resolved::Conflict(_)))
    };
    for field in ["f", "g"] {
        let [record, _] = deleted_while::<Ask>(|there, b| _ = there.set(b, field, 9))?;
        expect("the record", shown(&record), String::new())?;
        expect("undecided", undecided(&record, field) && undecided(&record, "h"), true)?;
        let mut open = record.clone();
        let settled = open.resolve_all(&mut writer(3), Resolver::Latest).map_err(|error| error.to_string())?;
        expect("no resolver decides", (settled.len(), open.conflicts().len()), (0, 1))?;
        let (mut kept, mut deleted) = (record.clone(), record);
        kept.resolve(&mut writer(3), field, 5);
        expect("kept", shown(&kept), if field == "f" { "f5h2" } else { "f1g5h2" }.into())?;
        deleted.delete(&mut writer(3));
        expect("deleted", (shown(&deleted), deleted.conflicts().len()), (String::new(), 0))?;
        expect("no question is left", undecided(&kept, "h") || undecided(&deleted, "h"), false)?;
    }
    Ok(())
}

fn c1_a_reset_takes_what_it_saw() -> Check {
    let (mut ana, mut ben) = (writer(1), writer(2));
    let mut a = PnCounter::new();
    a.increment(&mut ana, 5).map_err(|error| error.to_string())?;
    let mut b = a.clone();
    a.increment(&mut ana, 3).map_err(|error| error.to_string())?;
    b.reset(&mut ben);
    b.merge(&a);
    expect("merged", b.value(), 3)?;
    a.merge(&b);
    a.increment(&mut ana, 1).map_err(|error| error.to_string())?;
    expect("afterwards", a.value(), 4)
}

fn c2_concurrent_resets_count_once() -> Check {
    let (mut ana, mut ben, mut cem) = (writer(1), writer(2), writer(3));
    let mut a = PnCounter::new();
    a.increment(&mut ana, 5).map_err(|error| error.to_string())?;
    let mut b = a.clone();
    b.reset(&mut ben);
    a.increment(&mut ana, 3).map_err(|error| error.to_string())?;
    let mut c = a.clone();
    c.reset(&mut cem);
    for other in [&b, &c] {
        a.merge(other);
    }
    expect("merged", a.value(), 0)?;
    a.increment(&mut ana, 1).map_err(|error| error.to_string())?;
    b.merge(&a);
    expect("afterwards", (a.value(), b.value()), (1, 1))
}

fn c3_clones_count_apart() -> Check {
    let mut ana = writer(1);
    let mut v = GCounter::new();
    let mut c = v.clone();
    for counter in [&mut v, &mut c] {
        counter.increment(&mut ana, 1).map_err(|error| error.to_string())?;
    }
    v.merge(&c);
    expect("merged", v.value(), 2)
}

fn stuck(seed: u64, at: Timestamp) -> Writer {
    Writer::with_clock(ReplicaId::from_seed(seed).uuid(), move || at)
}

type Register = LwwRegister<char>;

/// X and Y know the same events, learned in another order.
fn same(x: &Register, y: &Register) -> Check {
    expect("equal versions", x.version() == y.version(), true)?;
    expect("equal values", x.get(), y.get())?;
    expect("equal views", x.canonical() == y.canonical(), true)
}

/// X<B,C,A and Y<A,B, where A has merged C: they know the same, and must be the same.
fn known_by_two(a: &Register, b: &Register, c: &Register) -> Result<Register, String> {
    let (mut x, mut y) = (Register::new(), Register::new());
    [b, c, a].iter().for_each(|other| _ = x.merge(other));
    [a, b].iter().for_each(|other| _ = y.merge(other));
    same(&x, &y)?;
    Ok(x)
}

fn l1_saturated_stamps_agree() -> Check {
    let [mut ana, mut ben, mut cem] = [1, 2, 3].map(|seed| stuck(seed, Timestamp::MAX));
    let (mut a, mut b, mut c) = (Register::new(), Register::new(), Register::new());
    b.set(&mut ben, 'b');
    c.set(&mut cem, 'c');
    a.merge(&c);
    a.set(&mut ana, 'a');
    let x = known_by_two(&a, &b, &c)?;
    // A saw C's write and replaced it. B's is concurrent, and has the greater id.
    expect("the value", x.get(), Some(&'b'))
}

fn l2_a_loser_survives_the_removal_of_the_winner() -> Check {
    let (mut ben, mut cem) = (stuck(2, Timestamp::from_millis(1)), stuck(3, Timestamp::from_millis(2)));
    let (mut a, mut b, mut c) = (Register::new(), Register::new(), Register::new());
    b.set(&mut ben, 'b');
    c.set(&mut cem, 'c');
    a.merge(&c);
    a.clear(&mut writer(1));
    let x = known_by_two(&a, &b, &c)?;
    expect("the value", x.get(), Some(&'b'))
}

/// Ana's clock is an hour ahead. Ben, who has seen her write, replaces it; Cem, concurrent with both,
/// has a clock between theirs.
fn t1_an_overwrite_wins_whatever_the_clock_says() -> Check {
    let mut ana = stuck(1, Timestamp::from_millis(3_600_000));
    let mut ben = stuck(2, Timestamp::from_millis(1));
    let mut cem = stuck(3, Timestamp::from_millis(1_800_000));
    let (mut a, mut c) = (Register::new(), Register::new());
    a.set(&mut ana, 'a');
    let mut b = a.clone();
    b.set(&mut ben, 'b');
    expect("the overwrite", b.get(), Some(&'b'))?;
    c.set(&mut cem, 'c');
    b.merge(&c);
    expect("later than what it replaced", b.get(), Some(&'b'))
}

fn t2_ties_do_not_depend_on_arrival() -> Check {
    let at = Timestamp::from_millis(5);
    let (mut a, mut b) = (Register::new(), Register::new());
    a.set(&mut stuck(1, at), 'a');
    b.set(&mut stuck(2, at), 'b');
    let (mut x, mut y) = (a.clone(), b.clone());
    x.merge(&b);
    y.merge(&a);
    same(&x, &y)
}

/// A's clock is behind, and only the second write of its group supersedes what is far ahead.
fn t3_a_group_has_one_stamp() -> Check {
    let mut early = stuck(1, Timestamp::from_millis(1));
    let (mut ahead, mut behind) = (stuck(2, Timestamp::from_millis(200)), stuck(3, Timestamp::from_millis(100)));
    let (mut a, mut b) = (LwwMap::new(), LwwMap::new());
    a.insert(&mut ahead, 'y', 0);
    b.insert(&mut behind, 'y', 0);
    a.edit(&mut early, |mut map, edit| "xy".chars().for_each(|key| _ = map.insert(edit, key, 1)));
    b.edit(&mut stuck(4, Timestamp::from_millis(5)), |mut map, edit| {
        "yx".chars().for_each(|key| _ = map.insert(edit, key, 2))
    });
    a.merge(&b);
    expect("one group", [a.get(&'x'), a.get(&'y')], [Some(&1); 2])
}

/// A hub whose clock is ahead settles a conflict in the group in which it overwrites what is further ahead.
fn t4_what_settles_a_conflict_keeps_its_stamp() -> Check {
    let (mut a, mut b) = (LwwMap::new(), LwwMap::new());
    a.insert(&mut stuck(1, Timestamp::from_millis(1)), 'k', 1);
    b.insert(&mut stuck(2, Timestamp::from_millis(2)), 'k', 2);
    a.merge(&b);
    let mut person = a.clone();
    a.insert(&mut stuck(3, Timestamp::from_millis(5_000)), 'y', 0);
    let settled = a.edit(&mut stuck(4, Timestamp::from_millis(1_000)), |mut map, edit| {
        map.insert(edit, 'x', 0);
        let settled = map.resolve_all(edit, Resolver::Latest).map(|settled| settled.len());
        map.insert(edit, 'y', 1);
        settled
    });
    expect("settled", settled, Ok(1))?;
    person.insert(&mut stuck(5, Timestamp::from_millis(10)), 'k', 3);
    a.merge(&person);
    expect("what a person wrote meanwhile", a.get(&'k'), Some(&3))
}

fn t5_of_those_who_trim_at_a_time_one_goes_on() -> Check {
    let mut writers = [1, 2].map(|seed| stuck(seed, Timestamp::from_millis(seed)));
    let mut values = [LwwRegister::new(), LwwRegister::new()];
    for (value, writer) in values.iter_mut().zip(&mut writers) {
        value.set(writer, writer.uuid());
    }
    for rounds in 0.. {
        let (first, second) = (values[0].clone(), values[1].clone());
        values[0].merge(&second);
        values[1].merge(&first);
        let before = values[0].version().clone();
        values.iter_mut().zip(&mut writers).for_each(|(value, writer)| _ = value.trim_siblings(writer, 1));
        if values.iter().all(|value| *value.version() == before) {
            return expect("versions that are left", values[0].versions().len(), 1);
        }
        if rounds > 5 {
            return Err("trimming goes on".into());
        }
    }
    Ok(())
}

fn g1_a_group_takes_one_dot_per_key() -> Check {
    let mut ana = writer(1);
    let mut a: Causal<(SetBody<char>, MapBody<char, u8>, PnCounterBody)> = Causal::new();
    a.edit(&mut ana, |(mut set, mut map, mut count), edit| {
        set.insert(edit, 'x');
        set.insert(edit, 'y');
        map.insert(edit, 'x', 1);
        _ = count.increment(edit, 1);
    });
    expect("events", a.version().get(&ReplicaId::from_seed(1)), 4)?;
    let mut b = a.clone();
    a.edit(&mut ana, |(mut set, ..), edit| set.remove(edit, &'x'));
    b.merge(&a);
    expect("after the removal of x", b.view().0.iter().collect::<String>(), "y".into())?;
    expect("the map keeps its own", b.view().1.get(&'x'), Some(&1))
}

fn g2_a_group_that_fails_leaves_nothing() -> Check {
    let (mut set, mut a) = (Set::new(), writer(1));
    set.insert(&mut a, 'x');
    let failed = set.try_edit(&mut a, |mut set, edit| {
        set.remove(edit, &'x');
        set.insert(edit, 'y');
        Err::<(), _>(())
    });
    expect("the group", failed, Err(()))?;
    expect("what is there", elements(&set), "x".into())
}

fn o1_operations_wait_for_what_they_depend_on() -> Check {
    let (mut ana, mut ben) = (writer(1), writer(2));
    let (mut a, mut q) = (Set::new(), Set::new());
    let (_, add) = a.edit_as_operation(&mut ana, |mut set, edit| set.insert(edit, 'x'));
    let mut b = a.clone();
    let (_, remove) = b.edit_as_operation(&mut ben, |mut set, edit| set.remove(edit, &'x'));
    let (add, remove) = (add.ok_or("no add")?, remove.ok_or("no removal")?);
    let mut inbox = CausalInbox::new(8);
    for operation in [remove.clone(), remove, add.clone(), add] {
        inbox.receive(&mut q, operation).map_err(|error| error.to_string())?;
    }
    expect("Q", elements(&q), String::new())?;
    expect("nothing waits", inbox.len(), 0)?;
    expect("equal versions", q.version() == b.version(), true)
}

/// A hears of B's y, tries an edit that writes nothing, and removes y: that depends on B.
fn o2_an_edit_without_a_write_forgets_no_dependency() -> Check {
    let (mut ana, mut ben) = (writer(1), writer(2));
    let (mut a, mut b, mut c) = (Set::new(), Set::new(), Set::new());
    let (_, first) = a.edit_as_operation(&mut ana, |mut set, edit| set.insert(edit, 'x'));
    b.insert(&mut ben, 'y');
    a.merge(&b);
    a.try_edit(&mut ana, |mut set, edit| Ok::<_, ()>(set.remove(edit, &'z'))).map_err(|()| "refused")?;
    a.edit(&mut ana, |mut set, edit| set.remove(edit, &'z'));
    let (_, second) = a.edit_as_operation(&mut ana, |mut set, edit| set.remove(edit, &'y'));
    c.apply_operation(first.ok_or("no insert")?).map_err(|error| error.to_string())?;
    let second = second.ok_or("no removal")?;
    expect("too early", c.apply_operation(second.clone()).err().as_ref().map(name), Some("Gap"))?;
    c.merge(&b);
    c.apply_operation(second).map_err(|error| error.to_string())?;
    expect("C", elements(&c), "x".into())?;
    expect("equal versions, equal views", a.canonical() == c.canonical(), true)
}

/// A key of a counter names a writer: whoever has seen nothing of that writer cannot hold it.
fn o3_a_reset_of_a_count_that_is_not_known_waits() -> Check {
    let (mut ana, mut ben) = (writer(1), writer(2));
    let (mut a, mut c) = (PnCounter::new(), PnCounter::new());
    a.increment(&mut ben, 5).map_err(|error| error.to_string())?;
    let (_, reset) = a.edit_as_operation(&mut ana, |mut count, edit| count.reset(edit));
    let bytes = reset.ok_or("no reset")?.encode();
    // The same without its dependencies: one byte of it is zero instead.
    let end = bytes.len() - 4;
    let forged = (0..end).find_map(|at| {
        let mut bytes = bytes.clone();
        bytes[at] = 0;
        let checksum = (xxhash_rust::xxh64::xxh64(&bytes[..end], 0) as u32).to_le_bytes();
        bytes[end..].copy_from_slice(&checksum);
        let forged = dotted::Operation::decode(&bytes, &Limits::default()).ok()?;
        forged.dependencies().is_empty().then_some(forged)
    });
    let forged = forged.ok_or("no such bytes")?;
    let refused = c.apply_operation(forged).err();
    expect("the answer", refused.as_ref().map(name), Some("Gap"))?;
    expect("C", c == PnCounter::new(), true)
}
