//! Replies about versions and removals, checked against the requests that they answer.

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

/// The identifier of the version that is made where no versions are.
pub const NULL_VERSION: &str = "null";
/// Longest version identifier that is believed, in bytes.
const MAX_VERSION_ID: usize = 1024;

/// One version of an object, or a delete marker.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedVersion {
    /// The key, decoded.
    pub key: String,
    /// The version's identifier. Opaque.
    pub version_id: String,
    /// Whether it is what is met when no version is asked for.
    pub is_latest: bool,
    /// ISO 8601 as the service wrote it; may be empty.
    pub last_modified: String,
    /// What is stored; none for a delete marker.
    pub stored: Option<StoredVersion>,
}

/// What is stored as a version. A listing has no metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredVersion {
    /// Stored bytes.
    pub stored_size: u64,
    /// Quoted.
    pub etag: String,
    /// `Normal`, `Multipart`, …
    pub object_type: String,
    /// Such as `Standard`.
    pub storage_class: String,
}

/// A page that fits its request: every key has the prefix, and every entry comes after the page before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VersionPage {
    /// Versions and delete markers by key, those of one key in the order in which the service has them: newest first.
    pub versions: Vec<ListedVersion>,
    /// Beginnings of keys that the delimiter cuts off.
    pub prefixes: Vec<String>,
    /// Where the next page begins; none when this was the last.
    pub next: Option<VersionMarker>,
}

/// A place in a listing of versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VersionMarker {
    /// The last key.
    pub key: String,
    /// The last version of that key; empty when the listing goes on with the next key.
    pub version_id: String,
}

impl VersioningConfiguration {
    /// The state; none for a bucket that never had versions.
    ///
    /// # Errors
    /// [`ReplyError::Contents`]: a state that the service does not have.
    pub fn state(&self) -> Result<Option<Versioning>, ReplyError> {
        if self.status.is_empty() {
            return Ok(None);
        }
        let unknown = ReplyError::Contents { reason: "a versioning state that is unknown" };
        Versioning::parse(&self.status).map(Some).ok_or(unknown)
    }
}

impl ListVersionsResult {
    /// Checks the page against its request.
    ///
    /// # Errors
    /// [`ReplyError::Listing`]: another bucket, a key or prefix outside the prefix, keys out of order, versions that are doubled or come before
    /// the page, several latest versions of a key, an identifier or a size that is none, a name that is not decodable, a continuation that is missing or
    /// leads nowhere.
    pub fn checked(&self, bucket: &str, request: &ListObjectVersions) -> Result<VersionPage, ReplyError> {
        let untrue = |reason| ReplyError::Listing { reason };
        if !self.name.is_empty() && self.name != bucket {
            return Err(untrue("it is of another bucket"));
        }
        let decode = |text: &str| decode(&self.encoding_type, text).map_err(untrue);
        let mut page = VersionPage::default();
        for entry in &self.entries {
            match entry {
                VersionsEntry::Version(version) => page.versions.push(ListedVersion {
                    key: decode(&version.key)?,
                    version_id: version.version_id.clone(),
                    is_latest: version.is_latest,
                    last_modified: version.last_modified.clone(),
                    stored: Some(StoredVersion {
                        stored_size: digits(&version.size).ok_or(untrue("a size is no number"))?,
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
            return Err(untrue("a group lies outside the prefix"));
        }
        check_entries(&page.versions, request).map_err(untrue)?;
        // Some services list versions and markers apart.
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
                return Err(untrue("its continuation is missing or leads nowhere"));
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
                return Err("a key lies outside the prefix");
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

/// Head of the answer to DeleteObject, and what DeleteMultipleObjects says of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteReply {
    /// The delete marker that was made or, where a version was asked for, the version that is gone. None in buckets without versions.
    pub version_id: Option<String>,
    /// Whether a marker was made or, where a version was asked for, removed.
    pub is_marker: bool,
}

impl DeleteReply {
    /// Reads a head with a status of success.
    pub fn from_head(headers: &HeaderMap) -> Result<DeleteReply, ReplyError> {
        let headers = StrictHeaders::new(headers)?;
        let is_marker = match headers.one(DELETE_MARKER)? {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(ReplyError::MalformedHeader { name: DELETE_MARKER }),
        };
        Ok(DeleteReply { version_id: headers.one(VERSION_ID)?.map(str::to_owned), is_marker })
    }

    /// The headers that say this.
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

/// Head of the answer to CopyObject.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopyReply {
    /// The version that was made, in buckets that have them.
    pub version_id: Option<String>,
    /// The version that was copied, in buckets that have them.
    pub source_version_id: Option<String>,
}

impl CopyReply {
    /// Reads a head with a status of success.
    pub fn from_head(headers: &HeaderMap) -> Result<CopyReply, ReplyError> {
        let headers = StrictHeaders::new(headers)?;
        let owned = |name| headers.one(name).map(|value| value.map(str::to_owned));
        Ok(CopyReply { version_id: owned(VERSION_ID)?, source_version_id: owned(SOURCE_VERSION_ID)? })
    }

    /// The headers that say this.
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

/// What became of one object or version that DeleteMultipleObjects was to remove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It is gone or marked.
    Removed(DeleteReply),
    /// The service refused.
    Refused {
        /// Its name for the refusal; may be empty.
        code: String,
        /// Its words.
        message: String,
    },
    /// The reply does not mention it, and was to mention all.
    Unanswered,
}

impl DeleteResult {
    /// Reads the document of a success. The service sends none when it has nothing to say.
    pub fn from_reply(body: &[u8]) -> Result<DeleteResult, ReplyError> {
        if body.trim_ascii().is_empty() {
            return Ok(DeleteResult::default());
        }
        DeleteResult::from_xml(body).map_err(ReplyError::Xml)
    }

    /// What became of each object of the request, in its order.
    ///
    /// # Errors
    /// [`ReplyError::Contents`]: a name that the request does not have, or that is both removed and refused, or is not decodable. What was removed is
    /// then unknown.
    pub fn checked(&self, request: &DeleteRequest) -> Result<Vec<Removal>, ReplyError> {
        let untrue = |reason| ReplyError::Contents { reason };
        let asked: HashSet<_> = request.objects.iter().map(named).collect();
        let mut answers = BTreeMap::new();
        let mut answer = |key: &str, version: &str, removal: Removal| {
            let name = (decode(&self.encoding_type, key).map_err(untrue)?, version.to_owned());
            if !asked.contains(&name) {
                return Err(untrue("it names an object that was not to be removed"));
            }
            match answers.insert(name, removal.clone()) {
                Some(before) if before != removal => Err(untrue("it says two things of one object")),
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
            answer(&entry.key, &entry.version_id, Removal::Removed(reply))?;
        }
        for error in &self.errors {
            let refused = Removal::Refused { code: error.code.clone(), message: error.message.clone() };
            answer(&error.key, &error.version_id, refused)?;
        }
        let silence =
            if request.quiet { Removal::Removed(DeleteReply::default()) } else { Removal::Unanswered };
        let of = |object| answers.get(&named(object)).unwrap_or(&silence).clone();
        Ok(request.objects.iter().map(of).collect())
    }
}

/// Key and version, empty where there is none.
fn named(object: &ObjectName) -> (String, String) {
    (object.key.clone().unwrap_or_default(), object.version_id.clone().unwrap_or_default())
}
