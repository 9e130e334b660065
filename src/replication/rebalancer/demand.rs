/// How much was wanted lately: a sliding window of two halves.
#[derive(Debug, Clone)]
pub(super) struct Demand {
    window: u64,
    start: u64,
    current: u64,
    previous: u64,
}

impl Demand {
    pub(super) fn new(window: u64, now: u64) -> Self {
        Self { window: window.max(1), start: now, current: 0, previous: 0 }
    }

    fn advance(&mut self, now: u64) {
        let passed = now.saturating_sub(self.start) / self.window;
        if passed > 0 {
            self.previous = if passed == 1 { self.current } else { 0 };
            self.current = 0;
            self.start += passed * self.window;
        }
    }

    pub(super) fn add(&mut self, amount: u64, now: u64) {
        self.advance(now);
        self.current = self.current.saturating_add(amount);
    }

    /// How much that is in a window. Less than it was, if nothing more is wanted.
    pub(super) fn recent(&mut self, now: u64) -> u64 {
        self.advance(now);
        let left = self.window.saturating_sub(now.saturating_sub(self.start));
        let previous = u128::from(self.previous) * u128::from(left) / u128::from(self.window);
        // It is not more than `previous`.
        self.current.saturating_add(previous as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_what_is_wanted() {
        let mut demand = Demand::new(1_000, 5_000);
        assert_eq!(demand.recent(5_000), 0);
        (0..30).for_each(|at| demand.add(5, 5_000 + 100 * at));
        assert_eq!(demand.recent(7_900), 50 + 5);
        assert_eq!(demand.recent(8_500), 25);
        assert_eq!(demand.recent(9_000), 0);
        demand.add(u64::MAX, 9_000);
        demand.add(u64::MAX, 10_000);
        assert_eq!(demand.recent(10_500), u64::MAX);
        // A time before the latest one counts as the latest one.
        assert_eq!(demand.recent(0), u64::MAX);
        assert_eq!(demand.recent(u64::MAX), 0);
    }
}
