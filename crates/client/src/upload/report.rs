//! The result of a put.

use std::sync::Arc;

use osseal_core::Suite;
use osseal_wire::oss::PutReply;

use crate::error::OpError;
use crate::object::context::BucketContext;
use crate::runtime::spans;

/// The stored object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutReport {
    /// Plaintext bytes.
    pub plain_size: u64,
    /// Stored bytes.
    pub stored_size: u64,
    /// Parts; 1 for a body that went in one request.
    pub parts: u32,
    /// The suite of the content; none without encryption.
    pub suite: Option<Suite>,
    /// The key that wrapped the data key; empty without encryption.
    pub key_name: String,
    /// Quoted; empty when the store sent none.
    pub etag: String,
    /// CRC-64/XZ of the stored bytes: ours, and the service's the same.
    pub crc64: u64,
    /// Its version, in buckets that have them.
    pub version_id: Option<String>,
    /// The service's identifier of the last request.
    pub request_id: String,
}

pub(crate) fn report(
    bucket: &Arc<BucketContext>,
    plain_size: u64,
    stored_size: u64,
    parts: u32,
    crc64: u64,
    reply: PutReply,
) -> Result<PutReport, OpError> {
    let (suite, key_name) = if bucket.is_plain {
        (None, String::new())
    } else {
        let writer = bucket.keyring()?.keys().first();
        (Some(bucket.suite), writer.map(|key| key.name().to_owned()).unwrap_or_default())
    };
    let PutReply { etag, version_id, request_id, .. } = reply;
    spans::record_bytes(plain_size);
    Ok(PutReport { plain_size, stored_size, parts, suite, key_name, etag, crc64, version_id, request_id })
}
