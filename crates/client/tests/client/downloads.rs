//! Downloads by several requests: what comes, in which order, by how many requests, and what becomes of trouble on the way.

mod pieces;
mod tampering;
mod trouble;

use std::sync::{Arc, Mutex};

use crate::support::{PART, TestStore, ramp};
use osseal::{Download, Error, PutOptions, Suite, WriteAt};

/// Plaintext bytes of a chunk of a sealed object.
const CHUNK: u64 = 16_384;

/// Plaintext bytes of the smallest part.
fn part(suite: Suite) -> u64 {
    if suite == Suite::Sealed { 7 * CHUNK } else { PART }
}

/// A file in memory.
#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<Vec<u8>>>);

impl WriteAt for Shelf {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> std::io::Result<()> {
        let (mut shelf, at) = (self.0.lock().unwrap(), usize::try_from(offset).unwrap());
        let end = at + bytes.len();
        if shelf.len() < end {
            shelf.resize(end, 0xee);
        }
        shelf[at..end].copy_from_slice(bytes);
        Ok(())
    }
}

async fn in_order(mut download: Download) -> Result<Vec<u8>, (Error, Vec<u8>)> {
    let (start, mut all) = (download.range().start, Vec::new());
    loop {
        match download.next_chunk().await {
            Ok(Some(chunk)) => {
                assert_eq!(chunk.offset, start + all.len() as u64);
                all.extend_from_slice(&chunk.bytes);
            }
            Ok(None) => return Ok(all),
            Err(error) => return Err((error, all)),
        }
    }
}

async fn at_places(download: Download) -> Result<Vec<u8>, Error> {
    let shelf = Shelf::default();
    let written = download.write_to(shelf.clone()).await?;
    let all = std::mem::take(&mut *shelf.0.lock().unwrap());
    assert_eq!(written, all.len() as u64);
    Ok(all)
}

async fn stored(suite: Suite, size: u64) -> TestStore {
    let world = TestStore::of(suite).await;
    world.bucket().put("k", ramp(size), PutOptions::default()).await.unwrap();
    world
}
