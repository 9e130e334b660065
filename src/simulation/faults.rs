use std::collections::BTreeSet;

/// Which links are cut, each way on its own.
#[derive(Default)]
pub(super) struct Links {
    cut: BTreeSet<(usize, usize)>,
}

impl Links {
    pub(super) fn is_cut(&self, from: usize, to: usize) -> bool {
        self.cut.contains(&(from, to))
    }

    pub(super) fn heal(&mut self) {
        self.cut.clear();
    }

    /// Cuts all links for which `cut` holds, in addition to those that are.
    pub(super) fn cut(&mut self, nodes: usize, cut: impl Fn(usize, usize) -> bool) {
        for from in 0..nodes {
            self.cut.extend((0..nodes).filter(|&to| cut(from, to)).map(|to| (from, to)));
        }
    }
}
