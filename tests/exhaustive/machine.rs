//! One machine: the real replica with the real journal on a disk that crashes, and what can happen to it.

use std::fmt::Write;

use dotted::replication::{Bounds, Config, Event, PeerId, Replica, Role, Timing, Topology};
use dotted::{Dot, Journal, MemoryStorage, OrSet, ReplicaId, Step, Storage, Stored, Timestamp, VersionVector, Writer};
use uuid::Uuid;

pub type Set = OrSet<u8>;

/// Timers beyond this are far off: only heartbeats.
pub const FAR: u64 = 1000;

/// What is the same for all machines of a search.
#[derive(Clone)]
pub struct Group {
    pub replicas: usize,
    pub durable: bool,
    pub topology: Topology,
}

/// What can happen to one machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    Insert(u8),
    Remove(u8),
    /// Removals are forgotten.
    Compact,
    /// The letter of this number arrives.
    Deliver(u32),
    /// Time passes until something is due here; random choices follow from the seed.
    Tick(u8),
    /// So many milliseconds pass.
    Wait {
        millis: u16,
        seed: u8,
    },
    /// All that is new is handed to the disk.
    Save,
    /// The disk has it.
    Saved,
    /// The power fails, and comes back. What was handed to the disk is there, or not.
    Crash {
        written: bool,
    },
    /// The disk is copied.
    Backup,
    /// It crashes and comes back with that copy, under a new writer.
    Restore,
}

/// What follows for what exists.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    Nothing,
    Wrote {
        dot: Dot,
        element: u8,
        is_add: bool,
        past: Box<[(ReplicaId, u64)]>,
    },
    /// Events of this writer beyond that never left, and are gone.
    Lost {
        writer: Uuid,
        kept: Box<[(ReplicaId, u64)]>,
    },
}

pub struct Outcome {
    pub machine: Machine,
    pub sent: Vec<(usize, Vec<u8>)>,
    pub effect: Effect,
}

pub struct Machine {
    me: usize,
    pub replica: Replica<Set>,
    now: u64,
    /// How many writers it has had.
    writers: u64,
    starts: u64,
    disk: Option<Disk>,
    backup: Option<(Stored, String)>,
}

struct Disk {
    journal: Journal<Set>,
    storage: MemoryStorage,
    /// What is handed to the disk, and what the disk will hold then.
    step: Option<(Step, String)>,
    /// What the disk holds, read back.
    durable: VersionVector,
    content: String,
    /// What was called persisted.
    promised: VersionVector,
}

impl Disk {
    fn open(storage: &MemoryStorage) -> Result<(Self, Set, Option<dotted::WriterRecord>), String> {
        let mut storage = storage.clone();
        let stored = storage.load().map_err(|error| error.to_string())?;
        let (journal, loaded) =
            Journal::<Set>::open(&stored, Default::default()).map_err(|error| format!("the disk: {error}"))?;
        let (value, record) = loaded.map_or_else(|| (Set::new(), None), |loaded| (loaded.value, Some(loaded.writer)));
        let durable = value.version().clone();
        let content = format!("{:?} {record:?}", value.encode());
        Ok((Self { journal, storage, step: None, promised: durable.clone(), durable, content }, value, record))
    }

    fn duplicate(&self) -> Self {
        Self {
            journal: self.journal.duplicate(),
            storage: self.storage.clone(),
            step: self.step.clone(),
            durable: self.durable.clone(),
            content: self.content.clone(),
            promised: self.promised.clone(),
        }
    }

    fn write(&mut self, step: &Step) -> Result<(), String> {
        let written = match step {
            Step::Append(bytes) => self.storage.append(bytes).and_then(|()| self.storage.sync()),
            Step::Replace(bytes) => self.storage.replace(bytes),
        };
        written.map_err(|error| error.to_string())
    }
}

pub fn peer(at: usize) -> PeerId {
    PeerId::from_seed(at as u64 + 1)
}

/// Periods so short that they do not vary, in an order in which they matter; heartbeats are far off.
fn timing() -> Timing {
    Timing {
        ahead: u64::MAX,
        debounce: 1,
        gossip: 3,
        retry: 2,
        retry_max: 3,
        heartbeat: 1 << 20,
        audit_every: 2,
        back_off: 3,
        staging: 1 << 40,
        store: u64::MAX,
        watch: 1 << 40,
    }
}

fn pairs(version: &VersionVector) -> Box<[(ReplicaId, u64)]> {
    version.iter().collect()
}

impl Machine {
    pub fn first(me: usize, group: &Group) -> Result<Outcome, String> {
        let (disk, value) = match group.durable {
            true => {
                let (disk, value, _) = Disk::open(&MemoryStorage::new())?;
                (Some(disk), value)
            }
            false => (None, Set::new()),
        };
        let machine = Self {
            me,
            replica: Self::replica(me, value, writer(me, 0), 0, group),
            now: 0,
            writers: 1,
            starts: 0,
            disk,
            backup: None,
        };
        machine.settle(Effect::Nothing)
    }

    fn replica(me: usize, value: Set, writer: Writer, starts: u64, group: &Group) -> Replica<Set> {
        // Each start is a session of its own.
        let mut config = Config::new(peer(me), Uuid::from_u128(7), starts)
            .with_topology(group.topology.clone())
            .with_timing(timing())
            // Every delta is a long one.
            .with_bounds(Bounds { attempts: 2, unasked_bytes: 0, ..Bounds::default() });
        if group.durable {
            config = config.durable();
        }
        let mut replica = Replica::new(value, writer, config);
        for other in (0..group.replicas).filter(|&other| other != me) {
            replica.join(peer(other), Role::Voter).expect("a new member");
        }
        replica.tick(0);
        replica
    }

    /// Everything on which its future depends.
    pub fn dump(&self) -> String {
        let mut out = String::with_capacity(1024);
        let backup = self.backup.as_ref().map(|(_, content)| content);
        _ = write!(out, "{} {} {backup:?} ", self.me, self.writers);
        if let Some(Disk { journal, storage: _, step, durable: _, content, promised }) = &self.disk {
            let step = step.as_ref().map(|(step, content)| (matches!(step, Step::Append(_)), content));
            let appends = journal.log_len().is_some();
            _ = write!(out, "{:?} {appends} {step:?} {content} {promised:?} ", journal.persisted());
        }
        self.replica.dump(&mut out);
        out
    }

    /// Whether there is something that is not durable, and no step under way.
    pub fn can_save(&self) -> bool {
        let Some(disk) = self.disk.as_ref().filter(|disk| disk.step.is_none()) else { return false };
        disk.journal.duplicate().record(self.replica.value(), self.replica.writer()).is_ok_and(|step| step.is_some())
    }

    pub fn is_saving(&self) -> bool {
        self.disk.as_ref().is_some_and(|disk| disk.step.is_some())
    }

    /// In how many milliseconds something is due.
    pub fn due(&self) -> u64 {
        self.replica.poll_timeout().map_or(FAR, |at| at.saturating_sub(self.now)).min(FAR)
    }

    fn duplicate(&self, seed: u64) -> Self {
        Self {
            me: self.me,
            replica: self.replica.duplicate(seed),
            now: self.now,
            writers: self.writers,
            starts: self.starts,
            disk: self.disk.as_ref().map(Disk::duplicate),
            backup: self.backup.clone(),
        }
    }

    /// What comes of it; `None` if it cannot happen, or changes nothing.
    pub fn take(&self, input: Input, letter: Option<(usize, &[u8])>, group: &Group) -> Result<Option<Outcome>, String> {
        let seed = match input {
            Input::Tick(seed) | Input::Wait { seed, .. } => seed,
            _ => 0,
        };
        let mut next = self.duplicate(seed.into());
        let before = self.replica.value().version();
        let mut effect = Effect::Nothing;
        match input {
            Input::Insert(element) | Input::Remove(element) => {
                let is_add = matches!(input, Input::Insert(_));
                let dot = next.replica.update(|set, writer| match is_add {
                    true => Some(set.insert(writer, element)),
                    false => set.remove(writer, &element),
                });
                let Some(dot) = dot.map_err(|error| error.to_string())? else { return Ok(None) };
                effect = Effect::Wrote { dot, element, is_add, past: pairs(before) };
            }
            Input::Compact => {
                next.replica.update(|set, _| set.compact()).map_err(|error| error.to_string())?;
                if next.replica.value().encode() == self.replica.value().encode() {
                    return Ok(None);
                }
            }
            Input::Deliver(_) => {
                let (from, bytes) = letter.expect("a letter");
                next.replica.handle(peer(from), bytes, self.now).map_err(|error| error.to_string())?;
            }
            Input::Tick(_) => {
                next.now = self.replica.poll_timeout().unwrap_or(self.now).max(self.now);
                next.replica.tick(next.now);
                if next.due() == 0 {
                    return Err("a tick leaves something that is due".into());
                }
            }
            Input::Wait { millis, .. } => {
                next.now += u64::from(millis);
                next.replica.tick(next.now);
            }
            Input::Save => {
                let (value, writer) = (next.replica.value(), next.replica.writer());
                let Some(disk) = next.disk.as_mut().filter(|disk| disk.step.is_none()) else { return Ok(None) };
                let step = disk.journal.record(value, writer).map_err(|error| error.to_string())?;
                let Some(step) = step else { return Ok(None) };
                disk.step = Some((step, format!("{:?} {:?}", value.encode(), Some(writer.record()))));
            }
            Input::Saved => {
                let Some(disk) = &mut next.disk else { return Ok(None) };
                let Some((step, content)) = disk.step.take() else { return Ok(None) };
                disk.write(&step)?;
                disk.journal.done();
                let (found, ..) = Disk::open(&disk.storage)?;
                if found.content != content {
                    return Err("the disk holds something else than what was saved".into());
                }
                (disk.durable, disk.content) = (found.durable, found.content);
            }
            Input::Crash { written } => {
                if self.disk.is_none() && written {
                    return Ok(None);
                }
                effect = next.crash(written, group)?;
                if self.disk.as_ref().is_some_and(|disk| disk.step.is_none()) && written {
                    return Ok(None);
                }
            }
            Input::Backup => {
                next.backup = Some(match &self.disk {
                    Some(disk) => (disk.storage.stored(), disk.content.clone()),
                    None => {
                        let bytes = self.replica.value().encode();
                        let content = format!("{bytes:?}");
                        (Stored { snapshot: Some(bytes), log: Vec::new() }, content)
                    }
                });
            }
            Input::Restore => {
                let Some((stored, _)) = &self.backup else { return Ok(None) };
                effect = next.restore(stored.clone(), group)?;
            }
        }
        let starts_anew = matches!(input, Input::Crash { .. } | Input::Restore);
        if !starts_anew && !before.is_within(next.replica.value().version()) {
            return Err("the version went back".into());
        }
        next.settle(effect).map(Some)
    }

    /// With a disk the writer is resumed; without one all is lost, and there is a new one.
    fn crash(&mut self, written: bool, group: &Group) -> Result<Effect, String> {
        let uuid = self.replica.writer().uuid();
        let Some(disk) = &mut self.disk else {
            return self.start(Set::new(), None, group).map(|()| Effect::Nothing);
        };
        if let Some((step, _)) = disk.step.take().filter(|_| written) {
            disk.write(&step)?;
        }
        disk.storage.crash(0);
        let (found, value, record) = Disk::open(&disk.storage)?;
        if !disk.promised.is_within(value.version()) {
            return Err(format!("persisted was {:?}, and found is {:?}", disk.promised, value.version()));
        }
        *disk = found;
        let kept = pairs(value.version());
        // After a restore the writer of the backup is not resumed, also where the new one was not saved yet.
        let record = record.filter(|record| record.uuid() == uuid);
        self.start(value, record, group)?;
        Ok(Effect::Lost { writer: uuid, kept })
    }

    fn restore(&mut self, stored: Stored, group: &Group) -> Result<Effect, String> {
        let uuid = self.replica.writer().uuid();
        let Some(disk) = &mut self.disk else {
            let bytes = stored.snapshot.unwrap_or_default();
            let value = Set::decode(&bytes, &Default::default()).map_err(|error| error.to_string())?;
            return self.start(value, None, group).map(|()| Effect::Nothing);
        };
        let kept = pairs(&disk.durable);
        let (found, value, _) = Disk::open(&MemoryStorage::holding(stored))?;
        *disk = found;
        self.start(value, None, group)?;
        Ok(Effect::Lost { writer: uuid, kept })
    }

    fn start(&mut self, value: Set, record: Option<dotted::WriterRecord>, group: &Group) -> Result<(), String> {
        let writer = match record {
            Some(record) => Writer::resume_exclusive_with_clock(record, || Timestamp::from_millis(0)),
            None => {
                self.writers += 1;
                writer(self.me, self.writers - 1)
            }
        };
        self.now = 0;
        self.starts += 1;
        self.replica = Self::replica(self.me, value, writer, self.starts, group);
        Ok(())
    }

    /// Tells the replica what is persisted, takes out what it has to say, and looks whether it may say that.
    fn settle(mut self, effect: Effect) -> Result<Outcome, String> {
        if let Some(disk) = &mut self.disk {
            self.replica.persisted(disk.journal.persisted());
            disk.promised.join(disk.journal.persisted());
        }
        let durable = self.disk.as_ref().map(|disk| &disk.durable);
        let leaves = |what: &str, version: &VersionVector| match durable {
            Some(durable) if !version.is_within(durable) => {
                Err(format!("{what} says {version:?}, and durable is {durable:?}"))
            }
            _ => Ok(()),
        };
        leaves("the replica", &self.replica.published())?;
        let mut sent = Vec::new();
        while let Some(message) = self.replica.poll_transmit() {
            let to = (0..).find(|&at| peer(at) == message.to).expect("a member");
            let claimed = self.replica.claimed(&message.bytes).ok_or("a message that cannot be read")?;
            leaves("a message", &claimed)?;
            sent.push((to, message.bytes));
        }
        while let Some(event) = self.replica.poll_event() {
            if !matches!(event, Event::Changed { .. }) {
                return Err(format!("{event:?}"));
            }
        }
        Ok(Outcome { machine: self, sent, effect })
    }
}

fn writer(me: usize, number: u64) -> Writer {
    let uuid = ReplicaId::from_seed(100 * (me as u64 + 1) + number).uuid();
    Writer::with_clock(uuid, || Timestamp::from_millis(0))
}
