/// A token bucket: what a peer may cost.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    burst: u32,
    per_second: u32,
    /// In thousandths.
    tokens: u64,
    at: u64,
}

impl Budget {
    pub(super) fn new(burst: u32, per_second: u32) -> Self {
        Self { burst, per_second, tokens: u64::from(burst) * 1000, at: 0 }
    }

    fn refill(&mut self, now: u64) {
        let gained = now.saturating_sub(self.at).saturating_mul(u64::from(self.per_second));
        self.tokens = self.tokens.saturating_add(gained).min(u64::from(self.burst) * 1000);
        self.at = self.at.max(now);
    }

    pub(super) fn is_empty(&mut self, now: u64) -> bool {
        self.refill(now);
        self.tokens < 1000
    }

    /// Takes a token, if there is one.
    pub(super) fn take(&mut self, now: u64) -> bool {
        let there = !self.is_empty(now);
        if there {
            self.tokens -= 1000;
        }
        there
    }

    /// How long until there is a token again, in milliseconds.
    pub(super) fn wait(&self) -> u64 {
        1000u64.saturating_sub(self.tokens).div_ceil(u64::from(self.per_second.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_runs_dry_and_fills_up_to_its_burst() {
        let mut budget = Budget::new(2, 4);
        assert!(budget.take(0) && budget.take(0) && !budget.take(0));
        assert_eq!(budget.wait(), 250);
        assert!(!budget.take(249) && budget.take(250));
        assert!(budget.take(u64::MAX) && budget.take(u64::MAX) && !budget.take(u64::MAX));
    }
}
