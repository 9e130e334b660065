//! `cargo run --release -p dotted-fuzz -- [inputs] [seed] [target]`: mutated inputs for all targets, in turns.

use std::process::ExitCode;

use dotted_fuzz::{run, targets};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let mut number = |or: u64| arguments.next().map_or(or, |text| text.parse().expect("a number"));
    let (inputs, seed) = (number(100_000), number(1));
    let only = arguments.next();
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
    println!(
        "| target | inputs | accepted | bytes allocated for each of the input, beyond 64 KiB |\n|---|---|---|---|"
    );
    for target in targets::ALL.iter().filter(|target| only.as_deref().is_none_or(|only| only == target.name)) {
        let Ok(report) = run(target, inputs, seed) else { return ExitCode::FAILURE };
        println!("| {} | {} | {} | {:.1} |", target.name, report.inputs, report.accepted, report.per_byte);
    }
    ExitCode::SUCCESS
}
