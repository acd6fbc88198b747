//! Deletion of objects and versions, and listings of versions.

use std::sync::Arc;

use http::StatusCode;
use osseal_wire::oss::reply::ReplyError;
use osseal_wire::oss::request::{Call, DeleteMultipleObjects, DeleteObject, ListObjectVersions, MAX_DELETE};
use osseal_wire::oss::versions::DeletionResult;
use osseal_wire::oss::xml::{DeleteRequest, DeleteResult, ListVersionsResult, ObjectName};
use osseal_wire::oss::{DeleteReply, ServiceCode, ServiceError, VersionPage, printable};

use crate::error::{Error, OpError};
use crate::object::context::BucketContext;
use crate::object::options::{DeleteItem, ListVersionsOptions};
use crate::service::send::Payload;

/// The result of a deletion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteReport {
    /// The delete marker that was created or, if a version was given, the deleted version. `None` without versioning.
    pub version_id: Option<String>,
    /// Whether a delete marker was made or, where a version was asked for, removed.
    pub is_marker: bool,
}

/// The outcome of one of many deletions.
#[derive(Debug)]
pub struct DeleteOutcome {
    /// The item to delete.
    pub item: DeleteItem,
    /// The report, or the error.
    pub result: Result<DeleteReport, Error>,
}

pub(crate) async fn delete(bucket: &Arc<BucketContext>, key: &str) -> Result<DeleteReport, Error> {
    delete_with(bucket, key, DeleteObject::default()).await
}

pub(crate) async fn delete_version(
    bucket: &Arc<BucketContext>,
    key: &str,
    version_id: String,
) -> Result<DeleteReport, Error> {
    delete_with(bucket, key, DeleteObject { version_id: Some(version_id) }).await
}

pub(crate) async fn delete_many(
    bucket: &Arc<BucketContext>,
    mut items: Vec<DeleteItem>,
) -> Vec<DeleteOutcome> {
    let mut outcomes = Vec::with_capacity(items.len());
    while !items.is_empty() {
        let rest = items.split_off(items.len().min(MAX_DELETE));
        let batch = std::mem::replace(&mut items, rest);
        outcomes.extend(delete_batch(bucket, batch).await);
    }
    outcomes
}

pub(crate) async fn list_versions(
    bucket: &Arc<BucketContext>,
    options: &ListVersionsOptions,
) -> Result<VersionPage, Error> {
    let marker = options.after.clone().unwrap_or_default();
    let request = ListObjectVersions {
        prefix: options.prefix.clone(),
        delimiter: options.delimiter.clone(),
        key_marker: marker.key,
        version_id_marker: marker.version_id,
        max_keys: Some(options.max_keys.unwrap_or(1000)),
        url_encoding: true,
    };
    let page = async {
        let document = bucket.document(None, Call::ListObjectVersions(request.clone())).await?;
        let page = ListVersionsResult::from_xml(&document).map_err(ReplyError::Xml)?;
        Ok::<_, OpError>(page.checked(&bucket.name, &request)?)
    };
    bucket.op_context("ListObjectVersions", None).run(page).await
}

async fn delete_with(
    bucket: &Arc<BucketContext>,
    key: &str,
    delete: DeleteObject,
) -> Result<DeleteReport, Error> {
    let removed = async {
        let call = Call::DeleteObject(delete);
        let reply = bucket.store.call(Some(&bucket.name), Some(key), call, Payload::None).await?;
        let report = DeleteReply::from_head(&reply.headers)?;
        reply.document().await?;
        Ok::<_, OpError>(report.into())
    };
    bucket.op_context("DeleteObject", Some(key)).run(removed).await
}

async fn delete_batch(bucket: &Arc<BucketContext>, batch: Vec<DeleteItem>) -> Vec<DeleteOutcome> {
    let objects = batch
        .iter()
        .map(|item| ObjectName { key: Some(item.key.clone()), version_id: item.version_id.clone() });
    let delete = DeleteRequest { quiet: false, objects: objects.collect() };
    let removals =
        bucket.op_context("DeleteMultipleObjects", None).trace(ask_to_delete(bucket, &delete)).await;
    let outcome = |(position, item): (usize, DeleteItem)| {
        let result = match &removals {
            Ok(removals) => report(removals.get(position).cloned().unwrap_or(DeletionResult::Unreported)),
            Err(failure) => Err(failure.duplicate()),
        };
        let result = result.map_err(|failure| {
            failure.with_context(bucket.op_context("DeleteMultipleObjects", Some(&item.key)))
        });
        DeleteOutcome { item, result }
    };
    batch.into_iter().enumerate().map(outcome).collect()
}

async fn ask_to_delete(
    bucket: &Arc<BucketContext>,
    delete: &DeleteRequest,
) -> Result<Vec<DeletionResult>, OpError> {
    let call =
        Call::DeleteMultipleObjects(DeleteMultipleObjects { delete: delete.clone(), url_encoding: true });
    let document = bucket.document(None, call).await?;
    Ok(DeleteResult::from_reply(&document)?.checked(delete)?)
}

impl From<DeleteReply> for DeleteReport {
    fn from(reply: DeleteReply) -> DeleteReport {
        DeleteReport { version_id: reply.version_id, is_marker: reply.is_marker }
    }
}

fn report(removal: DeletionResult) -> Result<DeleteReport, OpError> {
    match removal {
        DeletionResult::Deleted(reply) => Ok(reply.into()),
        DeletionResult::Failed { code, message } => {
            // The document has no status for each; the codes of the service belong to these.
            let code = ServiceCode::from(printable(&code));
            let status = match code {
                ServiceCode::AccessDenied => StatusCode::FORBIDDEN,
                ServiceCode::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
                ServiceCode::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::BAD_REQUEST,
            };
            Err(ServiceError::new(status, code, printable(&message), "").into())
        }
        DeletionResult::Unreported => {
            let reason = "it does not mention the object";
            Err(ReplyError::Contents { reason }.into())
        }
    }
}
