//! A durable replica as a program: a shopping list in a directory of its own, kept the same with others over UDP.
//!
//! ```sh
//! cargo run --example durable -- /tmp/tokyo 127.0.0.1:7001 127.0.0.1:7002
//! cargo run --example durable -- /tmp/london 127.0.0.1:7002 127.0.0.1:7001
//! ```
//!
//! It reads `add ITEM`, `remove ITEM` and `list` from standard input. Stop it in any way, `kill -9` included: what was
//! acknowledged with `stored` is there again at the next start, and reaches the others.

use std::error::Error;
use std::io::{BufRead, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use dotted::replication::{Config, Member, PeerId, Role};
use dotted::{FileStorage, OrSet, Storage, Uuid, Writer};

/// All who keep this list.
const STORE: Uuid = Uuid::from_u128(0x6f1c_1f7a_5b0c_4c60_9b0e_2b8f_4a3f_9d11);

/// A peer is who has an address. A real program takes ids that are authenticated.
fn peer(address: SocketAddr) -> PeerId {
    PeerId::from_seed(u64::from(address.port()))
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().ok_or("which directory?")?;
    let own: SocketAddr = arguments.next().ok_or("which address?")?.parse()?;
    let peers = arguments.map(|address| address.parse()).collect::<Result<Vec<SocketAddr>, _>>()?;
    let socket = UdpSocket::bind(own)?;

    let mut disk = FileStorage::open(directory)?;
    let seed = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos() as u64;
    let mut config = Config::new(peer(own), STORE, seed);
    config.bounds.message_bytes = 32 << 10; // What a datagram holds.
    let mut member: Member<OrSet<String>> = Member::open(&disk.load()?, config, Writer::new)?;
    for address in &peers {
        member.join(peer(*address), Role::Voter)?;
    }

    let (start, lines, mut buffer) = (Instant::now(), lines(), vec![0; 64 << 10]);
    let mut unstored = Vec::new();
    loop {
        let now = start.elapsed().as_millis() as u64;
        member.tick(now);
        for line in lines.try_iter() {
            let (command, item) = line.split_once(' ').unwrap_or((&line, ""));
            match command {
                "add" => _ = member.update(|list, writer| list.insert(writer, item.to_string()))?,
                "remove" => _ = member.update(|list, writer| list.remove(writer, item))?,
                "list" => println!("{:?}", member.value()),
                _ => println!("add ITEM, remove ITEM or list"),
            }
            unstored.extend(["add", "remove"].contains(&command).then_some(line));
        }
        while let Some(step) = member.poll_persist() {
            if let Err(error) = disk.perform(&step) {
                eprintln!("{error}");
                member.persist_failed();
                break; // The next round tries again.
            }
            member.persisted();
        }
        if member.is_stored() {
            unstored.drain(..).for_each(|line| println!("stored: {line}"));
        }
        while let Some(message) = member.poll_transmit() {
            if let Some(address) = peers.iter().find(|address| peer(**address) == message.to) {
                _ = socket.send_to(&message.bytes, address); // What is lost is sent again.
            }
        }
        while let Some(event) = member.poll_event() {
            println!("{event:?}");
        }
        let due = member.poll_timeout().map_or(50, |due| due.saturating_sub(now)).clamp(1, 50);
        socket.set_read_timeout(Some(Duration::from_millis(due)))?;
        match socket.recv_from(&mut buffer) {
            Ok((len, from)) => {
                let now = start.elapsed().as_millis() as u64;
                _ = member.handle(peer(from), &buffer[..len], now).inspect_err(|error| eprintln!("{error}"));
            }
            // Nothing came, or nobody is there yet.
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => eprintln!("{error}"),
        }
    }
}

/// What is typed, without waiting for it.
fn lines() -> Receiver<String> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        std::io::stdin().lock().lines().map_while(Result::ok).try_for_each(|line| send.send(line))
    });
    receive
}
