//! Who wins where deletions and updates are concurrent: every combination of what three replicas can do at once to a
//! record, under every policy, against what each policy means.

use std::collections::BTreeMap;

use dotted::{Ask, Crdt, DeletePolicy, DeleteWins, Deletes, RecordWith, Resolved, Resolver, UpdateWins, Writer};

/// What one replica does to a record {a, b} while the others do what they do.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Action {
    Nothing,
    Set(&'static str),
    Remove(&'static str),
    Delete,
}
use Action::{Delete, Nothing, Remove, Set};

const ACTIONS: [Action; 8] = [Nothing, Set("a"), Set("b"), Set("c"), Remove("a"), Remove("b"), Delete, Set("d")];
const FIELDS: [&str; 4] = ["a", "b", "c", "d"];

/// What is to be read of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Reading {
    Nothing,
    Value,
    Undecided,
}

/// By definition, from who did what: nobody has seen what another one did.
fn meaning(policy: Deletes, done: [Action; 3], field: &str) -> Reading {
    let any = |action: Action| done.contains(&action);
    let (set, removed, deleted) =
        (any(Set(FIELDS.iter().find(|&&f| f == field).unwrap())), any_remove(&done, field), any(Delete));
    let existed = matches!(field, "a" | "b");
    // A deletion of the record is overruled by whatever was set, the removal of a field by setting that field.
    let deletion_overruled = deleted && done.iter().any(|action| matches!(action, Set(_)));
    let there = set || (existed && (!deleted || deletion_overruled) && !removed);
    // Of a deletion, what it had seen is in question, and what it had not: the record as a whole is.
    let in_question = deleted || removed;
    match policy {
        _ if !there => Reading::Nothing,
        Deletes::DeleteWins if in_question => Reading::Nothing,
        Deletes::Ask if in_question => Reading::Undecided,
        _ => Reading::Value,
    }
}

fn any_remove(done: &[Action; 3], field: &str) -> bool {
    done.iter().any(|action| matches!(action, Remove(removed) if *removed == field))
}

fn read<P: DeletePolicy>(record: &RecordWith<u32, P>, field: &str) -> Reading {
    let by = record.get_by(field, Resolver::Latest).expect("it is a function");
    let reading = match by {
        Resolved::Nothing => Reading::Nothing,
        Resolved::One(_) => Reading::Value,
        Resolved::Conflict(_) => Reading::Undecided,
    };
    assert_eq!(record.get(field).is_some(), reading == Reading::Value);
    reading
}

fn play<P: DeletePolicy>(done: [Action; 3]) -> RecordWith<u32, P> {
    let mut writers = [1, 2, 3].map(Writer::from_seed);
    let mut base: RecordWith<u32, P> = RecordWith::new();
    base.extend(&mut Writer::from_seed(4), [("a", 1), ("b", 2)]);
    let mut replicas = [0, 1, 2].map(|_| base.clone());
    for (at, action) in done.into_iter().enumerate() {
        let (record, writer) = (&mut replicas[at], &mut writers[at]);
        match action {
            Nothing => {}
            Set(field) => _ = record.set(writer, field, 100 + at as u32),
            Remove(field) => _ = record.remove(writer, field),
            Delete => _ = record.delete(writer),
        }
    }
    let (mut one, mut other) = (base.clone(), base);
    replicas.iter().for_each(|replica| _ = one.merge(replica));
    replicas.iter().rev().for_each(|replica| _ = other.merge(replica));
    assert!(one == other && one.conflicts() == other.conflicts());
    one
}

fn check<P: DeletePolicy>() {
    for x in ACTIONS {
        for y in ACTIONS {
            for z in ACTIONS {
                let done = [x, y, z];
                let record = play::<P>(done);
                let before: BTreeMap<_, _> = FIELDS.map(|field| (field, read(&record, field))).into();
                for field in FIELDS {
                    assert_eq!(before[field], meaning(P::default().deletes(), done, field), "{done:?}: {field}");
                }
                writes_show(&record, &before, done);
                settling_shows_what_was_read(&record, &before, done);
            }
        }
    }
}

/// Whoever writes a field reads it, and changes no other field, but for what is undecided: that is decided for the record.
fn writes_show<P: DeletePolicy>(record: &RecordWith<u32, P>, before: &BTreeMap<&str, Reading>, done: [Action; 3]) {
    for field in FIELDS {
        let mut written = record.clone();
        written.set(&mut Writer::from_seed(9), field, 7);
        assert_eq!(written.get(field), Some(&7), "{done:?}: {field}");
        for other in FIELDS.into_iter().filter(|&other| other != field) {
            let now = read(&written, other);
            let decided = before[other] == Reading::Undecided && now == Reading::Value;
            assert!(now == before[other] || decided, "{done:?}: writing {field} made {other} {now:?}");
        }
        let mut deleted = record.clone();
        deleted.delete(&mut Writer::from_seed(9));
        assert!(deleted.is_empty() && deleted.conflicts().is_empty(), "{done:?}");
        let mut kept = record.clone();
        kept.restore(&mut Writer::from_seed(9));
        assert!(
            before.iter().all(|(field, before)| *before == Reading::Nothing || read(&kept, field) == Reading::Value)
        );
    }
}

/// A resolver settles by what is read, and what it reports is gone from the conflicts.
fn settling_shows_what_was_read<P: DeletePolicy>(
    record: &RecordWith<u32, P>,
    before: &BTreeMap<&str, Reading>,
    done: [Action; 3],
) {
    let mut settled = record.clone();
    let reported = settled.resolve_all(&mut Writer::from_seed(9), Resolver::Latest).expect("it is a function");
    assert_eq!(reported.len() + settled.conflicts().len(), record.conflicts().len(), "{done:?}");
    for field in FIELDS {
        assert_eq!(read(&settled, field), before[field], "{done:?}: {field}");
        assert_eq!(settled.get(field), record.get(field), "{done:?}: {field}");
    }
}

#[test]
fn updates_win() {
    check::<UpdateWins>();
}

#[test]
fn deletions_win() {
    check::<DeleteWins>();
}

#[test]
fn nobody_wins() {
    check::<Ask>();
}
