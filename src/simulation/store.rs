use std::collections::BTreeSet;

use super::model::{Model, What};
use super::{Random, Subject};
use crate::causality::{Dot, Writer};
use crate::kernel::{Edit, Mut};
use crate::store::{ByName, Store, Value};

/// A [`Store`] with a value of each type, checked against a naive model.
///
/// Sets, maps, registers, flags and counters are compared with what is right by definition; records with
/// each other.
#[derive(Default)]
pub struct StoreSubject {
    model: Model,
}

const KEYS: [&str; 4] = ["a", "b", "c", "d"];

impl StoreSubject {
    fn write_one<'e>(&mut self, store: &mut Mut<'e, ByName>, edit: &mut Edit<'e>, random: &mut Random) {
        let key = KEYS[random.below(KEYS.len())];
        let value = random.below(4) as i64;
        let past = edit.version().clone();
        let (place, dot, what) = match random.below(20) {
            0..4 => (("set", key), Some(store.set("set").insert(edit, key.into())), What::Put(0)),
            4..6 => (("set", key), store.set("set").remove(edit, key), What::Removed),
            6..9 => (("map", key), Some(store.map("map").insert(edit, key.into(), value.into())), What::Put(value)),
            9 => (("map", key), store.map("map").remove(edit, key), What::Removed),
            10 => (("register", ""), Some(store.register("register").set(edit, value.into())), What::Put(value)),
            11 => (("register", ""), store.register("register").clear(edit), What::Removed),
            12 => (("multi", ""), Some(store.multi_register("multi").set(edit, value.into())), What::Put(value)),
            13 => (("flag", ""), Some(store.flag("flag").enable(edit)), What::Put(0)),
            14 => (("flag", ""), store.flag("flag").disable(edit), What::Removed),
            15 | 16 => {
                // Large and different, so that every wrong sum shows.
                let by = 1 + random.next() % 1_000_000_007;
                let dot = if random.chance(30) {
                    (store.counter("counter").decrement(edit, by), -(by as i64))
                } else {
                    (store.counter("counter").increment(edit, by), by as i64)
                };
                (("counter", ""), dot.0.ok(), What::Counted(dot.1))
            }
            17 => (("counter", ""), store.counter("counter").reset(edit), What::Reset),
            18 => {
                _ = store.record("record").set(edit, key, value.into());
                return;
            }
            _ => {
                _ = match random.below(3) {
                    0 => store.record("record").delete(edit),
                    1 => store.record("record").remove(edit, key),
                    _ => store.record("record").purge(edit),
                };
                return;
            }
        };
        if let Some(dot) = dot {
            self.model.note((place.0, place.1.into()), dot, &past, what);
        }
    }
}

impl Subject for StoreSubject {
    type Value = Store;

    fn write(&mut self, store: &mut Store, writer: &mut Writer, random: &mut Random) {
        let group = [1, 1, 1, 2, 4][random.below(5)];
        store.edit(writer, |mut store, edit| {
            for _ in 0..group {
                self.write_one(&mut store, edit, random);
            }
        });
    }

    fn check(&self, value: &Store) -> Result<(), String> {
        let (version, store, model) = (value.version(), value.view(), &self.model);
        let integer = |value: &Value| value.as_integer().unwrap_or(i64::MIN);
        let right = |what: &str, ok: bool| if ok { Ok(()) } else { Err(format!("{what} is wrong in {value:?}")) };

        let set: BTreeSet<&str> = store.set("set").iter().filter_map(Value::as_text).collect();
        let there = |place: &&(&'static str, String)| !model.values(place, version).is_empty();
        right("the set", set == model.keys("set").filter(there).map(|(_, key)| &**key).collect())?;
        right("the length of the set", store.set("set").len() == set.len())?;

        for place in model.keys("map") {
            let found = store.map("map").versions(&*place.1);
            let found = found.iter().map(|version| (version.dot, version.value.map_or(i64::MIN, integer)));
            right("a key of the map", found.eq(model.values(place, version)))?;
        }
        right("the length of the map", store.map("map").len() == model.keys("map").filter(there).count())?;

        let nowhere = |value: &'static str| (value, String::new());
        let found = store.register("register").versions();
        let found = found.iter().map(|version| (version.dot, version.value.map_or(i64::MIN, integer)));
        right("the register", found.eq(model.values(&nowhere("register"), version)))?;
        let found = store.multi_register("multi").versions().into_iter();
        let found = found.filter_map(|version| Some((version.dot, integer(version.value?))));
        right("the multi-value register", found.eq(model.values(&nowhere("multi"), version)))?;
        let flag = !model.values(&nowhere("flag"), version).is_empty();
        right("the flag", store.flag("flag").is_enabled() == flag)?;
        let count = model.count(&nowhere("counter"), version);
        right("the counter", store.counter("counter").value() == count)
    }

    fn read(&self, value: &Store) -> String {
        format!("{value:?} {:?}", value.conflicts())
    }

    fn lost(&mut self, is_lost: &dyn Fn(&Dot) -> bool) {
        self.model.forget(is_lost);
    }

    fn forget_removals(&self, value: &mut Store) {
        value.collect();
    }
}
