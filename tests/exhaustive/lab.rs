//! What single machines do, worked out once: a machine does the same whenever the same happens to it in the same state.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use dotted::{Dot, VersionVector};
use hashbrown::{HashMap, HashSet};
use xxhash_rust::xxh64::xxh64;

use super::facts::{Fact, Facts};
use super::machine::{Effect, Group, Input, Machine, Outcome};

/// A message on its way.
pub struct Letter {
    pub from: usize,
    pub to: usize,
    pub bytes: Vec<u8>,
    pub claimed: VersionVector,
}

impl Letter {
    pub fn is_state(&self) -> bool {
        self.name() == "Delta"
    }

    pub fn name(&self) -> &'static str {
        match self.bytes[5] {
            16 => "Have",
            17 => "Delta",
            18 => "Nack",
            _ => "Audit",
        }
    }
}

/// A machine in one state, and what is asked of it often.
pub struct Known {
    machine: Machine,
    pub version: u32,
    pub canonical: u32,
    pub due: u64,
    pub can_save: bool,
    pub is_saving: bool,
}

#[derive(Clone)]
pub struct Done {
    pub to: u32,
    pub sent: Box<[u32]>,
    effect: u32,
}

/// Numbers for things, from 1.
struct Numbers<T> {
    numbers: HashMap<T, u32>,
}

impl<T: std::hash::Hash + Eq> Numbers<T> {
    fn of(&mut self, thing: T) -> (u32, bool) {
        let next = self.numbers.len() as u32 + 1;
        let number = *self.numbers.entry(thing).or_insert(next);
        (number, number == next)
    }
}

impl<T> Default for Numbers<T> {
    fn default() -> Self {
        Self { numbers: HashMap::new() }
    }
}

pub struct Lab {
    pub group: Group,
    known: Vec<Known>,
    /// By two hashes of what they do from now on.
    machines: Numbers<(u64, u64)>,
    letters: Vec<Letter>,
    letter_numbers: Numbers<(usize, usize, Vec<u8>)>,
    done: HashMap<(u32, Input), Option<Done>>,
    effects: Vec<Effect>,
    effect_numbers: Numbers<Effect>,
    facts: Vec<Facts>,
    fact_numbers: Numbers<Facts>,
    after: HashMap<(u32, u32), u32>,
    versions: Numbers<String>,
    canonicals: Numbers<Vec<u8>>,
    /// What a version looks like, given what exists.
    views: HashMap<(u32, u32), u32>,
    right: HashSet<(u32, u32)>,
    true_letters: HashSet<(u32, u32)>,
}

impl Lab {
    /// With nothing that exists: number 1.
    pub fn new(group: Group) -> Self {
        let mut lab = Self {
            group,
            known: Vec::new(),
            machines: Numbers::default(),
            letters: Vec::new(),
            letter_numbers: Numbers::default(),
            done: HashMap::new(),
            effects: Vec::new(),
            effect_numbers: Numbers::default(),
            facts: Vec::new(),
            fact_numbers: Numbers::default(),
            after: HashMap::new(),
            versions: Numbers::default(),
            canonicals: Numbers::default(),
            views: HashMap::new(),
            right: HashSet::new(),
            true_letters: HashSet::new(),
        };
        lab.note_facts(Facts::default());
        lab
    }

    pub fn machine(&self, number: u32) -> &Known {
        &self.known[number as usize - 1]
    }

    pub fn letter(&self, number: u32) -> &Letter {
        &self.letters[number as usize - 1]
    }

    pub fn machines(&self) -> usize {
        self.known.len()
    }

    pub fn calls(&self) -> usize {
        self.done.len()
    }

    pub fn start(&mut self, me: usize) -> Result<Done, String> {
        let outcome = Machine::first(me, &self.group)?;
        self.note(me, outcome)
    }

    /// What comes of an input; `None` if it cannot happen, or changes nothing.
    pub fn step(&mut self, me: usize, machine: u32, input: Input) -> Result<Option<Done>, String> {
        if let Some(done) = self.done.get(&(machine, input)) {
            return Ok(done.clone());
        }
        let letter = match input {
            Input::Deliver(number) => Some(self.letter(number)),
            _ => None,
        };
        let letter = letter.map(|letter| (letter.from, &letter.bytes[..]));
        let it = &self.machine(machine).machine;
        let outcome = catch_unwind(AssertUnwindSafe(|| it.take(input, letter, &self.group)));
        let outcome = outcome.unwrap_or_else(|_| Err("it panicked".into()))?;
        let done = outcome.map(|outcome| self.note(me, outcome)).transpose()?;
        self.done.insert((machine, input), done.clone());
        Ok(done)
    }

    fn note(&mut self, me: usize, Outcome { machine, sent, effect }: Outcome) -> Result<Done, String> {
        let dump = machine.dump();
        let (to, is_new) = self.machines.of((xxh64(dump.as_bytes(), 1), xxh64(dump.as_bytes(), 2)));
        let mut letters = Vec::new();
        for (whom, bytes) in sent {
            let (number, is_new) = self.letter_numbers.of((me, whom, bytes.clone()));
            if is_new {
                let claimed = machine.replica.claimed(&bytes).ok_or("a message that cannot be read")?;
                self.letters.push(Letter { from: me, to: whom, bytes, claimed });
            }
            letters.push(number);
        }
        let (effect_number, is_new_effect) = self.effect_numbers.of(effect.clone());
        if is_new_effect {
            self.effects.push(effect);
        }
        if is_new {
            let value = machine.replica.value();
            let version = self.versions.of(format!("{:?}", value.version())).0;
            let canonical = self.canonicals.of(value.canonical()).0;
            let (due, can_save, is_saving) = (machine.due(), machine.can_save(), machine.is_saving());
            self.known.push(Known { machine, version, canonical, due, can_save, is_saving });
        }
        Ok(Done { to, sent: letters.into(), effect: effect_number })
    }

    fn note_facts(&mut self, facts: Facts) -> u32 {
        let (number, is_new) = self.fact_numbers.of(facts.clone());
        if is_new {
            self.facts.push(facts);
        }
        number
    }

    /// What exists after a step.
    pub fn facts_after(&mut self, before: u32, done: &Done) -> u32 {
        let effect = &self.effects[done.effect as usize - 1];
        if *effect == Effect::Nothing {
            return before;
        }
        if let Some(&after) = self.after.get(&(before, done.effect)) {
            return after;
        }
        let facts = &self.facts[before as usize - 1];
        let facts = match effect {
            Effect::Nothing => facts.clone(),
            Effect::Wrote { dot, element, is_add, past } => {
                let past = facts.within(&version_of(past));
                facts.with(Fact { dot: *dot, element: *element, is_add: *is_add, past })
            }
            Effect::Lost { writer, kept } => {
                let kept = version_of(kept);
                facts.without(|dot: &Dot| dot.replica.uuid() == *writer && !kept.contains(dot))
            }
        };
        let after = self.note_facts(facts);
        self.after.insert((before, done.effect), after);
        after
    }

    /// Whether a machine shows what it must.
    pub fn check_machine(&mut self, machine: u32, facts: u32) -> Result<(), String> {
        if !self.right.insert((machine, facts)) {
            return Ok(());
        }
        let Known { machine: it, version, canonical, .. } = &self.known[machine as usize - 1];
        let (version, canonical) = (*version, *canonical);
        let right = &self.facts[facts as usize - 1];
        let value = it.replica.value();
        if !right.cover(value.version()) {
            return Err(format!("it has seen {:?}, which was not written", value.version()));
        }
        let (shown, expected): (BTreeSet<u8>, _) = (value.iter().copied().collect(), right.set(value.version()));
        if shown != expected {
            return Err(format!("having seen {:?} it shows {shown:?}, not {expected:?}", value.version()));
        }
        if *self.views.entry((facts, version)).or_insert(canonical) != canonical {
            return Err(format!("with {:?} two states are not the same", value.version()));
        }
        Ok(())
    }

    /// Whether a letter claims what exists.
    pub fn check_letter(&mut self, letter: u32, facts: u32) -> Result<(), String> {
        if !self.true_letters.insert((letter, facts)) {
            return Ok(());
        }
        let claimed = &self.letter(letter).claimed;
        match self.facts[facts as usize - 1].cover(claimed) {
            true => Ok(()),
            false => Err(format!("a message in flight claims {claimed:?}, which was not written")),
        }
    }
}

fn version_of(pairs: &[(dotted::ReplicaId, u64)]) -> VersionVector {
    let mut version = VersionVector::new();
    pairs.iter().for_each(|(replica, counter)| version.observe(replica, *counter));
    version
}
