//! Uploads whose parts the application drives itself: [`MultipartUpload`].

use std::ops::Range;
use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use osseal_core::{PartSlots, SealedPart};

use crate::error::{Error, ErrorKind, OpContext, OpError};
use crate::object::context::BucketContext;
use crate::object::options::PutOptions;
use crate::upload::content_key::{NewContentKey, new_content_key};
use crate::upload::multipart::{ActiveUpload, UploadSpec};
use crate::upload::object_metadata::{metadata_from_options, with_envelope};
use crate::upload::progress::ResumableProgress;
use crate::upload::report::PutReport;
use crate::upload::source_error::length_in_memory;

/// An encrypted multipart upload that the application drives: parts in any order, any number at a time.
///
/// Most programs want [`EncryptedBucket::put`](crate::EncryptedBucket::put), which does the same in bounded
/// memory. Use this when parts come from several sources. The number of parts and the length of each are
/// fixed when the upload starts.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # use std::sync::Arc;
/// # use osseal::{AesKey, Credentials, EncryptedBucket, Endpoint, GetOptions, Keyring, MaterialDescription, NamedKey, PutOptions, Store};
/// # let service = osseal_server::Service::builder().credentials(vec![Credentials::new("id", "secret")]).build();
/// # let server = osseal::transport::InProcess::new(move |request| service.call(request));
/// # let store = Store::builder(Endpoint::parse("http://127.0.0.1")?, "cn-hangzhou").credentials(Credentials::new("id", "secret"));
/// # let store = store.transport(Arc::new(server)).build()?;
/// # store.create_bucket("box").await?;
/// # let key = Arc::new(AesKey::from_file_content(&[7; 32])?);
/// # let named = NamedKey::new("backup", MaterialDescription::empty()).wrapping(key.clone()).unwrapping(key);
/// # let bucket = EncryptedBucket::builder(store, "box").keyring(Keyring::new(vec![named])?).build()?;
/// let plain = vec![7; 300_000];
/// let upload = bucket.begin_upload("big", 300_000, 7 * 16_400, PutOptions::default()).await?;
/// for number in (1..=upload.parts()).rev() {
///     let part = plain[upload.plain_range(number)?.start as usize..upload.plain_range(number)?.end as usize].to_vec();
///     // Seal each part once; the sealed part can be sent any number of times.
///     let sealed = upload.seal_part(number, part)?;
///     while let Err(error) = upload.send_part(&sealed).await {
///         assert!(error.is_retryable());
///     }
/// }
/// let report = upload.complete().await?;
/// assert_eq!((report.plain_size, report.parts), (300_000, 3));
/// # assert_eq!(bucket.get("big", GetOptions::default()).await?.bytes().await?, plain);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// Dropping it aborts the upload, as [`MultipartUpload::abort`] does: neither object nor parts stay. Buffers
/// belong to the application and do not count towards the [`MemoryBudget`](crate::MemoryBudget).
pub struct MultipartUpload {
    active: ActiveUpload,
    slots: Mutex<PartSlots>,
}

/// A sealed part of one [`MultipartUpload`].
#[derive(Clone)]
pub struct UploadPart {
    sealed: SealedPart,
    upload_id: String,
}

impl UploadPart {
    /// Position among the parts, from 1.
    pub fn number(&self) -> u32 {
        self.sealed.number
    }

    /// Stored bytes.
    pub fn stored_len(&self) -> u64 {
        self.sealed.bytes.len() as u64
    }
}

impl std::fmt::Debug for UploadPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (number, stored) = (self.number(), self.stored_len());
        f.debug_struct("UploadPart")
            .field("number", &number)
            .field("stored_len", &stored)
            .finish_non_exhaustive()
    }
}

pub(crate) async fn begin_upload(
    bucket: &Arc<BucketContext>,
    key: &str,
    plain_size: u64,
    part_size: Option<u64>,
    options: PutOptions,
) -> Result<MultipartUpload, Error> {
    let outcome = begin_parts(bucket, key, plain_size, part_size, &options).await;
    outcome.map_err(|failure| failure.with_context(bucket.op_context("InitiateMultipartUpload", Some(key))))
}

async fn begin_parts(
    bucket: &Arc<BucketContext>,
    key: &str,
    plain_total: u64,
    part_size: Option<u64>,
    options: &PutOptions,
) -> Result<MultipartUpload, OpError> {
    let layout = bucket.suite.layout();
    let plan = match part_size {
        Some(part_size) => layout.exact_plan(plain_total, part_size)?,
        None => layout.part_plan(plain_total, bucket.part_size)?,
    };
    let metadata = metadata_from_options(options)?;
    let NewContentKey { sealer, envelope } = new_content_key(bucket, key, options, Some(plain_total)).await?;
    let spec = UploadSpec {
        bucket: Arc::clone(bucket),
        key: key.to_owned(),
        metadata: with_envelope(metadata, envelope.as_ref(), Some(plan))?,
        envelope,
        plan,
        plain_total,
        forbid_overwrite: options.forbid_overwrite,
        progress: ResumableProgress::new(options),
    };
    let slots = Mutex::new(sealer.into_parts(plan)?);
    Ok(MultipartUpload { active: spec.begin(None).await?, slots })
}

impl MultipartUpload {
    /// Number of parts. The last part of a sealed object may have no plaintext; seal and send it like the others.
    pub fn parts(&self) -> u32 {
        self.active.upload.parts()
    }

    /// The plaintext range of a part: the bytes that [`MultipartUpload::seal_part`] takes.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`]: no part has this number.
    pub fn plain_range(&self, number: u32) -> Result<Range<u64>, Error> {
        let range = self.slots().plain_range(number);
        range.map_err(|error| OpError::from(error).with_context(self.op_context("UploadPart")))
    }

    /// The service's identifier of the upload.
    pub fn upload_id(&self) -> &str {
        &self.active.upload.id
    }

    /// Seals a part, once, on the calling thread. Sends nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`]: no part has this number, the length is wrong, or the part was sealed before. After
    /// a wrong length the part can still be sealed.
    pub fn seal_part(&self, number: u32, plain: impl Into<Bytes>) -> Result<UploadPart, Error> {
        self.seal(number, plain.into()).map_err(|failure| failure.with_context(self.op_context("UploadPart")))
    }

    /// Sends a sealed part, with the store's retries. A part may be sent again, after an error or not.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`]: the part was sealed for another upload. [`ErrorKind::Integrity`]: the service's
    /// CRC64 differs from the one computed here.
    pub async fn send_part(&self, part: &UploadPart) -> Result<(), Error> {
        let upload = &self.active.upload;
        let sent = async {
            if part.upload_id != upload.id {
                let message = format!("part {} was sealed for another upload", part.number());
                return Err(OpError::new(ErrorKind::Usage, message));
            }
            upload.send_part(&part.sealed).await
        };
        sent.await.map_err(|failure| failure.with_context(self.op_context("UploadPart")))
    }

    /// Seals a part and sends it. If sending fails the sealed part is lost, and with it the upload; to send a
    /// part again, use [`MultipartUpload::seal_part`] and [`MultipartUpload::send_part`].
    ///
    /// # Errors
    /// Those of both.
    pub async fn upload_part(&self, number: u32, plain: impl Into<Bytes>) -> Result<(), Error> {
        let part = self.seal_part(number, plain)?;
        self.send_part(&part).await
    }

    /// The parts that have not been sent, in order.
    pub fn missing(&self) -> Vec<u32> {
        self.active.upload.missing()
    }

    /// Completes the upload: its parts become the object.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`]: parts are missing. After any error no unfinished upload is left unless the error
    /// names it. No object is stored unless the outcome is unknown.
    pub async fn complete(self) -> Result<PutReport, Error> {
        let upload = self.active.upload.clone();
        let outcome = self.active.complete().await;
        outcome.map_err(|failure| failure.with_context(op_context(upload.spec(), "CompleteMultipartUpload")))
    }

    /// Aborts the upload: the service drops its parts.
    ///
    /// # Errors
    /// The service's refusal, with the identifier of the upload that is left.
    pub async fn abort(mut self) -> Result<(), Error> {
        let outcome = self.active.abort().await.map(drop);
        outcome.map_err(|mut failure| {
            let id = self.upload_id();
            failure.message =
                format!("{} (the unfinished upload {id} is left and takes up space)", failure.message);
            failure.with_context(self.op_context("AbortMultipartUpload"))
        })
    }

    fn seal(&self, number: u32, plain: Bytes) -> Result<UploadPart, OpError> {
        let slot = {
            let mut slots = self.slots();
            let range = slots.plain_range(number)?;
            let (wanted, given) = (range.end - range.start, plain.len() as u64);
            if wanted != given {
                let message =
                    format!("part {number} has {wanted} bytes of plaintext, and {given} were given");
                return Err(OpError::new(ErrorKind::Usage, message));
            }
            slots.take(number)?
        };
        let room = length_in_memory(slot.stored_len())?;
        let plain = plain.try_into_mut().unwrap_or_else(|shared| {
            let mut copy = BytesMut::with_capacity(room);
            copy.extend_from_slice(&shared);
            copy
        });
        Ok(UploadPart { sealed: slot.seal(plain)?, upload_id: self.upload_id().to_owned() })
    }

    fn slots(&self) -> MutexGuard<'_, PartSlots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn op_context(&self, operation: &'static str) -> OpContext<'_> {
        op_context(self.active.upload.spec(), operation)
    }
}

fn op_context<'a>(spec: &'a UploadSpec, operation: &'static str) -> OpContext<'a> {
    spec.bucket.op_context(operation, Some(&spec.key))
}

impl std::fmt::Debug for MultipartUpload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let spec = self.active.upload.spec();
        f.debug_struct("MultipartUpload")
            .field("key", &spec.key)
            .field("upload_id", &self.upload_id())
            .field("plan", &spec.plan)
            .finish_non_exhaustive()
    }
}
