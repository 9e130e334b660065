use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

use super::Random;
use super::plan::Plan;
use crate::causality::{Timestamp, VersionVector, Writer};
use crate::replication::{Config, Level, PeerId, Replica, Ticket};
use crate::storage::{Journal, MemoryStorage, Step, Storage, Stored};
use crate::{DeltaCrdt, Dot, ReplicaId};

/// A machine: storage that survives, and a replica while it is up.
pub(super) struct Node<C: DeltaCrdt> {
    pub(super) id: PeerId,
    /// `None` while the machine is down.
    pub(super) up: Option<Up<C>>,
    pub(super) storage: MemoryStorage,
    pub(super) backups: Vec<Stored>,
    /// The machine's clock, which is anything.
    pub(super) clock: Arc<AtomicU64>,
    /// It sends nothing until then.
    pub(super) slow_until: u64,
    pub(super) is_member: bool,
    pub(super) is_retired: bool,
    /// The id of this machine's own writer.
    pub(super) own: Option<Uuid>,
    /// All that it has ever said it has.
    pub(super) ever: VersionVector,
}

pub(super) struct Up<C: DeltaCrdt> {
    pub(super) replica: Replica<C>,
    pub(super) journal: Journal<C>,
    pub(super) step: Option<Step>,
    /// What it had seen when it was checked last: it is what it was until it has seen more.
    pub(super) checked: Option<VersionVector>,
    /// When it is woken next.
    pub(super) wake_at: u64,
    pub(super) tickets: Vec<(Ticket, Dot, Level)>,
}

impl<C: DeltaCrdt> Node<C> {
    pub(super) fn new(number: usize) -> Self {
        Self {
            id: PeerId::from_seed(number as u64),
            up: None,
            storage: MemoryStorage::new(),
            backups: Vec::new(),
            clock: Arc::default(),
            slow_until: 0,
            is_member: true,
            is_retired: false,
            own: None,
            ever: VersionVector::new(),
        }
    }

    /// Starts from what is stored. The writer is resumed where that is safe.
    pub(super) fn start(&mut self, plan: &Plan, fresh_writer: bool, random: &mut Random) -> Result<(), String> {
        let stored = self.storage.load().map_err(|error| error.to_string())?;
        let (journal, loaded) = Journal::<C>::open(&stored, Default::default()).map_err(|error| error.to_string())?;
        let (value, record) = loaded.map_or_else(|| (C::default(), None), |loaded| (loaded.value, Some(loaded.writer)));
        let clock = self.clock.clone();
        let now = move || Timestamp::from_millis(clock.load(Ordering::Relaxed));
        let writer = match record {
            // On a copied disk there is the record of another machine until the first save.
            Some(record) if plan.durable && !fresh_writer && self.own == Some(record.uuid()) => {
                Writer::resume_exclusive_with_clock(record, now)
            }
            _ => Writer::with_clock(ReplicaId::from_seed(random.next()).uuid(), now),
        };
        self.own = Some(writer.uuid());
        let mut config = Config::new(self.id, Uuid::from_u128(1), random.next())
            .with_topology(plan.topology.clone())
            .with_timing(plan.timing.clone())
            .with_bounds(plan.bounds.clone());
        if plan.durable {
            config = config.durable();
        }
        let journal = journal.with_log_bytes(256);
        let replica = Replica::new(value, writer, config);
        self.up = Some(Up { replica, journal, step: None, checked: None, wake_at: u64::MAX, tickets: Vec::new() });
        Ok(())
    }

    /// Stops at once. Of what was not synced, some may be on the disk.
    pub(super) fn crash(&mut self, random: &mut Random) {
        if let Some(Up { step: Some(step), .. }) = self.up.take() {
            // The step that was under way reached the disk, or not, or in part.
            if random.chance(50) {
                _ = self.write(&step);
            }
        }
        let unsynced = self.storage.unsynced();
        self.storage.crash(if unsynced == 0 { 0 } else { random.below(unsynced + 1) });
    }

    /// A copy of what is durable on the disk. What a crash can still undo must not get away: its events
    /// would be known elsewhere, and their names be used again.
    pub(super) fn copy(&self) -> Stored {
        let mut storage = self.storage.clone();
        storage.crash(0);
        storage.stored()
    }

    fn write(&mut self, step: &Step) -> bool {
        match step {
            Step::Append(bytes) => self.storage.append(bytes).is_ok(),
            Step::Replace(bytes) => self.storage.replace(bytes).is_ok(),
        }
    }

    /// Does the step that is under way. Says whether it became durable.
    pub(super) fn persist(&mut self) -> bool {
        let Some(step) = self.up.as_mut().and_then(|up| up.step.take()) else { return false };
        let written = self.write(&step) && self.storage.sync().is_ok();
        let Some(up) = &mut self.up else { return false };
        if written {
            up.journal.done();
            let persisted = up.journal.persisted().clone();
            up.replica.persisted(&persisted);
        } else {
            up.journal.failed();
        }
        written
    }

    pub(super) fn set_clock(&self, now: u64, skew: u64, random: &mut Random) {
        let wrong = if skew == 0 { 0 } else { random.next() % (2 * skew) };
        self.clock.store((now + wrong).saturating_sub(skew), Ordering::Relaxed);
    }
}
