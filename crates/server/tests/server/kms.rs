//! The development key service: what it encrypts, refuses and keeps.

use std::time::Duration;

use http_body_util::BodyExt;
use osseal_server::body;
use osseal_server::kms::faults::{Action, Fault, Faults, Operation};
use osseal_server::kms::keys::KeyState;
use osseal_server::kms::{KmsService, KmsServiceBuilder};
use osseal_wire::acs3;
use osseal_wire::kms::{
    AliasPage, Call, CiphertextBlob, DataKey, Decrypted, DescribedKey, Encrypted, EncryptionContext,
    KmsError, Plaintext,
};
use osseal_wire::oss::{Credentials, Endpoint};

fn who() -> Credentials {
    Credentials::new("ak", "sk")
}

fn builder() -> KmsServiceBuilder {
    KmsService::builder().credentials(vec![who()])
}

/// A reply of success, or the refusal with its status and code.
async fn ask_as(
    service: &KmsService,
    call: &Call,
    credentials: &Credentials,
) -> Result<Vec<u8>, (u16, String)> {
    let mut head = call.head(&Endpoint::parse("http://127.0.0.1").unwrap()).unwrap();
    let nonce = format!("{:?}", std::time::Instant::now());
    acs3::sign(&mut head, b"", credentials, &nonce, jiff::Timestamp::now()).unwrap();
    let reply = service.call(http::Request::from_parts(head, body::empty())).await.unwrap();
    let (head, body) = reply.into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    if head.status.is_success() {
        return Ok(body);
    }
    let error = KmsError::from_reply(head.status, &body);
    assert_eq!(head.headers["x-acs-request-id"], error.request_id);
    Err((error.status, error.code))
}

async fn ask(service: &KmsService, call: &Call) -> Result<Vec<u8>, (u16, String)> {
    ask_as(service, call, &who()).await
}

fn context(pairs: &[(&str, &str)]) -> EncryptionContext {
    EncryptionContext::new(pairs.iter().copied()).unwrap()
}

async fn encrypt(service: &KmsService, key: &str, text: &str, pairs: &[(&str, &str)]) -> Encrypted {
    let call = Call::Encrypt {
        key: key.parse().unwrap(),
        plaintext: Plaintext::of_text(text),
        context: context(pairs),
    };
    Encrypted::from_json(&ask(service, &call).await.unwrap()).unwrap()
}

async fn decrypt(
    service: &KmsService,
    blob: &CiphertextBlob,
    pairs: &[(&str, &str)],
) -> Result<Decrypted, (u16, String)> {
    let call = Call::Decrypt { blob: blob.clone(), context: context(pairs) };
    ask(service, &call).await.map(|reply| Decrypted::from_json(&reply).unwrap())
}

fn refused<T>(status: u16, code: &str) -> Result<T, (u16, String)> {
    Err((status, code.to_owned()))
}

#[tokio::test]
async fn what_is_encrypted_is_decrypted() {
    let service = builder().build();
    let key = service.create_key().unwrap();
    service.set_alias("alias/backup", &key).unwrap();
    let arn = format!("acs:kms:cn-hangzhou:1000000000000001:key/{key}");
    let alias_arn = "acs:kms:cn-hangzhou:1000000000000001:alias/backup";
    for name in [&key, "alias/backup", &arn, alias_arn] {
        let encrypted = encrypt(&service, name, "not base64: 8", &[]).await;
        assert_eq!(encrypted.key_id, key);
        let decrypted = decrypt(&service, &encrypted.ciphertext_blob, &[]).await.unwrap();
        assert_eq!((decrypted.plaintext.expose(), &decrypted.key_id), ("not base64: 8", &key));
        assert_eq!(decrypted.key_version_id, encrypted.key_version_id);
    }
    for bytes in [1, 16, 32, 1024] {
        let call = Call::GenerateDataKey { key: key.parse().unwrap(), bytes, context: context(&[]) };
        let made = DataKey::from_json(&ask(&service, &call).await.unwrap()).unwrap();
        assert_eq!(made.plaintext.to_bytes().unwrap().len(), usize::from(bytes));
        let opened = decrypt(&service, &made.ciphertext_blob, &[]).await.unwrap();
        assert_eq!(opened.plaintext, made.plaintext, "the text, not the bytes");
        let again = DataKey::from_json(&ask(&service, &call).await.unwrap()).unwrap();
        assert_ne!(again.ciphertext_blob, made.ciphertext_blob);
    }
}

#[tokio::test]
async fn contexts_have_to_be_the_same_in_any_order() {
    let service = builder().build();
    let key = service.create_key().unwrap();
    let blob = encrypt(&service, &key, "x", &[("b", "2"), ("a", "1")]).await.ciphertext_blob;
    assert!(decrypt(&service, &blob, &[("a", "1"), ("b", "2")]).await.is_ok());
    for other in [&[][..], &[("a", "1")], &[("a", "1"), ("b", "3")], &[("a", "1"), ("b", "2"), ("c", "")]] {
        assert_eq!(
            decrypt(&service, &blob, other).await.map(drop),
            refused(400, "InvalidParameter"),
            "{other:?}"
        );
    }
    let blob = encrypt(&service, &key, "x", &[]).await.ciphertext_blob;
    assert_eq!(decrypt(&service, &blob, &[("a", "1")]).await.map(drop), refused(400, "InvalidParameter"));
}

#[tokio::test]
async fn changed_blobs_are_refused() {
    let service = builder().build();
    let key = service.create_key().unwrap();
    let blob = encrypt(&service, &key, "x", &[]).await.ciphertext_blob.to_bytes();
    for at in 0..blob.len() {
        let mut changed = blob.clone();
        changed[at] ^= 1;
        let changed = CiphertextBlob::of_bytes(&changed).unwrap();
        assert_eq!(
            decrypt(&service, &changed, &[]).await.map(drop),
            refused(400, "InvalidParameter"),
            "{at}"
        );
    }
    for length in 1..blob.len() {
        let cut = CiphertextBlob::of_bytes(&blob[..length]).unwrap();
        assert_eq!(
            decrypt(&service, &cut, &[]).await.map(drop),
            refused(400, "InvalidParameter"),
            "{length}"
        );
    }
    // The blob of another service, whose versions are not known here.
    let other = builder().build();
    let foreign = encrypt(&other, &other.create_key().unwrap(), "x", &[]).await.ciphertext_blob;
    assert_eq!(decrypt(&service, &foreign, &[]).await.map(drop), refused(400, "InvalidParameter"));
}

#[tokio::test]
async fn a_rotated_key_opens_what_it_ever_encrypted() {
    let service = builder().build();
    let key = service.create_key().unwrap();
    let old = encrypt(&service, &key, "old", &[]).await;
    service.rotate(&key).unwrap();
    let new = encrypt(&service, &key, "new", &[]).await;
    assert_ne!(old.key_version_id, new.key_version_id);
    for (blob, text) in [(&old, "old"), (&new, "new")] {
        let opened = decrypt(&service, &blob.ciphertext_blob, &[]).await.unwrap();
        assert_eq!((opened.plaintext.expose(), &opened.key_version_id), (text, &blob.key_version_id));
    }
    let call = Call::DescribeKey { key: key.parse().unwrap() };
    let described = DescribedKey::from_json(&ask(&service, &call).await.unwrap()).unwrap().key_metadata;
    assert_eq!(described.primary_key_version, new.key_version_id);
    assert_eq!((described.key_id, described.key_state.as_str()), (key, "Enabled"));
}

#[tokio::test]
async fn keys_that_may_not_be_used_are_refused_until_they_may() {
    let service = builder().build();
    let key = service.create_key().unwrap();
    let blob = encrypt(&service, &key, "x", &[]).await.ciphertext_blob;
    for (state, code) in [
        (KeyState::Disabled, "Rejected.Disabled"),
        (KeyState::PendingDeletion, "Rejected.PendingDeletion"),
        (KeyState::PendingImport, "Rejected.PendingImport"),
    ] {
        service.set_state(&key, state).unwrap();
        let generate = Call::GenerateDataKey { key: key.parse().unwrap(), bytes: 32, context: context(&[]) };
        assert_eq!(ask(&service, &generate).await.map(drop), refused(409, code));
        assert_eq!(decrypt(&service, &blob, &[]).await.map(drop), refused(409, code));
        let described = ask(&service, &Call::DescribeKey { key: key.parse().unwrap() }).await.unwrap();
        let described = DescribedKey::from_json(&described).unwrap();
        assert_eq!(described.key_metadata.key_state, state.wire_name());
    }
    service.set_state(&key, KeyState::Enabled).unwrap();
    assert!(decrypt(&service, &blob, &[]).await.is_ok());
}

#[tokio::test]
async fn names_that_lead_nowhere_are_refused() {
    let service = builder().build();
    let key = service.create_key().unwrap();
    let elsewhere = format!("acs:kms:cn-beijing:1000000000000001:key/{key}");
    let other_account = format!("acs:kms:cn-hangzhou:2:key/{key}");
    for (name, code) in [
        ("key-other", "Forbidden.KeyNotFound"),
        ("alias/other", "Forbidden.AliasNotFound"),
        (&elsewhere, "Forbidden.KeyNotFound"),
        (&other_account, "Forbidden.KeyNotFound"),
    ] {
        let call = Call::DescribeKey { key: name.parse().unwrap() };
        assert_eq!(ask(&service, &call).await.map(drop), refused(404, code), "{name}");
    }
    assert!(service.set_alias("alias/x", "key-other").is_err() && service.set_alias("x", &key).is_err());
    assert!(service.rotate("key-other").is_err() && service.set_state("x", KeyState::Disabled).is_err());
    assert!(service.import_version(&key, "short", [0; 32]).is_err());
}

#[tokio::test]
async fn aliases_are_listed_page_by_page() {
    let service = builder().build();
    let key = service.create_key().unwrap();
    for at in 0..25 {
        service.set_alias(&format!("alias/a{at:02}"), &key).unwrap();
    }
    let mut names = Vec::new();
    for page in 1..=4 {
        let reply = ask(&service, &Call::ListAliases { page, size: 10 }).await.unwrap();
        let page = AliasPage::from_json(&reply).unwrap();
        assert_eq!((page.total_count, page.page_size), (25, 10));
        names.extend(page.aliases.alias.into_iter().map(|alias| alias.alias_name));
    }
    assert_eq!(names, (0..25).map(|at| format!("alias/a{at:02}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn who_is_not_known_is_not_served() {
    let token = Credentials::new("sts", "sk").with_token("token");
    let service = KmsService::builder().credentials(vec![who(), token.clone()]).build();
    service.create_key().unwrap();
    let call = Call::ListAliases { page: 1, size: 10 };
    assert!(ask_as(&service, &call, &who()).await.is_ok() && ask_as(&service, &call, &token).await.is_ok());
    for (credentials, status, code) in [
        (Credentials::new("ak", "other"), 400, "SignatureDoesNotMatch"),
        (Credentials::new("other", "sk"), 404, "InvalidAccessKeyId.NotFound"),
        (Credentials::new("sts", "sk"), 400, "InvalidSecurityToken.Malformed"),
    ] {
        assert_eq!(ask_as(&service, &call, &credentials).await.map(drop), refused(status, code));
    }
    let closed = KmsService::builder().build();
    assert_eq!(ask(&closed, &call).await.map(drop), refused(404, "InvalidAccessKeyId.NotFound"));
}

#[tokio::test(start_paused = true)]
async fn more_calls_than_the_rate_are_throttled() {
    let service = builder().per_second(3).build();
    let call = Call::ListAliases { page: 1, size: 10 };
    for _ in 0..2 {
        for _ in 0..3 {
            assert!(ask(&service, &call).await.is_ok());
        }
        assert_eq!(ask(&service, &call).await.map(drop), refused(429, "Rejected.Throttling"));
        tokio::time::advance(Duration::from_secs(1)).await;
    }
}

#[tokio::test]
async fn faults_happen_as_ordered() {
    let faults = Faults::new();
    let service = builder().faults(faults.clone()).build();
    let key = service.create_key().unwrap();
    let call = Call::GenerateDataKey { key: key.parse().unwrap(), bytes: 32, context: context(&[]) };
    let order = |action| faults.inject(Fault::new(action).on(Operation::GenerateDataKey));
    let reply = async || ask(&service, &call).await.unwrap();
    let first = reply().await;

    order(Action::RepeatReply);
    assert_eq!(reply().await, first);
    let before = DataKey::from_json(&reply().await).unwrap();
    order(Action::RepeatMember("Plaintext"));
    let after = DataKey::from_json(&reply().await).unwrap();
    assert_eq!(before.plaintext, after.plaintext);
    assert_ne!(before.ciphertext_blob, after.ciphertext_blob);
    order(Action::member("KeyId", "other"));
    assert_eq!(DataKey::from_json(&reply().await).unwrap().key_id, "other");
    order(Action::Member { name: "Plaintext", value: None });
    assert!(DataKey::from_json(&reply().await).is_err());
    order(Action::Twice("KeyId"));
    assert_eq!(String::from_utf8(reply().await).unwrap().matches("\"KeyId\"").count(), 2);
    order(Action::Truncate(10));
    assert_eq!(reply().await.len(), 10);
    order(Action::Document { content_type: "text/html", body: b"<html>".to_vec() });
    assert_eq!(reply().await, b"<html>");
    order(Action::refuse(503, "ServiceUnavailableTemporary"));
    assert_eq!(ask(&service, &call).await, refused(503, "ServiceUnavailableTemporary"));
    assert!(DataKey::from_json(&reply().await).is_ok());
    assert_eq!((faults.calls(Operation::GenerateDataKey), faults.total()), (11, 11));
}

#[tokio::test]
async fn keys_in_a_file_survive_and_are_private() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kms");
    let open = || builder().file(&file).unwrap().build();
    let service = open();
    let key = service.key_of_alias("alias/osseal").unwrap();
    let old = encrypt(&service, &key, "old", &[]).await.ciphertext_blob;
    service.rotate(&key).unwrap();
    drop(service);

    let service = open();
    assert_eq!(service.key_of_alias("alias/osseal").unwrap(), key);
    assert_eq!(decrypt(&service, &old, &[]).await.unwrap().plaintext.expose(), "old");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left aside");

    // What was read before is what counts, and changes go to the file.
    let content = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let service = builder().file_with(&file, Some(&content)).unwrap().build();
    assert_eq!(decrypt(&service, &old, &[]).await.unwrap().plaintext.expose(), "old");
    service.create_key().unwrap();
    assert_eq!(open().key_ids().len(), 2);

    std::fs::write(&file, "{}").unwrap();
    assert!(builder().file(&file).is_err());
    assert!(builder().file_with(&file, Some(b"{}")).is_err());
    assert!(builder().file_with(&file, None).is_ok(), "what nobody found is not read");
}
