//! Runs schedules of the fault simulator: `simulate -- --schedules 10000 --seed 1`.
//!
//! With `--escrow 1000` on a bounded counter that is always scarce, with so many operations in each write.
//!
//! Prints how often each fault struck and what was checked. Exits with status 1 and the seed on the first
//! violation; that seed replays it.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use dotted::simulation::{self, EscrowSubject, EscrowTally, Report, StoreSubject, Violation};

struct Options {
    schedules: u64,
    seed: u64,
    jobs: usize,
    /// How many operations a write makes on a bounded counter; `None`: a store is written to.
    escrow: Option<usize>,
}

const USAGE: &str = "usage: simulate [--schedules N] [--seed S] [--jobs J] [--escrow N]

  --schedules N   how many schedules to run (1000)
  --seed S        the seed of the first one; the others follow (1)
  --jobs J        how many to run at once (as many as there are cores)
  --escrow N      a bounded counter, and N operations in each write; otherwise a store";

fn options(arguments: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let mut options = Options { schedules: 1000, seed: 1, jobs, escrow: None };
    let mut arguments = arguments;
    while let Some(name) = arguments.next() {
        if name == "--help" || name == "-h" {
            return Ok(None);
        }
        let mut number = || -> Result<u64, String> {
            let value = arguments.next().ok_or(format!("{name} needs a number"))?;
            value.parse().map_err(|_| format!("{name} needs a number, not {value:?}"))
        };
        match name.as_str() {
            "--schedules" => options.schedules = number()?,
            "--seed" => options.seed = number()?,
            "--jobs" => options.jobs = usize::try_from(number()?.max(1)).map_err(|_| "too many jobs".to_string())?,
            "--escrow" => options.escrow = Some(usize::try_from(number()?).map_err(|_| "too many".to_string())?),
            _ => return Err(format!("{name:?} is no option")),
        }
    }
    Ok(Some(options))
}

fn main() -> ExitCode {
    let options = match options(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let start = Instant::now();
    let tally = EscrowTally::default();
    let (report, violation) = run(&options, &tally);
    println!("{report}");
    if options.escrow.is_some() {
        let [increments, decrements, transfers, refused] = tally.outcomes();
        println!("{:<34}{:>14}", "operations on the counter", tally.operations());
        println!("{increments} increments, {decrements} decrements, {transfers} transfers, {refused} refused");
    }
    eprintln!("{:.1} s on {} threads", start.elapsed().as_secs_f64(), options.jobs);
    match violation {
        None => {
            println!("no violation");
            ExitCode::SUCCESS
        }
        Some(violation) => {
            println!("violation: {violation}");
            let escrow = options.escrow.map_or_else(String::new, |operations| format!(" --escrow {operations}"));
            println!("replay: --schedules 1 --seed {}{escrow}", violation.seed);
            ExitCode::FAILURE
        }
    }
}

/// Runs all schedules, or until the first violation: that of the lowest seed among those that ran.
fn run(options: &Options, tally: &EscrowTally) -> (Report, Option<Violation>) {
    let next = AtomicU64::new(0);
    let stop = AtomicU64::new(options.schedules);
    let total = Mutex::new((Report::default(), None::<Violation>));
    let progress = std::io::stderr().is_terminal();
    std::thread::scope(|scope| {
        for _ in 0..options.jobs {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let seed = options.seed.wrapping_add(number);
                    let result = std::panic::catch_unwind(|| match options.escrow {
                        Some(operations) => simulation::run(seed, EscrowSubject::new(operations, tally)),
                        None => simulation::run(seed, StoreSubject::default()),
                    });
                    let result = result.unwrap_or_else(|_| Err(Violation { seed, at: 0, what: "a panic".into() }));
                    let mut total = total.lock().expect("no thread panics while it adds");
                    match result {
                        Ok(report) => total.0 += report,
                        Err(violation) => {
                            stop.fetch_min(number, Ordering::Relaxed);
                            if total.1.as_ref().is_none_or(|first| violation.seed < first.seed) {
                                total.1 = Some(violation);
                            }
                        }
                    }
                    let done = total.0.schedules;
                    if progress && (done.is_multiple_of(64) || done == options.schedules) {
                        show(done, options.schedules);
                    }
                }
            });
        }
    });
    if progress {
        eprintln!();
    }
    total.into_inner().expect("no thread panics while it adds")
}

fn show(done: u64, of: u64) {
    const WIDTH: u64 = 40;
    let filled = done * WIDTH / of.max(1);
    let bar: String = (0..WIDTH).map(|at| if at < filled { '#' } else { '.' }).collect();
    eprint!("\r[{bar}] {done} of {of}");
    _ = std::io::stderr().flush();
}
