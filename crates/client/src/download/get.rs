//! Get: the reply positions decryption, the request decides which bytes are released.
//!
//! Seven of the eight official SDKs trust the reply for both, and return wrong plaintext for some ranges.

use std::sync::Arc;

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use osseal_core::{Chunk, Reading};

use crate::download::body_reader::{BodyReader, Snapshot, snapshot};
use crate::download::fetch::fetch_range;
use crate::download::origin::Origin;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Error, OpError};
use crate::object::context::BucketContext;
use crate::object::object_info::ObjectInfo;
use crate::object::options::GetOptions;
use crate::runtime::spans::{self, Operation};
use crate::transport::Body;

/// An object being read: plaintext chunks in order.
///
/// A chunk of a sealed object is authentic when it is returned. That the object ends where the store claims is
/// authentic once [`GetObject::next_chunk`] returns `None`. AES-CTR authenticates nothing; at the end of a whole object
/// the checksum shows that the store sent its stored bytes. Act on the bytes only after the end.
pub struct GetObject {
    reader: BodyReader,
    info: ObjectInfo,
    range: Range<u64>,
    /// Whether all stored bytes come, so that their checksum counts.
    is_whole: bool,
    is_over: bool,
    /// The operation, which ends when the object is dropped.
    operation: Operation,
}

pub(crate) async fn get(
    bucket: &Arc<BucketContext>,
    key: &str,
    options: GetOptions,
) -> Result<GetObject, Error> {
    let origin = Origin::Key { key: key.to_owned(), version_id: options.version_id.clone() };
    bucket.op_context("GetObject", Some(key)).run(begin(bucket, origin, options)).await
}

pub(crate) async fn begin(
    bucket: &Arc<BucketContext>,
    origin: Origin,
    options: GetOptions,
) -> Result<GetObject, OpError> {
    bucket.check_keyring()?;
    options.range.check()?;
    let policy = bucket.policy(options.read_policy.as_ref())?;
    let (described, reading, body) = fetch_range(bucket, &origin, &options, &policy).await?;
    GetObject::begin(snapshot(bucket, origin, &policy, described).await?, reading, body).await
}

impl GetObject {
    async fn begin(object: Snapshot, reading: Reading, body: Body) -> Result<GetObject, OpError> {
        let is_whole = reading.covers_object() && reading.release() == (0..reading.plain_total());
        let (range, is_satisfiable) = (reading.release(), reading.is_satisfiable());
        spans::record_bytes(0);
        let mut reader = BodyReader::begin(object, reading, body, 0, is_whole).await?;
        let info = reader.object().info()?;
        if !is_satisfiable {
            // Nothing comes but the proof of that.
            while reader.advance().await?.is_some() {}
        }
        Ok(GetObject { reader, info, range, is_whole, is_over: false, operation: Operation::current() })
    }

    /// The store's claims about the object. Its size, too, is a claim until the read has ended.
    pub fn info(&self) -> &ObjectInfo {
        &self.info
    }

    /// The plaintext range that is read, half-open. Where it depends on the object's size it is a claim until the end.
    pub fn range(&self) -> Range<u64> {
        self.range.clone()
    }

    /// Returns the next bytes, or `None` after the last byte and, for a whole object, a correct checksum. A broken
    /// connection is replaced by a request for the rest of the same version. Cancel safe.
    ///
    /// # Errors
    /// - [`ErrorKind::Integrity`]: the stored bytes are not the sealed ones, or contradict the store's checksum.
    /// - [`ErrorKind::Range`]: the range lies past the end of a sealed object; this is authenticated.
    /// - [`ErrorKind::Changed`]: the object was replaced.
    /// - [`ErrorKind::Transient`]: the rest did not arrive.
    /// - [`ErrorKind::Protocol`]: the reply holds other bytes than requested.
    pub async fn next_chunk(&mut self) -> Result<Option<Chunk>, Error> {
        if self.is_over {
            return Ok(None);
        }
        let outcome = self.operation.clone().run(self.advance()).await;
        self.is_over = !matches!(outcome, Ok(Some(_)));
        outcome.map_err(|failure| self.reader.object().error(failure))
    }

    async fn advance(&mut self) -> Result<Option<Chunk>, OpError> {
        if let Some(chunk) = self.reader.advance().await? {
            spans::record_bytes(chunk.bytes.len() as u64);
            return Ok(Some(chunk));
        }
        if let Some(crc64) = self.reader.crc64().filter(|_| self.is_whole) {
            self.reader.object().check_crc64(crc64)?;
        }
        Ok(None)
    }

    /// The body reader, with the data that describes it.
    pub(crate) fn into_parts(self) -> (BodyReader, ObjectInfo, Range<u64>, bool, Operation) {
        (self.reader, self.info, self.range, self.is_whole, self.operation)
    }

    /// All bytes of the range at once.
    pub async fn bytes(mut self) -> Result<Bytes, Error> {
        let Some(first) = self.next_chunk().await? else { return Ok(Bytes::new()) };
        let Some(second) = self.next_chunk().await? else { return Ok(first.bytes) };
        let mut all = BytesMut::from(first.bytes);
        all.extend_from_slice(&second.bytes);
        while let Some(chunk) = self.next_chunk().await? {
            all.extend_from_slice(&chunk.bytes);
        }
        Ok(all.freeze())
    }
}

impl std::fmt::Debug for GetObject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GetObject")
            .field("info", &self.info)
            .field("range", &self.range)
            .finish_non_exhaustive()
    }
}
