//! Interrupted transfers.

use std::fs::OpenOptions;
use std::time::Duration;

use osseal_server::Operation;
use osseal_server::fault::{Action, Fault};

use crate::support::{Home, Store, finish, ramp, signal, until};

/// How long the service holds a request while the test changes a file: far above the time that a change
/// takes on a busy machine.
const HOLD: Duration = Duration::from_secs(3);
const IN_PARTS: [&str; 4] = ["--part-size", "100KiB", "--multipart-threshold", "100KiB"];

fn home(store: &Store) -> Home {
    let home = Home::with_store(&store.endpoint);
    home.write("f", ramp(3 << 20));
    std::fs::create_dir(home.path().join("into")).unwrap();
    home
}

#[test]
fn a_download_that_breaks_off_leaves_nothing() {
    let store = Store::new();
    let home = home(&store);
    home.run(&["cp", "f", "oss://box/f"]).ok();
    let cut = Action::CutReply { after: 100_000 };
    store.faults.inject(Fault::new(cut).on(Operation::GetObject));
    store
        .faults
        .inject(Fault::new(Action::refuse(403, "AccessDenied")).on(Operation::GetObject).skip(1).always());
    home.run(&["cp", "oss://box/f", "into"]).fails(4, &["oss://box/f"]);
    assert_eq!(home.names("into"), [""; 0]);
    home.write("into/f", "what was there before");
    store.faults.clear();
    store.faults.inject(Fault::new(Action::CutReply { after: 100_000 }).on(Operation::GetObject));
    store
        .faults
        .inject(Fault::new(Action::refuse(403, "AccessDenied")).on(Operation::GetObject).skip(1).always());
    home.run(&["cp", "oss://box/f", "into"]).fails(4, &["oss://box/f"]);
    assert_eq!(home.read("into/f"), b"what was there before");
    assert_eq!(home.names("into"), ["f"]);
    // An interrupted transfer resumes and completes.
    store.faults.clear();
    store.faults.inject(Fault::new(Action::CutReply { after: 100_000 }).on(Operation::GetObject));
    home.run(&["cp", "oss://box/f", "into"]).ok();
    assert_eq!(home.read("into/f"), ramp(3 << 20));
}

#[cfg(unix)]
#[test]
fn an_interrupted_download_leaves_nothing() {
    let store = Store::new();
    let home = home(&store);
    home.run(&["cp", "f", "oss://box/f"]).ok();
    for name in ["INT", "TERM"] {
        let stall = Action::StallReply { after: 2 << 20 };
        store.faults.inject(Fault::new(stall).on(Operation::GetObject));
        let child = home.command(&["cp", "oss://box/f", "into/target"]).spawn().unwrap();
        let written = || {
            let entry = std::fs::read_dir(home.path().join("into")).unwrap().next()?;
            (entry.unwrap().metadata().ok()?.len() >= 1 << 20).then_some(())
        };
        until("some of it has been written", written);
        signal(&child, name);
        finish(child).fails(1, &["interrupted"]);
        assert_eq!(home.names("into"), [""; 0], "{name}");
    }
}

/// All bytes are downloaded, but the rename to the target fails.
#[cfg(unix)]
#[test]
fn a_download_without_a_place_is_kept_for_the_next_run() {
    use std::os::unix::fs::PermissionsExt;
    let store = Store::new();
    let home = home(&store);
    home.run(&["cp", "f", "oss://box/f"]).ok();
    let command = ["cp", "oss://box/f", "into/f", "--part-size", "100KiB", "--jobs", "1"];
    let target = home.path().join("into/f");
    let gets = || store.faults.calls(Operation::GetObject);
    let disturbed = |more: &[&str], disturb: &dyn Fn()| {
        let before = gets();
        let wait = Action::Delay(HOLD);
        store.faults.inject(Fault::new(wait).on(Operation::GetObject).skip(20));
        let child = home.command(&[&command[..], more].concat()).spawn().unwrap();
        until("nearly all has come", || (gets() > before + 20).then_some(()));
        disturb();
        finish(child)
    };
    disturbed(&[], &|| std::fs::create_dir(&target).unwrap()).fails(1, &["cannot write", "again to resume"]);
    let left: Vec<_> = home.names("into").into_iter().filter(|name| name != "f").collect();
    let [partial] = &left[..] else { panic!("{left:?}") };
    let mode = home.path().join("into").join(partial).metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    std::fs::remove_dir(&target).unwrap();
    let before = gets();
    home.run(&command).ok();
    assert_eq!(gets() - before, 1, "all of it was there");
    assert_eq!(home.read("into/f"), ramp(3 << 20));
    std::fs::remove_file(&target).unwrap();
    // A file that is not to be replaced will be in the way of the next run, too.
    let ended = disturbed(&["--forbid-overwrite"], &|| std::fs::write(&target, "first").unwrap());
    let words = ended.fails(3, &["into/f exists", "--forbid-overwrite"]);
    assert!(!words.contains("to resume"), "{words}");
    assert_eq!((home.names("into"), home.read("into/f")), (vec!["f".to_owned()], b"first".to_vec()));
    let state = home.names(".local/state/osseal");
    assert!(!state.iter().any(|name| name.ends_with(".record")), "{state:?}");
}

#[cfg(unix)]
#[test]
fn an_interrupted_upload_leaves_nothing() {
    let store = Store::new();
    let home = home(&store);
    store.faults.inject(Fault::new(Action::Hang).on(Operation::UploadPart).skip(1));
    let child =
        home.command(&[&["cp", "f", "oss://box/f", "--no-resume"], &IN_PARTS[..]].concat()).spawn().unwrap();
    until("the second part is on its way", || (store.faults.calls(Operation::UploadPart) > 1).then_some(()));
    signal(&child, "INT");
    finish(child).fails(1, &["interrupted"]);
    assert!(store.was_empty());
}

#[test]
fn a_failed_upload_leaves_nothing() {
    let store = Store::new();
    let home = home(&store);
    let denied = || Fault::new(Action::refuse(403, "AccessDenied"));
    store.faults.inject(denied().on(Operation::UploadPart).skip(1));
    home.run(&[&["cp", "f", "oss://box/f", "--no-resume"], &IN_PARTS[..]].concat())
        .fails(4, &["oss://box/f", "AccessDenied"]);
    store.faults.inject(denied().on(Operation::CompleteMultipartUpload));
    home.run(&[&["cp", "f", "oss://box/f", "--no-resume"], &IN_PARTS[..]].concat())
        .fails(4, &["oss://box/f"]);
    // Small: a server that refuses before it has read a large body may break the connection instead.
    home.write("small", ramp(1000));
    store.faults.inject(denied().on(Operation::PutObject));
    home.run(&["cp", "small", "oss://box/f"]).fails(4, &["oss://box/f"]);
    // Standard input is spooled and then sent in parts, so both steps must fail.
    store.faults.inject(Fault::new(Action::StopReading { after: 1000 }).on(Operation::PutObject).always());
    let piped = ["cp", "-", "oss://box/f", "--multipart-threshold", "1MiB"];
    home.feed(&piped, &ramp(3 << 20)).ok();
    home.run(&["rm", "oss://box/f"]).ok();
    store.faults.inject(denied().on(Operation::InitiateMultipartUpload));
    home.feed(&piped, &ramp(3 << 20)).fails(4, &["oss://box/f"]);
    assert!(store.was_empty());
}

#[test]
fn a_source_that_changes_is_an_error() {
    for (len, arguments) in [(1 << 20, &IN_PARTS[..]), (4 << 20, &IN_PARTS[..])] {
        let store = Store::new();
        let home = home(&store);
        let wait = Fault::new(Action::Delay(HOLD));
        store.faults.inject(wait.on(Operation::InitiateMultipartUpload));
        let child = home.command(&[&["cp", "f", "oss://box/f"], arguments].concat()).spawn().unwrap();
        until("it has begun", || (store.faults.calls(Operation::InitiateMultipartUpload) > 0).then_some(()));
        OpenOptions::new().write(true).open(home.path().join("f")).unwrap().set_len(len).unwrap();
        finish(child).fails(1, &["oss://box/f"]);
        assert!(store.was_empty());
    }
}
