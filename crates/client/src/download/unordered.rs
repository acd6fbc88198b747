//! Pieces at their places, in the order in which they come.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};
use osseal_core::Chunk;
use tokio::sync::RwLock;
use tokio::task::{JoinHandle, JoinSet};

use crate::download::body_reader::{BodyReader, Snapshot};
use crate::download::write_at::WriteAt;
use crate::error::{ErrorKind, OpError};
use crate::object::options::Progress;
use crate::runtime::join::broke_down;
use crate::runtime::spans;

/// Plaintext bytes that are written at once; as many come meanwhile.
const WRITE_BATCH_BYTES: usize = 1 << 20;
/// Bytes that one piece buffers at most: two batches, and the frames that the network has ready.
const MAX_HELD_BYTES: u64 = 3 << 20;

/// Pieces being written at their offsets. After a drop only writes already handed to a thread finish.
pub(crate) struct UnorderedDownload {
    writer: Writer,
    first: Option<(BodyReader, Range<u64>)>,
    pieces: VecDeque<Range<u64>>,
    jobs: usize,
    tasks: JoinSet<Result<WrittenRange, OpError>>,
}

/// A piece that is in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WrittenRange {
    pub(crate) plain: Range<u64>,
    /// Of its stored bytes.
    pub(crate) crc64: u64,
    /// Of its plaintext, if that was asked for.
    pub(crate) sha256: Option<[u8; 32]>,
}

/// The sink and the progress callback.
#[derive(Clone)]
struct Writer {
    object: Snapshot,
    sink: Arc<dyn WriteAt>,
    /// Serialises writes for sinks that allow one at a time.
    turn: Option<Arc<Mutex<()>>>,
    /// Nothing more is to be written.
    is_over: Arc<AtomicBool>,
    /// Read by threads that write.
    writing: Arc<RwLock<()>>,
    /// The plaintext byte that goes to the sink's first place.
    base: u64,
    progress: Option<Progress>,
    is_digested: bool,
}

impl UnorderedDownload {
    pub(super) fn begin(
        object: &Snapshot,
        first: Option<(BodyReader, Range<u64>)>,
        pieces: VecDeque<Range<u64>>,
        sink: Arc<dyn WriteAt>,
        base: u64,
        jobs: usize,
    ) -> UnorderedDownload {
        let (object, turn) = (object.clone(), sink.is_serial().then(Arc::default));
        let (is_over, writing) = Default::default();
        let writer =
            Writer { object, sink, turn, is_over, writing, base, progress: None, is_digested: false };
        UnorderedDownload { writer, first, pieces, jobs, tasks: JoinSet::new() }
    }

    pub(super) fn telling(mut self, progress: Option<Progress>, is_digested: bool) -> UnorderedDownload {
        (self.writer.progress, self.writer.is_digested) = (progress, is_digested);
        self
    }

    /// The next piece that is written; `None` when all are. Cancel safe.
    pub(crate) async fn next(&mut self) -> Result<Option<WrittenRange>, OpError> {
        if let Some((reader, plain)) = self.first.take() {
            self.tasks.spawn(spans::in_operation(self.writer.clone().write(Some(reader), plain)));
        }
        while self.tasks.len() < self.jobs {
            let Some(plain) = self.pieces.pop_front() else { break };
            self.tasks.spawn(spans::in_operation(self.writer.clone().write(None, plain)));
        }
        match self.tasks.join_next().await {
            None => Ok(None),
            Some(Ok(written)) => {
                let range = written?;
                spans::record_bytes(range.plain.end - range.plain.start);
                Ok(Some(range))
            }
            Some(Err(_)) => Err(broke_down()),
        }
    }

    /// All that are not there yet.
    pub(super) async fn rest(&mut self) -> Result<Vec<WrittenRange>, OpError> {
        let mut done = Vec::new();
        while let Some(range) = self.next().await? {
            done.push(range);
        }
        Ok(done)
    }

    /// Cancels all pieces, and waits until none is in progress.
    pub(super) async fn end(mut self) {
        self.writer.is_over.store(true, Ordering::Release);
        self.tasks.shutdown().await;
        drop(self.writer.writing.write().await);
    }
}

impl Drop for UnorderedDownload {
    fn drop(&mut self) {
        self.writer.is_over.store(true, Ordering::Release);
    }
}

impl Writer {
    async fn write(self, begun: Option<BodyReader>, plain: Range<u64>) -> Result<WrittenRange, OpError> {
        let _held = self.object.bucket().memory.take(self.object.part_len().min(MAX_HELD_BYTES)).await;
        let mut reader = match begun {
            Some(reader) => reader,
            None => self.object.reader(&plain).await?,
        };
        let mut writing = None;
        let mut digest = self.is_digested.then(|| Context::new(&SHA256));
        let (mut batch, mut len) = (Vec::new(), 0);
        while let Some(chunk) = reader.advance().await? {
            len += chunk.bytes.len();
            batch.push(chunk);
            if len >= WRITE_BATCH_BYTES {
                digest = written(&mut writing, digest).await?;
                writing = Some(self.begin_write(std::mem::take(&mut batch), digest.take()));
                len = 0;
            }
        }
        digest = written(&mut writing, digest).await?;
        writing = Some(self.begin_write(batch, digest.take()));
        digest = written(&mut writing, digest).await?;
        let sha256 = digest.and_then(|digest| digest.finish().as_ref().try_into().ok());
        Ok(WrittenRange { plain, crc64: reader.crc64().unwrap_or_default(), sha256 })
    }

    /// Writes in a thread that may block.
    fn begin_write(&self, batch: Vec<Chunk>, mut digest: Option<Context>) -> Writing {
        let (writer, writing) = (self.clone(), self.writing.clone().try_read_owned());
        tokio::task::spawn_blocking(move || {
            let _writing = writing;
            if let Some(digest) = &mut digest {
                for chunk in &batch {
                    digest.update(&chunk.bytes);
                }
            }
            let written = writer.write_batch(&batch)?;
            if let Some(progress) = writer.progress.as_ref().filter(|_| written > 0) {
                progress(written);
            }
            Ok(digest)
        })
    }

    /// Gives the number of bytes.
    fn write_batch(&self, batch: &[Chunk]) -> std::io::Result<u64> {
        let _turn = self.turn.as_ref().map(|turn| turn.lock().unwrap_or_else(PoisonError::into_inner));
        let mut written = 0;
        for Chunk { offset, bytes } in batch {
            if self.is_over.load(Ordering::Acquire) {
                return Err(std::io::ErrorKind::Interrupted.into());
            }
            self.sink.write_at(offset - self.base, bytes)?;
            written += bytes.len() as u64;
        }
        Ok(written)
    }
}

/// A batch being written, with the digest that continues after it.
type Writing = JoinHandle<std::io::Result<Option<Context>>>;

/// Waits for the batch in progress, if any.
async fn written(writing: &mut Option<Writing>, digest: Option<Context>) -> Result<Option<Context>, OpError> {
    let Some(writing) = writing.take() else { return Ok(digest) };
    writing.await.map_err(|_| broke_down())?.map_err(|error| {
        OpError::new(ErrorKind::Local, "the downloaded bytes cannot be written").with_source(error)
    })
}
