//! Put by parts: one after the other, one buffer at a time. An upload that does not end well is aborted.

use osseal_core::{Envelope, PartPlan, SealedPart, is_envelope_header};
use osseal_wire::oss::reply::{ReplyError, late_error};
use osseal_wire::oss::request::{Call, Complete, PutObject, UploadPart};
use osseal_wire::oss::xml::{CompletePart, CompleteRequest, CompleteResult, InitiateResult};
use osseal_wire::oss::{Crc64, Metadata, PutReply};

use crate::body::{self, BoxReader};
use crate::bucket::EncryptedBucket;
use crate::error::{ErrorKind, Failure};
use crate::options::PutOptions;
use crate::put::{Fresh, PutReport, damaged, report_progress, with_envelope};
use crate::store::Payload;

/// An upload in progress, aborted when dropped.
struct Upload<'a> {
    bucket: &'a EncryptedBucket,
    key: &'a str,
    id: String,
    /// The envelope's headers, which every part repeats.
    headers: Metadata,
    envelope: &'a Envelope,
    is_over: bool,
}

impl EncryptedBucket {
    pub(crate) async fn put_parts(
        &self,
        key: &str,
        mut reader: BoxReader,
        length: u64,
        metadata: Metadata,
        options: &PutOptions,
    ) -> Result<PutReport, Failure> {
        let plan = self.0.suite.layout().part_plan(length, self.0.part_size)?;
        let Fresh { sealer, envelope } = self.fresh(key, options, Some(length)).await?;
        let metadata = with_envelope(metadata, &envelope, Some(plan))?;
        let mut slots = sealer.into_parts(plan)?;
        let upload = Upload::begin(self, key, metadata, &envelope, options).await?;
        let sent = async {
            let mut parts = Vec::new();
            let mut crc64 = Crc64::of(b"");
            for number in 1..=slots.parts() {
                let slot = slots.take(number)?;
                let plain_len = slot.plain_len();
                let _held = self.0.memory.take(slot.stored_len()).await;
                let plain = body::read_exactly(&mut reader, plain_len).await?;
                let sealed = slot.seal(plain)?;
                crc64 = Crc64::combine(crc64, sealed.crc64, sealed.bytes.len() as u64);
                parts.push(upload.send(&sealed).await?);
                report_progress(options, plain_len);
            }
            body::expect_end(&mut reader).await?;
            Ok::<_, Failure>((parts, crc64))
        };
        match sent.await {
            Ok((parts, crc64)) => upload.finish(parts, crc64, length, plan, options).await,
            Err(failure) => Err(upload.abort(failure).await),
        }
    }
}

impl<'a> Upload<'a> {
    async fn begin(
        bucket: &'a EncryptedBucket,
        key: &'a str,
        metadata: Metadata,
        envelope: &'a Envelope,
        options: &PutOptions,
    ) -> Result<Upload<'a>, Failure> {
        let headers =
            Metadata(metadata.0.iter().filter(|(name, _)| is_envelope_header(name)).cloned().collect());
        let object =
            PutObject { metadata, forbid_overwrite: options.forbid_overwrite, ..PutObject::default() };
        let call = Call::Initiate(object.into());
        let document = bucket.document(Some(key), call).await?;
        let result = InitiateResult::from_xml(&document).map_err(ReplyError::Xml)?;
        let id = result.upload_id()?.to_owned();
        Ok(Upload { bucket, key, id, headers, envelope, is_over: false })
    }

    async fn send(&self, part: &SealedPart) -> Result<CompletePart, Failure> {
        let call = Call::UploadPart(UploadPart {
            upload_id: self.id.clone(),
            part_number: part.number,
            metadata: self.headers.clone(),
            content_length: Some(part.bytes.len() as u64),
            content_md5: None,
            crc64: Some(part.crc64),
        });
        let reply = self.bucket.store_bytes(self.key, &call, &part.bytes, part.crc64, self.envelope).await?;
        Ok(CompletePart { part_number: part.number, etag: reply.etag })
    }

    async fn finish(
        mut self,
        parts: Vec<CompletePart>,
        crc64: u64,
        length: u64,
        plan: PartPlan,
        options: &PutOptions,
    ) -> Result<PutReport, Failure> {
        let count = u32::try_from(parts.len()).unwrap_or(u32::MAX);
        let reply = match self.complete(parts, options).await {
            Ok(reply) => reply,
            Err(failure) => match self.completed_before(&failure).await {
                Some(reply) => reply,
                None => return Err(self.abort(failure).await),
            },
        };
        self.is_over = true;
        if reply.crc64.is_some_and(|theirs| theirs != crc64) {
            return Err(damaged("the whole object"));
        }
        self.bucket.report(length, plan.data_size, count, crc64, reply)
    }

    async fn complete(&self, parts: Vec<CompletePart>, options: &PutOptions) -> Result<PutReply, Failure> {
        let call = Call::Complete(Complete {
            upload_id: self.id.clone(),
            parts: CompleteRequest { parts },
            forbid_overwrite: options.forbid_overwrite,
            ..Complete::default()
        });
        let bucket = self.bucket.0.bucket.as_str();
        let reply = self.bucket.0.store.call(Some(bucket), Some(self.key), call, Payload::None).await?;
        let (status, headers, attempts) = (reply.status, reply.headers.clone(), reply.attempts);
        let document = reply.document().await?;
        if let Some(error) = late_error(status, &headers, &document) {
            return Err(Failure { attempts, ..error.into() });
        }
        let result = CompleteResult::from_reply(&document)?;
        let reply = PutReply::from_head(&headers)?;
        Ok(PutReply { etag: if result.etag.is_empty() { reply.etag } else { result.etag }, ..reply })
    }

    /// Whether the object is there although completing it failed: the reply of an earlier attempt was lost, or makes no sense.
    async fn completed_before(&self, failure: &Failure) -> Option<PutReply> {
        let doubtful =
            failure.attempts > 1 || matches!(failure.kind, ErrorKind::Transient | ErrorKind::Protocol);
        if !doubtful {
            return None;
        }
        self.bucket.find_ours(self.key, self.envelope).await.ok().flatten()
    }

    /// Drops the upload and its parts. If even that fails, the error says which upload is left.
    async fn abort(mut self, mut failure: Failure) -> Failure {
        self.is_over = true;
        if let Err(second) = abort(self.bucket, self.key, &self.id).await {
            failure.message = format!(
                "{}; besides, the unfinished upload {} is left and takes up space: abort it ({})",
                failure.message, self.id, second.message
            );
        }
        failure
    }
}

impl Drop for Upload<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            let (bucket, key, id) = (self.bucket.clone(), self.key.to_owned(), std::mem::take(&mut self.id));
            self.bucket.0.store.clean_up(async move {
                if let Err(failure) = abort(&bucket, &key, &id).await {
                    tracing::warn!(
                        key,
                        upload_id = id,
                        error = failure.message,
                        "an unfinished upload is left"
                    );
                }
            });
        }
    }
}

async fn abort(bucket: &EncryptedBucket, key: &str, id: &str) -> Result<(), Failure> {
    match bucket.document(Some(key), Call::Abort { upload_id: id.to_owned() }).await {
        Err(failure) if failure.kind != ErrorKind::NotFound => Err(failure),
        _ => Ok(()),
    }
}
