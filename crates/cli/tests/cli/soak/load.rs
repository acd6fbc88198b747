//! Connections that write and read without pause, and go on where the server is started again.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt, Full};
use osseal::transport::{Https, Transport};
use osseal::{Credentials, Endpoint};
use osseal_wire::oss::request::{
    Call, CompleteMultipartUpload, DeleteObject, GetObject, ListObjects, PutBucket, PutObject, Request,
    UploadPart,
};
use osseal_wire::oss::xml::{CompletePart, CompleteRequest, InitiateResult, ListObjectsResult};
use osseal_wire::oss::{Crc64, Metadata, Subject, sign_v4};
use tokio::sync::watch;

use super::content;
use super::history::History;
use crate::support::{ID, SECRET};

const BUCKET: &str = "soak";
const WRITE: &str = "x-oss-meta-write";
/// Fewest bytes of every part but the last.
const PART: usize = 100 << 10;
/// Keys of one connection, and keys that all share.
const KEYS: u64 = 6;
const SHARED: u64 = 4;
/// Longest that a connection waits for the server to be started again.
const PATIENCE: Duration = Duration::from_secs(30);

/// The connection ended before the reply did.
struct Lost;

/// All connections together.
pub(crate) struct Load {
    place: watch::Sender<String>,
    https: Https,
    history: History,
    is_over: AtomicBool,
    writes: AtomicU64,
    counts: Counts,
    failures: Mutex<Vec<String>>,
}

#[derive(Default)]
struct Counts {
    puts: AtomicU64,
    multipart: AtomicU64,
    deletes: AtomicU64,
    reads: AtomicU64,
    lost: AtomicU64,
}

struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Load {
    pub(crate) fn new(endpoint: &str, history: History) -> Load {
        Load {
            place: watch::Sender::new(endpoint.to_owned()),
            https: Https::new().unwrap(),
            history,
            is_over: AtomicBool::new(false),
            writes: AtomicU64::new(0),
            counts: Counts::default(),
            failures: Mutex::default(),
        }
    }

    /// The server listens somewhere else from now on.
    pub(crate) fn moved_to(&self, endpoint: &str) {
        self.place.send_replace(endpoint.to_owned());
    }

    pub(crate) fn stop(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// Writes that the server has acknowledged.
    pub(crate) fn acknowledged(&self) -> u64 {
        let Counts { puts, multipart, deletes, .. } = &self.counts;
        [puts, multipart, deletes].map(|count| count.load(Ordering::Relaxed)).into_iter().sum()
    }

    pub(crate) fn figures(&self) -> String {
        let Counts { puts, multipart, deletes, reads, lost } = &self.counts;
        let mut text = format!("{} writes acknowledged", self.acknowledged());
        for (name, count) in [
            ("puts", puts),
            ("multipart uploads", multipart),
            ("deletes", deletes),
            ("reads checked", reads),
            ("requests lost", lost),
        ] {
            write!(text, ", {} {name}", count.load(Ordering::Relaxed)).unwrap();
        }
        text
    }

    pub(crate) fn take_failures(&self) -> Vec<String> {
        std::mem::take(&mut self.failures.lock().unwrap())
    }

    pub(crate) async fn make_bucket(&self) {
        assert!(
            self.send(None, Call::PutBucket(PutBucket::default()), Bytes::new())
                .await
                .is_ok_and(|reply| reply.status == 200)
        );
    }

    /// Some objects, one of them larger than the others.
    pub(crate) async fn fill(&self, count: u64) {
        for number in 0..count {
            self.put(&format!("filled/{number}"), if number == 3 { 200_000 } else { 1000 }).await;
        }
    }

    /// Works until it is stopped.
    pub(crate) async fn connection(self: std::sync::Arc<Self>, number: u64, seed: u64) {
        let mut random = Random(seed ^ (number << 32));
        while !self.is_over.load(Ordering::Relaxed) {
            let key = match random.below(8) {
                0 => format!("shared/{}", random.below(SHARED)),
                _ => format!("{number}/{}", random.below(KEYS)),
            };
            match random.below(100) {
                0..45 => self.put(&key, usize::try_from(random.below(20_000)).unwrap()).await,
                45..52 => self.put(&key, usize::try_from(random.below(1 << 20)).unwrap()).await,
                52..62 => {
                    let length = PART + usize::try_from(random.below(2 * PART as u64)).unwrap();
                    self.upload(&key, length).await;
                }
                62..72 => self.delete(&key).await,
                _ => drop(self.read(&key).await),
            }
        }
    }

    async fn put(&self, key: &str, length: usize) {
        let write = self.next_write();
        let body = content::make(key, write, length);
        let ticket = self.history.begin(key, Some(write));
        let call = Call::PutObject(PutObject { metadata: stamp(write), ..PutObject::default() });
        let reply = self.send(Some(key), call, body.into()).await;
        self.history.end(&ticket, self.is_done(key, "put", reply.as_ref(), 200, &self.counts.puts));
    }

    async fn delete(&self, key: &str) {
        let ticket = self.history.begin(key, None);
        let reply = self.send(Some(key), Call::DeleteObject(DeleteObject::default()), Bytes::new()).await;
        self.history.end(&ticket, self.is_done(key, "delete", reply.as_ref(), 204, &self.counts.deletes));
    }

    /// An upload goes on after a restart: what was acknowledged of it is there.
    async fn upload(&self, key: &str, length: usize) {
        let write = self.next_write();
        let body = Bytes::from(content::make(key, write, length));
        let object = PutObject { metadata: stamp(write), ..PutObject::default() };
        let call = Call::InitiateMultipartUpload(object.into());
        let Ok(begun) = self.send(Some(key), call, Bytes::new()).await else { return };
        let Ok(InitiateResult { upload_id, .. }) = InitiateResult::from_xml(&begun.body) else {
            return self.fail(format!("{key}: an upload did not begin: {}", begun.status));
        };
        let mut parts = Vec::new();
        for (part_number, start) in (1..).zip((0..body.len()).step_by(PART)) {
            let bytes = body.slice(start..body.len().min(start + PART));
            let part = UploadPart { upload_id: upload_id.clone(), part_number, ..UploadPart::default() };
            let etag = loop {
                match self.send(Some(key), Call::UploadPart(part.clone()), bytes.clone()).await {
                    Ok(reply) if reply.status == 200 => break text(&reply.headers, "etag").to_owned(),
                    Ok(reply) => {
                        return self.fail(format!(
                            "{key}: part {part_number} of an acknowledged upload: {}",
                            reply.status
                        ));
                    }
                    Err(Lost) => {}
                }
            };
            parts.push(CompletePart { part_number, etag });
        }
        let complete = CompleteMultipartUpload {
            upload_id,
            parts: CompleteRequest { parts },
            ..CompleteMultipartUpload::default()
        };
        let document = complete.parts.to_xml().into();
        let ticket = self.history.begin(key, Some(write));
        let reply = self.send(Some(key), Call::CompleteMultipartUpload(complete), document).await;
        self.history
            .end(&ticket, self.is_done(key, "end of an upload", reply.as_ref(), 200, &self.counts.multipart));
    }

    /// Reads a key and judges what it holds: the number of the write, or none for nothing; an error for what cannot be judged.
    async fn read(&self, key: &str) -> Result<Option<u64>, Lost> {
        let since = Instant::now();
        let reply = self.send(Some(key), Call::GetObject(GetObject::default()), Bytes::new()).await?;
        let found = match reply.status.as_u16() {
            404 => Ok(None),
            200 => content_of(key, &reply).map(Some),
            status => Err(format!("it cannot be read: status {status}")),
        };
        self.counts.reads.fetch_add(1, Ordering::Relaxed);
        match found.and_then(|found| self.history.judge(key, found, since).map(|()| found)) {
            Ok(found) => Ok(found),
            Err(wrong) => {
                self.fail(format!("{key}: {wrong}"));
                Err(Lost)
            }
        }
    }

    /// Reads every key that was ever written, and the listing. Gives how many objects are as they should be.
    pub(crate) async fn verify(&self) -> usize {
        let mut good = BTreeSet::new();
        let mut wrong = BTreeSet::new();
        for key in self.history.names() {
            match self.read(&key).await {
                Ok(Some(_)) => drop(good.insert(key)),
                Ok(None) => {}
                Err(Lost) => drop(wrong.insert(key)),
            }
        }
        let mut listed = BTreeSet::new();
        let mut list = ListObjects { max_keys: Some(1000), ..ListObjects::default() };
        loop {
            let Ok(reply) = self.send(None, Call::ListObjects(list.clone()), Bytes::new()).await else {
                self.fail("the listing was lost".into());
                break;
            };
            match ListObjectsResult::from_xml(&reply.body) {
                Ok(page) => {
                    listed.extend(page.contents.into_iter().map(|entry| entry.key));
                    list.continuation_token = page.next_continuation_token;
                    if !page.is_truncated {
                        break;
                    }
                }
                Err(error) => {
                    self.fail(format!("the listing: status {}, {error}", reply.status));
                    break;
                }
            }
        }
        for key in good.symmetric_difference(&listed).filter(|key| !wrong.contains(*key)) {
            self.fail(format!("{key}: listed and not there, or there and not listed"));
        }
        good.len()
    }

    fn next_write(&self) -> u64 {
        self.writes.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn is_done(
        &self,
        key: &str,
        what: &str,
        reply: Result<&Reply, &Lost>,
        status: u16,
        count: &AtomicU64,
    ) -> bool {
        match reply {
            Ok(reply) if reply.status.as_u16() == status => {
                count.fetch_add(1, Ordering::Relaxed);
                true
            }
            Ok(reply) => {
                self.fail(format!("{key}: {what} was answered with {}", reply.status));
                false
            }
            Err(Lost) => false,
        }
    }

    fn fail(&self, what: String) {
        self.failures.lock().unwrap().push(what);
    }

    /// One request and its whole reply. Where the connection ends instead, waits for the server to be elsewhere.
    async fn send(&self, key: Option<&str>, call: Call, body: Bytes) -> Result<Reply, Lost> {
        let mut place = self.place.subscribe();
        let endpoint = place.borrow_and_update().clone();
        let request = Request { bucket: Some(BUCKET.into()), key: key.map(str::to_owned), call };
        let mut head = request.head(&Endpoint::parse(&endpoint).unwrap()).unwrap();
        if matches!(head.method, Method::PUT | Method::POST) {
            head.headers.insert(http::header::CONTENT_LENGTH, body.len().into());
        }
        let subject = Subject { bucket: Some(BUCKET), key, region: "cn-hangzhou" };
        let credentials = Credentials::new(ID.as_str(), SECRET.to_owned());
        sign_v4::sign(&mut head, subject, &credentials, &[], jiff::Timestamp::now()).unwrap();
        let body = Full::new(body).map_err(|never| match never {}).boxed_unsync();
        let exchange = async {
            let (head, body) =
                self.https.send(http::Request::from_parts(head, body)).await.map_err(|_| Lost)?.into_parts();
            let body = body.collect().await.map_err(|_| Lost)?.to_bytes();
            Ok(Reply { status: head.status, headers: head.headers, body })
        };
        let reply = tokio::time::timeout(PATIENCE, exchange).await.unwrap_or(Err(Lost));
        if reply.is_err() {
            self.counts.lost.fetch_add(1, Ordering::Relaxed);
            if tokio::time::timeout(PATIENCE, place.changed()).await.is_err() {
                self.fail(format!("{key:?}: the connection ended, and the server was not killed"));
                self.stop();
            }
        }
        reply
    }
}

/// The write that the bytes are, if the headers are of the same.
fn content_of(key: &str, reply: &Reply) -> Result<u64, String> {
    let write = content::read(key, &reply.body)?;
    if text(&reply.headers, WRITE) != write.to_string() {
        return Err(format!("a mixture: bytes of {write}, headers of {}", text(&reply.headers, WRITE)));
    }
    let sum = Crc64::of(&reply.body).to_string();
    if text(&reply.headers, "x-oss-hash-crc64ecma") != sum {
        return Err(format!("a mixture: bytes of {write}, the checksum of others"));
    }
    Ok(write)
}

fn stamp(write: u64) -> Metadata {
    Metadata(vec![(WRITE.to_owned(), write.to_string().into_bytes())])
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// SplitMix64: chance that can be repeated.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// From 0 up to 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        f64::from(u32::try_from(self.below(1 << 32)).unwrap()) / f64::from(u32::MAX)
    }
}
