//! Download: an object by several requests at a time, each pinned to the one that the first reply was about.
//!
//! ```text
//!   first GET, bytes 0 to a part    size, ETag, version, envelope; the key is unwrapped once; its body is the first piece
//!   other GETs, If-Match            one piece each, `jobs` at a time, opened chunk by chunk as it comes
//!       │
//!       ├─ next_chunk   in order: pieces that are early wait, within the memory budget
//!       └─ write_to     at their places, in any order: a file
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
use crate::error::{Error, ErrorKind, Failure};
use crate::object::context::BucketContext;
use crate::object::object_info::ObjectInfo;
use crate::object::options::{GetOptions, Progress};
use crate::runtime::spans::{self, Operation};

pub(crate) use crate::download::unordered::{UnorderedDownload, WrittenRange};

/// An object on its way in by several requests at a time; [`EncryptedBucket::download`] begins one.
///
/// What holds for [`GetObject`] holds here: act on the bytes only when all have come. Dropping it ends its requests.
pub struct Download {
    pub(super) object: Snapshot,
    pub(super) info: ObjectInfo,
    pub(super) range: Range<u64>,
    /// Whether all stored bytes come, so that their checksum counts.
    pub(super) is_whole: bool,
    /// The piece that the first reply brings.
    first: Option<(BodyReader, Range<u64>)>,
    /// What else there is to read, in plaintext.
    rest: Range<u64>,
    /// Plaintext bytes of a piece.
    pub(super) part: u64,
    jobs: usize,
    pub(super) progress: Option<Progress>,
    ordered: Option<Ordered>,
    is_over: bool,
    /// What it belongs to, which ends when the download is dropped.
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
    bucket.scene("get", Some(key)).run(begun).await
}

async fn discover(
    bucket: &Arc<BucketContext>,
    origin: Origin,
    options: GetOptions,
) -> Result<Download, Failure> {
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
            // Empty, or not as long as the range assumes: what is to be said of that, one request finds out.
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
    /// What the store says about the object; its size, too, is a claim until the download has ended.
    pub fn info(&self) -> &ObjectInfo {
        &self.info
    }

    /// The plaintext bytes that come, half-open. Where they depend on the object's size they are a claim until the download has ended.
    pub fn range(&self) -> Range<u64> {
        self.range.clone()
    }

    /// Tells how many more plaintext bytes have come, each time some have.
    #[must_use]
    pub fn progress(self, progress: Progress) -> Self {
        Download { progress: Some(progress), ..self }
    }

    /// The next bytes in order; none when all have come and, of a whole object, the checksum is right. Pieces that come before their turn are held, as far
    /// as the bucket's [`MemoryBudget`](crate::MemoryBudget) allows; the one whose turn it is waits for no memory.
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
            // Whoever gives up waiting here has missed nothing but the end; a failure must not be missed.
            if let (Ok(_), Some(ordered)) = (&outcome, ordered) {
                ordered.end().await;
            }
        }
        outcome.map_err(|failure| self.object.error(failure))
    }

    async fn advance(&mut self) -> Result<Option<Chunk>, Failure> {
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

    /// Writes all bytes to their places, in the order in which they come, and gives their number. Each request holds little more than 2 MiB, counted by
    /// the bucket's [`MemoryBudget`](crate::MemoryBudget). What has been written counts only when this has returned without an error. Nothing is written any more
    /// when it has returned; when it is dropped, each request may still have one call of the sink under way.
    ///
    /// # Errors
    /// As [`GetObject::next_chunk`]; [`ErrorKind::Local`] when writing fails.
    pub async fn write_to(self, sink: impl WriteAt) -> Result<u64, Error> {
        let object = self.object.clone();
        let written = self.operation.clone().run(Box::pin(self.place(Arc::new(sink)))).await;
        written.map_err(|failure| object.error(failure))
    }

    async fn place(self, sink: Arc<dyn WriteAt>) -> Result<u64, Failure> {
        let (object, range, is_whole) = (self.object.clone(), self.range.clone(), self.is_whole);
        let mut unordered = self.unordered(sink, &[], false);
        let done = unordered.rest().await;
        unordered.end().await;
        finish(&object, &range, is_whole, done?)
    }

    /// Begins to write what is not there yet.
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

/// Checks what was written as a whole; gives the number of bytes.
pub(super) fn finish(
    object: &Snapshot,
    range: &Range<u64>,
    is_whole: bool,
    mut done: Vec<WrittenRange>,
) -> Result<u64, Failure> {
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

/// The first request of a read that may take several: its first part, or where it counts from the end of the object, the end. None for a read that takes
/// one at most.
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

/// What of a range the first reply holds from its start on, in whole chunks.
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

/// Pieces of a stretch, in order. Their bounds are multiples of the suite's unit wherever `stretch` begins at one.
fn cut(stretch: Range<u64>, part: u64) -> impl Iterator<Item = Range<u64>> + use<> {
    let mut at = stretch.start;
    std::iter::from_fn(move || {
        let piece = at..at.saturating_add(part).min(stretch.end);
        at = piece.end;
        (piece.start < piece.end).then_some(piece)
    })
}
