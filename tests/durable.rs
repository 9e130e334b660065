//! The example `durable` as a program: real files, real sockets, and `kill -9`.

#[path = "common/example.rs"]
mod example;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

fn program() -> PathBuf {
    example::program("durable")
}

struct Replica {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
}

impl Replica {
    fn start(directory: &Path, addresses: [&str; 2]) -> Self {
        let mut command = Command::new(program());
        command.arg(directory).args(addresses).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().expect("the example starts");
        let (send, lines) = channel();
        let output = BufReader::new(child.stdout.take().expect("its output"));
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        Self { input: child.stdin.take().expect("its input"), child, lines }
    }

    fn say(&mut self, line: &str) {
        writeln!(self.input, "{line}").expect("it listens");
    }

    /// Waits for a line.
    fn hear(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let line = self.lines.recv_timeout(until.saturating_duration_since(Instant::now())).expect("it answers");
            if wanted(&line) {
                return line;
            }
        }
    }

    fn add(&mut self, item: &str) {
        self.say(&format!("add {item}"));
        self.hear(|line| line == format!("stored: add {item}"));
    }

    fn items(&mut self) -> BTreeSet<String> {
        self.say("list");
        let line = self.hear(|line| line.starts_with('{'));
        let items = line.trim_matches(['{', '}']).split(", ").filter(|item| !item.is_empty());
        items.map(|item| item.trim_matches('"').to_string()).collect()
    }

    /// Until it has them all.
    fn awaits(&mut self, items: &BTreeSet<String>) {
        let until = Instant::now() + Duration::from_secs(60);
        while &self.items() != items {
            assert!(Instant::now() < until, "{:?} in place of {items:?}", self.items());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// As `kill -9` does.
    fn kill(mut self) {
        self.child.kill().expect("it was running");
        self.child.wait().expect("it ends");
    }
}

#[test]
fn what_was_acknowledged_survives_kill_9_and_a_restored_backup_and_reaches_everyone() {
    let scratch = std::env::temp_dir().join(format!("dotted-durable-{}", std::process::id()));
    let [tokyo, london, backup] = ["tokyo", "london", "backup"].map(|name| scratch.join(name));
    // Two ports that are free now.
    let sockets = [0, 1].map(|_| UdpSocket::bind("127.0.0.1:0").expect("there is a free port"));
    let [one, two] = sockets.each_ref().map(|socket| socket.local_addr().expect("it has one").to_string());
    drop(sockets);
    let (here, there) = ([one.as_str(), two.as_str()], [two.as_str(), one.as_str()]);
    let mut expected = BTreeSet::new();
    let mut add = |replica: &mut Replica, item: String| {
        replica.add(&item);
        expected.insert(item);
        expected.clone()
    };
    for round in 0..5 {
        let (mut first, mut second) = (Replica::start(&tokyo, here), Replica::start(&london, there));
        let mut all = BTreeSet::new();
        for count in 0..10 {
            add(&mut first, format!("t{round}-{count}"));
            all = add(&mut second, format!("l{round}-{count}"));
        }
        if round == 2 {
            first.awaits(&all);
            second.awaits(&all);
        }
        first.kill();
        second.kill();
        match round {
            // A copy of what is there now, …
            2 => copy(&tokyo, &backup),
            // … in place of what was written since, once the other one has that.
            3 => {
                let (mut first, mut second) = (Replica::start(&tokyo, here), Replica::start(&london, there));
                first.awaits(&all);
                second.awaits(&all);
                first.kill();
                second.kill();
                std::fs::remove_dir_all(&tokyo).expect("it is there");
                copy(&backup, &tokyo);
            }
            _ => {}
        }
    }
    let (mut first, mut second) = (Replica::start(&tokyo, here), Replica::start(&london, there));
    let all = add(&mut first, "last".into());
    first.awaits(&all);
    second.awaits(&all);
    assert_eq!(all.len(), 101);
    // The directory is in use.
    let output = Command::new(program()).arg(&tokyo).arg("127.0.0.1:0").stdin(Stdio::null()).output().expect("it runs");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("Locked"), "{output:?}");
    first.kill();
    second.kill();
    std::fs::remove_dir_all(scratch).expect("it is there");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("there is room");
    for entry in std::fs::read_dir(from).expect("it is there") {
        let entry = entry.expect("it can be read");
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("there is room");
    }
}
