//! Traces that are wrong: an error with line and column, never a panic.

use crate::replay::Failure;
use crate::{BUILT_IN, run, trace};

/// Line, column and message of the error in a trace.
fn error(trace: &[u8]) -> (usize, usize, String) {
    match run(trace) {
        Err(Failure::Trace(error)) => (error.line, error.column, error.message),
        Err(failure) => panic!("{failure}"),
        Ok(report) => panic!("no error in:\n{report}"),
    }
}

fn line(write: &str) -> String {
    format!("{{\"at\": 1, \"region\": \"Tokyo\", \"name\": \"x\", \"write\": {write}}}\n")
}

#[test]
fn an_error_says_where_it_is() {
    let good = line("{\"flag\": \"enable\"}");
    let cases: [(&str, usize, &str); 9] = [
        ("{", 1, "EOF"),
        ("hello", 1, "expected a JSON object"),
        ("  [\"cut\", null, null, null, null]", 3, "expected a JSON object"),
        ("{\"at\": 1, \"region\": \"Paris\"}", 27, "unknown region \"Paris\""),
        ("{\"at\": -1}", 9, "integer `-1`"),
        ("{\"at\": 1, \"who\": \"me\"}", 15, "unknown field `who`"),
        ("{\"at\": 1} {}", 11, "trailing characters"),
        ("{\"network\": \"burn\"}", 18, "unknown variant `burn`"),
        ("{\"at\": 1, \"at\": 2}", 14, "duplicate field `at`"),
    ];
    for (wrong, column, message) in cases {
        let found = error(format!("# a comment\n{good}{wrong}\n{good}").as_bytes());
        assert_eq!((found.0, found.1), (3, column), "{wrong}: {}", found.2);
        assert!(found.2.contains(message), "{wrong}: {}", found.2);
        assert!(!found.2.contains("line 1"), "{wrong}: {}", found.2);
    }
}

#[test]
fn columns_count_characters() {
    let found = error("{\"name\": \"São Paulo, 東京\", \"who\": 1}".as_bytes());
    assert_eq!((found.0, found.1), (1, 31), "{}", found.2);
}

#[test]
fn bytes_that_are_not_text_are_an_error_with_a_place() {
    let mut trace = line("{\"flag\": \"enable\"}").into_bytes();
    trace.extend_from_slice(b"{\"name\": \"S\xc3\xa3o \xff\"}\n");
    assert_eq!(error(&trace), (2, 15, "not UTF-8 text".to_string()));
    assert_eq!(error(b"\xff\xfe\x00").0, 1);
}

#[test]
fn a_field_is_given_once() {
    let found = error(line("{\"record\": {\"set\": {\"a\": \"1\", \"a\": \"2\"}}}").as_bytes());
    assert_eq!((found.0, found.2.as_str()), (1, "duplicate field \"a\""));
    assert!(found.1 > 60, "column {}", found.1);
}

#[test]
fn a_line_must_be_complete() {
    for (wrong, missing) in [
        ("{}", "`region`"),
        ("{\"region\": \"Tokyo\"}", "`at`"),
        ("{\"region\": \"Tokyo\", \"at\": 1}", "`name`"),
        ("{\"region\": \"Tokyo\", \"at\": 1, \"name\": \"x\"}", "`write`"),
        ("{\"network\": \"cut\", \"at\": 1}", "stands alone"),
    ] {
        let found = error(wrong.as_bytes());
        assert_eq!((found.0, found.1), (1, 1), "{wrong}");
        assert!(found.2.contains(missing), "{wrong}: {}", found.2);
    }
}

#[test]
fn what_cannot_be_done_is_an_error_on_its_line() {
    let max = line(&format!("{{\"counter\": {{\"increment\": {}}}}}", u64::MAX));
    let flag = line("{\"flag\": \"enable\"}");
    let cases = [
        (flag.clone() + &line("{\"set\": \"clear\"}"), 2, "\"x\" is a set here, but a flag on line 1"),
        (max + &line("{\"counter\": {\"increment\": 1}}"), 2, "64 bits"),
        (line("{\"record\": {\"resolve\": {\"a\": null}}}"), 1, "nothing in field \"a\""),
        (line("{\"register\": {\"resolve\": null}}"), 1, "nothing in the register"),
        ("{\"network\": \"heal\"}".to_string(), 1, "not cut off"),
        ("{\"network\": \"cut\"}\n{\"network\": \"cut\"}".to_string(), 2, "cut off already"),
        ("{\"network\": \"cut\"}\n\n{\"network\": \"sync\"}".to_string(), 3, "heal first"),
    ];
    for (wrong, at, message) in cases {
        let found = error(wrong.as_bytes());
        assert_eq!((found.0, found.1), (at, 1), "{wrong}");
        assert!(found.2.contains(message), "{wrong}: {}", found.2);
    }
}

#[test]
fn one_name_has_one_type_also_in_regions_that_are_cut_off() {
    let other = line("{\"set\": {\"insert\": \"a\"}}").replace("Tokyo", "London");
    let trace = format!("{{\"network\": \"cut\"}}\n{}{other}", line("{\"flag\": \"enable\"}"));
    assert_eq!(error(trace.as_bytes()).0, 3);
}

#[test]
fn values_at_the_edge_of_their_range_are_fine() {
    let clocks = line("{\"register\": {\"set\": \"a\"}}").replace("\"at\": 1", &format!("\"at\": {}", u64::MAX));
    let counts = line(&format!("{{\"counter\": {{\"decrement\": {}}}}}", u64::MAX)).replace("\"x\"", "\"y\"");
    let names = line("{\"set\": {\"insert\": \"\"}}").replace("\"x\"", "\"\"");
    let idle = line("{\"record\": \"delete\"}").replace("\"x\"", "\"z\"");
    let report = run((clocks.repeat(3) + &counts + &names + &idle).as_bytes()).unwrap();
    assert!(report.contains("(1 had nothing to change)"), "{report}");
    assert!(report.contains("-18446744073709551615"), "{report}");
}

#[test]
fn nothing_in_a_trace_reaches_the_terminal_as_a_command() {
    let report = run(line("{\"set\": {\"insert\": \"\\u001b[2J\\u202e\"}}").as_bytes()).unwrap();
    assert!(!report.contains('\u{1b}') && !report.contains('\u{202e}'), "{report}");
    assert!(!error(b"{\"\\u001b[2J\": 1}").2.contains('\u{1b}'));
}

/// A small generator of pseudo-random numbers, so that a failing variant can be made again.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

#[test]
fn nothing_panics_on_mutated_bytes() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..600 {
        let mut bytes = BUILT_IN.as_bytes().to_vec();
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len());
            match random.below(4) {
                0 => bytes[at] = random.below(256) as u8,
                1 => _ = bytes.remove(at),
                2 => bytes.insert(at, random.below(256) as u8),
                _ => bytes.truncate(at.max(1)),
            }
        }
        check(&bytes);
    }
}

#[test]
fn nothing_panics_and_everyone_agrees_on_shuffled_lines() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut replayed = 0;
    for _ in 0..300 {
        let mut lines: Vec<String> = BUILT_IN.lines().map(str::to_string).collect();
        for _ in 0..=random.below(20) {
            let (at, other) = (random.below(lines.len()), random.below(lines.len()));
            match random.below(4) {
                0 => lines.swap(at, other),
                1 => _ = lines.remove(at),
                2 => lines.insert(at, lines[other].clone()),
                _ => lines[at] = moved(&lines[at], random.below(3)),
            }
        }
        replayed += usize::from(check(lines.join("\n").as_bytes()));
    }
    assert!(replayed > 100, "only {replayed} were replayed to the end");
}

/// The same write in another region.
fn moved(line: &str, to: usize) -> String {
    let regions = ["\"Tokyo\"", "\"London\"", "\"São Paulo\""];
    let from = regions.iter().find(|region| line.contains(&format!("\"region\": {region}")));
    from.map_or_else(
        || line.to_string(),
        |from| line.replace(&format!("\"region\": {from}"), &format!("\"region\": {}", regions[to])),
    )
}

/// Replays what may be wrong. Whether it was replayed to the end; if not, the error names a line.
fn check(bytes: &[u8]) -> bool {
    match run(bytes) {
        Ok(_) => true,
        Err(Failure::Trace(trace::TraceError { line, column, .. })) => {
            assert!(line >= 1 && column >= 1);
            false
        }
        Err(failure) => panic!("{failure}\n{}", String::from_utf8_lossy(bytes)),
    }
}
