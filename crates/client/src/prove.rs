//! What a sealed object proves without being read: its key, its context and its size.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use osseal_core::{OpenStream, RangeError, Reading, Window};
use osseal_wire::oss::RangeSpec;

use crate::bucket::EncryptedBucket;
use crate::error::{Error, ErrorKind, Failure};
use crate::get::{Origin, STALL, window};
use crate::info::{Described, ObjectInfo};
use crate::options::GetOptions;
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
    /// request for at most 16,399 stored bytes. The range of `options` does not matter.
    ///
    /// # Errors
    /// As [`EncryptedBucket::get`].
    pub async fn prove(&self, key: &str, options: GetOptions) -> Result<Proof, Error> {
        let origin = Origin::Key { key: key.to_owned(), version_id: options.version_id.clone() };
        let proof = self.prove_at(&origin, &options).await;
        proof.map_err(|failure| failure.at(self.scene("verify", Some(key))))
    }

    async fn prove_at(&self, origin: &Origin, options: &GetOptions) -> Result<Proof, Failure> {
        let policy = self.policy(options.read_policy.as_ref())?;
        let (described, body) = self.end(origin, &policy, options.if_match.as_deref()).await?;
        let info = described.info(origin.name(), self.0.keyring.as_ref())?;
        let opener = self.opener(origin, &policy, &described).await?;
        let is_proven = described.layout().proves_end();
        if is_proven {
            let window = window(&described);
            let reading = Reading::plan_end(described.layout(), window)?;
            if reading.missing_end().is_some() {
                return Err(wrong(window));
            }
            open_to_the_end(reading.into_stream(opener), body).await?;
        }
        Ok(Proof { info, is_proven })
    }

    /// Stored bytes of the object that an earlier reply was about.
    pub(crate) async fn stored_bytes(
        &self,
        origin: &Origin,
        earlier: &Described,
        span: Range<u64>,
    ) -> Result<Stretch, Failure> {
        let range = Some(RangeSpec::Bounded(span.clone()));
        let (described, body) = self.more(origin, range, earlier).await?;
        stretch(&described, body, span).await
    }
}

/// Opens a body until its end is proven. What comes out is of no interest.
async fn open_to_the_end(mut stream: OpenStream, mut body: Body) -> Result<(), Failure> {
    while !stream.is_complete() {
        let Some(data) = next(&mut body).await? else {
            let at = format!("at byte {}", stream.position());
            return Err(TransportError::broken("the reply ended early", at).into());
        };
        stream.push(data)?;
    }
    Ok(())
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
        return Err(wrong(window));
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
    if bytes.len() as u64 != span.end - span.start {
        let message = "the store did not send the end of the object, which proves its size; read it again";
        return Err(Failure::new(ErrorKind::Transient, message));
    }
    Ok(Stretch {
        window: Window { start: span.start, end: span.end, total: window.total },
        bytes: bytes.freeze(),
    })
}

/// A reply that does not hold the bytes that were asked for.
fn wrong(Window { start, end, total }: Window) -> Failure {
    RangeError::WrongRange { start, end, total }.into()
}
