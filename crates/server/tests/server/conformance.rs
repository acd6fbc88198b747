//! The conformance suite against our own server, and against servers that do something wrong: it must notice.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::support::Store;
use http::{HeaderName, Request, Response};
use osseal_conformance::{self as conformance, Limits, NotRun, Report, Target, Verdict};
use osseal_server::fault::{Action, Fault, Faults};
use osseal_server::quirks::{Etag, Quirks};
use osseal_server::{Body, Closed, Operation, Service, ServiceBuilder, body};
use osseal_wire::oss::{Credentials, Endpoint};

/// Whether a bucket holds neither objects nor unfinished uploads; it is gone then.
async fn is_empty(service: &Service, bucket: &str) -> bool {
    let request = Request::delete(format!("/{bucket}")).header("host", "127.0.0.1");
    let reply = service.call(request.body(body::empty()).unwrap()).await.unwrap();
    reply.status() == 204
}

fn target_of(service: &Service) -> Target {
    let (endpoint, service) = (Endpoint::parse("http://127.0.0.1").unwrap(), service.clone());
    Target::new(endpoint, "cn-hangzhou", "box", move |request| service.call(request)).may_make_buckets()
}

async fn report(target: &Target) -> Report {
    conformance::run(target, std::future::pending()).await.unwrap()
}

fn failed(report: &Report) -> BTreeSet<&'static str> {
    report.failed().map(|finding| finding.name).collect()
}

#[tokio::test]
async fn our_server_conforms_on_both_backends() {
    for store in Store::both().await {
        let report = report(&target_of(&store.service)).await;
        assert!(report.is_good(), "{report}");
        // Nobody signs here.
        let skipped: BTreeSet<_> =
            report.skipped().map(|finding| finding.name.split('/').next().unwrap()).collect();
        assert_eq!(skipped, BTreeSet::from(["reply", "signature"]), "{report}");
        let buckets = store.ask("GET /", &[], b"").await;
        assert_eq!(buckets.text().matches("<Bucket>").count(), 1, "{}", buckets.text());
        assert!(is_empty(&store.service, "box").await, "the bucket holds objects or uploads");
    }
}

/// A service that asks for signatures, and the bucket `box` in it.
async fn locked(with: impl FnOnce(ServiceBuilder) -> ServiceBuilder) -> (Service, Credentials) {
    let memory = Arc::new(osseal_server::backend::memory::Memory::new());
    let back = Service::builder().backend(memory.clone()).anonymous().build();
    assert_eq!(Store::of(back).ask("PUT /box", &[], b"").await.status, 200);
    let credentials = Credentials::new("id", "secret").with_token("token");
    let builder = Service::builder().backend(memory).credentials(vec![credentials.clone()]);
    (with(builder).build(), credentials)
}

#[tokio::test]
async fn every_case_is_asked_where_requests_are_signed() {
    let (service, credentials) = locked(|builder| builder).await;
    let report = report(&target_of(&service).credentials(credentials)).await;
    assert!(report.is_good(), "{report}");
    assert_eq!(report.passed().count(), conformance::cases().count(), "{report}");
    assert!(report.requests < Limits::default().requests / 2, "{report}");
}

#[tokio::test]
async fn buckets_are_made_only_where_that_is_allowed() {
    let store = Store::both().await.into_iter().next().unwrap();
    let service = store.service.clone();
    let target = Target::new(
        Endpoint::parse("http://127.0.0.1").unwrap(),
        "cn-hangzhou",
        "box",
        move |request: Request<Body>| {
            let makes =
                request.method() == http::Method::PUT && request.uri().path().matches('/').count() == 1;
            assert!(!makes, "{}", request.uri());
            service.call(request)
        },
    );
    let report = report(&target).await;
    assert!(report.is_good(), "{report}");
    for name in ["bucket/life", "copy/other-bucket", "encryption/copy-other-headers"] {
        assert!(report.skipped().any(|finding| finding.name == name), "{report}");
    }
}

#[test]
fn names_are_unique_and_have_a_group() {
    let names: BTreeSet<_> = conformance::cases().map(|case| case.name).collect();
    assert_eq!(names.len(), conformance::cases().count());
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    for case in conformance::cases() {
        let (group, question) = case.name.split_once('/').unwrap();
        assert!(group.chars().all(legal) && question.chars().all(legal), "{}", case.name);
        assert!(case.why.ends_with('.'), "{}", case.name);
    }
}

/// The page lists the cases as they are.
#[test]
fn the_page_names_every_case() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/conformance.md");
    let page = std::fs::read_to_string(page).unwrap();
    let rows: String =
        conformance::cases().map(|case| format!("| `{}` | {} |\n", case.name, case.why)).collect();
    let (_, listed) = page.split_once("| case | why |\n|---|---|\n").unwrap();
    assert!(listed == rows, "docs/conformance.md has to end with:\n{rows}");
}

/// Answers every request the same way.
fn parrot(status: u16, document: &'static str) -> Target {
    let answer = move |_: Request<Body>| async move {
        let reply = Response::builder().status(status).header("x-oss-request-id", "1");
        Ok::<_, Closed>(reply.body(body::full(document)).unwrap())
    };
    let endpoint = Endpoint::parse("http://127.0.0.1").unwrap();
    let target = Target::new(endpoint, "cn-hangzhou", "box", answer).may_make_buckets();
    target.credentials(Credentials::new("id", "secret"))
}

#[tokio::test]
async fn no_case_passes_where_everything_is_answered_alike() {
    for status in [200, 204, 206] {
        let report = report(&parrot(status, "")).await;
        assert_eq!(report.passed().count(), 0, "{report}");
        assert!(!report.left_behind.is_empty(), "what cannot be listed may still be there");
    }
    for status in [400, 403, 404, 500] {
        let target = parrot(status, "<Error><Code>NoSuchKey</Code></Error>");
        let refused = conformance::run(&target, std::future::pending());
        assert!(matches!(refused.await, Err(NotRun::Unusable { bucket, .. }) if bucket == "box"));
    }
}

/// A server that never sees one header of its requests.
fn deaf(service: &Service, name: &'static str) -> Target {
    let (endpoint, service) = (Endpoint::parse("http://127.0.0.1").unwrap(), service.clone());
    Target::new(endpoint, "cn-hangzhou", "box", move |mut request: Request<Body>| {
        request.headers_mut().remove(HeaderName::from_static(name));
        service.call(request)
    })
    .may_make_buckets()
}

#[tokio::test]
async fn a_server_that_ignores_a_header_is_noticed() {
    for (name, expected) in [
        (
            "x-oss-forbid-overwrite",
            vec![
                "forbid-overwrite/copy",
                "forbid-overwrite/multipart",
                "forbid-overwrite/put",
                "forbid-overwrite/value",
            ],
        ),
        ("x-oss-range-behavior", vec!["range/standard"]),
        ("range", vec!["range/checksum", "range/inside", "range/standard"]),
        ("if-match", vec!["condition/etag"]),
        ("if-none-match", vec!["condition/etag"]),
        ("if-modified-since", vec!["condition/time"]),
        ("if-unmodified-since", vec!["condition/time"]),
        (
            "content-md5",
            vec![
                "delete-many/named",
                "delete-many/quiet",
                "delete-many/refused",
                "digest/content-md5",
                "multipart/digest",
            ],
        ),
        ("x-oss-hash-crc64ecma", vec!["digest/crc64", "multipart/digest"]),
        ("x-oss-copy-source-if-match", vec!["copy/conditions"]),
        ("x-oss-copy-source-if-none-match", vec!["copy/conditions"]),
        ("x-oss-copy-source-range", vec!["part-copy/ranges"]),
        ("x-oss-tagging", vec!["tagging/copied", "tagging/round-trip"]),
        ("x-oss-tagging-directive", vec!["tagging/copied"]),
        ("x-oss-object-acl", vec!["access-control/object"]),
        ("x-oss-symlink-target", vec!["link/round-trip", "versioning/link"]),
        (
            "x-oss-metadata-directive",
            vec!["copy/other-headers", "encryption/copy-other-envelope", "encryption/copy-other-headers"],
        ),
        (
            "x-oss-meta-client-side-encryption-start",
            vec![
                "encryption/copy",
                "encryption/copy-other-envelope",
                "encryption/copy-other-headers",
                "encryption/initiate-needs",
                "encryption/listed-envelope",
                "encryption/multipart",
                "encryption/old-rsa",
                "encryption/part-copy",
                "encryption/part-count",
                "encryption/part-headers",
                "encryption/part-sizes",
                "encryption/put",
                "encryption/put-needs",
                "encryption/sizes",
            ],
        ),
    ] {
        let store = Store::both().await.into_iter().next().unwrap();
        let report = report(&deaf(&store.service, name)).await;
        assert_eq!(failed(&report), expected.into_iter().collect(), "{name}: {report}");
    }
}

#[tokio::test]
async fn a_server_that_answers_wrongly_is_noticed() {
    let header = |name, value: Option<&str>| Action::ReplyHeader { name, value: value.map(str::to_owned) };
    let of_operations = [
        (Operation::GetObject, Action::FlipReply { at: 3 }, "object/round-trip"),
        (Operation::GetObject, Action::CutReply { after: 3 }, "object/round-trip"),
        (Operation::GetObject, header("content-range", Some("bytes 0-0/1000")), "range/inside"),
        (Operation::GetObject, header("x-oss-hash-crc64ecma", Some("1")), "range/checksum"),
        (Operation::GetObject, header("x-oss-request-id", Some("always the same")), "reply/request-id"),
        (Operation::PutObject, header("etag", None), "object/round-trip"),
        (Operation::HeadObject, header("x-oss-err", None), "error/of-head"),
        (Operation::HeadObject, header("last-modified", None), "object/head"),
        (Operation::UploadPart, header("etag", Some("\"0\"")), "multipart/round-trip"),
        (Operation::ListObjectsV2, Action::CutReply { after: 200 }, "list/pages"),
        (Operation::ListObjects, Action::refuse(501, "NotImplemented"), "list/pages-by-marker"),
        (Operation::CopyObject, Action::Drop, "copy/as-it-is"),
        (Operation::AbortMultipartUpload, Action::refuse(204, ""), "multipart/aborted"),
        (Operation::DeleteBucket, Action::refuse(204, ""), "bucket/life"),
        (Operation::UploadPartCopy, Action::CutReply { after: 100 }, "part-copy/ranges"),
        (Operation::AppendObject, header("x-oss-next-append-position", Some("2")), "append/grows"),
        (Operation::GetObjectTagging, Action::FlipReply { at: 80 }, "tagging/round-trip"),
        (Operation::PutObjectTagging, Action::refuse(200, ""), "tagging/rules"),
        (Operation::PutObjectAcl, Action::refuse(200, ""), "access-control/object"),
        (Operation::GetSymlink, header("x-oss-symlink-target", Some("other")), "link/round-trip"),
        (Operation::GetObjectMeta, header("etag", None), "object-meta/short"),
        (Operation::DeleteMultipleObjects, Action::refuse(200, ""), "delete-many/quiet"),
        (Operation::ListMultipartUploads, Action::CutReply { after: 300 }, "uploads/pages"),
        (Operation::GetBucketLocation, Action::refuse(404, "NoSuchBucket"), "bucket/description"),
        (Operation::GetBucketVersioning, Action::CutReply { after: 50 }, "versioning/kept"),
        (Operation::GetObject, header("x-oss-version-id", Some("other")), "versioning/kept"),
        (Operation::DeleteObject, header("x-oss-delete-marker", None), "versioning/deleted"),
        (Operation::CopyObject, header("x-oss-copy-source-version-id", None), "versioning/restored"),
    ];
    let no_operation = (None, Action::refuse(404, "NoSuchKey"), "name/longest");
    let of_operations =
        of_operations.map(|(operation, action, expected)| (Some(operation), action, expected));
    for (operation, action, expected) in of_operations.into_iter().chain([no_operation]) {
        let faults = Faults::new();
        let shown = format!("{operation:?} {action:?}");
        faults.inject(Fault::new(action).on(operation).always());
        let store = Store::memory(|builder| builder.faults(faults.clone()));
        assert_eq!(store.ask("PUT /box", &[], b"").await.status, 200);
        let report = report(&target_of(&store.service)).await;
        assert!(failed(&report).contains(expected), "{shown}: {report}");
    }
}

#[tokio::test]
async fn a_server_with_other_rules_is_noticed() {
    for (change, expected) in [
        (
            (|quirks: &mut Quirks| quirks.smallest_part = 1) as fn(&mut Quirks),
            vec!["multipart/smallest-part"],
        ),
        (|quirks| quirks.etag = Etag::Crc64, vec!["object/empty", "object/round-trip"]),
    ] {
        let mut quirks = Quirks::default();
        change(&mut quirks);
        let store = Store::memory(|builder| builder.quirks(quirks.clone()));
        assert_eq!(store.ask("PUT /box", &[], b"").await.status, 200);
        let report = report(&target_of(&store.service)).await;
        assert_eq!(failed(&report), expected.into_iter().collect(), "{report}");
    }
}

#[tokio::test]
async fn a_server_that_lets_everybody_in_is_noticed() {
    let (service, credentials) = (Service::builder().anonymous().build(), Credentials::new("id", "secret"));
    assert_eq!(Store::of(service.clone()).ask("PUT /box", &[], b"").await.status, 200);
    let report = report(&target_of(&service).credentials(credentials)).await;
    let expected = ["clock", "none", "unknown-id", "v1-query", "v4-query", "wrong-secret"];
    let expected: BTreeSet<_> = expected.into_iter().map(|name| format!("signature/{name}")).collect();
    assert_eq!(failed(&report).into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), expected, "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_ends_its_cases() {
    let faults = Faults::new();
    faults.inject(Fault::new(Action::Hang).on(Operation::CopyObject).always());
    faults.inject(Fault::new(Action::StallReply { after: 10 }).on(Operation::ListObjects).always());
    let store = Store::memory(|builder| builder.faults(faults.clone()));
    assert_eq!(store.ask("PUT /box", &[], b"").await.status, 200);
    let report = report(&target_of(&store.service)).await;
    assert!(
        failed(&report).contains("copy/as-it-is") && failed(&report).contains("list/pages-by-marker"),
        "{report}"
    );
    assert!(!failed(&report).contains("object/round-trip"), "{report}");
    assert!(is_empty(&store.service, "box").await);
}

#[tokio::test]
async fn a_run_stays_within_its_limits_and_cleans_up() {
    let faults = Faults::new();
    let store = Store::memory(|builder| builder.faults(faults.clone()));
    assert_eq!(store.ask("PUT /box", &[], b"").await.status, 200);
    let mut limits = Limits::default();
    (limits.requests, limits.bytes) = (150, 300_000);
    let report = report(&target_of(&store.service).limits(limits)).await;
    assert!(report.requests <= 150 && report.sent <= 300_000, "{report}");
    assert!(failed(&report).len() > 20, "{report}");
    assert!(report.left_behind.is_empty(), "{report}");
    assert!(is_empty(&store.service, "box").await);
}

#[tokio::test]
async fn a_stopped_run_cleans_up() {
    let faults = Faults::new();
    let store = Store::memory(|builder| builder.faults(faults.clone()));
    assert_eq!(store.ask("PUT /box", &[], b"").await.status, 200);
    let stop = {
        let faults = faults.clone();
        std::future::poll_fn(move |_| {
            let begun = faults.calls(Operation::InitiateMultipartUpload) > 0;
            if begun { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
    };
    let report = conformance::run(&target_of(&store.service), stop).await.unwrap();
    assert!(report.is_good() && report.passed().count() > 5, "{report}");
    let last = report.findings.last().unwrap();
    assert_eq!(last.verdict, Verdict::Skipped { reason: "the run was stopped".into() });
    assert!(is_empty(&store.service, "box").await);
}

#[tokio::test]
async fn what_cannot_be_removed_is_said() {
    let faults = Faults::new();
    let store = Store::memory(|builder| builder.faults(faults.clone()));
    assert_eq!(store.ask("PUT /box", &[], b"").await.status, 200);
    faults
        .inject(Fault::new(Action::refuse(403, "AccessDenied")).on(Operation::DeleteObject).skip(1).always());
    let report = report(&target_of(&store.service)).await;
    assert!(!report.is_good());
    assert!(report.left_behind.iter().any(|what| what.contains("AccessDenied")), "{report}");
}

#[tokio::test]
async fn a_bucket_that_cannot_be_used_is_not_used() {
    let (service, _) = locked(|builder| builder).await;
    let nobody = conformance::run(&target_of(&service), std::future::pending()).await;
    assert!(
        matches!(&nobody, Err(NotRun::Unusable { found, .. }) if found.contains("AccessDenied")),
        "{nobody:?}"
    );
    let wrong = target_of(&service).credentials(Credentials::new("id", "other"));
    assert!(conformance::run(&wrong, std::future::pending()).await.is_err());
}
