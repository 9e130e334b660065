//! Examples as people run them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// The compiled example. It is there already when all tests are built; it is built here where only
/// some are.
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let profile = test.parent().and_then(Path::parent).expect("target/<profile>/deps/<this test>");
    let program = profile.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    if modified(&program) < newest_source(name) {
        build(name, profile);
    }
    program
}

fn build(name: &str, profile: &Path) {
    let of = if profile.ends_with("release") { "release" } else { "test" };
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--quiet", "--example", name, "--profile", of]);
    command.arg("--target-dir").arg(profile.parent().expect("target"));
    let status = command.current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("cargo starts");
    assert!(status.success(), "the example does not compile");
}

/// An example is a file, or a directory of files.
fn newest_source(name: &str) -> Option<SystemTime> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let files = std::fs::read_dir(sources.join(name)).into_iter().flatten().flatten().map(|file| file.path());
    files.chain([sources.join(format!("{name}.rs"))]).filter_map(|file| modified(&file)).max()
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).ok()?.modified().ok()
}
