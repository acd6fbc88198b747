//! Targets that are no ordinary files, and readers that go away.

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
fn a_closed_pipe_ends_quietly() {
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
fn a_full_disk_is_an_error() {
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
fn folders_are_not_written_through() {
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
fn links_are_followed_to_the_file_they_name() {
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
fn permissions_are_the_masks_or_the_former_files() {
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
fn a_pipe_as_a_source_is_not_waited_for() {
    let home = home();
    let status = std::process::Command::new("mkfifo").arg(home.path().join("fifo")).status().unwrap();
    assert!(status.success());
    home.local(&["cp", "fifo", "oss://box/g"]).fails(2, &["not a regular file", "pipe it in"]);
    home.local(&["cp", "oss://box/f", "fifo"]).fails(1, &["not a regular file"]);
}
