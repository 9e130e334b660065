//! A short while of each target, and everything that was once found.

use dotted_fuzz::{run, targets};

#[test]
fn hostile_bytes_are_refused_or_sound() {
    for target in &targets::ALL {
        let report = run(target, 20_000, 7).expect("the input was written to the corpus");
        println!("{}: {report:?}", target.name);
        // What is tried reaches what is behind the checks.
        assert!(report.accepted > 20, "{}: {report:?}", target.name);
    }
}
