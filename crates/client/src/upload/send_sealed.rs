//! Sends sealed bytes until the service holds exactly them, and recognises an object that an earlier attempt
//! stored.

use std::sync::Arc;

use bytes::Bytes;
use osseal_core::Envelope;
use osseal_wire::oss::PutReply;
use osseal_wire::oss::request::Call;

use crate::error::{ErrorKind, OpError, Outcome};
use crate::object::context::BucketContext;
use crate::service::send::Payload;

/// Sends sealed bytes until the service has them as they are.
pub(crate) async fn store_bytes(
    bucket: &Arc<BucketContext>,
    key: &str,
    call: &Call,
    sealed: &Bytes,
    crc64: u64,
    envelope: Option<&Envelope>,
) -> Result<PutReply, OpError> {
    for is_last in [false, true] {
        let payload = Payload::Bytes(sealed.clone());
        let reply = match bucket.store.call(Some(&bucket.name), Some(key), call.clone(), payload).await {
            Ok(reply) => PutReply::from_head(&reply.headers)?,
            Err(failure) => match stored_before(bucket, key, envelope, failure).await {
                Err(second) if is_last && matches!(call, Call::PutObject(_)) => {
                    let first = OpError::checksum_mismatch("the stored object");
                    let message = format!("{}; sending it again failed: {}", first.message, second.message);
                    return Err(OpError { message, ..first });
                }
                reply => reply?,
            },
        };
        if reply.crc64.is_none_or(|theirs| theirs == crc64) {
            return Ok(reply);
        }
        if !is_last {
            tracing::warn!(key, "the service's CRC64 is not ours; sending the same bytes again");
        }
    }
    Err(OpError::checksum_mismatch("the stored object"))
}

/// If an earlier delivery succeeded and its reply was lost, the existing object is ours: the put succeeded.
async fn stored_before(
    bucket: &Arc<BucketContext>,
    key: &str,
    envelope: Option<&Envelope>,
    failure: OpError,
) -> Result<PutReply, OpError> {
    if failure.kind != ErrorKind::Exists {
        return Err(failure);
    }
    match find_ours(bucket, key, envelope).await {
        Ok(Some(reply)) => Ok(reply),
        // Another writer stored it.
        Ok(None) if envelope.is_some() => Err(failure.with_outcome(Outcome::NotDone)),
        _ => Err(failure),
    }
}

/// The reply of a lost attempt: the stored object carries our envelope, which no other writer has.
pub(crate) async fn find_ours(
    bucket: &Arc<BucketContext>,
    key: &str,
    envelope: Option<&Envelope>,
) -> Result<Option<PutReply>, OpError> {
    use ErrorKind::{Envelope as Foreign, NotEncrypted, NotFound};

    // Nothing tells one object without an envelope from another.
    let Some(envelope) = envelope else { return Ok(None) };
    match bucket.describe(key, None).await {
        Ok(found) if found.envelope.as_ref().is_some_and(|theirs| theirs.data_key == envelope.data_key) => {
            let reply = found.reply;
            Ok(Some(PutReply {
                etag: reply.etag,
                crc64: reply.crc64,
                version_id: reply.version_id,
                request_id: reply.request_id,
                ..PutReply::default()
            }))
        }
        Ok(_) => Ok(None),
        // None at all, or one that was not written like ours.
        Err(failure) if matches!(failure.kind, NotFound | NotEncrypted | Foreign) => Ok(None),
        // A refused HEAD (no permission to read) leaves the outcome unknown.
        Err(failure) => Err(failure),
    }
}
