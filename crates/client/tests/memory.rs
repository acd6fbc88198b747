//! What is left of secrets in a process's memory. The process is a child of the test, which knows the secrets and looks for them from outside.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "memory/child.rs"]
mod child;
#[path = "memory/cloud.rs"]
mod cloud;
#[path = "memory/secrets.rs"]
mod secrets;

use data_encoding::BASE64;
use osseal_server::Operation;
use osseal_server::fault::{Action, Fault};
use osseal_server::kms::faults as kms;

use crate::child::Child;
use crate::cloud::{Cloud, SECRET, TOKEN};
use crate::secrets::{Form, Secret};

/// What libraries keep that are not ours to wipe; `docs/threat-model.md` says the same under *What is wiped*. The token travels in a header.
const KEPT: [(&str, Form); 1] = [("token", Form::Bytes)];
/// The same where a key service is asked: its reply has the data key as base64, and stands in the buffers of HTTP and TLS.
const KEPT_OF_REPLIES: [(&str, Form); 2] = [KEPT[0], ("data key", Form::Base64)];

/// What is in the child's memory, without what libraries keep.
#[track_caller]
fn left(child: &Child, secrets: &[Secret], kept: &[(&str, Form)]) -> Vec<(&'static str, Form)> {
    let mut found = secrets::found(child.id(), secrets);
    found.retain(|one| !kept.contains(one));
    found
}

const DATA_KEY: (&str, Form) = ("data key", Form::Bytes);
const ACCESS_KEY: (&str, Form) = ("access key secret", Form::Bytes);
const WRAPPING_KEY: (&str, Form) = ("wrapping key", Form::Bytes);
const PASSPHRASE: (&str, Form) = ("passphrase", Form::Bytes);

/// The secrets of a cloud whose key service gives this data key.
fn secrets_with(data_key: &[u8]) -> Vec<Secret> {
    vec![
        Secret::new("data key", data_key),
        Secret::new("access key secret", SECRET.as_bytes()),
        Secret::new("token", TOKEN.as_bytes()),
    ]
}

#[test]
fn a_data_key_of_the_key_service_dies_with_its_use() {
    for suite in ["sealed", "aes-ctr"] {
        let cloud = Cloud::new();
        let mut child = Child::start(&cloud);
        child.step(&format!("open kms {suite} kept"));
        child.step("put a");
        let secrets = secrets_with(&cloud.data_key_of("a", "kms", suite));
        assert_eq!(
            left(&child, &secrets, &KEPT_OF_REPLIES),
            [ACCESS_KEY],
            "{suite}: after a put, with the control"
        );
        child.step("begin a");
        assert_eq!(
            left(&child, &secrets, &KEPT_OF_REPLIES),
            [DATA_KEY, ACCESS_KEY],
            "{suite}: the control: an open object"
        );
        child.step("end");
        assert_eq!(
            left(&child, &secrets, &KEPT_OF_REPLIES),
            [DATA_KEY, ACCESS_KEY],
            "{suite}: kept, for its time"
        );
        child.step("close");
        assert_eq!(left(&child, &secrets, &KEPT_OF_REPLIES), [], "{suite}: after the end");
    }
}

#[test]
fn a_data_key_dies_with_failures() {
    for suite in ["sealed", "aes-ctr"] {
        let cloud = Cloud::new();
        let mut child = Child::start(&cloud);
        child.step(&format!("open kms {suite} unkept"));
        child.step("put a");
        let of_a = secrets_with(&cloud.data_key_of("a", "kms", suite));
        cloud.faults.inject(Fault::new(Action::FlipReply { at: 100 }).on(Operation::GetObject));
        for step in ["broken a", "begin a", "leave"] {
            child.step(step);
            // Of a sealed object the chunk key is what an open one holds, not the data key that it was derived from.
            let is_open = step == "begin a" && suite == "aes-ctr";
            let expected = if is_open { vec![DATA_KEY, ACCESS_KEY] } else { vec![ACCESS_KEY] };
            assert_eq!(left(&child, &of_a, &KEPT_OF_REPLIES), expected, "{suite}: {step}");
        }

        let refused = Fault::new(Action::refuse(403, "AccessDenied")).on(Operation::PutObject);
        let hanging = Fault::new(Action::Hang).on(Operation::PutObject);
        // The reply has the data key and answers for another key.
        let other = kms::Fault::new(kms::Action::member("KeyId", "key-other"));
        for (number, step) in (1..).zip(["refused b", "dropped c", "panic d", "refused e"]) {
            let secrets = secrets_with(&cloud.give_data_key(number));
            match step {
                "refused b" => cloud.faults.inject(refused.clone()),
                "dropped c" => cloud.faults.inject(hanging.clone()),
                "panic d" => {}
                _ => cloud.kms_faults.inject(other.clone().on(kms::Operation::GenerateDataKey)),
            }
            let before = cloud.kms_faults.calls(kms::Operation::GenerateDataKey);
            child.step(step);
            assert_eq!(
                cloud.kms_faults.calls(kms::Operation::GenerateDataKey),
                before + 1,
                "{step}: it had the key"
            );
            assert_eq!(left(&child, &secrets, &KEPT_OF_REPLIES), [ACCESS_KEY], "{suite}: {step}");
            cloud.faults.clear();
        }
        child.step("close");
    }
}

#[test]
fn keys_of_files_die_with_their_keyring() {
    for (kind, suite) in [("aes", "aes-ctr"), ("aes", "sealed"), ("rsa", "aes-ctr"), ("rsa", "sealed")] {
        let cloud = Cloud::new();
        let mut child = Child::start(&cloud);
        let keys = cloud.wrapping_key(kind);
        child.step(&format!("open {kind} {suite} unkept"));
        assert!(left(&child, &keys, &KEPT).contains(&WRAPPING_KEY), "{kind} {suite}: the control");
        child.step("put a");
        let secrets = [keys, secrets_with(&cloud.data_key_of("a", kind, suite))].into_iter().flatten();
        let secrets: Vec<Secret> = secrets.collect();
        let now = |child: &Child| left(child, &secrets, &KEPT);
        assert!(!now(&child).contains(&DATA_KEY), "{kind} {suite}: after a put");
        child.step("begin a");
        assert_eq!(
            now(&child).contains(&DATA_KEY),
            suite == "aes-ctr",
            "{kind} {suite}: the control: an open object"
        );
        child.step("end");
        assert!(!now(&child).contains(&DATA_KEY), "{kind} {suite}: after a get");
        child.step("close");
        assert_eq!(now(&child), [], "{kind} {suite}: after the end");
    }
}

#[test]
fn what_opened_a_protected_key_dies_with_the_opening() {
    for suite in ["aes-ctr", "sealed"] {
        let cloud = Cloud::new();
        let mut child = Child::start(&cloud);
        let (keys, openers) = cloud.protected_key();
        child.step("read passphrase");
        assert_eq!(left(&child, &openers, &[]), [PASSPHRASE], "{suite}: the control: who has read it");
        child.step(&format!("open protected {suite} unkept"));
        assert_eq!(left(&child, &openers, &[]), [], "{suite}: after the file was opened");
        assert!(left(&child, &keys, &[]).contains(&WRAPPING_KEY), "{suite}: the control: the key is there");
        child.step("put a");
        child.step("close");
        assert_eq!(left(&child, &keys, &[]), [], "{suite}: after the end");
    }
}

/// What the secrets are looked for by finds them in every form.
#[test]
fn what_is_there_is_found() {
    let secret = Secret::new("one", b"0123456789abcdefghijklmnopqrstuv");
    for (form, text) in secret.texts() {
        for text in text {
            let part = &text[5..5 + secrets::WINDOW];
            let memory = [&[7; 100][..], part, &[7; 100]].concat();
            assert_eq!(secrets::found_in(&memory, std::slice::from_ref(&secret)), [("one", form)]);
            let less = [&[7; 100][..], &part[1..], &[7; 100]].concat();
            assert_eq!(secrets::found_in(&less, std::slice::from_ref(&secret)), []);
        }
    }
    assert_eq!(BASE64.encode(b"0123456789abcdefghijklmnopqrstuv").len(), 44);
}
