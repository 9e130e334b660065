//! A seat that is booked twice.

use dotted::replication::{PeerId, Reservation, Reservations};
use dotted::{BoundedCounter, Claims, LwwRegister, MvRegister, Seat, Writer};

use super::story::{Clock, Story, reunite};

fn last_writer_wins() -> String {
    let clock = Clock::default();
    let (mut london, mut tokyo) = (clock.writer("London"), clock.writer("Tokyo"));
    let (mut here, mut there) = (LwwRegister::new(), LwwRegister::new());
    here.set(&mut london, "Ana".to_string());
    clock.pass(1);
    there.set(&mut tokyo, "Ben".to_string());
    // Each of the two has read what it wrote, and handed out a ticket.
    assert_eq!((here.get().unwrap().as_str(), there.get().unwrap().as_str()), ("Ana", "Ben"));
    reunite(&mut here, &mut there);
    assert_eq!(here.get().unwrap(), "Ben");
    "Ana and Ben both have a ticket; the seat is Ben's, and nobody tells Ana.".into()
}

fn both_values() -> String {
    let clock = Clock::default();
    let (mut london, mut tokyo) = (clock.writer("London"), clock.writer("Tokyo"));
    let (mut here, mut there) = (MvRegister::new(), MvRegister::new());
    here.set(&mut london, "Ana".to_string());
    there.set(&mut tokyo, "Ben".to_string());
    reunite(&mut here, &mut there);
    assert_eq!(here.len(), 2);
    "Ana and Ben both have a ticket; both bookings are seen, and someone has to apologise.".into()
}

/// The right to one seat, which London holds and hands over.
fn a_right_of_one() -> String {
    let clock = Clock::default();
    let (mut london, mut tokyo) = (clock.writer("London"), clock.writer("Tokyo"));
    let mut here = BoundedCounter::new();
    here.increment(&mut london, 1).expect("it fits");
    let mut there = here.clone();
    there.announce(&mut tokyo);
    // Cut off, Tokyo is told at once that it cannot sell; London can.
    let refused = there.try_decrement(&mut tokyo, 1).expect_err("London holds it");
    assert_eq!((there.rights(&tokyo), here.rights(&london)), (0, 1));
    // Or London hands it over while they are connected, and then it is Tokyo's to sell.
    reunite(&mut here, &mut there);
    let to = here.branch_of(&tokyo).expect("it has announced itself");
    here.transfer(&mut london, &to, 1).expect("London holds it");
    reunite(&mut here, &mut there);
    there.try_decrement(&mut tokyo, 1).expect("it is Tokyo's now");
    here.try_decrement(&mut london, 1).expect_err("it has been handed over");
    format!("whoever holds the right to the seat sells it at once, cut off or not; the other is told: {refused}.")
}

fn claims() -> String {
    let clock = Clock::default();
    let (mut london, mut tokyo) = (clock.writer("London"), clock.writer("Tokyo"));
    let members = [PeerId::from_seed(1), PeerId::from_seed(2)];
    let [mut in_london, mut in_tokyo] = members.map(|me| Reservations::new(me, &members));
    let (mut here, mut there) = (Claims::new(), Claims::new());
    let book = |desk: &mut Reservations<String>, claims: &mut Claims<String>, writer: &mut Writer| {
        claims.edit(writer, |mut claims, edit| desk.claim(&mut claims, edit, "12A".into())).expect("it is free there");
    };
    let step = |desk: &mut Reservations<String>, claims: &mut Claims<String>, writer: &mut Writer| {
        claims.edit(writer, |mut claims, edit| desk.step(&mut claims, edit))
    };
    book(&mut in_london, &mut here, &mut london);
    clock.pass(1);
    book(&mut in_tokyo, &mut there, &mut tokyo);
    assert!(matches!(in_tokyo.seat(there.view(), &"12A".into()), Seat::Tentative { .. }));
    assert!(step(&mut in_london, &mut here, &mut london).is_empty());
    reunite(&mut here, &mut there);
    let resource = "12A".to_string();
    let confirmed = Reservation::Confirmed { resource: resource.clone(), round: 0 };
    assert_eq!(step(&mut in_london, &mut here, &mut london), [confirmed]);
    let lost = Reservation::ClaimLost { resource, round: 0, holder: Some(members[0]) };
    assert_eq!(step(&mut in_tokyo, &mut there, &mut tokyo), [lost]);
    "both claims are accepted as tentative. When each region has seen the other's, Ana's is confirmed for good, and \
     Ben is told that his is lost; neither was told anything wrong."
        .into()
}

pub fn the_last_seat() -> Story {
    Story::new(
        "The last seat, booked twice",
        "One seat is left, 12A. During a partition London books it for Ana, and Tokyo, a minute later, for Ben.",
    )
    .under("last writer wins", last_writer_wins())
    .under("MvRegister", both_values())
    .under("BoundedCounter of 1", a_right_of_one())
    .under("Claims", claims())
    .under(
        "consensus",
        "the side with a majority books the seat at once and for good; the other cannot sell it, nor any other seat. Only \
         this gives an immediate final answer to whoever asks first; a right that is held beforehand gives it to its \
         holder only.",
    )
}
