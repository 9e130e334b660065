//! A feature flag that is switched in two regions.

use dotted::{DwFlag, EwFlag, LwwRegister};

use super::story::{Clock, Story, reunite};

pub fn toggled_twice() -> Story {
    let clock = Clock::default();
    let (mut london, mut tokyo) = (clock.writer("London"), clock.writer("Tokyo"));

    // "Toggle" is: read it, and write the opposite.
    let mut here = LwwRegister::new();
    here.set(&mut london, false);
    let mut there = here.clone();
    here.set(&mut london, true);
    clock.pass(1);
    there.set(&mut tokyo, true);
    there.set(&mut tokyo, false);
    reunite(&mut here, &mut there);
    assert_eq!(here.get(), Some(&false));

    let mut here = EwFlag::new();
    let mut there = here.clone();
    here.enable(&mut london);
    there.enable(&mut tokyo);
    there.disable(&mut tokyo);
    reunite(&mut here, &mut there);
    assert!(here.is_enabled());

    let mut here = DwFlag::new();
    let mut there = here.clone();
    here.enable(&mut london);
    there.enable(&mut tokyo);
    there.disable(&mut tokyo);
    reunite(&mut here, &mut there);
    assert!(!here.is_enabled());

    Story::new(
        "A feature flag, toggled twice",
        "London switches a feature on. Tokyo switches it on as well, sees errors, and switches it off again.",
    )
    .under("last writer wins", "off, because Tokyo's clock says so. With a slower clock there it would be on.")
    .under("EwFlag", "on: whoever switched it on and was not overruled by someone who knew of it, has it on.")
    .under("DwFlag", "off: somebody has switched it off, and nobody who knew of that has switched it on again. The type to take for a kill switch.")
    .under("consensus", "one after the other, and whoever comes second sees what the first did, or waits.")
}
