//! A store as a member of a group.

use alloc::boxed::Box;
use alloc::vec::Vec;

use dotted::replication::{
    Config, Event, Level, PeerId, Rebalancer, Rebalancing, Refusal, Replica, Role, SpendError, Ticket, Topology,
};
use dotted::{DeltaCrdt, Dot, Largest, Limit, Limits, VersionVector, Watched};

use crate::document::Document;
use crate::failure::Failure;
use crate::holder::Holder;
use crate::names::act as op;
use crate::wire::{In, Out};

/// Begins to take part. The arguments: own id, store, seed, whether storage is durable, topology, what differs from
/// the defaults of timing and bounds, and whether and how rights are rebalanced.
pub fn start(document: &mut Document, mut input: In<'_>) -> Result<(), Failure> {
    let mut config = Config::new(input.peer()?, input.uuid()?, input.number()?);
    config.durable = input.number()? == 1;
    config.bounds.decode = document.limits.clone();
    config.topology = topology(&mut input)?;
    set_all(&mut config, &mut input)?;
    let rebalancer = input.option(rebalancer)?;
    let (value, writer) = document.holder.leave_alone()?;
    document.holder = Holder::Member(Box::new(Replica::new(value, writer, config)));
    document.rebalancer = rebalancer.map(Box::new);
    Ok(())
}

/// A session, and the settings in the order of `ts/replica.ts`.
fn rebalancer(input: &mut In<'_>) -> Result<Rebalancer, Failure> {
    let session = input.number()?;
    let mut settings = Rebalancing::default();
    let Rebalancing { window, expiry, pause, back_off, calm, counters, burst, per_second } = &mut settings;
    [window, expiry, pause, back_off, calm].into_iter().try_for_each(|field| set(input, field, u64::MAX))?;
    set(input, counters, usize::MAX)?;
    [burst, per_second].into_iter().try_for_each(|field| set(input, field, u32::MAX))?;
    Ok(Rebalancer::new(session, settings))
}

/// Counts a bounded counter down, where a member rebalances.
pub fn spend(document: &mut Document, name: &str, by: u64) -> Option<Result<u32, Failure>> {
    let (Holder::Member(replica), Some(rebalancer)) = (&mut document.holder, &mut document.rebalancer) else {
        return None;
    };
    // It knows the time of the last message or tick; that of the writes is another clock's.
    Some(match rebalancer.try_decrement(replica, name, by, 0) {
        Ok(dot) => {
            document.last = Some(dot);
            Ok(1)
        }
        Err(SpendError::Escrow(error)) => Err(error.into()),
        Err(SpendError::Refused(error)) => Err(error.into()),
        Err(_) => Err(Failure::new("refused", "nothing was counted")),
    })
}

/// Takes part no more; the store stays as it is.
fn stop(document: &mut Document) {
    document.rebalancer = None;
    document.holder = match core::mem::replace(&mut document.holder, Holder::Moving) {
        Holder::Member(replica) => {
            let (value, writer) = replica.into_parts();
            Holder::Watched(Box::new(value), writer)
        }
        other => other,
    };
}

fn topology(input: &mut In<'_>) -> Result<Topology, Failure> {
    Ok(match input.number()? {
        0 => Topology::FullMesh,
        1 => Topology::Ring,
        2 => Topology::Star { hub: input.peer()? },
        3 => Topology::Random { fan_out: size(input.number()?) },
        4 => {
            let mut peers = Vec::new();
            for _ in 0..input.number()? {
                peers.push(input.peer()?);
            }
            Topology::Custom(peers)
        }
        _ => return Err(Failure::ARGUMENT),
    })
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// A setting that may be given, no greater than its type holds.
pub fn set<T: TryFrom<u64>>(input: &mut In<'_>, field: &mut T, max: T) -> Result<(), Failure> {
    if let Some(number) = input.option(In::number)? {
        *field = T::try_from(number).unwrap_or(max);
    }
    Ok(())
}

/// Timing and bounds, in the order of `ts/replica.ts`.
fn set_all(config: &mut Config, input: &mut In<'_>) -> Result<(), Failure> {
    let (timing, bounds) = (&mut config.timing, &mut config.bounds);
    let times = [
        &mut timing.debounce,
        &mut timing.gossip,
        &mut timing.retry,
        &mut timing.retry_max,
        &mut timing.heartbeat,
        &mut timing.back_off,
        &mut timing.staging,
        &mut timing.watch,
    ];
    times.into_iter().try_for_each(|field| set(input, field, u64::MAX))?;
    set(input, &mut timing.audit_every, u32::MAX)?;
    let sizes = [
        &mut bounds.message_bytes,
        &mut bounds.decode.bytes,
        &mut bounds.decode.events,
        &mut bounds.decode.writers,
        &mut bounds.decode.names,
        &mut bounds.members,
        &mut bounds.events,
        &mut bounds.tickets,
        &mut bounds.watches,
        &mut bounds.stagings,
        &mut bounds.pinned_bytes,
    ];
    sizes.into_iter().try_for_each(|field| set(input, field, usize::MAX))?;
    let rates = [
        &mut bounds.attempts,
        &mut bounds.bad_burst,
        &mut bounds.bad_per_second,
        &mut bounds.work_burst,
        &mut bounds.work_per_second,
    ];
    rates.into_iter().try_for_each(|field| set(input, field, u32::MAX))?;
    let bounds = config.bounds.clone();
    *config = config.clone().with_bounds(bounds);
    Ok(())
}

/// What is done as a member.
pub fn act(document: &mut Document, op: u8, now: u64, mut input: In<'_>) -> Result<Vec<u8>, Failure> {
    // Who rebalances may hand rights over whatever arrives, and whenever it is told the time.
    if op == op::REBASE || document.rebalancer.is_some() && matches!(op, op::RECEIVE | op::TICK) {
        document.will_write()?;
    }
    let Holder::Member(replica) = &mut document.holder else { return Err(Failure::NO_REPLICA) };
    let mut out = Out::default();
    match op {
        op::RECEIVE => {
            let (from, bytes) = (input.peer()?, input.bytes()?);
            let before = replica.value().version().clone();
            let is_request = Rebalancer::claims(bytes);
            let result = match (&mut document.rebalancer, is_request) {
                (_, false) => replica.handle(from, bytes, now),
                (Some(rebalancer), true) => rebalancer.handle(replica, from, bytes, now),
                // Who does not rebalance gives nothing.
                (None, true) => Ok(()),
            };
            let changed = *replica.value().version() != before;
            if changed && is_request {
                document.last = last(replica);
            } else if changed {
                document.took_in();
            }
            result?;
            out.flag(changed);
        }
        op::TICK => {
            replica.tick(now);
            let before = last(replica);
            if let Some(rebalancer) = &mut document.rebalancer {
                rebalancer.tick(replica, now);
            }
            let now = last(replica);
            if now != before {
                document.last = now;
            }
            out.flag(now != before);
        }
        op::TIMEOUT => {
            let rebalance = document.rebalancer.as_ref().and_then(|rebalancer| rebalancer.poll_timeout());
            out.option(replica.poll_timeout().into_iter().chain(rebalance).min(), Out::number);
        }
        op::TRANSMIT => {
            let rebalancer = document.rebalancer.as_mut();
            let message = replica.poll_transmit().or_else(|| rebalancer.and_then(|asks| asks.poll_transmit()));
            if let Some(message) = message {
                out.uuid(message.to.uuid());
                out.raw(&message.bytes);
            }
        }
        op::EVENT => {
            if let Some(event) = replica.poll_event() {
                put_event(&event, &mut document.tickets, &mut out);
            }
        }
        op::JOIN => {
            let peer = input.peer()?;
            replica.join(peer, if input.number()? == 1 { Role::Observer } else { Role::Voter })?;
        }
        op::CONNECTED => out.flag(replica.connected(input.peer()?)),
        op::DISCONNECTED => out.flag(replica.disconnected(input.peer()?)),
        op::UNDELIVERED => {
            let peer = input.peer()?;
            out.flag(replica.undelivered(peer, size(input.number()?)));
        }
        op::RETIRE => out.flag(replica.retire(input.peer()?)),
        op::TOPOLOGY => replica.set_topology(topology(&mut input)?),
        op::PERSISTED => replica.persisted(&VersionVector::decode(input.bytes()?, &Limits::default())?),
        op::CONFIRM => {
            let dot = input.dot()?;
            let level = match input.number()? {
                0 => Level::Local,
                1 => Level::Majority,
                2 => Level::All,
                count => Level::Count(size(count - 3)),
            };
            let ticket = replica.confirm(dot, level, input.number()?)?;
            out.number(document.tickets.add(ticket));
        }
        op::REBASE => {
            replica.rebase(document.clock.writer(input.uuid()?))?;
            document.last = None;
        }
        op::STOP => stop(document),
        _ => return Err(Failure::ARGUMENT),
    }
    Ok(out.finish())
}

/// The last event that a member wrote under its id of now.
fn last(replica: &Replica<Watched>) -> Option<Dot> {
    let branch = replica.value().store().branch_of(replica.writer())?;
    Some(Dot::new(branch, replica.value().version().get(&branch)))
}

/// The numbers are those of `ts/replica.ts`.
fn put_event(event: &Event, tickets: &mut Tickets, out: &mut Out) {
    let begin = |out: &mut Out, number: u64, peer: &PeerId| {
        out.number(number);
        out.uuid(peer.uuid());
    };
    match event {
        Event::Changed { from, applied } => {
            begin(out, 0, from);
            out.number(applied.events);
            out.number(applied.keys as u64);
        }
        Event::Confirmed { ticket } => {
            out.number(1);
            out.number(tickets.settle(*ticket));
        }
        Event::Unreachable { ticket, missing } => {
            out.number(2);
            out.number(tickets.settle(*ticket));
            missing.iter().for_each(|peer| out.uuid(peer.uuid()));
        }
        Event::Forked { peer, fork } => {
            begin(out, 3, peer);
            out.replica(&fork.replica);
            out.number(fork.issued);
            out.number(fork.seen);
        }
        Event::Diverged { peer, version } => {
            begin(out, 4, peer);
            out.raw(&version.encode());
        }
        Event::Refused { peer, why, largest } => {
            begin(out, 5, peer);
            out.number(refusal(*why));
            out.option(largest.as_ref(), put_largest);
        }
        Event::Rejected { peer, why } => {
            begin(out, 6, peer);
            out.number(refusal(*why));
        }
        Event::TooLong { peer, bytes } => {
            begin(out, 7, peer);
            out.number(*bytes as u64);
        }
        Event::EventsLost(count) => {
            out.number(8);
            out.number(*count);
        }
        Event::TooLarge { peer, bytes, allowed, largest } => {
            begin(out, 10, peer);
            out.number(*bytes as u64);
            out.number(*allowed as u64);
            out.option(largest.as_ref(), put_largest);
        }
        Event::Undelivered { peer, bytes, reaches } => {
            begin(out, 11, peer);
            out.number(*bytes as u64);
            out.number(*reaches as u64);
        }
        Event::NearlyFull { limit, used, allowed } => {
            out.number(12);
            put_room(*limit, *used, *allowed, out);
        }
        Event::TwoSessions { peer } => begin(out, 13, peer),
        Event::StampAhead { from, latest, by } => {
            begin(out, 14, from);
            out.replica(&latest.dot.replica);
            out.number(*by);
            out.option(latest.name.as_ref(), |out, name| out.text(name));
            out.raw(&latest.key);
        }
        // An event that this build has no form for.
        _ => out.number(9),
    }
}

/// The largest of some values, as `ts/error.ts` reads it.
pub fn put_largest(out: &mut Out, largest: &Largest) {
    out.option(largest.name.as_ref(), |out, name| out.text(name));
    out.bytes(&largest.key);
    out.number(largest.bytes as u64);
}

/// How much there is of something.
pub fn put_room(limit: Limit, used: usize, allowed: usize, out: &mut Out) {
    out.number(limit as u64);
    out.number(used as u64);
    out.number(allowed as u64);
}

fn refusal(why: Refusal) -> u64 {
    match why {
        Refusal::TooBig => 0,
        Refusal::BadBytes => 1,
        Refusal::Forked => 2,
        _ => 3,
    }
}

/// The confirmations that are waited for, by the numbers that the other side knows them by.
#[derive(Default)]
pub struct Tickets {
    waiting: Vec<(u64, Ticket)>,
    next: u64,
}

impl Tickets {
    fn add(&mut self, ticket: Ticket) -> u64 {
        self.next += 1;
        self.waiting.push((self.next, ticket));
        self.next
    }

    /// The number of a ticket, which is not needed any more; 0 if it is not known.
    fn settle(&mut self, ticket: Ticket) -> u64 {
        let at = self.waiting.iter().position(|(_, waiting)| *waiting == ticket);
        at.map_or(0, |at| self.waiting.swap_remove(at).0)
    }
}
