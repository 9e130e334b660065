//! A profile that is edited, and a user who is created, in two regions.

use dotted::{ConflictKind, LwwMap, LwwRegister, VersionedRecord};

use super::story::{Clock, Story, reunite};

pub fn email_and_phone() -> Story {
    let clock = Clock::default();
    let (mut london, mut tokyo) = (clock.writer("London"), clock.writer("Tokyo"));

    // The whole profile is one value.
    let mut here = LwwRegister::new();
    here.set(&mut london, ["ana@old.example", "+44 1"].map(String::from));
    let mut there = here.clone();
    here.set(&mut london, ["ana@new.example", "+44 1"].map(String::from));
    clock.pass(1);
    there.set(&mut tokyo, ["ana@old.example", "+81 2"].map(String::from));
    reunite(&mut here, &mut there);
    assert_eq!(here.get().unwrap(), &["ana@old.example", "+81 2"]);

    // One value per field.
    let mut here = LwwMap::new();
    here.insert(&mut london, "email".to_string(), "ana@old.example".to_string());
    here.insert(&mut london, "phone".to_string(), "+44 1".to_string());
    let mut there = here.clone();
    here.insert(&mut london, "email".to_string(), "ana@new.example".to_string());
    there.insert(&mut tokyo, "phone".to_string(), "+81 2".to_string());
    reunite(&mut here, &mut there);
    assert_eq!(
        (here.get("email").unwrap().as_str(), here.get("phone").unwrap().as_str()),
        ("ana@new.example", "+81 2")
    );

    // And if both change the e-mail?
    let mut here = VersionedRecord::new();
    here.set(&mut london, "email", "ana@old.example".to_string());
    let mut there = here.clone();
    here.set(&mut london, "email", "ana@new.example".to_string());
    clock.pass(1);
    there.set(&mut tokyo, "email", "a.n.a@example".to_string());
    reunite(&mut here, &mut there);
    let conflicts = here.conflicts();
    assert_eq!((conflicts.len(), conflicts[0].kind, conflicts[0].versions.len()), (1, ConflictKind::WriteWrite, 2));
    here.resolve(&mut london, "email", "ana@new.example".to_string());
    assert!(here.conflicts().is_empty());

    Story::new(
        "E-mail here, phone there",
        "London changes the e-mail address of a profile, and Tokyo, a minute later, the phone number.",
    )
    .under("last writer wins", "the new phone number with the old e-mail address: London's change is lost.")
    .under("LwwMap", "both changes are there. Had both changed the e-mail, the later one would be shown.")
    .under(
        "VersionedRecord",
        "both changes are there. Had both changed the e-mail, it would be listed as a conflict, with both versions, who \
         wrote them and when, until somebody settles it.",
    )
    .under("consensus", "one of the two regions cannot edit profiles during the partition.")
}

pub fn user_5000_inserted_twice() -> Story {
    let clock = Clock::default();
    let (mut london, mut tokyo) = (clock.writer("London"), clock.writer("Tokyo"));

    let (mut here, mut there) = (LwwMap::new(), LwwMap::new());
    here.insert(&mut london, 5000, "Ana".to_string());
    clock.pass(1);
    there.insert(&mut tokyo, 5000, "Ben".to_string());
    reunite(&mut here, &mut there);
    assert_eq!(here.get(&5000).unwrap(), "Ben");
    assert_eq!(here.conflicts().len(), 1, "the map knows better, but says it only when it is asked");

    // A record per user: creating it is an event of its own.
    let (mut here, mut there) = (VersionedRecord::new(), VersionedRecord::new());
    here.set(&mut london, "name", "Ana".to_string());
    there.set(&mut tokyo, "name", "Ben".to_string());
    reunite(&mut here, &mut there);
    assert_eq!(here.conflicts()[0].kind, ConflictKind::InsertInsert);
    assert_eq!(here.conflicts()[0].versions.len(), 2);

    Story::new(
        "User 5000, inserted twice",
        "Both regions number their users. During a partition London inserts Ana as user 5000, and Tokyo Ben.",
    )
    .under("last writer wins", "user 5000 is Ben. Ana's account is gone, and her orders are Ben's.")
    .under("LwwMap", "user 5000 is shown as Ben; Ana is listed in conflicts().")
    .under(
        "VersionedRecord",
        "an insert-insert conflict with both names: somebody gives one of the two another id. Better still, ids that \
         no two replicas can draw: UUIDs, or ranges of numbers that each region holds in escrow.",
    )
    .under("consensus", "the number is given once; the region without a majority inserts nobody meanwhile.")
}
