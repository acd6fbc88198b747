//! Listings of objects.

use std::sync::Arc;

use osseal_wire::oss::ObjectPage;
use osseal_wire::oss::reply::ReplyError;
use osseal_wire::oss::request::{Call, ListObjects};
use osseal_wire::oss::xml::ListObjectsResult;

use crate::error::{Error, OpError};
use crate::object::context::BucketContext;
use crate::object::options::ListOptions;

/// One page of objects, checked against the request.
pub(crate) async fn list(bucket: &Arc<BucketContext>, options: &ListOptions) -> Result<ObjectPage, Error> {
    let request = ListObjects {
        prefix: options.prefix.clone(),
        delimiter: options.delimiter.clone(),
        start_after: options.start_after.clone(),
        continuation_token: options.continuation.clone().unwrap_or_default(),
        max_keys: Some(options.max_keys.unwrap_or(1000)),
        // Keys may hold characters that XML 1.0 cannot.
        url_encoding: true,
        version_1: false,
    };
    let page = async {
        let document = bucket.document(None, Call::ListObjects(request.clone())).await?;
        let after = Some(options.start_after.as_str()).filter(|key| !key.is_empty());
        let page = ListObjectsResult::from_xml(&document).map_err(ReplyError::Xml)?;
        Ok::<_, OpError>(page.checked(&bucket.name, &request, after)?)
    };
    bucket.op_context("ListObjects", None).run(page).await
}
