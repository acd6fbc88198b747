//! Commands that print credentials.

use std::path::Path;
use std::time::Duration;

use osseal::credentials::CredentialSource::Aliyun;
use osseal::credentials::CredentialsErrorKind::Broken;
use tokio::time::Instant;

use super::cloud::{Cloud, END, Home, SECRET, told};

fn home(command: &str) -> Home {
    let command = command.replace('\\', "\\\\").replace('"', "\\\"");
    Home::with_profile(&format!(r#""mode":"External","process_command":"{command}""#))
}

#[tokio::test]
async fn what_a_command_prints_is_taken() {
    let cloud = Cloud::silent();
    for (text, token) in [
        (format!(r#"{{"AccessKeyId":"id","AccessKeySecret":"{SECRET}"}}"#), None),
        (
            format!(
                r#"{{"AccessKeyId":"id","AccessKeySecret":"{SECRET}","SecurityToken":"t","Expiration":"{END}"}}"#
            ),
            Some("t"),
        ),
        (
            format!(
                r#"{{"mode":"StsToken","access_key_id":"id","access_key_secret":"{SECRET}","sts_token":"t"}}"#
            ),
            Some("t"),
        ),
    ] {
        let found = home(&format!("echo '{text}'; echo {SECRET} >&2")).ask(Aliyun, &cloud).await.unwrap();
        assert_eq!(told(&found), ("id", true, token));
        assert_eq!(found.grant.expires.is_some(), text.contains(END));
        assert!(found.detail.ends_with("mode External"), "{}", found.detail);
    }
    // It runs in a shell and gets no input.
    let text = format!(r#"{{"AccessKeyId":"id","AccessKeySecret":"{SECRET}"}}"#);
    let found = home(&format!("read line || X='{text}'; echo \"$X\"")).ask(Aliyun, &cloud).await.unwrap();
    assert_eq!(told(&found), ("id", true, None));
}

#[tokio::test]
async fn commands_that_fail() {
    let cloud = Cloud::silent();
    for (command, words) in [
        (format!("echo {SECRET}; echo {SECRET} >&2; exit 1"), &["ended with exit code 1", "by hand"][..]),
        (format!("{SECRET}-is-no-command"), &["exit code 127"]),
        ("kill -9 $$".to_owned(), &["ended by a signal"]),
        ("head -c 1048576 /dev/zero | tr '\\0' x".to_owned(), &["more than 64 KiB"]),
        ("yes".to_owned(), &["more than 64 KiB"]),
        (format!("echo {SECRET}"), &["not a JSON document"]),
        ("true".to_owned(), &["not a JSON document"]),
        (format!("echo '{{\"AccessKeyId\":\"{SECRET}\"}}'"), &["no AccessKeySecret"]),
    ] {
        let words = [words, &["profile work of ", "the credential command "]].concat();
        let said = home(&command).fails(Aliyun, &cloud, Broken, &words).await;
        assert!(!said.contains("/dev/zero"), "the command is not repeated: {said}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_that_hangs() {
    let begun = Instant::now();
    home("sleep 1000").fails(Aliyun, &Cloud::silent(), Broken, &["did not end within 15 s"]).await;
    assert_eq!(begun.elapsed(), Duration::from_secs(15));
}

/// Whoever gives up waiting leaves no process behind, nor what it started.
#[tokio::test]
async fn nothing_is_left_running() {
    let folder = tempfile::tempdir().unwrap();
    let pids = folder.path().join("pids");
    let home = home(&format!("sleep 1000 & echo $$ $! > {0}.part; mv {0}.part {0}; wait", pids.display()));
    let cloud = Cloud::silent();
    let written = async {
        while !pids.exists() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::select! {
        found = home.ask(Aliyun, &cloud) => panic!("{found:?}"),
        () = written => {}
    }
    let text = std::fs::read_to_string(&pids).unwrap();
    let all: Vec<&str> = text.split_whitespace().collect();
    assert_eq!(all.len(), 2);
    for pid in all {
        while is_running(pid) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

/// Whether a process is there and is not merely waiting to be collected by whoever inherited it.
fn is_running(pid: &str) -> bool {
    std::fs::read_to_string(Path::new("/proc").join(pid).join("stat"))
        .is_ok_and(|stat| !stat.rsplit(") ").next().unwrap_or_default().starts_with('Z'))
}
