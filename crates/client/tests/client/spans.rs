//! What is traced: a span for each operation and each call of the key service, with what came of it, and events for repetitions.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use data_encoding::BASE64;
use osseal::{
    CopyOptions, EncryptedBucket, ErrorKind, GetOptions, HeadOptions, ListOptions, PresignOptions,
    PutOptions, Suite, WriteAt,
};
use osseal_server::Operation;
use osseal_server::fault::Action;
use osseal_server::kms::faults as kms_faults;
use osseal_wire::oss::Metadata;
use osseal_wire::oss::request::{Call, GetObject, PutObject};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

use crate::kms::fake_kms::{SUITES, Vault};
use crate::support::{PART, TestStore, ramp};

type Fields = BTreeMap<&'static str, String>;

/// A span that has ended, or an event, with the names of the spans around it.
#[derive(Clone, Debug)]
struct Trace {
    name: &'static str,
    within: Vec<&'static str>,
    fields: Fields,
}

/// Keeps what is traced in this thread.
#[derive(Clone, Default)]
struct Watch(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    spans: Vec<Trace>,
    events: Vec<Trace>,
}

struct Collect<'a>(&'a mut Fields);

impl Visit for Collect<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record(field, format!("{value:?}"));
    }
}

impl Collect<'_> {
    fn record(&mut self, field: &Field, value: String) {
        let before = self.0.insert(field.name(), value);
        assert_eq!(before, None, "{field} is recorded twice");
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Watch {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::new();
        attributes.record(&mut Collect(&mut fields));
        context.span(id).unwrap().extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        let mut extensions = span.extensions_mut();
        values.record(&mut Collect(extensions.get_mut::<Fields>().unwrap()));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::new();
        event.record(&mut Collect(&mut fields));
        let within = context.event_scope(event).into_iter().flatten().map(|span| span.name()).collect();
        self.0.lock().unwrap().events.push(Trace { name: "", within, fields });
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let span = context.span(&id).unwrap();
        let within = span.scope().skip(1).map(|span| span.name()).collect();
        let fields = span.extensions().get::<Fields>().unwrap().clone();
        self.0.lock().unwrap().spans.push(Trace { name: span.name(), within, fields });
    }
}

impl Watch {
    fn begin() -> (Watch, DefaultGuard) {
        Watch::begin_at(LevelFilter::TRACE)
    }

    /// Keeps nothing that is finer than a level.
    fn begin_at(level: LevelFilter) -> (Watch, DefaultGuard) {
        let watch = Watch::default();
        let subscriber = tracing_subscriber::registry().with(watch.clone()).with(level);
        (watch, tracing::subscriber::set_default(subscriber))
    }

    /// Waits until tasks that were given up are gone.
    async fn quiet(&self) {
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
    }

    /// The spans of a name that have ended since this was asked last.
    fn spans(&self, name: &str) -> Vec<Fields> {
        let spans = std::mem::take(&mut self.0.lock().unwrap().spans);
        spans.into_iter().filter(|span| span.name == name).map(|span| span.fields).collect()
    }

    fn events(&self, message: &str) -> Vec<Trace> {
        let events = std::mem::take(&mut self.0.lock().unwrap().events);
        events
            .into_iter()
            .filter(|event| event.fields.get("message").is_some_and(|text| text == message))
            .collect()
    }
}

/// The one operation that was under way, which was this one, as the pairs say.
#[track_caller]
fn only(watch: &Watch, operation: &str, pairs: &[(&str, &str)]) -> Fields {
    let spans = watch.spans("oss");
    assert_eq!(spans.len(), 1, "{spans:?}");
    let span = spans.into_iter().next().unwrap();
    assert_eq!(span["operation"], operation, "{span:?}");
    for (name, value) in pairs {
        assert_eq!(span.get(name).map(String::as_str), Some(*value), "{name} of {span:?}");
    }
    span
}

#[tokio::test]
async fn every_operation_has_a_span_with_what_came_of_it() {
    for (suite, ..) in SUITES {
        let world = TestStore::of(suite).await;
        let bucket = world.bucket();
        let (watch, _guard) = Watch::begin();

        let report = bucket.put("k", ramp(1000), PutOptions::default()).await.unwrap();
        let put = only(
            &watch,
            "PutObject",
            &[("bucket", "box"), ("key", "k"), ("bytes", "1000"), ("requests", "1")],
        );
        assert_eq!(put["request_id"], report.request_id);
        assert!(!put.contains_key("error"));

        let parts = ramp(3 * PART);
        bucket.put("parts", parts.clone(), PutOptions::default()).await.unwrap();
        let parts_put = only(&watch, "PutObject", &[("bytes", &parts.len().to_string())]);
        assert!(parts_put["requests"].parse::<u64>().unwrap() >= 5, "{parts_put:?}");

        let object = bucket.get("k", GetOptions::default().range(10..110)).await.unwrap();
        assert_eq!(object.bytes().await.unwrap(), ramp(1000)[10..110]);
        only(&watch, "GetObject", &[("bucket", "box"), ("key", "k"), ("bytes", "100")]);

        bucket.head("k", HeadOptions::default()).await.unwrap();
        only(&watch, "HeadObject", &[("key", "k"), ("requests", "1")]);
        bucket.verify("k", GetOptions::default()).await.unwrap();
        only(&watch, "VerifyObject", &[("key", "k"), ("requests", "1")]);
        bucket.list(&ListOptions::default()).await.unwrap();
        assert!(!only(&watch, "ListObjects", &[("bucket", "box"), ("requests", "1")]).contains_key("key"));
        bucket.copy("k", "copy", CopyOptions::default()).await.unwrap();
        only(&watch, "CopyObject", &[("key", "copy"), ("requests", "3")]);
        bucket.presign("k", &PresignOptions::default()).await.unwrap();
        assert!(!only(&watch, "PresignUrl", &[("requests", "0")]).contains_key("request_id"));
        bucket.delete("copy").await.unwrap();
        only(&watch, "DeleteObject", &[("key", "copy"), ("requests", "1")]);
        assert!(bucket.delete_many(["k", "parts"]).await.into_iter().all(|outcome| outcome.result.is_ok()));
        only(&watch, "DeleteMultipleObjects", &[("bucket", "box"), ("requests", "1")]);

        let error = bucket.get("gone", GetOptions::default()).await.unwrap_err();
        let span = only(&watch, "GetObject", &[("key", "gone"), ("error", "NotFound")]);
        assert_eq!(Some(span["request_id"].as_str()), error.request_id());

        let store = world.store();
        store.list_buckets().await.unwrap();
        only(&watch, "ListBuckets", &[("requests", "1")]);
        store.delete_bucket("box").await.unwrap();
        only(&watch, "DeleteBucket", &[("bucket", "box")]);
        store.create_bucket("box").await.unwrap();
        only(&watch, "PutBucket", &[("bucket", "box")]);
        store.versioning("box").await.unwrap();
        only(&watch, "GetBucketVersioning", &[("bucket", "box")]);
    }
}

#[tokio::test]
async fn repetitions_are_events_of_their_operation() {
    let world = TestStore::new().await;
    let bucket = world.bucket();
    let (watch, _guard) = Watch::begin();
    world.order(Operation::PutObject, Action::refuse(503, "ServiceUnavailable"));
    bucket.put("k", ramp(1000), PutOptions::default()).await.unwrap();
    only(&watch, "PutObject", &[("requests", "2"), ("bytes", "1000")]);
    let [again] = &watch.events("retrying")[..] else { panic!("one") };
    assert_eq!(again.within, ["oss"]);
    for (name, value) in
        [("call", "PutObject"), ("attempt", "1"), ("status", "503"), ("code", "ServiceUnavailable")]
    {
        assert_eq!(again.fields[name], value, "{again:?}");
    }
    assert!(again.fields["wait"].ends_with('s') && !again.fields["request_id"].is_empty(), "{again:?}");

    world.order(Operation::GetObject, Action::CutReply { after: 500 });
    let mut object = bucket.get("k", GetOptions::default()).await.unwrap();
    while object.next_chunk().await.unwrap().is_some() {}
    assert_eq!(watch.spans("oss").len(), 0, "an object that is being read is an operation under way");
    drop(object);
    only(&watch, "GetObject", &[("bytes", "1000")]);
    let [rest] = &watch.events("asking for the rest")[..] else { panic!("one") };
    assert_eq!((rest.within[0], rest.fields["position"].as_str()), ("oss", "500"));
}

/// How an object is read.
#[derive(Clone, Copy, Debug)]
enum Way {
    Get,
    Download,
    WriteTo,
}

/// A place for bytes that nobody looks at.
struct Nowhere;

impl WriteAt for Nowhere {
    fn write_at(&self, _: u64, _: &[u8]) -> std::io::Result<()> {
        Ok(())
    }
}

impl Way {
    const ALL: [Way; 3] = [Way::Get, Way::Download, Way::WriteTo];

    /// Reads to the end, or until it fails; gives the bytes that were released and the failure.
    async fn read(self, bucket: &EncryptedBucket, key: &str) -> (u64, Option<ErrorKind>) {
        let options = GetOptions::default();
        let (mut released, mut get, mut download) = (0, None, None);
        match self {
            Way::Get => get = Some(bucket.get(key, options).await.unwrap()),
            Way::Download => download = Some(bucket.download(key, options).await.unwrap()),
            Way::WriteTo => {
                let outcome = bucket.download(key, options).await.unwrap().write_to(Nowhere).await;
                return outcome.map_or_else(|error| (0, Some(error.kind())), |bytes| (bytes, None));
            }
        }
        loop {
            let next = match (&mut get, &mut download) {
                (Some(object), _) => object.next_chunk().await,
                (_, Some(object)) => object.next_chunk().await,
                _ => panic!("one of them"),
            };
            match next {
                Ok(Some(chunk)) => released += chunk.bytes.len() as u64,
                Ok(None) => return (released, None),
                Err(error) => return (released, Some(error.kind())),
            }
        }
    }
}

#[tokio::test]
async fn a_read_is_told_as_it_ended() {
    for (suite, ..) in SUITES {
        let world = TestStore::of(suite).await;
        let bucket = world.bucket();
        let size = 3 * PART;
        bucket.put("k", ramp(size), PutOptions::default()).await.unwrap();
        let (watch, _guard) = Watch::begin();
        for way in Way::ALL {
            let before = world.calls(Operation::GetObject);
            assert_eq!(way.read(&bucket, "k").await, (size, None));
            // One request in one piece, and one for each part otherwise.
            let requests = world.calls(Operation::GetObject) - before;
            assert_eq!(requests > 1, !matches!(way, Way::Get), "{suite:?} {way:?}: {requests}");
            let pairs = [("bytes", &*size.to_string()), ("requests", &*requests.to_string())];
            assert!(!only(&watch, "GetObject", &pairs).contains_key("error"), "{suite:?} {way:?}");

            world.order(Operation::GetObject, Action::CutReply { after: 20_000 });
            assert_eq!(way.read(&bucket, "k").await, (size, None));
            let pairs = [("bytes", &*size.to_string()), ("requests", &*(requests + 1).to_string())];
            assert!(!only(&watch, "GetObject", &pairs).contains_key("error"), "{suite:?} {way:?}: resumed");

            world.order(Operation::GetObject, Action::FlipReply { at: 40_000 });
            let (released, failed) = way.read(&bucket, "k").await;
            assert_eq!(failed, Some(ErrorKind::Integrity), "{suite:?} {way:?}");
            // What was reading ahead is gone when it is next its turn.
            watch.quiet().await;
            let span = only(&watch, "GetObject", &[("error", "Integrity")]);
            match way {
                // In their places may be other pieces than the chunk that failed. Without chunks all are, and what is wrong shows at the end.
                Way::WriteTo => {
                    let bytes = span["bytes"].parse::<u64>().unwrap();
                    match suite {
                        Suite::Sealed => assert!(bytes < size, "{span:?}"),
                        _ => assert_eq!(bytes, size, "{span:?}"),
                    }
                }
                _ => assert_eq!(span["bytes"], released.to_string(), "{suite:?} {way:?}"),
            }
            if suite == Suite::Sealed {
                assert!(released < 40_000, "{way:?}: {released}");
            }
        }

        let mut object = bucket.get("k", GetOptions::default()).await.unwrap();
        let first = object.next_chunk().await.unwrap().unwrap().bytes.len();
        drop(object);
        let left = only(&watch, "GetObject", &[("bytes", &first.to_string()), ("requests", "1")]);
        assert!(!left.contains_key("error"), "{left:?}");

        world.order(Operation::GetObject, Action::Hang);
        let hanging = bucket.get("k", GetOptions::default());
        tokio::time::timeout(Duration::from_millis(20), hanging).await.unwrap_err();
        let given_up = only(&watch, "GetObject", &[("requests", "1")]);
        assert!(!given_up.contains_key("bytes") && !given_up.contains_key("error"), "{given_up:?}");
    }
}

#[tokio::test]
async fn every_call_of_the_key_service_has_a_span_within_its_operation() {
    for (suite, put, get) in SUITES {
        let vault = Vault::new().await;
        let key = vault.key();
        let bucket = vault.bucket(suite, &key);
        let (watch, _guard) = Watch::begin();
        vault.order(kms_faults::Operation::GenerateDataKey, kms_faults::Action::throttle());
        bucket.put("k", ramp(1000), PutOptions::default()).await.unwrap();
        let spans = std::mem::take(&mut watch.0.lock().unwrap().spans);
        let calls: Vec<_> = spans.iter().filter(|span| span.name == "kms").collect();
        assert_eq!(calls.len() as u64, put, "{calls:?}");
        assert!(calls.iter().all(|call| call.within == ["oss"] && !call.fields["request_id"].is_empty()));
        let made = calls.iter().find(|call| call.fields["call"] == "GenerateDataKey").unwrap();
        assert_eq!(made.fields["requests"], "2");
        let [again] = &watch.events("retrying")[..] else { panic!("one") };
        assert_eq!((&again.within[..], again.fields["attempt"].as_str()), (&["kms", "oss"][..], "1"));
        assert!(again.fields["error"].contains("Rejected.Throttling"), "{again:?}");

        for calls in [get, 0] {
            bucket.get("k", GetOptions::default()).await.unwrap().bytes().await.unwrap();
            let spans = watch.spans("kms");
            assert_eq!(spans.len() as u64, calls, "{spans:?}");
            assert!(spans.iter().all(|span| span["call"] == "Decrypt"));
        }
        assert_eq!(watch.events("an unwrapped key was kept").len() as u64, get);
    }
}

/// What the key service refuses is the operation's failure only when the operation fails.
#[tokio::test]
async fn a_refusal_of_the_key_service_is_not_told_as_one_of_the_operation() {
    let vault = Vault::new().await;
    let written = vault.bucket(Suite::AesCtr, &vault.key());
    written.put("k", ramp(1000), PutOptions::default()).await.unwrap();
    // As oss2 stores it: what may be bound to a passphrase is tried with that first.
    let stored = vault.world.raw(Call::GetObject(GetObject::default()), Some("k"), vec![]).await;
    let (mut head, body) = stored.into_parts();
    for name in ["x-oss-meta-client-side-encryption-key", "x-oss-meta-client-side-encryption-start"] {
        let twice = BASE64.encode(head.headers[name].as_bytes());
        head.headers.insert(name, twice.parse().unwrap());
    }
    let put = PutObject { metadata: Metadata::from_headers(&head.headers), ..PutObject::default() };
    vault.world.raw(Call::PutObject(put), Some("k"), body.to_vec()).await;

    let key = vault.key_with(&vault.id, |builder| builder.passphrase("open sesame").unwrap());
    let bucket = vault.bucket(Suite::AesCtr, &key);
    let (watch, _guard) = Watch::begin_at(LevelFilter::INFO);
    let before = vault.faults.calls(kms_faults::Operation::Decrypt);
    let object = bucket.get("k", GetOptions::default()).await.unwrap();
    assert_eq!(object.bytes().await.unwrap(), ramp(1000));
    let asked = vault.faults.calls(kms_faults::Operation::Decrypt) - before;
    assert_eq!(asked, 4, "each value, first with the passphrase, which is refused");
    let read = only(&watch, "GetObject", &[("bytes", "1000")]);
    assert!(!read.contains_key("error"), "{read:?}");

    vault.order(kms_faults::Operation::Decrypt, kms_faults::Action::refuse(403, "Forbidden.NoPermission"));
    let again = vault.bucket(Suite::AesCtr, &vault.key());
    let error = again.get("k", GetOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    only(&watch, "GetObject", &[("error", "Denied")]);
}
