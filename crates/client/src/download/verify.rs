//! What a sealed object proves without being read: its key, its context and its size.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use osseal_core::{ContentError, RangeError, Reading, Window};
use osseal_wire::oss::RangeSpec;

use crate::bucket::EncryptedBucket;
use crate::download::body_reader::STALL;
use crate::download::get::{Origin, window};
use crate::error::{Error, ErrorKind, Failure};
use crate::object::object_info::{Described, ObjectInfo};
use crate::object::options::GetOptions;
use crate::runtime::retry::Resumes;
use crate::transport::{Body, TransportError};

/// What [`EncryptedBucket::prove`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The object.
    pub info: ObjectInfo,
    /// Whether size, context and place of the object are proven: it is sealed, and its last chunk is authentic. Of AES/CTR nothing is proven but that the
    /// key opens the envelope.
    pub is_proven: bool,
}

/// Stored bytes with their place, and the total that came with them.
pub(crate) struct Stretch {
    pub(crate) window: Window,
    pub(crate) bytes: Bytes,
}

impl EncryptedBucket {
    /// Unwraps an object's key, checks commitment, context and place, and opens the last chunk: then the size is no longer the store's claim. One
    /// request for at most 16,399 stored bytes, unless the connection breaks. The range of `options` does not matter.
    ///
    /// # Errors
    /// As [`EncryptedBucket::get`].
    pub async fn prove(&self, key: &str, options: GetOptions) -> Result<Proof, Error> {
        let origin = Origin::Key { key: key.to_owned(), version_id: options.version_id.clone() };
        self.scene("verify", Some(key)).run(self.prove_at(&origin, &options)).await
    }

    async fn prove_at(&self, origin: &Origin, options: &GetOptions) -> Result<Proof, Failure> {
        let policy = self.policy(options.read_policy.as_ref())?;
        let (described, body) = self.end(origin, &policy, options.if_match.as_deref()).await?;
        let info = described.info(origin.name(), self.0.keyring.as_ref())?;
        let opener = self.opener(origin, &policy, &described).await?;
        let is_proven = described.layout().proves_end();
        if is_proven {
            // Nothing but the end is read.
            let nothing = Window { start: 0, end: 0, total: described.reply.range.total };
            let mut stream = Reading::plan_end(described.layout(), nothing)?.into_stream(opener);
            if let Some(span) = stream.missing_end() {
                let last = match stretch(&described, body, span.clone()).await {
                    Err(failure) if failure.is_transient() => {
                        let pinned = origin.clone().pinned(described.reply.version_id.as_deref());
                        self.stored_bytes(&pinned, &described, span).await?
                    }
                    last => last?,
                };
                stream.prove_end(last.window, &last.bytes)?;
            }
            stream.finish()?;
        }
        Ok(Proof { info, is_proven })
    }

    /// Stored bytes of the object that an earlier reply was about. A body that breaks off is asked for again.
    pub(crate) async fn stored_bytes(
        &self,
        origin: &Origin,
        earlier: &Described,
        span: Range<u64>,
    ) -> Result<Stretch, Failure> {
        let length = span.end - span.start;
        let mut resumes = Resumes::new(self.0.store.retry(), length);
        loop {
            let range = Some(RangeSpec::Bounded(span.clone()));
            let (described, body) = self.more(origin, range, earlier).await?;
            let failure = match stretch(&described, body, span.clone()).await {
                Err(failure) if failure.is_transient() => failure,
                outcome => return outcome,
            };
            let Some(wait) = resumes.next(length, false) else { return Err(failure) };
            tracing::debug!(key = origin.name(), error = failure.message, ?wait, "asking for the end again");
            tokio::time::sleep(wait).await;
        }
    }
}

/// The next bytes of a body.
async fn next(body: &mut Body) -> Result<Option<Bytes>, Failure> {
    let frame = tokio::time::timeout(STALL, body.frame()).await.map_err(|_| TransportError::late(STALL))?;
    let frame = frame.transpose().map_err(|error| TransportError::broken("the reply broke off", error))?;
    Ok(frame.map(|frame| frame.into_data().unwrap_or_default()))
}

/// A few bytes out of a reply, which may hold more.
async fn stretch(described: &Described, mut body: Body, span: Range<u64>) -> Result<Stretch, Failure> {
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
        return Err(Failure::new(ErrorKind::Transient, message));
    }
    Ok(Stretch {
        window: Window { start: span.start, end: span.end, total: window.total },
        bytes: bytes.freeze(),
    })
}
