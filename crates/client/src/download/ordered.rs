//! Pieces in order: those that come early wait, and the one whose turn it is never does.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use osseal_core::Chunk;
use osseal_wire::oss::Crc64;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::download::body_reader::{BodyReader, Snapshot};
use crate::error::OpError;
use crate::runtime::join::broke_down;
use crate::runtime::memory_budget::Permit;
use crate::runtime::spans;

/// The pieces of a download, delivered one after the other.
pub(super) struct Ordered {
    object: Snapshot,
    current: Option<Current>,
    /// A piece whose turn it is and whose request has not been answered.
    upcoming: Option<Range<u64>>,
    queue: Arc<Mutex<Queue>>,
    crc64: u64,
    /// Tasks that read ahead; aborted on drop.
    ahead: JoinSet<()>,
}

/// The pieces to deliver. Pieces that are read ahead come before those that no task reads yet.
struct Queue {
    early: VecDeque<Early>,
    pieces: Box<dyn Iterator<Item = Range<u64>> + Send>,
}

/// A piece that is read ahead of its turn. It holds its bytes, their memory permit, and a read-ahead slot.
struct Early {
    plain: Range<u64>,
    items: mpsc::UnboundedReceiver<Item>,
    held: Permit,
    _place: OwnedSemaphorePermit,
}

/// An event of a piece that is read ahead: bytes, or the checksum of its stored bytes at its end.
enum Item {
    Chunk(Chunk),
    End(u64),
    Failed(OpError),
}

/// The piece whose turn it is.
struct Current {
    plain: Range<u64>,
    source: Source,
}

enum Source {
    /// As it comes.
    BodyReader(Box<BodyReader>),
    /// As it has been read, with the room that it takes until it is delivered.
    Early(mpsc::UnboundedReceiver<Item>, #[expect(dead_code, reason = "given back when dropped")] Permit),
}

impl Ordered {
    /// Delivers `first` and then `pieces`, of which `jobs` with the current one are on their way.
    pub(super) fn begin(
        object: &Snapshot,
        first: Option<(BodyReader, Range<u64>)>,
        pieces: impl Iterator<Item = Range<u64>> + Send + 'static,
        jobs: usize,
    ) -> Ordered {
        let mut pieces = pieces.peekable();
        let has_more = pieces.peek().is_some();
        let queue = Queue { early: VecDeque::new(), pieces: Box::new(pieces) };
        let queue = Arc::new(Mutex::new(queue));
        let mut ahead = JoinSet::new();
        if has_more && jobs > 1 {
            ahead.spawn(spans::in_operation(read_ahead(object.clone(), queue.clone(), jobs - 1)));
        }
        let current =
            first.map(|(reader, plain)| Current { plain, source: Source::BodyReader(Box::new(reader)) });
        Ordered { object: object.clone(), current, upcoming: None, queue, crc64: Crc64::of(b""), ahead }
    }

    /// The sum of the stored bytes of all pieces that have been delivered.
    pub(super) fn crc64(&self) -> u64 {
        self.crc64
    }

    /// Waits until nothing reads ahead any more.
    pub(super) async fn end(mut self) {
        self.ahead.shutdown().await;
    }

    pub(super) async fn advance(&mut self) -> Result<Option<Chunk>, OpError> {
        loop {
            if let Some(current) = &mut self.current {
                match current.source.next().await? {
                    Item::Chunk(chunk) => return Ok(Some(chunk)),
                    Item::End(sum) => {
                        let stored = self.object.stored_len(&current.plain);
                        self.crc64 = Crc64::combine(self.crc64, sum, stored);
                        self.current = None;
                    }
                    Item::Failed(failure) => return Err(failure),
                }
            }
            if self.upcoming.is_none() {
                let mut queue = lock(&self.queue);
                if let Some(Early { plain, items, held, .. }) = queue.early.pop_front() {
                    self.current = Some(Current { plain, source: Source::Early(items, held) });
                    continue;
                }
                // No memory was free to read it ahead. Read in its turn, it needs no buffer, so the download cannot stall.
                self.upcoming = queue.pieces.next();
            }
            let Some(plain) = self.upcoming.clone() else { return Ok(None) };
            let reader = self.object.reader(&plain).await?;
            self.upcoming = None;
            self.current = Some(Current { plain, source: Source::BodyReader(Box::new(reader)) });
        }
    }
}

impl Source {
    async fn next(&mut self) -> Result<Item, OpError> {
        match self {
            Source::BodyReader(reader) => Ok(match reader.advance().await? {
                Some(chunk) => Item::Chunk(chunk),
                None => Item::End(reader.crc64().unwrap_or_default()),
            }),
            Source::Early(items, _) => items.recv().await.ok_or_else(broke_down),
        }
    }
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts pieces in order, each as soon as memory is free.
async fn read_ahead(object: Snapshot, queue: Arc<Mutex<Queue>>, places: usize) {
    let memory = object.bucket().memory.clone();
    let room = object.part_len();
    let places = Arc::new(Semaphore::new(places));
    let mut tasks = JoinSet::new();
    // The semaphore is never closed.
    while let Ok(place) = places.clone().acquire_owned().await {
        let Some(held) = memory.take_ahead(room).await else { break };
        let (sender, items) = mpsc::unbounded_channel();
        let plain = {
            let mut queue = lock(&queue);
            let Some(plain) = queue.pieces.next() else { break };
            queue.early.push_back(Early { plain: plain.clone(), items, held, _place: place });
            plain
        };
        tasks.spawn(spans::in_operation(gather(object.clone(), plain, sender)));
        while tasks.try_join_next().is_some() {}
    }
    while tasks.join_next().await.is_some() {}
}

/// Reads a whole piece. Sending fails only after the download was dropped.
async fn gather(object: Snapshot, plain: Range<u64>, to: mpsc::UnboundedSender<Item>) {
    let read = async {
        let mut reader = object.reader(&plain).await?;
        while let Some(chunk) = reader.advance().await? {
            if to.send(Item::Chunk(chunk)).is_err() {
                break;
            }
        }
        Ok(Item::End(reader.crc64().unwrap_or_default()))
    };
    let last = read.await.unwrap_or_else(Item::Failed);
    drop(to.send(last));
}
