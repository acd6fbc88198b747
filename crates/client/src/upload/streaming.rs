//! Puts a source of unknown length beyond one part: a single request that lasts as long as the source, with a spool
//! as fallback.
//!
//! ```text
//!   source ─► seal ─► spool ─► request            the source ends within the limit of one request: stored
//!                       │         └ fails, or the source is longer
//!   source ─► seal ─► spool ─► until the source ends
//!                       └► parts of the same sealed bytes
//! ```
//! The parts of a spool are the same bytes under the same key as the failed request, so no byte is sealed twice. The
//! envelope differs in its sizes only.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use osseal_core::{Envelope, SealStream, Suite};
use osseal_wire::oss::request::{Call, PutObject};
use osseal_wire::oss::{Metadata, PutReply};
use tokio::sync::Mutex;

use crate::error::{ErrorKind, OpError, Outcome};
use crate::object::context::BucketContext;
use crate::object::options::PutOptions;
use crate::runtime::memory_budget::Permit;
use crate::service::send::Payload;
use crate::transport::{self, BoxError};
use crate::upload::content_key::{NewContentKey, new_content_key};
use crate::upload::file_source::Spool;
use crate::upload::multipart::UploadSpec;
use crate::upload::object_metadata::with_envelope;
use crate::upload::part_scheduler::Parts;
use crate::upload::progress::ResumableProgress;
use crate::upload::report::{PutReport, report};
use crate::upload::send_sealed::find_ours;
use crate::upload::source::{self, BoxReader, READ_BYTES};

/// Seals a source as it is read. Cancel safe: a dropped future loses no data.
struct SealingSource {
    reader: BoxReader,
    sealing: SealStream,
    spool: Option<Spool>,
    /// Read and not sealed.
    plain: BytesMut,
    /// Sealed and not known to be in the spool.
    sealed: Option<Bytes>,
    is_over: bool,
}

/// How the body of the request ended before the source did.
enum StreamEnd {
    Failed(OpError),
    /// The request may carry no more.
    Full,
}

/// A request's body, while it is sent and afterwards.
struct StreamingBody {
    sealing_source: SealingSource,
    suite: Suite,
    limit: u64,
    progress: ResumableProgress,
    stop: Option<StreamEnd>,
    /// The request has ended, whatever of it is still about.
    is_closed: bool,
}

#[expect(clippy::too_many_arguments, reason = "all that is known of a put that has active to be read")]
pub(crate) async fn put_stream(
    bucket: &Arc<BucketContext>,
    key: &str,
    first: BytesMut,
    held: Permit,
    reader: BoxReader,
    spool: Option<PathBuf>,
    metadata: Metadata,
    options: &PutOptions,
) -> Result<PutReport, OpError> {
    let NewContentKey { sealer, envelope } = new_content_key(bucket, key, options, None).await?;
    let call = Call::PutObject(PutObject {
        metadata: with_envelope(metadata.clone(), envelope.as_ref(), None)?,
        forbid_overwrite: options.forbid_overwrite,
        ..PutObject::default()
    });
    let spool = match spool {
        Some(folder) => Some(Spool::create(folder).await?),
        None => None,
    };
    let sealing = sealer.into_stream();
    let sealing_source = SealingSource { reader, sealing, spool, plain: first, sealed: None, is_over: false };
    let (suite, limit, progress) = (bucket.suite, bucket.single_limit, ResumableProgress::new(options));
    let streaming = StreamingBody { sealing_source, suite, limit, progress, stop: None, is_closed: false };
    let streaming = Arc::new(Mutex::new(streaming));
    let pieces = stream::try_unfold(streaming.clone(), |streaming| async move {
        let piece = streaming.lock().await.piece().await?;
        Ok::<_, BoxError>(piece.map(|piece| (piece, streaming)))
    });
    let body = Payload::Stream(transport::stream(pieces));
    let sent = bucket.store.call(Some(&bucket.name), Some(key), call, body).await;
    let sent = sent.and_then(|reply| Ok(PutReply::from_head(&reply.headers)?));
    let mut streaming = streaming.lock().await;
    streaming.is_closed = true;
    // The bytes read ahead are sealed now.
    drop(held);
    let stop = streaming.stop.take();
    let sealing_source = &mut streaming.sealing_source;
    let mut is_damaged = false;
    let failure = match (stop, sent) {
        (Some(StreamEnd::Full), _) => None,
        (None, Ok(reply))
            if sealing_source.is_over
                && reply.crc64.is_none_or(|theirs| theirs == sealing_source.sealing.crc64()) =>
        {
            let sealing = &sealing_source.sealing;
            return report(bucket, sealing.plain(), sealing.stored(), 1, sealing.crc64(), reply);
        }
        (None, Ok(_)) => {
            is_damaged = true;
            Some(OpError::checksum_mismatch("the stored object"))
        }
        // The failure may have renewed credentials or corrected the clock; the parts benefit.
        (None, Err(failure))
            if failure.is_transient() || failure.is_token_expired() || failure.is_clock_skewed() =>
        {
            Some(failure)
        }
        // A body that did not leave whole is no object.
        (None, Err(failure)) if !sealing_source.is_over => {
            return Err(failure.with_outcome(Outcome::NotDone));
        }
        (Some(StreamEnd::Failed(failure)), _) | (None, Err(failure)) => return Err(failure),
    };
    let Some(spool) = sealing_source.spool.clone() else {
        return Err(match failure {
            Some(failure) if !sealing_source.is_over => failure.with_outcome(Outcome::NotDone),
            other => other.unwrap_or_else(too_long),
        });
    };
    // The whole body left, so the request may have been done although its reply was lost.
    let is_open = is_damaged
        || sealing_source.is_over && failure.as_ref().is_some_and(|failure| failure.outcome.is_unknown());
    if let Some(failure) = failure {
        tracing::warn!(key, error = failure.message, "the request failed; sending the spool in parts");
    }
    while sealing_source.next().await?.is_some() {}
    let (plain, crc64) = (sealing_source.sealing.plain(), sealing_source.sealing.crc64());
    if is_open
        && let Some(reply) =
            find_ours(bucket, key, envelope.as_ref()).await.map_err(OpError::with_unknown_outcome)?
        && reply.crc64.is_none_or(|theirs| theirs == crc64)
    {
        return report(bucket, plain, sealing_source.sealing.stored(), 1, crc64, reply);
    }
    let progress = streaming.progress.clone();
    drop(streaming);
    let put = put_spool(bucket, key, spool, (plain, crc64), metadata, envelope, options, progress).await;
    put.map_err(|failure| failure.after_attempts(Outcome::unknown_if(is_open)))
}

#[expect(clippy::too_many_arguments, reason = "all that is known of a put whose source has ended")]
async fn put_spool(
    bucket: &Arc<BucketContext>,
    key: &str,
    spool: Spool,
    (plain_total, crc64): (u64, u64),
    metadata: Metadata,
    envelope: Option<Envelope>,
    options: &PutOptions,
    progress: ResumableProgress,
) -> Result<PutReport, OpError> {
    let plan = bucket.suite.layout().part_plan(plain_total, bucket.part_size)?;
    progress.restart();
    let spec = UploadSpec {
        bucket: Arc::clone(bucket),
        key: key.to_owned(),
        metadata: with_envelope(metadata, envelope.as_ref(), Some(plan))?,
        envelope,
        plan,
        plain_total,
        forbid_overwrite: options.forbid_overwrite,
        progress,
    };
    let mut active = spec.begin(None).await?;
    match active.send_all(Parts::Spool(spool)).await {
        Ok(()) if active.upload.crc64() == crc64 => active.complete().await,
        Ok(()) => {
            let message = "the spool has other bytes than were written to it; nothing was stored";
            Err(active.abort_after(OpError::new(ErrorKind::Integrity, message)).await)
        }
        Err(failure) => Err(active.abort_after(failure).await),
    }
}

impl StreamingBody {
    /// The next piece of the request's body.
    async fn piece(&mut self) -> Result<Option<Bytes>, BoxError> {
        if self.is_closed {
            return Err("the request has ended".into());
        }
        let before = self.sealing_source.sealing.plain();
        match self.within_limit().await {
            Ok(piece) => {
                self.progress.add(self.sealing_source.sealing.plain() - before);
                Ok(piece)
            }
            Err(stop) => {
                let message = match &stop {
                    StreamEnd::Failed(failure) => failure.message.clone(),
                    StreamEnd::Full => "the source is longer than one request may carry".to_owned(),
                };
                self.stop = Some(stop);
                Err(message.into())
            }
        }
    }

    async fn within_limit(&mut self) -> Result<Option<Bytes>, StreamEnd> {
        let sealing_source = &mut self.sealing_source;
        sealing_source.read().await.map_err(StreamEnd::Failed)?;
        let plain = sealing_source.sealing.plain() + sealing_source.plain.len() as u64;
        if self.suite.layout().stored_len(plain).is_none_or(|stored| stored > self.limit) {
            return Err(StreamEnd::Full);
        }
        sealing_source.next().await.map_err(StreamEnd::Failed)
    }
}

impl SealingSource {
    /// Reads the next bytes to seal, unless they are buffered.
    async fn read(&mut self) -> Result<(), OpError> {
        if self.sealed.is_none() && !self.is_over {
            source::fill(&mut self.reader, &mut self.plain, READ_BYTES).await?;
        }
        Ok(())
    }

    /// The next sealed bytes, after the spool (if any) holds them. `None` at the end of the source.
    async fn next(&mut self) -> Result<Option<Bytes>, OpError> {
        loop {
            self.read().await?;
            if let Some(sealed) = &self.sealed {
                if let Some(spool) = &self.spool {
                    let offset = self.sealing.stored() - sealed.len() as u64;
                    spool.write(sealed.clone(), offset).await?;
                }
                return Ok(self.sealed.take());
            }
            if self.is_over {
                return Ok(None);
            }
            self.is_over = self.plain.is_empty();
            let sealed =
                if self.is_over { self.sealing.finish()? } else { self.sealing.push(self.plain.split())? };
            self.sealed = Some(sealed).filter(|sealed| !sealed.is_empty());
        }
    }
}

fn too_long() -> OpError {
    let message = "the source has, when sealed, more than 5 GiB, which is the most that can be stored without knowing the size before and without a spool";
    OpError::new(ErrorKind::Local, message)
}
