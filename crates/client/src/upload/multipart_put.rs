//! Puts in parts whose source can be read again: a lost upload restarts once, with another data key.

use std::sync::Arc;

use bytes::Bytes;
use osseal_wire::oss::{Metadata, ServiceCode};

use crate::error::{OpError, Outcome};
use crate::object::context::BucketContext;
use crate::object::options::PutOptions;
use crate::upload::content_key::{NewContentKey, new_content_key};
use crate::upload::file_source::OpenSource;
use crate::upload::multipart::UploadSpec;
use crate::upload::object_metadata::with_envelope;
use crate::upload::part_scheduler::Parts;
use crate::upload::progress::ResumableProgress;
use crate::upload::report::PutReport;

/// A source that can be read from its beginning any number of times.
pub(crate) enum Replayable {
    Bytes(Bytes),
    File(OpenSource),
}

/// Puts a source that can be read again in parts. If the service loses the upload, restarts once with another
/// data key.
pub(crate) async fn put_parts_again(
    bucket: &Arc<BucketContext>,
    key: &str,
    source: Replayable,
    metadata: Metadata,
    options: &PutOptions,
) -> Result<PutReport, OpError> {
    let progress = ResumableProgress::new(options);
    let length = match &source {
        Replayable::Bytes(bytes) => bytes.len() as u64,
        Replayable::File(file) => file.length(),
    };
    let begin = |slots| match &source {
        Replayable::Bytes(bytes) => Parts::Bytes(bytes.clone(), slots),
        Replayable::File(file) => Parts::File(file.clone(), slots),
    };
    match put_parts(bucket, key, begin, length, metadata.clone(), options, &progress).await {
        Err(failure) if failure.code == ServiceCode::NoSuchUpload && !failure.outcome.is_unknown() => {
            tracing::warn!(
                key,
                "the service no longer knows the upload; beginning again with another data key"
            );
            progress.restart();
            put_parts(bucket, key, begin, length, metadata, options, &progress).await
        }
        outcome => outcome,
    }
}

pub(crate) async fn put_parts(
    bucket: &Arc<BucketContext>,
    key: &str,
    parts: impl FnOnce(osseal_core::PartSlots) -> Parts,
    length: u64,
    metadata: Metadata,
    options: &PutOptions,
    progress: &ResumableProgress,
) -> Result<PutReport, OpError> {
    let plan = bucket.suite.layout().part_plan(length, bucket.part_size)?;
    let NewContentKey { sealer, envelope } = new_content_key(bucket, key, options, Some(length)).await?;
    let spec = UploadSpec {
        bucket: Arc::clone(bucket),
        key: key.to_owned(),
        metadata: with_envelope(metadata, envelope.as_ref(), Some(plan))?,
        envelope,
        plan,
        plain_total: length,
        forbid_overwrite: options.forbid_overwrite,
        progress: progress.clone(),
    };
    let parts = parts(sealer.into_parts(plan)?);
    // An upload that began is no object.
    let mut active = spec.begin(None).await.map_err(|failure| failure.with_outcome(Outcome::NotDone))?;
    match active.send_all(parts).await {
        Ok(()) => active.complete().await,
        Err(failure) => Err(active.abort_after(failure).await),
    }
}
