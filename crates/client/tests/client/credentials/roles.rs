//! Roles: assumed with an access key, or with the token of an identity provider.

use jiff::Timestamp;
use osseal::Credentials;
use osseal::credentials::CredentialSource::{Aliyun, Oidc, Ossutil};
use osseal::credentials::CredentialsErrorKind::{Absent, Broken, Refused, Unavailable};
use osseal_wire::acs3;

use super::cloud::{Asked, Cloud, END, Home, SECRET, document, told};

const ARN: &str = "acs:ram::1:role/backup";

/// A token service that checks signatures and answers with credentials.
fn token_service() -> Cloud {
    Cloud::new(|asked: &Asked| {
        if asked.head.uri.query().unwrap().contains("Action=AssumeRoleWithOIDC") {
            return Some((200, format!(r#"{{"RequestId":"r","Credentials":{}}}"#, document("STS.oidc"))));
        }
        let header = |name: &str| asked.head.headers[name].to_str().unwrap();
        let mut again = asked.head.clone();
        again.headers.remove("authorization");
        let mut who = Credentials::new("id", SECRET);
        if let Some(token) = asked.head.headers.get("x-acs-security-token") {
            who = who.with_token(token.to_str().unwrap());
        }
        let (nonce, date) =
            (header("x-acs-signature-nonce"), header("x-acs-date").parse::<Timestamp>().unwrap());
        acs3::sign(&mut again, &asked.body, &who, nonce, date).unwrap();
        let is_good = again.headers["authorization"] == asked.head.headers["authorization"];
        let document = format!(r#"{{"RequestId":"r","Credentials":{}}}"#, document("STS.role"));
        Some(if is_good { (200, document) } else { (400, r#"{"Code":"SignatureDoesNotMatch"}"#.into()) })
    })
}

fn profile(secret: &str, more: &str) -> Home {
    Home::with_profile(&format!(
        r#""mode":"RamRoleArn","access_key_id":"id","access_key_secret":"{secret}","ram_role_arn":"{ARN}"{more}"#
    ))
}

#[tokio::test(start_paused = true)]
async fn an_access_key_assumes_a_role() {
    let cloud = token_service();
    let found = profile(SECRET, "").ask(Aliyun, &cloud).await.unwrap();
    assert_eq!(told(&found), ("STS.role", true, Some("hunter2-must-never-be-printed-token")));
    assert_eq!(found.grant.expires, END.parse().ok());
    assert!(found.detail.ends_with("mode RamRoleArn"), "{}", found.detail);
    let asked = &cloud.asked()[0];
    assert_eq!(
        asked.head.uri,
        "https://sts.aliyuncs.com/?RoleArn=acs%3Aram%3A%3A1%3Arole%2Fbackup&RoleSessionName=osseal&DurationSeconds=3600"
    );
    assert_eq!(asked.head.headers["x-acs-action"], "AssumeRole");

    let more = r#","sts_token":"t","ram_session_name":"nightly","expired_seconds":900,"policy":"{}","external_id":"e","sts_region":"cn-hangzhou","enable_vpc":true"#;
    let cloud = token_service();
    profile(SECRET, more).ask(Aliyun, &cloud).await.unwrap();
    assert_eq!(
        cloud.asked()[0].head.uri,
        "https://sts-vpc.cn-hangzhou.aliyuncs.com/?RoleArn=acs%3Aram%3A%3A1%3Arole%2Fbackup&RoleSessionName=nightly&DurationSeconds=900&Policy=%7B%7D&ExternalId=e"
    );
    let ini = format!(
        "[default]\nmode=RamRoleArn\naccess-key-id=id\naccess-key-secret={SECRET}\nrole-arn={ARN}\nrole-session-name=n\n"
    );
    let found = Home::new().file(".ossutilconfig", ini).ask(Ossutil, &token_service()).await.unwrap();
    assert_eq!(told(&found).0, "STS.role");
    // The control: the service does look at the signature.
    profile("hunter2-wrong", "")
        .fails(Aliyun, &token_service(), Refused, &["SignatureDoesNotMatch", ARN])
        .await;
}

/// Every call has a nonce of its own.
#[tokio::test(start_paused = true)]
async fn a_nonce_is_used_once() {
    let cloud = token_service();
    for _ in 0..3 {
        profile(SECRET, "").ask(Aliyun, &cloud).await.unwrap();
    }
    let mut nonces: Vec<_> = cloud
        .asked()
        .iter()
        .map(|asked| asked.head.headers["x-acs-signature-nonce"].to_str().unwrap().to_owned())
        .collect();
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), 3);
}

fn cluster() -> Home {
    let home = Home::new().file("token", format!("{SECRET}-oidc\n"));
    let file = home.path().join("token").to_str().unwrap().to_owned();
    home.set("ALIBABA_CLOUD_ROLE_ARN", ARN)
        .set("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "acs:ram::1:oidc-provider/ack")
        .set("ALIBABA_CLOUD_OIDC_TOKEN_FILE", &file)
}

#[tokio::test(start_paused = true)]
async fn a_service_account_has_a_role() {
    let cloud = token_service();
    let found = cluster().ask(Oidc, &cloud).await.unwrap();
    assert_eq!(told(&found), ("STS.oidc", true, Some("hunter2-must-never-be-printed-token")));
    assert_eq!(found.detail, format!("role {ARN}"));
    let asked = &cloud.asked()[0];
    // Addresses end up in logs.
    assert!(!asked.head.uri.to_string().contains("hunter2"));
    let body = String::from_utf8(asked.body.to_vec()).unwrap();
    assert!(body.ends_with("&OIDCToken=hunter2-must-never-be-printed-oidc"), "{body}");
    assert!(body.contains(
        "RoleSessionName=osseal&DurationSeconds=3600&OIDCProviderArn=acs%3Aram%3A%3A1%3Aoidc-provider%2Fack"
    ));

    let cloud = token_service();
    let home = cluster()
        .set("ALIBABA_CLOUD_ROLE_SESSION_NAME", "pod")
        .set("ALIBABA_CLOUD_STS_REGION", "cn-beijing")
        .set("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED", "true");
    home.ask(Oidc, &cloud).await.unwrap();
    assert_eq!(cloud.lines(), ["POST sts-vpc.cn-beijing.aliyuncs.com/"]);
    assert!(cloud.asked()[0].body.windows(19).any(|part| part == b"RoleSessionName=pod"));

    let file = cluster().path().join("token");
    let home = Home::with_profile(&format!(
        r#""mode":"OIDC","ram_role_arn":"{ARN}","oidc_provider_arn":"p","oidc_token_file":"{}""#,
        file.display()
    ));
    home.fails(Aliyun, &cloud, Broken, &["the token of the identity provider", "does not exist"]).await;
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "token").unwrap();
    assert_eq!(told(&home.ask(Aliyun, &cloud).await.unwrap()).0, "STS.oidc");
}

#[tokio::test(start_paused = true)]
async fn roles_that_are_partial_or_refused() {
    let cloud = token_service();
    Home::new().fails(Oidc, &cloud, Absent, &["neither"]).await;
    // A role alone belongs to other tools' way of assuming it.
    Home::new().set("ALIBABA_CLOUD_ROLE_ARN", ARN).fails(Oidc, &cloud, Absent, &["neither"]).await;
    for name in ["ALIBABA_CLOUD_ROLE_ARN", "ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "ALIBABA_CLOUD_OIDC_TOKEN_FILE"]
    {
        cluster().set(name, "").fails(Oidc, &cloud, Broken, &[name, "is not set"]).await;
    }
    cluster().set("ALIBABA_CLOUD_STS_REGION", "evil.example/").fails(Oidc, &cloud, Broken, &["region"]).await;
    cluster().file("token", "").fails(Oidc, &cloud, Broken, &["is empty"]).await;
    for (status, text, kind, words) in [
        (
            400,
            format!(r#"{{"Code":"NoPermission","Message":"{SECRET}"}}"#),
            Refused,
            &["HTTP 400 NoPermission"][..],
        ),
        (403, SECRET.to_owned(), Refused, &["HTTP 403", "check the role"]),
        (400, r#"{"Code":"Throttling.User"}"#.to_owned(), Unavailable, &["Throttling.User"]),
        (503, SECRET.to_owned(), Unavailable, &["HTTP 503"]),
        (200, SECRET.to_owned(), Broken, &["not a JSON document"]),
        (200, document("x"), Broken, &["no Credentials"]),
        (
            200,
            format!(r#"{{"Credentials":{}}}"#, document("x").replace("Expiration", "End")),
            Broken,
            &["no Expiration"],
        ),
    ] {
        let cloud = Cloud::new(move |_| Some((status, text.clone())));
        cluster().fails(Oidc, &cloud, kind, &[words, &["sts.aliyuncs.com", ARN]].concat()).await;
        profile(SECRET, "").fails(Aliyun, &cloud, kind, words).await;
    }
    cluster().fails(Oidc, &Cloud::silent(), Unavailable, &["no reply within 10 s"]).await;
}
