//! Somebody's clock is far ahead.

use dotted::replication::{Config, Event, PeerId, Replica, Role, Timing};
use dotted::{Store, Timestamp, Uuid, Writer};

const DAY: u64 = 24 * 60 * 60 * 1_000;
const NOW: u64 = 1_800_000_000_000;

fn replica(at: u64, clock: u64, timing: Timing) -> Replica<Store> {
    let config = Config::new(PeerId::from_seed(at), Uuid::from_u128(1), at).with_timing(timing);
    let writer = Writer::with_clock(Uuid::from_u128(u128::from(at) + 100), move || Timestamp::from_millis(clock));
    Replica::new(Store::new(), writer, config)
}

/// The events that a replica raises when it gets what another one has written, whose clock is so far ahead.
fn told(ahead: u64, timing: Timing, write: impl Fn(&mut Store, &mut Writer)) -> Vec<Event> {
    let (mut one, mut other) = (replica(1, NOW, timing.clone()), replica(2, NOW + ahead, timing));
    one.join(PeerId::from_seed(2), Role::Voter).unwrap();
    other.join(PeerId::from_seed(1), Role::Voter).unwrap();
    let mut events = Vec::new();
    for now in 0..200 {
        if now == 100 {
            other.update(|store, writer| write(store, writer)).unwrap();
        }
        one.tick(now);
        other.tick(now);
        while let Some(message) = other.poll_transmit() {
            one.handle(PeerId::from_seed(2), &message.bytes, now).unwrap();
        }
        while let Some(message) = one.poll_transmit() {
            other.handle(PeerId::from_seed(1), &message.bytes, now).unwrap();
        }
        events.extend(std::iter::from_fn(|| one.poll_event()));
    }
    assert!(one.value() == other.value() && !one.value().version().is_empty());
    events.retain(|event| matches!(event, Event::StampAhead { .. }));
    events
}

#[test]
fn a_stamp_far_ahead_is_told_with_its_writer_and_key() {
    type Write = fn(&mut Store, &mut Writer);
    let writes: [(Write, &str, &[u8]); 4] = [
        (|store, writer| _ = store.register("price").set(writer, 3), "price", &[]),
        (|store, writer| _ = store.map("cart").insert(writer, "milk", 3), "cart", b"\x04\x04milk"),
        (|store, writer| _ = store.record("anna").set(writer, "age", 3), "anna", b"\0"),
        (
            |store, writer| {
                store.set("all").insert(writer, "x");
                store.register("price").set(writer, 3);
                store.counter("hits").increment(writer, 1).unwrap();
            },
            "price",
            &[],
        ),
    ];
    for (write, name, key) in writes {
        let [Event::StampAhead { from, latest, by }] = &told(2 * DAY, Timing::default(), write)[..] else {
            panic!("{name}: one event")
        };
        assert_eq!((*from, *by), (PeerId::from_seed(2), 2 * DAY));
        assert_eq!(latest.dot.replica.uuid(), Uuid::from_u128(102));
        assert_eq!((latest.name.as_deref(), &latest.key[..]), (Some(name), key));
        assert_eq!(latest.at.millis(), NOW + 2 * DAY);
    }
}

#[test]
fn how_far_is_far_can_be_said() {
    let write = |store: &mut Store, writer: &mut Writer| _ = store.register("price").set(writer, 3);
    let count = |ahead, far| told(ahead, Timing { ahead: far, ..Timing::default() }, write).len();
    assert_eq!([count(DAY, DAY), count(DAY + 1, DAY), count(1_000, 999), count(1 << 45, u64::MAX)], [0, 1, 1, 0]);
    assert_eq!(told(2 * DAY, Timing::default(), |store, writer| _ = store.set("all").insert(writer, "x")), []);
}
