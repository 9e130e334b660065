//! Rights go to where they are needed: how many decrements are served at once, with faults and without, and what those
//! who ask for too much get.

#[path = "common/random.rs"]
mod random;

use std::collections::{BTreeMap, BTreeSet};

use dotted::replication::{
    Config, Escrows, PeerId, Rebalancer, Rebalancing, Replica, ReplicaError, Role, SpendError, Transmit,
};
use dotted::{BoundedCounter, DecodeError, EscrowError, ReplicaId, Store, Writer};
use random::Random;
use uuid::Uuid;
use xxhash_rust::xxh64::xxh64;

const STORE: Uuid = Uuid::from_u128(42);

fn peer(at: usize) -> PeerId {
    PeerId::from_seed(at as u64 + 1)
}

/// Replicas with their rebalancers on a network that loses, doubles, delays and cuts by seed.
struct Net<C: Escrows> {
    nodes: Vec<(Replica<C>, Rebalancer)>,
    name: &'static str,
    now: u64,
    random: Random,
    wire: BTreeMap<(u64, u64), (usize, usize, Vec<u8>)>,
    serial: u64,
    delay: u64,
    /// Per hundred messages, lost and doubled.
    faults: (u64, u64),
    cut: BTreeSet<usize>,
    wanted: u64,
    served: u64,
    /// Messages of rebalancers.
    asked: u64,
}

impl<C: Escrows> Net<C> {
    fn new(count: usize, name: &'static str, seed: u64) -> Self {
        let node = |at: usize| {
            let (writer, config) = (Writer::from_seed(at as u64 + 1), Config::new(peer(at), STORE, seed + at as u64));
            let mut replica = Replica::new(C::default(), writer, config);
            (0..count)
                .filter(|&other| other != at)
                .for_each(|other| replica.join(peer(other), Role::Voter).expect("it may join"));
            (replica, Rebalancer::new(seed + at as u64, Rebalancing::default()))
        };
        Self {
            nodes: (0..count).map(node).collect(),
            name,
            now: 0,
            random: Random::new(seed),
            wire: BTreeMap::new(),
            serial: 0,
            delay: 50,
            faults: (0, 0),
            cut: BTreeSet::new(),
            wanted: 0,
            served: 0,
            asked: 0,
        }
    }

    fn make(&mut self, at: usize, write: impl FnOnce(&mut C, &mut Writer)) {
        self.nodes[at].0.update(write).expect("it is not forked");
    }

    /// Somebody wants to count one down, here and now.
    fn want(&mut self, at: usize, rebalance: bool) {
        let (replica, rebalancer) = &mut self.nodes[at];
        self.wanted += 1;
        let result = if rebalance {
            rebalancer.try_decrement(replica, self.name, 1, self.now)
        } else {
            let name = self.name;
            let result = replica.update(|value, writer| value.try_decrement(writer, name, 1));
            result.expect("it is not forked").map_err(SpendError::Escrow)
        };
        match result {
            Ok(_) => self.served += 1,
            Err(SpendError::Escrow(EscrowError::InsufficientRights { local: 0, .. })) => {}
            Err(error) => panic!("{error}"),
        }
    }

    fn send(&mut self, from: usize, message: Transmit) {
        let to = (0..self.nodes.len()).find(|&at| peer(at) == message.to).expect("a member");
        let lost = self.random.chance(self.faults.0) || self.cut.contains(&from) || self.cut.contains(&to);
        let copies = if lost { 0 } else { 1 + usize::from(self.random.chance(self.faults.1)) };
        for _ in 0..copies {
            self.serial += 1;
            let at = self.now + 1 + self.random.below(self.delay as usize) as u64;
            self.wire.insert((at, self.serial), (from, to, message.bytes.clone()));
        }
    }

    /// So many milliseconds pass.
    fn run(&mut self, millis: u64) {
        let end = self.now + millis;
        self.attend();
        loop {
            let timeouts = self
                .nodes
                .iter()
                .flat_map(|(replica, rebalancer)| replica.poll_timeout().into_iter().chain(rebalancer.poll_timeout()));
            let next = timeouts.chain(self.wire.first_key_value().map(|(&(at, _), _)| at)).min();
            let Some(next) = next.filter(|&next| next <= end) else { break };
            self.now = self.now.max(next);
            self.attend();
        }
        self.now = end;
    }

    /// What is due.
    fn attend(&mut self) {
        while let Some(entry) = self.wire.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let (from, to, bytes) = entry.remove();
            let (replica, rebalancer) = &mut self.nodes[to];
            if Rebalancer::claims(&bytes) {
                self.asked += 1;
                rebalancer.handle(replica, peer(from), &bytes, self.now).expect("it is sound");
            } else {
                replica.handle(peer(from), &bytes, self.now).expect("it is sound");
            }
            assert!(replica.value().holders(self.name).iter().all(|&(_, rights)| rights >= 0));
        }
        for at in 0..self.nodes.len() {
            let (replica, rebalancer) = &mut self.nodes[at];
            if replica.poll_timeout().is_some_and(|due| due <= self.now) {
                replica.tick(self.now);
            }
            if rebalancer.poll_timeout().is_some_and(|due| due <= self.now) {
                rebalancer.tick(replica, self.now);
            }
            while let Some(message) = {
                let (replica, rebalancer) = &mut self.nodes[at];
                replica.poll_transmit().or_else(|| rebalancer.poll_transmit())
            } {
                self.send(at, message);
            }
        }
    }

    /// The program starts again, with the value and its writer, and without what was under way.
    fn restart(&mut self, at: usize, seed: u64) {
        let (replica, _) = &self.nodes[at];
        let (value, record) = (replica.value().encode(), replica.writer().record());
        let value = C::decode(&value, &Default::default()).expect("it was encoded");
        let mut again = Replica::new(value, Writer::resume_exclusive(record), replica.config().clone());
        replica.members().iter().for_each(|&member| again.join(member, Role::Voter).expect("it may join"));
        again.tick(self.now);
        self.nodes[at] = (again, Rebalancer::new(seed ^ self.now, Rebalancing::default()));
    }

    fn rights(&self, at: usize) -> i128 {
        let replica = &self.nodes[at].0;
        let holders = replica.value().holders(self.name);
        let own = replica.value().branch_of(replica.writer());
        holders.iter().find(|(id, _)| Some(*id) == own).map_or(0, |&(_, rights)| rights)
    }

    /// All agree in the end, and so much is left.
    fn left(&mut self) -> i128 {
        (self.faults, self.cut) = ((0, 0), BTreeSet::new());
        self.run(60_000);
        let first = self.nodes[0].0.value().canonical();
        assert!(self.nodes.iter().all(|(replica, _)| replica.value().canonical() == first));
        self.nodes[0].0.value().holders(self.name).iter().map(|(_, rights)| rights).sum()
    }

    fn share(&self) -> f64 {
        100.0 * self.served as f64 / self.wanted as f64
    }
}

/// Ten replicas, of which two get four fifths of 9,000 orders.
struct Skewed {
    rebalance: bool,
    /// How much there is, at these replicas in equal parts.
    stock: u64,
    at: std::ops::Range<usize>,
    faults: (u64, u64),
}

/// A tenth more than is wanted, everywhere.
const EASY: Skewed = Skewed { rebalance: true, stock: 10_000, at: 0..10, faults: (0, 0) };

impl Skewed {
    fn run<C: Escrows>(&self, name: &'static str, make: impl Fn(&mut C, &mut Writer, u64)) -> Net<C> {
        let mut net = Net::<C>::new(10, name, 7);
        net.faults = self.faults;
        let each = self.stock / self.at.len() as u64;
        self.at.clone().for_each(|at| net.make(at, |value, writer| make(value, writer, each)));
        net.run(1_000);
        for _ in 0..9_000 {
            let at = if net.random.chance(80) { net.random.below(2) } else { 2 + net.random.below(8) };
            net.want(at, self.rebalance);
            net.run(10);
        }
        let (served, left) = (net.served, net.left());
        assert_eq!(left, i128::from(self.stock) - i128::from(served), "nothing is sold twice, and nothing is lost");
        net
    }
}

fn increment(counter: &mut BoundedCounter, writer: &mut Writer, by: u64) {
    counter.increment(writer, by).expect("it fits");
}

#[test]
fn under_a_skew_of_80_to_20_at_least_95_percent_are_served_at_once() {
    let with = EASY.run("", increment);
    let without = Skewed { rebalance: false, ..EASY }.run("", increment);
    let (on, off) = (with.share(), without.share());
    println!("served at once: {on:.2} % with the rebalancer, {off:.2} % without; {} messages", with.asked);
    assert!(with.served * 100 >= with.wanted * 95, "{on:.2} %");
    assert!(without.served * 100 <= without.wanted * 50, "{off:.2} %");
    assert_eq!(without.asked, 0);
    // Far fewer messages than decrements.
    assert!(with.asked * 10 < with.wanted, "{} messages", with.asked);
}

#[test]
fn so_are_they_where_all_of_the_stock_is_elsewhere_at_first_and_hardly_more_than_is_wanted() {
    for (stock, at) in [(10_000, 9..10), (9_200, 0..10), (9_200, 9..10)] {
        let net = Skewed { stock, at: at.clone(), ..EASY }.run("", increment);
        println!("served at once: {:.2} % of {stock} that are at {at:?}; {} messages", net.share(), net.asked);
        assert!(net.served * 100 >= net.wanted * 95, "{:.2} %", net.share());
    }
}

#[test]
fn the_same_in_a_store_and_where_a_third_of_all_messages_is_lost() {
    let increment = |store: &mut Store, writer: &mut Writer, by| {
        store.bounded_counter("stock").increment(writer, by).expect("it fits");
    };
    let net = Skewed { faults: (30, 20), ..EASY }.run("stock", increment);
    println!("served at once: {:.2} % where 30 % of all messages are lost; {} messages", net.share(), net.asked);
    assert!(net.served * 100 >= net.wanted * 90, "{:.2} %", net.share());
}

#[test]
fn all_of_it_is_sold_wherever_it_is_wanted() {
    let mut net = Net::<BoundedCounter>::new(5, "", 3);
    net.make(4, |counter, writer| increment(counter, writer, 3_000));
    while net.served < 3_000 && net.now < 200_000 {
        net.want(0, true);
        net.run(10);
    }
    // The last of it was the only one's of whom nothing was wanted.
    assert_eq!((net.served, net.left()), (3_000, 0));
}

/// Two replicas with so much each; how often rights moved while each of `turns` wants something for fifteen seconds,
/// and how often to the one who wanted nothing.
fn moved(stock: u64, turns: &[&[usize]]) -> (u32, u32) {
    let mut net = Net::<BoundedCounter>::new(2, "", 5);
    (0..2).for_each(|at| net.make(at, |counter, writer| increment(counter, writer, stock)));
    net.run(500);
    let (mut moved, mut back) = (0, 0);
    let mut before = [net.rights(0), net.rights(1)];
    for who in turns {
        for _ in 0..1_500 {
            who.iter().for_each(|&at| net.want(at, true));
            net.run(10);
            let now = [net.rights(0), net.rights(1)];
            for at in (0..2).filter(|&at| now[at] > before[at]) {
                moved += 1;
                back += u32::from(!who.contains(&at));
            }
            before = now;
        }
    }
    let spent = net.served;
    assert_eq!(net.left(), 2 * i128::from(stock) - i128::from(spent));
    println!("{moved} transfers from a stock of {stock} each, {back} of them back, and {spent} were sold");
    (moved, back)
}

#[test]
fn rights_do_not_go_back_and_forth() {
    // Two that want the same all the time: with enough for both, and with too little for either.
    assert_eq!(moved(10_000, &[&[0, 1], &[0, 1]]), (0, 0));
    assert_eq!(moved(600, &[&[0, 1], &[0, 1]]), (0, 0));
    // In turns: by halves, to the one whose turn it is.
    let (moved, back) = moved(3_000, &[&[0], &[1], &[0], &[1], &[0], &[1]]);
    // Back goes only what was asked for just before.
    assert!((6..=60).contains(&moved) && back <= 2, "{moved} transfers, {back} back");
}

/// Someone who wanted to buy more than there is, now and then, had all of it brought to where he asked and kept there:
/// the others could sell nothing.
#[test]
fn what_cannot_be_had_is_not_gathered() {
    let mut net = Net::<BoundedCounter>::new(3, "", 1);
    (0..3).for_each(|at| net.make(at, |counter, writer| increment(counter, writer, 100)));
    net.run(2_000);
    let try_for_all = |net: &mut Net<BoundedCounter>| {
        let (replica, rebalancer) = &mut net.nodes[0];
        rebalancer.try_decrement(replica, "", 10_000, net.now).expect_err("there are not so many");
    };
    for step in 0..300 {
        if step % 25 == 0 {
            try_for_all(&mut net);
        }
        if step % 10 == 0 {
            (1..3).for_each(|at| net.want(at, true));
        }
        net.run(100);
    }
    assert_eq!((net.served, net.wanted), (60, 60));
    assert_eq!(net.left(), 240);

    // The same before there was anything.
    let mut net = Net::<BoundedCounter>::new(3, "", 1);
    net.run(2_000);
    try_for_all(&mut net);
    net.make(1, |counter, writer| increment(counter, writer, 100));
    net.run(5_000);
    assert_eq!((net.rights(0), net.rights(1)), (0, 100));
}

/// Whoever was refused announced himself at once: an event behind an error.
#[test]
fn what_is_refused_writes_nothing_and_is_asked_for_next() {
    let mut net = Net::<BoundedCounter>::new(2, "", 1);
    net.make(0, |counter, writer| increment(counter, writer, 100));
    net.run(1_000);
    let (replica, rebalancer) = &mut net.nodes[1];
    let before = replica.value().encode();
    rebalancer.try_decrement(replica, "", 1, net.now).expect_err("there is nothing here");
    assert_eq!(replica.value().encode(), before);
    assert_eq!(rebalancer.poll_timeout(), Some(net.now));
    net.run(1_000);
    assert!(net.rights(1) > 0);
}

/// Counters of which there was enough kept their places for ever, as nothing was due.
#[test]
fn counters_that_are_not_wanted_any_more_make_room() {
    let mut net = Net::<Store>::new(2, "third", 1);
    net.nodes[0].1 = Rebalancer::new(5, Rebalancing { counters: 2, ..Rebalancing::default() });
    for name in ["first", "second"] {
        net.make(0, |store, writer| _ = store.bounded_counter(name).increment(writer, 100));
        let (replica, rebalancer) = &mut net.nodes[0];
        rebalancer.try_decrement(replica, name, 1, net.now).expect("there is enough");
    }
    net.make(1, |store, writer| _ = store.bounded_counter("third").increment(writer, 100));
    net.run(3_600_000);
    for _ in 0..50 {
        net.want(0, true);
        net.run(100);
    }
    assert!(net.served > 40, "{} of {}", net.served, net.wanted);
}

#[test]
fn one_who_does_not_answer_is_not_waited_for() {
    let mut net = Net::<BoundedCounter>::new(4, "", 9);
    net.make(1, |counter, writer| increment(counter, writer, 100_000));
    net.make(2, |counter, writer| increment(counter, writer, 5_000));
    net.run(1_000);
    // The richest cannot be reached.
    net.cut.insert(1);
    for _ in 0..1_000 {
        net.want(0, true);
        net.run(10);
    }
    assert!(net.served > 600, "{} of {}", net.served, net.wanted);
    let spent = net.served;
    assert_eq!(net.left(), 105_000 - i128::from(spent));
}

/// Faults of all sorts, members that start again with what they had, and a newcomer: in the end the books are right, and
/// all fall silent.
#[test]
fn whatever_fails_the_books_are_right_and_silence_follows() {
    let (mut served, mut wanted) = (0, 0);
    for seed in 0..30 {
        let mut net = Net::<BoundedCounter>::new(4, "", 100 * seed);
        net.faults = (net.random.below(40) as u64, net.random.below(30) as u64);
        net.delay = [5, 100, 1_500][net.random.below(3)];
        let mut made = 0;
        for _ in 0..1_500 {
            let at = net.random.below(4);
            match net.random.below(400) {
                0 => _ = net.cut.insert(at),
                1..4 => net.cut.clear(),
                4 => net.restart(at, seed),
                5..9 => {
                    made += 200;
                    net.make(at, |counter, writer| increment(counter, writer, 200));
                }
                // The first wants most.
                _ if net.random.chance(30) => net.want(at, true),
                _ => net.want(0, true),
            }
            let pause = 1 + net.random.below(20) as u64;
            net.run(pause);
        }
        let spent = i128::from(net.served);
        assert_eq!(net.left(), made - spent, "seed {seed}");
        let asked = net.asked;
        net.run(60_000);
        assert_eq!(net.asked, asked, "nothing is wanted any more");
        (served, wanted) = (served + net.served, wanted + net.wanted);
    }
    assert!(served * 2 > wanted, "{served} of {wanted}");
}

#[test]
fn the_same_calls_give_the_same_bytes() {
    let run = || {
        let net = Skewed { faults: (20, 20), ..EASY }.run("", increment);
        (net.served, net.asked, net.serial, net.nodes[3].0.value().encode())
    };
    assert_eq!(run(), run());
}

/// A message as FORMAT.md has it.
fn message(content: u8, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = b"dotd".to_vec();
    bytes.extend([1, content, 0, 0, 0]);
    write(&mut bytes);
    let checksum = (xxh64(&bytes, 0) as u32).to_le_bytes();
    bytes.extend(checksum);
    bytes
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn want(number: u64, amount: u64, to: &ReplicaId, name: &str) -> Vec<u8> {
    message(20, |out| {
        out.extend_from_slice(STORE.as_bytes());
        out.extend_from_slice(&77u64.to_le_bytes());
        varint(out, number);
        varint(out, amount);
        out.extend_from_slice(to.uuid().as_bytes());
        varint(out, u64::from(to.branch()));
        out.extend_from_slice(name.as_bytes());
    })
}

#[test]
fn those_who_ask_for_too_much_do_no_harm() {
    let mut net = Net::<Store>::new(2, "stock", 1);
    net.make(0, |store, writer| _ = store.bounded_counter("stock").increment(writer, 1_000));
    net.make(1, |store, writer| _ = store.register("title").set(writer, "notes"));
    net.run(1_000);
    // Some of it is wanted here.
    for _ in 0..100 {
        net.want(0, true);
        net.run(1);
    }
    let to = ReplicaId::from_seed(2);
    let (now, name, long) = (net.now, "stock", "n".repeat(1_000));
    let (replica, rebalancer) = &mut net.nodes[0];
    let mut handle =
        |replica: &mut Replica<Store>, from, bytes: &[u8], now| rebalancer.handle(replica, from, bytes, now);
    let before = replica.value().encode();

    // Strangers, other stores, damage, names of nothing, names that are too long, nobody in particular, oneself.
    let stranger = handle(replica, peer(9), &want(1, 1, &to, name), now);
    assert_eq!(stranger, Err(ReplicaError::NotMember { peer: peer(9) }));
    let mut damaged = want(1, 1, &to, name);
    damaged[30] ^= 1;
    let error = DecodeError::Checksum;
    assert_eq!(handle(replica, peer(1), &damaged, now), Err(ReplicaError::Malformed { peer: peer(1), error }));
    let bytes = want(1, 1, &to, &long);
    let too_long = ReplicaError::TooLong { peer: peer(1), bytes: bytes.len() };
    assert_eq!(handle(replica, peer(1), &bytes, now), Err(too_long));
    assert_eq!(handle(replica, peer(1), &want(1, u64::MAX, &to, "nothing"), now), Ok(()));
    assert_eq!(handle(replica, peer(1), &want(2, u64::MAX, &ReplicaId::from_seed(99), name), now), Ok(()));
    assert_eq!(handle(replica, peer(1), &want(3, u64::MAX, &ReplicaId::from_seed(1), name), now), Ok(()));
    assert_eq!(handle(replica, peer(1), &want(4, 0, &to, name), now), Ok(()));
    // What was never asked for is not granted.
    let grant = message(21, |out| {
        out.extend_from_slice(STORE.as_bytes());
        out.extend_from_slice(&1u64.to_le_bytes());
        out.extend([1, 100]);
    });
    assert_eq!(handle(replica, peer(1), &grant, now), Ok(()));
    assert_eq!(replica.value().encode(), before, "nothing was given");

    // All at once, and again: half of what is not needed here, once.
    let everything = want(5, u64::MAX, &to, name);
    (0..5).for_each(|_| assert_eq!(handle(replica, peer(1), &everything, now), Ok(())));
    let rights =
        |replica: &Replica<Store>| replica.value().view().bounded_counter(name).rights_of(&ReplicaId::from_seed(1));
    assert_eq!(rights(replica), 900 - 350);
    // A flood: what is needed here stays, and soon nothing is heard any more.
    let mut heard = 0;
    for number in 6..10_000 {
        match handle(replica, peer(1), &want(number, u64::MAX, &to, name), now) {
            Ok(()) => heard += 1,
            Err(error) => assert_eq!(error, ReplicaError::Muted { peer: peer(1) }),
        }
    }
    assert!(heard < 16 && rights(replica) >= 200, "{heard} heard, {} left", rights(replica));
    assert!(std::iter::from_fn(|| rebalancer.poll_transmit()).count() <= 16);
}
