//! Stock that is sold in two regions.

use dotted::{BoundedCounter, EscrowError, LwwRegister, PnCounter, Writer};

use super::story::{Clock, Story, reunite};

/// What is left after London and Tokyo have each tried to sell so many of 100 units while cut off from
/// each other, and what they shipped.
struct Outcome {
    left: i128,
    shipped: u64,
}

const STOCK: u64 = 100;

/// Two regions; and their clock.
fn writers() -> (Writer, Writer, Clock) {
    let clock = Clock::default();
    (clock.writer("London"), clock.writer("Tokyo"), clock)
}

/// A number that is read, changed and written back.
fn last_writer_wins(sales: [u64; 2]) -> Outcome {
    let (mut london, mut tokyo, clock) = writers();
    let mut here = LwwRegister::new();
    here.set(&mut london, STOCK);
    let mut there = here.clone();
    let mut shipped = 0;
    for ((value, writer), sale) in [(&mut here, &mut london), (&mut there, &mut tokyo)].into_iter().zip(sales) {
        let left = *value.get().expect("it was set");
        if left >= sale {
            value.set(writer, left - sale);
            shipped += sale;
        }
        clock.pass(1);
    }
    reunite(&mut here, &mut there);
    Outcome { left: i128::from(*here.get().expect("it was set")), shipped }
}

/// A counter to which everyone's changes add up.
fn plain_counter(sales: [u64; 2]) -> Outcome {
    let (mut london, mut tokyo, _) = writers();
    let mut here = PnCounter::new();
    here.increment(&mut london, STOCK).expect("it fits");
    let mut there = here.clone();
    let mut shipped = 0;
    for ((value, writer), sale) in [(&mut here, &mut london), (&mut there, &mut tokyo)].into_iter().zip(sales) {
        if value.value() >= i128::from(sale) {
            value.decrement(writer, sale).expect("it fits");
            shipped += sale;
        }
    }
    reunite(&mut here, &mut there);
    Outcome { left: here.value(), shipped }
}

/// A counter of which each region holds a half. A region sells what it can of an order.
fn escrow(sales: [u64; 2]) -> (Outcome, Vec<EscrowError>) {
    let (mut london, mut tokyo, _) = writers();
    let mut here = BoundedCounter::new();
    here.increment(&mut london, STOCK).expect("it fits");
    let mut there = here.clone();
    there.announce(&mut tokyo);
    reunite(&mut here, &mut there);
    let to = here.branch_of(&tokyo).expect("it has announced itself");
    here.transfer(&mut london, &to, STOCK / 2).expect("London has them");
    reunite(&mut here, &mut there);

    let (mut shipped, mut refused) = (0, Vec::new());
    for ((value, writer), sale) in [(&mut here, &mut london), (&mut there, &mut tokyo)].into_iter().zip(sales) {
        let sold = value.try_decrement(writer, sale).map(|_| sale).or_else(|error| {
            refused.push(error);
            let EscrowError::InsufficientRights { local, .. } = error else { return Err(error) };
            let rest = u64::try_from(local).expect("there are 100 altogether");
            value.try_decrement(writer, rest).map(|_| rest)
        });
        shipped += sold.expect("it has that much");
    }
    reunite(&mut here, &mut there);
    (Outcome { left: here.value(), shipped }, refused)
}

const CONSENSUS: &str = "of the two regions, the one that reaches a majority of the group sells on, exactly; the other \
                         one cannot sell at all until the link is back.";

pub fn thirty_and_twenty() -> Story {
    let sales = [30, 20];
    let lost = last_writer_wins(sales);
    assert_eq!((lost.left, lost.shipped), (80, 50));
    let counted = plain_counter(sales);
    assert_eq!((counted.left, counted.shipped), (50, 50));
    let (held, refused) = escrow(sales);
    assert_eq!((held.left, held.shipped, refused.len()), (50, 50, 0));
    Story::new(
        "Stock: 30 and 20 of 100",
        "There are 100 units. London and Tokyo are cut off from each other; London ships 30 units and, a minute later, Tokyo 20.",
    )
    .under(
        "last writer wins",
        format!(
            "{} units are left in the books, after {} were shipped: the other sale is lost.",
            lost.left, lost.shipped
        ),
    )
    .under("PnCounter", format!("{} are left. Both sales count.", counted.left))
    .under(
        "BoundedCounter",
        format!("{} are left. Both sales count, and each was within the 50 that the region held.", held.left),
    )
    .under("consensus", CONSENSUS)
}

pub fn eighty_and_eighty() -> Story {
    let sales = [80, 80];
    let lost = last_writer_wins(sales);
    assert_eq!((lost.left, lost.shipped), (20, 160));
    let counted = plain_counter(sales);
    assert_eq!((counted.left, counted.shipped), (-60, 160));
    let (held, refused) = escrow(sales);
    assert_eq!((held.left, held.shipped), (0, 100));
    assert_eq!(refused, [EscrowError::InsufficientRights { local: 50, elsewhere: 50 }; 2]);
    Story::new("Stock: 80 and 80 of 100", "The same, but each of the two has an order of 80 units.")
        .under("last writer wins", format!("{} units are left in the books, and {} were shipped.", lost.left, lost.shipped))
        .under("PnCounter", format!("{} are left: {} were shipped of 100, and now everybody knows.", counted.left, counted.shipped))
        .under(
            "BoundedCounter",
            format!(
                "each region is refused at once ({}), ships the 50 that it holds, and promises no more: {} shipped, {} left.",
                refused[0], held.shipped, held.left
            ),
        )
        .under("consensus", CONSENSUS)
}
