//! Three ways to deal with what two people write at the same time, after the literature on multi-master replication:
//! the last writer wins; version vectors find the conflict and the application decides; data types merge.
//!
//! `cargo run --example three_ways`

use dotted::{
    Crdt, LwwRegister, OrSet, PnCounter, ReplicaId, ResolveError, Resolver, Timestamp, VersionedRecord, Writer,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    last_writer_wins();
    version_vectors_and_the_application()?;
    data_types_that_merge()?;
    Ok(())
}

/// A writer whose clock stands still.
fn writer(seed: u64, millis: u64) -> Writer {
    Writer::with_clock(ReplicaId::from_seed(seed).uuid(), move || Timestamp::from_millis(millis))
}

/// One value, the greatest timestamp is read: simple, and whoever's clock is behind loses.
fn last_writer_wins() {
    println!("1. The last writer wins");
    let (mut tokyo, mut london) = (writer(1, 1_000), writer(2, 4_000)); // London's clock is three seconds ahead
    let (mut here, mut there) = (LwwRegister::new(), LwwRegister::new());
    there.set(&mut london, "ana@old.example".to_string());
    here.set(&mut tokyo, "ana@new.example".to_string()); // in truth the later one
    here.merge(&there);
    there.merge(&here);
    assert_eq!(here, there);
    let read = here.get().map(String::as_str);
    assert_eq!(read, Some("ana@old.example"));
    println!("   both replicas read {read:?}");
    // Elsewhere the other address would be gone. Here it is a conflict that can be seen until it is settled.
    let versions = here.conflict().map_or_else(Vec::new, |conflict| conflict.versions);
    let mut values = versions.iter().filter_map(|version| version.value.map(String::as_str));
    let lost = values.find(|&value| Some(value) != read);
    assert_eq!(lost, Some("ana@new.example"));
    println!("   what would be lost silently elsewhere: {lost:?}");
}

/// An address that was found on the web, or given by a user.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
enum Address {
    Found(String),
    Given(String),
}

/// Causality finds the conflict, and a function of the application decides it.
fn version_vectors_and_the_application() -> Result<(), ResolveError> {
    println!("2. Version vectors, and the application decides");
    let (mut user, mut crawler) = (writer(1, 1_000), writer(2, 4_000));
    let mut here: VersionedRecord<Address> = VersionedRecord::new();
    here.set(&mut crawler, "address", Address::Found("1 Old Street".into()));
    let mut there = here.clone();
    here.set(&mut user, "address", Address::Given("2 New Street".into()));
    there.set(&mut crawler, "address", Address::Found("1 Old Street, Recife".into())); // later, and automatic
    here.merge(&there);
    there.merge(&here);
    println!("   the latest is {:?}", here.get("address"));
    // Given beats found, and the greater one breaks ties: the order of the versions makes no difference.
    let rule = Resolver::Custom(&|versions| versions.iter().filter_map(|version| version.value).max().cloned());
    let read = here.get_by("address", rule)?.value().cloned();
    assert_eq!(read, Some(Address::Given("2 New Street".into())));
    println!("   by the rule that people beat machines it is {read:?}");
    // Whoever settles it first, the outcome is the same.
    let settled = here.resolve_all(&mut user, rule)?;
    there.resolve_all(&mut crawler, rule)?;
    there.merge(&here);
    assert!(settled.len() == 1 && there.conflicts().is_empty());
    assert_eq!(there.get("address"), read.as_ref());
    println!("   settled, with {} versions superseded", settled[0].conflict.versions.len());
    Ok(())
}

/// Where operations commute, there is no conflict to decide.
fn data_types_that_merge() -> Result<(), dotted::Overflow> {
    println!("3. Data types that merge");
    let (mut tokyo, mut london) = (writer(1, 1_000), writer(2, 4_000));
    let (mut cart, mut stock) = (OrSet::new(), PnCounter::new());
    cart.extend(&mut tokyo, ["milk", "tea"].map(String::from));
    stock.increment(&mut tokyo, 100)?;
    let (mut cart_there, mut stock_there) = (cart.clone(), stock.clone());
    cart.remove(&mut tokyo, "milk");
    cart_there.insert(&mut london, "rice".to_string());
    stock.decrement(&mut tokyo, 30)?;
    stock_there.decrement(&mut london, 20)?;
    cart.merge(&cart_there);
    stock.merge(&stock_there);
    let items: Vec<_> = cart.iter().map(String::as_str).collect();
    assert_eq!((&*items, stock.value()), (&["tea", "rice"][..], 50));
    println!("   the cart {items:?} and the stock {} hold what both did", stock.value());
    Ok(())
}
