//! Download: parallel requests for one object, all for the version that the first reply described.
//!
//! ```text
//!   first GET, bytes 0 to a part    size, ETag, version, envelope; the key is unwrapped once; its body is the first piece
//!   other GETs, If-Match            one piece each, `jobs` in flight, opened chunk by chunk as bytes arrive
//!       │
//!       ├─ next_chunk   in order: early pieces wait, within the memory budget
//!       └─ write_to     at their offsets, in any order: a file
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use osseal_core::{ByteRange, Chunk, Layout, Reading, Window};
use osseal_wire::oss::{Crc64, RangeSpec};

use crate::download::body_reader::{BodyReader, Snapshot, snapshot};
use crate::download::fetch::{ask_for, fetch_first, guess, window};
use crate::download::get::{self, GetObject};
use crate::download::ordered::Ordered;
use crate::download::origin::Origin;
use crate::download::write_at::WriteAt;
use crate::error::{Error, ErrorKind, OpError};
use crate::object::context::BucketContext;
use crate::object::object_info::ObjectInfo;
use crate::object::options::{GetOptions, Progress};
use crate::runtime::spans::{self, Operation};

pub(crate) use crate::download::unordered::{UnorderedDownload, WrittenRange};

/// An object being read with parallel requests; made by [`EncryptedBucket::download`](crate::EncryptedBucket::download).
///
/// As for [`GetObject`]: act on the bytes only after the end. Dropping it cancels its requests.
pub struct Download {
    pub(super) object: Snapshot,
    pub(super) info: ObjectInfo,
    pub(super) range: Range<u64>,
    /// Whether all stored bytes come, so that their checksum counts.
    pub(super) is_whole: bool,
    /// The piece that the first reply brings.
    first: Option<(BodyReader, Range<u64>)>,
    /// The plaintext range beyond the first piece.
    rest: Range<u64>,
    /// Plaintext bytes of a piece.
    pub(super) part: u64,
    jobs: usize,
    pub(super) progress: Option<Progress>,
    ordered: Option<Ordered>,
    is_over: bool,
    /// The operation, which ends when the download is dropped.
    pub(super) operation: Operation,
}

pub(crate) async fn download(
    bucket: &Arc<BucketContext>,
    key: &str,
    options: GetOptions,
) -> Result<Download, Error> {
    let origin = Origin::Key { key: key.to_owned(), version_id: options.version_id.clone() };
    let begun = async {
        let download = discover(bucket, origin, options).await?;
        spans::record_bytes(0);
        Ok(download)
    };
    bucket.op_context("GetObject", Some(key)).run(begun).await
}

async fn discover(
    bucket: &Arc<BucketContext>,
    origin: Origin,
    options: GetOptions,
) -> Result<Download, OpError> {
    bucket.check_keyring()?;
    options.range.check()?;
    let policy = bucket.policy(options.read_policy.as_ref())?;
    let guess = guess(bucket, &policy);
    let part = plain_part(guess, bucket.part_size);
    let Some(ask) = first_ask(guess, &options.range, part) else {
        return get::begin(bucket, origin, options).await.map(Download::from);
    };
    let (described, body) =
        match fetch_first(bucket, &origin, Some(ask), &policy, options.if_match.as_deref()).await {
            // Empty, or shorter than the range assumes: a single request finds out which, with the proof.
            Err(failure) if failure.kind == ErrorKind::Range => {
                return get::begin(bucket, origin, options).await.map(Download::from);
            }
            first => first?,
        };
    let (layout, window) = (described.layout(), window(&described));
    let plain_total = described.plain_size()?;
    let plan = options.range.resolve(plain_total).ok().and_then(|range| {
        let first = first_piece(layout, &range, window, plain_total);
        let is_pinned = !described.reply.etag.is_empty() || first.as_ref() == Some(&range);
        (is_pinned && (first.is_some() || !range.is_empty())).then_some((range, first))
    });
    let Some((range, first)) = plan else {
        return get::begin(bucket, origin, options).await.map(Download::from);
    };
    let object = snapshot(bucket, origin, &policy, described).await?;
    let begun = first.as_ref().map_or(range.start, |first| first.end);
    let first = match first {
        None => None,
        Some(plain) => {
            let end = layout.stored_piece(&plain, window.total).end.min(window.end);
            let ask = if plain == (0..plain_total) { ByteRange::Whole } else { plain.clone().into() };
            let reading = Reading::plan(layout, &ask, Window { end, ..window })?;
            Some((BodyReader::begin(object.clone(), reading, body, window.end - end, true).await?, plain))
        }
    };
    Ok(Download {
        info: object.info()?,
        is_whole: range == (0..plain_total),
        first,
        rest: begun..range.end,
        range,
        part: plain_part(layout, bucket.part_size),
        jobs: usize::from(bucket.jobs.get()),
        object,
        progress: None,
        ordered: None,
        is_over: false,
        operation: Operation::current(),
    })
}

impl Download {
    /// The store's claims about the object. Its size, too, is a claim until the download has ended.
    pub fn info(&self) -> &ObjectInfo {
        &self.info
    }

    /// The plaintext range that is read, half-open. Where it depends on the object's size it is a claim until the end.
    pub fn range(&self) -> Range<u64> {
        self.range.clone()
    }

    /// Tells how many more plaintext bytes have come, each time some have.
    #[must_use]
    pub fn progress(self, progress: Progress) -> Self {
        Download { progress: Some(progress), ..self }
    }

    /// Returns the next bytes in order, or `None` after the last byte and, for a whole object, a correct checksum. Early
    /// pieces are buffered within the bucket's [`MemoryBudget`](crate::MemoryBudget); the piece whose turn it is needs no
    /// budget. Cancel safe.
    ///
    /// # Errors
    /// As [`GetObject::next_chunk`].
    pub async fn next_chunk(&mut self) -> Result<Option<Chunk>, Error> {
        if self.is_over {
            return Ok(None);
        }
        let outcome = self.operation.clone().run(self.advance()).await;
        if !matches!(outcome, Ok(Some(_))) {
            self.is_over = true;
            let ordered = self.ordered.take();
            // Cancelled here, the caller misses nothing but the end; a failure is never lost.
            if let (Ok(_), Some(ordered)) = (&outcome, ordered) {
                ordered.end().await;
            }
        }
        outcome.map_err(|failure| self.object.error(failure))
    }

    async fn advance(&mut self) -> Result<Option<Chunk>, OpError> {
        let Download { object, first, rest, part, jobs, .. } = self;
        let ordered = self
            .ordered
            .get_or_insert_with(|| Ordered::begin(object, first.take(), cut(rest.clone(), *part), *jobs));
        if let Some(chunk) = ordered.advance().await? {
            spans::record_bytes(chunk.bytes.len() as u64);
            if let Some(progress) = &self.progress {
                progress(chunk.bytes.len() as u64);
            }
            return Ok(Some(chunk));
        }
        if self.is_whole {
            self.object.check_crc64(ordered.crc64())?;
        }
        Ok(None)
    }

    /// Writes all bytes at their offsets, in the order of their arrival, and returns their number.
    ///
    /// Each request buffers about 2 MiB within the bucket's [`MemoryBudget`](crate::MemoryBudget). The written bytes count
    /// only if this returns without an error. Nothing is written after it returns; after a drop, each request may still
    /// have one call of the sink in progress.
    ///
    /// # Errors
    /// As [`GetObject::next_chunk`]; [`ErrorKind::Local`]: writing fails.
    pub async fn write_to(self, sink: impl WriteAt) -> Result<u64, Error> {
        let object = self.object.clone();
        let written = self.operation.clone().run(Box::pin(self.place(Arc::new(sink)))).await;
        written.map_err(|failure| object.error(failure))
    }

    async fn place(self, sink: Arc<dyn WriteAt>) -> Result<u64, OpError> {
        let (object, range, is_whole) = (self.object.clone(), self.range.clone(), self.is_whole);
        let mut unordered = self.unordered(sink, &[], false);
        let done = unordered.rest().await;
        unordered.end().await;
        finish(&object, &range, is_whole, done?)
    }

    /// Starts to write the pieces that are missing.
    pub(super) fn unordered(
        mut self,
        sink: Arc<dyn WriteAt>,
        there: &[Range<u64>],
        is_digested: bool,
    ) -> UnorderedDownload {
        let mut first = self.first.take();
        if let Some((_, piece)) = &first
            && there.iter().any(|done| done.start < piece.end && piece.start < done.end)
        {
            first = None;
        }
        let begun = first.as_ref().map_or(self.range.start, |(_, piece)| piece.end);
        let mut pieces = VecDeque::new();
        let mut at = begun;
        for done in there {
            pieces.extend(cut(at..done.start.max(at), self.part));
            at = at.max(done.end);
        }
        pieces.extend(cut(at..self.range.end, self.part));
        UnorderedDownload::begin(&self.object, first, pieces, sink, self.range.start, self.jobs)
            .telling(self.progress.take(), is_digested)
    }
}

/// An object that is read by one request.
impl From<GetObject> for Download {
    fn from(object: GetObject) -> Download {
        let (reader, info, range, is_whole, operation) = object.into_parts();
        Download {
            object: reader.object().clone(),
            info,
            is_whole,
            rest: range.end..range.end,
            part: u64::MAX,
            jobs: 1,
            first: Some((reader, range.clone())),
            range,
            progress: None,
            ordered: None,
            is_over: false,
            operation,
        }
    }
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download")
            .field("info", &self.info)
            .field("range", &self.range)
            .finish_non_exhaustive()
    }
}

/// Verifies the written object as a whole, and returns its length.
pub(super) fn finish(
    object: &Snapshot,
    range: &Range<u64>,
    is_whole: bool,
    mut done: Vec<WrittenRange>,
) -> Result<u64, OpError> {
    done.sort_by_key(|stretch| stretch.plain.start);
    if is_whole {
        object.check_crc64(done.iter().fold(Crc64::of(b""), |sum, stretch| {
            Crc64::combine(sum, stretch.crc64, object.stored_len(&stretch.plain))
        }))?;
    }
    Ok(range.end - range.start)
}

/// Plaintext bytes of a piece.
fn plain_part(layout: Layout, preferred: u64) -> u64 {
    layout.plain_before(layout.part_near(preferred))
}

/// The first request of a read that may take several: the first part, or the end if the range counts from the end.
/// `None`: the read takes a single request.
fn first_ask(layout: Layout, range: &ByteRange, part: u64) -> Option<RangeSpec> {
    let start = match range {
        ByteRange::Whole => 0,
        ByteRange::From(start) => *start,
        ByteRange::Bounded(range) if range.end - range.start > part => range.start,
        ByteRange::Suffix(count) if *count > part => return ask_for(layout.ask(&ByteRange::Suffix(1))),
        ByteRange::Bounded(_) | ByteRange::Suffix(_) => return None,
    };
    ask_for(layout.ask(&ByteRange::Bounded(start..start.saturating_add(part))))
}

/// The part of a range that the first reply holds from the range's start, in whole chunks.
fn first_piece(layout: Layout, range: &Range<u64>, window: Window, plain_total: u64) -> Option<Range<u64>> {
    if layout.stored_piece(range, window.total).start < window.start {
        return None;
    }
    if window.end == window.total {
        return Some(range.clone());
    }
    // An empty last chunk that the reply does not hold comes with the chunk before it.
    let most = if range.end == plain_total { range.end.saturating_sub(1) } else { range.end };
    let end = layout.plain_before(window.end).min(range.end);
    let end = if end > most { most / layout.plain_unit() * layout.plain_unit() } else { end };
    (end > range.start).then_some(range.start..end)
}

/// Cuts a range into pieces. Their bounds are multiples of the suite's unit if the range starts at one.
fn cut(stretch: Range<u64>, part: u64) -> impl Iterator<Item = Range<u64>> + use<> {
    let mut at = stretch.start;
    std::iter::from_fn(move || {
        let piece = at..at.saturating_add(part).min(stretch.end);
        at = piece.end;
        (piece.start < piece.end).then_some(piece)
    })
}
