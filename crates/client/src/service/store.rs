//! Plain calls: signing, retries, errors. Nothing here knows about encryption.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use osseal_wire::oss::Endpoint;
use osseal_wire::oss::reply::ReplyError;
use osseal_wire::oss::request::{Call, ListBuckets, PutBucket};
use osseal_wire::oss::xml::ListBucketsResult;
use tokio::sync::Notify;

use crate::credentials::SharedCredentials;
use crate::error::{Error, ErrorKind, OpContext};
use crate::runtime::clock::Clock;
use crate::runtime::clock_skew::ClockSkew;
use crate::runtime::retry::{RetryPolicy, RetryTokenBucket};
use crate::service::signature::SignatureVersion;
use crate::transport::Transport;

/// An account at one endpoint. Clones share connections, the retry tokens and the clock correction.
#[derive(Clone)]
pub struct Store(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) endpoint: Endpoint,
    pub(super) region: String,
    /// None for a store that signs nothing.
    pub(super) credentials: Option<SharedCredentials>,
    pub(super) signature: SignatureVersion,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) retry: RetryPolicy,
    pub(super) retry_tokens: RetryTokenBucket,
    pub(super) clock: Clock,
    pub(super) skew: ClockSkew,
    pub(super) cleaning: AtomicUsize,
    pub(super) cleaned: Notify,
}

/// A bucket of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketEntry {
    /// Its name.
    pub name: String,
    /// Its region, such as `cn-hangzhou`.
    pub region: String,
    /// When it was made, ISO 8601.
    pub creation_date: String,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("endpoint", &self.0.endpoint.to_string())
            .field("region", &self.0.region)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// All buckets of the account, by name.
    pub async fn list_buckets(&self) -> Result<Vec<BucketEntry>, Error> {
        let buckets = async {
            let mut buckets = Vec::new();
            let mut marker = String::new();
            loop {
                let call =
                    Call::ListBuckets(ListBuckets { marker: marker.clone(), ..ListBuckets::default() });
                let page = self.document(None, None, call).await?;
                let page = ListBucketsResult::from_xml(&page).map_err(ReplyError::Xml)?;
                buckets.extend(page.buckets.bucket.into_iter().map(|bucket| BucketEntry {
                    name: bucket.name,
                    region: bucket.region,
                    creation_date: bucket.creation_date,
                }));
                if !page.is_truncated {
                    return Ok(buckets);
                }
                if page.next_marker <= marker {
                    let reason = "its continuation is missing or does not advance";
                    return Err(ReplyError::Listing { reason }.into());
                }
                marker = page.next_marker;
            }
        };
        OpContext { operation: "ListBuckets", ..OpContext::default() }.run(buckets).await
    }

    /// Makes a bucket. One that exists and is ours stays as it is.
    pub async fn create_bucket(&self, bucket: &str) -> Result<(), Error> {
        let op_context = OpContext { operation: "PutBucket", bucket: Some(bucket), key: None };
        op_context
            .run(self.document(Some(bucket), None, Call::PutBucket(PutBucket::default())))
            .await
            .map(drop)
    }

    /// Removes an empty bucket.
    pub async fn delete_bucket(&self, bucket: &str) -> Result<(), Error> {
        let op_context = OpContext { operation: "DeleteBucket", bucket: Some(bucket), key: None };
        let removed = async {
            match self.document(Some(bucket), None, Call::DeleteBucket).await {
                // An earlier attempt did it, and its reply was lost.
                Err(failure) if failure.kind == ErrorKind::NotFound && failure.outcome.is_unknown() => Ok(()),
                other => other.map(drop),
            }
        };
        op_context.run(removed).await
    }

    /// The endpoint, which distinguishes one store from another.
    pub(crate) fn host(&self) -> String {
        self.0.endpoint.to_string()
    }

    pub(crate) fn retry(&self) -> RetryPolicy {
        self.0.retry
    }

    pub(crate) fn transport(&self) -> Arc<dyn Transport> {
        self.0.transport.clone()
    }

    /// Waits until the cleanup of dropped operations has finished.
    pub async fn idle(&self) {
        loop {
            let cleaned = self.0.cleaned.notified();
            if self.0.cleaning.load(Ordering::Acquire) == 0 {
                return;
            }
            cleaned.await;
        }
    }

    /// Runs `work` in the background; [`Store::idle`] waits for it.
    pub(crate) fn clean_up(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let inner = self.0.clone();
            inner.cleaning.fetch_add(1, Ordering::AcqRel);
            runtime.spawn(async move {
                work.await;
                inner.cleaning.fetch_sub(1, Ordering::AcqRel);
                inner.cleaned.notify_waiters();
            });
        }
    }
}
