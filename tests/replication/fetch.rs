//! What several peers have, and one lacks, comes from one of them.

use dotted::Crdt;
use dotted::replication::{Bounds, Role, Topology};

use crate::net::{CALM, Faults, Net, PART, STORM, config, peer, replica};

const CLIENTS: usize = 30;
const ELEMENTS: u64 = 12_000;

/// A hub and clients that all have the same document, and each something of its own.
struct Clients {
    net: Net,
    document: usize,
}

impl Clients {
    fn new(seed: u64, faults: Faults, tune: impl Fn(&mut Bounds)) -> Self {
        let mut bounds = Bounds { message_bytes: 4 << 10, ..Bounds::default() };
        tune(&mut bounds);
        let star = Topology::Star { hub: peer(0) };
        let configs = (0..=CLIENTS).map(|at| config(at).with_topology(star.clone()).with_bounds(bounds.clone()));
        let mut net = Net::of(configs.map(replica).collect(), seed);
        net.faults = faults;
        net.fill(1, 0..ELEMENTS);
        let (document, shared) = (net.replicas[1].export().len(), net.replicas[1].value().clone());
        for at in 1..=CLIENTS {
            net.replicas[at].update(|set, _| _ = set.merge(&shared)).unwrap();
            net.insert(at, ELEMENTS + at as u64);
            net.replicas[at].join(peer(0), Role::Voter).unwrap();
        }
        for at in 1..=CLIENTS {
            net.replicas[0].join(peer(at), Role::Observer).unwrap();
        }
        Self { net, document }
    }

    /// How many bytes of deltas are sent to the hub until all have all, in documents.
    fn uploads(mut self, most: u64) -> f64 {
        self.net.run_until(most, Net::converged);
        let sent = self.net.log.iter().filter(|sent| sent.to == 0 && sent.kind() == PART);
        sent.map(|sent| sent.bytes.len()).sum::<usize>() as f64 / self.document as f64
    }
}

#[test]
fn an_empty_hub_asks_one_peer_for_the_whole() {
    for seed in 0..4 {
        let uploads = Clients::new(seed, CALM, |_| ()).uploads(20_000);
        assert!(uploads < 1.2, "{uploads} uploads");
    }
    let all = Clients::new(0, CALM, |bounds| bounds.unasked_bytes = usize::MAX).uploads(20_000);
    assert!(all > 20.0, "{all}: what it would be without turns");
}

/// It has what a backup has, and lacks what all have written since.
#[test]
fn a_hub_that_is_behind_asks_one_peer_for_what_it_lacks() {
    let mut clients = Clients::new(1, CALM, |_| ());
    clients.net.replicas[0].update(|set, writer| set.extend(writer, 0..1_000)).unwrap();
    let uploads = clients.uploads(20_000);
    assert!(uploads < 1.2, "{uploads} uploads");
}

#[test]
fn whatever_is_lost_and_whoever_goes_all_get_all() {
    for seed in 0..2 {
        let uploads = Clients::new(seed, STORM, |_| ()).uploads(300_000);
        assert!(uploads < 8.0, "{uploads} uploads");
    }
    for says_so in [true, false] {
        let uploads = without_the_first(says_so);
        assert!(uploads < 4.0, "{uploads} uploads, {says_so}");
    }
}

/// The peer that was asked goes away in the middle, and says so or not.
fn without_the_first(says_so: bool) -> f64 {
    let mut clients = Clients::new(7, CALM, |_| ());
    let net = &mut clients.net;
    let first = |net: &Net| {
        net.log
            .iter()
            .find(|sent| sent.to == 0 && sent.kind() == PART && sent.bytes.len() > 2_000)
            .map(|sent| sent.from)
    };
    net.run_until(5_000, |net| first(net).is_some());
    let gone = first(net).expect("somebody was asked");
    net.cut.insert((gone, 0));
    net.lose(gone, 0);
    if says_so {
        net.replicas[0].disconnected(peer(gone));
        net.replicas[gone].disconnected(peer(0));
    }
    net.run_until(20_000, |net| net.replicas[0].value().len() as u64 >= ELEMENTS + CLIENTS as u64 - 1);
    net.cut.clear();
    if says_so {
        net.replicas[0].connected(peer(gone));
        net.replicas[gone].connected(peer(0));
    }
    clients.uploads(60_000)
}

/// Something long that is written while another one's turn lasts, or before anything was heard, waits and is not forgotten.
#[test]
fn long_deltas_that_wait_are_not_forgotten() {
    for seed in 0..10 {
        let bounds = Bounds { unasked_bytes: 0, ..Bounds::default() };
        let mut net = Net::group_with(4, seed, |at| config(at).with_bounds(bounds.clone()));
        net.faults = if seed % 2 == 0 { CALM } else { STORM };
        for step in 0..30 {
            net.fill(step as usize % 4, step * 1_000..step * 1_000 + 500);
            net.run(seed * 7);
        }
        net.run_until(200_000, Net::converged);
    }
}

#[test]
#[cfg(feature = "mutants")]
fn a_turn_that_does_not_end_is_noticed() {
    use dotted::mutants::{Mutant, with};
    assert!(std::panic::catch_unwind(|| with(Mutant::FetchesForever, || without_the_first(true))).is_err());
    assert!(std::panic::catch_unwind(|| with(Mutant::FetchesForever, || without_the_first(false))).is_err());
}
