//! Waiting on purpose, as a synchronous multi-master does.

use dotted::replication::{Config, Event, Level, PeerId, Replica, Role};
use dotted::{OrSet, Writer};
use uuid::Uuid;

use super::story::Story;

type Orders = Replica<OrSet<String>>;

/// Three replicas on a network that loses nothing. The third can be cut off.
struct Group {
    peers: [PeerId; 3],
    replicas: [Orders; 3],
    now: u64,
    cut: bool,
}

impl Group {
    fn new() -> Self {
        let peers = [1, 2, 3].map(PeerId::from_seed);
        let replicas = [0, 1, 2].map(|at| {
            let config = Config::new(peers[at], Uuid::from_u128(1), at as u64);
            let mut replica = Orders::new(OrSet::new(), Writer::from_seed(at as u64), config);
            for peer in peers.into_iter().filter(|&peer| peer != peers[at]) {
                replica.join(peer, Role::Voter).expect("there is room for two");
            }
            replica
        });
        Self { peers, replicas, now: 0, cut: false }
    }

    /// Lets time pass; returns what the first replica was told.
    fn run(&mut self, millis: u64) -> Vec<Event> {
        let end = self.now + millis;
        let mut events = Vec::new();
        while self.now < end {
            self.now += 10;
            for at in 0..3 {
                self.replicas[at].tick(self.now);
                while let Some(message) = self.replicas[at].poll_transmit() {
                    let to = self.peers.iter().position(|&peer| peer == message.to).expect("a member");
                    if !self.cut || (at < 2 && to < 2) {
                        self.replicas[to].handle(self.peers[at], &message.bytes, self.now).expect("well formed");
                    }
                }
            }
            events.extend(std::iter::from_fn(|| self.replicas[0].poll_event()));
        }
        events
    }

    /// Writes an order in the first region, and waits for so many to have it, for 10 s at most.
    fn order(&mut self, name: &str, level: Level) -> Event {
        let dot = self.replicas[0].update(|orders, writer| orders.insert(writer, name.to_string()));
        let dot = dot.expect("nobody else writes under this id");
        let ticket = self.replicas[0].confirm(dot, level, self.now + 10_000).expect("few tickets are open");
        let answers = self.run(11_000).into_iter().find(|event| match event {
            Event::Confirmed { ticket: told } | Event::Unreachable { ticket: told, .. } => *told == ticket,
            _ => false,
        });
        answers.expect("there is an answer before the deadline")
    }
}

pub fn for_a_majority_and_for_all() -> Story {
    let mut group = Group::new();
    group.run(5000);
    assert!(matches!(group.order("one", Level::All), Event::Confirmed { .. }));
    group.cut = true;
    assert!(matches!(group.order("two", Level::Majority), Event::Confirmed { .. }));
    let Event::Unreachable { missing, .. } = group.order("three", Level::All) else { panic!("one is away") };
    assert_eq!(missing, [group.peers[2]]);
    // Nobody kept that one from writing meanwhile.
    let elsewhere = group.replicas[2].update(|orders, writer| orders.insert(writer, "four".to_string()));
    elsewhere.expect("nobody else writes under this id");
    // It was not undone, and arrives when the link is back.
    group.cut = false;
    group.run(60_000);
    let all = |replica: &Orders| ["one", "two", "three", "four"].iter().all(|order| replica.value().contains(*order));
    assert!(group.replicas.iter().all(all));

    Story::new(
        "Waiting on purpose",
        "Three regions; a caller wants to know that others have its write before it goes on. Then São Paulo is cut off.",
    )
    .under("connected, All", "confirmed by all three.")
    .under("cut off, Majority", "confirmed by two of three: as a quorum write would be.")
    .under(
        "cut off, All",
        "after the caller's 10 s it is told that São Paulo is missing. The write stands, and arrives there when the link is back.",
    )
    .under(
        "the difference",
        "a confirmation says that a write cannot be lost any more, not that nobody writes something else at the same time: \
         São Paulo went on writing. Consensus forbids it that, and that is what it has to wait for.",
    )
}
