use crate::mutants::{self, Mutant};

/// Makes of the caller's clock one that never goes back and never comes to its end.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Clock {
    /// The latest time of the caller's clock, and what it is here.
    outer: u64,
    inner: u64,
}

impl Clock {
    /// A clock that jumps further ahead counts as one that jumps so far: some 35,000 years.
    const JUMP: u64 = 1 << 50;
    /// A clock that is further behind was set back, and time goes on from there. Calls that come late are not so late.
    const LATE: u64 = 60_000;

    /// The caller's clock shows this: what is it here?
    pub(super) fn advance(&mut self, outer: u64) -> u64 {
        if outer >= self.outer {
            let passed = outer - self.outer;
            let passed = if passed < Self::JUMP { passed } else { Self::JUMP };
            self.inner = self.inner.saturating_add(passed);
            self.outer = outer;
        } else if self.outer - outer > Self::LATE && !mutants::on(Mutant::ClockStaysAhead) {
            self.outer = outer;
        }
        self.inner
    }

    /// A time of the caller's clock, as it is here. What is never stays never.
    pub(super) const fn inner(&self, outer: u64) -> u64 {
        Self::moved(outer, self.outer, self.inner)
    }

    /// A time of here on the caller's clock.
    pub(super) const fn outer(&self, inner: u64) -> u64 {
        Self::moved(inner, self.inner, self.outer)
    }

    const fn moved(time: u64, from: u64, to: u64) -> u64 {
        match time.checked_sub(from) {
            _ if time == u64::MAX => u64::MAX,
            Some(ahead) => to.saturating_add(ahead),
            None => to.saturating_sub(from - time),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_forwards_only_whatever_the_callers_does() {
        let mut clock = Clock::default();
        assert_eq!(clock.advance(1_000), 1_000);
        assert_eq!(clock.advance(900), 1_000, "a call that comes late");
        assert_eq!(clock.advance(u64::MAX), 1_000 + Clock::JUMP);
        let far = clock.advance(2_000);
        assert_eq!(far, 1_000 + Clock::JUMP);
        assert_eq!(clock.advance(2_500), far + 500);
        assert_eq!((clock.inner(3_000), clock.outer(far + 1_000)), (far + 1_000, 3_000));
        assert_eq!((clock.inner(2_400), clock.outer(far)), (far + 400, 2_000));
        assert_eq!(clock.inner(u64::MAX), u64::MAX);
        (0..1_000).for_each(|_| _ = (clock.advance(u64::MAX), clock.advance(0)));
        let before = clock.advance(1);
        assert_eq!(clock.advance(2), before + 1, "there is time left");
    }
}
