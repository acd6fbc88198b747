//! The order of sources, what is passed over and what ends the search.

use osseal::credentials::{
    CredentialSource, CredentialsErrorKind, Environment, Outcome, ProvideCredentials, SourceReport,
};
use osseal::{ErrorKind, SharedCredentials, Store};

use super::cloud::{Asked, Cloud, Home, SECRET, assert_tight, document, told};

/// Everything answers, each with an id of its own.
fn cloud() -> Cloud {
    Cloud::new(|asked: &Asked| {
        let sts = |id| format!(r#"{{"Credentials":{}}}"#, document(id));
        Some(match asked.head.uri.host().unwrap() {
            "sts.aliyuncs.com" => (200, sts("oidc")),
            "127.0.0.1" => (200, document("uri")),
            _ if asked.line().ends_with("/token") => (200, "token".to_owned()),
            _ if asked.line().ends_with('/') => (200, "role".to_owned()),
            _ => (200, document("ecs")),
        })
    })
}

/// A home in which sources are there from the `count`th last on: the URI is 1, ECS 2, ossutil 4 and the variables of the object store 8.
fn home(count: usize) -> Home {
    let key = |id: &str| format!(r#""mode":"AK","access_key_id":"{id}","access_key_secret":"{SECRET}""#);
    let mut home = match count {
        5.. => Home::with_profile(&key("aliyun")),
        _ => Home::new(),
    };
    if count >= 4 {
        home = home.file(
            ".ossutilconfig",
            format!("[default]\naccess-key-id=ossutil\naccess-key-secret={SECRET}\n"),
        );
    }
    if count < 2 {
        home = home.set("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true");
    }
    if count >= 6 {
        home = home.file("token", "t");
        let file = home.path().join("token").to_str().unwrap().to_owned();
        home = home
            .set("ALIBABA_CLOUD_ROLE_ARN", "r")
            .set("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "p")
            .set("ALIBABA_CLOUD_OIDC_TOKEN_FILE", &file);
    }
    if count >= 7 {
        home =
            home.set("ALIBABA_CLOUD_ACCESS_KEY_ID", "alibaba").set("ALIBABA_CLOUD_ACCESS_KEY_SECRET", SECRET);
    }
    if count >= 8 {
        home = home.set("OSS_ACCESS_KEY_ID", "oss").set("OSS_ACCESS_KEY_SECRET", SECRET);
    }
    home.set("ALIBABA_CLOUD_CREDENTIALS_URI", "http://127.0.0.1/")
}

#[tokio::test(start_paused = true)]
async fn sources_are_asked_in_order() {
    for (count, id) in
        [(8, "oss"), (7, "alibaba"), (6, "oidc"), (5, "aliyun"), (4, "ossutil"), (2, "ecs"), (1, "uri")]
    {
        let (home, cloud) = (home(count), cloud());
        let chain = home.chain(&cloud);
        assert_eq!(chain.provide().await.unwrap().credentials.access_key_id, id);
        let findings = chain.diagnose().await;
        assert_eq!(findings.iter().map(|finding| finding.source).collect::<Vec<_>>(), CredentialSource::ALL);
        let won =
            findings.iter().position(|finding| matches!(finding.outcome, Outcome::Provided(_))).unwrap();
        for (at, SourceReport { outcome, .. }) in findings.iter().enumerate() {
            match outcome {
                Outcome::PassedOver(error) => {
                    assert!(at < won && error.kind() == CredentialsErrorKind::Absent);
                }
                Outcome::Provided(found) => assert_eq!(told(found).0, id),
                Outcome::NotAsked => assert!(at > won),
                other => panic!("{other:?}"),
            }
        }
        assert_tight(&format!("{findings:?}"));
        // A source that is asked for by name is the only one.
        if count >= 4 {
            let only = home.ask(CredentialSource::Ossutil, &cloud).await.unwrap();
            assert_eq!(told(&only).0, "ossutil");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_anywhere_is_said_with_all_reasons() {
    let error = Home::new().chain(&Cloud::silent()).provide().await.unwrap_err();
    assert_eq!(error.kind(), CredentialsErrorKind::Absent);
    let said = error.to_string();
    for word in [
        "no source has credentials",
        "environment: neither OSS_ACCESS_KEY_ID",
        "oidc: neither",
        "aliyun: the file",
        "ossutil: the file",
        "ecs: this is no instance",
        "uri: ALIBABA_CLOUD_CREDENTIALS_URI is not set",
    ] {
        assert!(said.contains(word), "{word:?} is not in {said}");
    }
}

/// A source that is there but broken ends the search: nobody works with another account by mistake.
#[tokio::test(start_paused = true)]
async fn a_broken_source_is_not_passed_over() {
    for (set, unset) in [
        ("OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET"),
        ("OSS_ACCESS_KEY_SECRET", "OSS_ACCESS_KEY_ID"),
        ("OSS_SESSION_TOKEN", "OSS_ACCESS_KEY_ID"),
        ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_ACCESS_KEY_ID"),
    ] {
        let home = home(5).set(set, SECRET);
        let cloud = cloud();
        let error = home.chain(&cloud).provide().await.unwrap_err();
        assert_eq!(error.kind(), CredentialsErrorKind::Broken);
        assert!(
            error.to_string().contains(&format!("environment: {set} is set and {unset} is not")),
            "{error}"
        );
        assert_tight(&format!("{error} {error:?}"));
        assert!(cloud.lines().is_empty());
        let findings = home.chain(&cloud).diagnose().await;
        assert!(matches!(findings[0].outcome, Outcome::Failed(_)), "{findings:?}");
        assert!(findings[1..].iter().all(|finding| matches!(finding.outcome, Outcome::NotAsked)));
        // The control: without it the next one is taken.
        let next = self::home(5).chain(&cloud).provide().await.unwrap();
        assert_eq!(next.credentials.access_key_id, "aliyun");
    }
    let broken = home(4).file(".aliyun/config.json", SECRET).chain(&cloud()).provide().await.unwrap_err();
    assert!(broken.to_string().starts_with("aliyun: "), "{broken}");
    assert_tight(&format!("{broken} {broken:?}"));
}

#[cfg(unix)]
#[tokio::test]
async fn variables_that_are_no_text_or_empty() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    let bytes = OsString::from_vec(b"hunter2\xff".to_vec());
    let environment = Environment::new([(OsString::from("OSS_ACCESS_KEY_ID"), bytes)], None);
    assert_tight(&format!("{environment:?}"));
    let chain = osseal::credentials::CredentialChain::new(environment, Cloud::silent().transport());
    let error = chain.provide().await.unwrap_err();
    assert_eq!(error.to_string(), "environment: the environment variable OSS_ACCESS_KEY_ID is not UTF-8");

    let empty = home(7).set("OSS_ACCESS_KEY_ID", "").set("OSS_ACCESS_KEY_SECRET", "");
    assert_eq!(empty.chain(&cloud()).provide().await.unwrap().credentials.access_key_id, "alibaba");
}

/// Once a source has given credentials the others are not looked at again.
#[tokio::test(start_paused = true)]
async fn an_account_does_not_change_in_the_middle() {
    let (home, cloud) = (home(4), cloud());
    let chain = home.chain(&cloud);
    assert_eq!(chain.provide().await.unwrap().credentials.access_key_id, "ossutil");
    std::fs::remove_file(home.path().join(".ossutilconfig")).unwrap();
    let error = chain.provide().await.unwrap_err();
    assert!(error.to_string().starts_with("ossutil: the file"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn errors_of_sources_are_errors_of_calls() {
    let of = |home: &Home, cloud: &Cloud| {
        let endpoint = osseal::Endpoint::parse("http://127.0.0.1").unwrap();
        let credentials = SharedCredentials::new(home.chain(cloud));
        assert_tight(&format!("{credentials:?}"));
        let transport = Cloud::silent().transport();
        Store::builder(endpoint, "cn-hangzhou").credentials(credentials).transport(transport).build().unwrap()
    };
    let down = Cloud::new(|_| Some((500, String::new())));
    let denied = Cloud::new(|_| Some((403, String::new())));
    for (home, cloud, kind) in [
        (Home::new(), Cloud::silent(), ErrorKind::Credentials),
        (Home::new().set("OSS_ACCESS_KEY_ID", "id"), Cloud::silent(), ErrorKind::Credentials),
        (self::home(1), down, ErrorKind::Transient),
        (self::home(1), denied, ErrorKind::Denied),
    ] {
        let error = of(&home, &cloud).list_buckets().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(error.is_retryable(), kind == ErrorKind::Transient);
    }
}
