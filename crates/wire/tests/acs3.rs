//! Signatures for the vendor's other services, against the vendor's own example; calls of the token
//! service.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use http::request::Parts;
use jiff::Timestamp;
use osseal_wire::acs3::{self, ApiAction};
use osseal_wire::oss::Credentials;
use osseal_wire::sts::{self, Role};

fn signature(head: &Parts) -> &str {
    head.headers["authorization"].to_str().unwrap()
}

fn example() -> Parts {
    let action = ApiAction { name: "RunInstances", version: "2014-05-26" };
    let image = ("ImageId", "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd");
    acs3::head("ecs.cn-shanghai.aliyuncs.com", action, &[("RegionId", "cn-shanghai"), image]).unwrap()
}

fn sign(head: &mut Parts, body: &[u8], credentials: &Credentials) {
    let (nonce, now) = ("3156853299f313e23d1673dc12e1703d", "2023-10-26T10:22:32Z".parse().unwrap());
    acs3::sign(head, body, credentials, nonce, now).unwrap();
}

/// <https://www.alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature>,
/// "fixed parameter values".
#[test]
fn example_of_the_vendor_signs_identically() {
    let mut head = example();
    sign(&mut head, b"", &Credentials::new("YourAccessKeyId", "YourAccessKeySecret"));
    assert_eq!(
        signature(&head),
        "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    );
}

/// Each part of the request is signed: changing any changes the signature.
#[test]
fn signature_covers_every_part() {
    let who = Credentials::new("YourAccessKeyId", "YourAccessKeySecret");
    let mut seen = Vec::new();
    let mut add = |edit: &dyn Fn(&mut Parts), body: &[u8], who: &Credentials| {
        let mut head = example();
        edit(&mut head);
        sign(&mut head, body, who);
        let made = signature(&head).rsplit_once('=').unwrap().1.to_owned();
        assert!(!seen.contains(&made), "{head:?}");
        seen.push(made);
    };
    add(&|_| {}, b"", &who);
    add(&|_| {}, b"x", &who);
    add(&|_| {}, b"", &Credentials::new("YourAccessKeyId", "other"));
    add(&|_| {}, b"", &who.clone().with_token("token"));
    add(&|head| head.method = http::Method::GET, b"", &who);
    add(
        &|head| head.uri = "https://ecs.cn-shanghai.aliyuncs.com/?RegionId=cn-shanghai".parse().unwrap(),
        b"",
        &who,
    );
    for name in ["host", "x-acs-action", "x-acs-version", "content-type"] {
        add(&|head| drop(head.headers.insert(name, "other".parse().unwrap())), b"", &who);
    }
}

#[test]
fn sts_calls_have_the_documented_form() {
    let role = Role {
        arn: "acs:ram::1:role/backup".into(),
        session: "nightly".into(),
        seconds: 900,
        policy: Some("{\"a\": 1}".into()),
    };
    let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
    let who = Credentials::new("id", "hunter2").with_token("t");
    let head = sts::assume_role("sts.aliyuncs.com", &role, Some("ext"), &who, "nonce", now).unwrap();
    assert_eq!(
        head.uri,
        "https://sts.aliyuncs.com/?RoleArn=acs%3Aram%3A%3A1%3Arole%2Fbackup&RoleSessionName=nightly&DurationSeconds=900&Policy=%7B%22a%22%3A%201%7D&ExternalId=ext"
    );
    assert_eq!(
        (&head.headers["x-acs-action"], &head.headers["x-acs-security-token"]),
        (&"AssumeRole".parse().unwrap(), &"t".parse().unwrap())
    );
    assert!(!format!("{head:?}").contains("hunter2"));

    let request = sts::assume_role_with_oidc("sts.cn-x.aliyuncs.com", &role, "acs:p", "a+b/c", now).unwrap();
    assert_eq!(
        request.uri(),
        "https://sts.cn-x.aliyuncs.com/?Action=AssumeRoleWithOIDC&Version=2015-04-01&Format=JSON&Timestamp=2026-01-02T03%3A04%3A05Z"
    );
    assert!(
        request.body().ends_with(b"&OIDCProviderArn=acs%3Ap&OIDCToken=a%2Bb%2Fc"),
        "{:?}",
        request.body()
    );
    assert!(!request.headers().contains_key("authorization"));
}

#[test]
fn sts_hosts_depend_on_region_and_network() {
    for (region, internal, wanted) in [
        (None, false, "sts.aliyuncs.com"),
        (None, true, "sts.aliyuncs.com"),
        (Some("cn-hangzhou"), false, "sts.cn-hangzhou.aliyuncs.com"),
        (Some("cn-hangzhou"), true, "sts-vpc.cn-hangzhou.aliyuncs.com"),
    ] {
        assert_eq!(sts::host(region, internal).unwrap(), wanted);
    }
    for bad in ["evil.example/", "cn hangzhou", "", "@x"] {
        assert!(sts::host(Some(bad), false).is_err(), "{bad:?}");
    }
}
