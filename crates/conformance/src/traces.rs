//! What a run has cost and made, and its removal.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::request::Parts;
use osseal_wire::oss::request::{Call, DeleteObject, ListObjectVersions, ListObjects, PutObject, Request};
use osseal_wire::oss::xml::{InitiateResult, ListObjectsResult, ListVersionsResult};
use osseal_wire::oss::{Subject, sign_v4};

use crate::body::collect;
use crate::body::{self, Body};
use crate::expect::{Outcome, Stop};
use crate::letter::Reply;
use crate::target::{NotRun, Target};

/// Beginning of every key that a run writes.
const PREFIX: &str = "osseal-conformance/";

/// One run's marks on its target.
pub(super) struct Traces {
    id: String,
    marks: Mutex<Marks>,
}

#[derive(Default)]
struct Marks {
    requests: u64,
    sent: u64,
    /// Bucket and key.
    objects: BTreeSet<(String, String)>,
    /// Bucket, key and identifier.
    uploads: BTreeSet<(String, String, String)>,
    buckets: BTreeSet<String>,
}

impl Traces {
    pub(super) fn new() -> Traces {
        Traces { id: unique_id(), marks: Mutex::default() }
    }

    /// The beginning of the keys of a case.
    pub(super) fn prefix(&self, case: &str) -> String {
        format!("{PREFIX}{}/{case}/", self.id)
    }

    /// A bucket name that no other run has.
    pub(super) fn bucket(&self, letter: char) -> String {
        format!("osseal-conformance-{}-{letter}", self.id.to_ascii_lowercase())
    }

    pub(super) fn requests(&self) -> u64 {
        self.marks().requests
    }

    pub(super) fn sent(&self) -> u64 {
        self.marks().sent
    }

    /// Whether the bucket can be written to, read and emptied.
    pub(super) async fn admit(&self, target: &Target) -> Result<(), NotRun> {
        let bucket = target.bucket.clone();
        let unusable = |found: String| NotRun::Unusable { bucket: bucket.clone(), found };
        let key = self.prefix("admission");
        for call in [Call::PutObject(PutObject::default()), Call::DeleteObject(DeleteObject::default())] {
            let request = Request { bucket: Some(bucket.clone()), key: Some(key.clone()), call };
            let reply = tidy(target, &request).await.map_err(&unusable)?;
            if !reply.status.is_success() {
                return Err(unusable(reply.shown()));
            }
            if reply.headers.contains_key("x-oss-version-id") {
                return Err(NotRun::Versioned { bucket });
            }
        }
        Ok(())
    }

    /// Sends a request within the limits, and remembers what it may have made.
    pub(super) async fn send(
        &self,
        target: &Target,
        request: &Request,
        head: Parts,
        body: Body,
        length: u64,
    ) -> Outcome<Reply> {
        self.enter(target, request, length)?;
        let reply = exchange(target, head, body).await.map_err(|error| {
            Stop::differs(format!("a reply to {}", request.call.operation().name()), error)
        })?;
        self.learn(request, &reply);
        Ok(reply)
    }

    fn enter(&self, target: &Target, request: &Request, length: u64) -> Outcome {
        let mut marks = self.marks();
        if marks.requests >= target.limits.requests || marks.sent + length > target.limits.bytes {
            let limits =
                format!("at most {} requests and {} bytes", target.limits.requests, target.limits.bytes);
            return Err(Stop::differs(limits, "a case that needs more; raise the limits"));
        }
        marks.requests += 1;
        marks.sent += length;
        let (bucket, key) = (request.bucket.clone().unwrap_or_default(), request.key.clone());
        match (&request.call, key) {
            (Call::PutBucket(_), _) => drop(marks.buckets.insert(bucket)),
            (
                Call::PutObject(_)
                | Call::CopyObject(_)
                | Call::CompleteMultipartUpload(_)
                | Call::AppendObject(_)
                | Call::PutSymlink(_),
                Some(key),
            ) => {
                marks.objects.insert((bucket, key));
            }
            _ => {}
        }
        Ok(())
    }

    fn learn(&self, request: &Request, reply: &Reply) {
        let (Call::InitiateMultipartUpload(_), Some(bucket), Some(key)) =
            (&request.call, &request.bucket, &request.key)
        else {
            return;
        };
        if let Ok(result) = InitiateResult::from_xml(&reply.body) {
            self.marks().uploads.insert((bucket.clone(), key.clone(), result.upload_id));
        }
    }

    /// Removes uploads, objects and buckets, and says in words what stays.
    pub(super) async fn clear(&self, target: &Target) -> Vec<String> {
        let (uploads, objects, buckets) = {
            let marks = self.marks();
            (marks.uploads.clone(), marks.objects.clone(), marks.buckets.clone())
        };
        let mut left = Vec::new();
        let mut remove = async |bucket: String, key: Option<String>, call: Call, what: String| {
            let request = Request { bucket: Some(bucket), key, call };
            match tidy(target, &request).await {
                Ok(reply) if reply.status.is_success() || reply.status == http::StatusCode::NOT_FOUND => {}
                Ok(reply) => left.push(format!("{what}: {}", reply.shown())),
                Err(error) => left.push(format!("{what}: {error}")),
            }
        };
        for (bucket, key, upload_id) in uploads {
            let what = format!("upload {upload_id} of {bucket}/{key:?}");
            remove(bucket, Some(key), Call::AbortMultipartUpload { upload_id }, what).await;
        }
        for (bucket, key) in objects {
            let what = format!("object {bucket}/{key:?}");
            remove(bucket, Some(key), Call::DeleteObject(DeleteObject::default()), what).await;
        }
        for bucket in &buckets {
            for (key, version) in versions(target, bucket).await {
                let what = format!("version {version} of {bucket}/{key:?}");
                let delete = DeleteObject { version_id: Some(version) };
                remove(bucket.clone(), Some(key), Call::DeleteObject(delete), what).await;
            }
        }
        for bucket in buckets {
            let what = format!("bucket {bucket}");
            remove(bucket, None, Call::DeleteBucket, what).await;
        }
        left.extend(self.remains(target).await);
        left
    }

    /// Keys that the bucket still lists under the run's prefix.
    async fn remains(&self, target: &Target) -> Vec<String> {
        let list = ListObjects { prefix: self.prefix(""), max_keys: Some(100), ..ListObjects::default() };
        let call = Call::ListObjects(list);
        let request = Request { bucket: Some(target.bucket.clone()), key: None, call };
        let listed = match tidy(target, &request).await {
            Ok(reply) => ListObjectsResult::from_xml(&reply.body).map_err(|_| reply.shown()),
            Err(error) => Err(error),
        };
        match listed {
            Ok(page) => page.contents.into_iter().map(|entry| format!("object {:?}", entry.key)).collect(),
            Err(found) => {
                vec![format!("perhaps something under {}, which cannot be listed: {found}", self.prefix(""))]
            }
        }
    }

    fn marks(&self) -> MutexGuard<'_, Marks> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request outside all cases: not counted, signed as usual.
async fn tidy(target: &Target, request: &Request) -> Result<Reply, String> {
    let mut head = request.head(&target.endpoint).map_err(|error| error.to_string())?;
    if head.method == http::Method::PUT {
        head.headers.insert(http::header::CONTENT_LENGTH, 0.into());
    }
    if let Some(credentials) = &target.credentials {
        let (bucket, key) = (request.bucket.as_deref(), request.key.as_deref());
        let subject = Subject { bucket, key, region: &target.region };
        sign_v4::sign(&mut head, subject, credentials, &[], jiff::Timestamp::now())
            .map_err(|error| error.to_string())?;
    }
    exchange(target, head, body::empty()).await
}

/// The versions and delete markers of a bucket that a case has made, which has few. One that cannot be listed cannot be removed either, and is named.
async fn versions(target: &Target, bucket: &str) -> Vec<(String, String)> {
    let list =
        ListObjectVersions { max_keys: Some(1000), url_encoding: true, ..ListObjectVersions::default() };
    let call = Call::ListObjectVersions(list.clone());
    let request = Request { bucket: Some(bucket.to_owned()), key: None, call };
    let Ok(reply) = tidy(target, &request).await else { return Vec::new() };
    let page = ListVersionsResult::from_xml(&reply.body).ok();
    let page = page.and_then(|page| page.checked(bucket, &list).ok()).unwrap_or_default();
    page.versions.into_iter().map(|version| (version.key, version.version_id)).collect()
}

/// One request and its whole reply, in time.
fn exchange(target: &Target, head: Parts, body: Body) -> BoxFuture<'static, Result<Reply, String>> {
    let (reply, patience) =
        ((target.transport)(http::Request::from_parts(head, body)), target.limits.patience);
    let work = async move {
        let (head, mut body) = reply.await.map_err(|error| error.to_string())?.into_parts();
        let body = collect(&mut body).await.map_err(|_| "a body that broke off".to_owned())?;
        let body = body.ok_or("a body without end")?;
        Ok(Reply { status: head.status, headers: head.headers, body })
    };
    async move {
        let late = format!("nothing for {} s", patience.as_secs());
        tokio::time::timeout(patience, work).await.unwrap_or(Err(late))
    }
    .boxed()
}

/// 32 random hexadecimal digits, so that runs do not meet in one bucket.
fn unique_id() -> String {
    let mut bytes = [0_u8; 16];
    aws_lc_rs::rand::fill(&mut bytes).expect("the operating system's random bytes");
    data_encoding::HEXUPPER.encode(&bytes)
}
