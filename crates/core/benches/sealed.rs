//! Sealing and opening chunks in place beside AES-256-GCM of both libraries that `content/gcm.rs` chooses from.
//!
//! All figures are of buffers sealed where they lie, with the key schedule made once. `scripts/bench.sh` compares them.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed bench")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use aws_lc_rs::aead as aws_lc;
use bytes::BytesMut;
use crc_fast::{CrcAlgorithm, checksum};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use osseal_core::dangerous::fixed_sealed_key;
use osseal_core::{ContentKey, Opener, Sealer};

const CHUNK: usize = 16 * 1024;
const STORED: usize = CHUNK + 16;
const KEY: [u8; 32] = [7; 32];
const NONCE: [u8; 12] = [9; 12];
const SIZES: [(&str, usize); 2] = [("16KiB", 1), ("1MiB", 64)];
/// Bodies that are opened in turn, since opening uses them up.
const BODIES: BatchSize = BatchSize::NumIterations(16);

fn key() -> ContentKey {
    fixed_sealed_key(KEY, [9; 24], b"context").unwrap().0
}

/// Plaintext of whole chunks, with room for their tags.
fn ramp(chunks: usize) -> BytesMut {
    let mut plain = BytesMut::with_capacity(chunks * STORED);
    plain.extend((0..=250_u8).cycle().take(chunks * CHUNK));
    plain
}

/// Seals the next slot and gives the buffer back.
fn seal(sealer: &mut Sealer, plain: &mut BytesMut) -> u64 {
    let len = plain.len();
    let slot = sealer.reserve(len as u64).unwrap();
    let part = slot.seal(std::mem::take(plain)).unwrap();
    *plain = part.bytes.try_into_mut().unwrap();
    plain.truncate(len);
    part.crc64
}

fn stored(chunks: usize) -> Vec<u8> {
    let slot = key().sealer(None).reserve((chunks * CHUNK) as u64).unwrap();
    slot.seal(ramp(chunks)).unwrap().bytes.to_vec()
}

fn sealed(c: &mut Criterion) {
    for (name, chunks) in SIZES {
        let mut group = c.benchmark_group(format!("sealed_{name}"));
        group.throughput(Throughput::Bytes((chunks * CHUNK) as u64));

        let aws = aws_lc::LessSafeKey::new(aws_lc::UnboundKey::new(&aws_lc::AES_256_GCM, &KEY).unwrap());
        group.bench_function("aws_lc_seal", |b| {
            let mut buf = ramp(chunks);
            b.iter(|| {
                for chunk in black_box(&mut buf).chunks_mut(CHUNK) {
                    let nonce = aws_lc::Nonce::assume_unique_for_key(NONCE);
                    let tag = aws.seal_in_place_separate_tag(nonce, aws_lc::Aad::empty(), chunk).unwrap();
                    black_box(tag.as_ref());
                }
            });
        });
        group.bench_function("aws_lc_open", |b| {
            let mut chunk = vec![7; CHUNK];
            let nonce = aws_lc::Nonce::assume_unique_for_key(NONCE);
            aws.seal_in_place_append_tag(nonce, aws_lc::Aad::empty(), &mut chunk).unwrap();
            let open = |body: &mut Vec<u8>| {
                for chunk in black_box(body).chunks_mut(STORED) {
                    let nonce = aws_lc::Nonce::assume_unique_for_key(NONCE);
                    aws.open_in_place(nonce, aws_lc::Aad::empty(), chunk).unwrap();
                }
            };
            b.iter_batched_ref(|| chunk.repeat(chunks), open, BODIES);
        });
        #[cfg(all(feature = "ring", target_arch = "x86_64"))]
        with_ring(&mut group, chunks);
        group.bench_function("crc64", |b| {
            let buf = ramp(chunks);
            b.iter(|| checksum(CrcAlgorithm::Crc64Xz, black_box(&buf)));
        });
        group.bench_function("seal", |b| {
            let (mut sealer, mut plain) = (key().sealer(None), ramp(chunks));
            b.iter(|| seal(&mut sealer, black_box(&mut plain)));
        });
        group.bench_function("open", |b| {
            let (opener, body) = (key().opener(), stored(chunks));
            b.iter_batched_ref(|| body.clone(), |body| opener.open_at(0, black_box(body)).unwrap(), BODIES);
        });
        group.bench_function("seal_two_threads", |b| {
            b.iter_custom(|count| two_threads(count, chunks, sealing));
        });
        group.bench_function("open_two_threads", |b| {
            b.iter_custom(|count| two_threads(count, chunks, opening));
        });
        group.bench_function("seal_one_thread", |b| b.iter_custom(|count| sealing(count, chunks, None)));
        group.bench_function("open_one_thread", |b| b.iter_custom(|count| opening(count, chunks, None)));
        group.finish();
    }
}

#[cfg(all(feature = "ring", target_arch = "x86_64"))]
fn with_ring(group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>, chunks: usize) {
    use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &KEY).unwrap());
    let nonce = || Nonce::assume_unique_for_key(NONCE);
    group.bench_function("ring_seal", |b| {
        let mut buf = ramp(chunks);
        b.iter(|| {
            for chunk in black_box(&mut buf).chunks_mut(CHUNK) {
                let tag = key.seal_in_place_separate_tag(nonce(), Aad::empty(), chunk).unwrap();
                black_box(tag.as_ref());
            }
        });
    });
    group.bench_function("ring_open", |b| {
        let mut chunk = vec![7; CHUNK];
        key.seal_in_place_append_tag(nonce(), Aad::empty(), &mut chunk).unwrap();
        let open = |body: &mut Vec<u8>| {
            for chunk in black_box(body).chunks_mut(STORED) {
                key.open_in_place(nonce(), Aad::empty(), chunk).unwrap();
            }
        };
        b.iter_batched_ref(|| chunk.repeat(chunks), open, BODIES);
    });
}

/// One worker: `count` slots sealed, timed from the moment that all are ready.
fn sealing(count: u64, chunks: usize, ready: Option<&Barrier>) -> Duration {
    let (mut sealer, mut plain) = (key().sealer(None), ramp(chunks));
    timed(ready, || {
        for _ in 0..count {
            black_box(seal(&mut sealer, &mut plain));
        }
    })
}

/// The same for bodies opened. Each is copied in first, in all cases alike.
fn opening(count: u64, chunks: usize, ready: Option<&Barrier>) -> Duration {
    let (opener, body): (Opener, _) = (key().opener(), stored(chunks));
    let mut buf = body.clone();
    timed(ready, || {
        for _ in 0..count {
            buf.copy_from_slice(&body);
            opener.open_at(0, black_box(&mut buf)).unwrap();
        }
    })
}

fn timed(ready: Option<&Barrier>, work: impl FnOnce()) -> Duration {
    if let Some(ready) = ready {
        ready.wait();
    }
    let start = Instant::now();
    work();
    start.elapsed()
}

/// Two workers at once, `count` times each: the slower one's time.
fn two_threads(count: u64, chunks: usize, work: fn(u64, usize, Option<&Barrier>) -> Duration) -> Duration {
    let ready = Barrier::new(2);
    std::thread::scope(|scope| {
        let other = scope.spawn(|| work(count, chunks, Some(&ready)));
        let here = work(count, chunks, Some(&ready));
        here.max(other.join().unwrap())
    })
}

criterion_group!(benches, sealed);
criterion_main!(benches);
