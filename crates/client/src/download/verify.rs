//! Verification of a sealed object without reading it: its key, its context and its size.

use std::sync::Arc;

use osseal_core::{Reading, Window};

use crate::download::fetch::{fetch_tail, opener};
use crate::download::origin::Origin;
use crate::download::stored_range::{read_stored_range, stored_bytes};
use crate::error::{Error, OpError};
use crate::object::context::BucketContext;
use crate::object::object_info::ObjectInfo;
use crate::object::options::GetOptions;

/// The result of [`EncryptedBucket::verify`](crate::EncryptedBucket::verify).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// The object.
    pub info: ObjectInfo,
    /// Whether size, context and location are authenticated: the object is sealed and its last chunk is authentic. For
    /// AES-CTR only the envelope was opened; nothing is authenticated.
    pub is_verified: bool,
}

pub(crate) async fn verify(
    bucket: &Arc<BucketContext>,
    key: &str,
    options: GetOptions,
) -> Result<Verification, Error> {
    let origin = Origin::Key { key: key.to_owned(), version_id: options.version_id.clone() };
    bucket.op_context("VerifyObject", Some(key)).run(verify_at(bucket, &origin, &options)).await
}

async fn verify_at(
    bucket: &Arc<BucketContext>,
    origin: &Origin,
    options: &GetOptions,
) -> Result<Verification, OpError> {
    let policy = bucket.policy(options.read_policy.as_ref())?;
    let (described, body) = fetch_tail(bucket, origin, &policy, options.if_match.as_deref()).await?;
    let info = described.info(origin.name(), bucket.keyring.as_ref())?;
    let opener = opener(bucket, origin, &policy, &described).await?;
    let is_verified = described.layout().proves_end();
    if is_verified {
        // Nothing but the end is read.
        let nothing = Window { start: 0, end: 0, total: described.reply.range.total };
        let mut stream = Reading::plan_end(described.layout(), nothing)?.into_stream(opener);
        if let Some(span) = stream.missing_end() {
            let last = match read_stored_range(&described, body, span.clone()).await {
                Err(failure) if failure.is_transient() => {
                    let pinned = origin.clone().pinned(described.reply.version_id.as_deref());
                    stored_bytes(bucket, &pinned, &described, span).await?
                }
                last => last?,
            };
            stream.prove_end(last.window, &last.bytes)?;
        }
        stream.finish()?;
    }
    Ok(Verification { info, is_verified })
}
