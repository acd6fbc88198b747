//! One multipart upload: its calls, and its abort when it fails.

use std::sync::{Arc, Mutex, PoisonError};

use osseal_core::{Envelope, PartPlan, SealedPart, is_envelope_header};
use osseal_wire::oss::reply::{ReplyError, late_error};
use osseal_wire::oss::request::{Call, CompleteMultipartUpload, ListParts, PutObject, UploadPart};
use osseal_wire::oss::xml::{CompletePart, CompleteRequest, CompleteResult, InitiateResult, ListPartsResult};
use osseal_wire::oss::{Crc64, Metadata, PutReply, ServiceCode};
use tokio::task::{JoinHandle, JoinSet};

use crate::error::{ErrorKind, OpError, Outcome};
use crate::object::context::BucketContext;
use crate::object::options::ListUploadsOptions;
use crate::runtime::join::{joined, stopped};
use crate::runtime::spans;
use crate::service::send::Payload;
use crate::upload::checkpoint::Acknowledged;
use crate::upload::checkpoint_writer::CheckpointWriter;
use crate::upload::progress::ResumableProgress;
use crate::upload::report::{PutReport, report};
use crate::upload::send_sealed::{find_ours, store_bytes};
use crate::upload::upload_listing::page_of_uploads;

/// The specification of an upload, before the service knows of it.
pub(crate) struct UploadSpec {
    pub(crate) bucket: Arc<BucketContext>,
    pub(crate) key: String,
    /// All headers of the object, the envelope among them.
    pub(crate) metadata: Metadata,
    /// None without encryption.
    pub(crate) envelope: Option<Envelope>,
    pub(crate) plan: PartPlan,
    pub(crate) plain_total: u64,
    pub(crate) forbid_overwrite: bool,
    pub(crate) progress: ResumableProgress,
}

/// An upload that the service knows.
pub(crate) struct Upload {
    spec: UploadSpec,
    /// The service's name for it.
    pub(crate) id: String,
    /// The envelope's headers, which every part repeats.
    headers: Metadata,
    /// The parts that the service holds, by index.
    sent: Mutex<Vec<Option<Acknowledged>>>,
    /// Where another process finds out how far it is, if one is to.
    writer: Option<CheckpointWriter>,
}

impl UploadSpec {
    /// Initiates the upload. Dropping the future aborts it.
    pub(crate) async fn begin(self, writer: Option<CheckpointWriter>) -> Result<ActiveUpload, OpError> {
        let headers = self.envelope_headers();
        let object = PutObject {
            metadata: self.metadata.clone(),
            forbid_overwrite: self.forbid_overwrite,
            ..PutObject::default()
        };
        let (bucket, key) = (self.bucket.clone(), self.key.clone());
        let envelope = headers.clone();
        let task =
            tokio::spawn(spans::in_operation(
                async move { initiate(&bucket, &key, object, &envelope).await },
            ));
        let mut initiating =
            PendingInitiate { bucket: self.bucket.clone(), key: self.key.clone(), task: Some(task) };
        let id = initiating.id().await?;
        if let Some(writer) = &writer {
            writer.name(&id);
        }
        Ok(self.active(id, headers, writer))
    }

    /// Resumes an upload that a previous process initiated. The service holds the acknowledged parts.
    pub(crate) fn resume(
        self,
        id: String,
        writer: CheckpointWriter,
        acknowledged: impl IntoIterator<Item = (u32, Acknowledged)>,
    ) -> ActiveUpload {
        let headers = self.envelope_headers();
        let active = self.active(id, headers, Some(writer));
        for (number, said) in acknowledged {
            active.upload.has(number, said);
        }
        active
    }

    fn active(self, id: String, headers: Metadata, writer: Option<CheckpointWriter>) -> ActiveUpload {
        let parts = usize::try_from(self.plan.parts()).unwrap_or(usize::MAX);
        let sent = Mutex::new((0..parts).map(|_| None).collect());
        let upload = Arc::new(Upload { spec: self, id, headers, sent, writer });
        ActiveUpload { upload, tasks: JoinSet::new(), is_over: false }
    }

    fn envelope_headers(&self) -> Metadata {
        Metadata(self.metadata.0.iter().filter(|(name, _)| is_envelope_header(name)).cloned().collect())
    }
}

/// An Initiate request in flight. The reply is awaited even after a drop, to abort the upload it names.
struct PendingInitiate {
    bucket: Arc<BucketContext>,
    key: String,
    task: Option<JoinHandle<Result<String, OpError>>>,
}

impl PendingInitiate {
    async fn id(&mut self) -> Result<String, OpError> {
        let Some(task) = &mut self.task else { return Err(stopped()) };
        let done = task.await;
        self.task = None;
        joined(done)?
    }
}

impl Drop for PendingInitiate {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            let (bucket, key) = (self.bucket.clone(), std::mem::take(&mut self.key));
            self.bucket.store.clean_up(async move {
                if let Ok(Ok(id)) = task.await {
                    abort_or_warn(&bucket, &key, &id).await;
                }
            });
        }
    }
}

async fn initiate(
    bucket: &Arc<BucketContext>,
    key: &str,
    object: PutObject,
    headers: &Metadata,
) -> Result<String, OpError> {
    let call = Call::InitiateMultipartUpload(object.into());
    let active = async {
        let reply = bucket.store.call(Some(&bucket.name), Some(key), call, Payload::None).await?;
        let earlier = reply.earlier_outcome;
        let result = InitiateResult::from_xml(&reply.document().await?).map_err(ReplyError::Xml)?;
        Ok::<_, OpError>((result.upload_id()?.to_owned(), earlier))
    };
    let mut active = active.await;
    // An attempt with a lost, cut or malformed reply may have started an upload whose id is unknown here.
    let outcome = match &active {
        Ok((_, earlier)) => *earlier,
        Err(failure) => failure.outcome,
    };
    if outcome.is_unknown() {
        let ours = active.as_ref().ok().map(|(id, _)| id.as_str());
        match (abort_others(bucket, key, headers, ours).await, &mut active) {
            // Uploads without an envelope cannot be told apart, so none of them was aborted.
            (Ok(()), Err(failure)) if !headers.0.is_empty() => failure.outcome = Outcome::NotDone,
            (Ok(()), _) => {}
            (Err(failure), _) => tracing::warn!(
                key,
                error = failure.message,
                "an unfinished upload may be left: the reply to its start was lost"
            ),
        }
    }
    active.map(|(id, _)| id)
}

/// Aborts all uploads that carry this envelope, except one. Only this put has the envelope.
pub(crate) async fn abort_others(
    bucket: &Arc<BucketContext>,
    key: &str,
    headers: &Metadata,
    but: Option<&str>,
) -> Result<(), OpError> {
    let wrapped = headers.0.iter().find(|(name, _)| name.ends_with("encryption-key"));
    let Some((_, wrapped)) = wrapped else { return Ok(()) };
    let mut options = ListUploadsOptions { prefix: key.to_owned(), ..ListUploadsOptions::default() };
    loop {
        let page = page_of_uploads(bucket, &options).await?;
        // Keys are listed in order, and longer ones come after it.
        let is_past = page.uploads.last().is_none_or(|last| last.key != key);
        for upload in page.uploads.into_iter().filter(|upload| upload.key == key) {
            let id = upload.upload_id;
            if but == Some(id.as_str()) {
                continue;
            }
            let list = ListParts { upload_id: id.clone(), max_parts: Some(1), ..ListParts::default() };
            let parts = match bucket.document(Some(key), Call::ListParts(list)).await {
                // It ended poll_with_tasks.
                Err(failure) if failure.code == ServiceCode::NoSuchUpload => continue,
                parts => parts?,
            };
            let parts = ListPartsResult::from_xml(&parts).map_err(ReplyError::Xml)?;
            if parts.encryption_key.as_bytes() == wrapped.as_slice() {
                abort(bucket, key, &id).await?;
            }
        }
        match page.next {
            Some(next) if !is_past => options.after = Some(next),
            _ => return Ok(()),
        }
    }
}

impl Upload {
    pub(crate) fn spec(&self) -> &UploadSpec {
        &self.spec
    }

    pub(crate) fn writer(&self) -> Option<&CheckpointWriter> {
        self.writer.as_ref()
    }

    /// Number of parts.
    pub(crate) fn parts(&self) -> u32 {
        u32::try_from(self.spec.plan.parts()).unwrap_or(u32::MAX)
    }

    /// Sends a part of a put. A part is no object, so a lost reply leaves no doubt about the object.
    pub(crate) async fn send(&self, part: &SealedPart) -> Result<(), OpError> {
        self.send_part(part).await.map_err(|failure| failure.with_outcome(Outcome::NotDone))
    }

    /// Sends a part until the service's CRC64 of it is ours.
    pub(crate) async fn send_part(&self, part: &SealedPart) -> Result<(), OpError> {
        let UploadSpec { bucket, key, .. } = &self.spec;
        let length = part.bytes.len() as u64;
        let call = Call::UploadPart(UploadPart {
            upload_id: self.id.clone(),
            part_number: part.number,
            metadata: self.headers.clone(),
            content_length: Some(length),
            content_md5: None,
            crc64: Some(part.crc64),
        });
        let reply = store_bytes(bucket, key, &call, &part.bytes, part.crc64, None).await?;
        let said = Acknowledged { etag: reply.etag, crc64: part.crc64, length };
        if let Some(writer) = &self.writer {
            writer.acknowledge(part.number, said.clone());
        }
        self.has(part.number, said);
        Ok(())
    }

    /// The service has a part.
    fn has(&self, number: u32, said: Acknowledged) {
        let UploadSpec { bucket, plan, plain_total, .. } = &self.spec;
        let before = {
            let mut all = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
            let index = (number as usize).checked_sub(1);
            index.and_then(|index| all.get_mut(index)).and_then(|place| place.replace(said))
        };
        if before.is_none() {
            let whole = bucket.suite.layout().part_plain(plan);
            let start = u64::from(number.saturating_sub(1)) * whole;
            self.spec.progress.add(whole.min(plain_total.saturating_sub(start)));
        }
    }

    /// The parts that the service does not have.
    pub(crate) fn missing(&self) -> Vec<u32> {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        (1..).zip(sent.iter()).filter(|(_, sent)| sent.is_none()).map(|(number, _)| number).collect()
    }

    /// CRC-64/XZ of all parts that have been sent, in order.
    pub(crate) fn crc64(&self) -> u64 {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.iter().flatten().fold(Crc64::of(b""), |sum, part| Crc64::combine(sum, part.crc64, part.length))
    }

    async fn complete(&self) -> Result<PutReply, OpError> {
        let UploadSpec { bucket, key, forbid_overwrite, .. } = &self.spec;
        let parts = {
            let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
            let part = |(number, sent): (u32, &Option<Acknowledged>)| {
                sent.as_ref().map(|sent| CompletePart { part_number: number, etag: sent.etag.clone() })
            };
            (1..).zip(sent.iter()).filter_map(part).collect()
        };
        let call = Call::CompleteMultipartUpload(CompleteMultipartUpload {
            upload_id: self.id.clone(),
            parts: CompleteRequest { parts },
            forbid_overwrite: *forbid_overwrite,
            ..CompleteMultipartUpload::default()
        });
        let reply = bucket.store.call(Some(&bucket.name), Some(key), call, Payload::None).await?;
        let (status, headers) = (reply.status, reply.headers.clone());
        let document = reply.document().await?;
        if let Some(error) = late_error(status, &headers, &document) {
            return Err(OpError::from_error_in_body(error));
        }
        let result = CompleteResult::from_reply(&document)?;
        let reply = PutReply::from_head(&headers)?;
        Ok(PutReply { etag: if result.etag.is_empty() { reply.etag } else { result.etag }, ..reply })
    }

    /// Whether the object exists although completing it failed: an earlier attempt succeeded and its reply was lost
    /// or malformed, or the request was delivered twice.
    async fn completed_before(&self, failure: &OpError) -> Result<Option<PutReply>, CompletionUnknown> {
        let is_in_the_way = failure.kind == ErrorKind::Exists;
        if !failure.outcome.is_unknown() && failure.code != ServiceCode::NoSuchUpload && !is_in_the_way {
            return Ok(None);
        }
        let UploadSpec { bucket, key, envelope, .. } = &self.spec;
        match find_ours(bucket, key, envelope.as_ref()).await {
            // Without an envelope nothing distinguishes this object from another.
            Ok(None) if envelope.is_none() && !is_in_the_way => Err(CompletionUnknown),
            found => found.map_err(|_| CompletionUnknown),
        }
    }
}

/// The store does not say whether an upload was completed.
struct CompletionUnknown;

/// An upload in progress. Dropping it stops its tasks and then aborts it, unless another process can resume it.
pub(crate) struct ActiveUpload {
    pub(crate) upload: Arc<Upload>,
    /// The tasks that send parts.
    pub(crate) tasks: JoinSet<Result<(), OpError>>,
    is_over: bool,
}

impl ActiveUpload {
    /// Makes the object of the parts, all of which have been sent.
    pub(crate) async fn complete(self) -> Result<PutReport, OpError> {
        let upload = self.upload.clone();
        let missing = upload.missing();
        if let Some(first) = missing.first() {
            let message = format!(
                "{} of {} parts were not sent, part {first} first; nothing was stored",
                missing.len(),
                upload.parts()
            );
            return Err(self.abort_after(OpError::new(ErrorKind::Usage, message)).await);
        }
        let reply = match upload.complete().await {
            Ok(reply) => reply,
            Err(failure) => {
                let is_unknown = match upload.completed_before(&failure).await {
                    Ok(Some(reply)) => return self.completed(reply),
                    // HEAD may have run before the service completed the upload, so the object may exist by now.
                    Ok(None) => failure.outcome.is_unknown() && failure.code != ServiceCode::NoSuchUpload,
                    Err(CompletionUnknown) => true,
                };
                let (failure, is_dropped) =
                    self.give_up(failure.with_outcome(Outcome::unknown_if(is_unknown))).await;
                return Err(failure.with_outcome(Outcome::unknown_if(is_unknown && !is_dropped)));
            }
        };
        self.completed(reply)
    }

    fn completed(mut self, reply: PutReply) -> Result<PutReport, OpError> {
        let upload = self.upload.clone();
        self.is_over = true;
        let crc64 = upload.crc64();
        if reply.crc64.is_some_and(|theirs| theirs != crc64) {
            return Err(OpError::checksum_mismatch("the whole object"));
        }
        let UploadSpec { bucket, plan, plain_total, .. } = upload.spec();
        report(bucket, *plain_total, plan.data_size, upload.parts(), crc64, reply)
    }

    /// Aborts the upload unless it can be resumed. If that fails too, the error names the upload that is left.
    pub(crate) async fn abort_after(self, failure: OpError) -> OpError {
        self.give_up(failure).await.0
    }

    /// The same, and whether the service had the upload and has dropped it.
    async fn give_up(mut self, mut failure: OpError) -> (OpError, bool) {
        if self.upload.writer.as_ref().is_some_and(|writer| writer.keeps(&failure)) {
            self.tasks.shutdown().await;
            self.is_over = true;
            return (failure, false);
        }
        match self.abort().await {
            Ok(is_dropped) => (failure, is_dropped),
            Err(second) => {
                failure.message = format!(
                    "{}; besides, the unfinished upload {} is left and takes up space: abort it ({})",
                    failure.message, self.upload.id, second.message
                );
                (failure, false)
            }
        }
    }

    /// Stops the tasks that send parts, then aborts the upload. `false`: the service did not know it.
    pub(crate) async fn abort(&mut self) -> Result<bool, OpError> {
        self.tasks.shutdown().await;
        let UploadSpec { bucket, key, .. } = self.upload.spec();
        let aborted = abort(bucket, key, &self.upload.id).await;
        self.is_over = true;
        aborted
    }
}

impl Drop for ActiveUpload {
    fn drop(&mut self) {
        if !self.is_over {
            let (upload, mut tasks) = (self.upload.clone(), std::mem::take(&mut self.tasks));
            tasks.abort_all();
            let is_kept = upload.writer.as_ref().is_some_and(CheckpointWriter::has_parts);
            self.upload.spec.bucket.store.clean_up(async move {
                tasks.shutdown().await;
                if is_kept {
                    return;
                }
                abort_or_warn(&upload.spec.bucket, &upload.spec.key, &upload.id).await;
            });
        }
    }
}

pub(crate) async fn abort_or_warn(bucket: &Arc<BucketContext>, key: &str, id: &str) {
    if let Err(failure) = abort(bucket, key, id).await {
        tracing::warn!(key, upload_id = id, error = failure.message, "an unfinished upload is left");
    }
}

/// Whether the service had the upload.
pub(crate) async fn abort(bucket: &Arc<BucketContext>, key: &str, id: &str) -> Result<bool, OpError> {
    match bucket.document(Some(key), Call::AbortMultipartUpload { upload_id: id.to_owned() }).await {
        Err(failure) if failure.kind == ErrorKind::NotFound => Ok(false),
        aborted => aborted.map(|_| true),
    }
}
