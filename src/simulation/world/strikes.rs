//! The greater faults: what happens to machines, the network and the group.

use super::{Action, World};
use crate::DeltaCrdt;
use crate::causality::{Dot, Timestamp, Writer};
use crate::replication::Replica;
use crate::simulation::Subject;
use crate::simulation::node::Node;
use crate::simulation::plan::{Plan, Strike};
use crate::storage::{Fault, Journal, Loaded, MemoryStorage};

impl<S: Subject> World<S> {
    fn crash(&mut self, number: usize) -> Result<(), String> {
        let persisted = self.nodes[number].up.as_ref().map(|up| up.journal.persisted().clone());
        self.nodes[number].crash(&mut self.random);
        let Some(persisted) = persisted else { return Ok(()) };
        // What was persisted must be there at the next start, whenever that is.
        let stored = self.nodes[number].storage.stored();
        let loaded = Journal::<S::Value>::open(&stored, Default::default());
        let (_, loaded) = loaded.map_err(|error| format!("replica {number} cannot load: {error}"))?;
        let Some(Loaded { value, writer, .. }) = loaded else {
            return if persisted.is_empty() { Ok(()) } else { Err(format!("replica {number} lost everything")) };
        };
        if !persisted.is_within(value.version()) {
            let version = value.version();
            return Err(format!("replica {number} lost what was persisted: {persisted:?} became {version:?}"));
        }
        if self.plan.durable && self.nodes[number].own == Some(writer.uuid()) {
            // The writer goes on from here; nobody has seen what came after.
            let writer = Writer::resume_exclusive_with_clock(writer, Timestamp::default);
            let is_lost = |dot: &Dot| writer.owns(&dot.replica) && dot.counter > writer.last(dot.replica.branch());
            self.subject.lost(&is_lost);
            self.seen.retain(|_, seen| !seen.version.iter().any(|(id, counter)| is_lost(&Dot::new(id, counter))));
            let kept = self.written.iter().map(|(id, counter)| match writer.owns(&id) {
                true => (id, counter.min(writer.last(id.branch()))),
                false => (id, counter),
            });
            self.written = kept.collect();
        }
        Ok(())
    }

    pub(super) fn strike(&mut self, strike: Strike) -> Result<(), String> {
        let nodes = self.nodes.len();
        let number = self.random.below(nodes);
        let is_up = self.nodes[number].up.is_some();
        let name = match strike {
            Strike::Halves => {
                let side = self.random.next();
                self.network.links.cut(nodes, |from, to| (side >> from ^ side >> to) & 1 == 1);
                "network: cut in halves"
            }
            Strike::Isolate => {
                self.network.links.cut(nodes, |from, to| from == number || to == number);
                "network: one isolated"
            }
            Strike::OneWay => {
                let (random, both) = (self.random.next(), 1 << nodes.min(32));
                self.network
                    .links
                    .cut(nodes, |from, to| from != to && (random % both) >> from & 1 == 1 && to == number);
                "network: cut one way"
            }
            Strike::Flapping => {
                let other = self.random.below(nodes);
                for flap in 0..6 {
                    let action = if flap % 2 == 0 { Strike::Isolate } else { Strike::Heal };
                    self.at(self.now + 50 * flap + other as u64, Action::Strike(action));
                }
                "network: flapping"
            }
            Strike::Heal => {
                self.network.links.heal();
                "network: healed"
            }
            Strike::Crash if is_up => {
                self.crash(number)?;
                let back = self.now + 1 + self.random.below(3_000) as u64;
                self.at(back, Action::Restart(number));
                "machine: crashed"
            }
            Strike::Backup => {
                let stored = self.nodes[number].copy();
                self.nodes[number].backups.push(stored);
                "machine: backed up"
            }
            Strike::Restore if !self.nodes[number].backups.is_empty() && !self.nodes[number].is_retired => {
                if is_up {
                    self.crash(number)?;
                }
                let backup = self.random.below(self.nodes[number].backups.len());
                let stored = self.nodes[number].backups[backup].clone();
                self.nodes[number].storage = MemoryStorage::holding(stored);
                self.start(number, true)?;
                "machine: restored from an old backup"
            }
            Strike::Clone if nodes < Plan::NODES_MAX => {
                let mut clone = Node::new(nodes);
                clone.storage = MemoryStorage::holding(self.nodes[number].copy());
                self.nodes.push(clone);
                self.start(nodes, true)?;
                "machine: cloned"
            }
            Strike::ClockJump => {
                let (now, skew) = (self.now, self.plan.skew.max(1_000));
                self.nodes[number].set_clock(now, skew, &mut self.random);
                "machine: clock jumped"
            }
            Strike::Slow => {
                self.nodes[number].slow_until = self.now + self.random.below(3_000) as u64;
                "machine: slow"
            }
            Strike::Leave if is_up && self.nodes[number].is_member => {
                let id = self.nodes[number].id;
                self.nodes[number].is_member = false;
                self.crash(number)?;
                self.replicas().for_each(|replica| _ = replica.disconnected(id));
                let back = self.now + 500 + self.random.below(3_000) as u64;
                self.at(back, Action::Return(number));
                "group: one left"
            }
            Strike::Join if nodes < Plan::NODES_MAX => {
                self.nodes.push(Node::new(nodes));
                self.start(nodes, true)?;
                "group: one joined"
            }
            Strike::Retire if self.may_retire(number) => {
                let id = self.nodes[number].id;
                self.nodes[number].up = None;
                (self.nodes[number].is_member, self.nodes[number].is_retired) = (false, true);
                self.replicas().for_each(|replica| _ = replica.retire(id));
                "group: one retired"
            }
            Strike::Retopology => {
                let topology = Plan::topology(&mut self.random, self.plan.nodes);
                self.plan.topology = topology.clone();
                self.replicas().for_each(|replica| replica.set_topology(topology.clone()));
                "group: another topology"
            }
            Strike::ForgetRemovals if is_up => {
                let subject = &self.subject;
                if let Some(up) = &mut self.nodes[number].up {
                    let forgotten = up.replica.update(|value, _| subject.forget_removals(value));
                    up.checked = None;
                    forgotten.map_err(|error| format!("replica {number} was not forked: {error}"))?;
                }
                "replica: forgot its removals"
            }
            Strike::DiskFault => {
                let fault = [Fault::Nothing, Fault::Partly(7), Fault::Everything];
                let fault = fault[self.random.below(3)];
                let step = self.random.below(3) as u64;
                self.nodes[number].storage.fail_at(step, fault);
                "disk: will fail"
            }
            _ => return Ok(()),
        };
        self.report.fault(name);
        for number in 0..self.nodes.len() {
            self.attend(number)?;
        }
        Ok(())
    }

    fn replicas(&mut self) -> impl Iterator<Item = &mut Replica<S::Value>> {
        self.nodes.iter_mut().filter_map(|node| Some(&mut node.up.as_mut()?.replica))
    }

    /// Never the hub of a star, nor one without whom something would be lost.
    fn may_retire(&self, number: usize) -> bool {
        let members = self.nodes.iter().filter(|node| node.is_member).count();
        let version = |node: &Node<S::Value>| node.up.as_ref().map(|up| up.replica.value().version().clone());
        let Some(mine) = version(&self.nodes[number]) else { return false };
        number >= self.plan.nodes
            && members > 2
            && self.nodes[number].is_member
            && self.nodes.iter().enumerate().any(|(other, node)| {
                other != number && node.is_member && version(node).is_some_and(|theirs| mine.is_within(&theirs))
            })
    }

    pub(super) fn come_back(&mut self, number: usize) -> Result<(), String> {
        if self.nodes[number].is_retired || self.nodes[number].is_member {
            return Ok(());
        }
        self.nodes[number].is_member = true;
        if self.nodes[number].up.is_some() {
            self.introduce(number);
            return self.attend(number);
        }
        self.start(number, false)
    }
}
