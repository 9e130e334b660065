//! The example `regions`: its built-in trace, traces that are wrong, and the program as people run it.

#[path = "../examples/regions/conflict.rs"]
mod conflict;
#[path = "../examples/regions/exchange.rs"]
mod exchange;
#[path = "../examples/regions/region.rs"]
mod region;
#[path = "../examples/regions/replay.rs"]
mod replay;
#[path = "../examples/regions/report.rs"]
mod report;
#[path = "../examples/regions/trace.rs"]
mod trace;
#[path = "../examples/regions/value.rs"]
mod value;

#[path = "common/example.rs"]
mod example;
#[path = "regions/outcome.rs"]
mod outcome;
#[path = "regions/program.rs"]
mod program;
#[path = "regions/wrong.rs"]
mod wrong;

const BUILT_IN: &str = include_str!("../examples/regions/trace.jsonl");

/// What the program prints about a trace, or the error.
fn run(trace: &[u8]) -> Result<String, replay::Failure> {
    let replay = replay::replay(&trace::parse(trace)?)?;
    Ok(report::report("trace", &replay))
}
