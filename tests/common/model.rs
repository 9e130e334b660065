//! The oracle: every event with its full causal past, and answers by definition.
//!
//! It knows nothing of dots, version vectors, antichains or floors; it is slow and obvious.

use std::collections::{BTreeMap, BTreeSet};

/// A set of events by number.
pub type Past = BTreeSet<usize>;

/// What an event does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    Add(u8),
    Remove(u8),
    Put(u8, u16),
    Take(u8),
    Count(i64),
    Reset,
}

impl Action {
    /// The key of the set or of the map that it is about, told apart by a tag.
    fn key(&self) -> Option<(char, u8)> {
        match self {
            Self::Add(key) | Self::Remove(key) => Some(('s', *key)),
            Self::Put(key, _) | Self::Take(key) => Some(('m', *key)),
            Self::Count(_) | Self::Reset => None,
        }
    }
}

/// One event.
#[derive(Clone, Debug)]
pub struct Event {
    pub action: Action,
    /// Everything that its writer had seen.
    pub past: Past,
}

/// All events of a history.
#[derive(Default)]
pub struct Model {
    pub events: Vec<Event>,
}

/// What a replica that knows some events must show.
#[derive(Debug, PartialEq, Default)]
pub struct Answer {
    pub set: BTreeSet<u8>,
    /// By key, the numbers of the surviving puts.
    pub map: BTreeMap<u8, BTreeSet<usize>>,
    pub count: i128,
}

impl Model {
    /// A new event by someone who has seen `past`; returns its number.
    pub fn issue(&mut self, action: Action, past: &Past) -> usize {
        self.events.push(Event { action, past: past.clone() });
        self.events.len() - 1
    }

    /// The answers, by definition.
    pub fn answer(&self, known: &Past) -> Answer {
        let mut answer = Answer::default();
        for &number in known {
            let event = &self.events[number];
            let seen_by = |later: usize| self.events[later].past.contains(&number);
            match event.action {
                // An element is there iff some add of it is seen by no removal of it.
                Action::Add(key) => {
                    let removed =
                        known.iter().any(|&later| self.events[later].action == Action::Remove(key) && seen_by(later));
                    if !removed {
                        answer.set.insert(key);
                    }
                }
                // A put survives until an event on its key that has seen it.
                Action::Put(key, _) => {
                    let superseded = known
                        .iter()
                        .any(|&later| self.events[later].action.key() == Some(('m', key)) && seen_by(later));
                    if !superseded {
                        answer.map.entry(key).or_default().insert(number);
                    }
                }
                // A count counts unless a reset has seen it.
                Action::Count(by) => {
                    let reset = known.iter().any(|&later| self.events[later].action == Action::Reset && seen_by(later));
                    if !reset {
                        answer.count += i128::from(by);
                    }
                }
                Action::Remove(_) | Action::Take(_) | Action::Reset => {}
            }
        }
        answer
    }
}
