//! Signature version 4 against vectors of the vendor's Go SDK, signed and verified.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use http::request::Parts;
use jiff::{SignedDuration, Timestamp};
use osseal_wire::oss::{Credentials, ServiceError, Subject, auth, sign_v4};

const SUBJECT: Subject<'_> =
    Subject { bucket: Some("bucket"), key: Some("1234+-/123/1.txt"), region: "cn-hangzhou" };

/// The common part of the vectors; `+` and `|` are percent-encoded on the wire.
fn head(extra: &[(&str, &str)]) -> Parts {
    let query = "param1=value1&%2Bparam1=value3&%7Cparam1=value4&%2Bparam2&%7Cparam2&param2";
    let mut request =
        http::Request::put(format!("https://bucket.oss-cn-hangzhou.aliyuncs.com/1234%2B-/123/1.txt?{query}"))
            .header("content-type", "text/plain")
            .header("x-oss-head1", "value");
    for (name, value) in extra {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn authorization(head: &Parts) -> &str {
    head.headers["authorization"].to_str().unwrap()
}

fn verify(head: &Parts, credentials: &Credentials, now: Timestamp) -> Result<(), ServiceError> {
    auth::verify(head, SUBJECT, |id| (id == credentials.access_key_id).then(|| credentials.clone()), now)
}

/// Signature, additional headers, further headers, seconds since 1970, who.
type Case<'a> = (&'a str, &'a [&'a str], &'a [(&'a str, &'a str)], i64, Credentials);

#[test]
fn signatures_match_the_vendors_vectors() {
    let plain = Credentials::new("ak", "sk");
    let cases: [Case<'_>; 3] = [
        (
            "e21d18daa82167720f9b1047ae7e7f1ce7cb77a31e8203a7d5f4624fa0284afe",
            &[],
            &[],
            1_702_743_657,
            plain.clone(),
        ),
        (
            "b94a3f999cf85bcdc00d332fbd3734ba03e48382c36fa4d5af5df817395bd9ea",
            &[],
            &[],
            1_702_784_856,
            plain.clone().with_token("token"),
        ),
        (
            "4a4183c187c07c8947db7620deb0a6b38d9fbdd34187b6dbaccb316fa251212f",
            &["ZAbc", "abc", "absent", "content-type"],
            &[("abc", "value"), ("zabc", "value")],
            1_702_747_512,
            plain,
        ),
    ];
    for (signature, additional, headers, at, credentials) in cases {
        let mut head = head(headers);
        sign_v4::sign(&mut head, SUBJECT, &credentials, additional, time(at)).unwrap();
        assert_eq!(authorization(&head).rsplit_once('=').unwrap().1, signature);
        assert_eq!(verify(&head, &credentials, time(at)), Ok(()), "{signature}");
    }
}

#[test]
fn authorization_header_has_the_documented_form() {
    let mut head = head(&[("abc", "value"), ("zabc", "value")]);
    sign_v4::sign(&mut head, SUBJECT, &Credentials::new("ak", "sk"), &["zabc", "abc"], time(1_702_747_512))
        .unwrap();
    let wanted = "OSS4-HMAC-SHA256 Credential=ak/20231216/cn-hangzhou/oss/aliyun_v4_request,AdditionalHeaders=abc;zabc,Signature=";
    assert!(authorization(&head).starts_with(wanted), "{}", authorization(&head));
    assert_eq!(head.headers["x-oss-date"], "20231216T172512Z");
    assert_eq!(head.headers["date"], "Sat, 16 Dec 2023 17:25:12 GMT");
}

#[test]
fn changing_a_signed_part_invalidates_the_signature() {
    let credentials = Credentials::new("ak", "sk").with_token("token");
    let at = time(1_702_743_657);
    let mut signed = head(&[]);
    sign_v4::sign(&mut signed, SUBJECT, &credentials, &[], at).unwrap();
    assert_eq!(verify(&signed, &credentials, at), Ok(()));

    let code = |head: &Parts, now| verify(head, &credentials, now).unwrap_err().code;
    let with = |name: &'static str, value: &'static str| {
        let mut head = signed.clone();
        head.headers.insert(name, value.parse().unwrap());
        head
    };
    assert_eq!(code(&with("x-oss-head1", "other"), at), "SignatureDoesNotMatch");
    assert_eq!(code(&with("x-oss-meta-added", "x"), at), "SignatureDoesNotMatch");
    assert_eq!(code(&with("content-type", "text/html"), at), "SignatureDoesNotMatch");
    assert_eq!(code(&with("x-oss-security-token", "other"), at), "InvalidSecurityToken");
    let mut method = signed.clone();
    method.method = http::Method::GET;
    assert_eq!(code(&method, at), "SignatureDoesNotMatch");
    let mut query = signed.clone();
    query.uri =
        "https://bucket.oss-cn-hangzhou.aliyuncs.com/1234%2B-/123/1.txt?param1=value1".parse().unwrap();
    assert_eq!(code(&query, at), "SignatureDoesNotMatch");
    let mut unsigned = signed.clone();
    unsigned.headers.remove("authorization");
    assert_eq!(code(&unsigned, at), "AccessDenied");
    for garbage in
        ["", "OSS2 ak:sig", "OSS4-HMAC-SHA256", "OSS4-HMAC-SHA256 Credential=ak/1/2/3,Signature=00"]
    {
        assert_eq!(code(&with("authorization", garbage), at), "InvalidArgument", "{garbage:?}");
    }
    let other_key = auth::verify(
        &signed,
        Subject { key: Some("other"), ..SUBJECT },
        |_| Some(Credentials::new("ak", "sk").with_token("token")),
        at,
    );
    assert_eq!(other_key.unwrap_err().code, "SignatureDoesNotMatch");
    let elsewhere = auth::verify(
        &signed,
        Subject { region: "cn-beijing", ..SUBJECT },
        |_| Some(Credentials::new("ak", "sk").with_token("token")),
        at,
    );
    assert_eq!(elsewhere.unwrap_err().code, "AccessDenied");
    assert_eq!(auth::verify(&signed, SUBJECT, |_| None, at).unwrap_err().code, "InvalidAccessKeyId");
}

#[test]
fn clock_skew_of_fifteen_minutes_is_accepted() {
    let (credentials, at) = (Credentials::new("ak", "sk"), time(1_702_743_657));
    let mut head = head(&[]);
    sign_v4::sign(&mut head, SUBJECT, &credentials, &[], at).unwrap();
    for (seconds, accepted) in [(900, true), (-900, true), (901, false), (-901, false)] {
        let answer = verify(&head, &credentials, at + SignedDuration::from_secs(seconds));
        assert_eq!(answer.is_ok(), accepted, "{seconds}");
        if let Err(error) = answer {
            assert_eq!((error.code.as_str(), error.status), ("RequestTimeTooSkewed", 403));
        }
    }
}
