//! Listings of unfinished uploads and of their parts.

use std::sync::Arc;

use osseal_wire::oss::UploadPage;
use osseal_wire::oss::reply::ReplyError;
use osseal_wire::oss::request::{Call, ListMultipartUploads, ListParts};
use osseal_wire::oss::xml::{ListMultipartUploadsResult, ListPartsResult, PartEntry};

use crate::error::OpError;
use crate::object::context::BucketContext;
use crate::object::options::ListUploadsOptions;
use crate::upload::checkpoint::Checkpoint;

/// Parts in a page of the service; as many pages as that makes, and some.
const MAX_PAGES: u32 = 100;

/// Lists the parts of an upload. The flag says whether every page carries the envelope of the checkpoint, if one is given.
pub(crate) async fn parts_of(
    bucket: &Arc<BucketContext>,
    key: &str,
    id: &str,
    of: Option<&Checkpoint>,
) -> Result<(Vec<PartEntry>, bool), OpError> {
    let (mut parts, mut marker) = (Vec::new(), 0);
    for _ in 0..MAX_PAGES {
        let list = ListParts {
            upload_id: id.to_owned(),
            part_number_marker: (marker > 0).then_some(marker),
            max_parts: Some(1000),
            ..ListParts::default()
        };
        let page = bucket.document(Some(key), Call::ListParts(list)).await?;
        let page = ListPartsResult::from_xml(&page).map_err(ReplyError::Xml)?;
        page.checked(marker)?;
        if of.is_some_and(|of| !of.is_of(&page)) {
            return Ok((parts, false));
        }
        parts.extend(page.parts);
        if !page.is_truncated {
            return Ok((parts, true));
        }
        marker = page.next_part_number_marker;
    }
    Err(ReplyError::Listing { reason: "it has more pages than an upload can fill" }.into())
}

pub(crate) async fn page_of_uploads(
    bucket: &Arc<BucketContext>,
    options: &ListUploadsOptions,
) -> Result<UploadPage, OpError> {
    let marker = options.after.clone().unwrap_or_default();
    let request = ListMultipartUploads {
        prefix: options.prefix.clone(),
        delimiter: String::new(),
        key_marker: marker.key,
        upload_id_marker: marker.upload_id,
        max_uploads: Some(options.max_uploads.unwrap_or(1000)),
        url_encoding: true,
    };
    let document = bucket.document(None, Call::ListMultipartUploads(request.clone())).await?;
    let page = ListMultipartUploadsResult::from_xml(&document).map_err(ReplyError::Xml)?;
    Ok(page.checked(&bucket.name, &request)?)
}
