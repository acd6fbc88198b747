//! One snapshot of an object, and the readers of its body. A broken body is replaced by another request for the rest; versions are never mixed.

use std::ops::Range;
use std::sync::Arc;

use http_body_util::BodyExt;
use osseal_core::{ByteRange, Chunk, OpenStream, Opener, RangeError, Reading, Window};
use osseal_wire::oss::{Crc64, RangeSpec};

use crate::download::fetch::{BODY_STALL_TIMEOUT, contradicted, fetch, opener, replaced, window};
use crate::download::origin::Origin;
use crate::download::stored_range::stored_bytes;
use crate::error::{ErrorKind, OpError};
use crate::object::context::BucketContext;
use crate::object::object_info::{Described, ObjectInfo};
use crate::runtime::retry::BodyRetryPolicy;
use crate::transport::{Body, TooSlow, TransportError};

/// An object whose head has arrived and whose data key is unwrapped. Every later reply must describe the same version
/// with the same envelope. Clones share it.
#[derive(Clone)]
pub(crate) struct Snapshot(Arc<Inner>);

struct Inner {
    bucket: Arc<BucketContext>,
    origin: Origin,
    described: Described,
    opener: Opener,
}

impl Snapshot {
    pub(crate) fn new(
        bucket: &Arc<BucketContext>,
        origin: Origin,
        described: Described,
        opener: Opener,
    ) -> Snapshot {
        Snapshot(Arc::new(Inner { bucket: bucket.clone(), origin, described, opener }))
    }

    pub(crate) fn bucket(&self) -> &Arc<BucketContext> {
        &self.0.bucket
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.0.origin
    }

    pub(crate) fn described(&self) -> &Described {
        &self.0.described
    }

    /// Stored bytes of a piece.
    pub(crate) fn stored_len(&self, plain: &Range<u64>) -> u64 {
        let piece = self.0.described.layout().stored_piece(plain, self.0.described.reply.range.total);
        piece.end - piece.start
    }

    /// Stored bytes of a part by the bucket's configuration.
    pub(crate) fn part_len(&self) -> u64 {
        self.0.described.layout().part_near(self.0.bucket.part_size)
    }

    pub(crate) fn info(&self) -> Result<ObjectInfo, OpError> {
        self.0.described.info(self.0.origin.name(), self.0.bucket.keyring.as_ref())
    }

    /// Adds the object to a failure.
    pub(crate) fn error(&self, failure: OpError) -> crate::Error {
        let mut op_context = self.0.bucket.op_context("GetObject", Some(self.0.origin.name()));
        op_context.bucket = op_context.bucket.filter(|bucket| !bucket.is_empty());
        failure.with_context(op_context)
    }

    /// Compares the checksum of all stored bytes with the one that the store gives for them.
    pub(crate) fn check_crc64(&self, ours: u64) -> Result<(), OpError> {
        if self.0.described.reply.crc64.is_none_or(|theirs| theirs == ours) {
            return Ok(());
        }
        let message =
            "the stored bytes do not have the checksum that the store gives for them; discard what was read";
        Err(OpError::new(ErrorKind::Integrity, message))
    }

    /// Starts to read plaintext bytes with a request of their own. A range that reaches the object's end includes the proof of the end.
    pub(crate) async fn reader(&self, plain: &Range<u64>) -> Result<BodyReader, OpError> {
        let (layout, total) = (self.0.described.layout(), self.0.described.reply.range.total);
        let span = layout.stored_piece(plain, total);
        let body = self.stored(&span).await?;
        let window = Window { start: span.start, end: span.end, total };
        let reading = Reading::plan(layout, &ByteRange::Bounded(plain.clone()), window)?;
        BodyReader::begin(self.clone(), reading, body, 0, true).await
    }

    /// The body of a reply with exactly these stored bytes.
    async fn stored(&self, span: &Range<u64>) -> Result<Body, OpError> {
        let Inner { bucket, origin, described, .. } = &*self.0;
        let whole = span.start == 0 && span.end == described.reply.range.total;
        let range = if whole { None } else { Some(RangeSpec::Bounded(span.clone())) };
        let etag = Some(described.reply.etag.as_str()).filter(|etag| !etag.is_empty());
        let (again, body) = fetch(bucket, origin, range, etag).await.map_err(contradicted)?;
        // A data key that was wrapped afresh meanwhile is the same data key.
        let (ours, theirs) = (self.info()?, again.info(origin.name(), bucket.keyring.as_ref())?);
        if (theirs.etag, theirs.stored_size, theirs.encryption)
            != (ours.etag, ours.stored_size, ours.encryption)
        {
            return Err(replaced());
        }
        let Window { start, end, total } = window(&again);
        if (start, end) == (span.start, span.end) {
            Ok(body)
        } else {
            Err(RangeError::WrongRange { start, end, total }.into())
        }
    }
}

/// A body on its way in, opened as it comes.
pub(crate) struct BodyReader {
    object: Snapshot,
    body: Body,
    stream: Option<OpenStream>,
    /// The sum of the stored bytes so far, where all of them count.
    crc64: Option<Crc64>,
    /// Where the stored bytes end that are read.
    end: u64,
    /// Stored bytes that the reply holds after that, and that are left.
    surplus: u64,
    resumes: BodyRetryPolicy,
}

impl BodyReader {
    /// Starts to open a body, and fetches the proof of the object's end if the body does not hold it. The body ends with
    /// `surplus` stored bytes beyond the plan; `is_counted` reads and sums up all others.
    pub(crate) async fn begin(
        object: Snapshot,
        reading: Reading,
        body: Body,
        surplus: u64,
        is_counted: bool,
    ) -> Result<BodyReader, OpError> {
        let Window { start, end, .. } = reading.window();
        let resumes = BodyRetryPolicy::new(object.bucket().store.retry(), end - start);
        let mut stream = reading.into_stream(object.0.opener.clone());
        if let Some(span) = stream.missing_end() {
            let Inner { bucket, origin, described, .. } = &*object.0;
            let last = stored_bytes(bucket, origin, described, span).await?;
            stream.prove_end(last.window, &last.bytes)?;
        }
        let crc64 = is_counted.then(Crc64::default);
        Ok(BodyReader { object, body, stream: Some(stream), crc64, end, surplus, resumes })
    }

    pub(crate) fn object(&self) -> &Snapshot {
        &self.object
    }

    /// The sum of the stored bytes that have been read, if they are counted.
    pub(crate) fn crc64(&self) -> Option<u64> {
        self.crc64.as_ref().map(Crc64::value)
    }

    /// The next bytes; none when all have come that were planned. A connection that breaks is replaced.
    pub(crate) async fn advance(&mut self) -> Result<Option<Chunk>, OpError> {
        while let Some(stream) = &mut self.stream {
            // Bytes that a reply holds beyond the requested range are ignored.
            if stream.is_complete() && (self.crc64.is_none() || stream.position() == self.end) {
                let stream = self.stream.take();
                return match stream.filter(|_| self.crc64.is_some()).map(OpenStream::finish) {
                    Some(Err(error)) => Err(error.into()),
                    _ => Ok(None),
                };
            }
            let mut has_crawled = false;
            let broken = match tokio::time::timeout(BODY_STALL_TIMEOUT, self.body.frame()).await {
                Ok(Some(Ok(frame))) => {
                    let Ok(mut data) = frame.into_data() else { continue };
                    if self.surplus > 0 {
                        let left = self.end - stream.position();
                        data.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                    }
                    if data.is_empty() {
                        continue;
                    }
                    self.resumes.on_bytes(data.len() as u64);
                    if let Some(crc64) = &mut self.crc64 {
                        crc64.update(&data);
                    }
                    match stream.push(data)? {
                        Some(chunk) => return Ok(Some(chunk)),
                        None => continue,
                    }
                }
                Ok(None) => {
                    TransportError::broken("the reply ended early", format!("at byte {}", stream.position()))
                }
                Ok(Some(Err(error))) => {
                    has_crawled = error.is::<TooSlow>();
                    TransportError::broken("the reply broke off", error)
                }
                Err(_) => TransportError::late(BODY_STALL_TIMEOUT),
            };
            self.resume(broken, has_crawled).await?;
        }
        Ok(None)
    }

    /// Asks for the rest of the same object.
    async fn resume(&mut self, broken: TransportError, has_crawled: bool) -> Result<(), OpError> {
        let Some(stream) = &self.stream else { return Ok(()) };
        let position = stream.position();
        let Inner { origin, described, .. } = &*self.object.0;
        let wait = self.resumes.next(self.end - position, has_crawled);
        let Some(wait) = wait.filter(|_| !described.reply.etag.is_empty()) else {
            return Err(broken.into());
        };
        tracing::debug!(key = origin.name(), position, error = %broken, ?wait, "asking for the rest");
        tokio::time::sleep(wait).await;
        let object = self.object.clone();
        self.body = object.stored(&(position..self.end)).await?;
        self.surplus = 0;
        Ok(())
    }
}

/// Unwraps the key of an object whose head has come.
pub(crate) async fn snapshot(
    bucket: &Arc<BucketContext>,
    origin: Origin,
    policy: &osseal_core::ReadPolicy,
    described: Described,
) -> Result<Snapshot, OpError> {
    let origin = origin.pinned(described.reply.version_id.as_deref());
    let opener = opener(bucket, &origin, policy, &described).await?;
    Ok(Snapshot::new(bucket, origin, described, opener))
}
