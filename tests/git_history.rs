//! The example `git_history`, on this very repository and on small ones made for one question each.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

// The example's own modules, to replay histories in this thread, where rules can be broken.
#[cfg(feature = "mutants")]
#[allow(dead_code)]
#[path = "../examples/git_history/git.rs"]
mod git;
#[cfg(feature = "mutants")]
#[path = "../examples/git_history/graph.rs"]
mod graph;
#[cfg(feature = "mutants")]
#[allow(dead_code)]
#[path = "../examples/git_history/replay.rs"]
mod replay;
#[cfg(feature = "mutants")]
#[allow(dead_code)]
#[path = "../examples/git_history/tree.rs"]
mod tree;
#[cfg(feature = "mutants")]
type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

#[test]
fn this_repository() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let counted = git_at(here).args(["rev-list", "--count", "HEAD"]).output().unwrap();
    // A copy of the sources that was unpacked from a package has no history.
    if counted.status.success() {
        let commits = String::from_utf8(counted.stdout).unwrap().trim().parse().unwrap();
        Figures::of(here).must_be(&[("commits", commits)]);
    }
}

#[test]
fn a_line_of_commits_with_a_rename_and_a_deletion() {
    let repository = Repository::new();
    repository.commit("ada", &[("kept", "1"), ("old name", "2"), ("deleted", "3")]);
    repository.git(&["mv", "old name", "new name"]);
    repository.commit("ben", &[]);
    repository.git(&["rm", "-q", "deleted"]);
    repository.commit("ada", &[("kept", "4")]);
    repository.git(&["commit", "-q", "--allow-empty", "-m", "nothing"]);
    let figures = [("commits", 4), ("replicas (authors)", 2), ("paths in the last tree", 2), ("path writes", 7)];
    repository.figures().must_be(&figures);
}

#[test]
fn a_file_becomes_a_directory_and_a_directory_a_file() {
    let repository = Repository::new();
    repository.commit("ada", &[("a", "1"), ("b/c", "2")]);
    repository.git(&["rm", "-q", "-r", "a", "b"]);
    repository.commit("ada", &[("a/c", "1"), ("b", "2")]);
    repository.figures().must_be(&[("paths in the last tree", 2), ("path writes", 6)]);
}

#[test]
fn modes_symbolic_links_and_submodules() {
    let repository = Repository::new();
    repository.commit("ada", &[("script", "1"), ("link", "target")]);
    repository.git(&["update-index", "--chmod=+x", "script"]);
    let link = repository.git(&["rev-parse", "HEAD:link"]);
    repository.git(&["update-index", "--cacheinfo", &format!("120000,{link},link")]);
    let commit = repository.git(&["rev-parse", "HEAD"]);
    repository.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{commit},module")]);
    repository.commit_index("ada");
    // One's blob stays what it is, and the other becomes a link with the same content.
    repository.figures().must_be(&[("commits", 2), ("paths in the last tree", 3), ("path writes", 5)]);
}

#[test]
fn paths_are_bytes() {
    let repository = Repository::new();
    let mut stream = b"commit refs/heads/main\ncommitter ada <ada@example.org> 1600000000 +0000\ndata 0\n".to_vec();
    // A quoted path of fast-import takes octal escapes: not UTF-8, a line break, a tab, quotes, a colon first.
    for path in [r#""\377\376""#, r#""line\nbreak""#, r#""\ttab""#, r#""\"quoted\"""#, "with space", ":100644 x"] {
        writeln!(stream, "M 100644 inline {path}\ndata 1\nx").unwrap();
    }
    repository.import(&stream);
    repository.figures().must_be(&[("paths in the last tree", 6)]);
}

#[test]
fn a_clean_merge_needs_no_hand() {
    let repository = Repository::new();
    repository.commit("ada", &[("a", "1"), ("b", "1"), ("c", "1"), ("d", "1")]);
    repository.git(&["checkout", "-q", "-b", "side"]);
    repository.git(&["rm", "-q", "d"]);
    repository.commit("ben", &[("b", "2"), ("e", "2")]);
    repository.git(&["checkout", "-q", "main"]);
    repository.commit("ada", &[("c", "3")]);
    repository.merge("ada", &["side"]);
    let figures = repository.figures();
    figures.must_be(&[("merges", 1), ("one-sided paths checked", 4), ("conflicts seen", 0)]);
    figures.must_be(&[("paths settled by hand", 0), ("path writes", 8)]);
}

#[test]
fn a_conflict_is_seen_and_settled() {
    let repository = Repository::new();
    repository.commit("ada", &[("a", "1"), ("b", "1")]);
    repository.git(&["checkout", "-q", "-b", "side"]);
    repository.commit("ben", &[("a", "2")]);
    repository.git(&["checkout", "-q", "main"]);
    repository.commit("ada", &[("a", "3"), ("b", "3")]);
    repository.start_merge("ada", &["side"]);
    repository.commit("ada", &[("a", "4")]);
    // Nothing of it is left to be seen by the next merge.
    repository.git(&["checkout", "-q", "side"]);
    repository.commit("ben", &[("c", "5")]);
    repository.git(&["checkout", "-q", "main"]);
    repository.merge("ada", &["side"]);
    let figures = repository.figures();
    figures.must_be(&[("merges", 2), ("conflicts seen", 1), ("both sides wrote", 1), ("several entries", 1)]);
    // `b`, and at the second merge `a` and `b` on the one side and `c` on the other.
    figures.must_be(&[("paths settled by hand", 1), ("one-sided paths checked", 1 + 3)]);
}

#[test]
fn the_first_of_two_versions_may_win_by_hand() {
    let repository = Repository::new();
    repository.commit("ada", &[("a", "1")]);
    repository.git(&["checkout", "-q", "-b", "side"]);
    repository.commit("ben", &[("a", "2")]);
    repository.git(&["checkout", "-q", "main"]);
    repository.commit("ada", &[("a", "3")]);
    repository.git(&["checkout", "-q", "side"]);
    repository.merge("ben", &["main", "-X", "ours"]);
    repository.figures().must_be(&[("conflicts seen", 1), ("several entries", 1)]);
}

#[test]
fn a_file_deleted_on_one_side_and_changed_on_the_other_is_kept_unless_the_merge_deletes_it() {
    for (kept, by_hand) in [(true, 0), (false, 1)] {
        let repository = Repository::new();
        repository.commit("ada", &[("a", "1"), ("b", "1")]);
        repository.git(&["checkout", "-q", "-b", "side"]);
        repository.git(&["rm", "-q", "a"]);
        repository.commit("ben", &[]);
        repository.git(&["checkout", "-q", "main"]);
        repository.commit("ada", &[("a", "2")]);
        repository.start_merge("ada", &["side"]);
        repository.git(if kept { &["add", "a"] } else { &["rm", "-q", "a"] });
        repository.commit_index("ada");
        let figures = repository.figures();
        figures.must_be(&[("conflicts seen", 1), ("one side deleted", 1), ("paths settled by hand", by_hand)]);
        figures.must_be(&[("written on both sides", by_hand), ("paths in the last tree", 1 + u64::from(kept))]);
    }
}

#[test]
fn both_sides_delete_or_make_the_same_change() {
    let repository = Repository::new();
    repository.commit("ada", &[("a", "1"), ("b", "1"), ("c", "1")]);
    repository.git(&["checkout", "-q", "-b", "side"]);
    for author in ["ben", "ada"] {
        repository.git(&["rm", "-q", "a"]);
        repository.commit(author, &[("b", "2")]);
        repository.git(&["checkout", "-q", "main"]);
    }
    repository.merge("ada", &["side"]);
    repository.figures().must_be(&[("merges", 1), ("conflicts seen", 0), ("paths settled by hand", 0)]);
}

#[test]
fn a_change_that_one_side_took_back_is_no_change_to_git_and_two_writes_here() {
    let repository = Repository::new();
    repository.commit("ada", &[("a", "1"), ("b", "1")]);
    repository.git(&["checkout", "-q", "-b", "side"]);
    repository.commit("ben", &[("a", "2")]);
    repository.git(&["checkout", "-q", "main"]);
    repository.commit("ada", &[("a", "3")]);
    repository.commit("ada", &[("a", "1")]);
    repository.merge("ada", &["side"]);
    let figures = repository.figures();
    figures.must_be(&[("one-sided paths checked", 0), ("conflicts seen", 1), ("paths settled by hand", 1)]);
}

#[test]
fn a_merge_that_keeps_only_its_own_side() {
    let repository = Repository::new();
    repository.commit("ada", &[("a", "1"), ("b", "1")]);
    repository.git(&["checkout", "-q", "-b", "side"]);
    repository.git(&["rm", "-q", "b"]);
    repository.commit("ben", &[("a", "2"), ("c", "2")]);
    repository.git(&["checkout", "-q", "main"]);
    repository.commit("ada", &[("d", "3")]);
    repository.merge("ada", &["side", "-s", "ours"]);
    let figures = repository.figures();
    figures.must_be(&[("one-sided paths checked", 4), ("conflicts seen", 0), ("changed by the merge", 3)]);
}

#[test]
fn a_file_renamed_on_one_side_and_changed_on_the_other() {
    let text = "a long enough text\nto be recognised\nunder another name\n";
    let repository = Repository::new();
    repository.commit("ada", &[("old", text)]);
    repository.git(&["checkout", "-q", "-b", "side"]);
    repository.git(&["mv", "old", "new"]);
    repository.commit("ben", &[]);
    repository.git(&["checkout", "-q", "main"]);
    repository.commit("ada", &[("old", &format!("{text}and a line more\n"))]);
    repository.merge("ada", &["side"]);
    // Git carries the change over to the new name. Here it lies under the old one, which survives.
    let figures = repository.figures();
    figures.must_be(&[("paths in the last tree", 1), ("one side deleted", 1)]);
    figures.must_be(&[("written on both sides", 1), ("changed by the merge", 1)]);
}

#[test]
fn a_merge_of_four() {
    let repository = Repository::new();
    repository.commit("ada", &[("a", "1"), ("b", "1"), ("c", "1"), ("d", "1")]);
    for (author, path) in [("ben", "b"), ("cleo", "c"), ("dan", "d")] {
        repository.git(&["checkout", "-q", "-b", author, "main"]);
        repository.commit(author, &[(path, "2")]);
    }
    repository.git(&["checkout", "-q", "main"]);
    repository.commit("ada", &[("a", "2")]);
    repository.merge("ada", &["ben", "cleo", "dan"]);
    let figures = repository.figures();
    figures.must_be(&[("merges", 1), ("octopus merges among them", 1), ("replicas (authors)", 4)]);
    // One and one, two and one, three and one: each parent against all before it.
    figures.must_be(&[("one-sided paths checked", 2 + 3 + 4), ("paths settled by hand", 0)]);
}

#[test]
fn histories_with_nothing_in_common() {
    let repository = Repository::new();
    repository.commit("ada", &[("a", "1"), ("both", "1")]);
    repository.git(&["checkout", "-q", "--orphan", "other"]);
    repository.git(&["rm", "-q", "-r", "-f", "."]);
    repository.commit("ben", &[("b", "1"), ("both", "2")]);
    repository.git(&["checkout", "-q", "main"]);
    repository.merge("ada", &["other", "--allow-unrelated-histories", "-X", "ours"]);
    let figures = repository.figures();
    figures.must_be(&[("roots", 2), ("merges", 1), ("one-sided paths checked", 2), ("both sides wrote", 1)]);
}

#[test]
fn merges_that_cross() {
    let repository = Repository::new();
    repository.commit("ada", &[("a", "1"), ("b", "1"), ("c", "1")]);
    repository.git(&["checkout", "-q", "-b", "side"]);
    repository.commit("ben", &[("b", "2")]);
    repository.git(&["branch", "before"]);
    repository.git(&["checkout", "-q", "main"]);
    repository.commit("ada", &[("a", "2")]);
    repository.git(&["checkout", "-q", "side"]);
    repository.merge("ben", &["main"]);
    repository.git(&["checkout", "-q", "main"]);
    repository.merge("ada", &["before"]);
    repository.commit("ada", &[("a", "3")]);
    assert_eq!(repository.git(&["merge-base", "--all", "main", "side"]).lines().count(), 2);
    repository.merge("ada", &["side", "--no-ff"]);
    let figures = repository.figures();
    figures.must_be(&[("merges", 3), ("one-sided paths checked", 2 + 2 + 1), ("paths settled by hand", 0)]);
}

#[test]
fn one_author_on_two_branches_is_one_replica() {
    let repository = Repository::new();
    repository.commit("ada", &[("a", "1")]);
    repository.git(&["checkout", "-q", "-b", "side"]);
    repository.commit("ada", &[("b", "1")]);
    repository.git(&["checkout", "-q", "main"]);
    repository.commit("ada", &[("a", "2")]);
    repository.merge("ada", &["side"]);
    let figures = repository.figures();
    // The set and the map have a branch of the writer each; the second line of work takes two more.
    figures.must_be(&[("replicas (authors)", 1), ("branches of their ids", 4), ("one-sided paths checked", 2)]);
}

#[test]
fn ids_of_any_length() {
    let repository = Repository::made_by(&["init", "-q", "-b", "main", "--object-format=sha256"]);
    repository.commit("ada", &[("a", "1")]);
    repository.figures().must_be(&[("commits", 1), ("paths in the last tree", 1)]);
}

#[test]
fn bare_shallow_and_detached_repositories() {
    let repository = Repository::new();
    repository.commit("ada", &[("a", "1"), ("b", "1")]);
    repository.commit("ada", &[("a", "2")]);
    repository.commit("ben", &[("a", "3")]);
    let origin = format!("file://{}", repository.path.display());
    let bare = Repository::made_by(&["clone", "-q", "--bare", &origin, "."]);
    bare.figures().must_be(&[("commits", 3), ("roots", 1)]);
    let shallow = Repository::made_by(&["clone", "-q", "--depth", "2", &origin, "."]);
    shallow.figures().must_be(&[("commits", 2), ("roots", 1), ("path writes", 3)]);
    repository.git(&["checkout", "-q", "--detach", "HEAD^"]);
    repository.figures().must_be(&[("commits", 2)]);
}

#[test]
fn the_current_directory_and_one_below_the_top() {
    let repository = Repository::new();
    repository.commit("ada", &[("below/a", "1"), ("b", "1")]);
    for current in [repository.path.clone(), repository.path.join("below")] {
        let output = example().current_dir(current).output().unwrap();
        Figures::read(output).must_be(&[("paths in the last tree", 2)]);
    }
}

#[test]
fn a_repository_without_commits_has_nothing_to_replay() {
    let output = example().arg(&Repository::new().path).output().unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("nothing to replay"), "{output:?}");
}

#[test]
fn mistakes_are_told() {
    let directory = Scratch::new();
    let missing = directory.0.join("missing");
    for (arguments, status, message) in [
        (vec![directory.0.as_os_str()], 1, "not a git repository"),
        (vec![missing.as_os_str()], 1, "cannot change to"),
        (vec!["a".as_ref(), "b".as_ref()], 2, "usage: "),
        (vec!["--unknown".as_ref()], 2, "usage: "),
    ] {
        let output = example().args(&arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(message), "{arguments:?}: {output:?}");
    }
}

#[test]
fn a_history_with_a_missing_object_is_refused() {
    let repository = Repository::new();
    repository.commit("ada", &[("a", "1")]);
    let tree = repository.git(&["rev-parse", "HEAD^{tree}"]);
    repository.commit("ada", &[("a", "2")]);
    let head = repository.git(&["rev-parse", "HEAD"]);
    for missing in [tree, head] {
        fs::remove_file(repository.path.join(".git/objects").join(&missing[..2]).join(&missing[2..])).unwrap();
        let output = example().arg(&repository.path).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
    }
}

#[test]
fn nobody_reads_the_report() {
    let repository = Repository::new();
    repository.commit("ada", &[("a", "1")]);
    let mut process = example().arg(&repository.path).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop((process.stdout.take(), process.stderr.take()));
    assert!(process.wait().unwrap().success());
}

#[test]
fn a_generated_history() {
    generated(600, 200);
}

#[test]
#[ignore = "a measurement, for release builds; --nocapture shows it"]
fn a_large_generated_history() {
    generated(10_000, 2_000);
}

/// A history of many features that live side by side, with true merges: what only one side changed
/// is taken over, and so the by-hand figure is exactly the number of conflicts.
fn generated(commits: usize, paths: usize) {
    let repository = Repository::new();
    let project = Project::new(paths).develop(commits);
    repository.import(&project.stream);
    let figures = repository.figures();
    println!("{}", figures.text);
    assert!(project.marks >= commits);
    figures.must_be(&[("replicas (authors)", Project::AUTHORS as u64)]);
    figures.must_be(&[("commits", project.marks as u64), ("merges", project.merges)]);
    let by_hand = figures.get("paths settled by hand");
    let at_most = figures.get("conflicts seen") + figures.get("written on both sides");
    assert!(by_hand <= at_most, "{by_hand} paths settled by hand, but only {at_most} in conflict");
    assert_eq!(figures.get("changed by the merge"), 0);
}

/// What is checked at merges and in the end is what a broken rule would spoil.
#[cfg(feature = "mutants")]
#[test]
fn broken_rules_are_noticed() {
    use dotted::mutants::{Mutant, with};

    let repository = Repository::new();
    repository.import(&Project::new(200).develop(600).stream);
    replayed(&repository).unwrap();
    for mutant in [Mutant::KeepSuperseded, Mutant::RemovalTakesNoDot, Mutant::OneDotPerGroup] {
        let error = with(mutant, || replayed(&repository)).expect_err("a broken rule went unnoticed").to_string();
        assert!(error.contains("was written on one side only"), "{mutant:?}: {error}");
    }
}

#[cfg(feature = "mutants")]
fn replayed(repository: &Repository) -> Outcome<()> {
    let repository = git::Repository::open(repository.path.clone().into())?;
    let head = repository.head()?.ok_or("no commits")?;
    let (tree, _) = replay::replay(&repository, &repository.history(&head)?, |_| {})?;
    tree.must_equal(&repository.listing(&head)?.entries)
}

// --- repositories ----------------------------------------------------------------------------------

/// A directory that goes away with its owner.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("dotted-git-history-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Left behind if it cannot be removed: no reason to fail.
        let _ = fs::remove_dir_all(&self.0);
    }
}

struct Repository {
    path: PathBuf,
    time: AtomicU32,
    _scratch: Scratch,
}

impl Repository {
    fn new() -> Self {
        Self::made_by(&["init", "-q", "-b", "main"])
    }

    fn made_by(arguments: &[&str]) -> Self {
        let scratch = Scratch::new();
        let repository = Self { path: scratch.0.clone(), time: AtomicU32::new(1_600_000_000), _scratch: scratch };
        repository.git(arguments);
        repository
    }

    /// Writes files and commits everything.
    fn commit(&self, author: &str, files: &[(&str, &str)]) {
        for (path, content) in files {
            let path = self.path.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        self.git(&["add", "--all"]);
        self.commit_index(author);
    }

    fn commit_index(&self, author: &str) {
        run(self.command(author).args(["commit", "-q", "-m", "a commit"]));
    }

    fn merge(&self, author: &str, arguments: &[&str]) {
        run(self.command(author).args(["merge", "-q", "--no-edit"]).args(arguments));
    }

    /// A merge that stops at its conflicts.
    fn start_merge(&self, author: &str, arguments: &[&str]) {
        let output = self.command(author).args(["merge", "-q", "--no-commit"]).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
    }

    fn import(&self, stream: &[u8]) {
        let mut process = self.command("ada").args(["fast-import", "--quiet"]).stdin(Stdio::piped()).spawn().unwrap();
        process.stdin.take().unwrap().write_all(stream).unwrap();
        assert!(process.wait().unwrap().success());
    }

    fn git(&self, arguments: &[&str]) -> String {
        run(self.command("ada").args(arguments))
    }

    /// Git as this author, a minute later than the last time.
    fn command(&self, author: &str) -> Command {
        let date = format!("{} +0000", self.time.fetch_add(60, Ordering::Relaxed));
        let address = format!("{author}@example.org");
        let mut command = git_at(&self.path);
        for role in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{role}_NAME"), author).env(format!("GIT_{role}_EMAIL"), &address);
            command.env(format!("GIT_{role}_DATE"), &date);
        }
        command
    }

    fn figures(&self) -> Figures {
        Figures::of(&self.path)
    }
}

fn git_at(path: &Path) -> Command {
    let mut command = isolated(Command::new("git"));
    command.arg("-C").arg(path);
    command
}

/// Whoever runs this has settings, and may be a hook of a repository.
fn isolated(mut command: Command) -> Command {
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        command.env_remove(variable);
    }
    command
}

fn run(command: &mut Command) -> String {
    let output = command.output().expect("the tests need git");
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_string()
}

// --- the example and its report --------------------------------------------------------------------

/// The example, which cargo has built beside this test.
fn example() -> Command {
    let test = std::env::current_exe().unwrap();
    let profile = test.ancestors().nth(2).unwrap();
    let example = profile.join("examples").join(format!("git_history{}", std::env::consts::EXE_SUFFIX));
    let built = fs::metadata(&example).and_then(|file| file.modified()).ok();
    // A `cargo test` that is told which tests to run does not build it.
    assert!(built >= changed(), "{} is missing or old: run `cargo test --no-run` first", example.display());
    isolated(Command::new(example))
}

/// When the sources of the example were changed last.
fn changed() -> Option<SystemTime> {
    let sources = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/git_history")).unwrap();
    sources.map(|source| source.unwrap().metadata().unwrap().modified().unwrap()).max()
}

struct Figures {
    text: String,
}

impl Figures {
    fn of(path: &Path) -> Self {
        Self::read(example().arg(path).output().unwrap())
    }

    fn read(output: Output) -> Self {
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.ends_with("equals the tree that git lists for the last commit.\n"), "{text}");
        Self { text }
    }

    fn get(&self, label: &str) -> u64 {
        let figure = |line: &str| line.trim_start().strip_prefix(label)?.trim_start().parse().ok();
        self.text.lines().find_map(figure).unwrap_or_else(|| panic!("no {label:?} in:\n{}", self.text))
    }

    fn must_be(&self, figures: &[(&str, u64)]) {
        for &(label, figure) in figures {
            assert_eq!(self.get(label), figure, "{label} in:\n{}", self.text);
        }
    }
}

// --- a history made up -----------------------------------------------------------------------------

/// By number of the path, a content, or nothing.
type Files = Vec<Option<u32>>;

/// A main line and features that leave it and come back, as a stream for `git fast-import`.
struct Project {
    stream: Vec<u8>,
    random: SmallRng,
    marks: usize,
    merges: u64,
    author: usize,
    main: Line,
    features: Vec<Feature>,
}

#[derive(Clone)]
struct Line {
    tip: usize,
    files: Files,
}

struct Feature {
    author: usize,
    line: Line,
    /// The files of the main line where the feature left it or last took it in.
    base: Files,
}

impl Project {
    const AUTHORS: usize = 120;

    fn new(paths: usize) -> Self {
        let main = Line { tip: 0, files: (0..paths as u32).map(Some).collect() };
        let random = SmallRng::seed_from_u64(1);
        let mut project =
            Self { stream: Vec::new(), random, marks: 0, merges: 0, author: 0, main, features: Vec::new() };
        let files = project.main.files.clone();
        project.main.tip = project.commit(0, &[], &vec![None; paths], &files);
        project
    }

    fn develop(mut self, commits: usize) -> Self {
        while self.marks < commits {
            match self.random.random_range(0..100) {
                0..20 if self.features.len() < 20 => self.open(),
                0..35 if !self.features.is_empty() => self.close(),
                35..40 if !self.features.is_empty() => self.update(),
                40..80 if !self.features.is_empty() => self.progress(),
                _ => self.main_line(),
            }
        }
        // What no later commit builds on would not be in the history.
        while !self.features.is_empty() {
            self.close();
        }
        self
    }

    fn open(&mut self) {
        let author = self.next_author();
        let mut line = self.main.clone();
        self.change(author, &mut line);
        self.features.push(Feature { author, line, base: self.main.files.clone() });
    }

    fn progress(&mut self) {
        let mut feature = self.take_feature();
        self.change(feature.author, &mut feature.line);
        self.features.push(feature);
    }

    fn main_line(&mut self) {
        let (author, mut main) = (self.next_author(), self.main.clone());
        self.change(author, &mut main);
        self.main = main;
    }

    /// The feature goes into the main line.
    fn close(&mut self) {
        let feature = self.take_feature();
        let files = self.merged(&feature.base, &self.main.files.clone(), &feature.line.files);
        let before = self.main.files.clone();
        self.main.tip = self.commit(feature.author, &[self.main.tip, feature.line.tip], &before, &files);
        self.main.files = files;
        self.merges += 1;
    }

    /// The main line goes into the feature.
    fn update(&mut self) {
        let mut feature = self.take_feature();
        let files = self.merged(&feature.base, &feature.line.files, &self.main.files.clone());
        let parents = [feature.line.tip, self.main.tip];
        feature.line.tip = self.commit(feature.author, &parents, &feature.line.files, &files);
        feature.line.files = files;
        feature.base = self.main.files.clone();
        self.features.push(feature);
        self.merges += 1;
    }

    fn next_author(&mut self) -> usize {
        self.author = (self.author + 1) % Self::AUTHORS;
        self.author
    }

    fn take_feature(&mut self) -> Feature {
        let at = self.random.random_range(0..self.features.len());
        self.features.swap_remove(at)
    }

    /// Some files are changed, some deleted or created. Some files are far more popular than others.
    fn change(&mut self, author: usize, line: &mut Line) {
        let before = line.files.clone();
        for _ in 0..self.random.random_range(1..6) {
            let skewed = self.random.random::<f64>().powi(3);
            let path = (skewed * before.len() as f64) as usize;
            line.files[path] = (!self.random.random_ratio(1, 10)).then(|| self.random.random());
        }
        line.tip = self.commit(author, &[line.tip], &before, &line.files);
    }

    /// The three-way merge. A conflict is settled by something new, or one side.
    fn merged(&mut self, base: &Files, ours: &Files, theirs: &Files) -> Files {
        let sides = base.iter().zip(ours).zip(theirs);
        let merged = sides.map(|((base, ours), theirs)| match (ours == base, theirs == base) {
            (true, _) => *theirs,
            (_, true) => *ours,
            _ if ours == theirs => *ours,
            _ => *[*ours, *theirs, Some(self.random.random())].get(self.random.random_range(0..3)).unwrap(),
        });
        merged.collect()
    }

    fn commit(&mut self, author: usize, parents: &[usize], before: &Files, after: &Files) -> usize {
        self.marks += 1;
        let (mark, out) = (self.marks, &mut self.stream);
        // All on one branch: what counts is what the last commit builds on.
        let who = format!("author{author} <{author}@example.org> {} +0000", 1_600_000_000 + 60 * mark);
        write!(out, "commit refs/heads/main\nmark :{mark}\nauthor {who}\ncommitter {who}\ndata 0\n").unwrap();
        for (word, parent) in ["from"].into_iter().chain(std::iter::repeat("merge")).zip(parents) {
            writeln!(out, "{word} :{parent}").unwrap();
        }
        let changes: BTreeMap<usize, Option<u32>> =
            (0..after.len()).filter(|&path| before[path] != after[path]).map(|path| (path, after[path])).collect();
        for (path, content) in changes {
            let name = format!("directory{}/{}/file{path}", path % 20, path % 7);
            match content.map(|content| content.to_string()) {
                None => writeln!(out, "D {name}").unwrap(),
                Some(text) => writeln!(out, "M 100644 inline {name}\ndata {}\n{text}", text.len()).unwrap(),
            }
        }
        mark
    }
}
