//! Three regions write at the same time, are cut off from each other, and are reunited.
//!
//! ```text
//! cargo run --release --example regions              the built-in trace
//! cargo run --release --example regions FILE         any trace
//! cargo run --release --example regions -            a trace from standard input
//! ```
//!
//! A trace of writes is replayed on three replicas (once by state, once by delta, once by
//! operations), and a report says what each region saw while it was cut off, what all see since,
//! which conflicts there were and how they were settled, and how many bytes each way cost.
//!
//! # The trace
//!
//! One JSON object per line. Blank lines and lines that start with `#` or `//` are comments.
//! A line is a write:
//!
//! ```json
//! {"at": 1000, "region": "Tokyo", "name": "cart of Ana", "write": {"set": {"insert": "milk"}}}
//! ```
//!
//! * `at`: what the clock of the region shows, in milliseconds;
//! * `region`: `"Tokyo"`, `"London"` or `"São Paulo"`;
//! * `name`: any name; a value is made by the first write to it, and its type is that of the write;
//! * `write`: one of these.
//!
//! | type | writes |
//! |---|---|
//! | set | `{"set": {"insert": "milk"}}`, `{"set": {"extend": ["milk", "tea"]}}` (in one group), `{"set": {"remove": "milk"}}`, `{"set": "clear"}` |
//! | counter | `{"counter": {"increment": 3}}`, `{"counter": {"decrement": 3}}`, `{"counter": "reset"}` |
//! | record | `{"record": {"set": {"email": "a@example.com"}}}` (fields, in one group), `{"record": {"remove": "email"}}`, `{"record": "delete"}`, `{"record": {"resolve": {"email": "a@example.com"}}}` |
//! | register | `{"register": {"set": "text"}}`, `{"register": "clear"}`, `{"register": {"resolve": "text"}}` |
//! | flag | `{"flag": "enable"}`, `{"flag": "disable"}` |
//!
//! `resolve` settles a conflict by a value, or with `null` by the value that is read now.
//!
//! Time only breaks ties among concurrent writes. A write is stamped with `at`, or later than what it
//! overwrites where the clock of its region is behind.
//!
//! Or a line says what happens to the network: `{"network": "cut"}`, `{"network": "heal"}`, or
//! `{"network": "sync"}` (exchange now). While the regions are connected, a region has seen what the
//! others wrote before it writes. They meet at the end of the trace in any case.
//!
//! A trace has at most 64 MiB. A line that is wrong gives `FILE:LINE:COLUMN: message` on standard error, and the exit status 1.

mod conflict;
mod exchange;
mod region;
mod replay;
mod report;
mod trace;
mod value;

use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::process::ExitCode;

use replay::Failure;

const BUILT_IN: &[u8] = include_bytes!("trace.jsonl");
/// The longest trace that is read.
const BYTES_MAX: u64 = 64 << 20;
const USAGE: &str =
    "usage: regions [FILE | -]\n\nReplays a trace of writes in three regions; without a FILE, the built-in one.\n";

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (argument, extra) = (arguments.next(), arguments.next());
    if extra.is_some() {
        complain(USAGE);
        return ExitCode::from(2);
    }
    if argument.as_ref().is_some_and(|argument| argument == "--help" || argument == "-h") {
        return print(USAGE);
    }
    match run(argument) {
        Ok(report) => print(&report),
        Err(message) => {
            complain(&format!("{message}\n"));
            ExitCode::FAILURE
        }
    }
}

fn run(argument: Option<OsString>) -> Result<String, String> {
    let (source, bytes) = read(argument)?;
    let replay = trace::parse(&bytes).map_err(Failure::from).and_then(|steps| replay::replay(&steps));
    let replay = replay.map_err(|failure| match failure {
        Failure::Trace(error) => format!("{source}:{error}"),
        failure => format!("{source}: {failure}"),
    })?;
    Ok(report::report(&source, &replay))
}

/// The name of the trace and its bytes.
fn read(argument: Option<OsString>) -> Result<(String, Vec<u8>), String> {
    let Some(path) = argument else { return Ok(("built-in trace".to_string(), BUILT_IN.to_vec())) };
    if path == "-" {
        let name = "standard input".to_string();
        let bytes = read_all(std::io::stdin().lock()).map_err(|error| format!("cannot read {name}: {error}"))?;
        return Ok((name, bytes));
    }
    let name = path.to_string_lossy().replace(char::is_control, "\u{fffd}");
    let bytes = File::open(&path).and_then(read_all).map_err(|error| format!("cannot read {name}: {error}"))?;
    Ok((name, bytes))
}

/// Reads to the end, which some devices do not have.
fn read_all(input: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(std::io::Error::new(ErrorKind::FileTooLarge, "a trace has at most 64 MiB"));
    }
    Ok(bytes)
}

/// Prints to standard output. Whoever closes it early has read enough.
fn print(text: &str) -> ExitCode {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("cannot write to standard output: {error}\n"));
            ExitCode::FAILURE
        }
    }
}

/// Unlike `eprint`, does not panic where standard error is closed.
fn complain(text: &str) {
    _ = std::io::stderr().lock().write_all(text.as_bytes());
}
