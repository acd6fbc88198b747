//! Endpoint, region and addressing: derivation and contradictions.

use serde_json::Value;

use crate::support::{Home, ID, SECRET};

fn signed() -> Home {
    Home::new().set("OSS_ACCESS_KEY_ID", &ID).set("OSS_ACCESS_KEY_SECRET", SECRET)
}

/// Endpoint, region and addressing, each with its source.
fn shown(home: &Home, flags: &[&str]) -> [(String, String); 3] {
    let text = home.run(&[&["--json", "config", "show"], flags].concat()).text();
    let value: Value = serde_json::from_str(&text).unwrap();
    ["endpoint", "region", "addressing"].map(|name| {
        let of = |member: &str| value[name][member].as_str().unwrap().to_owned();
        (of("value"), of("from"))
    })
}

#[test]
fn a_region_is_enough() {
    let home = signed();
    let endpoint = |flags: &[&str]| shown(&home, flags)[0].0.clone();
    assert_eq!(endpoint(&["--region", "cn-hangzhou"]), "https://oss-cn-hangzhou.aliyuncs.com");
    for (network, wanted) in [
        ("public", "https://oss-cn-x.aliyuncs.com"),
        ("internal", "https://oss-cn-x-internal.aliyuncs.com"),
        ("dual-stack", "https://cn-x.oss.aliyuncs.com"),
        ("accelerate", "https://oss-accelerate.aliyuncs.com"),
        ("accelerate-overseas", "https://oss-accelerate-overseas.aliyuncs.com"),
    ] {
        let text = format!("[profile.default]\nregion = \"cn-x\"\nnetwork = \"{network}\"\n");
        home.write("osseal.toml", text);
        let found = shown(&home, &[]);
        let pair = |value: &str, by: &str| (value.to_owned(), by.to_owned());
        assert_eq!(found[0], pair(wanted, &format!("the region, {network}")));
        assert_eq!(found[1], pair("cn-x", "the profile"));
        assert_eq!(found[2], pair("virtual-host", "the endpoint"));
        // An endpoint from nearer by goes before the profile's network.
        assert_eq!(endpoint(&["--endpoint", "https://127.0.0.1:1"]), "https://127.0.0.1:1");
    }
    home.write("osseal.toml", "");
    std::fs::remove_file(home.path().join("osseal.toml")).unwrap();
    home.run(&["config", "show", "--region", "cn hangzhou"]).fails(2, &["region of --region", "lower-case"]);
    home.run(&["config", "show"]).fails(2, &["no endpoint and no region", "--region, OSS_REGION"]);
}

#[test]
fn an_endpoint_of_the_service_names_its_region() {
    let home = signed();
    for (endpoint, region) in [
        ("oss-cn-hangzhou.aliyuncs.com", "cn-hangzhou"),
        ("oss-eu-central-1-internal.aliyuncs.com", "eu-central-1"),
        ("https://us-west-1.oss.aliyuncs.com", "us-west-1"),
    ] {
        let found = shown(&home, &["-e", endpoint]);
        assert_eq!(found[0].1, "--endpoint");
        assert_eq!(found[1], (region.to_owned(), "the endpoint's name".to_owned()));
        // Saying the same twice is no contradiction.
        assert_eq!(shown(&home, &["-e", endpoint, "--region", region])[1].1, "--region");
    }
    for endpoint in ["oss-accelerate.aliyuncs.com", "files.example.com", "http://127.0.0.1:9000"] {
        home.run(&["config", "show", "-e", endpoint]).fails(2, &["no region is given", "names none"]);
        assert_eq!(shown(&home, &["-e", endpoint, "--region", "cn-x"])[1].0, "cn-x");
    }
}

#[test]
fn contradictions_are_refused() {
    let home = signed().set("OSS_REGION", "cn-shanghai");
    home.run(&["ls", "-e", "oss-cn-hangzhou.aliyuncs.com"]).fails(
        2,
        &["the endpoint of --endpoint is in the region cn-hangzhou", "OSS_REGION says \"cn-shanghai\""],
    );
    let both =
        "[profile.default]\nregion = \"cn-x\"\nendpoint = \"oss-cn-x.aliyuncs.com\"\nnetwork = \"public\"\n";
    let home = signed();
    home.write("osseal.toml", both);
    home.run(&["ls"]).fails(2, &["osseal.toml has endpoint and network", "keep one of them"]);
}

#[test]
fn domains_of_ones_own() {
    let home = signed();
    let found = shown(&home, &["-e", "files.example.com", "--region", "cn-x", "--cname"]);
    assert_eq!(found[2], ("cname".to_owned(), "--cname".to_owned()));
    home.run(&["ls", "-e", "files.example.com", "--cname"]).fails(2, &["no region is given"]);
    home.run(&["ls", "--region", "cn-x", "--cname"]).fails(2, &["--cname says", "none is given"]);
    home.run(&["ls", "-e", "oss-cn-x.aliyuncs.com", "--cname"]).fails(2, &["is the service's"]);
    home.run(&["ls", "-e", "OSS-accelerate.aliyuncs.COM", "--region", "cn-x", "--cname"])
        .fails(2, &["is the service's"]);
    let path = shown(&home, &["-e", "oss.example.com", "--region", "cn-x", "--path-style"]);
    assert_eq!(path[2], ("path".to_owned(), "--path-style".to_owned()));
}
