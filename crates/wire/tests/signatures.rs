//! Requests of the official Python SDKs: verified, and signed again to the same signature.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;

use http::request::Parts;
use http::{HeaderName, HeaderValue, Uri};
use jiff::Timestamp;
use osseal_wire::oss::EndpointKind;
use osseal_wire::oss::{
    Addressing, Credentials, Endpoint, ServiceError, Subject, auth, presign_v4, sign_v1, sign_v4,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    vectors: Vec<Vector>,
}

#[derive(Clone, Deserialize)]
struct Vector {
    name: String,
    version: String,
    place: String,
    endpoint: String,
    addressing: String,
    region: String,
    bucket: String,
    key: Option<String>,
    access_key_id: String,
    access_key_secret: String,
    security_token: Option<String>,
    time: i64,
    seconds: Option<u32>,
    method: String,
    url: String,
    headers: BTreeMap<String, String>,
}

fn vectors() -> Vec<Vector> {
    let text = include_str!("../../../vectors/sign/signatures.json");
    serde_json::from_str::<File>(text).unwrap().vectors
}

impl Vector {
    fn head(&self) -> Parts {
        let mut request = http::Request::builder().method(&*self.method).uri(&self.url);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn credentials(&self) -> Credentials {
        let credentials = Credentials::new(&self.access_key_id, self.access_key_secret.clone());
        match &self.security_token {
            Some(token) => credentials.with_token(token.clone()),
            None => credentials,
        }
    }

    fn subject(&self) -> Subject<'_> {
        Subject { bucket: Some(&self.bucket), key: self.key.as_deref(), region: &self.region }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.time).unwrap()
    }

    fn verify(&self, head: &Parts, now: Timestamp) -> Result<(), ServiceError> {
        let lookup = |id: &str| (id == self.access_key_id).then(|| self.credentials());
        auth::verify(head, self.subject(), lookup, now)
    }

    /// The names of headers that are signed beside the usual ones.
    fn additional(&self) -> Vec<&str> {
        let named = self.headers.get("authorization").is_some_and(|text| text.contains("AdditionalHeaders="));
        if named || self.url.contains("x-oss-additional-headers=") {
            vec!["if-match", "range"]
        } else {
            Vec::new()
        }
    }
}

/// The decoded query in order, without the parameters that a signer adds.
fn query(uri: &str, without: &[&str]) -> Vec<(String, String)> {
    let raw = uri.split_once('?').map_or("", |(_, query)| query);
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned();
    let mut pairs: Vec<_> = raw
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .filter(|(name, _)| !without.contains(&name.as_str()))
        .collect();
    pairs.sort();
    pairs
}

fn signature(authorization: &str) -> &str {
    let text = authorization.rsplit_once("Signature=").or(authorization.rsplit_once(':')).unwrap().1;
    text.split(',').next().unwrap()
}

#[test]
fn requests_of_official_sdks_verify_and_sign_identically() {
    let (mut headers, mut queries) = (0, 0);
    for vector in vectors() {
        let name = &vector.name;
        let head = vector.head();
        assert_eq!(vector.verify(&head, vector.now()), Ok(()), "{name}");

        let mut ours = head.clone();
        ours.headers.remove("authorization");
        let (credentials, additional) = (vector.credentials(), vector.additional());
        if vector.place == "header" {
            headers += 1;
            // One SDK sends the token of version 1 under another name, unsigned.
            let renamed = ours.headers.remove("security-token").is_some();
            if vector.version == "v1" {
                sign_v1::sign(&mut ours, vector.subject(), &credentials, vector.now()).unwrap();
            } else {
                sign_v4::sign(&mut ours, vector.subject(), &credentials, &additional, vector.now()).unwrap();
            }
            let made = ours.headers["authorization"].to_str().unwrap();
            let same = signature(made) == signature(&vector.headers["authorization"]);
            assert_eq!(same, !renamed, "{name}: {made}");
        } else {
            queries += 1;
            let signed = [
                "x-oss-signature-version",
                "x-oss-date",
                "x-oss-expires",
                "x-oss-credential",
                "x-oss-signature",
                "x-oss-security-token",
                "x-oss-additional-headers",
                "Expires",
                "OSSAccessKeyId",
                "Signature",
                "security-token",
            ];
            let (path, rest) = vector.url.split_once('?').unwrap();
            let kept: Vec<_> =
                rest.split('&').filter(|pair| !signed.contains(&pair.split('=').next().unwrap())).collect();
            let bare = if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) };
            ours.uri = bare.parse().unwrap();
            let seconds = vector.seconds.unwrap();
            if vector.version == "v1" {
                let until = vector.time + i64::from(seconds);
                sign_v1::presign(&mut ours, vector.subject(), &credentials, until).unwrap();
            } else {
                presign_v4::presign(
                    &mut ours,
                    vector.subject(),
                    &credentials,
                    &additional,
                    seconds,
                    vector.now(),
                )
                .unwrap();
            }
            assert_eq!(query(&ours.uri.to_string(), &[]), query(&vector.url, &[]), "{name}");
        }
    }
    assert_eq!((headers, queries), (201, 95), "the number of vectors that ran");
}

#[test]
fn urls_match_those_of_official_sdks() {
    for vector in vectors() {
        let addressing = match vector.addressing.as_str() {
            "virtual-host" => Addressing::VirtualHost,
            "path" => Addressing::Path,
            "cname" => Addressing::Cname,
            other => panic!("{other}"),
        };
        let endpoint = Endpoint::parse(&vector.endpoint).unwrap().with_addressing(addressing);
        let url = endpoint.url(Some(&vector.bucket), vector.key.as_deref()).unwrap();
        let theirs = vector.url.split('?').next().unwrap();
        // One SDK escapes less in paths; a server decodes the same key.
        let decode =
            |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned();
        assert_eq!(decode(&url), decode(theirs), "{}", vector.name);
        assert!(url.parse::<Uri>().is_ok());
    }
}

/// Every kind of endpoint has requests of both versions, in headers and in the query, with lasting
/// and with temporary credentials.
#[test]
fn vectors_cover_every_kind_of_endpoint() {
    let all = vectors();
    let kinds = [
        ("https://oss-cn-hangzhou.aliyuncs.com", "virtual-host"),
        ("https://oss-cn-hangzhou-internal.aliyuncs.com", "virtual-host"),
        ("https://cn-hangzhou.oss.aliyuncs.com", "virtual-host"),
        ("https://oss-accelerate.aliyuncs.com", "virtual-host"),
        ("https://oss-accelerate-overseas.aliyuncs.com", "virtual-host"),
        ("https://files.example.com", "cname"),
        ("http://127.0.0.1:9000", "path"),
        ("http://oss.example.com:8080", "path"),
    ];
    for (endpoint, addressing) in kinds {
        for version in ["v1", "v4"] {
            for place in ["header", "query"] {
                for is_temporary in [false, true] {
                    let wanted = |vector: &&Vector| {
                        (vector.endpoint == endpoint, vector.addressing == addressing) == (true, true)
                            && (vector.version == version, vector.place == place) == (true, true)
                            && vector.security_token.is_some() == is_temporary
                    };
                    let found = all.iter().filter(wanted).count();
                    assert!(found > 0, "{endpoint} {addressing} {version} {place} {is_temporary}");
                }
            }
        }
    }
}

#[test]
fn endpoints_of_regions_match_official_sdks() {
    let kinds = [
        ("public", EndpointKind::Public),
        ("internal", EndpointKind::Internal),
        ("dual-stack", EndpointKind::DualStack),
        ("accelerate", EndpointKind::Accelerate),
        ("accelerate-overseas", EndpointKind::AccelerateOverseas),
    ];
    for (name, kind) in kinds {
        let ours = Endpoint::of_region("cn-hangzhou", kind).unwrap();
        let wanted = vectors()
            .into_iter()
            .find(|vector| vector.name.starts_with(&format!("alibabacloud-oss-v2/v4/header/{name}/")))
            .unwrap();
        assert_eq!(ours, Endpoint::parse(&wanted.endpoint).unwrap(), "{name}");
        assert_eq!(kind.name().parse::<EndpointKind>(), Ok(kind));
    }
    for bad in
        ["", "cn hangzhou", "cn-hangzhou.evil.example", "CN-HANGZHOU", "oss-cn-hangzhou", "-cn", "a/b", "@x"]
    {
        assert!(Endpoint::of_region(bad, EndpointKind::Public).is_err(), "{bad:?}");
    }
}

/// Every part of every request is signed: changing one is noticed.
#[test]
fn changing_any_part_invalidates_the_signature() {
    let mut refused = 0;
    for vector in vectors() {
        let now = vector.now();
        let mut altered: Vec<(&str, Parts)> = Vec::new();
        let change = |edit: &dyn Fn(&mut Parts)| {
            let mut head = vector.head();
            edit(&mut head);
            head
        };
        altered.push(("method", change(&|head| head.method = http::Method::DELETE)));
        for name in vector
            .headers
            .keys()
            .filter(|name| *name != "authorization" && *name != "range" && *name != "if-match")
        {
            // Version 4 takes the time from x-oss-date alone.
            if name == "date" && vector.version == "v4" {
                continue;
            }
            let header: HeaderName = name.parse().unwrap();
            altered.push((
                name,
                change(&|head| {
                    head.headers.insert(&header, HeaderValue::from_static("other"));
                }),
            ));
        }
        altered.push((
            "another x-oss header",
            change(&|head| {
                head.headers.insert("x-oss-another", HeaderValue::from_static("x"));
            }),
        ));
        for (name, _) in query(&vector.url, &[]) {
            // Version 1 signs sub-resources and nothing else of the query.
            let unsigned = [
                "list-type",
                "prefix",
                "delimiter",
                "start-after",
                "fetch-owner",
                "max-keys",
                "encoding-type",
            ];
            if vector.version == "v1" && unsigned.contains(&name.as_str()) {
                continue;
            }
            let encoded = percent_encoding::utf8_percent_encode(&name, percent_encoding::NON_ALPHANUMERIC);
            let edited = vector.url.replacen(&format!("{name}="), &format!("{encoded}=x"), 1);
            if edited != vector.url {
                altered.push(("query", change(&|head| head.uri = edited.parse().unwrap())));
            }
        }
        for (part, head) in &altered {
            assert!(vector.verify(head, now).is_err(), "{}: {part} can be changed", vector.name);
            refused += 1;
        }
        let head = vector.head();
        let other_key = Vector { key: Some("other".into()), ..vector.clone() };
        let other_bucket = Vector { bucket: "other".into(), ..vector.clone() };
        let other_secret = Vector { access_key_secret: "other".into(), ..vector.clone() };
        for other in [other_key, other_bucket, other_secret] {
            assert_eq!(
                other.verify(&head, now).unwrap_err().code,
                "SignatureDoesNotMatch",
                "{}",
                vector.name
            );
        }
        let other_token = Vector { security_token: Some("other".into()), ..vector.clone() };
        assert_eq!(other_token.verify(&head, now).unwrap_err().code, "InvalidSecurityToken");
        let unknown = Vector { access_key_id: "other".into(), ..vector.clone() };
        assert_eq!(unknown.verify(&head, now).unwrap_err().code, "InvalidAccessKeyId");

        let late = Timestamp::from_second(vector.time + 3600).unwrap();
        let wanted = if vector.place == "header" { "RequestTimeTooSkewed" } else { "AccessDenied" };
        assert_eq!(vector.verify(&head, late).unwrap_err().code, wanted, "{}", vector.name);
    }
    assert!(refused > 1000, "{refused}");
}

#[test]
fn requests_with_two_signatures_are_refused() {
    let all = vectors();
    let of = |version: &str, place: &str| {
        all.iter().find(|vector| vector.version == version && vector.place == place).unwrap()
    };
    let mut head = of("v4", "query").head();
    let authorization = of("v4", "header").head().headers["authorization"].clone();
    head.headers.insert("authorization", authorization);
    let error = of("v4", "query").verify(&head, of("v4", "query").now()).unwrap_err();
    assert_eq!((error.code.as_str(), error.status), ("InvalidArgument", 400));
    let both = format!("{}&Signature=x", of("v4", "query").url);
    let head = Vector { url: both, ..of("v4", "query").clone() }.head();
    assert_eq!(of("v4", "query").verify(&head, of("v4", "query").now()).unwrap_err().code, "InvalidArgument");
    let mut none = of("v4", "header").head();
    none.headers.remove("authorization");
    assert_eq!(of("v4", "header").verify(&none, of("v4", "header").now()).unwrap_err().code, "AccessDenied");
}

#[test]
fn presigned_urls_expire() {
    let credentials = Credentials::new("ak", "sk");
    let subject = Subject { bucket: Some("b"), key: Some("k"), region: "cn-hangzhou" };
    let now: Timestamp = "2026-03-04T05:06:07Z".parse().unwrap();
    let head = || http::Request::get("https://b.example.com/k").body(()).unwrap().into_parts().0;
    for seconds in [0, presign_v4::MAX_LIFETIME_SECONDS + 1, u32::MAX] {
        assert!(presign_v4::presign(&mut head(), subject, &credentials, &[], seconds, now).is_err());
    }
    let verify = |url: &str, now: Timestamp| {
        let mut asked = head();
        asked.uri = url.parse().unwrap();
        auth::verify(&asked, subject, |_| Some(credentials.clone()), now)
    };
    let after = |seconds: i64| now + jiff::SignedDuration::from_secs(seconds);
    let mut signed = head();
    presign_v4::presign(&mut signed, subject, &credentials, &[], presign_v4::MAX_LIFETIME_SECONDS, now)
        .unwrap();
    let url = signed.uri.to_string();
    assert_eq!(verify(&url, after(i64::from(presign_v4::MAX_LIFETIME_SECONDS))), Ok(()));
    assert_eq!(
        verify(&url, after(i64::from(presign_v4::MAX_LIFETIME_SECONDS) + 1)).unwrap_err().message,
        "Request has expired."
    );
    assert_eq!(verify(&url, after(-899)), Ok(()), "a signer's clock may be fast");
    assert_eq!(verify(&url, after(-901)).unwrap_err().code, "RequestTimeTooSkewed");
    for (edit, ec) in [
        ("x-oss-expires=604801", "0002-00000232"),
        ("x-oss-expires=0", "0002-00000232"),
        ("x-oss-expires=1e3", "0002-00000232"),
        ("x-oss-expires=", "0002-00000215"),
        ("other=1", "0002-00000215"),
    ] {
        let url = url.replace("x-oss-expires=604800", edit);
        assert_eq!(verify(&url, now).unwrap_err().ec, ec, "{edit}");
    }
    let mut old = head();
    sign_v1::presign(&mut old, subject, &credentials, now.as_second() + 60).unwrap();
    let url = old.uri.to_string();
    assert_eq!(verify(&url, after(60)), Ok(()));
    assert_eq!(verify(&url, after(61)).unwrap_err().ec, "0002-00000069");
    let until = format!("Expires={}", now.as_second() + 60);
    for edit in ["Expires=", "Expires=abc", "Expires=99999999999999999999"] {
        assert_eq!(verify(&url.replace(&until, edit), now).unwrap_err().ec, "0002-00000070", "{edit}");
    }
}
