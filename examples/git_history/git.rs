//! What git knows. It is asked by a handful of processes, however long the history is.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Outcome;

/// A path as git has it: bytes, in one allocation for all the trees that hold it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<u8>", into = "Vec<u8>")]
pub struct Path(Arc<[u8]>);

impl From<Vec<u8>> for Path {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<Path> for Vec<u8> {
    fn from(path: Path) -> Self {
        path.0.to_vec()
    }
}

impl Borrow<[u8]> for Path {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

/// Quoted, so that it stays on one line.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

/// The name of an object: a hash of its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ObjectId {
    Sha1([u8; 20]),
    Sha256([u8; 32]),
}

impl ObjectId {
    fn parse(hex: &[u8]) -> Outcome<Self> {
        let unexpected = || format!("git wrote {:?} for an object id", String::from_utf8_lossy(hex));
        let digit = |digit: u8| char::from(digit).to_digit(16).map(|digit| digit as u8);
        let byte = |pair: &[u8]| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?);
        let bytes: Option<Vec<u8>> = hex.chunks(2).map(byte).collect();
        let bytes = bytes.ok_or_else(unexpected)?;
        let sha1 = bytes.as_slice().try_into().map(Self::Sha1);
        Ok(sha1.or_else(|_| bytes.as_slice().try_into().map(Self::Sha256)).map_err(|_| unexpected())?)
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes: &[u8] = match self {
            Self::Sha1(bytes) => bytes,
            Self::Sha256(bytes) => bytes,
        };
        bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What a tree says of a path: a file, an executable, a symbolic link or a submodule, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub mode: u32,
    pub id: ObjectId,
}

impl Entry {
    fn parse(mode: &[u8], id: &[u8]) -> Outcome<Self> {
        let mode = u32::from_str_radix(std::str::from_utf8(mode)?, 8)?;
        Ok(Self { mode, id: ObjectId::parse(id)? })
    }
}

/// What became of a path: its new entry, or `None` if it was deleted.
///
/// A rename is the deletion of one path and the creation of another: git stores no more than that.
#[derive(Debug, Clone)]
pub struct Change {
    pub path: Path,
    pub entry: Option<Entry>,
}

pub struct Commit {
    pub id: ObjectId,
    /// The places of the parents in the history, all before this one.
    pub parents: Vec<usize>,
    /// The place among the authors.
    pub author: usize,
    pub author_millis: u64,
}

/// All commits that the last one builds on, parents first.
#[derive(Default)]
pub struct History {
    pub commits: Vec<Commit>,
    /// Names with addresses, as the mailmap of the repository has them.
    pub authors: Vec<String>,
}

/// A tree as git lists it.
pub struct Listing {
    pub entries: HashMap<Path, Entry>,
    /// The size of git's own text.
    pub bytes: usize,
}

pub struct Repository {
    path: OsString,
}

impl Repository {
    pub fn open(path: OsString) -> Outcome<Self> {
        let repository = Self { path };
        repository.output(&["rev-parse", "--git-dir"])?;
        Ok(repository)
    }

    /// The last commit, if there is any. All else is asked about it, whatever `HEAD` becomes meanwhile.
    pub fn head(&self) -> Outcome<Option<ObjectId>> {
        let output = self.git(&["rev-parse", "--verify", "--quiet", "HEAD"]).output()?;
        if output.status.success() { Ok(Some(ObjectId::parse(output.stdout.trim_ascii_end())?)) } else { Ok(None) }
    }

    pub fn history(&self, head: &ObjectId) -> Outcome<History> {
        let format = "--format=%P%x00%aN%x00%aE%x00%at";
        let text = self.output(&["rev-list", "--topo-order", "--reverse", format, &head.to_string()])?;
        let mut reader = HistoryReader::default();
        let mut lines = text.split(|&byte| byte == b'\n');
        while let (Some(header), Some(line)) = (lines.next(), lines.next()) {
            reader.add(header, line)?;
        }
        Ok(reader.history)
    }

    /// The changes of all commits, each against its first parent.
    pub fn changes(&self, history: &History) -> Outcome<Changes> {
        let options = ["--root", "--raw", "--no-abbrev", "--no-renames", "--ignore-submodules=none", "--always"];
        let mut command = self.git(&["diff-tree", "--stdin", "-r", "-z"]);
        command.args(options).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn()?;
        if let Some(input) = process.stdin.take() {
            let wanted = wanted(history);
            // A thread, for git would otherwise wait for us to read while we wait for it to.
            std::thread::spawn(move || ask(input, &wanted));
        }
        let output = process.stdout.take().map(BufReader::new).ok_or("git has no output")?;
        Ok(Changes { process, output, next: Vec::new() })
    }

    pub fn listing(&self, commit: &ObjectId) -> Outcome<Listing> {
        let text = self.output(&["ls-tree", "-r", "-z", "--full-tree", &commit.to_string()])?;
        let lines = text.split(|&byte| byte == 0).filter(|line| !line.is_empty());
        Ok(Listing { entries: lines.map(listed).collect::<Outcome<_>>()?, bytes: text.len() })
    }

    fn output(&self, arguments: &[&str]) -> Outcome<Vec<u8>> {
        let output = self.git(arguments).output().map_err(|error| format!("git cannot be run: {error}"))?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(format!("git {}: {}", arguments[0], String::from_utf8_lossy(&output.stderr).trim_end()).into())
    }

    fn git(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        // The path says which repository, also where a hook of another one runs this.
        for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"] {
            command.env_remove(variable);
        }
        command.arg("-C").arg(&self.path).args(arguments).stdin(Stdio::null());
        command
    }
}

#[derive(Default)]
struct HistoryReader {
    history: History,
    places: HashMap<ObjectId, usize>,
    authors: HashMap<String, usize>,
}

impl HistoryReader {
    /// `commit ID`, and then the line in our own format.
    fn add(&mut self, header: &[u8], line: &[u8]) -> Outcome<()> {
        let id = ObjectId::parse(header.strip_prefix(b"commit ").unwrap_or(header))?;
        let fields: Vec<&[u8]> = line.split(|&byte| byte == 0).collect();
        let &[parents, name, address, seconds] = fields.as_slice() else {
            return Err(format!("git wrote {:?} for commit {id}", String::from_utf8_lossy(line)).into());
        };
        let parents = self.parents(parents).map_err(|error| format!("commit {id}: {error}"))?;
        let author = self.author(name, address);
        // Times before 1970 and beyond all bounds exist. Time only breaks ties.
        let seconds = String::from_utf8_lossy(seconds).parse().unwrap_or(0);
        self.places.insert(id, self.history.commits.len());
        let author_millis = u64::saturating_mul(seconds, 1000);
        self.history.commits.push(Commit { id, parents, author, author_millis });
        Ok(())
    }

    fn parents(&self, ids: &[u8]) -> Outcome<Vec<usize>> {
        let mut parents = Vec::new();
        for id in ids.split(|&byte| byte == b' ').filter(|id| !id.is_empty()) {
            let id = ObjectId::parse(id)?;
            let &place = self.places.get(&id).ok_or_else(|| format!("parent {id} is missing"))?;
            // Old tools wrote the same parent twice.
            if !parents.contains(&place) {
                parents.push(place);
            }
        }
        Ok(parents)
    }

    fn author(&mut self, name: &[u8], address: &[u8]) -> usize {
        let author = format!("{} <{}>", String::from_utf8_lossy(name), String::from_utf8_lossy(address));
        let Self { history, authors, .. } = self;
        *authors.entry(author).or_insert_with_key(|author| {
            history.authors.push(author.clone());
            history.authors.len() - 1
        })
    }
}

/// Per commit a line: the commit, and the parent to compare it with.
fn wanted(history: &History) -> Vec<(ObjectId, Option<ObjectId>)> {
    let first_parent = |commit: &Commit| commit.parents.first().map(|&parent| history.commits[parent].id);
    history.commits.iter().map(|commit| (commit.id, first_parent(commit))).collect()
}

fn ask(input: ChildStdin, wanted: &[(ObjectId, Option<ObjectId>)]) {
    let mut input = BufWriter::new(input);
    for (commit, parent) in wanted {
        let line = match parent {
            Some(parent) => writeln!(input, "{commit} {parent}"),
            None => writeln!(input, "{commit}"),
        };
        // If git is gone, the reader finds that its answers are missing.
        if line.is_err() {
            return;
        }
    }
}

/// `MODE TYPE ID<tab>PATH`
fn listed(line: &[u8]) -> Outcome<(Path, Entry)> {
    let unexpected = || format!("git listed {:?}", String::from_utf8_lossy(line));
    let tab = line.iter().position(|&byte| byte == b'\t').ok_or_else(unexpected)?;
    let fields: Vec<&[u8]> = line[..tab].split(|&byte| byte == b' ').collect();
    let &[mode, _, id] = fields.as_slice() else { return Err(unexpected().into()) };
    Ok((line[tab + 1..].to_vec().into(), Entry::parse(mode, id)?))
}

/// The changes of one commit after another, as git finds them.
pub struct Changes {
    process: Child,
    output: BufReader<ChildStdout>,
    /// The text that was read last, and belongs to the next commit.
    next: Vec<u8>,
}

impl Changes {
    /// The changes of the next commit, which must be this one.
    pub fn of(&mut self, commit: &Commit) -> Outcome<Vec<Change>> {
        if self.next.is_empty() {
            self.advance()?;
        }
        if self.next != commit.id.to_string().as_bytes() {
            return Err(format!("git has no changes for commit {}", commit.id).into());
        }
        let mut changes = Vec::new();
        while self.advance()? && self.next.starts_with(b":") {
            let entry = new_entry(&self.next)?;
            self.advance()?;
            changes.push(Change { path: self.next.clone().into(), entry });
        }
        Ok(changes)
    }

    /// Nothing may follow, and git must have succeeded.
    pub fn end(&mut self) -> Outcome<()> {
        let status = self.process.wait()?;
        if status.success() && self.next.is_empty() { Ok(()) } else { Err("git diff-tree failed".into()) }
    }

    /// Reads the next text, up to a zero byte.
    fn advance(&mut self) -> Outcome<bool> {
        self.next.clear();
        let read = self.output.read_until(0, &mut self.next)?;
        self.next.pop_if(|&mut last| last == 0);
        Ok(read > 0)
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        // No process is left behind when the replay fails halfway. It may be gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `:OLD-MODE NEW-MODE OLD-ID NEW-ID STATUS`; the new mode of a deleted path is 0.
fn new_entry(record: &[u8]) -> Outcome<Option<Entry>> {
    let fields: Vec<&[u8]> = record.split(|&byte| byte == b' ').collect();
    let &[_, mode, _, id, _] = fields.as_slice() else {
        return Err(format!("git wrote {:?} for a change", String::from_utf8_lossy(record)).into());
    };
    let entry = Entry::parse(mode, id)?;
    Ok((entry.mode != 0).then_some(entry))
}
