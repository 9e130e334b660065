//! The replay: one commit after the other, parents first.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dotted::{ReplicaId, Timestamp, Writer};

use crate::Outcome;
use crate::git::{Change, Commit, Entry, History, Path, Repository};
use crate::graph::{Sides, apart};
use crate::tree::Tree;

/// What was counted on the way.
#[derive(Default)]
pub struct Figures {
    pub path_writes: usize,
    /// Paths written on one side of a merge only, which were found as that side left them.
    pub one_sided: usize,
    /// Paths with several entries after a merge.
    pub write_write: usize,
    /// Paths that one side of a merge deleted and the other wrote.
    pub update_delete: usize,
    pub by_hand: ByHand,
    pub delta_bytes: usize,
    pub delta_bytes_max: usize,
    /// The most trees that were needed at the same time.
    pub trees_max: usize,
    /// The time that merging the states took.
    pub merging: Duration,
}

/// Paths that authors of merges wrote, by the reason.
#[derive(Default)]
pub struct ByHand {
    /// Several entries were there to choose from.
    pub conflicting: usize,
    /// Both sides wrote the path, and git's outcome is another one: one of them deleted it, or changed
    /// it and changed it back.
    pub both_sides: usize,
    /// The merge commit itself did it: one side was overruled, a file was changed under a name that
    /// the other side had given it, or something new was added.
    pub merge_itself: usize,
}

/// Replays a history, and says after every commit how many are done.
///
/// # Errors
/// If git fails, or if a path is not as it must be after a merge.
pub fn replay(repository: &Repository, history: &History, mut done: impl FnMut(usize)) -> Outcome<(Tree, Figures)> {
    let mut changes = repository.changes(history)?;
    let mut replay = Replay::new(history);
    for (at, commit) in history.commits.iter().enumerate() {
        replay.commit(at, changes.of(commit)?)?;
        done(at + 1);
    }
    changes.end()?;
    Ok(replay.finish())
}

struct Replay<'a> {
    history: &'a History,
    trees: Trees,
    writers: Vec<Writer>,
    /// What the writers' clocks show: the author's time of the commit being replayed.
    now: Arc<AtomicU64>,
    names: Names,
    /// By commit, the paths that were written.
    wrote: Vec<Box<[u32]>>,
    figures: Figures,
}

impl<'a> Replay<'a> {
    fn new(history: &'a History) -> Self {
        let now = Arc::new(AtomicU64::new(0));
        let writers = (0..).zip(&history.authors).map(|(number, author)| writer(number, author, &now)).collect();
        let trees = Trees::new(&history.commits);
        Self { history, trees, writers, now, names: Names::default(), wrote: Vec::new(), figures: Figures::default() }
    }

    /// Replays the commit at this place, which changed this against its first parent.
    fn commit(&mut self, at: usize, changes: Vec<Change>) -> Outcome<()> {
        let history = self.history;
        let commit = &history.commits[at];
        let (mut tree, changes) = match commit.parents[..] {
            [] => (Tree::default(), changes),
            [parent] => (self.trees.take(parent), changes),
            _ => self.merge(commit, changes)?,
        };
        self.write(&mut tree, commit, &changes);
        self.trees.keep(at, tree);
        self.figures.trees_max = self.figures.trees_max.max(self.trees.kept.len());
        Ok(())
    }

    /// The tree of the last commit, and what was counted.
    fn finish(mut self) -> (Tree, Figures) {
        (self.trees.take(self.history.commits.len() - 1), self.figures)
    }

    fn write(&mut self, tree: &mut Tree, commit: &Commit, changes: &[Change]) {
        let names = &mut self.names;
        self.wrote.push(changes.iter().map(|change| names.number(&change.path)).collect());
        if changes.is_empty() {
            return;
        }
        let parents = tree.version();
        self.now.store(commit.author_millis, Ordering::Relaxed);
        tree.write(&mut self.writers[commit.author], changes);
        let bytes = tree.delta_bytes(&parents);
        self.figures.path_writes += changes.len();
        self.figures.delta_bytes += bytes;
        self.figures.delta_bytes_max = self.figures.delta_bytes_max.max(bytes);
    }

    /// The merged tree of all parents, and what is left for the author of the merge to write.
    ///
    /// The parents are merged one after the other, so an octopus is no special case, and several or
    /// no common ancestors are none either: a side wrote what the commits wrote that only it has.
    fn merge(&mut self, commit: &Commit, changes: Vec<Change>) -> Outcome<(Tree, Vec<Change>)> {
        let parents = self.merge_order(commit);
        let mut tree = self.trees.take(parents[0]);
        let mut touched = BTreeMap::new();
        for (before, &parent) in (1..).zip(&parents[1..]) {
            let expected = self.compare(&tree, &parents[..before], parent, commit, &mut touched);
            let started = Instant::now();
            tree.merge(&self.trees.kept[&parent]);
            self.figures.merging += started.elapsed();
            self.trees.release(parent);
            self.figures.one_sided += expected.len();
            if let Some((path, _)) = expected.iter().find(|(path, entry)| !tree.shows(path, *entry)) {
                let problem = "was written on one side only, and is not as that side left it";
                return Err(format!("commit {}: {path} {problem}", commit.id).into());
            }
        }
        let rest = rest(&mut self.figures, &tree, &touched, changes);
        Ok((tree, rest))
    }

    /// The parents of a merge, first the one to start from.
    fn merge_order(&self, commit: &Commit) -> Vec<usize> {
        match commit.parents[..] {
            // A side that nothing else builds on need not be copied.
            [left, right] if self.trees.uses[right] < self.trees.uses[left] => vec![right, left],
            _ => commit.parents.clone(),
        }
    }

    /// Looks at both sides before they are merged. Returns what must be there afterwards, for all
    /// paths that were written on one side only.
    fn compare(
        &mut self,
        tree: &Tree,
        merged: &[usize],
        parent: usize,
        commit: &Commit,
        touched: &mut BTreeMap<Path, Touched>,
    ) -> Vec<(Path, Option<Entry>)> {
        let other = &self.trees.kept[&parent];
        let mut expected = Vec::new();
        for (path, sides) in self.writes_apart(merged, parent) {
            let path = self.names.path(path);
            let (left, right) = (tree.entry(path), other.entry(path));
            // What was not touched before is still as the parent has it that was taken first.
            let first_parent = if parent == commit.parents[0] { right } else { left };
            let touched = touched.entry(path.clone()).or_insert(Touched { first_parent, both_sides: false });
            match sides {
                Sides::LEFT => expected.push((path.clone(), left)),
                Sides::RIGHT => expected.push((path.clone(), right)),
                _ => {
                    touched.both_sides = true;
                    self.figures.update_delete += usize::from(left.is_some() != right.is_some());
                }
            }
        }
        expected
    }

    /// The paths that were written since the histories parted, and on which side.
    fn writes_apart(&self, left: &[usize], right: usize) -> Vec<(u32, Sides)> {
        let apart = apart(&self.history.commits, left, right);
        let writes = apart.iter().flat_map(|&(at, sides)| self.wrote[at].iter().map(move |&path| (path, sides)));
        let mut writes: Vec<_> = writes.collect();
        writes.sort_unstable();
        writes.dedup_by(|(path, sides), (kept, all)| {
            let same = path == kept;
            if same {
                *all = all.and(*sides);
            }
            same
        });
        writes
    }
}

/// What git has in the merge commit and the merged state has not, and all conflicts, so that none is
/// left open.
fn rest(figures: &mut Figures, tree: &Tree, touched: &BTreeMap<Path, Touched>, changes: Vec<Change>) -> Vec<Change> {
    let conflicts = tree.conflicts();
    figures.write_write += conflicts.len();
    let wanted = touched.iter().map(|(path, touched)| (path.clone(), touched.first_parent));
    let mut wanted: BTreeMap<Path, Option<Entry>> = wanted.collect();
    wanted.extend(changes.into_iter().map(|change| (change.path, change.entry)));
    wanted.retain(|path, entry| conflicts.contains(path) || !tree.shows(path, *entry));
    for path in wanted.keys() {
        let both_sides = touched.get(path).is_some_and(|touched| touched.both_sides);
        *match (conflicts.contains(path), both_sides) {
            (true, _) => &mut figures.by_hand.conflicting,
            (_, true) => &mut figures.by_hand.both_sides,
            _ => &mut figures.by_hand.merge_itself,
        } += 1;
    }
    wanted.into_iter().map(|(path, entry)| Change { path, entry }).collect()
}

/// A path that was written since the parents of a merge parted.
struct Touched {
    first_parent: Option<Entry>,
    both_sides: bool,
}

/// The writer of an author. Its id is made from a number, so that every run prints the same figures:
/// it lives in this process only, where no other writer has it.
fn writer(number: u64, author: &str, now: &Arc<AtomicU64>) -> Writer {
    let now = Arc::clone(now);
    let clock = move || Timestamp::from_millis(now.load(Ordering::Relaxed));
    Writer::with_clock(ReplicaId::from_seed(number).uuid(), clock).named(author)
}

/// The trees of the commits that still have a child to be replayed.
struct Trees {
    kept: HashMap<usize, Tree>,
    /// By commit, how often its tree is needed yet.
    uses: Vec<usize>,
}

impl Trees {
    fn new(commits: &[Commit]) -> Self {
        let mut uses = vec![0; commits.len()];
        commits.iter().flat_map(|commit| &commit.parents).for_each(|&parent| uses[parent] += 1);
        // The last one is asked for in the end.
        uses.last_mut().into_iter().for_each(|last| *last += 1);
        Self { kept: HashMap::new(), uses }
    }

    fn keep(&mut self, at: usize, tree: Tree) {
        self.kept.insert(at, tree);
    }

    /// The tree itself for the last who needs it, a copy for the others.
    fn take(&mut self, at: usize) -> Tree {
        self.uses[at] -= 1;
        let tree = if self.uses[at] == 0 { self.kept.remove(&at) } else { self.kept.get(&at).cloned() };
        tree.expect("a tree is kept until all children are replayed")
    }

    fn release(&mut self, at: usize) {
        self.uses[at] -= 1;
        if self.uses[at] == 0 {
            self.kept.remove(&at);
        }
    }
}

/// Numbers for paths: lists of them are kept for all commits.
#[derive(Default)]
struct Names {
    numbers: HashMap<Path, u32>,
    paths: Vec<Path>,
}

impl Names {
    fn number(&mut self, path: &Path) -> u32 {
        if let Some(&number) = self.numbers.get(path) {
            return number;
        }
        let number = self.paths.len() as u32;
        self.numbers.insert(path.clone(), number);
        self.paths.push(path.clone());
        number
    }

    fn path(&self, number: u32) -> &Path {
        &self.paths[number as usize]
    }
}
