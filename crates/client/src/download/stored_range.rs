//! A small range of stored bytes, read whole: the end of an object, which proves its size.

use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use osseal_core::{ContentError, RangeError, Window};
use osseal_wire::oss::RangeSpec;

use crate::download::fetch::{BODY_STALL_TIMEOUT, fetch_more, window};
use crate::download::origin::Origin;
use crate::error::{ErrorKind, OpError};
use crate::object::context::BucketContext;
use crate::object::object_info::Described;
use crate::runtime::retry::BodyRetryPolicy;
use crate::transport::{Body, TransportError};

/// Stored bytes with their place, and the total that came with them.
pub(crate) struct StoredRange {
    pub(crate) window: Window,
    pub(crate) bytes: Bytes,
}

/// Reads stored bytes of the object that an earlier reply described. A broken body is requested again.
pub(crate) async fn stored_bytes(
    bucket: &Arc<BucketContext>,
    origin: &Origin,
    earlier: &Described,
    span: Range<u64>,
) -> Result<StoredRange, OpError> {
    let length = span.end - span.start;
    let mut resumes = BodyRetryPolicy::new(bucket.store.retry(), length);
    loop {
        let range = Some(RangeSpec::Bounded(span.clone()));
        let (described, body) = fetch_more(bucket, origin, range, earlier).await?;
        let failure = match read_stored_range(&described, body, span.clone()).await {
            Err(failure) if failure.is_transient() => failure,
            outcome => return outcome,
        };
        let Some(wait) = resumes.next(length, false) else { return Err(failure) };
        tracing::debug!(key = origin.name(), error = failure.message, ?wait, "asking for the end again");
        tokio::time::sleep(wait).await;
    }
}

/// The next bytes of a body.
async fn next(body: &mut Body) -> Result<Option<Bytes>, OpError> {
    let frame = tokio::time::timeout(BODY_STALL_TIMEOUT, body.frame())
        .await
        .map_err(|_| TransportError::late(BODY_STALL_TIMEOUT))?;
    let frame = frame.transpose().map_err(|error| TransportError::broken("the reply broke off", error))?;
    Ok(frame.map(|frame| frame.into_data().unwrap_or_default()))
}

/// A few bytes out of a reply, which may hold more.
pub(crate) async fn read_stored_range(
    described: &Described,
    mut body: Body,
    span: Range<u64>,
) -> Result<StoredRange, OpError> {
    let window = window(described);
    if span.start < window.start || window.end < span.end {
        let Window { start, end, total } = window;
        return Err(RangeError::WrongRange { start, end, total }.into());
    }
    let mut at = window.start;
    let mut bytes = BytesMut::new();
    while at < span.end {
        let Some(data) = next(&mut body).await? else { break };
        let cut =
            |offset: u64| usize::try_from(offset.saturating_sub(at)).unwrap_or(usize::MAX).min(data.len());
        bytes.extend_from_slice(&data[cut(span.start)..cut(span.end).max(cut(span.start))]);
        at += data.len() as u64;
    }
    if at > window.end {
        return Err(ContentError::Overlong { wanted: window.end }.into());
    }
    if bytes.len() as u64 != span.end - span.start {
        let message = "the store did not send the end of the object, which proves its size; read it again";
        return Err(OpError::new(ErrorKind::Transient, message));
    }
    Ok(StoredRange {
        window: Window { start: span.start, end: span.end, total: window.total },
        bytes: bytes.freeze(),
    })
}
