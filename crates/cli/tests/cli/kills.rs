//! Downloads that are killed at any instant: the next run of the same command ends with the object, and does not fetch all of it again.
//! `scripts/soak-transfers.sh` kills more often.

use std::time::{Duration, Instant};

use osseal_server::Operation;
use osseal_server::fault::{Action, Fault};

use crate::support::{Home, Store, finish, ramp};

const MIB: usize = 1 << 20;
const STATE: &str = ".local/state/osseal";

/// How often each suite is killed, and how large the object is.
struct Plan {
    kills: u32,
    mebibytes: usize,
    seed: u64,
}

/// What was counted: requests of an undisturbed run, and of each run after a kill.
#[derive(Debug)]
struct Counted {
    whole: u64,
    resumed: Vec<u64>,
}

fn run(suite: &str, plan: &Plan) -> Counted {
    let store = Store::for_large(true);
    let home = Home::large().at_store(&store.endpoint);
    let source = ramp(plan.mebibytes * MIB);
    home.write("f", &source);
    home.run(&["cp", "f", "oss://box/f", "--suite", suite]).ok();
    std::fs::create_dir(home.path().join("into")).unwrap();
    // As of a service that is not in this machine, so that a kill meets some of everything.
    let wait = Action::Delay(Duration::from_millis(50));
    store.faults.inject(Fault::new(wait).on(Operation::GetObject).always());
    let command =
        ["cp", "oss://box/f", "into/f", "--part-size", "4MiB", "--jobs", "4", "--allow-unauthenticated"];
    let download = || {
        let (before, begin) = (store.faults.calls(Operation::GetObject), Instant::now());
        home.run(&command).ok();
        let requests = store.faults.calls(Operation::GetObject) - before;
        assert!(home.holds("into/f", &source), "{suite}: other bytes");
        std::fs::remove_file(home.path().join("into/f")).unwrap();
        (requests, begin.elapsed())
    };
    let (whole, time) = download();
    assert_eq!(home.names("into"), [""; 0]);
    let mut state = plan.seed;
    let (mut resumed, mut kept) = (Vec::new(), Vec::new());
    for kill in 0..plan.kills {
        let mut child = home.command(&command).spawn().unwrap();
        // Any instant of a run, and each about as likely: one of each stretch of it.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let within = f64::from(u32::try_from(state >> 40).unwrap()) / f64::from(1 << 24);
        std::thread::sleep(time.mul_f64((f64::from(kill) + within) / f64::from(plan.kills)));
        child.kill().unwrap();
        child.wait().unwrap();
        let names = home.names(STATE).into_iter();
        kept.extend(names.map(|name| std::fs::read(home.path().join(STATE).join(name)).unwrap()));
        // It may have come to its end before.
        if home.names("into").contains(&"f".to_owned()) {
            assert!(home.holds("into/f", &source), "{suite}: a torn target");
        }
        resumed.push(download().0);
        // A process that is killed leaves its temporary file if it had not got further than that; never one that goes on.
        for name in home.names("into") {
            assert!(name.starts_with(".osseal-") && !is_partial(&name), "{name}");
            std::fs::remove_file(home.path().join("into").join(name)).unwrap();
        }
    }
    assert!(!kept.is_empty());
    #[cfg(unix)]
    crate::killed_uploads::audit(&store, &home, &kept);
    let records = home.names(STATE);
    assert!(!records.iter().any(|name| name.ends_with(".record")), "{records:?}");
    Counted { whole, resumed }
}

/// Whether a file is one that the next run goes on with.
fn is_partial(name: &str) -> bool {
    std::path::Path::new(name).extension().is_some_and(|kind| kind == "part")
}

fn ten_kills(suite: &str) {
    let Counted { whole, resumed } = run(suite, &Plan { kills: 10, mebibytes: 256, seed: 7 });
    assert!(resumed.iter().all(|requests| *requests <= whole + 1), "{whole} {resumed:?}");
    assert!(
        resumed.iter().any(|requests| requests * 10 < whole * 9),
        "nothing was kept: {whole} {resumed:?}"
    );
}

#[test]
fn a_killed_sealed_download_goes_on() {
    ten_kills("sealed");
}

#[test]
fn a_killed_aes_ctr_download_goes_on() {
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
        let Counted { whole, resumed } = run(suite, &plan);
        let requests = resumed.iter().sum::<u64>();
        println!(
            "{suite}: {} kills, {whole} requests undisturbed, {requests} after kills, 0 failures",
            resumed.len()
        );
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_has_come_and_says_how_to_go_on() {
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
        crate::support::until("a record has been made, and more has come", || {
            let calls = store.faults.calls(Operation::GetObject) - before;
            (calls > 12).then_some(())?;
            let names = std::fs::read_dir(home.path().join(".local/state/osseal")).ok()?;
            let mut names = names.map(|entry| entry.unwrap().path());
            names.any(|path| path.extension().is_some_and(|kind| kind == "record")).then_some(())
        });
        crate::support::signal(&child, signal);
        finish(child).fails(1, &["interrupted", "the same command goes on", "--no-resume"]);
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
    // Nothing is kept of one that was told so, nor said.
    store.faults.inject(Fault::new(Action::Hang).on(Operation::GetObject).skip(12).times(4));
    let before = store.faults.calls(Operation::GetObject);
    let child = home.command(&[&command[..], &["--no-resume"]].concat()).spawn().unwrap();
    crate::support::until("it has begun", || {
        (store.faults.calls(Operation::GetObject) > before + 11).then_some(())
    });
    crate::support::signal(&child, "INT");
    let words = finish(child).fails(1, &["interrupted"]);
    assert!(!words.contains("goes on"), "{words}");
    assert_eq!(home.names("into"), [""; 0]);
}

#[cfg(unix)]
#[test]
fn a_state_folder_that_others_may_enter_is_not_used() {
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
    // The mode of what is downloaded is that of any file.
    let mode = |name: &str| home.path().join(name).metadata().unwrap().permissions().mode();
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o700)).unwrap();
    home.run(&["cp", "oss://box/f", "h", "--part-size", "100KiB"]).ok();
    assert_eq!(home.read("h"), ramp(MIB));
    assert_eq!(mode("h"), mode("g"));
}
