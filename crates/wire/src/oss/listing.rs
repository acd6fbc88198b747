//! Pages of a listing, checked against the request that asked for them.

use std::collections::HashSet;

use super::escape;
use super::range::digits;
use super::reply::{ReplyError, is_upload_id};
use super::request::{ListMultipartUploads, ListObjects};
use super::xml::{ListMultipartUploadsResult, ListObjectsResult, ListPartsResult};

/// A name as `encoding-type=url` has it.
pub fn url_encode(name: &str) -> String {
    escape::path(name)
}

/// One object of a listing. A listing has no metadata: what is stored is known, what it holds is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedObject {
    /// The key, decoded.
    pub key: String,
    /// Stored bytes.
    pub stored_size: u64,
    /// Quoted.
    pub etag: String,
    /// ISO 8601 as the service wrote it; may be empty.
    pub last_modified: String,
    /// `Normal`, `Multipart`, …
    pub object_type: String,
    /// Such as `Standard`.
    pub storage_class: String,
}

/// A page that fits its request: every key has the prefix and comes after the page before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectPage {
    /// Objects by key, in ascending order of their bytes.
    pub objects: Vec<ListedObject>,
    /// Beginnings of keys that the delimiter cuts off.
    pub prefixes: Vec<String>,
    /// Where the next page begins; none when this was the last.
    pub next: Option<String>,
}

/// One unfinished multipart upload of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedUpload {
    /// The key that it is to be stored under, decoded.
    pub key: String,
    /// Its identifier. Opaque.
    pub upload_id: String,
    /// When it was begun, ISO 8601 as the service wrote it; may be empty.
    pub initiated: String,
    /// Such as `Standard`.
    pub storage_class: String,
}

/// A page that fits its request: every key has the prefix, and every upload comes after the page before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UploadPage {
    /// Uploads by key, those of one key in the order in which the service has them.
    pub uploads: Vec<ListedUpload>,
    /// Beginnings of keys that the delimiter cuts off.
    pub prefixes: Vec<String>,
    /// Where the next page begins; none when this was the last.
    pub next: Option<UploadMarker>,
}

/// A place in a listing of uploads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadMarker {
    /// The last key.
    pub key: String,
    /// The last upload of that key; empty when the listing goes on with the next key.
    pub upload_id: String,
}

impl ListObjectsResult {
    /// Checks the page against its request. `last` is the last key of the page before.
    ///
    /// # Errors
    /// [`ReplyError::Listing`]: another bucket, a key or prefix outside the prefix, keys that are doubled or not ascending, a size that
    /// is none, a name that is not decodable, a continuation that is missing or leads nowhere.
    pub fn checked(
        &self,
        bucket: &str,
        request: &ListObjects,
        last: Option<&str>,
    ) -> Result<ObjectPage, ReplyError> {
        let untrue = |reason| ReplyError::Listing { reason };
        if !self.name.is_empty() && self.name != bucket {
            return Err(untrue("it is of another bucket"));
        }
        let decode = |text: &str| decode(&self.encoding_type, text).map_err(untrue);
        let mut page = ObjectPage::default();
        let mut before = last.map(str::to_owned);
        for entry in &self.contents {
            let key = decode(&entry.key)?;
            if key.is_empty() || !key.starts_with(&request.prefix) {
                return Err(untrue("a key lies outside the prefix"));
            }
            if before.as_ref().is_some_and(|before| *before >= key) {
                return Err(untrue("keys are repeated or out of order"));
            }
            before = Some(key.clone());
            page.objects.push(ListedObject {
                key,
                stored_size: digits(&entry.size).ok_or(untrue("a size is no number"))?,
                etag: entry.etag.clone(),
                last_modified: entry.last_modified.clone(),
                object_type: entry.object_type.clone(),
                storage_class: entry.storage_class.clone(),
            });
        }
        for group in &self.common_prefixes {
            let prefix = decode(&group.prefix)?;
            if !prefix.starts_with(&request.prefix) {
                return Err(untrue("a group lies outside the prefix"));
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
                return Err(untrue("its continuation is missing or leads nowhere"));
            }
            page.next = Some(next);
        }
        Ok(page)
    }
}

impl ListMultipartUploadsResult {
    /// Checks the page against its request.
    ///
    /// # Errors
    /// [`ReplyError::Listing`]: another bucket, a key or prefix outside the prefix, keys out of order, uploads that are doubled or come before the page, an
    /// identifier that is none, a name that is not decodable, a continuation that is missing or leads nowhere.
    pub fn checked(&self, bucket: &str, request: &ListMultipartUploads) -> Result<UploadPage, ReplyError> {
        let untrue = |reason| ReplyError::Listing { reason };
        if !self.bucket.is_empty() && self.bucket != bucket {
            return Err(untrue("it is of another bucket"));
        }
        let decode = |text: &str| decode(&self.encoding_type, text).map_err(untrue);
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
            return Err(untrue("a group lies outside the prefix"));
        }
        check_uploads(&page.uploads, request).map_err(untrue)?;
        if self.is_truncated {
            let next = UploadMarker {
                key: decode(&self.next_key_marker)?,
                upload_id: self.next_upload_id_marker.clone(),
            };
            let last = page.uploads.last().map_or("", |upload| upload.key.as_str());
            let stays = next.key == request.key_marker
                && (next.upload_id.is_empty() || next.upload_id == request.upload_id_marker);
            if next.key.is_empty() || next.key < request.key_marker || next.key.as_str() < last || stays {
                return Err(untrue("its continuation is missing or leads nowhere"));
            }
            page.next = Some(next);
        }
        Ok(page)
    }
}

/// Uploads of one key have no order that would be promised.
fn check_uploads(uploads: &[ListedUpload], request: &ListMultipartUploads) -> Result<(), &'static str> {
    let (mut seen, mut before) = (HashSet::new(), request.key_marker.as_str());
    for upload in uploads {
        let (key, id) = (upload.key.as_str(), upload.upload_id.as_str());
        if key.is_empty() || !key.starts_with(&request.prefix) {
            return Err("a key lies outside the prefix");
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

/// A name as the encoding type says that it is written.
pub(super) fn decode(encoding_type: &str, text: &str) -> Result<String, &'static str> {
    match encoding_type {
        "" => Ok(text.to_owned()),
        "url" => escape::decode_query(text).ok_or("a name is not UTF-8"),
        _ => Err("its encoding type is unknown"),
    }
}

impl ListPartsResult {
    /// Checks a page of parts: numbers from 1 to 10,000, ascending and after `marker`; a continuation that leads on.
    pub fn checked(&self, marker: u32) -> Result<(), ReplyError> {
        let untrue = |reason| ReplyError::Listing { reason };
        let mut before = marker;
        for part in &self.parts {
            if part.part_number <= before || part.part_number > 10_000 {
                return Err(untrue("part numbers are repeated, out of order or out of range"));
            }
            before = part.part_number;
        }
        if self.is_truncated && self.next_part_number_marker <= marker {
            return Err(untrue("its continuation is missing or leads nowhere"));
        }
        Ok(())
    }
}
