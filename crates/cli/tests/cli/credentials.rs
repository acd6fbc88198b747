//! Credentials: every source, `config show` and `config init`.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use serde_json::Value;

use crate::support::{Home, ID, SECRET, Store, TEMPORARY, TOKEN, on_a_terminal};

/// A home that leads to the store and has no credentials.
fn home(store: &Store) -> Home {
    Home::new().set("OSS_ENDPOINT", &store.endpoint).set("OSS_REGION", "cn-hangzhou")
}

/// A service on a socket that answers every request with this document.
fn service(document: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let head = BufReader::new(stream.try_clone().unwrap()).lines();
            head.map_while(Result::ok).find(String::is_empty);
            let length = document.len();
            let reply =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{document}");
            drop(stream.write_all(reply.as_bytes()));
        }
    });
    address
}

fn temporary(end: &str) -> String {
    format!(
        r#"{{"AccessKeyId":"{TEMPORARY}","AccessKeySecret":"{SECRET}","SecurityToken":"{TOKEN}","Expiration":"{end}"}}"#
    )
}

fn profile(members: &str) -> String {
    format!(r#"{{"current":"work","profiles":[{{"name":"work",{members}}}]}}"#)
}

const AK: &str =
    r#""mode":"AK","access_key_id":"test-id","access_key_secret":"hunter2-must-never-be-printed""#;

/// The report of `config show` on each source, by name.
fn sources(home: &Home, flags: &[&str]) -> Value {
    let ended = home.run(&[&["--json", "config", "show"], flags].concat());
    serde_json::from_slice(&ended.stdout).unwrap()
}

#[test]
fn every_source_signs() {
    let store = Store::new();
    let ini = format!("[Credentials]\naccessKeyID={}\naccessKeySecret={SECRET}\n", *ID);
    let script = format!("echo '{}'", temporary("2099-01-01T00:00:00Z").replace('"', "\\\""));
    let with_file = |name: &str, text: &str| {
        let home = home(&store);
        home.write(name, text);
        home
    };
    for (source, home) in [
        (
            "environment",
            home(&store)
                .set("ALIBABA_CLOUD_ACCESS_KEY_ID", &ID)
                .set("ALIBABA_CLOUD_ACCESS_KEY_SECRET", SECRET),
        ),
        (
            "environment",
            home(&store)
                .set("OSS_ACCESS_KEY_ID", TEMPORARY)
                .set("OSS_ACCESS_KEY_SECRET", SECRET)
                .set("OSS_SESSION_TOKEN", TOKEN),
        ),
        ("aliyun", with_file(".aliyun/config.json", &profile(&AK.replace("test-id", &ID)))),
        (
            "aliyun",
            with_file(
                ".aliyun/config.json",
                &profile(&format!(r#""mode":"External","process_command":"{script}""#)),
            ),
        ),
        ("ossutil", with_file(".ossutilconfig", &ini)),
        (
            "uri",
            home(&store).set("ALIBABA_CLOUD_CREDENTIALS_URI", &service(temporary("2099-01-01T00:00:00Z"))),
        ),
    ] {
        assert!(home.run(&["ls"]).text().contains("box"), "{source}");
        let text = home.run(&["config", "show"]).text();
        assert!(text.contains(&format!("(from {source}: ")), "{text}");
        let json = sources(&home, &[]);
        assert_eq!(json["credentials"]["source"], source);
        let states: Vec<&str> =
            json["sources"].as_array().unwrap().iter().map(|one| one["state"].as_str().unwrap()).collect();
        let used = states.iter().position(|state| *state == "used").unwrap();
        assert!(states[..used].iter().all(|state| *state == "passed over"), "{states:?}");
        assert!(states[used + 1..].iter().all(|state| *state == "not asked"), "{states:?}");
        assert_eq!(json["sources"][used]["source"], source);
        let is_temporary = json["credentials"]["temporary"].as_bool().unwrap();
        let id = json["credentials"]["access_key_id"].as_str().unwrap();
        let shown = if is_temporary { "STS.…rary".to_owned() } else { masked(&ID) };
        assert_eq!(id, shown);
        // Pinned, it signs as well; another one is not looked at.
        home.write("osseal.toml", format!("[profile.default]\ncredentials = \"{source}\"\n"));
        home.run(&["ls"]).ok();
        let other = if source == "aliyun" { "ossutil" } else { "aliyun" };
        home.write("osseal.toml", format!("[profile.default]\ncredentials = \"{other}\"\n"));
        home.run(&["ls"]).fails(2, &["no source has credentials", &format!("{other}: the file")]);
    }
}

#[test]
fn c01_secrets_among_the_arguments_are_refused_and_not_repeated() {
    let store = Store::new();
    let home = home(&store).set("OSS_ACCESS_KEY_ID", &ID).set("OSS_ACCESS_KEY_SECRET", SECRET);
    let joined = |name: &str| format!("{name}{SECRET}");
    for (flags, name) in [
        (&["-k", SECRET][..], "--access-key-secret"),
        (&["--access-key-secret", SECRET], "--access-key-secret"),
        (&[&joined("-k")], "--access-key-secret"),
        (&[&joined("--access-key-secret=")], "--access-key-secret"),
        (&["-i", &ID, "-k", SECRET, "-t", SECRET], "--access-key-secret"),
        (&["-k", SECRET, "-k", SECRET], "--access-key-secret"),
        (&["-k", &joined("-")], "--access-key-secret"),
        (&["-k", ""], "--access-key-secret"),
        (&["-t", SECRET], "--sts-token"),
        (&[&joined("--sts-token=")], "--sts-token"),
    ] {
        // Before and after the command; `run` checks that the output does not contain the secret.
        for arguments in [[&["ls"], flags].concat(), [flags, &["ls"]].concat()] {
            let words =
                [name, "is refused", "the shell's history", "OSS_ACCESS_KEY_SECRET", "~/.ossutilconfig"];
            home.run(&arguments).fails(2, &words);
        }
        // Nor when something else is refused first.
        for more in ["--xyzzy", "--local=x", "oss://a/b/c"] {
            home.run(&[&["ls", more], flags].concat()).fails(2, &[]);
        }
    }
    let help = home.run(&["--help"]).text();
    assert!(help.contains("--access-key-id") && !help.contains("--access-key-secret"), "{help}");
    // The control: without them it works.
    home.run(&["ls"]).ok();
}

#[test]
fn c01_an_id_among_the_arguments_takes_its_secret_from_elsewhere() {
    let store = Store::new();
    let id = ["-i", &ID];
    let secret = |id: &str| home(&store).set("OSS_ACCESS_KEY_ID", id).set("OSS_ACCESS_KEY_SECRET", SECRET);
    let alone = home(&store).set("OSS_ACCESS_KEY_SECRET", SECRET);
    // They go before every source, even a broken one.
    alone.run(&["ls"]).fails(2, &["OSS_ACCESS_KEY_SECRET is set and OSS_ACCESS_KEY_ID is not"]);
    alone.run(&[&["ls"], &id[..]].concat()).ok();
    secret(&ID).run(&[&["ls"], &id[..]].concat()).ok();
    home(&store).set("ALIBABA_CLOUD_ACCESS_KEY_SECRET", SECRET).run(&[&["ls"], &id[..]].concat()).ok();
    // The secret beside the id goes before one beside none.
    let both = home(&store).set("OSS_ACCESS_KEY_SECRET", "wrong").set("ALIBABA_CLOUD_ACCESS_KEY_ID", &ID);
    both.set("ALIBABA_CLOUD_ACCESS_KEY_SECRET", SECRET).run(&[&["ls"], &id[..]].concat()).ok();
    let temporary = home(&store).set("OSS_ACCESS_KEY_SECRET", SECRET).set("OSS_SESSION_TOKEN", TOKEN);
    temporary.run(&["ls", "-i", TEMPORARY]).ok();
    let shown = sources(&alone, &id);
    assert_eq!(shown["credentials"]["source"], "flags");

    let nowhere =
        ["--access-key-id is given", "nothing gives its secret", "OSS_ACCESS_KEY_SECRET", "terminal"];
    home(&store).run(&[&["ls"], &id[..]].concat()).fails(2, &nowhere);
    secret("another").run(&[&["ls"], &id[..]].concat()).fails(2, &nowhere);
    alone.run(&["ls", "-i", ""]).fails(2, &["--access-key-id is empty"]);
    alone.run(&["ls", "-i", &ID, "--local"]).fails(2, &["--local", "cannot be used with"]);
    // The control: a wrong secret is refused by the store.
    home(&store)
        .set("OSS_ACCESS_KEY_SECRET", "wrong")
        .run(&["ls", "-i", &ID])
        .fails(4, &["SignatureDoesNotMatch"]);
}

#[test]
fn c01_a_terminal_is_asked_for_the_secret_of_an_id() {
    let store = Store::new();
    let home = home(&store);
    let flags = ["--endpoint", &store.endpoint, "--region", "cn-hangzhou", "-i", &ID];
    let asked = on_a_terminal(&home, SECRET, &[&["ls"], &flags[..]].concat()).text();
    assert!(
        asked.contains(&format!("Secret of the access key {}: ", *ID)) && asked.contains("box"),
        "{asked}"
    );
    let wrong = on_a_terminal(&home, "wrong", &[&["ls"], &flags[..]].concat());
    assert_eq!(wrong.code, 4, "{wrong:?}");
    let empty = on_a_terminal(&home, "", &[&["ls"], &flags[..]].concat());
    assert_eq!(empty.code, 2, "{empty:?}");
    // Nothing is signed.
    let shown = on_a_terminal(&home, "", &[&["config", "show"], &flags[..]].concat()).text();
    assert!(
        shown.contains("the terminal is asked for its secret") && !shown.contains("Secret of"),
        "{shown}"
    );
    let listed = on_a_terminal(&home, "", &[&["keys", "list"], &flags[..]].concat()).text();
    assert!(!listed.contains("Secret of"), "{listed}");
}

#[test]
fn c05_what_is_broken_is_said() {
    let store = Store::new();
    let with_file = |name: &str, text: &str| {
        let home = home(&store);
        home.write(name, text);
        home
    };
    let command = |command: &str| {
        with_file(
            ".aliyun/config.json",
            &profile(&format!(r#""mode":"External","process_command":"{command}""#)),
        )
    };
    for (home, code, words) in [
        (with_file(".aliyun/config.json", SECRET), 2, &["aliyun: ", "config.json", "line 1"][..]),
        (
            with_file(".aliyun/config.json", &profile(&AK.replace("AK", "CloudSSO"))),
            2,
            &["mode \"CloudSSO\""],
        ),
        (
            with_file(".ossutilconfig", "[default]\nmode = Anonymous\n"),
            2,
            &["ossutil: ", "mode \"Anonymous\""],
        ),
        (command(&format!("echo {SECRET}; echo {SECRET} >&2; exit 1")), 2, &["exit code 1", "by hand"]),
        (command("head -c 1048576 /dev/zero"), 2, &["more than 64 KiB"]),
        (
            home(&store).set("ALIBABA_CLOUD_CREDENTIALS_URI", &service(temporary("2001-01-01T00:00:00Z"))),
            7,
            &["ended at 2001-01-01T00:00:00Z", "clock"],
        ),
        (
            home(&store).set("ALIBABA_CLOUD_CREDENTIALS_URI", "http://127.0.0.1:1/"),
            7,
            &["uri: ", "no connection"],
        ),
        (
            home(&store).set("ALIBABA_CLOUD_CREDENTIALS_URI", &service(SECRET.to_owned())),
            2,
            &["not a JSON document"],
        ),
    ] {
        home.run(&["ls"]).fails(code, words);
    }
    let half = home(&store).set("OSS_ACCESS_KEY_ID", &ID);
    half.write(".aliyun/config.json", profile(AK));
    half.run(&["config", "show"]).fails(2, &["the source of credentials environment failed"]);
    let json = sources(&half, &[]);
    assert_eq!(
        (&json["sources"][0]["state"], &json["sources"][2]["state"]),
        (&"failed".into(), &"not asked".into())
    );
}

/// A command is taken from the user's own configuration and from nowhere else.
#[test]
fn what_lies_about_names_no_commands() {
    let store = Store::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let text = profile(r#""mode":"External","process_command":"touch ran""#);
    let home = home(&store);
    home.write(".aliyun/config.json", &text);
    // The control: in the home folder it is run.
    home.run(&["ls"]).fails(2, &["the credential command"]);
    std::fs::remove_file(home.path().join("ran")).unwrap();
    let home = home.set("HOME", elsewhere.path().to_str().unwrap());
    home.run(&["ls"]).fails(2, &["no source has credentials"]);
    assert!(!home.path().join("ran").exists());
}

/// Proxies of the environment are not used: neither for the store nor for credentials.
#[test]
fn c08_proxies_of_the_environment_are_not_used() {
    let store = Store::new();
    let mut home =
        home(&store).set("ALIBABA_CLOUD_CREDENTIALS_URI", &service(temporary("2099-01-01T00:00:00Z")));
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        home = home.set(name, "http://127.0.0.1:1").set(&name.to_lowercase(), "http://127.0.0.1:1");
    }
    home.run(&["ls"]).ok();
    home.run(&["config", "show"]).ok();
}

#[test]
fn a_configuration_is_begun_once() {
    let home = Home::new();
    let said = home.run(&["config", "init"]);
    let path = home.path().join(".config/osseal/config.toml");
    assert!(said.stderr.contains(".config/osseal/config.toml"), "{said:?}");
    said.ok();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let text = std::fs::read_to_string(&path).unwrap();
    home.run(&["config", "init"]).fails(1, &["exists, and is never replaced"]);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);

    let report: Value =
        serde_json::from_str(&home.run(&["--json", "--config", "mine.toml", "config", "init"]).text())
            .unwrap();
    assert_eq!(report["file"], "mine.toml");
    home.run(&["--config", "mine.toml", "config", "init"]).fails(1, &["mine.toml exists"]);
    home.run(&["--config", "no/where.toml", "config", "init"]).fails(1, &["no/where.toml"]);
    home.run(&["--config", "", "config", "init"]).fails(2, &["--config"]);
    let named = Home::new().set("OSSEAL_CONFIG", "variable.toml");
    named.run(&["config", "init"]).ok();
    assert!(named.names(".").contains(&"variable.toml".to_owned()));
    home.run(&["--local", "config", "init"]).fails(2, &["reads no configuration"]);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("gone", home.path().join("link.toml")).unwrap();
        home.run(&["--config", "link.toml", "config", "init"]).fails(1, &["exists"]);
        assert!(!home.path().join("gone").exists());
    }
}

/// The sample is read as it is, and with everything in it switched on.
#[test]
fn the_sample_is_a_configuration() {
    let store = Store::new();
    let home = home(&store);
    home.run(&["--config", "sample.toml", "config", "init"]).ok();
    home.run(&["keys", "new", "rsa", "keys/backup.pem", "--bits", "2048"]).ok();
    let shown = home.run(&["--config", "sample.toml", "config", "show"]);
    shown.fails(2, &["no source has credentials"]);
    let text = String::from_utf8(home.read("sample.toml")).unwrap();
    let switched: String = text
        .lines()
        .map(|line| {
            line.strip_prefix("# ")
                .filter(|rest| rest.contains(" = ") || rest.starts_with('['))
                .unwrap_or(line)
        })
        .filter(|line| !line.starts_with("endpoint") && !line.starts_with("addressing"))
        .map(|line| format!("{line}\n"))
        .collect();
    home.write("full.toml", &switched);
    let listed = home.run(&["--config", "full.toml", "keys", "check"]).text();
    assert!(listed.contains("backup"), "{listed}");
    let ended = home.run(&["--config", "full.toml", "--json", "config", "show"]);
    let value: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!((&value["keyring"][0], &value["sources"][0]["source"]), (&"backup".into(), &"ecs".into()));
    ended.fails(2, &["no source has credentials"]);
}

#[test]
fn what_is_shown_is_for_people_too() {
    let home = Home::new().set("OSS_ACCESS_KEY_ID", "LTAI5tExample").set("OSS_ACCESS_KEY_SECRET", SECRET);
    home.write("osseal.toml", "[profile.work]\nregion = \"cn-x\"\nkeyring = [\"a\", \"b\"]\n[key.a]\nkind = \"aes\"\nfile = \"a\"\n");
    let text = home.run(&["--profile", "work", "config", "show"]).text();
    for line in [
        "configuration  osseal.toml",
        "profile        work",
        "endpoint       https://oss-cn-x.aliyuncs.com (from the region, public)",
        "region         cn-x (from the profile)",
        "addressing     virtual-host (from the endpoint)",
        "suite          sealed",
        "read           sealed",
        "bind           none",
        "keyring        a (writes), b",
        "credentials    LTAI…mple (from environment: OSS_ACCESS_KEY_ID)",
        "               environment  used",
        "               aliyun       not asked",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line:?} is not in\n{text}");
    }
    home.run(&["--profile", "gone", "config", "show"]).fails(2, &["no profile \"gone\""]);
    home.run(&["--local", "config", "show"]).fails(2, &["reads no configuration"]);
}

/// An access key id as `config show` prints it: four characters at each end.
fn masked(id: &str) -> String {
    format!("{}…{}", &id[..4], &id[id.len() - 4..])
}
