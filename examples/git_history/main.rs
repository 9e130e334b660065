//! Replays the history of a git repository as a multi-master workload.
//!
//! ```sh
//! cargo run --release --example git_history -- PATH
//! ```
//!
//! Every author is a replica, every commit a set of writes on what its parents had merged, the tree
//! an `OrSet` of paths and an `LwwMap` from path to mode and blob id. At a merge the states of the
//! parents are merged first; a path that was written on one side only must then be as that side left
//! it, or else the replay fails. Only the rest is written by the author of the merge. In the end
//! the state must equal the tree that git reports for the last commit.
//!
//! PATH is `.` unless given; bare repositories, shallow clones and a detached `HEAD` are fine. A
//! repository without commits has nothing to replay, which is no failure. The exit status is 0 if
//! everything was as it must be, 1 if not, 2 if the arguments make no sense.

mod git;
mod graph;
mod replay;
mod report;
mod tree;

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

use git::Repository;
use replay::replay;
use report::{Progress, Report};

type Outcome<T> = Result<T, Box<dyn Error>>;

const USAGE: &str = "usage: git_history [PATH]

Replays the history of the git repository at PATH (default: the current directory).
";

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let path = arguments.next().unwrap_or_else(|| OsString::from("."));
    if arguments.next().is_some() || (path.as_encoded_bytes().starts_with(b"-") && path != "--help" && path != "-h") {
        complain(USAGE);
        return ExitCode::from(2);
    }
    let text = if path == "--help" || path == "-h" { Ok(USAGE.to_string()) } else { run(path) };
    match text.and_then(|text| print(&text)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("git_history: {error}\n"));
            ExitCode::FAILURE
        }
    }
}

fn run(path: OsString) -> Outcome<String> {
    let started = Instant::now();
    let repository = Repository::open(path)?;
    let Some(head) = repository.head()? else {
        return Ok("nothing to replay: the repository has no commits yet\n".to_string());
    };
    let history = repository.history(&head)?;
    let mut progress = Progress::new(history.commits.len());
    let (tree, figures) = replay(&repository, &history, |done| progress.show(done))?;
    drop(progress);

    let listing = repository.listing(&head)?;
    tree.must_equal(&listing.entries)?;
    Ok(Report { history: &history, tree: &tree, figures: &figures, listing: &listing, time: started.elapsed() }
        .to_string())
}

/// Prints to the standard output. A reader who has seen enough is no error.
fn print(text: &str) -> Outcome<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

fn complain(text: &str) {
    // If nobody listens, the exit status still tells.
    let _ = io::stderr().write_all(text.as_bytes());
}
