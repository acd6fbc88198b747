//! Uploads that are killed at any instant: the next run of the same command ends with the object, sends nothing twice that the service has, and hides no
//! second text under the first one's key. `scripts/soak-transfers.sh` kills more often.
#![cfg(unix)]

#[path = "../../../client/tests/client/support/keystream/texts.rs"]
mod texts;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use data_encoding::{BASE64, HEXLOWER, HEXUPPER};
use futures_util::FutureExt;
use osseal::{AesKey, UnwrapKey, UnwrapRequest};
use osseal_server::Operation;
use osseal_server::fault::{Action, Fault};

use crate::support::{Home, Store, finish, ramp, signal, until};

const MIB: usize = 1 << 20;
/// Parts on their way at a time.
const JOBS: u64 = 4;

/// How often each suite is killed, and how large the object is.
struct Plan {
    kills: u32,
    mebibytes: usize,
    seed: u64,
}

/// A store, a home, and a file to put.
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

    /// Asserts that the object is the source's, then takes it away: nothing else was left.
    fn check(&self) {
        self.home.run(&["cp", "oss://box/f", "g", "--allow-unauthenticated"]).ok();
        assert!(self.home.holds("g", &self.source), "{}: other bytes", self.suite);
        assert_eq!(self.records(), [""; 0]);
        self.home.run(&["rm", "oss://box/f"]).ok();
        assert!(self.store.was_empty(), "{}: an upload is left", self.suite);
        self.store.put("", &[], "");
    }

    /// What lies in the state directory.
    fn kept(&self) -> Vec<Vec<u8>> {
        let files = std::fs::read_dir(self.state()).unwrap();
        files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }
}

/// Parts that are sent twice: those on their way, and those whose acknowledgement waited for the next record.
const TWICE: u64 = 2 * JOBS;

/// Asserts that no stretch of a key stream hid two texts, and that no data key of all that was sent lies in the state directory.
pub(crate) fn audit(store: &Store, home: &Home, kept: &[Vec<u8>]) {
    let key = AesKey::from_file_content(&home.read("backup.key")).unwrap();
    let keys = Mutex::new(BTreeSet::new());
    let found = texts::violations_with(&store.ledger, |envelope, wrapped, content| {
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

/// How many runs went on with a former one's parts, and how many parts were sent twice.
fn run(suite: &'static str, plan: &Plan) -> (u32, u64) {
    let bench = Bench::new(suite, plan.mebibytes * MIB, "4MiB");
    // As of a service that is not in this machine, so that a kill meets some of everything.
    let wait = Action::Delay(Duration::from_millis(50));
    bench.store.faults.inject(Fault::new(wait).on(Operation::UploadPart).always());
    let begin = Instant::now();
    bench.home.run(&bench.put()).ok();
    let (time, whole) = (begin.elapsed(), bench.parts());
    bench.check();
    let (mut state, mut resumed, mut twice) = (plan.seed, 0, 0);
    let mut kept = Vec::new();
    for kill in 0..plan.kills {
        let before = bench.parts();
        let mut child = bench.home.command(&bench.put()).spawn().unwrap();
        // Any instant of a run, and each about as likely: one of each stretch of it.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let within = f64::from(u32::try_from(state >> 40).unwrap()) / f64::from(1 << 24);
        std::thread::sleep(time.mul_f64((f64::from(kill) + within) / f64::from(plan.kills)));
        child.kill().unwrap();
        child.wait().unwrap();
        // It may have come to its end before.
        let is_kept = !bench.records().is_empty();
        kept.extend(bench.kept());
        let first = bench.parts() - before;
        bench.home.run(&bench.put()).ok();
        let both = bench.parts() - before;
        if is_kept {
            assert!(both <= whole + TWICE, "{suite}: {first} parts, then {} of {whole}", both - first);
            twice += both.saturating_sub(whole);
            resumed += u32::from(both - first < whole);
        }
        bench.check();
    }
    kept.extend(bench.kept());
    audit(&bench.store, &bench.home, &kept);
    (resumed, twice)
}

fn ten_kills(suite: &'static str) {
    let (resumed, _) = run(suite, &Plan { kills: 10, mebibytes: 256, seed: 7 });
    assert!(resumed >= 5, "{suite}: {resumed} of 10 went on");
}

#[test]
fn a_killed_sealed_upload_goes_on() {
    ten_kills("sealed");
}

#[test]
fn a_killed_aes_ctr_upload_goes_on() {
    ten_kills("aes-ctr");
}

#[test]
#[ignore = "minutes long: scripts/soak-transfers.sh"]
fn soak() {
    let number = |name, otherwise: u64| std::env::var(name).map_or(otherwise, |text| text.parse().unwrap());
    let plan = Plan {
        kills: u32::try_from(number("OSSEAL_SOAK_KILLS", 100)).unwrap(),
        mebibytes: usize::try_from(number("OSSEAL_SOAK_MIB", 256)).unwrap(),
        seed: number("OSSEAL_SOAK_SEED", 1),
    };
    for suite in ["sealed", "aes-ctr"] {
        let (resumed, twice) = run(suite, &plan);
        println!(
            "{suite}: {} kills, {resumed} uploads went on, {twice} parts sent twice, 0 failures",
            plan.kills
        );
    }
}

#[test]
fn ctrl_c_keeps_what_was_sent_and_says_how_to_go_on() {
    let bench = Bench::new("sealed", 12 * MIB, "1MiB");
    for name in ["INT", "TERM"] {
        let before = bench.parts();
        bench.store.faults.inject(Fault::new(Action::Hang).on(Operation::UploadPart).skip(6).times(4));
        let child = bench.home.command(&bench.put()).spawn().unwrap();
        until("some parts are there", || (bench.parts() >= before + 8).then_some(()));
        signal(&child, name);
        finish(child).fails(1, &["interrupted", "the same command goes on", "--no-resume"]);
        assert_eq!(bench.records().len(), 1);
        bench.store.faults.clear();
        let before = bench.parts();
        bench.home.run(&bench.put()).ok();
        // Six were acknowledged, as far as that had come when the signal came.
        let again = bench.parts() - before;
        assert!((13 - 6..=13 - 6 + JOBS).contains(&again), "{again}");
        bench.check();
    }
    audit(&bench.store, &bench.home, &bench.kept());
}
