//! Removals are discarded by themselves, some at a time, and stay bounded.

use dotted::{Crdt, OrSet, VersionVector, Writer};

/// What is kept by itself, where nobody holds it back.
fn bound(live: usize) -> usize {
    1024.max(live / 8)
}

fn churned(size: u64, steps: u64, mut after: impl FnMut(&mut OrSet<u64>, &mut Writer, usize)) -> OrSet<u64> {
    let (mut set, mut writer) = (OrSet::new(), Writer::from_seed(1));
    for key in 0..size {
        set.insert(&mut writer, key);
    }
    for step in 0..steps {
        let before = set.removals();
        set.remove(&mut writer, &step);
        set.insert(&mut writer, size + step);
        after(&mut set, &mut writer, before);
    }
    set
}

#[test]
fn no_write_discards_many_and_the_rest_stays_bounded() {
    let mut discarded = 0;
    let set = churned(20_000, 30_000, |set, _, before| {
        discarded += (before + 1).checked_sub(set.removals()).unwrap();
        assert!(before + 1 - set.removals() <= 2 * 256, "much at once");
        assert!(set.removals() <= bound(set.len()) + 2);
    });
    assert_eq!((set.len(), discarded + set.removals()), (20_000, 30_000));
    assert!(set.iter().copied().eq(30_000..50_000));
}

#[test]
fn deltas_and_merges_pay_for_what_they_bring() {
    for by_delta in [false, true] {
        let (mut here, mut there, mut writer) = (OrSet::new(), OrSet::new(), Writer::from_seed(1));
        for round in 0..20u64 {
            for key in 0..3_000 {
                here.insert(&mut writer, round * 3_000 + key);
            }
            there.merge(&here);
            here.edit(&mut writer, |mut set, edit| {
                for key in 0..3_000 {
                    set.remove(edit, &(round * 3_000 + key));
                }
            });
            if by_delta {
                there.apply(here.delta_since(there.version())).unwrap();
            } else {
                there.merge(&here);
            }
            assert_eq!(here, there);
            assert!(here.removals() <= bound(0) + 3_000 && there.removals() <= bound(0), "{}", there.removals());
        }
    }
}

#[test]
fn what_may_not_be_discarded_is_kept_until_memory_asks() {
    let mut kept = 0;
    let set = churned(20_000, 40_000, |set, _, _| {
        set.set_collectable(Some(VersionVector::new()));
        assert!(set.removals() <= 4096 + set.len() / 2 + 2);
        kept = kept.max(set.removals());
        if set.removals() < 4096 + set.len() / 2 - 300 && kept < 14_000 {
            assert!(set.floor().is_empty());
        }
    });
    assert!(kept > 14_000 && !set.floor().is_empty() && set.len() == 20_000);
}

#[test]
fn keys_that_come_back_do_not_pile_up() {
    let (mut set, mut writer) = (OrSet::new(), Writer::from_seed(1));
    for step in 0..20_000u64 {
        set.insert(&mut writer, step % 40);
        set.remove(&mut writer, &(step % 40));
    }
    assert!(set.removals() <= 40);
    assert_eq!(set.collect_some(usize::MAX - 1), 40);
    assert_eq!(set.removals(), 0);
}

/// A group does not pay for what another one left behind.
#[test]
fn no_group_discards_more_than_its_share() {
    let (mut set, mut writer) = (OrSet::<u32>::new(), Writer::from_seed(1));
    set.edit(&mut writer, |mut set, edit| (0..60_000).for_each(|element| _ = set.insert(edit, element)));
    set.edit(&mut writer, |mut set, edit| (0..30_000).for_each(|element| _ = set.remove(edit, &element)));
    assert!(set.removals() > 20_000);
    for group in 0..20 {
        let before = set.removals();
        let first = 30_000 + group * 300;
        set.edit(&mut writer, |mut set, edit| (first..first + 300).for_each(|element| _ = set.remove(edit, &element)));
        let discarded = before + 300 - set.removals();
        assert!((300..=1_000).contains(&discarded), "{discarded}");
    }
    // What was held back is discarded bit by bit, too.
    set.set_collectable(Some(dotted::VersionVector::new()));
    set.set_collectable(None);
    let before = set.removals();
    set.insert(&mut writer, 0);
    assert!(before - set.removals() <= 256);
}
