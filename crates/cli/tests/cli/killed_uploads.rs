//! Uploads whose process is killed: the next run of the same command completes the object, sends no part
//! again that the record acknowledges, and encrypts no second text with the key stream of the first run.
//!
//! The tests kill at counted events, so that their verdict does not depend on the speed of the machine.
//! `scripts/soak-transfers.sh` kills more often, at random instants.
#![cfg(unix)]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use data_encoding::{BASE64, HEXLOWER, HEXUPPER};
use futures_util::FutureExt;
use osseal::{AesKey, UnwrapKey, UnwrapRequest};
use osseal_server::Operation;
use osseal_server::fault::{Action, Fault};
use osseal_testkit::keystream;

use crate::support::{Home, Store, finish, ramp, signal, until};

const MIB: usize = 1 << 20;
/// Parts in flight at a time.
const JOBS: u64 = 4;

/// The event at which a process is killed. Counts are per run.
#[derive(Clone, Copy, Debug)]
enum KillPoint {
    /// The service received InitiateMultipartUpload and did not execute it.
    Initiating,
    /// The service received this many parts. The last ones may be unanswered.
    Sent(u64),
    /// The record on the disk contains this many acknowledgements.
    Acknowledged(usize),
    /// The service received CompleteMultipartUpload and did not execute it.
    Completing,
    /// The service executed CompleteMultipartUpload, and its reply was lost.
    Completed,
}

/// Five kills after which parts may have to be sent again, and five after which a resume is certain.
/// No acknowledgement count exceeds the parts of an object (64) by less than [`RESENT`].
const KILL_POINTS: [KillPoint; 10] = [
    KillPoint::Initiating,
    KillPoint::Acknowledged(4),
    KillPoint::Sent(1),
    KillPoint::Acknowledged(24),
    KillPoint::Sent(8),
    KillPoint::Acknowledged(48),
    KillPoint::Sent(24),
    KillPoint::Completing,
    KillPoint::Sent(56),
    KillPoint::Completed,
];

/// A store, a home, and a file to upload.
struct Bench {
    store: Store,
    home: Home,
    source: Vec<u8>,
    suite: &'static str,
    part: &'static str,
}

impl Bench {
    fn new(suite: &'static str, bytes: usize, part: &'static str) -> Bench {
        let store = Store::for_large(true);
        let home = Home::large().at_store(&store.endpoint);
        let source = ramp(bytes);
        home.write("f", &source);
        Bench { store, home, source, suite, part }
    }

    fn put(&self) -> Vec<&'static str> {
        let sizes = ["--part-size", self.part, "--multipart-threshold", "1MiB", "--jobs", "4"];
        [&["cp", "f", "oss://box/f", "--suite", self.suite][..], &sizes].concat()
    }

    fn parts(&self) -> u64 {
        self.store.faults.calls(Operation::UploadPart)
    }

    /// The records of the state directory.
    fn records(&self) -> Vec<String> {
        let Ok(names) = std::fs::read_dir(self.state()) else { return Vec::new() };
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| Path::new(name).extension().is_some_and(|kind| kind == "record")).collect()
    }

    fn state(&self) -> std::path::PathBuf {
        self.home.path().join(".local/state/osseal")
    }

    /// Asserts that the object equals the source and that nothing else is left, and deletes it.
    fn check(&self) {
        self.home.run(&["cp", "oss://box/f", "g", "--allow-unauthenticated"]).ok();
        assert!(self.home.holds("g", &self.source), "{}: other bytes", self.suite);
        assert_eq!(self.records(), [""; 0]);
        self.home.run(&["rm", "oss://box/f"]).ok();
        assert!(self.store.was_empty(), "{}: an upload is left", self.suite);
        self.store.put("", &[], "");
    }

    /// The acknowledged parts of the record. A record is replaced as a whole and never changed in place.
    fn acknowledged(&self) -> usize {
        let [name] = &self.records()[..] else { return 0 };
        let Ok(record) = std::fs::read(self.state().join(name)) else { return 0 };
        record.windows(ACKNOWLEDGED.len()).filter(|window| *window == ACKNOWLEDGED).count()
    }

    /// Starts an upload and kills it at an event. The service answers nothing after the event.
    fn kill_at(&self, point: KillPoint) {
        let calls = |operation| self.store.faults.calls(operation);
        let hang = |operation| Fault::new(Action::Hang).on(operation).always();
        let faults = &self.store.faults;
        let (parts, operation) = (self.parts(), point.operation());
        let before = calls(operation);
        match point {
            KillPoint::Initiating | KillPoint::Completing => faults.inject(hang(operation)),
            KillPoint::Sent(count) => faults.inject(hang(operation).skip(count)),
            // An acknowledgement reaches the disk with the digest of a later part.
            KillPoint::Acknowledged(count) => {
                faults.inject(hang(operation).skip(count as u64 + RESENT));
            }
            KillPoint::Completed => {
                faults.inject(Fault::new(Action::LoseReply).on(Operation::CompleteMultipartUpload));
                faults.inject(hang(Operation::HeadObject));
            }
        }
        let mut child = self.home.command(&self.put()).spawn().unwrap();
        let is_reached = || match point {
            KillPoint::Sent(count) => self.parts() - parts >= count,
            KillPoint::Acknowledged(count) => self.acknowledged() >= count,
            KillPoint::Initiating | KillPoint::Completing | KillPoint::Completed => calls(operation) > before,
        };
        until(&format!("the event {point:?}"), || is_reached().then_some(()));
        child.kill().unwrap();
        child.wait().unwrap();
        faults.clear();
    }

    /// Runs the command again after a kill. Gives the parts that both runs and that the second run sent.
    fn resume(&self, before: u64) -> (u64, u64) {
        let first = self.parts() - before;
        self.home.run(&self.put()).ok();
        let both = self.parts() - before;
        (both, both - first)
    }

    /// The content of the files of the state directory.
    fn kept(&self) -> Vec<Vec<u8>> {
        let files = std::fs::read_dir(self.state()).unwrap();
        files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }
}

/// Upper bound of parts that a resume sends again: those in flight, and those whose acknowledgement was
/// not on the disk yet.
const RESENT: u64 = 2 * JOBS;
/// The text before each acknowledgement of a record.
const ACKNOWLEDGED: &[u8] = br#""acknowledged":{"#;

impl KillPoint {
    /// The operation whose calls lead to the event.
    fn operation(self) -> Operation {
        match self {
            KillPoint::Initiating => Operation::InitiateMultipartUpload,
            KillPoint::Sent(_) | KillPoint::Acknowledged(_) => Operation::UploadPart,
            KillPoint::Completing => Operation::CompleteMultipartUpload,
            KillPoint::Completed => Operation::HeadObject,
        }
    }
}

/// Asserts that no key stream position encrypted two texts, and that the state directory contains no data
/// key of the bodies that were sent.
pub(crate) fn audit(store: &Store, home: &Home, kept: &[Vec<u8>]) {
    let key = AesKey::from_file_content(&home.read("backup.key")).unwrap();
    let keys = Mutex::new(BTreeSet::new());
    let found = keystream::violations_with(&store.ledger, |envelope, wrapped, content| {
        let request = UnwrapRequest::new(envelope.wrap, wrapped, content);
        let opened = key.unwrap(request).now_or_never()?.ok()?.expose().to_vec();
        keys.lock().unwrap().insert(opened.clone());
        Some(opened)
    });
    assert_eq!(found, [""; 0]);
    let keys = keys.into_inner().unwrap();
    assert!(!keys.is_empty());
    for key in keys {
        let forms = [
            key.clone(),
            HEXLOWER.encode(&key).into_bytes(),
            HEXUPPER.encode(&key).into_bytes(),
            BASE64.encode(&key).into_bytes(),
        ];
        for form in &forms {
            let is_in = |bytes: &Vec<u8>| bytes.windows(form.len()).any(|window| window == form);
            assert!(!kept.iter().any(is_in), "an unwrapped key is on the disk");
        }
    }
}

/// Kills an upload at each event and resumes it.
fn kill_and_resume(suite: &'static str) {
    let bench = Bench::new(suite, 256 * MIB, "4MiB");
    bench.home.run(&bench.put()).ok();
    let whole = bench.parts();
    bench.check();
    let mut kept = Vec::new();
    for point in KILL_POINTS {
        let before = bench.parts();
        bench.kill_at(point);
        let has_record = !bench.records().is_empty();
        let acknowledged = bench.acknowledged() as u64;
        kept.extend(bench.kept());
        let (both, second) = bench.resume(before);
        assert!(!has_record || both <= whole + RESENT, "{suite} {point:?}: {both} parts of {whole}");
        // The server may count requests of the killed process late: those that were in flight.
        let resent = whole - acknowledged + JOBS;
        assert!(second <= resent, "{suite} {point:?}: {second} parts after {acknowledged}");
        match point {
            KillPoint::Initiating | KillPoint::Sent(_) => {}
            KillPoint::Acknowledged(_) | KillPoint::Completing | KillPoint::Completed => {
                assert!(has_record && second < whole, "{suite} {point:?}: {second} parts of {whole}");
            }
        }
        bench.check();
    }
    kept.extend(bench.kept());
    audit(&bench.store, &bench.home, &kept);
}

#[test]
fn killed_sealed_upload_resumes() {
    kill_and_resume("sealed");
}

#[test]
fn killed_aes_ctr_upload_resumes() {
    kill_and_resume("aes-ctr");
}

/// Kills at random instants of a run. Returns how many runs resumed and how many parts were sent again.
fn kill_at_random(suite: &'static str, kills: u32, mebibytes: usize, seed: u64) -> (u32, u64) {
    let bench = Bench::new(suite, mebibytes * MIB, "4MiB");
    // The latency of a remote service, so that kills meet every phase of an upload.
    let latency = Action::Delay(Duration::from_millis(50));
    bench.store.faults.inject(Fault::new(latency).on(Operation::UploadPart).always());
    let begin = Instant::now();
    bench.home.run(&bench.put()).ok();
    let (time, whole) = (begin.elapsed(), bench.parts());
    bench.check();
    let (mut resumed, mut resent) = (0, 0);
    let mut kept = Vec::new();
    for instant in random_instants(time, kills, seed) {
        let before = bench.parts();
        let mut child = bench.home.command(&bench.put()).spawn().unwrap();
        std::thread::sleep(instant);
        child.kill().unwrap();
        child.wait().unwrap();
        // The process may have ended before the kill.
        let has_record = !bench.records().is_empty();
        kept.extend(bench.kept());
        let (both, second) = bench.resume(before);
        if has_record {
            assert!(both <= whole + RESENT, "{suite}: {both} parts, the last {second}, of {whole}");
            resent += both.saturating_sub(whole);
            resumed += u32::from(second < whole);
        }
        bench.check();
    }
    kept.extend(bench.kept());
    audit(&bench.store, &bench.home, &kept);
    (resumed, resent)
}

/// One random instant in each of `count` equal stretches of a run.
pub(crate) fn random_instants(run: Duration, count: u32, seed: u64) -> impl Iterator<Item = Duration> {
    let mut state = seed;
    (0..count).map(move |number| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let within = f64::from(u32::try_from(state >> 40).unwrap()) / f64::from(1 << 24);
        run.mul_f64((f64::from(number) + within) / f64::from(count))
    })
}

#[test]
#[ignore = "minutes long: scripts/soak-transfers.sh"]
fn soak() {
    let (kills, mebibytes, seed) = crate::kills::soak_settings();
    for suite in ["sealed", "aes-ctr"] {
        let (resumed, resent) = kill_at_random(suite, kills, mebibytes, seed);
        println!("{suite}: {kills} kills, {resumed} uploads resumed, {resent} parts sent twice, 0 failures");
    }
}

#[test]
fn ctrl_c_keeps_sent_parts_and_prints_how_to_resume() {
    let bench = Bench::new("sealed", 12 * MIB, "1MiB");
    for name in ["INT", "TERM"] {
        let before = bench.parts();
        bench.store.faults.inject(Fault::new(Action::Hang).on(Operation::UploadPart).skip(6).times(4));
        let child = bench.home.command(&bench.put()).spawn().unwrap();
        until("some parts are there", || (bench.parts() >= before + 8).then_some(()));
        signal(&child, name);
        finish(child).fails(1, &["interrupted", "the same command again to resume", "--no-resume"]);
        assert_eq!(bench.records().len(), 1);
        bench.store.faults.clear();
        let before = bench.parts();
        bench.home.run(&bench.put()).ok();
        // Six parts were acknowledged; the client may not have read the last acknowledgements.
        let again = bench.parts() - before;
        assert!((13 - 6..=13 - 6 + JOBS).contains(&again), "{again}");
        bench.check();
    }
    audit(&bench.store, &bench.home, &bench.kept());
}
