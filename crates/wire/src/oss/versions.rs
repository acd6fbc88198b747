//! Replies about versions and deletions, validated against their requests.

use std::collections::{BTreeMap, HashSet};

use http::HeaderMap;

use super::header::{DELETE_MARKER, InvalidHeader, VERSION_ID, set};
use super::listing::decode;
use super::range::digits;
use super::reply_error::ReplyError;
use super::request::{ListObjectVersions, Versioning};
use super::strict_headers::StrictHeaders;
use super::xml::{
    DeleteRequest, DeleteResult, ListVersionsResult, ObjectName, VersioningConfiguration, VersionsEntry,
};

/// Version ID of objects that were written without versioning.
pub const NULL_VERSION: &str = "null";
/// Longest version ID that is accepted, in bytes.
const MAX_VERSION_ID: usize = 1024;

/// A version of an object or a delete marker, in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedVersion {
    /// The key, decoded.
    pub key: String,
    /// Version ID. Opaque.
    pub version_id: String,
    /// Whether requests without a version ID read this version.
    pub is_latest: bool,
    /// ISO 8601, as the service wrote it; may be empty.
    pub last_modified: String,
    /// Stored object; `None` for a delete marker.
    pub stored: Option<StoredVersion>,
}

/// The stored object of a version. Listings carry no metadata, so the plaintext size is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredVersion {
    /// Stored bytes.
    pub stored_size: u64,
    /// ETag with its quotes.
    pub etag: String,
    /// `Normal`, `Multipart`, …
    pub object_type: String,
    /// Such as `Standard`.
    pub storage_class: String,
}

/// A page of versions. Validated: every key has the prefix of the request, and no version is
/// repeated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VersionPage {
    /// Versions and delete markers by key; those of one key newest first.
    pub versions: Vec<ListedVersion>,
    /// Common prefixes, up to and including the delimiter.
    pub prefixes: Vec<String>,
    /// Marker of the next page; `None` on the last one.
    pub next: Option<VersionMarker>,
}

/// A position in a listing of versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VersionMarker {
    /// Last key of the previous page.
    pub key: String,
    /// Last version of that key; empty to continue with the next key.
    pub version_id: String,
}

impl VersioningConfiguration {
    /// The state; `None` for a bucket that never had versioning.
    ///
    /// # Errors
    /// [`ReplyError::Contents`] for an unknown state.
    pub fn state(&self) -> Result<Option<Versioning>, ReplyError> {
        if self.status.is_empty() {
            return Ok(None);
        }
        let unknown = ReplyError::Contents { reason: "the versioning state is unknown" };
        Versioning::parse(&self.status).map(Some).ok_or(unknown)
    }
}

impl ListVersionsResult {
    /// Validates the page against its request.
    ///
    /// # Errors
    /// [`ReplyError::Listing`]: another bucket, a key or common prefix without the prefix, keys out
    /// of order, versions that are repeated or precede the page, several latest versions of a key,
    /// an invalid identifier or size, a name that cannot be decoded, a continuation that is missing
    /// or does not advance.
    pub fn checked(&self, bucket: &str, request: &ListObjectVersions) -> Result<VersionPage, ReplyError> {
        let inconsistent = |reason| ReplyError::Listing { reason };
        if !self.name.is_empty() && self.name != bucket {
            return Err(inconsistent("the bucket is another"));
        }
        let decode = |text: &str| decode(&self.encoding_type, text).map_err(inconsistent);
        let mut page = VersionPage::default();
        for entry in &self.entries {
            match entry {
                VersionsEntry::Version(version) => page.versions.push(ListedVersion {
                    key: decode(&version.key)?,
                    version_id: version.version_id.clone(),
                    is_latest: version.is_latest,
                    last_modified: version.last_modified.clone(),
                    stored: Some(StoredVersion {
                        stored_size: digits(&version.size).ok_or(inconsistent("a size is not a number"))?,
                        etag: version.etag.clone(),
                        object_type: version.object_type.clone(),
                        storage_class: version.storage_class.clone(),
                    }),
                }),
                VersionsEntry::DeleteMarker(marker) => page.versions.push(ListedVersion {
                    key: decode(&marker.key)?,
                    version_id: marker.version_id.clone(),
                    is_latest: marker.is_latest,
                    last_modified: marker.last_modified.clone(),
                    stored: None,
                }),
                VersionsEntry::CommonPrefixes(group) => page.prefixes.push(decode(&group.prefix)?),
                VersionsEntry::Other => {}
            }
        }
        if page.prefixes.iter().any(|group| !group.starts_with(&request.prefix)) {
            return Err(inconsistent("a common prefix lacks the prefix"));
        }
        check_entries(&page.versions, request).map_err(inconsistent)?;
        // Some services list versions and markers separately; the sort is stable and merges them by
        // key.
        page.versions.sort_by(|one, other| one.key.cmp(&other.key));
        if self.is_truncated {
            let next = VersionMarker {
                key: decode(&self.next_key_marker)?,
                version_id: self.next_version_id_marker.clone(),
            };
            let last = page.versions.last().map_or("", |version| version.key.as_str());
            let stays = next.key == request.key_marker
                && (next.version_id.is_empty() || next.version_id == request.version_id_marker);
            if next.key.is_empty() || next.key < request.key_marker || next.key.as_str() < last || stays {
                return Err(inconsistent("its continuation is missing or does not advance"));
            }
            page.next = Some(next);
        }
        Ok(page)
    }
}

fn check_entries(versions: &[ListedVersion], request: &ListObjectVersions) -> Result<(), &'static str> {
    let (mut seen, mut latest) = (HashSet::new(), HashSet::new());
    for is_marker in [false, true] {
        let mut before = request.key_marker.as_str();
        for version in versions.iter().filter(|version| version.stored.is_none() == is_marker) {
            let (key, id) = (version.key.as_str(), version.version_id.as_str());
            if key.is_empty() || !key.starts_with(&request.prefix) {
                return Err("a key lacks the prefix");
            }
            if !is_version_id(id) {
                return Err("a version has no usable identifier");
            }
            let repeats_marker = key == request.key_marker
                && (request.version_id_marker.is_empty() || id == request.version_id_marker);
            if key < before || repeats_marker || !seen.insert((key, id)) {
                return Err("versions are repeated or out of order");
            }
            if version.is_latest && !latest.insert(key) {
                return Err("a key has several latest versions");
            }
            before = key;
        }
    }
    Ok(())
}

fn is_version_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= MAX_VERSION_ID && !id.chars().any(char::is_control)
}

/// Reply to DeleteObject, and to DeleteMultipleObjects about one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteReply {
    /// Version ID of the created delete marker or, if the request named a version, of the deleted
    /// version. `None` in buckets without versioning.
    pub version_id: Option<String>,
    /// Whether a delete marker was created or, if the request named a version, deleted.
    pub is_marker: bool,
}

impl DeleteReply {
    /// Reads the head of a successful reply.
    ///
    /// # Errors
    /// [`ReplyError`] for headers that are missing, repeated or malformed.
    pub fn from_head(headers: &HeaderMap) -> Result<DeleteReply, ReplyError> {
        let headers = StrictHeaders::new(headers)?;
        let is_marker = match headers.one(DELETE_MARKER)? {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(ReplyError::MalformedHeader { name: DELETE_MARKER }),
        };
        Ok(DeleteReply { version_id: headers.one(VERSION_ID)?.map(str::to_owned), is_marker })
    }

    /// Writes the headers.
    pub fn to_headers(&self) -> Result<HeaderMap, InvalidHeader> {
        let mut headers = HeaderMap::new();
        if let Some(version) = &self.version_id {
            set(&mut headers, VERSION_ID, version)?;
        }
        if self.is_marker {
            set(&mut headers, DELETE_MARKER, "true")?;
        }
        Ok(headers)
    }
}

/// Head of the reply to CopyObject.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopyReply {
    /// Version ID of the copy, in buckets with versioning.
    pub version_id: Option<String>,
    /// Version ID of the source, in buckets with versioning.
    pub source_version_id: Option<String>,
}

impl CopyReply {
    /// Reads the head of a successful reply.
    ///
    /// # Errors
    /// [`ReplyError`] for headers that are missing, repeated or malformed.
    pub fn from_head(headers: &HeaderMap) -> Result<CopyReply, ReplyError> {
        let headers = StrictHeaders::new(headers)?;
        let owned = |name| headers.one(name).map(|value| value.map(str::to_owned));
        Ok(CopyReply { version_id: owned(VERSION_ID)?, source_version_id: owned(SOURCE_VERSION_ID)? })
    }

    /// Writes the headers.
    pub fn to_headers(&self) -> Result<HeaderMap, InvalidHeader> {
        let mut headers = HeaderMap::new();
        for (name, version) in [(VERSION_ID, &self.version_id), (SOURCE_VERSION_ID, &self.source_version_id)]
        {
            if let Some(version) = version {
                set(&mut headers, name, version)?;
            }
        }
        Ok(headers)
    }
}

const SOURCE_VERSION_ID: &str = "x-oss-copy-source-version-id";

/// Result of DeleteMultipleObjects for one object or version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeletionResult {
    /// Deleted, or hidden by a delete marker.
    Deleted(DeleteReply),
    /// The service returned an error.
    Failed {
        /// Error code; may be empty.
        code: String,
        /// Message of the service.
        message: String,
    },
    /// The reply does not mention it although the request asked for all results.
    Unreported,
}

impl DeleteResult {
    /// Parses the document of a successful reply. The service sends an empty body when it has
    /// nothing to report.
    ///
    /// # Errors
    /// [`ReplyError::Xml`].
    pub fn from_reply(body: &[u8]) -> Result<DeleteResult, ReplyError> {
        if body.trim_ascii().is_empty() {
            return Ok(DeleteResult::default());
        }
        DeleteResult::from_xml(body).map_err(ReplyError::Xml)
    }

    /// Results in the order of the objects of the request.
    ///
    /// # Errors
    /// [`ReplyError::Contents`]: a name that the request lacks, contradicting results for one name,
    /// a name that cannot be decoded. Which objects were deleted is then unknown.
    pub fn checked(&self, request: &DeleteRequest) -> Result<Vec<DeletionResult>, ReplyError> {
        let inconsistent = |reason| ReplyError::Contents { reason };
        let asked: HashSet<_> = request.objects.iter().map(named).collect();
        let mut answers = BTreeMap::new();
        let mut answer = |key: &str, version: &str, removal: DeletionResult| {
            let name = (decode(&self.encoding_type, key).map_err(inconsistent)?, version.to_owned());
            if !asked.contains(&name) {
                return Err(inconsistent("it names an object that the request lacks"));
            }
            match answers.insert(name, removal.clone()) {
                Some(before) if before != removal => {
                    Err(inconsistent("it has contradicting results for one object"))
                }
                _ => Ok(()),
            }
        };
        for entry in &self.deleted {
            let version =
                if entry.version_id.is_empty() { &entry.delete_marker_version_id } else { &entry.version_id };
            let reply = DeleteReply {
                version_id: Some(version.clone()).filter(|version| !version.is_empty()),
                is_marker: entry.delete_marker,
            };
            answer(&entry.key, &entry.version_id, DeletionResult::Deleted(reply))?;
        }
        for error in &self.errors {
            let refused = DeletionResult::Failed { code: error.code.clone(), message: error.message.clone() };
            answer(&error.key, &error.version_id, refused)?;
        }
        let silence = if request.quiet {
            DeletionResult::Deleted(DeleteReply::default())
        } else {
            DeletionResult::Unreported
        };
        let of = |object| answers.get(&named(object)).unwrap_or(&silence).clone();
        Ok(request.objects.iter().map(of).collect())
    }
}

/// Key and version ID; empty for none.
fn named(object: &ObjectName) -> (String, String) {
    (object.key.clone().unwrap_or_default(), object.version_id.clone().unwrap_or_default())
}
