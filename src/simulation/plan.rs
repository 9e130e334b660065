use super::Random;
use crate::codec::Limits;
use crate::replication::{Bounds, PeerId, Timing, Topology};

/// What a schedule is like: drawn once from its seed.
pub(super) struct Plan {
    pub(super) nodes: usize,
    pub(super) topology: Topology,
    /// Whether writers are resumed after a crash, and nothing leaves before it is durable.
    pub(super) durable: bool,
    /// For how long faults strike, and writes come, in milliseconds.
    pub(super) faults_until: u64,
    pub(super) writes: u64,
    pub(super) timing: Timing,
    pub(super) bounds: Bounds,
    /// Per hundred messages.
    pub(super) loss: u64,
    pub(super) duplication: u64,
    pub(super) old: u64,
    pub(super) damage: u64,
    /// Milliseconds.
    pub(super) delay: u64,
    pub(super) disk: u64,
    /// The kinds of greater faults that strike here, and how long it is from one to the next.
    pub(super) strikes: Vec<Strike>,
    pub(super) strike_every: u64,
    /// How wrong clocks may be, in milliseconds.
    pub(super) skew: u64,
}

/// A fault that strikes a machine or the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strike {
    Halves,
    Isolate,
    OneWay,
    Flapping,
    Heal,
    Crash,
    Backup,
    Restore,
    Clone,
    ClockJump,
    Slow,
    Leave,
    Join,
    Retire,
    Retopology,
    ForgetRemovals,
    DiskFault,
}

impl Strike {
    const ALL: [Self; 17] = [
        Self::Halves,
        Self::Isolate,
        Self::OneWay,
        Self::Flapping,
        Self::Heal,
        Self::Crash,
        Self::Backup,
        Self::Restore,
        Self::Clone,
        Self::ClockJump,
        Self::Slow,
        Self::Leave,
        Self::Join,
        Self::Retire,
        Self::Retopology,
        Self::ForgetRemovals,
        Self::DiskFault,
    ];
}

impl Plan {
    pub(super) const NODES_MAX: usize = 8;

    pub(super) fn draw(random: &mut Random) -> Self {
        let nodes = 2 + random.below(4);
        // Some schedules are almost without faults, some have only a few kinds, some have all of them.
        let likely = [0, 30, 60, 100][random.below(4)];
        let mut strikes: Vec<Strike> = Strike::ALL.into_iter().filter(|_| random.chance(likely)).collect();
        if !strikes.is_empty() {
            strikes.push(Strike::Heal);
        }
        let rate = |random: &mut Random, most: usize| if random.chance(50) { 0 } else { random.below(most) as u64 };
        let message_bytes = [1 << 10, 2 << 10, 1 << 20][random.below(3)];
        Self {
            nodes,
            topology: Self::topology(random, nodes),
            durable: random.chance(50),
            faults_until: 2_000 + random.below(10_000) as u64,
            writes: 10 + random.below(40) as u64,
            timing: Timing {
                heartbeat: 4_000,
                audit_every: 1 + random.below(4) as u32,
                retry_max: 4_000,
                back_off: 500,
                staging: 10_000,
                watch: 5_000,
                ..Timing::default()
            },
            bounds: Bounds {
                message_bytes,
                decode: Limits::default().with_bytes(1 << 20),
                events: 10_000,
                // Damaged messages are the network's fault here, not the peer's.
                bad_burst: u32::MAX,
                ..Bounds::default()
            },
            loss: rate(random, 40),
            duplication: rate(random, 30),
            old: rate(random, 10),
            damage: rate(random, 5),
            delay: 1 + [5, 50, 500, 3_000][random.below(4)],
            disk: 1 + [0, 5, 200][random.below(3)],
            strikes,
            strike_every: 100 + random.below(2_000) as u64,
            skew: [0, 10, 10_000, 1 << 50][random.below(4)],
        }
    }

    pub(super) fn topology(random: &mut Random, nodes: usize) -> Topology {
        match random.below(4) {
            0 => Topology::FullMesh,
            1 => Topology::Ring,
            2 => Topology::Star { hub: PeerId::from_seed(random.below(nodes) as u64) },
            _ => Topology::Random { fan_out: 1 + random.below(2) },
        }
    }
}
