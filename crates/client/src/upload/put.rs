//! Put: one request up to the threshold, parts above it.

use std::sync::Arc;

use bytes::BytesMut;
use osseal_wire::oss::Metadata;
use osseal_wire::oss::request::{Call, PutObject};

use crate::error::{Error, OpError};
use crate::object::context::BucketContext;
use crate::object::options::PutOptions;
use crate::upload::content_key::{NewContentKey, new_content_key};
use crate::upload::file_source::OpenSource;
use crate::upload::multipart_put::{Replayable, put_parts, put_parts_again};
use crate::upload::object_metadata::{metadata_from_options, with_envelope};
use crate::upload::part_scheduler::Parts;
use crate::upload::progress::ResumableProgress;
use crate::upload::report::{PutReport, report};
use crate::upload::resume::put_resumable;
use crate::upload::send_sealed::store_bytes;
use crate::upload::source::{self, PutBody, Source};
use crate::upload::source_error::length_in_memory;
use crate::upload::streaming::put_stream;

pub(crate) async fn put(
    bucket: &Arc<BucketContext>,
    key: &str,
    body: PutBody,
    options: PutOptions,
) -> Result<PutReport, Error> {
    bucket.op_context("PutObject", Some(key)).run(put_body(bucket, key, body, &options)).await
}

async fn put_body(
    bucket: &Arc<BucketContext>,
    key: &str,
    body: PutBody,
    options: &PutOptions,
) -> Result<PutReport, OpError> {
    let metadata = metadata_from_options(options)?;
    let threshold = bucket.multipart_threshold;
    match body.0 {
        Source::Bytes(bytes) if bytes.len() as u64 <= threshold => {
            let plain = bytes.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
            put_single(bucket, key, plain, metadata, options).await
        }
        Source::Bytes(bytes) => {
            put_parts_again(bucket, key, Replayable::Bytes(bytes), metadata, options).await
        }
        Source::File(file) => {
            let file = OpenSource::open(file).await?;
            if file.length() > threshold {
                return put_parts_again(bucket, key, Replayable::File(file), metadata, options).await;
            }
            put_file(bucket, key, file, metadata, options).await
        }
        Source::Resumable(file, keep) => {
            let file = OpenSource::open(file).await?;
            if file.length() > threshold {
                return put_resumable(bucket, key, file, keep, metadata, options).await;
            }
            put_file(bucket, key, file, metadata, options).await
        }
        Source::Reader { mut reader, length } if length <= threshold => {
            let room = room(bucket, length)?;
            let _held = bucket.memory.take(room).await;
            let plain = source::read_exactly(&mut reader, length, room).await?;
            source::expect_end(&mut reader).await?;
            put_single(bucket, key, plain, metadata, options).await
        }
        Source::Reader { reader, length } => {
            let parts = |slots| Parts::Reader(reader, slots);
            put_parts(bucket, key, parts, length, metadata, options, &ResumableProgress::new(options)).await
        }
        Source::UnknownLength { mut reader, spool } => {
            let held = bucket.memory.take(room(bucket, threshold)?).await;
            // One byte beyond the threshold shows that the source is longer.
            let most = length_in_memory(threshold.saturating_add(1))?;
            let mut first = BytesMut::new();
            source::fill(&mut reader, &mut first, most).await?;
            if first.len() < most {
                put_single(bucket, key, first, metadata, options).await
            } else {
                put_stream(bucket, key, first, held, reader, spool, metadata, options).await
            }
        }
    }
}

/// Puts a file in one request.
async fn put_file(
    bucket: &Arc<BucketContext>,
    key: &str,
    file: OpenSource,
    metadata: Metadata,
    options: &PutOptions,
) -> Result<PutReport, OpError> {
    let room = room(bucket, file.length())?;
    let _held = bucket.memory.take(room).await;
    let plain = file.read_whole(room).await?;
    put_single(bucket, key, plain, metadata, options).await
}

/// Stored bytes of so many plaintext bytes in one request.
fn room(bucket: &Arc<BucketContext>, plain: u64) -> Result<u64, OpError> {
    let overflow = osseal_core::LayoutError::Overflow { plain };
    bucket.suite.layout().stored_len(plain).ok_or_else(|| overflow.into())
}

async fn put_single(
    bucket: &Arc<BucketContext>,
    key: &str,
    plain: BytesMut,
    metadata: Metadata,
    options: &PutOptions,
) -> Result<PutReport, OpError> {
    let length = plain.len() as u64;
    let NewContentKey { mut sealer, envelope } = new_content_key(bucket, key, options, Some(length)).await?;
    let metadata = with_envelope(metadata, envelope.as_ref(), None)?;
    let sealed = sealer.reserve_last(length)?.seal(plain)?;
    let stored = sealed.bytes.len() as u64;
    let call = Call::PutObject(PutObject {
        metadata,
        forbid_overwrite: options.forbid_overwrite,
        content_length: Some(stored),
        crc64: Some(sealed.crc64),
        ..PutObject::default()
    });
    let reply = store_bytes(bucket, key, &call, &sealed.bytes, sealed.crc64, envelope.as_ref()).await?;
    ResumableProgress::new(options).add(length);
    report(bucket, length, stored, 1, sealed.crc64, reply)
}
