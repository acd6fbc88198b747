//! Schedules the parts of one object: several are in flight, each sealed and sent by its own task.
//!
//! ```text
//!   reader   permit ─ read ─┐                         reads one part ahead
//!   file             permit ┼─► task { read at its position; seal; send; release the permit }     up to `jobs` tasks
//!   bytes            permit ┘
//! ```
//! A task's failure interrupts the reading of the next part. The first failure stops all tasks.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use osseal_core::{PartSlots, SealedPart, Slot};
use osseal_wire::oss::Crc64;
use tokio::task::JoinSet;

use crate::error::OpError;
use crate::runtime::join::joined;
use crate::runtime::spans;
use crate::upload::checkpoint_writer::CheckpointWriter;
use crate::upload::file_source::{OpenSource, Spool};
use crate::upload::multipart::ActiveUpload;
use crate::upload::source::{self, BoxReader};
use crate::upload::source_error::length_in_memory;

/// Where parts come from.
pub(crate) enum Parts {
    Reader(BoxReader, PartSlots),
    File(OpenSource, PartSlots),
    Bytes(Bytes, PartSlots),
    /// Sealed already.
    Spool(Spool),
}

/// One part, as far as it has come when its task begins.
enum Part {
    Read(Slot, BytesMut),
    InFile(OpenSource, Slot, std::ops::Range<u64>),
    InMemory(Slot, Bytes),
    Spooled { spool: Spool, number: u32, stored: std::ops::Range<u64> },
}

impl ActiveUpload {
    /// Sends all parts, and stops at the first failure.
    pub(crate) async fn send_all(&mut self, mut parts: Parts) -> Result<(), OpError> {
        let bucket = self.upload.spec().bucket.clone();
        let jobs = usize::from(bucket.jobs.get());
        let plan = self.upload.spec().plan;
        for number in self.upload.missing() {
            if !matches!(parts, Parts::Reader(..)) {
                wait_for_capacity(&mut self.tasks, jobs).await?;
            }
            let start = u64::from(number - 1) * plan.part_size;
            let stored = start..plan.data_size.min(start + plan.part_size);
            let next = async {
                let held = bucket.memory.take(stored.end - stored.start).await;
                Ok::<_, OpError>((held, parts.next(number, stored).await?))
            };
            let (held, part) = poll_with_tasks(&mut self.tasks, next).await?;
            wait_for_capacity(&mut self.tasks, jobs).await?;
            let upload = Arc::clone(&self.upload);
            self.tasks.spawn(spans::in_operation(async move {
                let sealed = part.sealed(upload.writer()).await?;
                let sent = upload.send(&sealed).await;
                drop(sealed);
                drop(held);
                sent
            }));
        }
        poll_with_tasks(&mut self.tasks, parts.expect_end()).await?;
        wait_for_capacity(&mut self.tasks, 1).await?;
        // After the last byte was read.
        match &parts {
            Parts::File(file, _) => match self.upload.writer() {
                Some(writer) => writer.expect_same(file).await,
                None => file.expect_same().await,
            },
            _ => Ok(()),
        }
    }
}

/// Waits until fewer than `most` tasks are left, or one has failed.
async fn wait_for_capacity(tasks: &mut JoinSet<Result<(), OpError>>, most: usize) -> Result<(), OpError> {
    while tasks.len() >= most {
        match tasks.join_next().await {
            Some(done) => joined(done)??,
            None => break,
        }
    }
    Ok(())
}

/// Does something while tasks run, unless one of them fails.
async fn poll_with_tasks<T>(
    tasks: &mut JoinSet<Result<(), OpError>>,
    work: impl Future<Output = Result<T, OpError>>,
) -> Result<T, OpError> {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            biased;
            Some(done) = tasks.join_next() => joined(done)??,
            done = &mut work => return done,
        }
    }
}

impl Parts {
    async fn next(&mut self, number: u32, stored: std::ops::Range<u64>) -> Result<Part, OpError> {
        Ok(match self {
            Parts::Reader(reader, slots) => {
                let slot = slots.take(number)?;
                let plain = source::read_exactly(reader, slot.plain_len(), slot.stored_len()).await?;
                Part::Read(slot, plain)
            }
            Parts::File(file, slots) => {
                let range = slots.plain_range(number)?;
                Part::InFile(file.clone(), slots.take(number)?, range)
            }
            Parts::Bytes(bytes, slots) => {
                let range = slots.plain_range(number)?;
                let range = length_in_memory(range.start)?..length_in_memory(range.end)?;
                Part::InMemory(slots.take(number)?, bytes.slice(range))
            }
            Parts::Spool(spool) => Part::Spooled { spool: spool.clone(), number, stored },
        })
    }

    async fn expect_end(&mut self) -> Result<(), OpError> {
        match self {
            Parts::Reader(reader, _) => source::expect_end(reader).await,
            _ => Ok(()),
        }
    }
}

impl Part {
    async fn sealed(self, writer: Option<&CheckpointWriter>) -> Result<SealedPart, OpError> {
        Ok(match self {
            Part::Read(slot, plain) => slot.seal(plain)?,
            Part::InFile(file, slot, range) => {
                if let Some(writer) = writer {
                    return writer.sealed(&file, slot, range).await;
                }
                let plain = file.read(range, slot.stored_len()).await?;
                slot.seal(plain)?
            }
            Part::InMemory(slot, bytes) => {
                let mut plain = BytesMut::with_capacity(length_in_memory(slot.stored_len())?);
                plain.extend_from_slice(&bytes);
                slot.seal(plain)?
            }
            Part::Spooled { spool, number, stored } => {
                let bytes = spool.read(stored.clone()).await?;
                let crc64 = Crc64::of(&bytes);
                SealedPart { number, offset: stored.start, bytes, crc64 }
            }
        })
    }
}
