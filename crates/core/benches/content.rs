//! Sealing and opening beside the work that cannot be avoided: the cipher library alone and the checksum alone.
//!
//! All figures are of one thread, in place, with the key schedule made once. `scripts/bench.sh` compares them.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed bench")]

use std::hint::black_box;

use aws_lc_rs::cipher::{AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use bytes::BytesMut;
use crc_fast::{CrcAlgorithm, Digest, checksum};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use osseal_core::dangerous::fixed_content_key;
use osseal_core::{ByteRange, ContentKey, Reading, Suite, Window};

const KEY: [u8; 32] = [7; 32];
const IV: [u8; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 9, 10, 11, 12];
const SIZES: [(&str, usize); 2] = [("64KiB", 64 * 1024), ("1MiB", 1024 * 1024)];

fn key() -> ContentKey {
    fixed_content_key(KEY, IV).unwrap()
}

fn ramp(len: usize) -> BytesMut {
    (0..=250_u8).cycle().take(len).collect()
}

/// The cipher as `content/ctr.rs` calls it, once over the whole buffer.
fn raw(library: &EncryptingKey, buf: &mut [u8]) {
    let context = EncryptionContext::Iv128(FixedLength::from(IV));
    library.less_safe_encrypt(buf, context).unwrap();
}

fn content(c: &mut Criterion) {
    for (name, len) in SIZES {
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Bytes(len as u64));
        let library = EncryptingKey::ctr(UnboundCipherKey::new(&AES_256, &KEY).unwrap()).unwrap();

        group.bench_function("raw", |b| {
            let mut buf = ramp(len);
            b.iter(|| raw(&library, black_box(&mut buf)));
        });
        group.bench_function("open", |b| {
            let opener = key().opener();
            let mut stored = ramp(len).freeze();
            b.iter(|| {
                let window = Window::whole(len as u64);
                let reading = Reading::plan(Suite::AesCtr.layout(), &ByteRange::Whole, window).unwrap();
                let mut stream = reading.into_stream(opener.clone());
                let chunk = stream.push(std::mem::take(black_box(&mut stored))).unwrap();
                stored = chunk.unwrap().bytes;
            });
        });
        group.bench_function("crc64", |b| {
            let buf = ramp(len);
            b.iter(|| checksum(CrcAlgorithm::Crc64Xz, black_box(&buf)));
        });
        group.bench_function("raw_then_crc64", |b| {
            let mut buf = ramp(len);
            b.iter(|| {
                raw(&library, black_box(&mut buf));
                let mut crc = Digest::new(CrcAlgorithm::Crc64Xz);
                crc.update(&buf);
                crc.finalize()
            });
        });
        group.bench_function("seal", |b| {
            let mut sealer = key().sealer(None);
            let mut plain = ramp(len);
            b.iter(|| {
                let slot = sealer.reserve(len as u64).unwrap();
                let part = slot.seal(std::mem::take(black_box(&mut plain))).unwrap();
                plain = part.bytes.try_into_mut().unwrap();
                part.crc64
            });
        });
        group.finish();
    }
}

criterion_group!(benches, content);
criterion_main!(benches);
