mod strikes;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::btree_map::{BTreeMap, Entry};
use std::sync::atomic::Ordering;

use xxhash_rust::xxh64::xxh64;

use super::network::{Letter, Network};
use super::node::Node;
use super::plan::{Plan, Strike};
use super::{Random, Report, Subject, Violation};
use crate::DeltaCrdt;
use crate::causality::{Dot, VersionVector};
use crate::codec::envelope::is_state;
use crate::replication::{Event, Level, ReplicaError, Role};

/// One schedule: machines, a network, and what happens when.
pub(super) struct World<S: Subject> {
    subject: S,
    seed: u64,
    random: Random,
    plan: Plan,
    now: u64,
    nodes: Vec<Node<S::Value>>,
    network: Network,
    queue: BinaryHeap<Reverse<Due>>,
    events: u64,
    /// By version: state and reads of whoever had seen it first.
    seen: BTreeMap<Vec<u8>, Seen>,
    /// All that was ever written.
    written: VersionVector,
    report: Report,
    /// The bytes of states and parts of them that were sent since this was last looked at.
    state_bytes: u64,
}

/// What someone showed who had seen just this.
struct Seen {
    version: VersionVector,
    state: u64,
    reads: String,
}

/// Something that is to happen, in the order of times and then of coming up.
struct Due {
    at: u64,
    number: u64,
    what: Action,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.number) == (other.at, other.number)
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

enum Action {
    Deliver(Letter),
    Wake(usize),
    Persist(usize),
    Restart(usize),
    Return(usize),
    Strike(Strike),
    Write,
}

/// How long replicas may take to agree once faults have stopped: some rounds of retries and heartbeats.
const PATIENCE: u64 = 120_000;
/// For how long they are watched afterwards.
const SILENCE: u64 = 20_000;

impl<S: Subject> World<S> {
    pub(super) fn new(seed: u64, subject: S) -> Self {
        let mut random = Random::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0xd077_ed00);
        let plan = Plan::draw(&mut random);
        Self {
            subject,
            seed,
            random,
            plan,
            now: 0,
            nodes: Vec::new(),
            network: Network::new(),
            queue: BinaryHeap::new(),
            events: 0,
            seen: BTreeMap::new(),
            written: VersionVector::new(),
            report: Report { schedules: 1, ..Report::default() },
            state_bytes: 0,
        }
    }

    pub(super) fn run(mut self) -> Result<Report, Violation> {
        match self.play() {
            Ok(()) => Ok(self.report),
            Err(what) => Err(Violation { seed: self.seed, at: self.now, what }),
        }
    }

    fn play(&mut self) -> Result<(), String> {
        for number in 0..self.plan.nodes {
            self.nodes.push(Node::new(number));
            self.start(number, true)?;
        }
        let until = self.plan.faults_until;
        for _ in 0..self.plan.writes {
            let at = self.random.below(until as usize) as u64;
            self.at(at, Action::Write);
        }
        if !self.plan.strikes.is_empty() {
            let mut at = 0;
            while at < until {
                at += 1 + self.random.below(2 * self.plan.strike_every as usize) as u64;
                let strike = self.plan.strikes[self.random.below(self.plan.strikes.len())];
                self.at(at.min(until), Action::Strike(strike));
            }
        }
        self.play_until(until)?;
        self.calm_down()?;
        self.agree()?;
        self.fall_silent()
    }

    fn at(&mut self, at: u64, what: Action) {
        self.events += 1;
        self.queue.push(Reverse(Due { at, number: self.events, what }));
    }

    fn play_until(&mut self, end: u64) -> Result<(), String> {
        while let Some(Reverse(due)) = self.queue.peek()
            && due.at <= end
        {
            let Some(Reverse(due)) = self.queue.pop() else { break };
            self.now = self.now.max(due.at);
            self.report.steps += 1;
            self.step(due.what)?;
        }
        self.now = end;
        Ok(())
    }

    fn step(&mut self, action: Action) -> Result<(), String> {
        match action {
            Action::Deliver(letter) => self.deliver(letter),
            Action::Wake(number) => {
                let now = self.now;
                let Some(up) = &mut self.nodes[number].up else { return Ok(()) };
                if now < up.wake_at {
                    return Ok(()); // It was woken in between.
                }
                up.wake_at = u64::MAX;
                up.replica.tick(now);
                self.attend(number)
            }
            Action::Persist(number) => {
                let persisted = self.nodes[number].persist();
                if !persisted && self.nodes[number].up.is_some() {
                    self.report.fault("disk: a step failed");
                }
                self.attend(number)
            }
            Action::Restart(number) => {
                if self.nodes[number].up.is_none() && !self.nodes[number].is_retired {
                    self.start(number, false)?;
                }
                Ok(())
            }
            Action::Return(number) => self.come_back(number),
            Action::Strike(strike) => self.strike(strike),
            Action::Write => {
                let number = self.random.below(self.nodes.len());
                self.write(number)
            }
        }
    }

    fn write(&mut self, number: usize) -> Result<(), String> {
        let (subject, random) = (&mut self.subject, &mut self.random);
        let node = &mut self.nodes[number];
        let Some(up) = &mut node.up else { return Ok(()) };
        node.clock.fetch_add(1, Ordering::Relaxed);
        let before = up.replica.value().version().clone();
        let written = up.replica.update(|value, writer| subject.write(value, writer, random));
        written.map_err(|error| format!("replica {number} was not forked: {error}"))?;
        self.report.writes += 1;
        let version = up.replica.value().version().clone();
        self.written.join(&version);
        let own = version.iter().find(|(id, counter)| before.get(id) < *counter);
        if let Some((id, counter)) = own
            && self.random.chance(20)
        {
            let level = [Level::Count(2), Level::Majority, Level::All][self.random.below(3)];
            let Some(up) = &mut self.nodes[number].up else { return Ok(()) };
            let dot = Dot::new(id, counter);
            if let Ok(ticket) = up.replica.confirm(dot, level, self.now + 5_000) {
                up.tickets.push((ticket, dot, level));
            }
        }
        self.attend(number)
    }

    fn deliver(&mut self, letter: Letter) -> Result<(), String> {
        let Letter { from, to, bytes, damaged } = letter;
        self.report.trace = xxh64(&bytes, self.report.trace ^ self.now ^ ((from as u64) << 32) ^ ((to as u64) << 40));
        let sender = self.nodes[from].id;
        let Some(up) = &mut self.nodes[to].up else { return Ok(()) };
        let before = up.replica.value().version().clone();
        match up.replica.handle(sender, &bytes, self.now) {
            Ok(()) => {}
            Err(ReplicaError::NotMember { .. } | ReplicaError::Retired { .. }) => {}
            Err(error) if damaged => {
                if *up.replica.value().version() != before {
                    return Err(format!("replica {to} has changed and says: {error}"));
                }
            }
            Err(error) => return Err(format!("replica {to} refused a sound message of {from}: {error}")),
        }
        self.attend(to)
    }

    /// Does what a replica wants after something has happened to it, and checks what it has become.
    fn attend(&mut self, number: usize) -> Result<(), String> {
        self.check(number)?;
        self.hear(number)?;
        self.save(number)?;
        let now = self.now;
        if now >= self.nodes[number].slow_until {
            loop {
                let node = &mut self.nodes[number];
                let Some(message) = node.up.as_mut().and_then(|up| up.replica.poll_transmit()) else { break };
                let Some(to) = self.nodes.iter().position(|node| node.id == message.to) else { continue };
                if is_state(&message.bytes) {
                    self.state_bytes += message.bytes.len() as u64;
                }
                let (plan, random, report) = (&self.plan, &mut self.random, &mut self.report);
                for (delay, letter) in self.network.send(plan, random, report, (number, to), message) {
                    self.at(now + delay, Action::Deliver(letter));
                }
            }
        }
        let slow_until = self.nodes[number].slow_until;
        if let Some(up) = &mut self.nodes[number].up
            && let Some(at) = up.replica.poll_timeout()
        {
            let at = at.max(now + 1).max(slow_until);
            if at < up.wake_at {
                up.wake_at = at;
                self.at(at, Action::Wake(number));
            }
        }
        Ok(())
    }

    /// What the replica says.
    fn hear(&mut self, number: usize) -> Result<(), String> {
        let Some(up) = &self.nodes[number].up else { return Ok(()) };
        let published = up.replica.published().into_owned();
        self.nodes[number].ever.join(&published);
        loop {
            let Some(up) = &mut self.nodes[number].up else { return Ok(()) };
            let Some(event) = up.replica.poll_event() else { break };
            match event {
                Event::Confirmed { ticket } => {
                    let at = up.tickets.iter().position(|(waiting, ..)| *waiting == ticket);
                    let (_, dot, level) = up.tickets.swap_remove(at.ok_or("an unknown ticket was confirmed")?);
                    // Whoever has said so may have been restored since, or have left the group.
                    let have = self.nodes.iter().filter(|node| node.ever.contains(&dot)).count();
                    let members = self.nodes.iter().filter(|node| node.is_member).count();
                    let needed = match level {
                        Level::Local => 1,
                        Level::Count(count) => count.min(members),
                        Level::Majority => members / 2 + 1,
                        Level::All => members,
                    };
                    if have < needed {
                        return Err(format!("{dot} was confirmed for {level:?}, but {have} of {members} have it"));
                    }
                    self.report.confirmed += 1;
                }
                Event::Unreachable { ticket, .. } => {
                    up.tickets.retain(|(waiting, ..)| *waiting != ticket);
                    self.report.unreachable += 1;
                }
                Event::Diverged { peer, version } => return Err(format!("diverged from {peer} at {version:?}")),
                Event::Forked { peer, fork } => return Err(format!("a false alarm about {peer}: {fork}")),
                _ => {}
            }
        }
        Ok(())
    }

    /// Lets the disk work. Without durable storage, now and then.
    fn save(&mut self, number: usize) -> Result<(), String> {
        let saves = self.plan.durable || self.random.chance(10);
        let Some(up) = &mut self.nodes[number].up else { return Ok(()) };
        if saves && up.step.is_none() {
            let record =
                up.journal.record(up.replica.value(), up.replica.writer()).map_err(|error| error.to_string())?;
            if record.is_some() {
                up.step = record;
                let delay = 1 + self.random.below(self.plan.disk as usize) as u64;
                self.at(self.now + delay, Action::Persist(number));
            }
        }
        Ok(())
    }

    fn check(&mut self, number: usize) -> Result<(), String> {
        let Some(up) = &mut self.nodes[number].up else { return Ok(()) };
        let value = up.replica.value();
        if up.checked.as_ref() == Some(value.version()) {
            return Ok(());
        }
        up.checked = Some(value.version().clone());
        if !value.version().is_within(&self.written) {
            return Err(format!("replica {number} has seen what nobody wrote"));
        }
        self.subject.check(value).map_err(|what| format!("replica {number}: {what}"))?;
        self.report.checks += 1;
        let version = value.version().clone();
        let (state, reads) = (value.state_hash(), self.subject.read(value));
        match self.seen.entry(version.encode()) {
            Entry::Vacant(entry) => _ = entry.insert(Seen { version, state, reads }),
            Entry::Occupied(first) if (first.get().state, &first.get().reads) == (state, &reads) => {
                self.report.agreements += 1;
            }
            Entry::Occupied(first) => {
                let first = &first.get().reads;
                return Err(format!(
                    "replica {number} has seen the same as one before, and differs:\n{reads}\n{first}"
                ));
            }
        }
        Ok(())
    }

    fn start(&mut self, number: usize, fresh_writer: bool) -> Result<(), String> {
        self.nodes[number].set_clock(self.now, self.plan.skew, &mut self.random);
        self.nodes[number].start(&self.plan, fresh_writer, &mut self.random)?;
        self.introduce(number);
        let now = self.now;
        if let Some(up) = &mut self.nodes[number].up {
            up.replica.tick(now);
        }
        self.attend(number)
    }

    /// Makes a replica and all others know each other.
    fn introduce(&mut self, number: usize) {
        let ids: Vec<_> = self.nodes.iter().map(|node| (node.id, node.is_member, node.is_retired)).collect();
        let id = self.nodes[number].id;
        for (other, node) in self.nodes.iter_mut().enumerate() {
            let Some(up) = &mut node.up else { continue };
            if other == number {
                for &(peer, is_member, is_retired) in ids.iter().filter(|(peer, ..)| *peer != id) {
                    if is_retired {
                        up.replica.retire(peer);
                    } else if is_member {
                        _ = up.replica.join(peer, Role::Voter);
                    }
                }
            } else if self.now > 0 || other < number {
                _ = up.replica.join(id, Role::Voter);
                up.replica.connected(id);
            }
        }
    }

    /// Faults stop: links heal, machines start, clocks stay as wrong as they are.
    fn calm_down(&mut self) -> Result<(), String> {
        self.network.calm = true;
        self.network.links.heal();
        let due: Vec<_> = self.queue.drain().filter(|Reverse(due)| !matches!(due.what, Action::Strike(_))).collect();
        self.queue = due.into();
        for number in 0..self.nodes.len() {
            self.nodes[number].slow_until = 0;
            self.come_back(number)?;
            if self.nodes[number].up.is_none() && !self.nodes[number].is_retired {
                self.start(number, false)?;
            }
        }
        (0..self.nodes.len()).try_for_each(|number| self.attend(number))
    }

    fn versions(&self) -> impl Iterator<Item = &VersionVector> {
        self.nodes.iter().filter_map(|node| Some(node.up.as_ref()?.replica.value().version()))
    }

    fn agree(&mut self) -> Result<(), String> {
        let mut all = VersionVector::new();
        self.versions().for_each(|version| all.join(version));
        let start = self.now;
        while !self.versions().all(|version| *version == all) {
            if self.now > start + PATIENCE {
                let versions: Vec<_> = self.versions().collect();
                return Err(format!("no agreement {PATIENCE} ms after faults have stopped: {versions:?}, not {all:?}"));
            }
            self.play_until(self.now + 10)?;
            // Late writes, which were due while their machine was away.
            self.versions().for_each(|version| all.join(version));
        }
        self.report.slowest_agreement = self.now - start;
        Ok(())
    }

    /// Answers to the last deltas, and then nothing but heartbeats.
    fn fall_silent(&mut self) -> Result<(), String> {
        self.play_until(self.now + SILENCE)?;
        let before = self.report.messages;
        self.state_bytes = 0;
        self.play_until(self.now + SILENCE)?;
        if self.state_bytes > 0 {
            return Err(format!("{} bytes of states were sent between equal replicas", self.state_bytes));
        }
        // Periods vary by a quarter, and a heartbeat may be answered where it finds something wrongly believed.
        let beats = SILENCE * 4 / (self.plan.timing.heartbeat * 3) + 1;
        let most = 2 * beats * self.nodes.len() as u64;
        let sent = self.report.messages - before;
        if sent > most {
            return Err(format!("{sent} messages in {SILENCE} ms between equal replicas, more than {most}"));
        }
        Ok(())
    }
}
