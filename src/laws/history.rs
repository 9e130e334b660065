use core::fmt::{self, Debug};
use core::hash::{Hash, Hasher};
use std::hash::DefaultHasher;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use quickcheck::{Arbitrary, Gen};
use uuid::Uuid;

use super::Generate;
use super::generate::one_of;
use crate::{Limits, Timestamp, Writer};

/// Two to four replicas of one random history.
///
/// They write, merge, and exchange deltas, some of them late, twice or never; they are cloned, rolled
/// back, collected, compacted, and read back from bytes. Writers, as many as replicas, write mostly
/// to one of them each, and now and then to another. The clocks run badly: they stand still and jump.
///
/// It keeps its steps, not only the states that they lead to: so it shrinks to the few steps that
/// matter, and `Debug` shows what every step led to. No two histories share a writer, not even one
/// and what it shrinks to, as one id with two histories is just the misuse that breaks such types.
///
/// The length of the history follows [`Gen::size`].
#[derive(Clone)]
pub struct Replicas<C> {
    count: usize,
    seed: u64,
    /// The size for the values that are written.
    size: usize,
    steps: Vec<Step>,
    /// Made when asked for, so that a history that panics fails as a test does, and shrinks.
    states: OnceLock<Vec<C>>,
}

/// A step of a history. Numbers of replicas, writers and deltas count modulo how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Step {
    Write {
        replica: usize,
        writer: usize,
        seed: u64,
    },
    Merge {
        into: usize,
        from: usize,
    },
    Delta {
        into: usize,
        from: usize,
    },
    /// A delta since what `known` has, that is delivered late, or to someone else, or never.
    Send {
        from: usize,
        known: usize,
    },
    Deliver {
        into: usize,
        delta: usize,
    },
    Clone {
        into: usize,
        from: usize,
    },
    Save {
        replica: usize,
    },
    RollBack {
        replica: usize,
    },
    ForgetRemovals {
        replica: usize,
    },
    Compact {
        replica: usize,
    },
    Reload {
        replica: usize,
    },
}

impl<C: Generate> Replicas<C> {
    /// The states at the end of the history.
    ///
    /// # Panics
    /// If a step panics.
    pub fn states(&self) -> &[C] {
        self.states.get_or_init(|| {
            let mut run = Run::new(self);
            for &step in &self.steps {
                run.take(step);
            }
            run.states
        })
    }

    /// How many replicas there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// How many steps the history has.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.steps.len()
    }

    /// Runs the history again and shows, after each step, which replica it changed, and all states.
    ///
    /// # Errors
    /// The first error of `visit`.
    ///
    /// # Panics
    /// As [`states`](Replicas::states).
    pub fn replay<E>(&self, mut visit: impl FnMut(usize, &[C]) -> Result<(), E>) -> Result<(), E> {
        let mut run = Run::new(self);
        for &step in &self.steps {
            let changed = run.take(step);
            visit(changed, &run.states)?;
        }
        Ok(())
    }

    fn with_steps(&self, count: usize, steps: Vec<Step>) -> Self {
        Self { count, steps, states: OnceLock::new(), ..*self }
    }
}

impl<C: Generate> Arbitrary for Replicas<C> {
    fn arbitrary(g: &mut Gen) -> Self {
        let count = one_of(g, [2, 3, 3, 4]);
        let length = uniform(g) as usize % g.size().max(1);
        let steps = (0..length).map(|_| Step::draw(g)).collect();
        Self { count, seed: uniform(g), size: g.size().min(8), steps, states: OnceLock::new() }
    }

    /// Drops steps, many at once first, and replicas.
    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let this = self.with_steps(self.count, self.steps.clone());
        let length = self.steps.len();
        let sizes = core::iter::successors(Some(length), |&size| Some(size / 2)).take_while(|&size| size > 0);
        let cuts = sizes.flat_map(move |size| (0..length).step_by(size).map(move |start| (start, size)));
        let fewer = (2..self.count).map({
            let this = this.clone();
            move |count| this.with_steps(count, this.steps.clone())
        });
        let shorter = cuts.map(move |(start, size)| {
            let end = length.min(start + size);
            this.with_steps(this.count, [&this.steps[..start], &this.steps[end..]].concat())
        });
        Box::new(fewer.chain(shorter))
    }
}

/// Shows every step with the state that it led to.
impl<C: Generate + Debug> Debug for Replicas<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} replicas, {} steps", self.count, self.steps.len())?;
        let mut run = Run::new(self);
        for &step in &self.steps {
            let shown = catch_unwind(AssertUnwindSafe(|| {
                let changed = run.take(step);
                let state = &run.states[changed];
                format!("replica {changed}: {state:?}, version {:?}", state.version())
            }));
            let Ok(shown) = shown else { return writeln!(f, "  {step:?} panics") };
            writeln!(f, "  {step:?} -> {shown}")?;
        }
        Ok(())
    }
}

impl Step {
    fn draw(g: &mut Gen) -> Self {
        let number = |g: &mut Gen| one_of(g, [0_usize, 1, 2, 3]);
        let (one, other) = (number(g), number(g));
        let replica = one;
        match one_of(g, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 6, 7, 8, 8, 9, 10]) {
            0 => {
                let writer = one_of(g, [one, one, one, other]);
                Self::Write { replica, writer, seed: uniform(g) }
            }
            1 => Self::Merge { into: one, from: other },
            2 => Self::Delta { into: one, from: other },
            3 => Self::Send { from: one, known: other },
            4 => Self::Deliver { into: one, delta: other },
            5 => Self::Clone { into: one, from: other },
            6 => Self::Save { replica },
            7 => Self::RollBack { replica },
            8 => Self::ForgetRemovals { replica },
            9 => Self::Compact { replica },
            _ => Self::Reload { replica },
        }
    }
}

/// A history in progress.
struct Run<C: Generate> {
    size: usize,
    writers: Vec<Writer>,
    states: Vec<C>,
    saved: Vec<C>,
    /// The last deltas that were sent.
    sent: Vec<C::Delta>,
}

impl<C: Generate> Run<C> {
    fn new(history: &Replicas<C>) -> Self {
        let states: Vec<C> = (0..history.count).map(|_| C::default()).collect();
        Self { size: history.size, writers: writers(history), saved: states.clone(), states, sent: Vec::new() }
    }

    /// Takes a step and says which replica it concerned.
    fn take(&mut self, step: Step) -> usize {
        let count = self.states.len();
        match step {
            Step::Write { replica, writer, seed } => {
                let g = &mut Gen::from_size_and_seed(self.size, seed);
                self.states[replica % count].write_at_random(&mut self.writers[writer % count], g);
                replica % count
            }
            Step::Merge { into, from } => {
                let other = self.states[from % count].clone();
                self.states[into % count].merge(&other);
                into % count
            }
            Step::Delta { into, from } => {
                let delta = self.states[from % count].delta_since(self.states[into % count].version());
                self.deliver(into % count, delta)
            }
            Step::Send { from, known } => {
                let delta = self.states[from % count].delta_since(self.states[known % count].version());
                if self.sent.len() >= 4 {
                    self.sent.remove(0);
                }
                self.sent.push(delta);
                from % count
            }
            Step::Deliver { into, delta } => {
                let delta = self.sent.get(delta % self.sent.len().max(1)).cloned();
                delta.map_or(into % count, |delta| self.deliver(into % count, delta))
            }
            Step::Clone { into, from } => {
                self.states[into % count] = self.states[from % count].clone();
                into % count
            }
            Step::Save { replica } => {
                self.saved[replica % count] = self.states[replica % count].clone();
                replica % count
            }
            Step::RollBack { replica } => {
                self.states[replica % count] = self.saved[replica % count].clone();
                replica % count
            }
            Step::ForgetRemovals { replica } => {
                self.states[replica % count].forget_removals();
                replica % count
            }
            Step::Compact { replica } => {
                self.states[replica % count].compact();
                replica % count
            }
            Step::Reload { replica } => {
                // What cannot be read back is a law of its own, and not this history's fault.
                if let Ok(back) = C::decode(&self.states[replica % count].encode(), &Limits::default()) {
                    self.states[replica % count] = back;
                }
                replica % count
            }
        }
    }

    /// A delta may be refused: then nothing happens.
    fn deliver(&mut self, into: usize, delta: C::Delta) -> usize {
        let _ = self.states[into].apply(delta);
        into
    }
}

/// The writers of a history. Their order is drawn from its seed, so that shrinking keeps who wins a
/// tie; the rest of their ids depends on all of its steps, so that no other history has them.
fn writers<C>(history: &Replicas<C>) -> Vec<Writer> {
    let mut hasher = DefaultHasher::new();
    (history.count, history.seed, history.size, &history.steps).hash(&mut hasher);
    let unique = hasher.finish();
    let mut g = Gen::from_size_and_seed(1, history.seed);
    let writer = |_| {
        let id = Uuid::from_u64_pair(uniform(&mut g), unique);
        Writer::with_clock(id, bad_clock(uniform(&mut g)))
    };
    (0..history.count).map(writer).collect()
}

/// A clock that stands still, goes back, and now and then shows the end of time.
fn bad_clock(seed: u64) -> impl FnMut() -> Timestamp + Send + Sync + 'static {
    let mut g = Gen::from_size_and_seed(1, seed);
    let [soon, late] = [Timestamp::from_millis(1), Timestamp::from_millis(2)];
    move || one_of(&mut g, [soon, soon, soon, soon, soon, late, late, late, late.next(), Timestamp::MAX])
}

/// Evenly distributed bits: `u64::arbitrary` prefers a few values, which would make equal ids.
fn uniform(g: &mut Gen) -> u64 {
    const DIGITS: [u64; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    (0..16).fold(0, |bits, _| bits << 4 | one_of(g, DIGITS))
}
