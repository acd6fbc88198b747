//! The metadata service of ECS and credentials URIs.

use std::time::Duration;

use osseal::credentials::CredentialSource::{Aliyun, Ecs, Ossutil, Uri};
use osseal::credentials::CredentialsErrorKind::{Absent, Broken, Refused, Unavailable};
use tokio::time::Instant;

use super::cloud::{Asked, Cloud, END, Home, document, told};

const TOKEN: &str = "PUT 100.100.100.200/latest/api/token";
const ROLES: &str = "GET 100.100.100.200/latest/meta-data/ram/security-credentials/";
const ROLE: &str = "GET 100.100.100.200/latest/meta-data/ram/security-credentials/worker";

/// A metadata service; each of its three answers can be another.
fn instance(token: Option<(u16, &str)>, roles: (u16, &str), role: (u16, &str)) -> Cloud {
    let own = |answer: (u16, &str)| (answer.0, answer.1.to_owned());
    let (token, roles, role) = (token.map(own), own(roles), own(role));
    Cloud::new(move |asked: &Asked| match asked.line().as_str() {
        TOKEN => token.clone(),
        ROLES => Some(roles.clone()),
        ROLE => Some(role.clone()),
        other => panic!("{other}"),
    })
}

fn good() -> Cloud {
    instance(Some((200, "imds-token\n")), (200, "worker\n"), (200, &document("STS.ecs")))
}

#[tokio::test(start_paused = true)]
async fn the_role_of_the_instance() {
    let cloud = good();
    let found = Home::new().ask(Ecs, &cloud).await.unwrap();
    assert_eq!(told(&found), ("STS.ecs", true, Some("hunter2-must-never-be-printed-token")));
    assert_eq!(found.grant.expires, END.parse().ok());
    assert_eq!(found.detail, "role worker of this instance");
    assert_eq!(cloud.lines(), [TOKEN, ROLES, ROLE]);
    let asked = cloud.asked();
    assert_eq!(asked[0].head.headers["x-aliyun-ecs-metadata-token-ttl-seconds"], "21600");
    for asked in &asked[1..] {
        assert_eq!(asked.head.headers["x-aliyun-ecs-metadata-token"], "imds-token");
        assert!(asked.head.headers["x-aliyun-ecs-metadata-token"].is_sensitive());
    }
    // A role that is known is not asked for, whoever names it.
    let profile = r#""mode":"EcsRamRole","ram_role_name":"worker""#;
    let ini = |text: &str| Home::new().file(".ossutilconfig", text);
    for (source, home) in [
        (Ecs, Home::new().set("ALIBABA_CLOUD_ECS_METADATA", "worker")),
        (Aliyun, Home::with_profile(profile)),
        (Ossutil, ini("[default]\nmode=EcsRamRole\necs-role-name=worker\n")),
        (
            Ossutil,
            ini(
                "[AkService]\necsAk=http://100.100.100.200/latest/meta-data/Ram/security-credentials/worker\n",
            ),
        ),
    ] {
        let cloud = good();
        assert_eq!(told(&home.ask(source, &cloud).await.unwrap()).0, "STS.ecs");
        assert_eq!(cloud.lines(), [TOKEN, ROLE]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_version_where_there_is_no_second() {
    let old = || instance(Some((404, "")), (200, "worker"), (200, &document("STS.ecs")));
    let cloud = old();
    assert_eq!(told(&Home::new().ask(Ecs, &cloud).await.unwrap()).0, "STS.ecs");
    assert!(
        cloud.asked()[1..]
            .iter()
            .all(|asked| !asked.head.headers.contains_key("x-aliyun-ecs-metadata-token"))
    );
    let strict = Home::new().set("ALIBABA_CLOUD_IMDSV1_DISABLED", "true");
    let cloud = old();
    strict.fails(Ecs, &cloud, Refused, &["HTTP 404", "ALIBABA_CLOUD_IMDSV1_DISABLED"]).await;
    assert_eq!(cloud.lines(), [TOKEN]);
}

/// Three tries of one second each; nobody who is elsewhere waits longer, and who asked for the role by name is told.
#[tokio::test(start_paused = true)]
async fn elsewhere_nothing_answers() {
    let (cloud, begun) = (Cloud::silent(), Instant::now());
    Home::new().fails(Ecs, &cloud, Absent, &["no instance of ECS"]).await;
    assert_eq!(begun.elapsed(), Duration::from_secs(3));
    assert_eq!(cloud.lines(), [TOKEN; 3]);
    let named = Home::new().set("ALIBABA_CLOUD_ECS_METADATA", "worker");
    named.fails(Ecs, &cloud, Unavailable, &["does not answer", "no reply within 1 s"]).await;
    let off = Cloud::silent();
    let home = Home::new().set("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "TRUE");
    home.fails(Ecs, &off, Absent, &["ALIBABA_CLOUD_ECS_METADATA_DISABLED"]).await;
    let both = Home::with_profile(r#""mode":"EcsRamRole""#).set("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "1");
    both.fails(Aliyun, &off, Broken, &["ALIBABA_CLOUD_ECS_METADATA_DISABLED"]).await;
    assert!(off.lines().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_the_metadata_service_may_say() {
    let token = Some((200, "imds-token"));
    let full = document("STS.ecs");
    let changed = |from: &str, to: &str| full.replace(from, to);
    for (cloud, kind, word) in [
        (instance(token, (404, ""), (200, &full)), Absent, "has no role; attach one"),
        (instance(token, (200, ""), (200, &full)), Broken, "characters"),
        (instance(token, (200, "a/../b?hunter2"), (200, &full)), Broken, "characters"),
        (instance(token, (503, "hunter2"), (200, &full)), Unavailable, "HTTP 503"),
        (instance(token, (403, "hunter2"), (200, &full)), Refused, "HTTP 403"),
        (instance(token, (302, "hunter2"), (200, &full)), Refused, "HTTP 302"),
        (instance(token, (200, "worker"), (404, "")), Broken, "no role worker"),
        (instance(token, (200, "worker"), (429, "")), Unavailable, "HTTP 429"),
        (instance(token, (200, "worker"), (200, "hunter2")), Broken, "not a JSON document"),
        (instance(token, (200, "worker"), (200, &changed("Success", "Failed"))), Broken, "the error Failed"),
        (instance(token, (200, "worker"), (200, &changed("SecurityToken", "x"))), Broken, "no SecurityToken"),
        (instance(token, (200, "worker"), (200, &changed("Expiration", "x"))), Broken, "no Expiration"),
        (instance(token, (200, "worker"), (200, &changed(END, "hunter2"))), Broken, "not a time"),
        (instance(token, (200, "worker"), (200, &"x".repeat(70_000))), Unavailable, "longer than 64 KiB"),
        (instance(Some((500, "")), (200, "worker"), (200, &full)), Unavailable, "HTTP 500"),
        (instance(Some((200, "a\u{1}b")), (200, "worker"), (200, &full)), Broken, "token"),
    ] {
        Home::new().fails(Ecs, &cloud, kind, &[word]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_at_an_address_of_ones_own() {
    let home = |address: &str| Home::new().set("ALIBABA_CLOUD_CREDENTIALS_URI", address);
    let cloud = Cloud::new(|_| Some((200, document("STS.uri"))));
    let found = home("http://localhost:6666/path?key=hunter2").ask(Uri, &cloud).await.unwrap();
    assert_eq!(told(&found), ("STS.uri", true, Some("hunter2-must-never-be-printed-token")));
    assert_eq!(
        (cloud.lines(), cloud.asked()[0].head.uri.query()),
        (vec!["GET localhost/path".into()], Some("key=hunter2"))
    );

    Home::new().fails(Uri, &cloud, Absent, &["ALIBABA_CLOUD_CREDENTIALS_URI is not set"]).await;
    for (address, word) in [
        ("http://hunter2.example.com/", "plain http to another machine"),
        ("localhost:6666", "no address"),
        ("/hunter2", "no address"),
        ("a b", "no address"),
        ("ftp://localhost/", "plain http"),
    ] {
        home(address).fails(Uri, &Cloud::silent(), Broken, &["ALIBABA_CLOUD_CREDENTIALS_URI", word]).await;
    }
    for (status, text, kind, word) in [
        (403, "hunter2".to_owned(), Refused, "HTTP 403"),
        (301, "hunter2".to_owned(), Refused, "HTTP 301"),
        (500, "hunter2".to_owned(), Unavailable, "HTTP 500"),
        (200, "hunter2".to_owned(), Broken, "not a JSON document"),
        (200, document("x").replace("AccessKeyId", "Id"), Broken, "no AccessKeyId"),
        (200, document("x").replace("SecurityToken", "Token"), Broken, "no SecurityToken"),
    ] {
        let cloud = Cloud::new(move |_| Some((status, text.clone())));
        home("https://example.com/hunter2")
            .fails(Uri, &cloud, kind, &["ALIBABA_CLOUD_CREDENTIALS_URI", word])
            .await;
    }
    let begun = Instant::now();
    home("http://127.0.0.1/").fails(Uri, &Cloud::silent(), Unavailable, &["no reply within 10 s"]).await;
    assert_eq!(begun.elapsed(), Duration::from_secs(10));
}
