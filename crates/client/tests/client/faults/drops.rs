//! Futures that are dropped at any poll: nothing is left on its way, and what is visible is whole.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use osseal::transport::{Body, InProcess};
use osseal::{EncryptedBucket, Error, GetOptions, MemoryBudget, PutOptions, Store, Suite};
use osseal_server::Operation;

use super::transfers::{SMALL, is_stored, part_plain, uploads};
use crate::support::{PART, TestStore, keyring, ramp};

/// A bucket over a network with moments before and after what the server does, and memory for one part.
fn bucket(world: &TestStore) -> (EncryptedBucket, Store) {
    let service = world.service.clone();
    let transport = InProcess::new(move |request: http::Request<Body>| {
        let reply = service.call(request);
        async move {
            moments().await;
            let reply = reply.await;
            moments().await;
            reply
        }
    });
    let store = world.store_with(Arc::new(transport), |builder| builder);
    let builder = EncryptedBucket::builder(store.clone(), "box").keyring(keyring(&["test"]));
    let builder = builder.suite(world.suite).multipart_threshold(PART).part_size(PART);
    (builder.memory(MemoryBudget::new(PART)).build().unwrap(), store)
}

async fn moments() {
    for _ in 0..4 {
        tokio::task::yield_now().await;
    }
}

/// Polls a future so often, and gives what it came to if it did.
async fn polled<T>(work: impl Future<Output = T>, polls: usize) -> Option<T> {
    let mut work = pin!(work);
    for _ in 0..polls {
        if let Poll::Ready(done) = std::future::poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx))).await {
            return Some(done);
        }
        // Everything else gets its turn.
        tokio::task::yield_now().await;
    }
    None
}

/// Drops a transfer at its first poll, its second and so on until it ends before; after each the store has been cleaned up, no task is left, and `check`
/// looks at what there is. Gives the number of polls that the transfer takes.
async fn each_poll(
    world: &TestStore,
    transfer: impl AsyncFn(&EncryptedBucket) -> Result<(), Error>,
    mut check: impl AsyncFnMut(bool),
) -> usize {
    let metrics = tokio::runtime::Handle::current().metrics();
    let (bucket, store) = bucket(world);
    let before = metrics.num_alive_tasks();
    for polls in 0.. {
        let outcome = polled(transfer(&bucket), polls).await;
        store.idle().await;
        let mut patience = 1000;
        while metrics.num_alive_tasks() > before {
            patience -= 1;
            assert!(patience > 0, "tasks are left after {polls} polls");
            tokio::task::yield_now().await;
        }
        assert_eq!(uploads(world).await, [], "after {polls} polls");
        check(outcome.is_some()).await;
        if let Some(outcome) = outcome {
            outcome.unwrap();
            return polls;
        }
    }
    unreachable!()
}

#[tokio::test]
async fn a_put_of_one_request_may_be_dropped_at_any_poll() {
    for suite in Suite::ALL {
        let world = TestStore::of(suite).await;
        let mut seen = [false; 2];
        let put = async |bucket: &EncryptedBucket| {
            bucket.put("k", ramp(SMALL), PutOptions::default()).await.map(drop)
        };
        let polls = each_poll(&world, put, async |is_done| {
            // One that was dropped after the server had the object is there, whole.
            let is_there = is_stored(&world, SMALL).await;
            assert!(is_there || !is_done);
            seen[usize::from(is_there)] = true;
            world.bucket().delete("k").await.unwrap();
        })
        .await;
        assert!(polls > 2 && seen == [true; 2], "{suite:?}: {polls} polls");
    }
}

#[tokio::test]
async fn a_get_may_be_dropped_at_any_poll() {
    for suite in Suite::ALL {
        let world = TestStore::of(suite).await;
        world.bucket().put("k", ramp(SMALL), PutOptions::default()).await.unwrap();
        for range in [None, Some(SMALL - 9..SMALL)] {
            let get = async |bucket: &EncryptedBucket| {
                let (options, wanted) = match &range {
                    None => (GetOptions::default(), ramp(SMALL)),
                    Some(range) => (
                        GetOptions::default().range(range.clone()),
                        ramp(SMALL).split_off(ramp(SMALL).len() - 9),
                    ),
                };
                assert!(bucket.get("k", options).await?.bytes().await? == wanted, "other bytes");
                Ok(())
            };
            let is_there = async |_| assert!(is_stored(&world, SMALL).await);
            let polls = Box::pin(each_poll(&world, get, is_there)).await;
            assert!(polls > 2, "{suite:?}: {polls}");
        }
    }
}

#[tokio::test]
async fn a_driven_upload_may_be_dropped_at_any_poll() {
    for suite in Suite::ALL {
        let (world, size) = (TestStore::of(suite).await, 2 * part_plain(suite) + 33);
        let mut seen = [false; 2];
        let upload = async |bucket: &EncryptedBucket| {
            let upload = bucket.begin_upload("k", size, None, PutOptions::default()).await?;
            let parts = (1..=upload.parts()).map(|number| {
                let range = upload.plain_range(number).unwrap();
                let part = ramp(range.end).split_off(usize::try_from(range.start).unwrap());
                upload.upload_part(number, part)
            });
            futures_util::future::try_join_all(parts).await?;
            upload.complete().await.map(drop)
        };
        let polls = each_poll(&world, upload, async |is_done| {
            let is_there = is_stored(&world, size).await;
            assert!(is_there || !is_done);
            seen[usize::from(is_there)] = true;
            world.bucket().delete("k").await.unwrap();
        })
        .await;
        assert!(polls > 10 && seen == [true; 2], "{suite:?}: {polls} polls");
        // The control: there were uploads to abort.
        assert!(world.calls(Operation::AbortMultipartUpload) > 5);
    }
}

/// What a dropped transfer held of the budget is there for the next, which takes all of it.
#[tokio::test]
async fn memory_comes_back() {
    for suite in Suite::ALL {
        let (world, size) = (TestStore::of(suite).await, 4 * part_plain(suite));
        let (bucket, store) = bucket(&world);
        bucket.put("k", ramp(size), PutOptions::default()).await.unwrap();
        for polls in 0..40 {
            drop(polled(bucket.put("k", ramp(size), PutOptions::default()), polls).await);
            let read = async {
                let mut download = bucket.download("k", GetOptions::default()).await?;
                while download.next_chunk().await?.is_some() {}
                Ok::<_, Error>(())
            };
            drop(Box::pin(polled(read, polls)).await);
        }
        store.idle().await;
        let whole = bucket.put("k", ramp(size), PutOptions::default());
        tokio::time::timeout(std::time::Duration::from_secs(20), whole).await.unwrap().unwrap();
        assert!(is_stored(&world, size).await);
    }
}
