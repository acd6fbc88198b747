//! Pages of listings, validated against their requests.

use std::collections::HashSet;

use super::escape;
use super::range::digits;
use super::reply::{ReplyError, is_upload_id};
use super::request::{ListMultipartUploads, ListObjects};
use super::xml::{ListMultipartUploadsResult, ListObjectsResult, ListPartsResult};

/// Encodes a name for `encoding-type=url`.
pub fn url_encode(name: &str) -> String {
    escape::path(name)
}

/// An object in a listing. Listings carry no metadata, so the plaintext size is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedObject {
    /// The key, decoded.
    pub key: String,
    /// Stored bytes.
    pub stored_size: u64,
    /// ETag with its quotes.
    pub etag: String,
    /// ISO 8601, as the service wrote it; may be empty.
    pub last_modified: String,
    /// `Normal`, `Multipart`, …
    pub object_type: String,
    /// Such as `Standard`.
    pub storage_class: String,
}

/// A page of objects. Validated: every key has the prefix of the request and is greater than those
/// of the previous page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectPage {
    /// Objects, by key in ascending byte order.
    pub objects: Vec<ListedObject>,
    /// Common prefixes, up to and including the delimiter.
    pub prefixes: Vec<String>,
    /// Marker of the next page; `None` on the last one.
    pub next: Option<String>,
}

/// An unfinished multipart upload in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedUpload {
    /// Key of the object, decoded.
    pub key: String,
    /// Identifier of the upload. Opaque.
    pub upload_id: String,
    /// Start of the upload, ISO 8601 as the service wrote it; may be empty.
    pub initiated: String,
    /// Such as `Standard`.
    pub storage_class: String,
}

/// A page of multipart uploads. Validated: every key has the prefix of the request, and no upload
/// is repeated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UploadPage {
    /// Uploads by key; those of one key in the order of the service.
    pub uploads: Vec<ListedUpload>,
    /// Common prefixes, up to and including the delimiter.
    pub prefixes: Vec<String>,
    /// Marker of the next page; `None` on the last one.
    pub next: Option<UploadMarker>,
}

/// A position in a listing of uploads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadMarker {
    /// Last key of the previous page.
    pub key: String,
    /// Last upload of that key; empty to continue with the next key.
    pub upload_id: String,
}

impl ListObjectsResult {
    /// Validates the page against its request. `last` is the last key of the previous page.
    ///
    /// # Errors
    /// [`ReplyError::Listing`]: another bucket, a key or common prefix without the prefix, keys
    /// that are repeated or not ascending, an invalid size, a name that cannot be decoded, a
    /// continuation that is missing or does not advance.
    pub fn checked(
        &self,
        bucket: &str,
        request: &ListObjects,
        last: Option<&str>,
    ) -> Result<ObjectPage, ReplyError> {
        let inconsistent = |reason| ReplyError::Listing { reason };
        if !self.name.is_empty() && self.name != bucket {
            return Err(inconsistent("the bucket is another"));
        }
        let decode = |text: &str| decode(&self.encoding_type, text).map_err(inconsistent);
        let mut page = ObjectPage::default();
        let mut before = last.map(str::to_owned);
        for entry in &self.contents {
            let key = decode(&entry.key)?;
            if key.is_empty() || !key.starts_with(&request.prefix) {
                return Err(inconsistent("a key lacks the prefix"));
            }
            if before.as_ref().is_some_and(|before| *before >= key) {
                return Err(inconsistent("keys are repeated or out of order"));
            }
            before = Some(key.clone());
            page.objects.push(ListedObject {
                key,
                stored_size: digits(&entry.size).ok_or(inconsistent("a size is not a number"))?,
                etag: entry.etag.clone(),
                last_modified: entry.last_modified.clone(),
                object_type: entry.object_type.clone(),
                storage_class: entry.storage_class.clone(),
            });
        }
        for group in &self.common_prefixes {
            let prefix = decode(&group.prefix)?;
            if !prefix.starts_with(&request.prefix) {
                return Err(inconsistent("a common prefix lacks the prefix"));
            }
            page.prefixes.push(prefix);
        }
        if self.is_truncated {
            let next = if request.version_1 {
                decode(&self.next_marker)?
            } else {
                self.next_continuation_token.clone()
            };
            let same = if request.version_1 {
                next <= request.start_after
            } else {
                next == request.continuation_token
            };
            if next.is_empty() || same {
                return Err(inconsistent("its continuation is missing or does not advance"));
            }
            page.next = Some(next);
        }
        Ok(page)
    }
}

impl ListMultipartUploadsResult {
    /// Validates the page against its request.
    ///
    /// # Errors
    /// [`ReplyError::Listing`]: another bucket, a key or common prefix without the prefix, keys out
    /// of order, uploads that are repeated or precede the page, an invalid identifier, a name that
    /// cannot be decoded, a continuation that is missing or does not advance.
    pub fn checked(&self, bucket: &str, request: &ListMultipartUploads) -> Result<UploadPage, ReplyError> {
        let inconsistent = |reason| ReplyError::Listing { reason };
        if !self.bucket.is_empty() && self.bucket != bucket {
            return Err(inconsistent("the bucket is another"));
        }
        let decode = |text: &str| decode(&self.encoding_type, text).map_err(inconsistent);
        let mut page = UploadPage::default();
        for entry in &self.uploads {
            page.uploads.push(ListedUpload {
                key: decode(&entry.key)?,
                upload_id: entry.upload_id.clone(),
                initiated: entry.initiated.clone(),
                storage_class: entry.storage_class.clone(),
            });
        }
        for group in &self.common_prefixes {
            page.prefixes.push(decode(&group.prefix)?);
        }
        if page.prefixes.iter().any(|group| !group.starts_with(&request.prefix)) {
            return Err(inconsistent("a common prefix lacks the prefix"));
        }
        check_uploads(&page.uploads, request).map_err(inconsistent)?;
        if self.is_truncated {
            let next = UploadMarker {
                key: decode(&self.next_key_marker)?,
                upload_id: self.next_upload_id_marker.clone(),
            };
            let last = page.uploads.last().map_or("", |upload| upload.key.as_str());
            let stays = next.key == request.key_marker
                && (next.upload_id.is_empty() || next.upload_id == request.upload_id_marker);
            if next.key.is_empty() || next.key < request.key_marker || next.key.as_str() < last || stays {
                return Err(inconsistent("its continuation is missing or does not advance"));
            }
            page.next = Some(next);
        }
        Ok(page)
    }
}

/// Checks keys and identifiers. The order of uploads of one key is not specified and not checked.
fn check_uploads(uploads: &[ListedUpload], request: &ListMultipartUploads) -> Result<(), &'static str> {
    let (mut seen, mut before) = (HashSet::new(), request.key_marker.as_str());
    for upload in uploads {
        let (key, id) = (upload.key.as_str(), upload.upload_id.as_str());
        if key.is_empty() || !key.starts_with(&request.prefix) {
            return Err("a key lacks the prefix");
        }
        if !is_upload_id(id) {
            return Err("an upload has no usable identifier");
        }
        let repeats_marker = key == request.key_marker
            && (request.upload_id_marker.is_empty() || id == request.upload_id_marker);
        if key < before || repeats_marker || !seen.insert((key, id)) {
            return Err("uploads are repeated or out of order");
        }
        before = key;
    }
    Ok(())
}

/// Decodes a name as the encoding type of the document requires.
pub(super) fn decode(encoding_type: &str, text: &str) -> Result<String, &'static str> {
    match encoding_type {
        "" => Ok(text.to_owned()),
        "url" => escape::decode_query(text).ok_or("a name is not UTF-8"),
        _ => Err("the encoding type is unknown"),
    }
}

impl ListPartsResult {
    /// Validates a page of parts: numbers from 1 to 10,000, ascending and greater than `marker`; a
    /// continuation that advances.
    ///
    /// # Errors
    /// [`ReplyError::Listing`].
    pub fn checked(&self, marker: u32) -> Result<(), ReplyError> {
        let inconsistent = |reason| ReplyError::Listing { reason };
        let mut before = marker;
        for part in &self.parts {
            if part.part_number <= before || part.part_number > 10_000 {
                return Err(inconsistent("part numbers are repeated, out of order or out of range"));
            }
            before = part.part_number;
        }
        if self.is_truncated && self.next_part_number_marker <= marker {
            return Err(inconsistent("its continuation is missing or does not advance"));
        }
        Ok(())
    }
}
