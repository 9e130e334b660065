//! The classic cases of multi-master replication, each as a short story with its outcome under
//! last-writer-wins, under a plain CRDT, and under the type that fits; and what a system that asks for
//! consensus before it writes would have done meanwhile.
//!
//! ```text
//! cargo run --release --example scenarios
//! ```
//!
//! Every outcome is computed by the code beside it and checked by assertions.

mod flag;
mod orders;
mod payments;
mod profile;
mod seats;
mod stock;
mod story;
mod waiting;

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use story::Story;

const STORIES: [fn() -> Story; 9] = [
    stock::thirty_and_twenty,
    stock::eighty_and_eighty,
    seats::the_last_seat,
    payments::a_transfer_is_retried,
    profile::email_and_phone,
    orders::deleted_here_and_refunded_there,
    profile::user_5000_inserted_twice,
    flag::toggled_twice,
    waiting::for_a_majority_and_for_all,
];

/// All stories. What they say is asserted while they are made.
fn all() -> String {
    (1..).zip(STORIES).map(|(number, story)| story().told(number)).collect()
}

fn main() -> ExitCode {
    match std::io::stdout().write_all(all().as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

#[test]
fn every_story_comes_out_as_it_is_told() {
    let text = all();
    assert!((1..=STORIES.len()).all(|number| text.contains(&format!("{number}. "))));
    assert_eq!(text, all(), "every run tells the same");
}
