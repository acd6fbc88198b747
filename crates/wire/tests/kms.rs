//! Calls of the key service: clients and servers agree on them, with both versions of the
//! signature.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use http::Method;
use http::request::Parts;
use jiff::{SignedDuration, Timestamp};
use osseal_wire::acs3::{self, VerifyError};
use osseal_wire::kms::{
    AliasPage, Call, CiphertextBlob, DataKey, Decrypted, Encrypted, EncryptionContext, JsonError, KeyId,
    KmsRequest, Plaintext, VERSION, endpoint,
};
use osseal_wire::oss::{Credentials, Endpoint};
use osseal_wire::rpc;
use proptest::prelude::*;

fn now() -> Timestamp {
    "2026-01-02T03:04:05Z".parse().unwrap()
}

fn who() -> Credentials {
    Credentials::new("ak", "sk")
}

fn lookup(id: &str) -> Option<Credentials> {
    match id {
        "ak" => Some(who()),
        "sts" => Some(Credentials::new("sts", "sk").with_token("t+/=")),
        _ => None,
    }
}

fn key() -> KeyId {
    "alias/backup".parse().unwrap()
}

fn context() -> impl Strategy<Value = EncryptionContext> {
    proptest::collection::btree_map(".{1,20}", ".{0,20}", 0..4)
        .prop_map(|pairs| EncryptionContext::new(pairs).unwrap())
}

fn call() -> impl Strategy<Value = Call> {
    let blob = proptest::collection::vec(any::<u8>(), 1..200);
    prop_oneof![
        (1..=1024_u16, context()).prop_map(|(bytes, context)| Call::GenerateDataKey {
            key: key(),
            bytes,
            context
        }),
        (".{1,99}", context()).prop_map(|(text, context)| Call::Encrypt {
            key: key(),
            plaintext: Plaintext::of_text(text),
            context
        }),
        (blob, context()).prop_map(|(blob, context)| Call::Decrypt {
            blob: CiphertextBlob::of_bytes(&blob).unwrap(),
            context
        }),
        Just(Call::DescribeKey { key: key() }),
        (1..99_u32, 1..=100_u32).prop_map(|(page, size)| Call::ListAliases { page, size }),
    ]
}

fn signed(call: &Call, credentials: &Credentials) -> Parts {
    let mut head = call.head(&endpoint::of_region("cn-hangzhou", false).unwrap()).unwrap();
    acs3::sign(&mut head, b"", credentials, "nonce", now()).unwrap();
    head
}

/// The request of an older client: everything in the query, or in the form.
fn older(call: &Call, credentials: &Credentials, in_form: bool) -> (Parts, String) {
    let parameters = call.parameters();
    let mut pairs: Vec<_> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
    pairs.extend([("Action", call.name()), ("Version", VERSION)]);
    let query = rpc::sign(&Method::POST, &pairs, credentials, "nonce", now());
    let request = http::Request::post(if in_form { "/".into() } else { format!("/?{query}") });
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(()).unwrap();
    (request.into_parts().0, if in_form { query } else { String::new() })
}

fn read(head: &Parts, body: &[u8]) -> (Call, Result<(), String>) {
    let asked = KmsRequest::read(head, body).unwrap();
    let call = Call::from_parameters(&asked.action, &asked.parameters).unwrap();
    (call, asked.verify(head, body, lookup, now()).map_err(|error| error.code))
}

proptest! {
    #[test]
    fn calls_round_trip(call in call()) {
        for credentials in [who(), lookup("sts").unwrap()] {
            prop_assert_eq!(read(&signed(&call, &credentials), b""), (call.clone(), Ok(())));
            for in_form in [false, true] {
                let (head, body) = older(&call, &credentials, in_form);
                prop_assert_eq!(read(&head, body.as_bytes()), (call.clone(), Ok(())));
            }
        }
    }

    #[test]
    fn parsing_any_document_never_panics(document in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = (DataKey::from_json(&document).is_ok(), AliasPage::from_json(&document).is_ok());
    }
}

/// <https://www.alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature>,
/// "fixed parameter values".
#[test]
fn example_of_the_vendor_signs_and_verifies() {
    let action = acs3::ApiAction { name: "RunInstances", version: "2014-05-26" };
    let image = ("ImageId", "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd");
    let parameters = [("RegionId", "cn-shanghai"), image];
    let mut head = acs3::head("ecs.cn-shanghai.aliyuncs.com", action, &parameters).unwrap();
    let example = Credentials::new("YourAccessKeyId", "YourAccessKeySecret");
    let then: Timestamp = "2023-10-26T10:22:32Z".parse().unwrap();
    acs3::sign(&mut head, b"", &example, "3156853299f313e23d1673dc12e1703d", then).unwrap();
    let authorization = head.headers["authorization"].to_str().unwrap();
    let signature = "Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0";
    assert!(authorization.ends_with(signature), "{authorization}");
    let known = |id: &str| (id == "YourAccessKeyId").then(|| example.clone());
    assert_eq!(acs3::verify(&head, b"", known, then), Ok(()));
    assert_eq!(acs3::verify(&head, b"x", known, then), Err(VerifyError::Mismatch));
}

/// The example of the vendor's page on this signature: key id `testid`, secret `testsecret`.
///
/// <https://www.alibabacloud.com/help/en/sdk/product-overview/rpc-mechanism>
#[test]
fn older_example_of_the_vendor_signs_identically() {
    let parameters = [("Action", "DescribeRegions"), ("Version", "2014-05-26")];
    let then: Timestamp = "2016-02-23T12:46:24Z".parse().unwrap();
    let example = Credentials::new("testid", "testsecret");
    let nonce = "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf";
    let xml = |query: &str| query.replace("Format=JSON", "Format=XML");
    // The example requests XML; the signed text is otherwise the same.
    let pairs: Vec<(String, String)> = xml(&rpc::sign(&Method::GET, &parameters, &example, nonce, then))
        .split('&')
        .map(|pair| pair.split_once('=').unwrap())
        .filter(|(name, _)| *name != "Signature")
        .map(|(name, value)| (name.to_owned(), value.replace("%3A", ":")))
        .chain([("Signature".to_owned(), "OLeaidS1JvxuMvnyHOwuJ+uX5qY=".to_owned())])
        .collect();
    let known = |id: &str| (id == "testid").then(|| example.clone());
    assert_eq!(rpc::verify(&Method::GET, &pairs, known, then), Ok(()));
    assert_eq!(rpc::verify(&Method::POST, &pairs, known, then), Err(VerifyError::Mismatch));
}

/// A change of any signed part is detected.
#[test]
fn changed_requests_are_refused() {
    let call = Call::DescribeKey { key: key() };
    let refused = |edit: &dyn Fn(&mut Parts)| {
        let mut head = signed(&call, &who());
        edit(&mut head);
        KmsRequest::read(&head, b"").unwrap().verify(&head, b"", lookup, now()).map_err(|error| error.code)
    };
    assert_eq!(refused(&|_| {}), Ok(()));
    let mismatch = Err("SignatureDoesNotMatch".to_owned());
    assert_eq!(refused(&|head| head.uri = "/?KeyId=other".parse().unwrap()), mismatch);
    assert_eq!(refused(&|head| head.method = Method::GET), mismatch);
    // A header that need not be signed may change unless it was signed.
    assert_eq!(refused(&|head| drop(head.headers.remove("accept"))), Ok(()));
    for name in ["host", "x-acs-action", "x-acs-signature-nonce", "x-acs-more", "content-type"] {
        assert_eq!(
            refused(&|head| drop(head.headers.insert(name, "other".parse().unwrap()))),
            mismatch,
            "{name}"
        );
    }
    for name in ["authorization", "x-acs-date", "x-acs-content-sha256", "x-acs-signature-nonce", "host"] {
        let incomplete = Err("IncompleteSignature".to_owned());
        assert_eq!(refused(&|head| drop(head.headers.remove(name))), incomplete, "{name}");
    }

    for (credentials, code) in [
        (Credentials::new("ak", "other"), "SignatureDoesNotMatch"),
        (Credentials::new("other", "sk"), "InvalidAccessKeyId.NotFound"),
        (Credentials::new("sts", "sk"), "InvalidSecurityToken.Malformed"),
        (Credentials::new("sts", "sk").with_token("other"), "InvalidSecurityToken.Malformed"),
        (who().with_token("t+/="), "InvalidSecurityToken.Malformed"),
    ] {
        assert_eq!(read(&signed(&call, &credentials), b"").1, Err(code.to_owned()));
        assert_eq!(read(&older(&call, &credentials, false).0, b"").1, Err(code.to_owned()));
    }
    for minutes in [-16, 16] {
        let then = now() + SignedDuration::from_mins(minutes);
        for head in [signed(&call, &who()), older(&call, &who(), false).0] {
            let error = KmsRequest::read(&head, b"").unwrap().verify(&head, b"", lookup, then).unwrap_err();
            assert_eq!(error.code, "InvalidTimeStamp.Expired");
        }
    }
    // Two signatures at once.
    let mut head = signed(&call, &who());
    head.uri = older(&call, &who(), false).0.uri;
    assert_eq!(
        KmsRequest::read(&head, b"").unwrap().verify(&head, b"", lookup, now()).unwrap_err().code,
        "IncompleteSignature"
    );
}

#[test]
fn invalid_calls_are_refused() {
    let refused = |action: &str, pairs: &[(&str, &str)]| {
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Call::from_parameters(action, &pairs).unwrap_err().code
    };
    assert_eq!(refused("CreateKey", &[]), "InvalidAction.NotFound");
    assert_eq!(refused("Encrypt", &[("KeyId", "k")]), "MissingParameter");
    assert_eq!(refused("Decrypt", &[("CiphertextBlob", "")]), "MissingParameter");
    let long = "x".repeat(8193);
    for (action, pairs) in [
        ("GenerateDataKey", [("KeyId", "k"), ("NumberOfBytes", "0")]),
        ("GenerateDataKey", [("KeyId", "k"), ("NumberOfBytes", "1025")]),
        ("GenerateDataKey", [("KeyId", "k"), ("KeySpec", "AES_512")]),
        ("GenerateDataKey", [("KeyId", "a b"), ("KeySpec", "AES_256")]),
        ("Encrypt", [("KeyId", "k"), ("Plaintext", &long)]),
        ("Decrypt", [("CiphertextBlob", "AAAA"), ("EncryptionContext", "{\"a\":1}")]),
        ("Decrypt", [("CiphertextBlob", "A"), ("EncryptionContext", "")]),
        ("ListAliases", [("PageNumber", "1"), ("PageSize", "101")]),
    ] {
        assert_eq!(refused(action, &pairs), "InvalidParameter", "{action} {pairs:?}");
    }
    for (uri, code) in
        [("/?Version=2015-01-01&Action=Encrypt", "InvalidVersion"), ("/?a=1&a=1", "InvalidParameter")]
    {
        let head = http::Request::post(uri).body(()).unwrap().into_parts().0;
        assert_eq!(KmsRequest::read(&head, b"").unwrap_err().code, code);
    }
}

#[test]
fn dry_runs_are_refused_and_not_executed() {
    let calls: [(&str, &[(&str, &str)]); 5] = [
        ("GenerateDataKey", &[("KeyId", "k")]),
        ("Encrypt", &[("KeyId", "k"), ("Plaintext", "AAAA")]),
        ("Decrypt", &[("CiphertextBlob", "AAAA")]),
        ("DescribeKey", &[("KeyId", "k")]),
        ("ListAliases", &[]),
    ];
    for (action, pairs) in calls {
        let read = |dry_run: &str| {
            let pairs = pairs.iter().copied().chain([("DryRun", dry_run)]);
            let pairs: Vec<_> = pairs.map(|(name, value)| (name.into(), value.into())).collect();
            Call::from_parameters(action, &pairs)
        };
        for value in ["true", "True", "1", "no"] {
            let refusal = read(value).unwrap_err();
            assert_eq!((refusal.status, refusal.code.as_str()), (400, "UnsupportedOperation"), "{action}");
            assert!(refusal.message.contains("DryRun"), "{action} {value}: {refusal}");
        }
        for value in ["", "false"] {
            assert_eq!(read(value).unwrap().name(), action, "{value:?}");
        }
    }
}

#[test]
fn plain_http_endpoints_keep_their_scheme() {
    let local = Endpoint::parse("http://127.0.0.1:9000").unwrap();
    let head = Call::DescribeKey { key: key() }.head(&local).unwrap();
    assert_eq!(head.uri, "http://127.0.0.1:9000/?KeyId=alias%2Fbackup");
}

#[test]
fn m08_replies_to_other_calls_are_refused() {
    let blob = CiphertextBlob::of_bytes(&[7; 60]).unwrap();
    let (key_id, key_version_id, request_id) = ("k".to_owned(), "v".to_owned(), "r".to_owned());
    let data_key = DataKey {
        ciphertext_blob: blob.clone(),
        plaintext: Plaintext::of_bytes(&[9; 32]),
        key_id: key_id.clone(),
        key_version_id: key_version_id.clone(),
        request_id: request_id.clone(),
    };
    let encrypted = Encrypted {
        ciphertext_blob: blob,
        key_id: key_id.clone(),
        key_version_id: key_version_id.clone(),
        request_id: request_id.clone(),
        plaintext: (),
    };
    let plaintext = Plaintext::of_bytes(&[9; 16]);
    let decrypted = Decrypted { plaintext, key_id, key_version_id, request_id, ciphertext_blob: () };
    let documents = [data_key.to_json(), encrypted.to_json(), decrypted.to_json()];
    for (at, document) in documents.iter().map(String::as_bytes).enumerate() {
        let fits = |wanted: usize| if wanted == at { None } else { Some(JsonError::Contents) };
        assert_eq!(DataKey::from_json(document).err(), fits(0), "{at}");
        assert_eq!(Encrypted::from_json(document).err(), fits(1), "{at}");
        assert_eq!(Decrypted::from_json(document).err(), fits(2), "{at}");
    }
    assert_eq!(DataKey::from_json(documents[0].as_bytes()), Ok(data_key));
}

#[test]
fn debug_redacts_secrets_of_calls_and_replies() {
    let call = Call::Encrypt {
        key: key(),
        plaintext: Plaintext::of_text("hunter2"),
        context: EncryptionContext::new([("x-passphrase", "hunter3")]).unwrap(),
    };
    let asked = KmsRequest::read(&signed(&call, &who()), b"").unwrap();
    let shown = format!("{call:?} {asked:?}");
    assert!(!shown.contains("hunter") && shown.contains("x-passphrase"), "{shown}");
}
