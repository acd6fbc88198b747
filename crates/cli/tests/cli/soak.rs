//! The server under load, killed again and again: what it has acknowledged is there, whole, after every restart.
//!
//! Connections put, overwrite, delete and read objects that say what they are; a [`History`] knows which of its writes a key may hold.
//! The process is killed with SIGKILL and started on the same folder. `scripts/soak-server.sh` does so for a minute.

mod content;
mod history;
mod load;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::serve::Server;
use crate::support::{Home, ID, SECRET};
use history::History;
use load::{Load, Random};

const CONNECTIONS: u64 = 64;

/// How long, how often, and where chance begins.
struct Plan {
    duration: Duration,
    kills: u32,
    seed: u64,
}

/// What was counted, and everything that was wrong.
struct Ended {
    figures: String,
    acknowledged: u64,
    verified: usize,
    failures: Vec<String>,
}

fn start(home: &Home) -> Server {
    Server::start(home, &["--dir", "store"])
}

fn run(home: &Home, plan: &Plan) -> Ended {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut random = Random(plan.seed);
    let mut server = start(home);
    let load = Arc::new(Load::new(&server.endpoint, History::new()));
    let (begin, mut killed, mut slowest) = (Instant::now(), 0, Duration::ZERO);
    runtime.block_on(load.make_bucket());
    let connections: Vec<_> =
        (0..CONNECTIONS).map(|number| runtime.spawn(load.clone().connection(number, plan.seed))).collect();
    let end = begin + plan.duration;
    while killed < plan.kills {
        // Somewhere in what is left, leaving room for the kills that are still to come.
        let left = end.saturating_duration_since(Instant::now()) / (plan.kills - killed + 1);
        std::thread::sleep(left.mul_f64(random.fraction() * 1.4 + 0.3));
        server.kill();
        killed += 1;
        let restart = Instant::now();
        server = start(home);
        slowest = slowest.max(restart.elapsed());
        load.moved_to(&server.endpoint);
    }
    std::thread::sleep(end.saturating_duration_since(Instant::now()));
    load.stop();
    for connection in connections {
        runtime.block_on(connection).unwrap();
    }
    server.kill();
    let (verified, failures) = verify(home, &runtime, &load);
    let figures = format!(
        "{} s, {CONNECTIONS} connections, seed {}\n{}\n{} kills, slowest restart {} ms\n{verified} objects verified, {} failures",
        plan.duration.as_secs(),
        plan.seed,
        load.figures(),
        killed + 1,
        slowest.as_millis(),
        failures.len(),
    );
    Ended { figures, acknowledged: load.acknowledged(), verified, failures }
}

/// Starts a server on the folder, reads every key and the listing, and kills it again.
fn verify(home: &Home, runtime: &tokio::runtime::Runtime, load: &Load) -> (usize, Vec<String>) {
    let mut server = start(home);
    load.moved_to(&server.endpoint);
    let verified = runtime.block_on(load.verify());
    server.kill();
    (verified, load.take_failures())
}

fn home() -> Home {
    Home::new().set("OSS_ACCESS_KEY_ID", &ID).set("OSS_ACCESS_KEY_SECRET", SECRET)
}

/// Overwrites the second half of the largest body with zeros, which changes neither its length nor its record.
fn tear(store: &Path) {
    let bodies = std::fs::read_dir(store.join("data")).unwrap().map(|entry| entry.unwrap().path());
    let largest = bodies.max_by_key(|path| path.metadata().unwrap().len()).unwrap();
    let mut bytes = std::fs::read(&largest).unwrap();
    let half = bytes.len() / 2;
    bytes[half..].fill(0);
    std::fs::write(&largest, bytes).unwrap();
}

#[test]
fn acknowledged_objects_survive_kills() {
    let home = home();
    let ended = run(&home, &Plan { duration: Duration::from_secs(4), kills: 2, seed: 1 });
    assert!(ended.failures.is_empty(), "{}\n{}", ended.figures, ended.failures.join("\n"));
    assert!(ended.acknowledged > 100 && ended.verified > 50, "{}", ended.figures);
}

/// The control: a body that is torn in the folder is found, and it alone.
#[test]
fn a_torn_object_is_found() {
    let home = home();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut server = start(&home);
    let load = Arc::new(Load::new(&server.endpoint, History::new()));
    runtime.block_on(async {
        load.make_bucket().await;
        load.fill(20).await;
    });
    server.kill();
    let (verified, failures) = verify(&home, &runtime, &load);
    assert_eq!((verified, failures), (20, vec![]));
    tear(&home.path().join("store"));
    let (verified, failures) = verify(&home, &runtime, &load);
    assert_eq!((verified, failures.len()), (19, 1), "{failures:?}");
    assert!(failures[0].contains("torn"), "{failures:?}");
}

#[test]
#[ignore = "a minute long: scripts/soak-server.sh"]
fn soak() {
    let number = |name, otherwise: u64| std::env::var(name).map_or(otherwise, |text| text.parse().unwrap());
    let seconds = number("OSSEAL_SOAK_SECONDS", 60);
    let kills = u32::try_from(seconds.div_ceil(3)).unwrap();
    let plan = Plan { duration: Duration::from_secs(seconds), kills, seed: number("OSSEAL_SOAK_SEED", 1) };
    let ended = run(&home(), &plan);
    println!("{}", ended.figures);
    assert!(ended.failures.is_empty(), "{}", ended.failures.join("\n"));
}
