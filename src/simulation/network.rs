use super::Random;
use super::faults::Links;
use super::plan::Plan;
use super::report::Report;
use crate::replication::Transmit;

/// A message on its way.
#[derive(Clone)]
pub(super) struct Letter {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) bytes: Vec<u8>,
    /// It is not as it was sent.
    pub(super) damaged: bool,
}

/// What the network does to messages.
pub(super) struct Network {
    pub(super) links: Links,
    /// Some of all messages that were ever sent.
    museum: Vec<Letter>,
    /// Faults have stopped.
    pub(super) calm: bool,
}

impl Network {
    const MUSEUM: usize = 64;

    pub(super) fn new() -> Self {
        Self { links: Links::default(), museum: Vec::new(), calm: false }
    }

    /// The letters that a message becomes, each with its delay.
    pub(super) fn send(
        &mut self,
        plan: &Plan,
        random: &mut Random,
        report: &mut Report,
        (from, to): (usize, usize),
        message: Transmit,
    ) -> Vec<(u64, Letter)> {
        let letter = Letter { from, to, bytes: message.bytes, damaged: false };
        report.messages += 1;
        report.bytes += letter.bytes.len() as u64;
        if self.calm {
            return vec![(1 + random.below(20) as u64, letter)];
        }
        let mut letters = Vec::new();
        if self.museum.len() < Self::MUSEUM {
            self.museum.push(letter.clone());
        } else if random.chance(5) {
            self.museum[random.below(Self::MUSEUM)] = letter.clone();
        }
        if random.chance(plan.old) {
            let old = self.museum[random.below(self.museum.len())].clone();
            report.fault("messages: an old one again");
            letters.push((self.delay(plan, random), old));
        }
        if self.links.is_cut(from, to) {
            report.fault("messages: lost at a cut link");
            return letters;
        }
        if random.chance(plan.loss) {
            report.fault("messages: lost");
            return letters;
        }
        if random.chance(plan.duplication) {
            report.fault("messages: doubled");
            letters.push((self.delay(plan, random), letter.clone()));
        }
        if random.chance(plan.damage) {
            report.fault("messages: damaged");
            letters.push((self.delay(plan, random), damaged(letter, random)));
            return letters;
        }
        letters.push((self.delay(plan, random), letter));
        letters
    }

    fn delay(&self, plan: &Plan, random: &mut Random) -> u64 {
        1 + random.below(plan.delay as usize) as u64
    }
}

fn damaged(mut letter: Letter, random: &mut Random) -> Letter {
    letter.damaged = true;
    let at = random.below(letter.bytes.len());
    match random.below(3) {
        0 => letter.bytes.truncate(at),
        1 => letter.bytes[at] ^= 1 << random.below(8),
        _ => letter.bytes.extend((0..=at % 8).map(|_| 0)),
    }
    letter
}
