//! Every order in which things can happen, breadth first.

use std::fmt;
use std::hash::BuildHasher;
use std::iter::Sum;
use std::time::Instant;

use hashbrown::{DefaultHashBuilder, HashMap, HashSet, HashTable};

use super::lab::{Done, Lab};
use super::machine::{FAR, Group, Input};

/// How many messages can be on their way.
const WIRE: usize = 8;
/// How many steps it may take, once faults have stopped, until nothing happens any more.
const STEPS_MAX: u32 = 400;
/// For how many heartbeats agreement may have to wait.
const BEATS_MAX: u32 = 4;

/// How often what can happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    pub inserts: u8,
    pub removes: u8,
    pub compacts: u8,
    pub drops: u8,
    pub twice: u8,
    pub crashes: u8,
    /// One copy of one disk is made and brought back in each.
    pub restores: u8,
    pub ticks: u8,
}

/// A small world.
#[derive(Clone)]
pub struct Scope {
    pub name: &'static str,
    pub group: Group,
    /// All know each other already.
    pub warm: bool,
    pub elements: u8,
    /// What does not fit on the wire is lost.
    pub wire: usize,
    /// How many outcomes of random choices are looked at.
    pub seeds: u8,
    pub budget: Budget,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct State {
    /// 0: there is no such machine.
    machines: [u32; 3],
    facts: u32,
    /// Sorted; 0 is no letter.
    wire: [u32; WIRE],
    left: Budget,
}

#[derive(Clone, Copy, Debug)]
enum Action {
    On(usize, Input),
    Drop(u32),
    Twice(u32),
}

/// What may happen, and where it leads.
type Next = (Action, State);

#[derive(Default)]
pub struct Report {
    pub states: usize,
    /// All of them.
    pub is_complete: bool,
    pub transitions: u64,
    /// States from which agreement and silence were followed up.
    pub liveness: u64,
    /// States in which all is quiet, of which silence was checked.
    pub quiet: usize,
    pub machines: usize,
    pub calls: usize,
    pub overflows: u64,
    pub deepest: usize,
    pub steps_most: u32,
    pub beats_most: u32,
    pub seconds: f64,
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{} states, {} transitions, depth {}; {} liveness checks (at most {} steps, {} heartbeats), {} quiet states; \
             {} states of a replica, {} calls; {} lost on a full wire; {:.1} s",
            if self.is_complete { "all " } else { "the first " },
            self.states,
            self.transitions,
            self.deepest,
            self.liveness,
            self.steps_most,
            self.beats_most,
            self.quiet,
            self.machines,
            self.calls,
            self.overflows,
            self.seconds
        )
    }
}

impl Sum for Report {
    fn sum<I: Iterator<Item = Self>>(reports: I) -> Self {
        let nothing = Self { is_complete: true, ..Self::default() };
        reports.fold(nothing, |sum, report| Self {
            states: sum.states + report.states,
            is_complete: sum.is_complete && report.is_complete,
            transitions: sum.transitions + report.transitions,
            liveness: sum.liveness + report.liveness,
            quiet: sum.quiet + report.quiet,
            machines: sum.machines + report.machines,
            calls: sum.calls + report.calls,
            overflows: sum.overflows + report.overflows,
            deepest: sum.deepest.max(report.deepest),
            steps_most: sum.steps_most.max(report.steps_most),
            beats_most: sum.beats_most.max(report.beats_most),
            seconds: sum.seconds + report.seconds,
        })
    }
}

/// What was wrong, and the shortest way there.
pub struct Violation {
    pub what: String,
    pub trace: Vec<String>,
}

impl fmt::Debug for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} steps: {} => {}", self.trace.len(), self.trace.join(" | "), self.what)
    }
}

pub struct Search {
    scope: Scope,
    lab: Lab,
    states: Vec<State>,
    parents: Vec<u32>,
    found: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// By hash of what is left of a state without its budget: steps and heartbeats until all is quiet.
    calm: HashMap<u64, (u16, u16)>,
    silent: HashSet<u64>,
    report: Report,
}

/// Looks at everything that can happen in a scope, at most at so many states.
pub fn run(scope: Scope, most: usize) -> Result<Report, Violation> {
    let start = Instant::now();
    let mut search = Search {
        lab: Lab::new(scope.group.clone()),
        scope,
        states: Vec::new(),
        parents: Vec::new(),
        found: HashTable::new(),
        hasher: DefaultHashBuilder::default(),
        calm: HashMap::new(),
        silent: HashSet::new(),
        report: Report::default(),
    };
    let result = search.all(most);
    let mut report = search.report;
    report.states = search.states.len();
    report.machines = search.lab.machines();
    report.calls = search.lab.calls();
    report.quiet = search.silent.len();
    report.seconds = start.elapsed().as_secs_f64();
    result.map(|()| report)
}

impl Search {
    fn all(&mut self, most: usize) -> Result<(), Violation> {
        let nowhere = |what| Violation { what, trace: Vec::new() };
        let root = self.root().map_err(nowhere)?;
        self.visit(root, 0).map_err(nowhere)?;
        let (mut at, mut layer_end) = (0, 1);
        while at < self.states.len() && self.states.len() < most {
            if at == layer_end {
                layer_end = self.states.len();
                self.report.deepest += 1;
            }
            let next = self.successors(&self.states[at].clone()).map_err(|(action, what)| {
                let mut trace = self.trace(at);
                trace.push(self.tell(action));
                Violation { what, trace }
            })?;
            for (action, state) in next {
                self.report.transitions += 1;
                self.visit(state, at as u32).map_err(|what| {
                    let mut trace = self.trace(at);
                    trace.push(self.tell(action));
                    Violation { what, trace }
                })?;
            }
            at += 1;
        }
        self.report.is_complete = at == self.states.len();
        Ok(())
    }

    fn root(&mut self) -> Result<State, String> {
        let mut state = State { machines: [0; 3], facts: 1, wire: [0; WIRE], left: Budget::default() };
        for me in 0..self.scope.group.replicas {
            let done = self.lab.start(me)?;
            state.machines[me] = done.to;
            self.post(&mut state, &done, WIRE);
        }
        while self.scope.warm {
            match self.calm_step(&state)? {
                Some((next, _)) => state = next,
                None => break,
            }
        }
        state.left = self.scope.budget;
        Ok(state)
    }

    /// Checks a state that was not seen before.
    fn visit(&mut self, state: State, parent: u32) -> Result<(), String> {
        let hash = self.hasher.hash_one(state);
        let Self { states, found, hasher, .. } = self;
        if found.find(hash, |&at| states[at as usize] == state).is_some() {
            return Ok(());
        }
        found.insert_unique(hash, states.len() as u32, |&at| hasher.hash_one(states[at as usize]));
        states.push(state);
        self.parents.push(parent);
        self.check(&state)?;
        // All that is on its way arrives, or nothing of it does.
        self.follow(state).map_err(|what| format!("then, without faults: {what}"))?;
        if state.wire[0] != 0 {
            let lost = State { wire: [0; WIRE], ..state };
            self.follow(lost).map_err(|what| format!("then, all on the wire lost and no more faults: {what}"))?;
        }
        Ok(())
    }

    fn check(&mut self, state: &State) -> Result<(), String> {
        let machines = state.machines;
        for (me, &machine) in machines.iter().enumerate().filter(|(_, machine)| **machine != 0) {
            self.lab.check_machine(machine, state.facts).map_err(|what| format!("replica {me}: {what}"))?;
            for &other in machines[..me].iter() {
                let (one, other) = (self.lab.machine(machine), self.lab.machine(other));
                if one.version == other.version && one.canonical != other.canonical {
                    return Err("equal versions, and states that differ".into());
                }
            }
        }
        state
            .wire
            .iter()
            .filter(|letter| **letter != 0)
            .try_for_each(|&letter| self.lab.check_letter(letter, state.facts))
    }

    fn successors(&mut self, state: &State) -> Result<Vec<Next>, (Action, String)> {
        let mut next = Vec::new();
        let left = state.left;
        for me in 0..self.scope.group.replicas {
            let known = self.lab.machine(state.machines[me]);
            let (can_save, is_saving) = (known.can_save, known.is_saving);
            let mut inputs: Vec<(Input, Budget)> = Vec::new();
            let mut spend = |may: u8, input: Input, spend: fn(&mut Budget)| {
                if may > 0 {
                    let mut left = left;
                    spend(&mut left);
                    inputs.push((input, left));
                }
            };
            for element in 0..self.scope.elements {
                spend(left.inserts, Input::Insert(element), |left| left.inserts -= 1);
                spend(left.removes, Input::Remove(element), |left| left.removes -= 1);
            }
            spend(left.compacts, Input::Compact, |left| left.compacts -= 1);
            for seed in 0..self.scope.seeds {
                spend(left.ticks, Input::Tick(seed), |left| left.ticks -= 1);
            }
            spend(u8::from(can_save), Input::Save, |_| ());
            spend(u8::from(is_saving), Input::Saved, |_| ());
            spend(left.crashes, Input::Crash { written: false }, |left| left.crashes -= 1);
            spend(left.crashes * u8::from(is_saving), Input::Crash { written: true }, |left| left.crashes -= 1);
            spend(left.restores, Input::Backup, |_| ());
            spend(left.restores, Input::Restore, |left| left.restores -= 1);
            for (input, left) in inputs {
                let action = Action::On(me, input);
                let after = self.on(state, me, input, self.scope.wire).map_err(|what| (action, what))?;
                if let Some(after) = after {
                    let after = State { left, ..after };
                    if after != *state {
                        next.push((action, after));
                    }
                }
            }
        }
        for at in 0..WIRE {
            let letter = state.wire[at];
            if letter == 0 || (at > 0 && state.wire[at - 1] == letter) {
                continue;
            }
            let to = self.lab.letter(letter).to;
            let without = State { wire: without(state.wire, at), ..*state };
            let action = Action::On(to, Input::Deliver(letter));
            let wire = self.scope.wire;
            let failed = |what| (action, what);
            next.extend(
                self.on(&without, to, Input::Deliver(letter), wire).map_err(failed)?.map(|after| (action, after)),
            );
            if left.twice > 0 {
                let action = Action::Twice(letter);
                let failed = |what| (action, what);
                let after = self.on(state, to, Input::Deliver(letter), wire).map_err(failed)?;
                let left = Budget { twice: left.twice - 1, ..left };
                next.extend(after.map(|after| (action, State { left, ..after })));
            }
            if left.drops > 0 {
                let left = Budget { drops: left.drops - 1, ..left };
                next.push((Action::Drop(letter), State { left, ..without }));
            }
        }
        Ok(next)
    }

    /// Something happens to one machine.
    fn on(&mut self, state: &State, me: usize, input: Input, wire: usize) -> Result<Option<State>, String> {
        let done = self.lab.step(me, state.machines[me], input).map_err(|what| format!("replica {me}: {what}"))?;
        let Some(done) = done else { return Ok(None) };
        let mut next = *state;
        next.machines[me] = done.to;
        next.facts = self.lab.facts_after(state.facts, &done);
        self.post(&mut next, &done, wire);
        Ok(Some(next))
    }

    fn post(&mut self, state: &mut State, done: &Done, wire: usize) {
        for &letter in &done.sent {
            match state.wire[..wire].iter().position(|there| *there == 0) {
                Some(at) => {
                    state.wire[at] = letter;
                    state.wire[..=at].sort_unstable();
                }
                None => self.report.overflows += 1,
            }
        }
    }

    /// Faults are over: all must agree, and then be silent, from here and from all that follows.
    fn follow(&mut self, mut state: State) -> Result<(), String> {
        state.left = Budget::default();
        self.report.liveness += 1;
        let mut way = Vec::new();
        let (mut steps, mut beats) = loop {
            let hash = self.hasher.hash_one(state);
            if let Some(&(steps, beats)) = self.calm.get(&hash) {
                break (u32::from(steps), u32::from(beats));
            }
            let next = self.calm_step(&state)?;
            way.push((hash, matches!(next, Some((_, true)))));
            match next {
                Some((next, _)) => state = next,
                None => break (0, 0),
            }
            if way.len() as u32 > STEPS_MAX {
                return Err(format!("after {STEPS_MAX} steps without faults they still do not rest"));
            }
        };
        for (hash, is_beat) in way.into_iter().rev() {
            self.calm.insert(hash, (steps as u16, beats as u16));
            steps += 1;
            beats += u32::from(is_beat);
        }
        self.report.steps_most = self.report.steps_most.max(steps);
        self.report.beats_most = self.report.beats_most.max(beats);
        match (steps > STEPS_MAX, beats > BEATS_MAX) {
            (false, false) => Ok(()),
            _ => Err(format!("without faults they rest after {steps} steps and {beats} heartbeats only")),
        }
    }

    /// What happens next without faults, and whether that is a heartbeat; `None` when all agree and rest.
    fn calm_step(&mut self, state: &State) -> Result<Option<(State, bool)>, String> {
        self.check(state)?;
        let replicas = self.scope.group.replicas;
        if state.wire[0] != 0 {
            let (to, letter) = (self.lab.letter(state.wire[0]).to, state.wire[0]);
            let without = State { wire: without(state.wire, 0), ..*state };
            let next = self.on(&without, to, Input::Deliver(letter), WIRE)?;
            return Ok(next.map(|next| (next, false)));
        }
        for me in 0..replicas {
            let known = self.lab.machine(state.machines[me]);
            let input = if known.is_saving { Input::Saved } else { Input::Save };
            if (known.is_saving || known.can_save)
                && let Some(next) = self.on(state, me, input, WIRE)?
            {
                return Ok(Some((next, false)));
            }
        }
        let due = state.machines[..replicas].iter().map(|&machine| self.lab.machine(machine).due).min().unwrap_or(FAR);
        if due < FAR {
            let (millis, seed) = (due as u16, state.left.ticks);
            return Ok(Some((self.everywhere(state, Input::Wait { millis, seed })?, false)));
        }
        if !self.agree(state) {
            return Ok(Some((self.everywhere(state, Input::Tick(state.left.ticks))?, true)));
        }
        self.stay_silent(state)?;
        Ok(None)
    }

    /// Time passes. Without faults nothing is left to be spent: what was the number of ticks picks the random choices,
    /// each in turn.
    fn everywhere(&mut self, state: &State, input: Input) -> Result<State, String> {
        let mut next = *state;
        next.left.ticks = (next.left.ticks + 1) % self.scope.seeds;
        for me in 0..self.scope.group.replicas {
            next = self.on(&next, me, input, WIRE)?.unwrap_or(next);
        }
        Ok(next)
    }

    fn agree(&self, state: &State) -> bool {
        let first = self.lab.machine(state.machines[0]);
        let same = |&machine: &u32| {
            let known = self.lab.machine(machine);
            (known.version, known.canonical) == (first.version, first.canonical)
        };
        state.machines[..self.scope.group.replicas].iter().all(same)
    }

    /// All agree and nothing is due but heartbeats: those bring no states, and change nothing.
    fn stay_silent(&mut self, state: &State) -> Result<(), String> {
        let hash = self.hasher.hash_one(state);
        if !self.silent.insert(hash) {
            return Ok(());
        }
        let mut state = *state;
        for _ in 0..4 {
            state = self.everywhere(&state, Input::Tick(state.left.ticks))?;
            let mut letters = 0;
            while state.wire[0] != 0 {
                let letter = self.lab.letter(state.wire[0]);
                let (to, number) = (letter.to, state.wire[0]);
                letters += 1;
                if letter.is_state() || letters > 12 {
                    return Err(format!("{} from {} between equal replicas", letter.name(), letter.from));
                }
                let without = State { wire: without(state.wire, 0), ..state };
                state = self.on(&without, to, Input::Deliver(number), WIRE)?.unwrap_or(without);
            }
            let machines = &state.machines[..self.scope.group.replicas];
            let rest = machines.iter().all(|&machine| self.lab.machine(machine).due == FAR);
            if !rest || !self.agree(&state) {
                return Err("heartbeats between equal replicas do not end".into());
            }
        }
        Ok(())
    }

    /// How a state came about.
    fn trace(&mut self, mut at: usize) -> Vec<String> {
        let mut trace = Vec::new();
        while at > 0 {
            let parent = self.parents[at] as usize;
            let (child, before) = (self.states[at], self.states[parent]);
            let next = self.successors(&before).unwrap_or_default();
            let action = next.into_iter().find(|(_, state)| *state == child);
            trace.extend(action.map(|(action, _)| self.tell(action)));
            at = parent;
        }
        trace.reverse();
        trace
    }

    fn tell(&self, action: Action) -> String {
        let letter = |number: u32| {
            let letter = self.lab.letter(number);
            format!("{}>{} {}", letter.from, letter.to, letter.name())
        };
        match action {
            Action::On(_, Input::Deliver(number)) => letter(number),
            Action::On(me, input) => format!("{me} {input:?}"),
            Action::Drop(number) => format!("{} lost", letter(number)),
            Action::Twice(number) => format!("{} and again", letter(number)),
        }
    }
}

fn without(mut wire: [u32; WIRE], at: usize) -> [u32; WIRE] {
    wire.copy_within(at + 1.., at);
    wire[WIRE - 1] = 0;
    wire
}
