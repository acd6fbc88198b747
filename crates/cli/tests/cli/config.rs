//! The configuration: lookup order, precedence and error messages.

use crate::support::{Home, ID, SECRET, Store};

#[test]
fn c2_mistakes_are_named_with_their_line() {
    for (text, words) in [
        (
            "[profile.default]\nendpont = \"x\"\n",
            &["osseal.toml, line 2", "unknown key \"endpont\"", "did you mean \"endpoint\"?"][..],
        ),
        (
            "[profile.default]\nxyzzy = 1\n",
            &["line 2", "unknown key \"xyzzy\"", "there are: endpoint, region"],
        ),
        ("[profiles.default]\n", &["line 1", "unknown section \"profiles\"", "did you mean \"profile\"?"]),
        ("\n\n[key.a]\nkind = \"rsa\"\nprivat = \"k\"\n", &["line 5", "did you mean \"private\"?"]),
        ("[profile.default]\nregion = \"a\"\nregion = \"b\"\n", &["line 3", "duplicate key"]),
        ("[profile.default]\n[profile.default]\n", &["line 2", "duplicate key"]),
        ("[profile.default]\nregion = 5\n", &["line 2", "region: invalid type", "string"]),
        ("[profile.default]\nkeyring = \"a\"\n", &["line 2", "keyring: invalid type", "sequence"]),
        ("profile = 3\n", &["line 1", "profile: invalid type"]),
        ("[profile]\ndefault = 3\n", &["line 2", "default: invalid type"]),
        ("[key.a]\nkind = \"dsa\"\n", &["line 2", "kind: unknown variant"]),
        ("[key.a]\nprivate = \"k\"\n", &["line 1", "missing field `kind`"]),
        ("[key.a]\nkind = \"rsa\"\npadding = \"none\"\n", &["line 3", "padding: "]),
        ("[key.a]\nkind = \"rsa\"\ndescription = \"x\"\n", &["line 3", "description: invalid type"]),
        ("[key.a]\nkind = \"rsa\"\ndescription = { a = 1 }\n", &["line 3", "invalid type"]),
        ("[profile.default]\nsuite = \"aes\"\n", &["line 2", "suite: unknown suite \"aes\"", "aes-ctr"]),
        ("[profile.default]\naddressing = \"x\"\n", &["line 2", "addressing: unknown variant"]),
        ("[profile.default]\nnetwork = \"x\"\n", &["line 2", "network: ", "dual-stack"]),
        (
            "[profile.default]\ncredentials = \"x\"\n",
            &["line 2", "credentials: ", "environment, oidc, aliyun"],
        ),
        ("[profile.default\n", &["line 1"]),
        ("region = \u{1b}[31m\n", &["line 1"]),
        ("", &["is empty"]),
    ] {
        let home = Home::new();
        home.write("osseal.toml", text);
        home.run(&["keys", "list"]).fails(2, words);
    }
}

#[test]
fn c2_values_that_may_be_secret_are_not_repeated() {
    for text in [
        format!("[profile.default]\naccess_key_secret = \"{SECRET}\"\n"),
        format!("[profile.default]\nkeyring = \"{SECRET}\n"),
    ] {
        let home = Home::new();
        home.write("osseal.toml", &text);
        let ended = home.run(&["keys", "list"]);
        assert_eq!(ended.code, 2, "{text}");
    }
}

#[test]
fn c2_files_that_are_no_configuration() {
    let home = Home::new();
    home.write("large", vec![b'#'; (1 << 20) + 1]);
    home.write("binary", [0xff, 0xfe]);
    home.run(&["--config", "large", "keys", "list"]).fails(2, &["large", "larger than 1.0 MiB"]);
    home.run(&["--config", "binary", "keys", "list"]).fails(2, &["binary", "not UTF-8"]);
    home.run(&["--config", ".", "keys", "list"]).fails(2, &["is a directory"]);
    home.run(&["--config", "missing.toml", "keys", "list"]).fails(2, &["missing.toml", "No such file"]);
    home.run(&["--config", "", "keys", "list"]).fails(2, &["--config"]);
    home.run(&["--config=/dev/zero", "keys", "list"]).fails(2, &["not a regular file"]);
    std::fs::create_dir(home.path().join("osseal.toml")).unwrap();
    home.run(&["keys", "list"]).fails(2, &["osseal.toml", "is a directory"]);
}

#[test]
fn a_found_file_names_no_commands() {
    let text = "[profile.default]\ncredential_command = \"run me\"\n";
    let home = Home::new();
    home.write("osseal.toml", text);
    home.run(&["keys", "list"])
        .fails(2, &["osseal.toml, line 2", "may not name commands to run", "--config"]);
    // In a file named with --config it is an ordinary unknown key.
    home.run(&["--config", "osseal.toml", "keys", "list"]).fails(2, &["unknown key \"credential_command\""]);
}

/// A key entry whose presence says which file was read.
fn marked(name: &str) -> String {
    format!("[profile.default]\nkeyring = [\"{name}\"]\n[key.{name}]\nkind = \"aes\"\nfile = \"{name}\"\n")
}

#[test]
fn files_are_looked_for_in_order() {
    let read = |home: &Home, flags: &[&str]| {
        let listed = home.run(&[flags, &["keys", "list"]].concat()).text();
        listed.split_whitespace().next().unwrap_or("none").to_owned()
    };
    let home = Home::new();
    assert_eq!(read(&home, &[]), "none");
    home.write(".config/osseal/config.toml", marked("user"));
    assert_eq!(read(&home, &[]), "user");
    home.write("osseal.toml", marked("working"));
    assert_eq!(read(&home, &[]), "working");
    home.write("variable.toml", marked("variable"));
    let home = home.set("OSSEAL_CONFIG", "variable.toml");
    assert_eq!(read(&home, &[]), "variable");
    home.write("flag.toml", marked("flag"));
    assert_eq!(read(&home, &["--config", "flag.toml"]), "flag");
    let home = home.set("OSSEAL_CONFIG", "");
    assert_eq!(read(&home, &[]), "working", "empty counts as unset");
}

#[test]
fn key_paths_start_from_the_files_folder() {
    let home = Home::new();
    home.write("conf/osseal.toml", marked("k"));
    home.run(&["keys", "new", "aes", "conf/k"]).ok();
    home.run(&["--config", "conf/osseal.toml", "keys", "check"]).ok();
}

#[test]
fn profiles_are_named_by_flag_variable_or_default() {
    let home = Home::new();
    home.write("osseal.toml", "[profile.prod]\n[profile.test]\n");
    home.run(&["keys", "list"]).ok();
    home.run(&["--profile", "prod", "keys", "list"]).ok();
    home.run(&["--profile", "prd", "keys", "list"])
        .fails(2, &["no profile \"prd\"", "did you mean \"prod\"?"]);
    home.run(&["--profile", "default", "keys", "list"]).fails(2, &["no profile \"default\"", "prod, test"]);
    let home = home.set("OSSEAL_PROFILE", "elsewhere");
    home.run(&["keys", "list"]).fails(2, &["no profile \"elsewhere\""]);
    home.run(&["--profile", "prod", "keys", "list"]).ok();
    let home = home.set("OSSEAL_PROFILE", "");
    home.run(&["keys", "list"]).ok();
}

#[test]
fn keyrings_name_keys_that_exist() {
    let home = Home::new();
    home.write(
        "osseal.toml",
        "[profile.default]\nkeyring = [\"bakup\"]\n[key.backup]\nkind = \"aes\"\nfile = \"k\"\n",
    );
    home.run(&["keys", "check"]).fails(2, &["no key \"bakup\"", "did you mean \"backup\"?"]);
    for (entry, word) in [
        ("kind = \"rsa\"", "needs private or public"),
        ("kind = \"rsa\"\nfile = \"k\"", "not file"),
        ("kind = \"aes\"", "needs file"),
        ("kind = \"aes\"\nprivate = \"k\"", "neither private nor public"),
        ("kind = \"aes\"\nfile = \"k\"\npadding = \"pkcs1\"", "no padding"),
    ] {
        home.write("osseal.toml", format!("[profile.default]\nkeyring = [\"a\"]\n[key.a]\n{entry}\n"));
        home.run(&["keys", "check"]).fails(2, &["[key.a]", word]);
    }
}

#[test]
fn flags_go_before_the_environment_and_that_before_the_file() {
    let store = Store::new();
    let file = |endpoint: &str, region: &str| {
        format!("[profile.default]\nendpoint = \"{endpoint}\"\nregion = \"{region}\"\n")
    };
    let signed = || Home::new().set("OSS_ACCESS_KEY_ID", &ID).set("OSS_ACCESS_KEY_SECRET", SECRET);
    let nowhere = "http://127.0.0.1:1";

    let home = signed();
    home.write("osseal.toml", file(&store.endpoint, "cn-hangzhou"));
    home.run(&["ls"]).ok();
    home.run(&["ls", "--region", "cn-shanghai"]).fails(4, &["region"]);

    let home = signed().set("OSS_ENDPOINT", &store.endpoint).set("OSS_REGION", "cn-hangzhou");
    home.write("osseal.toml", file(nowhere, "nowhere"));
    home.run(&["ls"]).ok();

    let home = signed().set("OSS_ENDPOINT", nowhere).set("OSS_REGION", "nowhere");
    home.run(&["ls", "--endpoint", &store.endpoint, "--region", "cn-hangzhou"]).ok();

    let home = signed().set("OSS_ENDPOINT", "").set("OSS_REGION", "").set("OSS_SESSION_TOKEN", "");
    home.run(&["ls"]).fails(2, &["no endpoint"]);
    home.write("osseal.toml", file(&store.endpoint, "cn-hangzhou"));
    home.run(&["ls"]).ok();

    let home = signed().set("OSS_ACCESS_KEY_ID", "");
    home.write("osseal.toml", file(&store.endpoint, "cn-hangzhou"));
    home.run(&["ls"]).fails(2, &["OSS_ACCESS_KEY_SECRET is set and OSS_ACCESS_KEY_ID is not"]);
    let home = home.set("OSS_ACCESS_KEY_SECRET", "");
    home.run(&["ls"]).fails(2, &["no source has credentials", "--local"]);
}

#[test]
fn c3_endpoints() {
    let home = Home::new().set("OSS_ACCESS_KEY_ID", &ID).set("OSS_ACCESS_KEY_SECRET", SECRET);
    for (endpoint, words) in [
        ("http://oss-cn-hangzhou.aliyuncs.com", &["not encrypted", "--allow-plain-http"][..]),
        ("https://user:hunter2@host", &["no user name or password"]),
        ("ftp://host", &["https://"]),
        ("host/path", &["no path"]),
        ("host:0", &["port"]),
        ("host:99999", &["port"]),
        ("host.", &["host name"]),
        ("höst", &["host name"]),
        ("\u{1b}[31m", &["host name"]),
    ] {
        let said = home.run(&["ls", "--region", "r", "--endpoint", endpoint]).fails(2, words);
        assert!(!said.contains("hunter2"), "{said}");
    }
}
