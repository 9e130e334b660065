//! Random schedules with everything at once; then the faults stop, and the group must converge and
//! fall silent. A seed is the whole bug report: `DOTTED_SEED=n DOTTED_SCHEDULES=1`.

use dotted::replication::{Bounds, Config, Event, Level, Replica, Role, Timing, Topology};
use dotted::{Limits, Writer};

use crate::net::*;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

#[test]
fn whatever_happens_the_group_converges_and_falls_silent() {
    let first = number("DOTTED_SEED", 1);
    for seed in first..first + number("DOTTED_SCHEDULES", 300) {
        schedule(seed);
    }
}

struct World {
    net: Net,
    random: Random,
    durable: Vec<bool>,
    /// States from which a replica may start again: with durable storage only the last one is safe.
    saved: Vec<Vec<Vec<u8>>>,
    configs: Vec<Config>,
    writers: u64,
}

fn topology(random: &mut Random, count: usize) -> Topology {
    match random.below(4) {
        0 => Topology::FullMesh,
        1 => Topology::Ring,
        2 => Topology::Star { hub: peer(random.below(count)) },
        _ => Topology::Random { fan_out: 1 + random.below(2) },
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let count = 2 + random.below(5);
        let topology = topology(&mut random, count);
        let durable: Vec<bool> = (0..count).map(|_| random.chance(40)).collect();
        let message_bytes = [1024, 1500, 1 << 20][random.below(3)];
        let timing = Timing { heartbeat: 3_000, audit_every: 3, ..Timing::default() };
        let configs: Vec<Config> = (0..count)
            .map(|at| {
                let bounds = Bounds { message_bytes, events: 10, bad_burst: 1000, ..Bounds::default() };
                let config = config(at).with_topology(topology.clone()).with_bounds(bounds).with_timing(timing.clone());
                if durable[at] { config.durable() } else { config }
            })
            .collect();
        let mut net = Net::of(configs.iter().map(|config| replica(config.clone())).collect(), seed);
        net.join_all();
        net.faults = Faults {
            loss: random.next() % 40,
            twice: random.next() % 40,
            late: random.next() % 10,
            delay: (1, 1 + random.next() % 400),
        };
        let saved = vec![vec![Set::new().encode()]; count];
        Self { net, random, durable, saved, configs, writers: 1000 }
    }

    fn save(&mut self, at: usize) {
        let replica = &mut self.net.replicas[at];
        let version = replica.value().version().clone();
        self.saved[at].push(replica.value().encode());
        replica.persisted(&version);
    }

    /// Starts again, from the last state that was saved or from an older one, with a new writer.
    fn restart(&mut self, at: usize) {
        let states = &self.saved[at];
        let newest = states.len() - 1;
        let which = if self.random.chance(70) { newest } else { self.random.below(states.len()) };
        let value = Set::decode(&states[which], &Limits::default()).expect("it was saved");
        self.writers += 1;
        let mut config = self.configs[at].clone().with_topology(self.net.replicas[at].topology().clone());
        config.seed += self.writers;
        let members = self.net.replicas[at].members().to_vec();
        self.net.replicas[at] = Replica::new(value, Writer::from_seed(self.writers), config);
        for member in members {
            self.net.replicas[at].join(member, Role::Voter).expect("it was a member");
        }
    }

    fn act(&mut self) {
        let count = self.net.replicas.len();
        let at = self.random.below(count);
        let element = self.random.next() % 40;
        match self.random.below(100) {
            0..40 => _ = self.net.insert(at, element),
            40..60 => self.net.remove(at, element),
            60..63 => self.net.fill(at, element * 100..element * 100 + 400),
            63..66 => self.net.replicas[at].update(|set, _| set.compact()).expect("it is not forked"),
            66..80 => self.save(at),
            80..84 => {
                let other = self.random.below(count);
                self.net.cut.insert((at, other));
            }
            84..88 => self.net.cut.clear(),
            88..90 => _ = self.net.down.insert(at),
            90..93 => self.net.down.clear(),
            93..96 => self.restart(at),
            96..98 => {
                let topology = topology(&mut self.random, count);
                self.net.replicas.iter_mut().for_each(|replica| replica.set_topology(topology.clone()));
            }
            _ => {
                let dot = self.net.insert(at, element);
                let level = [Level::Count(2), Level::Majority, Level::All][self.random.below(3)];
                let deadline = self.net.now + 5_000;
                self.net.replicas[at].confirm(dot, level, deadline).expect("there is room");
            }
        }
        let pause = self.random.next() % 150;
        self.net.run(pause);
        self.check();
    }

    fn check(&self) {
        for pair in self.net.replicas.windows(2) {
            let (a, b) = (pair[0].value(), pair[1].value());
            assert!(a.version() != b.version() || a == b, "equal versions, different states");
        }
    }
}

fn schedule(seed: u64) {
    let mut world = World::new(seed);
    for _ in 0..20 + world.random.below(60) {
        world.act();
    }
    // From here on everything works.
    world.net.cut.clear();
    world.net.down.clear();
    world.net.faults = CALM;
    let mut waited = 0;
    while !world.net.converged() {
        for at in 0..world.net.replicas.len() {
            if world.durable[at] {
                world.save(at);
            }
        }
        world.net.run(100);
        waited += 100;
        assert!(waited < 150_000, "seed {seed} does not converge");
    }
    // Copies that are a minute late still arrive, and may hold what all others have lost by restores.
    for _ in 0..120 {
        world.net.run(1_000);
        (0..world.net.replicas.len()).for_each(|at| world.save(at));
    }
    assert!(world.net.converged(), "seed {seed}");
    let before = world.net.log.len();
    world.net.run(60_000);
    let states = world.net.count(before, PART) + world.net.count(before, NACK);
    let (messages, count) = (world.net.log.len() - before, world.net.replicas.len());
    if states > 0 || messages > count * 27 {
        let said =
            |sent: &Sent| format!("{} {}>{} kind {} {} B", sent.at, sent.from, sent.to, sent.kind(), sent.bytes.len());
        let said: Vec<String> = world.net.log[before..].iter().take(60).map(said).collect();
        panic!("seed {seed} goes on talking, {messages} messages of {count}: {said:#?}");
    }
    assert!(world.net.errors.is_empty(), "seed {seed}: {}", world.net.errors[0].1);
    for event in world.net.events.iter().flatten() {
        let loud = matches!(event, Event::Diverged { .. } | Event::Forked { .. } | Event::Refused { .. });
        assert!(!loud, "seed {seed}: {event:?}");
    }
}
