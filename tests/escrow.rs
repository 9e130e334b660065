//! Bounded counters: what is refused, whose rights are whose, forks, and what nobody can forge.

#[path = "common/random.rs"]
mod random;

use std::error::Error;

use dotted::{
    BoundedCounter, BoundedCounterBody, Causal, Crdt, DecodeError, Delta, EscrowError, Limits, Operation, ReplicaId,
    Shared, Store, ValueKind, Writer,
};
use random::Random;
use xxhash_rust::xxh64::xxh64;

type Outcome = Result<(), Box<dyn Error>>;

fn branch(counter: &BoundedCounter, writer: &Writer) -> ReplicaId {
    counter.branch_of(writer).expect("it has written")
}

/// London with 100, and Tokyo known to it with nothing.
fn london_and_tokyo() -> (BoundedCounter, BoundedCounter, Writer, Writer) {
    let (mut london, mut tokyo) = (Writer::from_seed(1), Writer::from_seed(2));
    let mut here = BoundedCounter::new();
    here.increment(&mut london, 100).expect("it fits");
    let mut there = here.clone();
    there.announce(&mut tokyo).expect("it is new");
    here.merge(&there);
    (here, there, london, tokyo)
}

/// An attempt fails in this way and leaves no trace.
fn refused(
    counter: &mut BoundedCounter,
    error: EscrowError,
    attempt: impl FnOnce(&mut BoundedCounter) -> Result<dotted::Dot, EscrowError>,
) {
    let before = (counter.encode(), counter.version().encode());
    assert_eq!(attempt(counter), Err(error));
    assert_eq!((counter.encode(), counter.version().encode()), before);
}

#[test]
fn what_is_refused_changes_nothing() -> Outcome {
    let (mut here, mut there, mut london, mut tokyo) = london_and_tokyo();
    let (to_london, to_tokyo) = (branch(&here, &london), branch(&there, &tokyo));
    let stranger = ReplicaId::from_seed(99);

    refused(&mut here, EscrowError::ZeroAmount, |counter| counter.increment(&mut london, 0));
    refused(&mut here, EscrowError::ZeroAmount, |counter| counter.try_decrement(&mut london, 0));
    refused(&mut here, EscrowError::ZeroAmount, |counter| counter.transfer(&mut london, &to_tokyo, 0));
    refused(&mut here, EscrowError::ToOneself, |counter| counter.transfer(&mut london, &to_london, 1));
    refused(&mut here, EscrowError::UnknownReplica, |counter| counter.transfer(&mut london, &stranger, 1));
    // Another branch of one's own that nobody has heard of is no one either.
    let unknown = ReplicaId::new(to_london.uuid(), 7);
    refused(&mut here, EscrowError::UnknownReplica, |counter| counter.transfer(&mut london, &unknown, 1));

    let too_many = EscrowError::InsufficientRights { local: 100, elsewhere: 0 };
    refused(&mut here, too_many, |counter| counter.try_decrement(&mut london, 101));
    refused(&mut here, too_many, |counter| counter.try_decrement(&mut london, u64::MAX));
    refused(&mut here, too_many, |counter| counter.transfer(&mut london, &to_tokyo, 101));
    let none = EscrowError::InsufficientRights { local: 0, elsewhere: 100 };
    refused(&mut there, none, |counter| counter.try_decrement(&mut tokyo, 1));

    refused(&mut here, EscrowError::Overflow, |counter| counter.increment(&mut london, u64::MAX - 99));
    here.increment(&mut london, u64::MAX - 100)?;
    refused(&mut here, EscrowError::Overflow, |counter| counter.increment(&mut london, 1));
    assert_eq!(here.value(), i128::from(u64::MAX));

    // What was received and made may be more than 64 bits; what one has counted down, or given to one other, not.
    here.transfer(&mut london, &to_tokyo, u64::MAX)?;
    there.merge(&here);
    there.increment(&mut tokyo, u64::MAX)?;
    assert_eq!(there.rights(&tokyo), 2 * u128::from(u64::MAX));
    there.transfer(&mut tokyo, &to_london, u64::MAX)?;
    refused(&mut there, EscrowError::Overflow, |counter| counter.transfer(&mut tokyo, &to_london, 1));
    there.try_decrement(&mut tokyo, u64::MAX)?;
    there.merge(&here);
    assert_eq!(there.rights(&tokyo), 0);
    here.merge(&there);
    here.transfer(&mut london, &to_tokyo, 1).expect_err("so much was given before");
    assert_eq!((here.rights(&london), here.value()), (u128::from(u64::MAX), i128::from(u64::MAX)));
    Ok(())
}

#[test]
fn what_is_handed_over_is_spent_once() -> Outcome {
    let (mut here, mut there, mut london, mut tokyo) = london_and_tokyo();
    here.transfer(&mut london, &branch(&there, &tokyo), 60)?;
    // It has gone from here at once, and is there when it is heard of.
    assert_eq!((here.rights(&london), there.rights(&tokyo)), (40, 0));
    here.try_decrement(&mut london, 41).expect_err("it is given");
    there.merge(&here);
    there.try_decrement(&mut tokyo, 60)?;
    here.try_decrement(&mut london, 40)?;
    there.merge(&here);
    assert_eq!((there.value(), there.overdrawn()), (0, 0));
    assert_eq!(there.holders().iter().map(|&(_, rights)| rights).collect::<Vec<_>>(), [0, 0]);
    there.try_decrement(&mut tokyo, 1).expect_err("nothing is left");
    Ok(())
}

#[test]
fn a_writer_on_a_clone_has_no_rights_there() -> Outcome {
    let (mut here, _, mut london, _) = london_and_tokyo();
    let mut copy = here.clone();
    here.try_decrement(&mut london, 10)?;
    let refused = copy.try_decrement(&mut london, 1);
    assert_eq!(refused, Err(EscrowError::InsufficientRights { local: 0, elsewhere: 100 }));
    assert_eq!((here.rights(&london), copy.rights(&london)), (90, 0));
    // The branch is one that others can hand rights over to.
    copy.announce(&mut london).expect("it is new");
    here.merge(&copy);
    let there = branch(&copy, &london);
    here.transfer(&mut london, &there, 5)?;
    copy.merge(&here);
    copy.try_decrement(&mut london, 5)?;
    // Rolled back to before, the rights are there again when the value is.
    let backup = here.clone();
    here.try_decrement(&mut london, 1)?;
    let newest = std::mem::replace(&mut here, backup);
    assert_eq!(here.rights(&london), 0);
    here.merge(&newest);
    assert_eq!(here.rights(&london), 84);
    Ok(())
}

#[test]
fn a_new_incarnation_has_nothing_and_a_resumed_one_has_all() -> Outcome {
    let (here, _, london, _) = london_and_tokyo();
    let mut back = BoundedCounter::decode(&here.encode(), &Limits::default())?;
    assert_eq!(back.rights(&Writer::from_seed(7)), 0);
    let mut resumed = Writer::resume_exclusive(london.record());
    assert_eq!(back.rights(&resumed), 100);
    back.try_decrement(&mut resumed, 100)?;
    // One that keeps no counters opens new branches.
    let mut reserved = Writer::resume_exclusive(london.reserve(4));
    let mut back = BoundedCounter::decode(&here.encode(), &Limits::default())?;
    back.try_decrement(&mut reserved, 1).expect_err("it is another branch");
    Ok(())
}

/// Two processes under one id, and a third party that both know.
struct Fork {
    one: BoundedCounter,
    first: Writer,
    two: BoundedCounter,
    second: Writer,
    shared: Shared<BoundedCounterBody>,
    tokyo: Writer,
}

fn fork() -> Fork {
    let (mut disk, there, mut london, tokyo) = london_and_tokyo();
    disk.transfer(&mut london, &branch(&there, &tokyo), 10).expect("there are so many");
    let record = london.record();
    let shared = Shared::of(&disk, record.uuid());
    let [first, second] = [record.clone(), record].map(Writer::resume_exclusive);
    Fork { one: disk.clone(), first, two: disk, second, shared, tokyo }
}

#[test]
fn what_is_spent_twice_after_a_fork_is_shown_and_can_be_made_good() -> Outcome {
    let Fork { mut one, mut first, mut two, mut second, shared, mut tokyo } = fork();
    one.try_decrement(&mut first, 60)?;
    two.try_decrement(&mut second, 70)?;
    two.transfer(&mut second, &branch_of_tokyo(&two, &tokyo), 5)?;
    assert!(shared.forked_by(one.version()).is_some());

    let mut writer = Writer::from_seed(50);
    two.rebase(&one, &shared, &mut writer)?;
    one.merge(&two);
    assert!(one == two && one.canonical() == two.canonical());
    // 100 were there, and 130 were spent: nothing of that is hidden.
    assert_eq!((one.value(), one.overdrawn()), (-30, 75));
    assert_eq!(one.rights_of(&branch(&two, &writer)), -75);
    assert_eq!(one.rights_of(&branch_of_tokyo(&one, &tokyo)), 15);
    assert_eq!(one.rights_of(&branch(&one, &first)), 30);
    // Nobody who sees that counts down.
    for writer in [&mut first, &mut tokyo, &mut writer] {
        let error = one.clone().try_decrement(writer, 1).expect_err("there is less than nothing");
        assert!(matches!(error, EscrowError::InsufficientRights { local: 0, .. }), "{error}");
    }
    // Rights that are handed over, or made, make it good.
    one.transfer(&mut first, &branch(&two, &writer), 30)?;
    two.merge(&one);
    assert_eq!((two.value(), two.overdrawn()), (-30, 45));
    two.increment(&mut writer, 50)?;
    assert_eq!((two.value(), two.overdrawn(), two.rights(&writer)), (20, 0, 5));
    two.try_decrement(&mut tokyo, 15)?;
    two.try_decrement(&mut writer, 5)?;
    assert_eq!(two.value(), 0);
    Ok(())
}

fn branch_of_tokyo(counter: &BoundedCounter, tokyo: &Writer) -> ReplicaId {
    let found = counter.holders().into_iter().map(|(id, _)| id).find(|id| tokyo.owns(id));
    found.expect("it has announced itself")
}

/// What one has handed to a branch of one's own, of which nothing has left, goes with it.
#[test]
fn branches_take_what_they_were_given_to_their_new_names() -> Outcome {
    let Fork { mut one, mut first, mut two, mut second, shared, .. } = fork();
    let mut copy = two.clone();
    two.try_decrement(&mut second, 1)?;
    copy.announce(&mut second).expect("it is a new branch");
    let other = branch(&copy, &second);
    two.merge(&copy);
    two.transfer(&mut second, &other, 40)?;
    one.try_decrement(&mut first, 3)?;

    let mut writer = Writer::from_seed(50);
    two.rebase(&one, &shared, &mut writer)?;
    let back = BoundedCounter::decode(&two.encode(), &Limits::default())?;
    assert_eq!(back, two);
    one.merge(&two);
    assert_eq!(one.canonical(), two.canonical());
    assert_eq!((one.value(), one.overdrawn()), (96, 41));
    assert_eq!(one.rights_of(&other), 0, "the old name is not there any more");
    let mut rights: Vec<_> = one.holders().into_iter().map(|(_, rights)| rights).collect();
    rights.sort_unstable();
    assert_eq!(rights, [-41, 10, 40, 87]);
    Ok(())
}

/// Forks with all sorts of writes on both sides: nothing is lost, and nothing is counted twice.
#[test]
fn random_forks_keep_the_books() -> Outcome {
    let mut overdrawn = 0;
    for seed in 0..2_000 {
        let mut random = Random::new(seed);
        // Tokyo hears of the second side, which keeps the id; the first has sent nothing when it hears of the other.
        let Fork { mut one, mut first, mut two, mut second, shared, mut tokyo } = fork();
        let mut third = two.clone();
        let (to_tokyo, to_london) = (branch_of_tokyo(&third, &tokyo), branch(&one, &first));
        let mut value = 100;
        for _ in 0..random.below(30) {
            let (counter, writer, to) = match random.below(3) {
                0 => (&mut one, &mut first, to_tokyo),
                1 => (&mut two, &mut second, to_tokyo),
                _ => (&mut third, &mut tokyo, to_london),
            };
            let amount = 1 + random.below(20) as u64;
            match random.below(5) {
                0 => value += counter.increment(writer, amount).map_or(0, |_| i128::from(amount)),
                1..4 => value -= counter.try_decrement(writer, amount).map_or(0, |_| i128::from(amount)),
                _ => _ = counter.transfer(writer, &to, amount),
            }
            if random.chance(20) {
                third.merge(&two);
                two.merge(&third);
            }
        }
        let mut writer = Writer::from_seed(50 + seed);
        one.rebase(&third, &shared, &mut writer)?;
        assert_eq!(BoundedCounter::decode(&one.encode(), &Limits::default())?, one);
        two.merge(&third);
        two.merge(&one);
        third.apply(two.delta_since(third.version()))?;
        one.merge(&third);
        assert!(one == two && one.canonical() == two.canonical() && one.canonical() == third.canonical());
        assert_eq!((one.value(), third.value()), (value, value), "seed {seed}");
        let rights = one.holders().into_iter().map(|(_, rights)| rights);
        assert_eq!((rights.clone().sum::<i128>(), one.overdrawn() > 0), (value, rights.min() < Some(0)));
        overdrawn += u32::from(one.overdrawn() > 0);
    }
    assert!(overdrawn > 500, "{overdrawn}");
    Ok(())
}

/// The value with one byte changed behind its envelope and the checksum made right.
fn forged(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let places = 9..bytes.len() - 4;
    places.flat_map(move |at| {
        (1..=255).map(move |change| {
            let mut forged = bytes.to_vec();
            forged[at] ^= change;
            let end = forged.len() - 4;
            let checksum = (xxh64(&forged[..end], 0) as u32).to_le_bytes();
            forged[end..].copy_from_slice(&checksum);
            forged
        })
    })
}

/// Rows as JSON, in which an event is put under another key.
fn with_row(counter: &BoundedCounter, change: impl FnOnce(&mut serde_json::Value)) -> Result<BoundedCounter, String> {
    let mut json = serde_json::to_value(counter).expect("it is written");
    change(&mut json);
    serde_json::from_value(json).map_err(|error| error.to_string())
}

#[test]
fn nobody_gives_to_himself_in_the_name_of_another() -> Outcome {
    let (mut here, there, mut london, mut tokyo) = london_and_tokyo();
    let to_tokyo = branch(&there, &tokyo);
    here.transfer(&mut london, &to_tokyo, 7)?;
    here.try_decrement(&mut tokyo, 5)?;
    let rows = |json: &serde_json::Value| json["events"].as_array().expect("rows").len();
    assert_eq!(rows(&serde_json::to_value(&here)?), 3);
    with_row(&here, |_| {})?;
    // Tokyo's event says that London gives to Tokyo.
    let (from, to) = (branch(&here, &london).to_string(), to_tokyo.to_string());
    let error = with_row(&here, |json| {
        let rows = json["events"].as_array_mut().expect("rows");
        rows.retain(|row| row["writer"] == row["to"]);
        let row = rows.iter_mut().find(|row| row["replica"] == to.as_str()).expect("Tokyo has counted");
        row["writer"] = from.as_str().into();
        row["value"] = serde_json::json!({ "given": 50 });
    });
    assert!(error.expect_err("it is forged").contains("cannot have issued"));
    // What is given is no count, and what is counted no gift.
    for (key, value) in [(&from, serde_json::json!({ "given": 5 })), (&to, serde_json::json!({ "given": 5 }))] {
        let error = with_row(&here, |json| {
            let rows = json["events"].as_array_mut().expect("rows");
            let row = rows.iter_mut().find(|row| row["writer"] == row["to"] && row["writer"] == key.as_str());
            row.expect("it has counted")["value"] = value;
        });
        assert!(error.expect_err("it is forged").contains("cannot have issued"));
    }
    // Nothing is ever taken out of the books.
    for at in 0..3 {
        let error = with_row(&here, |json| {
            json["events"][at].as_object_mut().expect("a row").remove("value").expect("it has one");
        });
        assert!(error.expect_err("it is forged").contains("cannot have issued"));
    }
    // As bytes: whatever is read is no gift of Tokyo to itself.
    let mut read = 0;
    for bytes in forged(&here.encode()) {
        if let Ok(counter) = BoundedCounter::decode(&bytes, &Limits::default()) {
            assert_eq!(counter.encode(), bytes);
            _ = (counter.value(), counter.holders(), counter.overdrawn());
            read += 1;
        }
    }
    assert!(read > 100);
    Ok(())
}

#[test]
fn deltas_and_operations_name_only_whom_their_receiver_knows() -> Outcome {
    let (mut here, there, mut london, tokyo) = london_and_tokyo();
    let old = {
        let mut old = BoundedCounter::new();
        old.merge(&here);
        old
    };
    let to = branch(&there, &tokyo);
    let (given, operation) = here.edit_as_operation(&mut london, |mut counter, edit| counter.transfer(edit, &to, 9));
    given?;
    let operation = operation.expect("something was written");
    let read = Operation::<BoundedCounterBody>::decode(&operation.encode(), &Limits::default())?;
    assert_eq!(read.encode(), operation.encode());
    // It depends on Tokyo's announcement, too.
    assert!(matches!(BoundedCounter::new().apply_operation(operation.clone()), Err(dotted::ApplyError::Gap { .. })));
    let mut by_operation = old.clone();
    by_operation.apply_operation(operation)?;
    let mut by_delta = old.clone();
    let bytes = here.delta_since(old.version()).encode();
    by_delta.apply(Delta::decode(&bytes, &Limits::default())?)?;
    assert!(by_delta == here && by_operation == here);
    assert_eq!(by_delta.rights_of(&to), 9);
    assert!(matches!(
        Delta::<BoundedCounterBody>::decode(&bytes[..bytes.len() - 1], &Limits::default()),
        Err(DecodeError::Checksum)
    ));
    Ok(())
}

#[test]
fn an_upper_bound_is_a_second_counter() -> Outcome {
    type Level = Causal<(BoundedCounterBody, BoundedCounterBody)>;
    let mut tokyo = Writer::from_seed(1);
    let mut level = Level::new();
    level.edit(&mut tokyo, |(_, mut room), edit| room.increment(edit, 15))?;
    let mut change = |level: &mut Level, up: u64, down: u64| {
        level.try_edit(&mut tokyo, |(mut above, mut room), edit| {
            if up > 0 {
                room.try_decrement(edit, up)?;
                above.increment(edit, up)?;
            }
            if down > 0 {
                above.try_decrement(edit, down)?;
                room.increment(edit, down)?;
            }
            Ok::<_, EscrowError>(())
        })
    };
    change(&mut level, 15, 0)?;
    let before = level.encode();
    assert_eq!(change(&mut level, 1, 0), Err(EscrowError::InsufficientRights { local: 0, elsewhere: 0 }));
    assert_eq!(change(&mut level, 0, 16), Err(EscrowError::InsufficientRights { local: 15, elsewhere: 0 }));
    assert_eq!(level.encode(), before);
    change(&mut level, 0, 5)?;
    let (above, room) = level.view();
    assert_eq!((above.value(), room.value()), (10, 5));
    Ok(())
}

#[test]
fn in_a_store_it_is_shown_and_not_removed() -> Outcome {
    let (mut london, mut tokyo) = (Writer::from_seed(1), Writer::from_seed(2));
    let mut store = Store::new();
    store.bounded_counter("stock").increment(&mut london, 100)?;
    let mut there = store.clone();
    // Whoever has written anything to the store is known.
    there.register("title").set(&mut tokyo, "notes");
    store.merge(&there);
    let to = store.branch_of(&tokyo).expect("it has written");
    store.bounded_counter("stock").transfer(&mut london, &to, 40)?;
    there.merge(&store);
    assert_eq!(
        (there.bounded_counter("stock").rights(&tokyo), there.bounded_counter("stock").rights(&london)),
        (40, 60)
    );
    assert_eq!(store.remove(&mut london, "stock"), None);
    there.bounded_counter("stock").try_decrement(&mut tokyo, 40)?;
    assert_eq!(store.bounded_counter("nothing").try_decrement(&mut london, 1).ok(), None);
    store.merge(&there);
    assert_eq!(store.bounded_counter("stock").value(), 60);
    assert_eq!(format!("{store:?}"), r#"{"stock": BoundedCounter(60), "title": LwwRegister(Some("notes"))}"#);
    let named = store.names().find(|named| &*named.name == "stock").expect("it is listed");
    assert_eq!((named.kind, named.kind.to_string().as_str()), (ValueKind::BoundedCounter, "bounded counter"));
    let back: Store = serde_json::from_str(&serde_json::to_string(&store)?)?;
    assert_eq!(back.encode(), store.encode());
    let mut watched = dotted::Watched::new(store);
    assert_eq!(*watched.snapshot("stock", ValueKind::BoundedCounter), dotted::Snapshot::BoundedCounter(60));
    Ok(())
}
