//! A payment that is tried again.

use std::collections::BTreeMap;

use dotted::{Ledger, LwwMap, PnCounter, Recorded, RequestId, Transfer};
use uuid::Uuid;

use super::story::{Clock, Story, reunite};

const AMOUNT: u64 = 10_000;

/// A balance that is read, changed and written back, in both regions.
fn last_writer_wins() -> String {
    let clock = Clock::default();
    let (mut london, mut tokyo) = (clock.writer("London"), clock.writer("Tokyo"));
    let mut here = LwwMap::new();
    here.insert(&mut london, "Ana".to_string(), 50_000_u64);
    here.insert(&mut london, "Ben".to_string(), 0);
    let mut there = here.clone();
    // London has also received 700 for Ana meanwhile.
    here.insert(&mut london, "Ana".to_string(), 50_700);
    clock.pass(1);
    for (value, writer) in [(&mut here, &mut london), (&mut there, &mut tokyo)] {
        let balances: BTreeMap<_, _> = value.iter().map(|(account, balance)| (account.clone(), *balance)).collect();
        value.insert(writer, "Ana".to_string(), balances["Ana"] - AMOUNT);
        value.insert(writer, "Ben".to_string(), balances["Ben"] + AMOUNT);
        clock.pass(1);
    }
    reunite(&mut here, &mut there);
    assert_eq!((here.get("Ana"), here.get("Ben")), (Some(&40_000), Some(&10_000)));
    "the transfer is done once, by luck: one of the two overwrites the other. But so it does with the $700 that Ana was \
     paid in London meanwhile: they are gone."
        .into()
}

fn counters() -> String {
    let clock = Clock::default();
    let (mut london, mut tokyo) = (clock.writer("London"), clock.writer("Tokyo"));
    let mut here = PnCounter::new();
    here.increment(&mut london, 50_000).expect("it fits");
    let mut there = here.clone();
    here.decrement(&mut london, AMOUNT).expect("it fits");
    there.decrement(&mut tokyo, AMOUNT).expect("it fits");
    reunite(&mut here, &mut there);
    assert_eq!(here.value(), 30_000);
    "$20,000 have left Ana's account. A counter counts everything, the retry as well.".into()
}

fn ledger() -> String {
    let clock = Clock::default();
    let (mut london, mut tokyo) = (clock.writer("London"), clock.writer("Tokyo"));
    let (mut here, mut there) = (Ledger::new(), Ledger::new());
    let request = |number| RequestId { client: Uuid::from_u128(7), number };
    let transfer = |amount| Transfer { from: "Ana".into(), to: "Ben".into(), amount };
    here.record(&mut london, request(0), transfer(AMOUNT)).expect("it is new");
    there.record(&mut tokyo, request(0), transfer(AMOUNT)).expect("it is new there");
    reunite(&mut here, &mut there);
    assert_eq!(here.total().of("Ben"), i128::from(AMOUNT));
    assert_eq!(here.record(&mut london, request(0), transfer(AMOUNT)), Ok(Recorded::Before));
    // The same id for something else is no retry.
    let reused = here.record(&mut london, request(0), transfer(1)).expect_err("it is recorded");
    format!(
        "$10,000 have moved, once: the client sent the same request id again, so both regions recorded the same entry. \
         Under that id nothing else is accepted ({reused}), and if two regions accept different things, both are shown \
         and neither counts."
    )
}

pub fn a_transfer_is_retried() -> Story {
    Story::new(
        "A transfer of $10,000, tried again",
        "Ana sends $10,000 to Ben through London. The answer is lost in the partition, so her app tries again through Tokyo.",
    )
    .under("last writer wins", last_writer_wins())
    .under("PnCounter", counters())
    .under("Ledger", ledger())
    .under(
        "consensus",
        "the transfer is done in the region with a majority; in the other one Ana waits for the link. A retry needs a \
         request id there, too.",
    )
}
