use alloc::vec::Vec;

use super::Versioned;
use super::event::{FieldEvent, FieldState, RecordKey, has_live};
use super::policy::{DeletePolicy, Deletes};
use super::view::{Marks, Standing, versions};
use crate::causality::{Dot, PackedDot, Timestamp};
use crate::kernel::{Data, Edit, Events, EventsMut, Hashed, Mut, View};
use crate::mutants::{self, Mutant};
use crate::types::conflict::{Conflict, ConflictKind, Settled, Version, differ, to_trim};
use crate::types::{ResolveError, Resolved, Resolver};

/// Writes to a [`VersionedRecord`](crate::VersionedRecord) within an edit.
pub type RecordMut<'e, V, P> = Mut<'e, Versioned<V, P>>;

/// A conflict with what is to take the place of its versions.
pub(crate) struct Choice<V> {
    conflict: Conflict<RecordKey, V>,
    state: FieldState<V>,
}

impl<'e, V: Data, P: DeletePolicy, E: EventsMut<'e, Kind = Versioned<V, P>>> Mut<'e, Versioned<V, P>, E> {
    pub(super) fn view<'v>(
        &'v self,
        edit: &'v Edit<'_>,
    ) -> View<'v, Versioned<V, P>, impl Events<'v, Kind = Versioned<V, P>>> {
        View::with_policy(self.events.read(), edit.version(), self.policy)
    }

    /// Sets a field, superseding all of its versions.
    pub fn set(&mut self, edit: &mut Edit<'e>, field: &str, value: V) -> Dot {
        let view = self.view(edit);
        let marks = view.marks();
        let events = view.slot_of(field).map(|slot| view.events.events_at(slot));
        if let Some(events) = events.as_ref().filter(|_| !marks.are_in_question())
            && let Some(dot) = edit.unchanged(events, |only| only.is_live() && only.value() == Some(&value))
        {
            return dot;
        }
        let created = !events.is_some_and(|events| has_live(&events));
        self.keep_record(edit, &marks, created, Some(field));
        self.put(edit, RecordKey::Field(field.into()), FieldState::Live(value))
    }

    /// Settles the conflict of a field: supersedes all of its versions. The same as `set`.
    pub fn resolve(&mut self, edit: &mut Edit<'e>, field: &str, value: V) -> Dot {
        self.set(edit, field, value)
    }

    /// The record is there: its header is made live, if it may not be, and all other fields get for good what they
    /// show.
    fn keep_record(&mut self, edit: &mut Edit<'e>, marks: &Marks, created: bool, except: Option<&str>) {
        match self.policy.deletes() {
            Deletes::DeleteWins => self.bury(edit, marks, except),
            Deletes::UpdateWins | Deletes::Ask => self.bring_back(edit, marks, except),
        }
        if created
            || (marks.are_in_question() && self.policy.deletes() != Deletes::DeleteWins)
            || marks.record.is_some()
        {
            self.write_header(edit);
        }
    }

    /// Writes again what only an overruled deletion kept.
    fn bring_back(&mut self, edit: &mut Edit<'e>, marks: &Marks, except: Option<&str>) {
        if marks.overruled.is_empty() || mutants::on(Mutant::NoRewriteOfRevived) {
            return;
        }
        let view = self.view(edit);
        let kept = view.field_slots().filter(|&slot| !has_live(&view.events.events_at(slot))).filter_map(|slot| {
            let kept = last(&view.candidates(slot, marks))?.value?.clone();
            Some((view.key_at(slot).clone(), kept)).filter(|(key, _)| key.field() != except)
        });
        for (key, value) in kept.collect::<Vec<_>>() {
            self.put_soon(edit, key, FieldState::Live(value));
        }
    }

    /// Marks as deleted what the deletion of the record hides although it had not seen it.
    fn bury(&mut self, edit: &mut Edit<'e>, marks: &Marks, except: Option<&str>) {
        let Some(deletion) = marks.record else { return };
        if mutants::on(Mutant::NoBurial) {
            return;
        }
        let view = self.view(edit);
        let hidden = view.field_slots().filter(|&slot| view.deletion_at(slot).is_none()).filter_map(|slot| {
            let kept = last(&view.candidates(slot, marks))?.value?.clone();
            Some((view.key_at(slot).clone(), kept)).filter(|(key, _)| key.field() != except)
        });
        for (key, kept) in hidden.collect::<Vec<_>>() {
            self.put_soon(edit, key, FieldState::Deleted { kept, deletion });
        }
    }

    /// Makes the header live, once in a group. Returns its event.
    fn write_header(&mut self, edit: &mut Edit<'e>) -> Option<Dot> {
        if mutants::on(Mutant::NoHeader) {
            return None;
        }
        let fresh = |dot: PackedDot, event: &FieldEvent<V>| event.is_live() && edit.wrote(dot);
        let events = self.events.read();
        let written = events.find(&Hashed(RecordKey::Record)).and_then(|slot| {
            events.events_at(slot).live().find(|&(dot, event)| fresh(dot, event)).map(|(dot, _)| edit.dot(dot))
        });
        Some(written.unwrap_or_else(|| self.put(edit, RecordKey::Record, FieldState::Header)))
    }

    fn put(&mut self, edit: &mut Edit<'e>, key: RecordKey, state: FieldState<V>) -> Dot {
        let events = self.events.read();
        let found = events.find(&Hashed(key.clone())).map(|slot| events.events_at(slot));
        let at = edit.stamp(found.iter().flat_map(|events| events.live().map(|(dot, event)| (dot, event.at))));
        self.put_stamped(edit, key, state, at)
    }

    /// As `put`, no later than it has to be: what a person writes meanwhile is to win.
    fn put_soon(&mut self, edit: &mut Edit<'e>, key: RecordKey, state: FieldState<V>) -> Dot {
        let at = self.greatest(&key).map_or(Timestamp::default(), Timestamp::next);
        let dot = self.put_stamped(edit, key, state, at);
        edit.set_apart();
        dot
    }

    /// The greatest stamp among the events of a key.
    fn greatest(&self, key: &RecordKey) -> Option<Timestamp> {
        let events = self.events.read();
        let slot = events.find(&Hashed(key.clone()))?;
        events.events_at(slot).live().map(|(_, event)| event.at).max()
    }

    fn put_stamped(&mut self, edit: &mut Edit<'e>, key: RecordKey, state: FieldState<V>, at: Timestamp) -> Dot {
        let key = Hashed(key);
        let events = self.events.read();
        let found = events.find(&key).map(|slot| events.events_at(slot));
        let created =
            !found.is_some_and(|events| has_live(&events)) && matches!(state, FieldState::Header | FieldState::Live(_));
        self.events.write(edit, key, Some(FieldEvent { at, created, state }))
    }

    /// Removes a field, if there is something of it. A concurrent `set` of it survives, as a conflict.
    pub fn remove(&mut self, edit: &mut Edit<'e>, field: &str) -> Option<Dot> {
        let view = self.view(edit);
        let marks = view.marks();
        let kept = last(&view.candidates(view.slot_of(field)?, &marks))?.value?.clone();
        if self.policy.deletes() != Deletes::DeleteWins {
            self.keep_record(edit, &marks, false, Some(field));
        }
        let deletion = edit.next_dot();
        Some(self.put(edit, RecordKey::Field(field.into()), FieldState::Deleted { kept, deletion }))
    }

    /// Deletes the record, if there is something of it. Returns the deletion's name: its first event.
    pub fn delete(&mut self, edit: &mut Edit<'e>) -> Option<Dot> {
        let view = self.view(edit);
        let marks = view.marks();
        let there = view.field_slots().filter_map(|slot| {
            let kept = last(&view.candidates(slot, &marks))?.value?.clone();
            Some((view.key_at(slot).clone(), kept))
        });
        let there: Vec<_> = there.collect();
        if there.is_empty() {
            return None;
        }
        let deletion = edit.next_dot();
        for (key, kept) in there {
            self.put(edit, key, FieldState::Deleted { kept, deletion });
        }
        if !mutants::on(Mutant::NoHeader) {
            self.put(edit, RecordKey::Record, FieldState::Gone { deletion });
        }
        Some(deletion)
    }

    /// Settles all conflicts with deletions, as one group, so that the record stays whatever the policy: of each field
    /// the latest value is written again. Returns what was settled.
    pub fn restore(&mut self, edit: &mut Edit<'e>) -> Vec<Settled<RecordKey, V>> {
        let view = self.view(edit);
        let marks = view.marks();
        let found = view.events.siblings().into_iter().filter_map(|slot| {
            let conflict = view.conflict_at(slot).filter(|conflict| conflict.kind == ConflictKind::UpdateDelete)?;
            let state = match conflict.key {
                RecordKey::Record => FieldState::Header,
                RecordKey::Field(_) => FieldState::Live(last(&view.candidates(slot, &marks))?.value?.clone()),
            };
            Some(Choice { conflict: conflict.cloned(), state })
        });
        let choices = found.collect();
        self.settle(edit, choices)
    }

    /// Settles all conflicts as one group, by what a read with this resolver shows: see
    /// [`VersionedRecord::resolve_all`](crate::VersionedRecord::resolve_all).
    ///
    /// # Errors
    /// [`ResolveError`] if the resolver is found not to be a function of the versions. Nothing is written.
    pub fn resolve_all(
        &mut self,
        edit: &mut Edit<'e>,
        resolver: Resolver<'_, V>,
    ) -> Result<Vec<Settled<RecordKey, V>>, ResolveError> {
        let slots = self.events.read().siblings();
        let choices = self.choices(edit, &slots, resolver)?;
        Ok(self.settle(edit, choices))
    }

    pub(crate) fn choices(
        &self,
        edit: &Edit<'_>,
        slots: &[u32],
        resolver: Resolver<'_, V>,
    ) -> Result<Vec<Choice<V>>, ResolveError> {
        let mut choices = Vec::new();
        if matches!(resolver, Resolver::KeepAll) {
            return Ok(choices);
        }
        let view = self.view(edit);
        let marks = view.marks();
        for &slot in slots {
            let Some(conflict) = view.conflict_at(slot) else { continue };
            // A deletion that is written again keeps its name.
            let deletion = view.deletion_at(slot).or(marks.record);
            let state = match (conflict.key, view.standing(slot, &marks), deletion) {
                (RecordKey::Record, _, deletion) => match (self.policy.deletes(), deletion) {
                    (Deletes::UpdateWins, _) => FieldState::Header,
                    (Deletes::DeleteWins, Some(deletion)) => FieldState::Gone { deletion },
                    _ => continue,
                },
                (_, Standing::There(versions), _) => match resolver.resolve(versions)? {
                    Resolved::One(value) => FieldState::Live(value.into_owned()),
                    Resolved::Nothing | Resolved::Conflict(_) => continue,
                },
                (_, Standing::Nothing, Some(deletion)) => {
                    let Some(kept) = last(&view.candidates(slot, &marks)).and_then(|version| version.value) else {
                        continue;
                    };
                    FieldState::Deleted { kept: kept.clone(), deletion }
                }
                _ => continue,
            };
            choices.push(Choice { conflict: conflict.cloned(), state });
        }
        Ok(choices)
    }

    pub(crate) fn settle(&mut self, edit: &mut Edit<'e>, mut choices: Vec<Choice<V>>) -> Vec<Settled<RecordKey, V>> {
        choices.sort_unstable_by_key(|choice| choice.conflict.versions[0].dot);
        let marks = self.view(edit).marks();
        let kept = |choice: &Choice<V>| {
            let live = matches!(choice.state, FieldState::Live(_) | FieldState::Header);
            live && choice.conflict.kind == ConflictKind::UpdateDelete
        };
        if choices.iter().any(kept) {
            self.bring_back(edit, &marks, None);
            self.write_header(edit);
        } else if choices.iter().any(|choice| matches!(choice.state, FieldState::Gone { .. })) {
            self.bury(edit, &marks, None);
        }
        let settled = choices.into_iter().filter_map(|Choice { conflict, state }| {
            let (value, deleted) = match &state {
                FieldState::Live(value) => (Some(value.clone()), false),
                FieldState::Deleted { kept, .. } => (Some(kept.clone()), true),
                FieldState::Header => (None, false),
                FieldState::Gone { .. } => (None, true),
            };
            let dot = match &state {
                FieldState::Header => self.write_header(edit)?,
                _ => self.put_soon(edit, conflict.key.clone(), state),
            };
            let timestamp = self.greatest(&conflict.key);
            Some(Settled { conflict, by: Version { value, deleted, dot, timestamp } })
        });
        settled.collect()
    }

    /// Where more than `limit` concurrent writes of a field are kept, writes the last of them again, which supersedes the others.
    /// Anybody can do it. Of those who do it at a time, who write the same, only the last goes on: so it ends.
    /// Returns the conflicts that this settled. Conflicts with deletions are left as they are.
    pub fn trim_siblings(&mut self, edit: &mut Edit<'e>, limit: usize) -> Vec<Settled<RecordKey, V>> {
        let slots = self.events.read().siblings();
        self.trim(edit, &slots, limit)
    }

    pub(crate) fn trim(&mut self, edit: &mut Edit<'e>, slots: &[u32], limit: usize) -> Vec<Settled<RecordKey, V>> {
        let view = self.view(edit);
        let found = slots.iter().filter_map(|&slot| {
            let versions = versions(&view.events.events_at(slot), edit.version());
            let last = to_trim(&versions, edit, limit).filter(|_| !versions.iter().any(|version| version.deleted))?;
            let state = last.value.map_or(FieldState::Header, |value| FieldState::Live(value.clone()));
            let conflict = view.conflict_at(slot);
            let conflict =
                conflict.unwrap_or(Conflict { key: view.key_at(slot), kind: ConflictKind::WriteWrite, versions });
            Some(Choice { conflict: conflict.cloned(), state })
        });
        let choices = found.collect();
        let mut settled = self.settle(edit, choices);
        settled.retain(|settled| differ(settled.conflict.versions.iter().filter_map(|version| version.value.as_ref())));
        settled
    }

    /// Forgets the values that standing deletions kept. Only the fact of the deletion stays.
    pub fn erase(&mut self, edit: &mut Edit<'e>) -> Option<Dot> {
        let mut last = None;
        for (slot, deletion) in self.view(edit).standing_deletions() {
            let events = self.events.read();
            if events.events_at(slot).live().any(|(_, event)| event.value().is_some()) {
                let key = events.key_at(slot).0.clone();
                last = Some(self.put(edit, key, FieldState::Gone { deletion }));
            }
        }
        last
    }

    /// Forgets standing deletions altogether: a later update that had not seen them is no conflict.
    pub fn purge(&mut self, edit: &mut Edit<'e>) -> Option<Dot> {
        let standing = self.view(edit).standing_deletions();
        standing.into_iter().map(|(slot, _)| self.events.write_at(edit, slot, None)).last()
    }
}

/// The last of these versions: by time, and by dot where times are equal.
fn last<'v, 'a, V>(versions: &'v [Version<&'a V>]) -> Option<&'v Version<&'a V>> {
    versions.iter().max_by_key(|version| version.order())
}
