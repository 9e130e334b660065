//! Measures the figures that the design promises, side by side with their floors in one run, and
//! prints them as a Markdown table.
//!
//! `cargo bench --bench figures` measures all; words behind `--` choose sections by name, and `plot`
//! draws the curves of convergence anew instead.

mod bytes;
mod counter;
mod delta;
mod group;
mod map;
mod memory;
mod messages;
mod pauses;
mod plot;
mod replication;
mod report;
mod set;
mod store;
mod timing;
#[path = "../workload/mod.rs"]
mod workload;
mod writers;

use std::alloc::System;

use report::Report;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

/// Counts what is allocated. It costs a few nanoseconds per allocation, on both sides of a ratio.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

type Section = (&'static str, fn(&mut Report));

const SECTIONS: [Section; 10] = [
    ("set", set::measure),
    ("pauses", pauses::measure),
    ("memory", memory::measure),
    ("delta", delta::measure),
    ("bytes", bytes::measure),
    ("counter", counter::measure),
    ("map", map::measure),
    ("writers", writers::measure),
    ("store", store::measure),
    ("replication", replication::measure),
];

fn main() {
    // What cargo adds, and what is meant for criterion, starts with a dash.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    if wanted.iter().any(|wanted| wanted == "plot") {
        return plot::draw();
    }
    let mut report = Report::default();
    for (name, measure) in SECTIONS {
        if wanted.is_empty() || wanted.iter().any(|wanted| name.contains(wanted.as_str())) {
            eprintln!("measuring: {name}");
            measure(&mut report);
        }
    }
    print!("{report}");
}
