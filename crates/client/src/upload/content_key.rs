//! The data key of a new object, with its envelope.

use std::sync::Arc;

use aws_lc_rs::rand;
use osseal_core::{Binding, ContentRandom, Envelope, Place, SALT, SealedContext, Sealer, Secret, dangerous};

use crate::error::{ErrorKind, OpError};
use crate::object::context::BucketContext;
use crate::object::options::PutOptions;

/// An object about to be stored: its data key, used once, and its envelope.
pub(crate) struct NewContentKey {
    pub(crate) sealer: Sealer,
    /// None without encryption.
    pub(crate) envelope: Option<Envelope>,
}

/// Makes a data key and its envelope.
pub(crate) async fn new_content_key(
    bucket: &Arc<BucketContext>,
    key: &str,
    options: &PutOptions,
    plain_len: Option<u64>,
) -> Result<NewContentKey, OpError> {
    if bucket.is_plain {
        let sealer = dangerous::plaintext_sealer(dangerous::AllowPlaintextObjects, plain_len);
        return Ok(NewContentKey { sealer, envelope: None });
    }
    let (keyring, context) = (bucket.keyring()?, bound(bucket, key, options)?);
    let (content, envelope) =
        keyring.new_content(bucket.suite, &context, generate_random()?, plain_len).await?;
    Ok(NewContentKey { sealer: content.sealer(plain_len), envelope: Some(envelope) })
}

/// The same for an upload that another process may have to finish.
pub(crate) async fn new_resumable_content_key(
    bucket: &Arc<BucketContext>,
    key: &str,
    options: &PutOptions,
    plain_len: u64,
) -> Result<NewContentKey, OpError> {
    let (keyring, context) = (bucket.keyring()?, bound(bucket, key, options)?);
    let (content, envelope) =
        keyring.new_resumable(bucket.suite, &context, generate_random()?, Some(plain_len)).await?;
    Ok(NewContentKey { sealer: content.sealer(Some(plain_len)), envelope: Some(envelope) })
}

/// The context that is bound to an object's content.
pub(crate) fn bound(
    bucket: &Arc<BucketContext>,
    key: &str,
    options: &PutOptions,
) -> Result<SealedContext, OpError> {
    Ok(SealedContext {
        binding: Binding::new(bucket.bind, Place::object(&bucket.name, key))?,
        pairs: bucket.encryption_context.clone().and(&options.encryption_context)?,
    })
}

/// Draws a data key and where its key stream starts.
fn generate_random() -> Result<ContentRandom, OpError> {
    let (mut data_key, mut start) = (vec![0; 32], [0; SALT]);
    rand::fill(&mut data_key).and_then(|()| rand::fill(&mut start)).map_err(|_| {
        OpError::new(ErrorKind::Local, "the system gives no random bytes; nothing was encrypted")
    })?;
    Ok(ContentRandom { data_key: Secret::new(data_key), start })
}
