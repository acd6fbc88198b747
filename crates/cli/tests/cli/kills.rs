//! Downloads whose process is killed: the next run of the same command completes the file and does not
//! fetch recorded bytes again.
//!
//! The tests kill at counted events, so that their verdict does not depend on the speed of the machine.
//! `scripts/soak-transfers.sh` kills more often, at random instants.
#![cfg(unix)]

use std::time::{Duration, Instant};

use osseal_server::Operation;
use osseal_server::fault::{Action, Fault};

use crate::killed_uploads::{audit, random_instants};
use crate::support::{Home, Store, finish, ramp, until};

const MIB: usize = 1 << 20;
const STATE: &str = ".local/state/osseal";

const PART: u64 = 4 << 20;
/// Requests in flight at a time.
const JOBS: u64 = 4;
const COMMAND: [&str; 8] =
    ["cp", "oss://box/f", "into/f", "--part-size", "4MiB", "--jobs", "4", "--allow-unauthenticated"];

/// The event at which a process is killed. Counts are per run.
#[derive(Clone, Copy, Debug)]
enum KillPoint {
    /// The service received this many requests. The last ones may be unanswered.
    Requested(u64),
    /// The record on the disk contains this many bytes, in parts.
    Recorded(u64),
}

/// As many kills before a record is certain as after.
const KILL_POINTS: [KillPoint; 10] = [
    KillPoint::Requested(1),
    KillPoint::Recorded(1),
    KillPoint::Requested(4),
    KillPoint::Recorded(2),
    KillPoint::Requested(8),
    KillPoint::Recorded(4),
    KillPoint::Requested(24),
    KillPoint::Recorded(8),
    KillPoint::Requested(48),
    KillPoint::Recorded(12),
];

/// A store with one object, and a home to download it into.
struct Bench {
    store: Store,
    home: Home,
    source: Vec<u8>,
    suite: &'static str,
}

impl Bench {
    fn new(suite: &'static str, bytes: usize) -> Bench {
        let store = Store::for_large(true);
        let home = Home::large().at_store(&store.endpoint);
        let source = ramp(bytes);
        home.write("f", &source);
        home.run(&["cp", "f", "oss://box/f", "--suite", suite]).ok();
        std::fs::create_dir(home.path().join("into")).unwrap();
        let bench = Bench { store, home, source, suite };
        bench.delay();
        bench
    }

    /// Every reply is late, as of a remote service. A record is written 250 ms after the last one, so
    /// that a download which takes at least 16 × 50 ms writes records on a machine of any speed.
    fn delay(&self) {
        let latency = Action::Delay(Duration::from_millis(50));
        self.store.faults.inject(Fault::new(latency).on(Operation::GetObject).always());
    }

    fn requests(&self) -> u64 {
        self.store.faults.calls(Operation::GetObject)
    }

    /// Downloads, compares and deletes the file. Returns the number of requests.
    fn download(&self) -> u64 {
        let before = self.requests();
        self.home.run(&COMMAND).ok();
        assert!(self.home.holds("into/f", &self.source), "{}: other bytes", self.suite);
        std::fs::remove_file(self.home.path().join("into/f")).unwrap();
        self.requests() - before
    }

    /// The content of the files of the state directory.
    fn kept(&self) -> Vec<Vec<u8>> {
        let Ok(files) = std::fs::read_dir(self.home.path().join(STATE)) else { return Vec::new() };
        files.filter_map(|file| std::fs::read(file.unwrap().path()).ok()).collect()
    }

    /// The bytes that the record contains. A record is a JSON document between a head and a tag.
    fn recorded(&self) -> u64 {
        let documents = self.kept().into_iter().filter_map(|file| {
            let begin = file.iter().position(|byte| *byte == b'{')?;
            let mut documents = serde_json::Deserializer::from_slice(&file[begin..]).into_iter();
            documents.next()?.ok()
        });
        let ranges = documents.flat_map(|document: serde_json::Value| {
            let done = document["done"].as_array().cloned().unwrap_or_default();
            done.into_iter().map(|done| done["plain"].clone())
        });
        let bound = |range: &serde_json::Value, name: &str| range[name].as_u64().unwrap();
        ranges.map(|range| bound(&range, "end") - bound(&range, "start")).sum()
    }

    /// Starts a download and kills it at an event. The service answers nothing after the event.
    fn kill_at(&self, point: KillPoint, whole: u64) {
        let before = self.requests();
        let answered = match point {
            KillPoint::Requested(count) => count,
            KillPoint::Recorded(_) => whole - 2 * JOBS,
        };
        let hang = Fault::new(Action::Hang).on(Operation::GetObject);
        self.store.faults.inject(hang.skip(answered).always());
        let mut child = self.home.command(&COMMAND).spawn().unwrap();
        until(&format!("the event {point:?}"), || {
            let is_reached = match point {
                KillPoint::Requested(count) => self.requests() - before >= count,
                KillPoint::Recorded(parts) => self.recorded() >= parts * PART,
            };
            is_reached.then_some(())
        });
        child.kill().unwrap();
        child.wait().unwrap();
        self.store.faults.clear();
        self.delay();
    }

    /// Removes temporary files. A run that completes leaves no partial file.
    fn check(&self) {
        for name in self.home.names("into") {
            // A process that is killed before it has a record leaves its temporary file.
            assert!(name.starts_with(".osseal-") && !is_partial(&name), "{name}");
            std::fs::remove_file(self.home.path().join("into").join(name)).unwrap();
        }
    }

    /// Asserts that the disk contains no data key and no record of a completed download.
    fn end(&self, kept: &[Vec<u8>]) {
        assert!(!kept.is_empty());
        audit(&self.store, &self.home, kept);
        let records = self.home.names(STATE);
        assert!(!records.iter().any(|name| name.ends_with(".record")), "{records:?}");
    }
}

/// Whether the next run resumes from a file.
fn is_partial(name: &str) -> bool {
    std::path::Path::new(name).extension().is_some_and(|kind| kind == "part")
}

/// Kills a download at each event and resumes it.
fn kill_and_resume(suite: &'static str) {
    let bench = Bench::new(suite, 256 * MIB);
    let whole = bench.download();
    assert_eq!(bench.home.names("into"), [""; 0]);
    let mut kept = Vec::new();
    for point in KILL_POINTS {
        bench.kill_at(point, whole);
        let recorded = bench.recorded();
        kept.extend(bench.kept());
        let requests = bench.download();
        assert!(requests <= whole + 1, "{suite} {point:?}: {requests} requests of {whole}");
        // Recorded ranges leave at most one gap for each request that was in flight.
        let limit = whole + JOBS - recorded / PART;
        assert!(requests <= limit, "{suite} {point:?}: {requests} requests, limit {limit}");
        if let KillPoint::Recorded(parts @ 8..) = point {
            assert!(requests * 10 < whole * 9, "{suite}: {requests} of {whole} after {parts} parts");
        }
        bench.check();
    }
    bench.end(&kept);
}

#[test]
fn killed_sealed_download_resumes() {
    kill_and_resume("sealed");
}

#[test]
fn killed_aes_ctr_download_resumes() {
    kill_and_resume("aes-ctr");
}

/// Kills, mebibytes of the object, and seed of the soaks.
pub(crate) fn soak_settings() -> (u32, usize, u64) {
    let number = |name, default: u64| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    (
        u32::try_from(number("OSSEAL_SOAK_KILLS", 100)).unwrap(),
        usize::try_from(number("OSSEAL_SOAK_MIB", 256)).unwrap(),
        number("OSSEAL_SOAK_SEED", 1),
    )
}

#[test]
#[ignore = "minutes long: scripts/soak-transfers.sh"]
fn soak() {
    let (kills, mebibytes, seed) = soak_settings();
    for suite in ["sealed", "aes-ctr"] {
        let bench = Bench::new(suite, mebibytes * MIB);
        let begin = Instant::now();
        let (whole, time) = (bench.download(), begin.elapsed());
        let (mut total, mut kept) = (0, Vec::new());
        for instant in random_instants(time, kills, seed) {
            let mut child = bench.home.command(&COMMAND).spawn().unwrap();
            std::thread::sleep(instant);
            child.kill().unwrap();
            child.wait().unwrap();
            kept.extend(bench.kept());
            // The process may have ended before the kill.
            if bench.home.names("into").contains(&"f".to_owned()) {
                assert!(bench.home.holds("into/f", &bench.source), "{suite}: a torn target");
            }
            total += bench.download();
            bench.check();
        }
        bench.end(&kept);
        println!("{suite}: {kills} kills, {whole} requests undisturbed, {total} after kills, 0 failures");
    }
}

#[test]
fn ctrl_c_keeps_downloaded_ranges_and_prints_how_to_resume() {
    let store = Store::new();
    let home = Home::with_store(&store.endpoint);
    home.write("f", ramp(3 * MIB));
    home.run(&["cp", "f", "oss://box/f"]).ok();
    std::fs::create_dir(home.path().join("into")).unwrap();
    let command = ["cp", "oss://box/f", "into/f", "--part-size", "100KiB"];
    for signal in ["INT", "TERM"] {
        store.faults.inject(Fault::new(Action::Hang).on(Operation::GetObject).skip(12).times(4));
        let before = store.faults.calls(Operation::GetObject);
        let child = home.command(&command).spawn().unwrap();
        until("a record exists, and more requests arrived", || {
            let calls = store.faults.calls(Operation::GetObject) - before;
            (calls > 12).then_some(())?;
            let names = std::fs::read_dir(home.path().join(".local/state/osseal")).ok()?;
            let mut names = names.map(|entry| entry.unwrap().path());
            names.any(|path| path.extension().is_some_and(|kind| kind == "record")).then_some(())
        });
        crate::support::signal(&child, signal);
        finish(child).fails(1, &["interrupted", "the same command again to resume", "--no-resume"]);
        let left = home.names("into");
        assert!(left.len() == 1 && is_partial(&left[0]), "{left:?}");
        store.faults.clear();
        let before = store.faults.calls(Operation::GetObject);
        home.run(&command).ok();
        assert!(store.faults.calls(Operation::GetObject) - before < 22);
        assert_eq!(home.read("into/f"), ramp(3 * MIB));
        assert_eq!(home.names("into"), ["f"]);
        std::fs::remove_file(home.path().join("into/f")).unwrap();
    }
    // `--no-resume` keeps nothing and prints no advice to resume.
    store.faults.inject(Fault::new(Action::Hang).on(Operation::GetObject).skip(12).times(4));
    let before = store.faults.calls(Operation::GetObject);
    let child = home.command(&[&command[..], &["--no-resume"]].concat()).spawn().unwrap();
    until("the download started", || (store.faults.calls(Operation::GetObject) > before + 11).then_some(()));
    crate::support::signal(&child, "INT");
    let words = finish(child).fails(1, &["interrupted"]);
    assert!(!words.contains("to resume"), "{words}");
    assert_eq!(home.names("into"), [""; 0]);
}

#[test]
fn state_folder_with_wide_permissions_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let store = Store::new();
    let home = Home::with_store(&store.endpoint);
    home.write("f", ramp(MIB));
    home.run(&["cp", "f", "oss://box/f"]).ok();
    let state = home.path().join(".local/state/osseal");
    std::fs::create_dir_all(&state).unwrap();
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o755)).unwrap();
    let ended = home.run(&["cp", "oss://box/f", "g", "--part-size", "100KiB"]);
    assert!(ended.stderr.contains("warning") && ended.stderr.contains("0700"), "{ended:?}");
    ended.ok();
    assert_eq!(home.read("g"), ramp(MIB));
    assert_eq!(home.names(".local/state/osseal"), [""; 0]);
    // A downloaded file has the default mode, with and without a record.
    let mode = |name: &str| home.path().join(name).metadata().unwrap().permissions().mode();
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o700)).unwrap();
    home.run(&["cp", "oss://box/f", "h", "--part-size", "100KiB"]).ok();
    assert_eq!(home.read("h"), ramp(MIB));
    assert_eq!(mode("h"), mode("g"));
}
