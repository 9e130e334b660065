//! Fixed histories of writers that come back, and of writers that are two. The notation is that of
//! `schedules.rs`; `save` makes value and record durable, `resume` starts again from there.

use dotted::{
    Causal, ConflictKind, Crdt, EwFlag, GCounter, Limits, LwwRegister, MemoryStorage, Operation, OrSet, Persistent,
    PnCounter, RebaseError, ReplicaId, SetBody, Shared, Timestamp, VersionVector, VersionedRecord, Writer,
    WriterRecord,
};

use super::schedules::{Check, Schedule, expect};

/// All of them, by name.
pub const ALL: &[(&str, Schedule)] = &[
    ("B5", b5_a_clone_raises_no_alarm_and_a_fork_does),
    ("B6", b6_a_writer_that_was_rolled_back_and_resumed_opens_a_branch),
    ("B7", b7_what_was_written_to_a_clone_is_not_issued_again),
    ("B8", b8_a_resumed_writer_that_writes_to_a_clone_first_opens_a_branch),
    ("B9", b9_a_record_without_counters_opens_new_branches_only),
    ("B10", b10_a_branch_that_the_value_knows_is_never_opened),
    ("B11", b11_a_fork_of_equal_counters_is_seen_by_what_has_left),
    ("F1", f1_a_set_keeps_what_both_wrote_and_what_others_removed),
    ("F2", f2_a_removal_that_was_forgotten_reaches_the_others),
    ("F3", f3_a_count_is_divided_between_the_ids),
    ("F4", f4_a_reset_takes_away_what_it_saw_on_both_sides),
    ("F5", f5_deletions_of_the_two_are_told_apart),
    ("F6", f6_registers_and_flags_show_both_as_a_conflict),
    ("F7", f7_branches_are_renamed_one_by_one),
    ("F8", f8_what_has_left_keeps_its_name),
    ("F9", f9_a_writer_can_be_forked_again),
    ("F10", f10_the_forked_id_is_refused),
    ("F11", f11_operations_follow_after_a_delta),
];

type Set = OrSet<char>;

fn elements(set: &Set) -> String {
    let mut elements: Vec<char> = set.iter().copied().collect();
    elements.sort_unstable();
    elements.into_iter().collect()
}

fn resume(record: &WriterRecord) -> Writer {
    let mut millis = 1_000;
    let record = WriterRecord::decode(&record.encode(), &Limits::default()).expect("what was encoded is decoded");
    Writer::resume_exclusive_with_clock(record, move || {
        millis += 1;
        Timestamp::from_millis(millis)
    })
}

fn version(entries: &[(u32, u64)]) -> VersionVector {
    let id = |branch| ReplicaId::new(ReplicaId::from_seed(1).uuid(), branch);
    entries.iter().map(|&(branch, counter)| (id(branch), counter)).collect()
}

/// Value and record through a storage and a restart.
fn restart(set: &Set, writer: &Writer) -> Result<(Set, Writer), String> {
    let replica = Persistent::<Set, _>::open(MemoryStorage::new(), Limits::default(), |_| resume(&writer.record()));
    let mut replica = replica.map_err(|error| error.to_string())?;
    replica.update(|value, _| *value = set.clone());
    replica.save().map_err(|error| error.to_string())?;
    let mut disk = replica.into_storage();
    disk.crash(0);
    let (mut value, mut found) = (Set::new(), None);
    let replica = Persistent::<Set, _>::open(disk, Limits::default(), |record| {
        found.clone_from(&record);
        record.map_or_else(|| Writer::from_seed(9), |record| resume(&record))
    });
    value.merge(replica.map_err(|error| error.to_string())?.value());
    Ok((value, resume(&found.ok_or("no record")?)))
}

/// Both merge each other and are the same.
fn agree<F: dotted::FragmentCodec>(a: &mut Causal<F>, b: &mut Causal<F>) -> Check {
    let delta = a.delta_since(b.version());
    b.apply(delta).map_err(|error| error.to_string())?;
    a.merge(b);
    #[cfg(feature = "mutants")]
    a.assert_consistent();
    expect("equal versions", a.version() == b.version(), true)?;
    expect("equal views", a.canonical() == b.canonical(), true)?;
    let back = Causal::<F>::decode(&a.encode(), &Limits::default()).map_err(|error| error.to_string())?;
    expect("from bytes", back == *a, true)
}

fn b5_a_clone_raises_no_alarm_and_a_fork_does() -> Check {
    let mut w = Writer::from_seed(1);
    let mut v = Set::new();
    v.insert(&mut w, 'x');
    let clone = v.clone();
    v.insert(&mut w, 'y');
    expect("the clone", clone.version() == &version(&[(0, 1)]), true)?;
    expect("a peer that has seen v", w.forked_by(&version(&[(0, 2)])), None)?;
    let forked = w.forked_by(&version(&[(0, 3)])).ok_or("no fork is noticed")?;
    expect("what is known of it", (forked.replica.branch(), forked.issued, forked.seen), (0, 2, 3))?;
    expect("a branch that was never opened", w.forked_by(&version(&[(1, 1)])).is_some(), true)
}

/// v:+x; old=v; v:+y; save; P<v; v=old; save; crash; resume; v:+z
fn b6_a_writer_that_was_rolled_back_and_resumed_opens_a_branch() -> Check {
    let mut w = Writer::from_seed(1);
    let (mut v, mut p) = (Set::new(), Set::new());
    v.insert(&mut w, 'x');
    let old = v.clone();
    v.insert(&mut w, 'y');
    p.merge(&v);
    let (mut v, mut w) = restart(&old, &w)?;
    let dot = v.insert(&mut w, 'z');
    expect("z", (dot.replica.branch(), dot.counter), (1, 1))?;
    v.merge(&p);
    agree(&mut v, &mut p)?;
    expect("v", elements(&v), "xyz".into())
}

/// v:w0.1; c=v; c:w0.2; P<c; crash; resume v; write
fn b7_what_was_written_to_a_clone_is_not_issued_again() -> Check {
    let mut w = Writer::from_seed(1);
    let (mut v, mut p) = (Set::new(), Set::new());
    v.insert(&mut w, 'x');
    let mut c = v.clone();
    c.insert(&mut w, 'y');
    p.merge(&c);
    let (mut v, mut w) = restart(&v, &w)?;
    let dot = v.insert(&mut w, 'z');
    expect("z", (dot.replica.branch(), dot.counter), (1, 1))?;
    v.merge(&p);
    agree(&mut v, &mut p)?;
    expect("v", elements(&v), "xyz".into())
}

/// stored v at {w0:2} and a clone at {w0:1}; resume, write the clone first
fn b8_a_resumed_writer_that_writes_to_a_clone_first_opens_a_branch() -> Check {
    let mut w = Writer::from_seed(1);
    let mut v = Set::new();
    v.insert(&mut w, 'x');
    let mut clone = v.clone();
    v.insert(&mut w, 'y');
    let (mut v, mut w) = restart(&v, &w)?;
    let dot = clone.insert(&mut w, 'z');
    expect("z", (dot.replica.branch(), dot.counter), (1, 1))?;
    let dot = v.insert(&mut w, 'a');
    expect("a", (dot.replica.branch(), dot.counter), (0, 3))?;
    agree(&mut v, &mut clone)?;
    expect("v", elements(&v), "axyz".into())
}

fn b9_a_record_without_counters_opens_new_branches_only() -> Check {
    let mut w = Writer::from_seed(1);
    let mut v = Set::new();
    let reserved = w.reserve(2);
    v.insert(&mut w, 'x');
    expect("one branch is covered", reserved.covers(&w), true)?;
    let mut others = [Set::new(), Set::new()];
    others[0].insert(&mut w, 'a');
    expect("two are", reserved.covers(&w), true)?;
    others[1].insert(&mut w, 'b');
    expect("three are not", reserved.covers(&w), false)?;
    expect("an old record covers nothing", w.record().covers(&w) && !reserved.covers(&w), true)?;
    let mut again = resume(&w.reserve(0));
    expect("of what was before nothing is known", again.forked_by(&version(&[(0, 9), (2, 9)])), None)?;
    expect("of what comes it is", again.forked_by(&version(&[(3, 1)])).is_some(), true)?;
    let dot = v.insert(&mut again, 'y');
    expect("y", (dot.replica.branch(), dot.counter), (3, 1))?;
    let dot = v.insert(&mut again, 'z');
    expect("z", (dot.replica.branch(), dot.counter), (3, 2))?;
    expect("the next record", again.record().branches(), 4)
}

/// The record is older than the value: a mistake, which must not become two events of one name.
fn b10_a_branch_that_the_value_knows_is_never_opened() -> Check {
    let mut w = Writer::from_seed(1);
    let old = w.record();
    let mut v = Set::new();
    v.insert(&mut w, 'x');
    let mut p = v.clone();
    let mut w = resume(&old);
    let dot = v.insert(&mut w, 'y');
    expect("y", (dot.replica.branch(), dot.counter), (1, 1))?;
    agree(&mut v, &mut p)?;
    expect("p", elements(&p), "xy".into())
}

/// A disk with x on it, which is copied; both copies go on.
struct Copies<F: dotted::Fragment> {
    one: Causal<F>,
    two: Causal<F>,
    first: Writer,
    second: Writer,
    shared: Shared<F>,
}

fn copies<F: dotted::Fragment>(write: impl FnOnce(&mut Causal<F>, &mut Writer)) -> Copies<F> {
    let (mut disk, mut writer) = (Causal::new(), Writer::from_seed(1));
    write(&mut disk, &mut writer);
    let record = writer.record();
    let shared = Shared::of(&disk, record.uuid());
    Copies { one: disk.clone(), two: disk, first: resume(&record), second: resume(&record), shared }
}

fn rebase<F: dotted::FragmentCodec>(
    value: &mut Causal<F>,
    peer: &Causal<F>,
    shared: &Shared<F>,
    seed: u64,
) -> Result<Writer, String> {
    let mut writer = Writer::from_seed(seed);
    value.rebase(peer, shared, &mut writer).map_err(|error| error.to_string())?;
    #[cfg(feature = "mutants")]
    value.assert_consistent();
    Ok(writer)
}

fn b11_a_fork_of_equal_counters_is_seen_by_what_has_left() -> Check {
    let Copies { mut one, mut two, mut first, mut second, shared } =
        copies(|disk: &mut Set, w| _ = disk.insert(w, 'x'));
    one.insert(&mut first, 'a');
    two.insert(&mut second, 'b');
    expect("by what was issued", second.forked_by(one.version()), None)?;
    expect("by what has left", shared.forked_by(one.version()).is_some(), true)
}

fn f1_a_set_keeps_what_both_wrote_and_what_others_removed() -> Check {
    let Copies { mut one, mut two, mut first, mut second, shared } =
        copies(|disk: &mut Set, w| disk.extend(w, ['x', 'y', 'z']));
    let mut ben = Writer::from_seed(2);
    let mut p = one.clone();
    // Two has heard of Ben's removal of z; of that of y it has not.
    p.remove(&mut ben, &'z');
    two.merge(&p);
    p.remove(&mut ben, &'y');
    one.insert(&mut first, 'a');
    one.insert(&mut first, 'b');
    p.merge(&one);
    two.insert(&mut second, 'c');
    two.remove(&mut second, &'x');
    two.insert(&mut second, 'z');
    let mut writer = rebase(&mut two, &p, &shared, 3)?;
    expect("two", elements(&two), "abcz".into())?;
    agree(&mut two, &mut p)?;
    agree(&mut one, &mut p)?;
    expect("all", elements(&one), "abcz".into())?;
    let dot = two.insert(&mut writer, 'd');
    expect("the new id goes on", (dot.replica, dot.counter), (ReplicaId::from_seed(3), 4))?;
    agree(&mut two, &mut p)
}

fn f2_a_removal_that_was_forgotten_reaches_the_others() -> Check {
    let Copies { mut one, mut two, mut first, mut second, shared } =
        copies(|disk: &mut Set, w| disk.extend(w, ['x', 'y']));
    one.insert(&mut first, 'a');
    two.remove(&mut second, &'x');
    two.collect();
    rebase(&mut two, &one, &shared, 3)?;
    agree(&mut two, &mut one)?;
    expect("one", elements(&one), "ay".into())
}

fn overflow(_: dotted::Overflow) -> String {
    "overflow".into()
}

fn f3_a_count_is_divided_between_the_ids() -> Check {
    // Whether or not the other side counts, and whether it is the first or the second to be renamed.
    for other in [0, 1_000] {
        let Copies { mut one, mut two, mut first, mut second, shared } =
            copies(|disk: &mut GCounter, w| _ = disk.increment(w, 5));
        if other > 0 {
            one.increment(&mut first, other).map_err(overflow)?;
        }
        one.increment(&mut first, 0).map_err(overflow)?;
        two.increment(&mut second, 20).map_err(overflow)?;
        two.increment(&mut second, 300).map_err(overflow)?;
        let mut writer = rebase(&mut two, &one, &shared, 3)?;
        expect("two", two.value(), 325 + u128::from(other))?;
        agree(&mut two, &mut one)?;
        two.increment(&mut writer, 50_000).map_err(overflow)?;
        one.increment(&mut first, 600_000).map_err(overflow)?;
        agree(&mut two, &mut one)?;
        expect("all", one.value(), 650_325 + u128::from(other))?;
        // One who never saw the fork hears of it in either order.
        let mut late = GCounter::new();
        late.merge(&two);
        expect("late", late.value(), one.value())?;
    }
    Ok(())
}

fn f4_a_reset_takes_away_what_it_saw_on_both_sides() -> Check {
    let Copies { mut one, mut two, mut first, mut second, shared } =
        copies(|disk: &mut PnCounter, w| _ = disk.increment(w, 5));
    let mut ben = Writer::from_seed(2);
    let mut p = one.clone();
    // Ben resets the 5; one counts 1000, two counts 20, resets what it has, and counts 300 less 1.
    p.reset(&mut ben);
    one.increment(&mut first, 1_000).map_err(overflow)?;
    two.increment(&mut second, 20).map_err(overflow)?;
    two.reset(&mut second);
    two.increment(&mut second, 300).map_err(overflow)?;
    two.decrement(&mut second, 1).map_err(overflow)?;
    p.merge(&one);
    let mut writer = rebase(&mut two, &p, &shared, 3)?;
    expect("two", two.value(), 1_299)?;
    agree(&mut two, &mut p)?;
    p.reset(&mut ben);
    two.increment(&mut writer, 7).map_err(overflow)?;
    one.increment(&mut first, 80_000).map_err(overflow)?;
    agree(&mut two, &mut p)?;
    agree(&mut one, &mut p)?;
    expect("all", one.value(), 80_007)
}

/// Both delete the record, under one name. Each deletion is met by an update of its own.
fn f5_deletions_of_the_two_are_told_apart() -> Check {
    let Copies { mut one, mut two, mut first, mut second, shared } =
        copies(|disk: &mut VersionedRecord<u8>, w| disk.extend(w, [("f", 1), ("g", 2), ("h", 3)]));
    let mut p = one.clone();
    let mut ben = Writer::from_seed(2);
    // Both write a field of their own first, and delete under the same dot.
    one.remove(&mut first, "f");
    two.remove(&mut second, "g");
    // Ben writes f, which overrules the removal of f only.
    p.set(&mut ben, "f", 9);
    rebase(&mut two, &one, &shared, 3)?;
    agree(&mut two, &mut one)?;
    agree(&mut two, &mut p)?;
    let mut shown: Vec<(String, u8)> = two.iter().map(|(field, value)| (field.to_string(), *value)).collect();
    shown.sort_unstable();
    expect("two", shown, vec![("f".to_string(), 9), ("h".to_string(), 3)])?;
    let kinds: Vec<ConflictKind> = two.conflicts().into_iter().map(|conflict| conflict.kind).collect();
    expect("conflicts", kinds, vec![ConflictKind::UpdateDelete])
}

fn f6_registers_and_flags_show_both_as_a_conflict() -> Check {
    let Copies { mut one, mut two, mut first, mut second, shared } =
        copies(|disk: &mut LwwRegister<char>, w| _ = disk.set(w, 'x'));
    one.set(&mut first, 'a');
    two.set(&mut second, 'b');
    two.set(&mut second, 'c');
    rebase(&mut two, &one, &shared, 3)?;
    agree(&mut two, &mut one)?;
    expect("versions", one.conflict().map(|conflict| conflict.versions.len()), Some(2))?;

    let Copies { mut one, mut two, mut first, mut second, shared } = copies(|disk: &mut EwFlag, w| _ = disk.enable(w));
    one.disable(&mut first);
    two.enable(&mut second);
    rebase(&mut one, &two, &shared, 3)?;
    agree(&mut two, &mut one)?;
    expect("enabling wins", one.is_enabled(), true)
}

fn f7_branches_are_renamed_one_by_one() -> Check {
    let Copies { mut one, mut two, mut first, mut second, shared } =
        copies(|disk: &mut PnCounter, w| _ = disk.increment(w, 5));
    // Two counts on two branches, and resets on one of them what it knows of the other.
    let mut clone = two.clone();
    two.increment(&mut second, 20).map_err(overflow)?;
    clone.increment(&mut second, 300).map_err(overflow)?;
    let mut other = two.clone();
    clone.merge(&two);
    clone.reset(&mut second);
    other.increment(&mut second, 4_000).map_err(overflow)?;
    two = other;
    two.merge(&clone);
    expect("two before", (two.value(), two.version().len()), (4_000, 2))?;
    let mut third = one.clone();
    one.increment(&mut first, 50_000).map_err(overflow)?;
    third.increment(&mut first, 600_000).map_err(overflow)?;
    one.merge(&third);
    rebase(&mut two, &one, &shared, 3)?;
    agree(&mut two, &mut one)?;
    expect("all", (one.value(), one.version().len()), (654_000, 4))
}

/// Two's disk was backed up after it had met p; the backup is resumed, while two has counted on.
fn f8_what_has_left_keeps_its_name() -> Check {
    let Copies { one: mut p, mut two, mut second, mut shared, .. } =
        copies(|disk: &mut PnCounter, w| _ = disk.increment(w, 5));
    two.increment(&mut second, 20).map_err(overflow)?;
    p.merge(&two);
    shared.note(&two);
    let (mut backup, mut third) = (two.clone(), resume(&second.record()));
    two.increment(&mut second, 300).map_err(overflow)?;
    backup.increment(&mut third, 4_000).map_err(overflow)?;
    p.merge(&backup);
    expect("noticed", shared.forked_by(p.version()).is_some(), true)?;
    rebase(&mut two, &p, &shared, 3)?;
    agree(&mut two, &mut p)?;
    expect("all", p.value(), 4_325)
}

fn f9_a_writer_can_be_forked_again() -> Check {
    let Copies { mut one, mut two, mut first, mut second, shared } =
        copies(|disk: &mut PnCounter, w| _ = disk.increment(w, 5));
    one.increment(&mut first, 20).map_err(overflow)?;
    two.increment(&mut second, 300).map_err(overflow)?;
    let mut third = rebase(&mut two, &one, &shared, 3)?;
    // The disk of the new writer is copied, too.
    let (mut copy, mut fourth) = (two.clone(), resume(&third.record()));
    let shared = Shared::of(&two, third.uuid());
    two.increment(&mut third, 4_000).map_err(overflow)?;
    copy.increment(&mut fourth, 50_000).map_err(overflow)?;
    one.merge(&copy);
    expect("noticed", shared.forked_by(one.version()).is_some(), true)?;
    rebase(&mut two, &one, &shared, 4)?;
    agree(&mut two, &mut one)?;
    expect("all", one.value(), 54_325)
}

fn f10_the_forked_id_is_refused() -> Check {
    let Copies { one, mut two, mut second, shared, .. } = copies(|disk: &mut Set, w| _ = disk.insert(w, 'x'));
    let before = two.encode();
    let refused = two.rebase(&one, &shared, &mut second).err();
    expect("the answer", refused, Some(RebaseError::SameWriter))?;
    expect("two", two.encode() == before, true)
}

fn f11_operations_follow_after_a_delta() -> Check {
    let Copies { mut one, mut two, mut first, mut second, shared } =
        copies(|disk: &mut Set, w| _ = disk.insert(w, 'x'));
    one.insert(&mut first, 'a');
    two.insert(&mut second, 'b');
    let mut writer = rebase(&mut two, &one, &shared, 3)?;
    let (_, operation): (_, Option<Operation<SetBody<char>>>) =
        two.edit_as_operation(&mut writer, |mut set, edit| set.remove(edit, &'a'));
    let operation = operation.ok_or("nothing was written")?;
    let mut p = one.clone();
    expect("too early", p.apply_operation(operation.clone()).is_err(), true)?;
    p.apply(two.delta_since(p.version())).map_err(|error| error.to_string())?;
    p.apply_operation(operation).map_err(|error| error.to_string())?;
    agree(&mut two, &mut p)?;
    expect("p", elements(&p), "bx".into())
}
