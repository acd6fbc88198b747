//! `sync`, up and down.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime};

use osseal_server::Operation;
use osseal_server::fault::{Action, Fault};
use serde_json::{Value, json};

use crate::support::{Ended, Home, Store, finish, ramp, signal, until};
use crate::trees::{harvest, plant, summary};

const TREE: &str = "oss://box/t";

/// A store, a home, and a folder `tree` that was left alone for a while: listings have whole seconds.
fn world() -> (Store, Home) {
    let store = Store::new();
    let home = Home::with_store(&store.endpoint);
    for name in plant(&home).keys() {
        age(&home.path().join("tree").join(name), 5);
    }
    (store, home)
}

/// Has a file look as if it had been written so many seconds ago.
fn age(path: &Path, seconds: u64) {
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
}

fn sync(home: &Home, arguments: &[&str]) -> Ended {
    home.run(&[&["--json", "sync"], arguments].concat())
}

fn counts(ended: Ended) -> Value {
    assert_eq!(ended.code, 0, "{ended:?}");
    let mut summary = summary(ended);
    summary.as_object_mut().unwrap().remove("bytes");
    summary
}

fn counted(done: u64, skipped: u64, deleted: u64) -> Value {
    json!({ "done": done, "skipped": skipped, "deleted": deleted, "failed": 0 })
}

/// How many requests a run makes, by kind: listings, gets, puts, all.
fn requests(store: &Store, run: impl FnOnce()) -> [u64; 4] {
    let now = || {
        let calls = |operation| store.faults.calls(operation);
        [
            calls(Operation::ListObjectsV2),
            calls(Operation::GetObject),
            calls(Operation::PutObject),
            store.faults.total(),
        ]
    };
    let before = now();
    run();
    let mut spent = now();
    spent.iter_mut().zip(before).for_each(|(after, before)| *after -= before);
    spent
}

#[test]
fn a_second_run_does_nothing() {
    let (store, home) = world();
    let up = || sync(&home, &["tree", TREE]);
    assert_eq!(counts(up()), counted(7, 0, 0));
    let spent = requests(&store, || assert_eq!(counts(up()), counted(0, 7, 0)));
    assert_eq!(spent, [1, 0, 0, 1]);
    let down = || sync(&home, &[TREE, "down"]);
    assert_eq!(counts(down()), counted(7, 0, 0));
    assert_eq!(harvest(&home.path().join("down")), harvest(&home.path().join("tree")));
    // One listing says whether there is anything at all, the other what.
    let spent = requests(&store, || assert_eq!(counts(down()), counted(0, 7, 0)));
    assert_eq!(spent, [2, 0, 0, 2]);
}

#[test]
fn what_differs_is_copied() {
    let (_store, home) = world();
    sync(&home, &["tree", TREE]).ok();
    sync(&home, &[TREE, "down"]).ok();
    // Another size, however old; another time; a file more.
    home.write("tree/a.txt", "longer than before, by a sentence or two".repeat(30));
    age(&home.path().join("tree/a.txt"), 500);
    let later = SystemTime::now() + Duration::from_secs(3600);
    let touched = File::options().write(true).open(home.path().join("tree/dir/c.txt")).unwrap();
    touched.set_modified(later).unwrap();
    home.write("tree/more/x", "x");
    assert_eq!(counts(sync(&home, &["tree", TREE])), counted(3, 5, 0));
    // Down, the time has to be the object's: what was changed here goes.
    home.write("down/b.log", vec![b'?'; ramp(1001).len()]);
    // Stored again, perhaps in the same second: so that its time is another one in any case.
    age(&home.path().join("down/dir/c.txt"), 500);
    assert_eq!(counts(sync(&home, &[TREE, "down"])), counted(4, 4, 0));
    assert_eq!(harvest(&home.path().join("down")), harvest(&home.path().join("tree")));
}

#[test]
fn checksums_are_of_content_and_leave_nothing_behind() {
    let (store, home) = world();
    sync(&home, &["tree", TREE]).ok();
    // The same size and an old time: only content tells.
    let path = home.write("tree/dir/c.txt", vec![b'!'; 1003]);
    age(&path, 3600);
    assert_eq!(counts(sync(&home, &["tree", TREE])), counted(0, 7, 0));
    let up = || sync(&home, &["--checksum", "tree", TREE]);
    let spent = requests(&store, || assert_eq!(counts(up()), counted(1, 6, 0)));
    assert_eq!(spent, [1, 7, 1, 9]);
    let spent = requests(&store, || assert_eq!(counts(up()), counted(0, 7, 0)));
    assert_eq!(spent, [1, 7, 0, 8]);
    let stat: Value =
        serde_json::from_slice(&home.run(&["--json", "stat", "oss://box/t/dir/c.txt"]).ok()).unwrap();
    assert_eq!(stat["metadata"], json!({}), "{stat}");

    sync(&home, &[TREE, "down"]).ok();
    let path = home.path().join("down/dir/c.txt");
    let modified = path.metadata().unwrap().modified().unwrap();
    home.write("down/dir/c.txt", vec![b'?'; 1003]);
    File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    assert_eq!(counts(sync(&home, &[TREE, "down"])), counted(0, 7, 0));
    assert_eq!(counts(sync(&home, &["--checksum", TREE, "down"])), counted(1, 6, 0));
    assert_eq!(home.read("down/dir/c.txt"), vec![b'!'; 1003]);
    // An unreadable file is reported and kept, not treated as a difference.
    home.write("osseal.toml", "[profile.default]\nregion = \"cn-hangzhou\"\nkeyring = [\"other\"]\n\n[key.other]\nkind = \"aes\"\nfile = \"other.key\"\n");
    home.run(&["keys", "new", "aes", "other.key"]).ok();
    let spent =
        requests(&store, || drop(sync(&home, &["--checksum", "tree", TREE]).fails(5, &["7 of 7 failed"])));
    assert_eq!(spent[2], 0);
}

#[test]
fn an_object_of_another_suite_is_stored_again() {
    let (_store, home) = world();
    sync(&home, &["--suite", "aes-ctr", "tree", TREE]).ok();
    assert_eq!(counts(sync(&home, &["--suite", "aes-ctr", "tree", TREE])), counted(0, 7, 0));
    // Both suites may be read, and either is the same file.
    let down = || sync(&home, &["--allow-unauthenticated", TREE, "down"]);
    assert_eq!((counts(down()), counts(down())), (counted(7, 0, 0), counted(0, 7, 0)));
    assert_eq!(counts(sync(&home, &["tree", TREE])), counted(7, 0, 0));
    assert_eq!(counts(sync(&home, &["tree", TREE])), counted(0, 7, 0));
}

#[test]
fn surplus_is_deleted_where_it_is_wanted() {
    let (store, home) = world();
    sync(&home, &["tree", TREE]).ok();
    sync(&home, &[TREE, "down"]).ok();
    for name in ["a.txt", "dir/deep/d.txt", "dir/deep/e f+%.txt"] {
        std::fs::remove_file(home.path().join("tree").join(name)).unwrap();
    }
    home.run(&["cp", "tree/b.log", "oss://box/tree-not"]).ok();
    assert_eq!(counts(sync(&home, &["tree", TREE])), counted(0, 4, 0));
    let spent = requests(&store, || drop(sync(&home, &["--delete", "tree", TREE]).fails(2, &["--force"])));
    assert_eq!(spent, [0; 4]);
    // Patterns apply to deletions, too.
    assert_eq!(
        counts(sync(&home, &["--delete", "-f", "--exclude", "dir/*", "tree", TREE])),
        counted(0, 3, 1)
    );
    assert_eq!(counts(sync(&home, &["--delete", "-f", "tree", TREE])), counted(0, 4, 2));
    let left = String::from_utf8(home.run(&["--json", "ls", "-r", "oss://box"]).ok()).unwrap();
    assert_eq!((left.lines().count(), left.contains("tree-not")), (5, true));

    home.write("beside", "not below");
    home.write("down/own/x.log", "own");
    let only = ["--delete", "-f", "--include", "*.txt", TREE, "down"];
    assert_eq!(counts(sync(&home, &only)), counted(0, 1, 3));
    // A folder that is empty now goes along.
    assert!(!home.path().join("down/dir/deep").exists());
    assert_eq!(counts(sync(&home, &["--delete", "-f", TREE, "down"])), counted(0, 4, 1));
    assert_eq!(harvest(&home.path().join("down")), harvest(&home.path().join("tree")));
    assert_eq!(home.read("beside"), b"not below");
}

#[test]
fn nothing_is_deleted_when_something_failed() {
    let (store, home) = world();
    sync(&home, &["tree", TREE]).ok();
    sync(&home, &[TREE, "down"]).ok();
    std::fs::remove_file(home.path().join("tree/b.log")).unwrap();
    home.write("tree/a.txt", "changed");
    home.write("down/own", "own");
    let refuse = |operation| Fault::new(Action::refuse(403, "AccessDenied")).on(operation).always();
    let kept = |arguments: &[&str], words: &[&str]| {
        let spent = requests(&store, || {
            drop(sync(&home, &[&["--delete", "-f"], arguments].concat()).fails(4, words));
        });
        assert_eq!(spent[3], spent[..3].iter().sum::<u64>(), "nothing but listings, gets and puts");
        store.faults.clear();
    };
    store.faults.inject(refuse(Operation::PutObject));
    kept(&["tree", TREE], &["nothing is deleted", "a.txt"]);
    store.faults.inject(refuse(Operation::ListObjectsV2));
    kept(&["tree", TREE], &["cannot list"]);
    // The first listing of a download run checks that the prefix is not empty.
    store.faults.inject(refuse(Operation::ListObjectsV2).skip(1));
    kept(&[TREE, "down"], &["cannot list", "1 of 1 failed"]);
    assert_eq!(home.read("down/own"), b"own");

    // An empty source is not taken at its word.
    std::fs::create_dir(home.path().join("empty-folder")).unwrap();
    sync(&home, &["--delete", "-f", "empty-folder", TREE]).fails(3, &["the source is empty; 7 objects"]);
    sync(&home, &["--delete", "-f", "oss://box/nothing", "down"]).fails(3, &["nothing is below"]);
    assert_eq!(home.read("down/own"), b"own");
    assert_eq!(home.run(&["ls", "-r", TREE]).text().lines().count(), 8);
}

#[cfg(unix)]
#[test]
fn what_cannot_be_read_deletes_nothing() {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{PermissionsExt, symlink};
    let (store, home) = world();
    sync(&home, &["tree", TREE]).ok();
    let tree = home.path().join("tree");
    std::fs::remove_file(tree.join("b.log")).unwrap();
    let odd = tree.join(std::ffi::OsStr::from_bytes(b"odd\xff"));
    std::fs::write(&odd, "x").unwrap();
    let spent = requests(&store, || {
        drop(sync(&home, &["--delete", "-f", "tree", TREE]).fails(1, &["not UTF-8", "nothing is deleted"]));
    });
    assert_eq!(spent, [1, 0, 0, 1]);
    std::fs::remove_file(odd).unwrap();
    let locked = tree.join("dir");
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o000)).unwrap();
    // Permissions do not stop a user who may read everything (root).
    if std::fs::read_dir(&locked).is_err() {
        sync(&home, &["--delete", "-f", "tree", TREE]).fails(1, &["cannot read all", "nothing is deleted"]);
    }
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o755)).unwrap();
    // A skipped entry counts as existing: it is neither copied nor deleted in the target.
    std::fs::remove_file(tree.join("a.txt")).unwrap();
    symlink("/etc/hostname", tree.join("a.txt")).unwrap();
    let ended = sync(&home, &["--delete", "-f", "tree", TREE]);
    assert!(ended.stderr.contains("a.txt is a symbolic link"), "{ended:?}");
    assert_eq!(counts(ended), counted(0, 5, 1));
}

/// C: keys are data from the store. None of them leads out of the folder, and no two into one file.
#[cfg(unix)]
#[test]
fn keys_stay_below_the_folder() {
    let store = Store::new();
    let home = Home::with_store(&store.endpoint);
    home.write("f", "plain");
    for key in ["top/good", "top/a", "top/a.b", "top/a/b", "top//etc", "top/linked/x"] {
        home.run(&["cp", "f", &format!("oss://box/{key}")]).ok();
    }
    store.put("top/x/../../../escaped", &[], "made by other tools");
    let outside = home.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::create_dir(home.path().join("down")).unwrap();
    std::os::unix::fs::symlink(&outside, home.path().join("down/linked")).unwrap();
    sync(&home, &["oss://box/top", "down"])
        .fails(1, &["4 of 7 failed", "symbolic link", "no path below", "\"a/b\" lies below \"a\""]);
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0);
    std::fs::remove_file(home.path().join("down/linked")).unwrap();
    assert_eq!(harvest(&home.path().join("down")).keys().collect::<Vec<_>>(), ["a", "a.b", "good"]);
}

#[test]
fn a_dry_run_says_and_does_nothing() {
    let (store, home) = world();
    home.write("tree/z", ramp(2048));
    let say = |arguments: &[&str]| home.run(&[&["sync", "-n", "--delete"], arguments].concat());
    let spent = requests(&store, || {
        let ended = say(&["tree", TREE]);
        assert!(ended.stderr.contains("would store 8"), "{ended:?}");
        let said = ended.text();
        assert_eq!(said.lines().count(), 8);
        assert!(said.contains("would store oss://box/t/z: 2.0 KiB\n"), "{said}");
    });
    assert_eq!(spent, [1, 0, 0, 1]);
    sync(&home, &["--exclude", "z", "tree", TREE]).ok();
    std::fs::remove_file(home.path().join("tree/a.txt")).unwrap();
    assert_eq!(say(&["tree", TREE, "--exclude", "z"]).text(), "would delete oss://box/t/a.txt\n");
    home.write("down/own", "own");
    let said = String::from_utf8(
        sync(&home, &["-n", "--delete", TREE, "down", "--include", "a*", "--include", "own"]).ok(),
    )
    .unwrap();
    let said: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let stored = 1000 + 16;
    assert_eq!(
        said[0],
        json!({ "would": "write", "source": "oss://box/t/a.txt", "target": "down/a.txt", "size": stored })
    );
    assert_eq!(said[1], json!({ "would": "delete", "target": "down/own" }));
    assert_eq!(home.names("down"), ["own"]);
    home.run(&["sync", "-n", TREE, "nowhere"]).ok();
    assert!(!home.path().join("nowhere").exists());
}

#[test]
fn one_failure_does_not_stop_the_rest() {
    let (store, home) = world();
    sync(&home, &["tree", TREE]).ok();
    let refuse = Fault::new(Action::refuse(403, "AccessDenied")).on(Operation::GetObject).always();
    store.faults.inject(refuse.key("t/dir/c.txt"));
    let ended = sync(&home, &[TREE, "down"]);
    assert_eq!((ended.code, summary(ended)["done"].clone()), (4, 6.into()));
    assert!(!home.path().join("down/dir/c.txt").exists());
}

#[test]
fn a_file_that_is_written_meanwhile_is_stored_again() {
    let (store, home) = world();
    let slow = Fault::new(Action::Delay(Duration::from_millis(500)));
    store.faults.inject(slow.on(Operation::PutObject).key("t/b.log"));
    let child = home.command(&["sync", "-j", "1", "tree", TREE]).spawn().unwrap();
    until("the third file is on its way", || (store.faults.calls(Operation::PutObject) == 2).then_some(()));
    let content = vec![b'+'; 1001];
    home.write("tree/b.log", &content);
    finish(child).ok();
    assert_eq!(store.faults.calls(Operation::PutObject), 8);
    assert_eq!(home.run(&["cat", "oss://box/t/b.log"]).ok(), content);
}

/// Never a mixture: a file that is written over while its parts are on their way is stored as it is in the end, or not at all.
#[cfg(unix)]
#[test]
fn a_large_file_that_is_written_meanwhile_is_no_mixture() {
    use std::os::unix::fs::FileExt;
    let (store, home) = world();
    let parts = ["--part-size", "100KiB", "--multipart-threshold", "100KiB", "-j", "1", "tree", TREE];
    let run = |more: &[&'static str]| [&["sync", "--include", "big"], more, &parts[..]].concat();
    let length = 1 << 20;
    let path = home.write("tree/big", ramp(length));
    let rewrite = |byte: u8| {
        let file = File::options().write(true).open(&path).unwrap();
        // From the end on, as what was read already is what it was.
        file.write_all_at(&vec![byte; length / 2], length as u64 / 2).unwrap();
    };
    for more in [&[][..], &["--no-resume"]] {
        home.write("tree/big", ramp(length));
        let before = store.faults.calls(Operation::UploadPart);
        let wait = Action::Delay(Duration::from_millis(500));
        store.faults.inject(Fault::new(wait).on(Operation::UploadPart).skip(1));
        let child = home.command(&run(more)).spawn().unwrap();
        until("the second part is on its way", || {
            (store.faults.calls(Operation::UploadPart) > before + 1).then_some(())
        });
        rewrite(b'1');
        finish(child).ok();
        let stored = home.run(&["cat", "oss://box/t/big"]).ok();
        assert!(stored == home.read("tree/big"), "{more:?}");
        assert!(stored.ends_with(b"11") && stored.starts_with(&ramp(300)));
    }
    // A file that changes during every attempt leaves its object unchanged.
    let former = home.run(&["cat", "oss://box/t/big"]).ok();
    let wait = Action::Delay(Duration::from_millis(20));
    store.faults.inject(Fault::new(wait).on(Operation::UploadPart).always());
    let mut child = home.command(&run(&["--checksum"])).spawn().unwrap();
    let mut byte = 0_u8;
    let status = until("it has given up", || {
        byte = byte.wrapping_add(1);
        rewrite(byte);
        child.try_wait().unwrap()
    });
    assert_eq!(status.code(), Some(1));
    finish(child).fails(1, &["was written while it was read", "no mixture"]);
    assert!(home.run(&["cat", "oss://box/t/big"]).ok() == former);
    let left = home.run(&["--json", "uploads", "list", "oss://box"]).text();
    assert_eq!(left, "", "nothing is left of it");
}

/// Where names fold, what was just written looks like a file that no object has. A hard link stands in for the other name.
#[cfg(unix)]
#[test]
fn a_file_that_was_just_written_is_not_deleted_by_another_name() {
    let (store, home) = world();
    sync(&home, &["tree", TREE]).ok();
    home.write("down/A.TXT", "a name that the walk meets, and no object has");
    home.write("down/B.TXT", "the same, of a file of its own");
    let wait = Action::Delay(Duration::from_secs(1));
    store.faults.inject(Fault::new(wait).on(Operation::GetObject).key("t/dir/c.txt"));
    let child = home.command(&["--json", "sync", "--delete", "-f", "-j", "1", TREE, "down"]).spawn().unwrap();
    until("a.txt is written", || home.path().join("down/a.txt").exists().then_some(()));
    let down = home.path().join("down");
    std::fs::remove_file(down.join("A.TXT")).unwrap();
    std::fs::hard_link(down.join("a.txt"), down.join("A.TXT")).unwrap();
    assert_eq!(counts(finish(child)), counted(7, 0, 1));
    assert_eq!(home.read("down/A.TXT"), home.read("tree/a.txt"));
    assert!(!down.join("B.TXT").exists(), "the control");
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_goes_on() {
    let (store, home) = world();
    home.write("tree/big", ramp(1 << 20));
    age(&home.path().join("tree/big"), 5);
    let parts = ["--part-size", "100KiB", "--multipart-threshold", "100KiB", "-j", "1", "tree", TREE];
    let run = |more: &[&'static str]| [&["--json", "sync"], more, &parts[..]].concat();
    let sent = || store.faults.calls(Operation::UploadPart);
    let interrupted = |more: &[&'static str]| {
        let before = sent();
        store.faults.inject(Fault::new(Action::Hang).on(Operation::UploadPart).skip(3));
        let child = home.command(&run(more)).spawn().unwrap();
        until("three parts are there", || (sent() > before + 3).then_some(()));
        signal(&child, "INT");
        let words = finish(child).fails(1, &["interrupted", "the same command"]);
        store.faults.clear();
        words
    };
    let words = interrupted(&["--no-resume"]);
    assert!(words.contains("to transfer the rest") && !words.contains("to resume"), "{words}");
    assert_eq!(store.faults.calls(Operation::AbortMultipartUpload), 1);
    let words = interrupted(&[]);
    assert!(words.contains("again to resume"), "{words}");
    assert_eq!(store.faults.calls(Operation::AbortMultipartUpload), 1);
    // a.txt and b.log went before it. Of ten parts three are there, one of them perhaps without a record of its arrival.
    let before = sent();
    assert_eq!(counts(home.run(&run(&[]))), counted(6, 2, 0));
    assert!((7..=8).contains(&(sent() - before)), "{}", sent() - before);
    assert_eq!(counts(home.run(&run(&[]))), counted(0, 8, 0));
    assert_eq!(home.run(&["cat", "oss://box/t/big"]).ok(), ramp(1 << 20));
    assert_eq!(home.run(&["uploads", "list", "oss://box"]).text(), "");
}

#[test]
fn sync_is_between_a_folder_and_a_prefix() {
    let home = Home::new();
    home.write("f", "x");
    for (arguments, word) in [
        (&["sync", "oss://b/k", "oss://b/l"][..], "between a folder and a bucket"),
        (&["sync", ".", "-"], "between a folder and a bucket"),
        (&["sync", "f", "oss://b/k"], "f is not a folder"),
        (&["sync", ".", "oss://b/k", "--allow-plaintext"], "--checksum reads"),
        (&["sync", ".", "oss://b/k", "--force"], "--delete"),
        (&["sync", "oss://b/k", ".", "--meta", "a=b"], "for what is stored"),
        (&["sync", "oss://b/k", ".", "--include", "[a"], "[a"),
    ] {
        home.local(arguments).fails(2, &[word]);
    }
    home.local(&["sync", "oss://b/k", "f"]).fails(1, &["f is not a folder"]);
}
