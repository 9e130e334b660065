//! Hostile bytes for all decoders: whatever they are, the answer is a typed error or a value that works.
//!
//! Each target takes bytes and panics if something is wrong. [`run`] mutates its corpus, which the targets make
//! themselves, and what was once found, which is kept in `corpus`.

pub mod mutate;
pub mod peak;
pub mod samples;
pub mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use mutate::Random;
use targets::Target;

/// What a run found.
#[derive(Debug, Default)]
pub struct Report {
    pub inputs: u64,
    /// How many were taken in.
    pub accepted: u64,
    /// The most that was allocated at once by a decoder, beyond 64 KiB, in bytes for each byte of its input.
    pub per_byte: f64,
}

/// Where inputs are kept that once failed.
fn kept(target: &Target) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name)
}

/// The inputs from which mutations begin.
#[must_use]
pub fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let mut inputs = (target.samples)();
    let files = std::fs::read_dir(kept(target)).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = files.map(|file| file.path()).collect();
    paths.sort();
    inputs.extend(paths.iter().filter_map(|path| std::fs::read(path).ok()));
    inputs
}

/// Runs a target on its corpus and on so many mutations of it.
///
/// # Errors
/// The input on which the target panics or takes more memory than it may, which is also written to the corpus.
pub fn run(target: &Target, inputs: u64, seed: u64) -> Result<Report, Vec<u8>> {
    let corpus = corpus(target);
    let mut random = Random::new(seed);
    let mut report = Report::default();
    for number in 0..corpus.len() as u64 + inputs {
        let at = usize::try_from(number).unwrap_or(usize::MAX);
        let input = corpus.get(at).cloned().unwrap_or_else(|| mutate::mutated(&corpus, &mut random));
        match catch_unwind(AssertUnwindSafe(|| peak::of(|| (target.run)(&input)))) {
            Ok((accepted, bytes)) if bytes <= target.may_allocate(input.len()) => {
                report.inputs += 1;
                report.accepted += u64::from(accepted);
                let beyond = bytes.saturating_sub(targets::FREE) as f64 / input.len().max(1) as f64;
                report.per_byte = report.per_byte.max(beyond);
            }
            outcome => {
                let why = outcome.map_or_else(|_| "panics".into(), |(_, bytes)| format!("allocates {bytes} B"));
                let path = kept(target).join(format!("{seed}-{number}"));
                eprintln!("{}: {} B {why}: {}", target.name, input.len(), path.display());
                _ = std::fs::create_dir_all(kept(target)).and_then(|()| std::fs::write(path, &input));
                return Err(input);
            }
        }
    }
    Ok(report)
}
