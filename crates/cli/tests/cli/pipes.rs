//! C7: targets that are no ordinary files, standard streams that are closed, and readers that go away.

use std::fs::OpenOptions;
use std::process::Stdio;

use crate::support::{Home, finish, ramp};

fn home() -> Home {
    let home = Home::new();
    home.write("f", ramp(400_000));
    home.local(&["mb", "oss://box"]).ok();
    home.local(&["cp", "f", "oss://box/f"]).ok();
    home
}

#[test]
fn c7_a_closed_pipe_ends_quietly() {
    let home = home();
    for arguments in [["cat", "oss://box/f"], ["ls", "oss://box"]] {
        let mut child = home.command(&[&["--local=store"], &arguments[..]].concat()).spawn().unwrap();
        drop(child.stdout.take());
        let ended = finish(child);
        assert_eq!((ended.code, ended.stderr.as_str()), (1, ""), "{arguments:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn c7_a_full_disk_is_an_error() {
    let home = home();
    for arguments in [
        vec!["--local=store", "cat", "oss://box/f"],
        vec!["--local=store", "ls", "--json", "oss://box"],
        vec!["--local=store", "stat", "oss://box/f"],
        vec!["demo", "f"],
    ] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let child = home.command(&arguments).stdout(Stdio::from(full)).spawn().unwrap();
        finish(child).fails(1, &["cannot write to standard output", "No space left"]);
    }
    home.local(&["cp", "oss://box/f", "/dev/full"]).fails(1, &["not a regular file", "redirect"]);
    assert!(OpenOptions::new().write(true).open("/dev/full").unwrap().metadata().unwrap().len() == 0);
}

#[test]
fn c7_folders_are_not_written_through() {
    let home = home();
    std::fs::create_dir_all(home.path().join("folder/f")).unwrap();
    home.local(&["cp", "oss://box/f", "folder"]).fails(1, &["folder/f is a directory"]);
    assert_eq!(home.names("folder"), ["f"]);
    home.local(&["cp", "oss://box/f", "missing/f"]).fails(1, &["missing"]);
    home.local(&["cp", "oss://box/f", "f/g"]).fails(1, &["f/g"]);
    home.local(&["cp", "folder", "oss://box/folder"]).fails(2, &["is a directory"]);
}

#[cfg(unix)]
#[test]
fn c7_links_are_followed_to_the_file_they_name() {
    let home = home();
    std::fs::create_dir(home.path().join("elsewhere")).unwrap();
    home.write("elsewhere/real", "old");
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, home.path().join(name)).unwrap();
    link("elsewhere/real", "link");
    link("elsewhere/missing", "dangling");
    link("circle", "circle");
    home.local(&["cp", "oss://box/f", "link"]).ok();
    assert!(home.path().join("link").symlink_metadata().unwrap().is_symlink());
    assert_eq!(home.read("elsewhere/real"), ramp(400_000));
    assert_eq!(home.names("elsewhere"), ["real"]);
    home.local(&["cp", "oss://box/f", "dangling"]).fails(1, &["dangling", "leads nowhere"]);
    home.local(&["cp", "oss://box/f", "circle"]).fails(1, &["circle"]);
}

#[cfg(unix)]
#[test]
fn c7_permissions_are_the_masks_or_the_former_files() {
    use std::os::unix::fs::PermissionsExt;
    let home = home();
    let mode = |name: &str| home.path().join(name).metadata().unwrap().permissions().mode() & 0o777;
    std::fs::write(home.path().join("ordinary"), "").unwrap();
    home.local(&["cp", "oss://box/f", "fresh"]).ok();
    assert_eq!(mode("fresh"), mode("ordinary"));
    home.write("narrow", "");
    std::fs::set_permissions(home.path().join("narrow"), PermissionsExt::from_mode(0o600)).unwrap();
    home.local(&["cp", "oss://box/f", "narrow"]).ok();
    assert_eq!(mode("narrow"), 0o600);
}

#[cfg(unix)]
#[test]
fn c7_a_pipe_as_a_source_is_not_waited_for() {
    let home = home();
    let status = std::process::Command::new("mkfifo").arg(home.path().join("fifo")).status().unwrap();
    assert!(status.success());
    home.local(&["cp", "fifo", "oss://box/g"]).fails(2, &["not a regular file", "pipe it in"]);
    home.local(&["cp", "oss://box/f", "fifo"]).fails(1, &["not a regular file"]);
}

#[cfg(unix)]
#[test]
fn c7_other_names_of_a_replaced_file_keep_its_content() {
    let home = home();
    home.write("old", "old");
    std::fs::hard_link(home.path().join("old"), home.path().join("other")).unwrap();
    home.local(&["cp", "oss://box/f", "old"]).ok();
    assert_eq!((home.read("old"), home.read("other")), (ramp(400_000), b"old".to_vec()));
}

#[cfg(unix)]
#[test]
fn c7_standard_streams_that_are_closed() {
    let home = home();
    let run = |streams: &str, arguments: &str| {
        let line = format!("exec {} --local=store {arguments} {streams}", env!("CARGO_BIN_EXE_osseal"));
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &line]).current_dir(home.path()).env_clear().env("HOME", home.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        finish(command.spawn().unwrap())
    };
    // The runtime opens /dev/null in place of a closed stream, so that no file of ours takes its number.
    run("<&-", "cp - oss://box/empty").ok();
    assert_eq!(home.local(&["cat", "oss://box/empty"]).ok(), b"");
    run(">&-", "cp oss://box/f out").ok();
    assert_eq!(home.read("out"), ramp(400_000));
    run("2>&-", "cp oss://box/f again").ok();
    assert_eq!(home.read("again"), ramp(400_000));
    assert_eq!(run("2>&-", "cat oss://box/none").code, 3);
}
