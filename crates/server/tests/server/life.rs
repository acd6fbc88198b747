//! Beyond one request: signatures and clocks, sockets, restarts, the ledger, faults.

use std::io::{Read, Write};
use std::sync::Arc;

use crate::support::{Store, ramp};
use http_body_util::BodyExt;
use osseal_server::backend::disk::OpenError;
use osseal_server::fault::{Action, Fault, Faults};
use osseal_server::ledger::{Ledger, conflicts};
use osseal_server::{Operation, Service, body};
use osseal_wire::oss::request::GetObject;
use osseal_wire::oss::{Call, Credentials, Endpoint, Request, ServiceError, Subject, sign_v4};

async fn signed(service: &Service, credentials: Option<&Credentials>, region: &str, now: &str) -> String {
    let request = Request {
        bucket: Some("box".into()),
        key: Some("a b".into()),
        call: Call::GetObject(GetObject::default()),
    };
    let mut head = request.head(&Endpoint::parse("http://127.0.0.1").unwrap()).unwrap();
    if let Some(credentials) = credentials {
        let subject = Subject { bucket: Some("box"), key: Some("a b"), region };
        sign_v4::sign(&mut head, subject, credentials, &[], now.parse().unwrap()).unwrap();
    }
    let (head, body) =
        service.call(http::Request::from_parts(head, body::empty())).await.unwrap().into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    ServiceError::from_reply(head.status, &head.headers, &bytes).code.to_string()
}

#[tokio::test]
async fn only_the_right_signature_opens_the_door() {
    let (long, temporary) = (Credentials::new("ak", "sk"), Credentials::new("sts", "sk").with_token("token"));
    let now: jiff::Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
    let service = Service::builder()
        .credentials(vec![long.clone(), temporary.clone()])
        .clock(Arc::new(move || now))
        .build();
    let time = "2026-01-02T03:04:05Z";
    for (credentials, region, at, code) in [
        (Some(&long), "cn-hangzhou", time, "NoSuchBucket"),
        (Some(&temporary), "cn-hangzhou", time, "NoSuchBucket"),
        (Some(&long), "cn-hangzhou", "2026-01-02T03:18:05Z", "NoSuchBucket"),
        (Some(&long), "cn-hangzhou", "2026-01-02T03:20:05Z", "RequestTimeTooSkewed"),
        (Some(&long), "cn-hangzhou", "2026-01-02T02:48:05Z", "RequestTimeTooSkewed"),
        (Some(&long), "cn-beijing", time, "AccessDenied"),
        (None, "cn-hangzhou", time, "AccessDenied"),
        (Some(&Credentials::new("ak", "other")), "cn-hangzhou", time, "SignatureDoesNotMatch"),
        (Some(&Credentials::new("nobody", "sk")), "cn-hangzhou", time, "InvalidAccessKeyId"),
        (Some(&Credentials::new("sts", "sk")), "cn-hangzhou", time, "InvalidSecurityToken"),
        (Some(&Credentials::new("sts", "sk").with_token("old")), "cn-hangzhou", time, "InvalidSecurityToken"),
    ] {
        assert_eq!(signed(&service, credentials, region, at).await, code, "{credentials:?} {region} {at}");
    }
    let nobody = Service::builder().build();
    assert_eq!(signed(&nobody, Some(&long), "cn-hangzhou", time).await, "InvalidAccessKeyId");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_serves_and_ends_cleanly() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let service = Service::builder().anonymous().build();
    let server = tokio::spawn(osseal_server::serve(listener, service, async { drop(stopped.await) }));
    let talk = move |text: String, body: Vec<u8>| {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream
            .write_all(format!("{text}\r\nhost: {address}\r\nconnection: close\r\n\r\n").as_bytes())
            .unwrap();
        stream.write_all(&body).unwrap();
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).unwrap();
        reply
    };
    let body = ramp(3_000_000);
    let sent = body.clone();
    let reply = tokio::task::spawn_blocking(move || {
        talk("PUT /box HTTP/1.1\r\ncontent-length: 0".into(), vec![]);
        talk(format!("PUT /box/k HTTP/1.1\r\ncontent-length: {}", sent.len()), sent);
        talk("GET /box/k HTTP/1.1".into(), vec![])
    })
    .await
    .unwrap();
    assert!(reply.starts_with(b"HTTP/1.1 200 OK\r\n") && reply.ends_with(&body));
    stop.send(()).unwrap();
    server.await.unwrap().unwrap();
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[tokio::test]
async fn a_folder_outlives_its_process_and_serves_one_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let open = || Service::builder().anonymous().disk(&path).map(|builder| Store::of(builder.build()));
    let store = open().unwrap();
    store.ask("PUT /box", &[], b"").await;
    store.ask("PUT /box/a", &[("x-oss-meta-a", "1")], &ramp(70_000)).await;
    let id = store.ask("POST /box/m?uploads", &[], b"").await.element("UploadId").to_owned();
    store.ask(&format!("PUT /box/m?partNumber=1&uploadId={id}"), &[], b"part").await;
    assert!(matches!(open(), Err(OpenError::InUse(_))));
    drop(store);
    // What a kill leaves behind: a file being written, a body that no record names.
    std::fs::write(path.join("temp").join("X"), "half").unwrap();
    std::fs::write(path.join("data").join("ORPHAN"), "orphan").unwrap();
    let store = open().unwrap();
    assert!(!path.join("temp").join("X").exists() && !path.join("data").join("ORPHAN").exists());
    let get = store.ask("GET /box/a", &[], b"").await;
    assert_eq!((get.header("x-oss-meta-a"), &get.body[..]), ("1", &ramp(70_000)[..]));
    assert_eq!(store.ask(&format!("GET /box/m?uploadId={id}"), &[], b"").await.element("Size"), "4");
    drop(store);

    let objects = path.join("buckets/box/objects");
    let record = std::fs::read_dir(&objects).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&record).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&record, bytes).unwrap();
    let store = open().unwrap();
    assert_eq!(
        store.ask("GET /box/a", &[], b"").await.status,
        500,
        "a damaged record is not an absent object"
    );
    assert_eq!(store.ask("GET /box?list-type=2", &[], b"").await.status, 500);
    store.ask("PUT /box/a", &[], b"healed").await;
    assert_eq!(&store.ask("GET /box/a", &[], b"").await.body[..], b"healed");

    let other = folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("precious.txt"), "x").unwrap();
    assert!(matches!(Service::builder().disk(&other), Err(OpenError::NotAStore(_))));
}

#[tokio::test]
async fn a_reader_keeps_what_it_opened() {
    for store in Store::both().await {
        let body = ramp(2_000_000);
        store.ask("PUT /box/a", &[], &body).await;
        let request = http::Request::get("/box/a").header("host", "127.0.0.1").body(body::empty()).unwrap();
        let reply = store.service.call(request).await.unwrap();
        store.ask("PUT /box/a", &[], b"replaced").await;
        store.ask("DELETE /box/a", &[], b"").await;
        assert_eq!(reply.into_body().collect().await.unwrap().to_bytes(), body);
    }
}

#[tokio::test]
async fn the_ledger_has_every_body_also_refused_and_broken_ones() {
    let ledger = Ledger::new();
    let store = Store::memory(|builder| builder.ledger(ledger.clone()));
    store.ask("PUT /box", &[], b"").await;
    let key = "x-oss-meta-client-side-encryption-key";
    store.ask("PUT /box/a", &[], &ramp(1000)).await;
    store.ask("PUT /box/a", &[("x-oss-hash-crc64ecma", "1")], &ramp(2000)).await;
    store.ask("PUT /box/a", &[(key, "incomplete")], &ramp(3000)).await;
    store.ask("PUT /none/a", &[], &ramp(4000)).await;
    let broken = http_body_util::StreamBody::new(futures_util::stream::iter([
        Ok(http_body::Frame::data(ramp(500).into())),
        Err::<_, body::BoxError>("gone".into()),
    ]));
    let request = http::Request::put("/box/a")
        .header("host", "127.0.0.1")
        .header("content-length", 1000)
        .body(broken)
        .unwrap();
    assert!(store.service.call(request).await.is_err());
    let records = ledger.records();
    let seen: Vec<_> =
        records.iter().map(|record| (record.received(), record.complete, record.envelope.len())).collect();
    assert_eq!(seen, [(1000, true, 0), (2000, true, 0), (3000, true, 1), (4000, true, 0), (500, false, 0)]);
    assert_eq!(conflicts(&records[0], &records[4]), None, "the same bytes");
    store.ask("PUT /box/a", &[], &ramp(1001)[1..]).await;
    assert_eq!(conflicts(&records[0], &ledger.records()[5]), Some(0));
}

#[tokio::test(start_paused = true)]
async fn faults_happen_on_order() {
    let faults = Faults::new();
    let store = Store::memory(|builder| builder.faults(faults.clone()));
    store.ask("PUT /box", &[], b"").await;
    let get = || http::Request::get("/box/a").header("host", "127.0.0.1").body(body::empty()).unwrap();
    let order = |action| faults.inject(Fault::new(action).on(Operation::GetObject));
    let put = http::Request::put("/box/a").header("host", "127.0.0.1").header("content-length", 1000);
    faults.inject(Fault::new(Action::LoseReply).on(Operation::PutObject));
    assert!(store.service.call(put.body(body::full(ramp(1000))).unwrap()).await.is_err());
    assert_eq!(store.ask("GET /box/a", &[], b"").await.body, ramp(1000), "the work was done");

    order(Action::Drop);
    assert!(store.service.call(get()).await.is_err());
    order(Action::Refuse {
        status: 503,
        code: "ServiceUnavailable".into(),
        headers: vec![("retry-after".into(), "1".into())],
    });
    let refused = store.ask("GET /box/a", &[], b"").await;
    assert_eq!((refused.refusal().0, refused.header("retry-after")), (503, "1"));
    order(Action::CutReply { after: 300 });
    assert!(store.service.call(get()).await.unwrap().into_body().collect().await.is_err());
    order(Action::FlipReply { at: 999 });
    let flipped = store.ask("GET /box/a", &[], b"").await.body;
    assert_eq!((&flipped[..999], flipped[999]), (&ramp(1000)[..999], ramp(1000)[999] ^ 1));
    order(Action::ReplyHeader { name: "etag", value: None });
    assert_eq!(store.ask("GET /box/a", &[], b"").await.header("etag"), "");
    order(Action::Hang);
    let hanging = tokio::time::timeout(std::time::Duration::from_secs(60), store.service.call(get()));
    assert!(hanging.await.is_err());
    assert_eq!(faults.calls(Operation::GetObject), 7);
}
