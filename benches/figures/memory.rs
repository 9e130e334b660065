//! Live bytes per element, at every size.

use dotted::{OrSet, Writer};
use hashbrown::HashSet;

use crate::ALLOCATOR;
use crate::report::{Report, number};
use crate::workload::keys;

const SIZES: [usize; 10] = [1_000, 2_000, 5_000, 10_000, 30_000, 100_000, 300_000, 900_000, 1_000_000, 3_000_000];

/// Bytes that are allocated and not yet given back.
pub fn live_bytes() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// What a set weighs while it grows.
struct Growth {
    /// Per element, at each of the sizes.
    at: Vec<f64>,
    /// The most per element, and at which size from the first on.
    worst: (f64, usize),
}

fn growth<S, R>(keys: &[u64], mut set: S, mut insert: impl FnMut(&mut S, u64) -> R) -> Growth {
    let before = live_bytes();
    let mut growth = Growth { at: Vec::with_capacity(SIZES.len()), worst: (0.0, 0) };
    let own = before + growth.at.capacity() * size_of::<f64>() - size_of::<S>();
    for (size, &key) in (1..).zip(keys) {
        insert(&mut set, key);
        if size < SIZES[0] {
            continue;
        }
        let each = (live_bytes() - own) as f64 / size as f64;
        if each > growth.worst.0 {
            growth.worst = (each, size);
        }
        if SIZES.contains(&size) {
            growth.at.push(each);
        }
    }
    growth
}

pub fn measure(report: &mut Report) {
    let keys = keys(SIZES[SIZES.len() - 1], 1);
    let mut writer = Writer::from_seed(1);
    // The writer's first branch is its own memory, not the set's.
    OrSet::new().insert(&mut writer, 0u64);
    let ours = growth(&keys, OrSet::new(), |set, key| set.insert(&mut writer, key));
    let floor = growth(&keys, HashSet::new(), |set, key| set.insert(key));
    let at_900_k = SIZES.iter().position(|&size| size == 900_000).expect("it is among the sizes");
    let what = "memory of `OrSet<u64>` per element, at 900 k";
    report.at_most(what, 28.0, "B", ours.at[at_900_k], format!("`hashbrown`: {} B", number(floor.at[at_900_k])));
    let (worst, at) = ours.worst;
    let note = format!(
        "at {}; `hashbrown`: {} B at {}",
        number(at as f64),
        number(floor.worst.0),
        number(floor.worst.1 as f64)
    );
    report.at_most("… the most at any size from 1 k to 3 M", 32.0, "B", worst, note);
    let each = |growth: &Growth| growth.at.iter().copied().map(number).collect::<Vec<_>>().join(", ");
    let sizes = SIZES.map(|size| number(size as f64)).join("; ");
    report.stated(format!("… at {sizes}"), format!("{} B", each(&ours)), format!("`hashbrown`: {} B", each(&floor)));
}
