//! An order that is deleted and changed.

use dotted::{ConflictKind, LwwMap, LwwRegister, VersionedRecord};

use super::story::{Clock, Story, reunite};

pub fn deleted_here_and_refunded_there() -> Story {
    let clock = Clock::default();
    let (mut london, mut tokyo) = (clock.writer("London"), clock.writer("Tokyo"));

    let mut here = LwwRegister::new();
    here.set(&mut london, Some("paid".to_string()));
    let mut there = here.clone();
    there.set(&mut tokyo, Some("refunded".to_string()));
    clock.pass(1);
    here.set(&mut london, None);
    reunite(&mut here, &mut there);
    assert_eq!(here.get(), Some(&None));

    let mut here = LwwMap::new();
    here.insert(&mut london, "state".to_string(), "paid".to_string());
    here.insert(&mut london, "amount".to_string(), "$80".to_string());
    let mut there = here.clone();
    here.clear(&mut london);
    there.insert(&mut tokyo, "state".to_string(), "refunded".to_string());
    reunite(&mut here, &mut there);
    assert_eq!((here.len(), here.get("state").unwrap().as_str()), (1, "refunded"));

    let mut here = VersionedRecord::new();
    here.extend(&mut london, [("state", "paid".to_string()), ("amount", "$80".to_string())]);
    let mut there = here.clone();
    here.delete(&mut london);
    there.set(&mut tokyo, "state", "refunded".to_string());
    reunite(&mut here, &mut there);
    assert_eq!((here.get("state").unwrap().as_str(), here.get("amount").unwrap().as_str()), ("refunded", "$80"));
    let conflicts = here.conflicts();
    let update_delete = conflicts.iter().filter(|conflict| conflict.kind == ConflictKind::UpdateDelete).count();
    assert_eq!(update_delete, conflicts.len());
    assert!(!conflicts.is_empty());

    Story::new(
        "An order, deleted here and refunded there",
        "Tokyo refunds an order of $80. London, which has not heard of it, deletes the order a minute later.",
    )
    .under("last writer wins", "the order is gone, and so is the only trace of the refund.")
    .under("LwwMap", "an order without an amount: the refund has survived the deletion, the rest has not.")
    .under(
        "VersionedRecord",
        "the whole order is there, refunded, and an update-delete conflict says that London had deleted it. Somebody \
         decides; deleting it again then is no accident.",
    )
    .under("consensus", "one of the two is refused, or waits until it has seen what the other did.")
}
