//! Copies on the service side, without decryption. The copy keeps its envelope, and that is verified.

use std::sync::Arc;

use osseal_core::{Envelope, Place, is_envelope_header};
use osseal_wire::oss::reply::{ReplyError, late_error};
use osseal_wire::oss::request::{Call, Conditions, CopyObject};
use osseal_wire::oss::xml::CopyResult;
use osseal_wire::oss::{CopyReply, Metadata, ServiceCode};

use crate::error::{Error, ErrorKind, OpError, Outcome};
use crate::object::context::{BucketContext, MAX_SINGLE_REQUEST};
use crate::object::object_info::{Described, ObjectInfo};
use crate::object::options::{CopyOptions, CopySource};
use crate::service::send::Payload;

/// A copy that is decided upon.
struct Plan<'a> {
    source: &'a CopySource,
    source_bucket: &'a str,
    target_key: &'a str,
    options: &'a CopyOptions,
    described: Described,
}

pub(crate) async fn copy(
    bucket: &Arc<BucketContext>,
    source: CopySource,
    target_key: &str,
    options: CopyOptions,
) -> Result<ObjectInfo, Error> {
    let source_bucket = source.bucket.as_deref().unwrap_or(&bucket.name);
    let mut source_context = bucket.op_context("CopyObject", Some(&source.key));
    source_context.bucket = Some(source_bucket);
    let op_context = bucket.op_context("CopyObject", Some(target_key));
    let copied = async {
        let described = bucket
            .describe_in(source_bucket, &source.key, source.version_id.clone())
            .await
            .map_err(|failure| failure.with_outcome(Outcome::NotDone).with_context(source_context))?;
        let plan = Plan { source: &source, source_bucket, target_key, options: &options, described };
        copy_planned(bucket, &plan).await.map_err(|failure| failure.with_context(op_context))
    };
    op_context.trace(copied).await
}

async fn copy_planned(bucket: &Arc<BucketContext>, plan: &Plan<'_>) -> Result<ObjectInfo, OpError> {
    let source = &plan.described;
    source.refuse_plaintext(&bucket.policy)?;
    refuse_moving(bucket, plan)?;
    if plan.source_bucket != bucket.name && source.reply.range.total > MAX_SINGLE_REQUEST {
        let message = "an object above 5 GiB goes to another bucket by part copies, which the service refuses for encrypted objects";
        return Err(
            OpError::new(ErrorKind::Unsupported, message).with_hint("download it and upload it there")
        );
    }
    let headers = plan.options.headers.apply(&source.reply.metadata)?;
    let envelope: Vec<_> = if headers.is_some() { plan.envelope() } else { Vec::new() };
    let asked = match ask_to_copy(bucket, plan, headers.clone(), &envelope).await {
        Err(failure) if failure.code == ServiceCode::InvalidEncryptionRequest && !envelope.is_empty() => {
            tracing::debug!(key = plan.target_key, "the service keeps the envelope by itself");
            ask_to_copy(bucket, plan, headers.clone(), &[]).await
        }
        asked => asked,
    };
    // All copies of an object look alike, so an unknown outcome cannot be resolved by looking.
    let version = asked.map_err(|failure| copy_refused(bucket, plan, failure))?;
    let target = described_copy(bucket, plan, version).await.map_err(OpError::with_unknown_outcome)?;
    if let Some(target) = target {
        return target.info(plan.target_key, bucket.keyring.as_ref());
    }
    if plan.is_in_place(&bucket.name) && !plan.envelope().is_empty() {
        return Err(put_envelope_back(bucket, plan, headers).await);
    }
    Err(differs("do not rely on the copy"))
}

/// A copy of a bound object opens at one place alone.
fn refuse_moving(bucket: &Arc<BucketContext>, plan: &Plan<'_>) -> Result<(), OpError> {
    let context = plan.described.envelope.as_ref().and_then(Envelope::context);
    let Some(binding) = context.map(|context| &context.binding) else { return Ok(()) };
    let target = Place::object(&bucket.name, plan.target_key);
    if plan.options.allow_moved || binding.holds_at(target) {
        return Ok(());
    }
    let message = format!(
        "the object is sealed as {binding}, and a copy would be {target}, where it cannot be decrypted"
    );
    Err(OpError::new(ErrorKind::WrongLocation, message)
        .with_hint("download it and upload it there, or allow moved objects"))
}

/// Gives the version that was made, in buckets that have them.
async fn ask_to_copy(
    bucket: &Arc<BucketContext>,
    plan: &Plan<'_>,
    headers: Option<Metadata>,
    envelope: &[(String, Vec<u8>)],
) -> Result<Option<String>, OpError> {
    let etag = Some(plan.described.reply.etag.clone()).filter(|etag| !etag.is_empty());
    let replace_metadata = headers.is_some();
    let mut metadata = headers.unwrap_or_default();
    metadata.0.extend_from_slice(envelope);
    let class = plan.options.storage_class.map(|class| class.wire_name().to_owned()).or_else(|| {
        // A change of headers is no change of class.
        let current = &plan.described.reply.storage_class;
        (plan.is_in_place(&bucket.name) && !current.is_empty()).then(|| current.clone())
    });
    if let Some(class) = class {
        metadata.push("x-oss-storage-class", class);
    }
    if let Some(acl) = plan.options.acl {
        metadata.push("x-oss-object-acl", acl.wire_name());
    }
    let call = Call::CopyObject(CopyObject {
        source_bucket: plan.source_bucket.to_owned(),
        source_key: plan.source.key.clone(),
        source_version: plan.source.version_id.clone(),
        replace_metadata,
        metadata,
        forbid_overwrite: plan.options.forbid_overwrite,
        conditions: Conditions { if_match: etag, ..Conditions::default() },
        ..CopyObject::default()
    });
    let reply = bucket.store.call(Some(&bucket.name), Some(plan.target_key), call, Payload::None).await?;
    let (status, headers) = (reply.status, reply.headers.clone());
    let document = reply.document().await?;
    if let Some(error) = late_error(status, &headers, &document) {
        return Err(OpError::from_error_in_body(error));
    }
    CopyResult::from_xml(&document).map_err(ReplyError::Xml)?;
    Ok(CopyReply::from_head(&headers)?.version_id)
}

/// The copy, if it is one.
async fn described_copy(
    bucket: &Arc<BucketContext>,
    plan: &Plan<'_>,
    version: Option<String>,
) -> Result<Option<Described>, OpError> {
    let source = &plan.described;
    match bucket.describe(plan.target_key, version).await {
        Ok(target) => {
            let same =
                target.envelope == source.envelope && target.reply.range.total == source.reply.range.total;
            Ok(same.then_some(target))
        }
        Err(failure) if matches!(failure.kind, ErrorKind::NotEncrypted | ErrorKind::Envelope) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Puts the envelope back on an object that lost it when it was copied onto itself. Without it the object cannot be opened.
async fn put_envelope_back(
    bucket: &Arc<BucketContext>,
    plan: &Plan<'_>,
    headers: Option<Metadata>,
) -> OpError {
    let known = Metadata(
        plan.described
            .reply
            .metadata
            .0
            .iter()
            .filter(|(name, _)| !is_envelope_header(name))
            .cloned()
            .collect(),
    );
    let headers = Some(headers.unwrap_or(known));
    let again = ask_to_copy(bucket, plan, headers, &plan.envelope()).await;
    let version = again.as_ref().ok().cloned().flatten();
    match (again, described_copy(bucket, plan, version).await) {
        (Ok(_), Ok(Some(_))) => OpError::new(
            ErrorKind::Protocol,
            "the store dropped the object's envelope with the change of headers; it was put back",
        )
        .with_hint("this store does not protect envelopes: do not change headers of encrypted objects in it")
        .with_unknown_outcome(),
        _ => differs(
            "the object cannot be opened any more unless its envelope is put back; restore it from a copy or an earlier version",
        ),
    }
}

fn copy_refused(bucket: &Arc<BucketContext>, plan: &Plan<'_>, failure: OpError) -> OpError {
    if failure.code == ServiceCode::InvalidEncryptionRequest && plan.is_in_place(&bucket.name) {
        return failure.with_hint(
            "the service does not change headers of an encrypted object in place: copy it to another key with the new headers",
        );
    }
    failure
}

impl Plan<'_> {
    /// The source's envelope exactly as it is stored.
    fn envelope(&self) -> Vec<(String, Vec<u8>)> {
        let all = self.described.reply.metadata.0.iter();
        all.filter(|(name, _)| is_envelope_header(name)).cloned().collect()
    }

    fn is_in_place(&self, bucket: &str) -> bool {
        self.source_bucket == bucket && self.source.key == self.target_key
    }
}

fn differs(hint: &'static str) -> OpError {
    OpError::new(ErrorKind::Protocol, "the copy's envelope or size differs from the source's")
        .with_hint(hint)
        .with_unknown_outcome()
}
