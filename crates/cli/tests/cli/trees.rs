//! Many objects at once: `cp -r`, `ls --plain`, `rm -r`.

use std::collections::BTreeMap;
use std::path::Path;

use osseal_server::Operation;
use osseal_server::fault::{Action, Fault};
use serde_json::Value;

use crate::support::{Ended, Home, Store, ramp};

/// A folder `tree` of small files, by name.
pub(crate) fn plant(home: &Home) -> BTreeMap<String, Vec<u8>> {
    let names = ["a.txt", "b.log", "empty", "dir/c.txt", "dir/deep/d.txt", "dir/deep/e f+%.txt", "对象/ü"];
    let files = names.iter().enumerate();
    files
        .map(|(n, name)| {
            let content = if *name == "empty" { Vec::new() } else { ramp(1000 + n) };
            home.write(&format!("tree/{name}"), &content);
            ((*name).to_owned(), content)
        })
        .collect()
}

/// All files below a folder.
pub(crate) fn harvest(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() {
            let below = harvest(&entry.path());
            files.extend(below.into_iter().map(|(inner, content)| (format!("{name}/{inner}"), content)));
        } else {
            files.insert(name, std::fs::read(entry.path()).unwrap());
        }
    }
    files
}

fn keys(home: &Home, place: &str) -> Vec<String> {
    let listed = home.local(&["--json", "ls", "-r", place]).text();
    let keys = listed
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["key"].as_str().unwrap().to_owned());
    keys.collect()
}

pub(crate) fn summary(ended: Ended) -> Value {
    let text = String::from_utf8(ended.stdout).unwrap();
    serde_json::from_str::<Value>(text.lines().last().unwrap()).unwrap()["summary"].clone()
}

#[test]
fn a_folder_goes_up_across_and_down() {
    let home = Home::new();
    let files = plant(&home);
    home.local(&["mb", "oss://box"]).ok();
    home.local(&["mb", "oss://other"]).ok();
    let ended = home.local(&["--json", "cp", "-r", "tree", "oss://box/backup"]);
    assert_eq!(summary(ended)["done"], 7);
    let mut wanted: Vec<_> = files.keys().map(|name| format!("backup/{name}")).collect();
    wanted.sort();
    assert_eq!(keys(&home, "oss://box"), wanted);

    home.local(&["cp", "-r", "oss://box/backup", "oss://other/"]).ok();
    home.local(&["cp", "-r", "oss://other", "down"]).ok();
    assert_eq!(harvest(&home.path().join("down")), files);
    home.local(&["cp", "-r", "-j", "1", "oss://box/backup/dir/", "one"]).ok();
    assert_eq!(
        harvest(&home.path().join("one")).keys().collect::<Vec<_>>(),
        ["c.txt", "deep/d.txt", "deep/e f+%.txt"]
    );
    home.local(&["cp", "-r", "oss://box/back", "none"]).fails(3, &["nothing is below oss://box/back"]);
    home.local(&["cp", "-r", "oss://box/backup", "oss://box/backup/again"]).fails(2, &["copied again"]);
}

#[test]
fn patterns_choose() {
    let home = Home::new();
    plant(&home);
    home.local(&["mb", "oss://box"]).ok();
    home.local(&["cp", "-r", "tree", "oss://box/", "--include", "*.txt", "--exclude", "dir/deep/*"]).ok();
    assert_eq!(keys(&home, "oss://box"), ["a.txt", "dir/c.txt"]);
    home.local(&["cp", "-r", "oss://box", "down", "--exclude", "a.*"]).ok();
    assert_eq!(harvest(&home.path().join("down")).keys().collect::<Vec<_>>(), ["dir/c.txt"]);
    home.local(&["cp", "-r", "tree", "oss://box/", "--include", "[a"]).fails(2, &["[a"]);
    home.local(&["cp", "tree/a.txt", "oss://box/", "--include", "a"]).fails(2, &["--recursive"]);
}

#[test]
fn update_leaves_what_is_recent() {
    let home = Home::new();
    let earlier = std::time::SystemTime::now() - std::time::Duration::from_secs(5);
    for name in plant(&home).keys() {
        // Listings have whole seconds: a change within the second of the copy is copied again.
        let file = std::fs::File::options().write(true).open(home.path().join("tree").join(name)).unwrap();
        file.set_modified(earlier).unwrap();
    }
    home.local(&["mb", "oss://box"]).ok();
    let up = || summary(home.local(&["--json", "cp", "-r", "-u", "tree", "oss://box/t"]));
    assert_eq!((&up()["done"], &up()["skipped"]), (&7.into(), &7.into()));
    let hour = std::time::SystemTime::now() + std::time::Duration::from_secs(3600);
    let file = std::fs::File::options().write(true).open(home.path().join("tree/a.txt")).unwrap();
    file.set_modified(hour).unwrap();
    let again = up();
    assert_eq!((&again["done"], &again["skipped"]), (&1.into(), &6.into()));

    let down = || summary(home.local(&["--json", "cp", "-r", "-u", "oss://box/t", "down"]));
    assert_eq!((&down()["done"], &down()["skipped"]), (&7.into(), &7.into()));
    let across = || summary(home.local(&["--json", "cp", "-r", "-u", "oss://box/t", "oss://box/u"]));
    assert_eq!((&across()["done"], &across()["skipped"]), (&7.into(), &7.into()));
    for (from, to) in [("tree/b.log", "oss://box/t/b.log"), ("oss://box/t/b.log", "oss://box/u/b.log")] {
        home.local(&["cp", "-u", from, to]).text();
        let said: Value =
            serde_json::from_slice(&home.local(&["--json", "cp", "-u", from, to]).ok()).unwrap();
        assert_eq!(said["skipped"], true, "{from} {to}");
    }
}

#[test]
fn one_failure_does_not_stop_the_rest() {
    let store = Store::new();
    let home = Home::with_store(&store.endpoint);
    let files = plant(&home);
    home.run(&["cp", "-r", "tree", "oss://box/"]).ok();
    let refuse = || Fault::new(Action::refuse(403, "AccessDenied")).always();
    store.faults.inject(refuse().on(Operation::GetObject).key("dir/c.txt"));
    home.run(&["cp", "-r", "oss://box", "down"]).fails(4, &["oss://box/dir/c.txt", "1 of 7 failed"]);
    let mut wanted = files.clone();
    wanted.remove("dir/c.txt");
    assert_eq!(harvest(&home.path().join("down")), wanted);
    store.faults.inject(refuse().on(Operation::PutObject).key("b.log"));
    let ended = home.run(&["--json", "cp", "-r", "tree", "oss://box/"]);
    assert_eq!((ended.code, summary(ended)["failed"].clone()), (4, 1.into()));
}

#[cfg(unix)]
#[test]
fn links_and_odd_names_are_left_out_aloud() {
    use std::os::unix::ffi::OsStrExt;
    let home = Home::new();
    home.write("tree/a", "a");
    home.write("outside/secret", "s");
    let tree = home.path().join("tree");
    std::os::unix::fs::symlink("../outside", tree.join("linked")).unwrap();
    std::os::unix::fs::symlink("../outside/secret", tree.join("leak")).unwrap();
    home.local(&["mb", "oss://box"]).ok();
    let ended = home.local(&["cp", "-r", "tree", "oss://box/"]);
    assert_eq!(ended.code, 0);
    for name in ["tree/linked is a symbolic link", "tree/leak is a symbolic link"] {
        assert!(ended.stderr.contains(name), "{}", ended.stderr);
    }
    assert_eq!(keys(&home, "oss://box"), ["a"]);
    std::fs::write(tree.join(std::ffi::OsStr::from_bytes(b"odd\xff")), "x").unwrap();
    home.local(&["cp", "-r", "tree", "oss://box/"]).fails(1, &["not UTF-8", "1 of 2 failed"]);
}

/// C: keys are data from the store. None of them leads out of the folder.
#[cfg(unix)]
#[test]
fn keys_stay_below_the_folder() {
    let store = Store::new();
    let home = Home::with_store(&store.endpoint);
    home.write("f", "plain");
    for key in ["top/good", "top/a/b", "top//etc", "top/linked/x"] {
        home.run(&["cp", "f", &format!("oss://box/{key}")]).ok();
    }
    for key in ["top/a/../../../escaped", "top/./x"] {
        store.put(key, &[], "made by other tools");
    }
    let outside = home.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::create_dir(home.path().join("down")).unwrap();
    std::os::unix::fs::symlink(&outside, home.path().join("down/linked")).unwrap();
    home.run(&["cp", "-r", "oss://box/top", "down"])
        .fails(1, &["4 of 6 failed", "symbolic link", "no path below"]);
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0);
    std::fs::remove_file(home.path().join("down/linked")).unwrap();
    assert_eq!(harvest(&home.path().join("down")).keys().collect::<Vec<_>>(), ["a/b", "good"]);
    assert!(!home.path().join("escaped").exists() && !home.path().parent().unwrap().join("escaped").exists());
}

#[test]
fn a_key_that_is_a_file_and_a_folder() {
    let home = Home::new();
    home.write("f", "plain");
    home.local(&["mb", "oss://box"]).ok();
    for key in ["t/x", "t/x/y"] {
        home.local(&["cp", "f", &format!("oss://box/{key}")]).ok();
    }
    home.local(&["cp", "-r", "-j1", "oss://box/t", "down"]).fails(1, &["1 of 2 failed"]);
    home.local(&["cp", "-r", "oss://box/t", "f"]).fails(1, &["f is not a folder"]);
}

#[test]
fn plain_sizes_take_a_look_at_each_object() {
    let store = Store::new();
    let home = Home::with_store(&store.endpoint);
    let files = plant(&home);
    home.run(&["cp", "-r", "tree", "oss://box/"]).ok();
    store.put("zz-plain", &[], "not encrypted");
    let listed = home.run(&["--json", "ls", "-r", "--plain", "oss://box"]).text();
    let lines: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let sizes = lines.iter().map(|line| (line["key"].as_str().unwrap().to_owned(), line["size"].as_u64()));
    let mut wanted: Vec<_> =
        files.iter().map(|(name, content)| (name.clone(), Some(content.len() as u64))).collect();
    wanted.push(("zz-plain".into(), Some(13)));
    wanted.sort();
    assert_eq!(sizes.collect::<Vec<_>>(), wanted);
    assert_eq!(store.faults.calls(Operation::HeadObject), 8);
    let words = home.run(&["ls", "-r", "--plain", "oss://box"]).text();
    assert!(words.starts_with("plaintext bytes") && words.contains("13 plain"), "{words}");
}

#[test]
fn removing_many_takes_force_or_an_answer() {
    let home = Home::new();
    plant(&home);
    home.local(&["mb", "oss://box"]).ok();
    home.local(&["cp", "-r", "tree", "oss://box/t"]).ok();
    home.local(&["rm", "-r", "oss://box/t/"]).fails(2, &["7 objects", "--force"]);
    assert_eq!(keys(&home, "oss://box").len(), 7);
    home.local(&["rm", "-rf", "oss://box/t/dir", "--exclude", "*.txt"]).ok();
    assert_eq!(keys(&home, "oss://box").len(), 7);
    home.local(&["rm", "-rf", "oss://box/t/dir/"]).ok();
    assert_eq!(keys(&home, "oss://box"), ["t/a.txt", "t/b.log", "t/empty", "t/对象/ü"]);
    assert_eq!(summary(home.local(&["--json", "rm", "-rf", "oss://box"]))["done"], 4);
    home.local(&["rb", "oss://box"]).ok();
}

#[test]
fn flags_that_mean_nothing_here() {
    let home = Home::new();
    home.write("f", "x");
    for (arguments, word) in [
        (&["cp", "oss://b/k", "f", "--meta", "a=b"][..], "for what is stored"),
        (&["cp", "oss://b/k", "f", "--multipart-threshold", "1MiB"], "for uploads"),
        (&["cp", "oss://b/k", "oss://b/l", "--part-size", "1MiB"], "for uploads"),
        (&["cp", "f", "oss://b/k", "--if-match", "x"], "for downloads"),
        (&["cp", "f", "oss://b/k", "--version-id", "x"], "that are read"),
        (&["cp", "oss://b/k", "oss://b/l", "--tag", "a=b"], "tags of its source"),
        (&["cp", "-r", "-", "oss://b/k"], "between a folder and a prefix"),
        (&["cp", "-r", "f", "oss://b/k"], "f is not a folder"),
        (&["cp", ".", "oss://b/k"], "-r copies everything"),
        (&["cp", "f", "oss://b/k", "--storage-class", "cold"], "Standard, IA"),
        (&["cp", "f", "oss://b/k", "--acl", "all"], "public-read"),
        (&["cp", "-r", ".", "oss://b/k", "-j", "0"], "1..=256"),
        (&["rm", "oss://b/k", "oss://b/l", "--version-id", "x"], "one object"),
    ] {
        home.local(arguments).fails(2, &[word]);
    }
}
