//! The example as people run it: arguments, standard input and output, exit status.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use crate::{BUILT_IN, example, run};

/// Runs the example with an argument and standard input.
fn regions(arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(program());
    let command = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the example starts");
    // It may end without reading.
    _ = child.stdin.take().expect("its input").write_all(input);
    child.wait_with_output().expect("the example ends")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

/// Asserts that it failed with this message, and said nothing else.
fn assert_fails(output: &Output, message: &str) {
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains(message), "{error}");
    assert!(!error.contains("panicked"), "{error}");
    assert!(output.stdout.is_empty());
}

#[test]
fn without_an_argument_it_replays_the_built_in_trace() {
    let output = regions(&[], b"");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let expected = run(BUILT_IN.as_bytes()).unwrap();
    assert_eq!(text(&output.stdout), expected.replace("Trace: trace,", "Trace: built-in trace,"));
    assert!(expected.contains("equal in all three ways"));
}

#[test]
fn a_file_and_standard_input_give_the_same_report() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/regions/trace.jsonl");
    let (file, input) = (regions(&[path], b""), regions(&["-"], BUILT_IN.as_bytes()));
    assert_eq!((file.status.code(), input.status.code()), (Some(0), Some(0)));
    assert_eq!(text(&file.stdout).replace(path, "standard input"), text(&input.stdout));
}

#[test]
fn a_malformed_line_is_named_with_line_and_column() {
    let good = BUILT_IN.lines().nth(4).unwrap();
    assert_fails(&regions(&["-"], format!("{good}\n{{\"at\": }}\n").as_bytes()), "standard input:2:8: ");
    assert_fails(&regions(&["-"], good.replace("Tokyo", "Paris").as_bytes()), ":1:30: unknown region \"Paris\"");
    assert_fails(&regions(&["-"], b"\n\xff\n"), ":2:1: not UTF-8 text");
}

#[test]
fn an_empty_input_is_fine() {
    let output = regions(&["-"], b"");
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("no writes"));
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    assert_fails(&regions(&["no/such/trace.jsonl"], b""), "cannot read no/such/trace.jsonl: ");
    assert_fails(&regions(&[env!("CARGO_MANIFEST_DIR")], b""), "cannot read ");
}

#[test]
fn an_input_without_end_is_refused() {
    assert_fails(&regions(&["-"], &vec![b'#'; (64 << 20) + 1]), "at most 64 MiB");
}

#[test]
fn two_arguments_are_one_too_many() {
    let output = regions(&["a", "b"], b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).starts_with("usage: "));
    assert_eq!(regions(&["--help"], b"").status.code(), Some(0));
}

#[test]
fn a_reader_who_goes_away_early_is_no_error() {
    // More than a pipe holds, so that the program is still writing when the reader goes.
    let line = |name: usize| {
        format!("{{\"at\": 1, \"region\": \"Tokyo\", \"name\": \"{name:040}\", \"write\": {{\"flag\": \"enable\"}}}}\n")
    };
    let trace: String = (0..3000).map(line).collect();
    let mut command = Command::new(program());
    let command = command.arg("-").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the example starts");
    child.stdin.take().expect("its input").write_all(trace.as_bytes()).expect("it reads all");
    let mut first = [0; 16];
    child.stdout.take().expect("its output").read_exact(&mut first).expect("it writes");
    let output = child.wait_with_output().expect("the example ends");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
}

fn program() -> PathBuf {
    example::program("regions")
}
