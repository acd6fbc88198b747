//! Logs: content of each level, and secrets that no level shows.

use data_encoding::{BASE64, HEXLOWER, HEXUPPER};
use osseal::Credentials;
use osseal_server::fault::{Action, Fault};
use osseal_server::kms::faults as kms;

use crate::kms::KeyService;
use crate::serve::Server;
use crate::support::{Home, ID, SECRET, Store, TEMPORARY, TOKEN, ramp};

/// How an operation begins in a line.
const PUT: &str = "oss{operation=\"PutObject\" bucket=\"box\" key=\"f\"";

#[test]
fn levels_show_operations_then_requests_then_everything() {
    let store = Store::new();
    let home = Home::with_store(&store.endpoint);
    home.write("f", ramp(1000));
    let log = |arguments: &[&str]| {
        let ended = home.run(&[&["cp", "--quiet", "f", "oss://box/f"], arguments].concat());
        assert_eq!(ended.code, 0, "{ended:?}");
        ended.stderr
    };
    assert_eq!(log(&[]), "");
    let operations = log(&["-v"]);
    assert!(operations.contains(PUT) && operations.contains("bytes=1000"), "{operations}");
    assert!(operations.contains("request_id=") && !operations.contains("answered"), "{operations}");
    assert!(operations.lines().all(|line| line.contains(" INFO ")), "{operations}");
    let requests = log(&["-vv"]);
    assert!(requests.contains("answered call=\"PutObject\" attempt=1 status=200"), "{requests}");
    store.faults.inject(Fault::new(Action::refuse(503, "ServiceUnavailable")));
    let again = log(&["-vv"]);
    assert!(again.contains("retrying") && again.contains("code=\"ServiceUnavailable\""), "{again}");

    let json = log(&["-vv", "--log-format", "json"]);
    let lines: Vec<serde_json::Value> =
        json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let end = lines.iter().find(|line| line["message"] == "close").unwrap();
    assert_eq!(
        (&end["level"], &end["span"]["operation"], &end["span"]["bytes"]),
        (&"INFO".into(), &"PutObject".into(), &1000.into())
    );
    assert!(lines.iter().any(|line| line["call"] == "PutObject" && line["status"] == 200), "{json}");
}

#[test]
fn the_environment_sets_a_level_and_other_crates_have_none() {
    let store = Store::new();
    let log = |variables: &[(&str, &str)], arguments: &[&str]| {
        let mut home = Home::with_store(&store.endpoint);
        for (name, value) in variables {
            home = home.set(name, value);
        }
        home.run(&[&["ls", "oss://box"], arguments].concat())
    };
    let is_told = |ended: crate::support::Ended, word: &str| ended.stderr.contains(word);
    assert!(is_told(log(&[("OSSEAL_LOG", "info")], &[]), "operation=\"ListObjects\""));
    assert!(
        is_told(log(&[("OSSEAL_LOG", "off")], &["-v"]), "operation=\"ListObjects\""),
        "the flag goes first"
    );
    assert!(!is_told(log(&[("RUST_LOG", "trace")], &[]), "operation"), "a variable of other programs");
    log(&[("OSSEAL_LOG", "hyper=trace")], &[]).fails(2, &["OSSEAL_LOG is no level", "hint: off, error"]);
    let all = log(&[("RUST_LOG", "trace")], &["-vvv"]).stderr;
    assert!(all.contains("answered"), "{all}");
    for line in all.lines() {
        assert!(line.contains(" osseal"), "{line}");
    }
}

#[test]
fn a_log_that_nobody_takes_stops_no_work() {
    let store = Store::new();
    let home = Home::with_store(&store.endpoint);
    home.write("f", ramp(1000));
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ended = home.command(&["cp", "--quiet", "-vvv", "f", "oss://box/f"]).stderr(writer).status().unwrap();
    assert_eq!(ended.code(), Some(0));
    assert_eq!(home.run(&["cat", "oss://box/f"]).ok(), ramp(1000));
}

/// A secret, and the texts that would tell it: as it is, in hexadecimal digits, and in base64 at each of the three places.
fn tells(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut texts = vec![secret.to_vec(), HEXLOWER.encode(secret).into(), HEXUPPER.encode(secret).into()];
    for place in 0..3 {
        let padded = [&vec![0; place][..], secret].concat();
        let whole = BASE64.encode(&padded);
        // The first and last characters depend on their neighbours.
        let text = whole.trim_end_matches('=');
        texts.push(text.as_bytes()[if place == 0 { 0 } else { 4 }..text.len() - 3].to_vec());
    }
    texts
}

/// The secrets that a text tells.
fn told<'a>(text: &[u8], secrets: &'a [(&'a str, Vec<u8>)]) -> Vec<&'a str> {
    let is_in = |needle: &Vec<u8>| text.windows(needle.len()).any(|window| window == needle);
    secrets.iter().filter(|(_, secret)| tells(secret).iter().any(is_in)).map(|(name, _)| *name).collect()
}

#[cfg(unix)]
#[test]
fn no_level_and_no_format_tells_a_secret() {
    let store = Store::new();
    let credentials = Credentials::new(TEMPORARY, SECRET.to_owned()).with_token(TOKEN.to_owned());
    let service = KeyService::with(credentials);
    // The key service gives a data key that the test knows.
    let data_key: Vec<u8> = (0_u8..32).map(|i| i.wrapping_mul(73) ^ 0xa5).collect();
    for operation in [kms::Operation::GenerateDataKey, kms::Operation::Decrypt] {
        let known = kms::Action::member("Plaintext", BASE64.encode(&data_key));
        service.faults.inject(kms::Fault::new(known).on(operation).always());
    }
    let canary = b"a plaintext that nobody else may see";
    let mut secrets = vec![
        ("data key", data_key),
        ("plaintext", canary.to_vec()),
        ("access key secret", SECRET.into()),
        ("token", TOKEN.into()),
    ];

    for format in ["text", "json"] {
        let home = Home::new()
            .set("OSS_ENDPOINT", &store.endpoint)
            .set("OSS_ACCESS_KEY_ID", TEMPORARY)
            .set("OSS_ACCESS_KEY_SECRET", SECRET)
            .set("OSS_SESSION_TOKEN", TOKEN)
            .set("RUST_LOG", "trace");
        home.run(&["keys", "new", "aes", "backup.key"]).ok();
        home.write("f", canary.repeat(1000));
        service.configure(&home, "sealed", &service.id, "");
        let mut log = Vec::new();
        let mut run = |arguments: &[&str]| {
            let ended = home.run(&[arguments, &["-vvv", "--log-format", format]].concat());
            assert_eq!(ended.code, 0, "{ended:?}");
            log.extend_from_slice(ended.stderr.as_bytes());
            ended.stdout
        };
        store.faults.inject(Fault::new(Action::refuse(503, "ServiceUnavailable")));
        run(&["cp", "f", "oss://box/f"]);
        run(&["cp", "--multipart-threshold", "1", "f", "oss://box/parts"]);
        assert_eq!(run(&["cat", "oss://box/f"]), canary.repeat(1000));
        run(&["stat", "--verify=all", "oss://box/f"]);
        run(&["keys", "check"]);
        // The URL must contain the token, so data on stdout is not checked for secrets.
        let made =
            home.command(&["presign", "oss://box/f", "-vvv", "--log-format", format]).output().unwrap();
        let url = String::from_utf8(made.stdout).unwrap();
        let signature = url.trim_end().rsplit("signature=").next().unwrap();
        assert!(signature.len() >= 28 && url.contains("x-oss-security-token"), "{url}");
        secrets.push(("signature of a URL", signature.into()));
        home.write("url", &url);
        assert_eq!(run(&["cat", "url-file:url"]), canary.repeat(1000));
        log.extend_from_slice(&made.stderr);

        let text = String::from_utf8_lossy(&log).into_owned();
        for word in ["retrying", "GenerateDataKey", "Decrypt", "PresignUrl", "request_id"] {
            assert!(text.contains(word), "{word} is not in the log");
        }
        assert_eq!(told(&log, &secrets), Vec::<&str>::new());
        // The control: each secret is found in each of its forms.
        for (name, secret) in &secrets {
            for form in tells(secret) {
                let planted = [&log[..], b" x=", &form, b" ", &log[..]].concat();
                assert!(told(&planted, &secrets).contains(name), "{name}");
            }
        }
        drop(secrets.pop());
    }
}

#[cfg(unix)]
#[test]
fn no_failure_tells_a_secret() {
    const CANARY: &[u8] = b"a plaintext that nobody else may see";
    const WRONG_SECRET: &str = "wrong-4tGz8Qm2XbV6";
    const FILE_PASSPHRASE: &str = "file-9pLr3Wd7KsN1";
    const WRONG_PASSPHRASE: &str = "other-6vHc5Tj0YqB8";
    const OSS2_PASSPHRASE: &str = "oss2-1nFx7Zk4MgD3";
    let store = Store::new();
    let service =
        KeyService::with(Credentials::new(TEMPORARY, SECRET.to_owned()).with_token(TOKEN.to_owned()));
    let home = |secret: &str| {
        let home = Home::new()
            .set("OSS_ENDPOINT", &store.endpoint)
            .set("OSS_ACCESS_KEY_ID", TEMPORARY)
            .set("OSS_ACCESS_KEY_SECRET", secret)
            .set("OSS_SESSION_TOKEN", TOKEN);
        home.run(&["keys", "new", "aes", "backup.key"]).ok();
        home.write("f", CANARY.repeat(1000));
        home.write_secret("file", FILE_PASSPHRASE);
        home.write_secret("wrong", WRONG_PASSPHRASE);
        home
    };
    for format in ["text", "json"] {
        let (good, bad) = (home(SECRET), home(WRONG_SECRET));
        let mut log = Vec::new();
        let mut run = |home: &Home, arguments: &[&str], code: i32| {
            let flags = ["--config", "osseal.toml", "-vvv", "--log-format", format];
            let ended = home.run(&[arguments, &flags].concat());
            assert_eq!(ended.code, code, "{arguments:?}: {ended:?}");
            log.extend_from_slice(ended.stderr.as_bytes());
            ended.stdout
        };
        // Two values of an object, in two calls each way.
        service.configure(&good, "aes-ctr", &service.id, "");
        run(&good, &["cp", "f", "oss://box/f"], 0);
        assert_eq!(run(&good, &["cat", "oss://box/f"], 0), CANARY.repeat(1000));
        run(&good, &["keys", "check"], 0);
        let [data_key, counter] = service.values_of(&store, "f");

        // They do not open: in another context, and with another passphrase than oss2 was given.
        service.configure(&good, "aes-ctr", &service.id, "context = { app = \"other\" }");
        run(&good, &["cat", "oss://box/f"], 5);
        let pair = format!("context = {{ x-passphrase = \"{OSS2_PASSPHRASE}\" }}");
        service.configure(&good, "aes-ctr", &service.id, &pair);
        run(&good, &["cp", "f", "oss://box/oss2"], 0);
        store.edit("oss2", |name, value| {
            let is_blob = name.ends_with("encryption-key") || name.ends_with("encryption-start");
            if is_blob { BASE64.encode(value.as_bytes()) } else { value.to_owned() }
        });
        service.configure(&good, "aes-ctr", &service.id, "passphrase-file = \"wrong\"");
        run(&good, &["cat", "oss://box/oss2"], 5);

        // A key file, under another passphrase.
        run(&good, &["keys", "new", "rsa", "k.pem", "--bits", "2048", "--passphrase-file", "file"], 0);
        let section = "[profile.default]\nregion = \"cn-hangzhou\"\nkeyring = [\"k\"]\n[key.k]\nkind = \"rsa\"\nprivate = \"k.pem\"\n";
        good.write("osseal.toml", format!("{section}passphrase-file = \"wrong\"\n"));
        run(&good, &["cat", "oss://box/f"], 2);
        good.write("osseal.toml", format!("{section}passphrase-file = \"file\"\n"));
        run(&good, &["keys", "check"], 0);

        // Neither the store nor the key service accepts a signature with another secret.
        service.configure(&bad, "aes-ctr", &service.id, "");
        run(&bad, &["ls", "oss://box"], 4);
        run(&bad, &["keys", "check"], 4);

        let text = String::from_utf8_lossy(&log).into_owned();
        for word in ["GenerateDataKey", "Encrypt", "Decrypt", "UnwrapFailed", "SignatureDoesNotMatch"] {
            assert!(text.contains(word), "{word} is not in the log");
        }
        let secrets = [
            ("data key", data_key),
            ("counter", counter),
            ("plaintext", CANARY.to_vec()),
            ("access key secret", SECRET.into()),
            ("wrong access key secret", WRONG_SECRET.into()),
            ("token", TOKEN.into()),
            ("passphrase", FILE_PASSPHRASE.into()),
            ("wrong passphrase", WRONG_PASSPHRASE.into()),
            ("passphrase of oss2", OSS2_PASSPHRASE.into()),
        ];
        assert_eq!(told(&log, &secrets), Vec::<&str>::new());
        // The control: each secret is found in each of its forms.
        for (name, secret) in &secrets {
            for form in tells(secret) {
                let planted = [&log[..], b" x=", &form, b" ", &log[..]].concat();
                assert!(told(&planted, &secrets).contains(name), "{name}");
            }
        }
    }
}

/// The development server receives presigned URLs; its logs contain no query strings.
#[cfg(unix)]
#[test]
fn the_server_does_not_log_queries() {
    let home = Home::new().set("OSS_ACCESS_KEY_ID", &ID).set("OSS_ACCESS_KEY_SECRET", SECRET);
    let server = Server::start(&home, &["-vvv"]);
    let user = Home::with_store(&server.endpoint);
    user.write("f", ramp(1000));
    user.run(&["mb", "oss://box"]).ok();
    user.run(&["cp", "f", "oss://box/f"]).ok();
    let url = user.run(&["presign", "oss://box/f"]).text();
    let signature = url.trim_end().rsplit("signature=").next().unwrap().to_owned();
    user.write("url", &url);
    user.run(&["cat", "url-file:url"]).ok();
    let log = server.log();
    assert!(log.contains("operation=GetObject") && log.contains("/box/f"), "{log}");
    assert!(!log.contains(&signature) && !log.contains("ignature="), "{log}");
}
