//! Heads of replies, read strictly: a doubtful head is an error that names the header, never a guess.

use http::{HeaderMap, StatusCode};

use super::error::ServiceError;
use super::escape;
use super::header::{CRC64, InvalidHeader, NEXT_APPEND_POSITION, SYMLINK_TARGET, VERSION_ID, set};
use super::meta::Metadata;
use super::range::ContentRange;
use super::strict_headers::StrictHeaders;
use super::xml::{self, CompleteResult, InitiateResult};

pub use super::header::REQUEST_ID;
pub use super::reply_error::{MAX_HEADERS, ReplyError};

const TAG_COUNT: &str = "x-oss-tagging-count";
/// Longest upload identifier that is accepted, in bytes.
const MAX_UPLOAD_ID: usize = 1024;

/// Head of the answer to GetObject and HeadObject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectReply {
    /// The stored bytes that the body carries, and of how many. Of a 200 all of them; for an empty object `start == end == total == 0`.
    pub range: ContentRange,
    /// Whether it was a 206.
    pub is_partial: bool,
    /// Quoted; empty when absent.
    pub etag: String,
    /// CRC-64/XZ of the whole object, also in answer to a range.
    pub crc64: Option<u64>,
    /// As an HTTP date; empty when absent.
    pub last_modified: String,
    /// `Normal`, `Multipart`, `Appendable` or `Symlink`; empty when absent.
    pub object_type: String,
    /// Such as `Standard`; empty when absent.
    pub storage_class: String,
    /// The version, in buckets that have them.
    pub version_id: Option<String>,
    /// How many tags the object has; absent when it has none.
    pub tag_count: Option<u64>,
    /// Stored bytes so far, of an object that can grow.
    pub next_append_position: Option<u64>,
    /// The request's identifier; empty when absent.
    pub request_id: String,
    /// Headers kept with the object.
    pub metadata: Metadata,
}

impl ObjectReply {
    /// Reads a head with a status of success.
    pub fn from_head(status: StatusCode, headers: &HeaderMap) -> Result<ObjectReply, ReplyError> {
        let headers = StrictHeaders::new(headers)?;
        let length = headers.number("content-length")?;
        let range = match (status, headers.one("content-range")?) {
            (StatusCode::OK, None) => {
                let total = length.ok_or(ReplyError::MissingHeader { name: "content-length" })?;
                ContentRange { start: 0, end: total, total }
            }
            (StatusCode::PARTIAL_CONTENT, Some(value)) => {
                let range = ContentRange::parse(value)
                    .ok_or(ReplyError::MalformedHeader { name: "content-range" })?;
                if length.is_some_and(|length| length != range.end - range.start) {
                    return Err(ReplyError::MalformedHeader { name: "content-length" });
                }
                range
            }
            (StatusCode::PARTIAL_CONTENT, None) => {
                return Err(ReplyError::MissingHeader { name: "content-range" });
            }
            (StatusCode::OK, Some(_)) => return Err(ReplyError::MalformedHeader { name: "content-range" }),
            (other, _) => return Err(ReplyError::Status { status: other.as_u16() }),
        };
        Ok(ObjectReply {
            range,
            is_partial: status == StatusCode::PARTIAL_CONTENT,
            etag: headers.text("etag")?,
            crc64: headers.number(CRC64)?,
            last_modified: headers.text("last-modified")?,
            object_type: headers.text("x-oss-object-type")?,
            storage_class: headers.text("x-oss-storage-class")?,
            version_id: headers.one(VERSION_ID)?.map(str::to_owned),
            tag_count: headers.number(TAG_COUNT)?,
            next_append_position: headers.number(NEXT_APPEND_POSITION)?,
            request_id: headers.text(REQUEST_ID)?,
            metadata: Metadata::from_headers(headers.0),
        })
    }

    /// The status and headers that say this, without `x-oss-request-id`, which is the server's for every reply.
    pub fn to_head(&self) -> Result<(StatusCode, HeaderMap), InvalidHeader> {
        let mut headers = HeaderMap::new();
        self.metadata.write_to(&mut headers)?;
        set(&mut headers, "content-length", &(self.range.end - self.range.start).to_string())?;
        set(&mut headers, "accept-ranges", "bytes")?;
        set(&mut headers, "etag", &self.etag)?;
        set(&mut headers, "last-modified", &self.last_modified)?;
        for (name, text) in
            [("x-oss-object-type", &self.object_type), ("x-oss-storage-class", &self.storage_class)]
        {
            if !text.is_empty() {
                set(&mut headers, name, text)?;
            }
        }
        for (name, count) in [(TAG_COUNT, self.tag_count), (NEXT_APPEND_POSITION, self.next_append_position)]
        {
            if let Some(count) = count {
                set(&mut headers, name, &count.to_string())?;
            }
        }
        if let Some(crc64) = self.crc64 {
            set(&mut headers, CRC64, &crc64.to_string())?;
        }
        if let Some(version) = &self.version_id {
            set(&mut headers, VERSION_ID, version)?;
        }
        if self.is_partial {
            set(&mut headers, "content-range", &self.range.to_string())?;
        }
        Ok((if self.is_partial { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK }, headers))
    }
}

/// Head of the answer to calls that store something: PutObject, AppendObject, UploadPart, CompleteMultipartUpload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutReply {
    /// Quoted; empty when absent. Opaque.
    pub etag: String,
    /// CRC-64/XZ of what was stored, after AppendObject of the whole object so far; absent when the service does not know it.
    pub crc64: Option<u64>,
    /// The version, in buckets that have them.
    pub version_id: Option<String>,
    /// Stored bytes so far, after AppendObject.
    pub next_append_position: Option<u64>,
    /// The request's identifier; empty when absent.
    pub request_id: String,
}

impl PutReply {
    /// Reads a head with a status of success.
    pub fn from_head(headers: &HeaderMap) -> Result<PutReply, ReplyError> {
        let headers = StrictHeaders::new(headers)?;
        Ok(PutReply {
            etag: headers.text("etag")?,
            crc64: headers.number(CRC64)?,
            version_id: headers.one(VERSION_ID)?.map(str::to_owned),
            next_append_position: headers.number(NEXT_APPEND_POSITION)?,
            request_id: headers.text(REQUEST_ID)?,
        })
    }

    /// The headers that say this, without `x-oss-request-id`.
    pub fn to_headers(&self) -> Result<HeaderMap, InvalidHeader> {
        let mut headers = HeaderMap::new();
        if !self.etag.is_empty() {
            set(&mut headers, "etag", &self.etag)?;
        }
        if let Some(crc64) = self.crc64 {
            set(&mut headers, CRC64, &crc64.to_string())?;
        }
        if let Some(version) = &self.version_id {
            set(&mut headers, VERSION_ID, version)?;
        }
        if let Some(position) = self.next_append_position {
            set(&mut headers, NEXT_APPEND_POSITION, &position.to_string())?;
        }
        Ok(headers)
    }
}

/// Head of the answer to GetSymlink.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SymlinkReply {
    /// Key of the object that the link stands for, decoded.
    pub target: String,
    /// Of the link, quoted; empty when absent.
    pub etag: String,
    /// Of the link, as an HTTP date; empty when absent.
    pub last_modified: String,
    /// The version, in buckets that have them.
    pub version_id: Option<String>,
    /// The request's identifier; empty when absent.
    pub request_id: String,
}

impl SymlinkReply {
    /// Reads a head with a status of success.
    pub fn from_head(headers: &HeaderMap) -> Result<SymlinkReply, ReplyError> {
        let headers = StrictHeaders::new(headers)?;
        let target =
            headers.one(SYMLINK_TARGET)?.ok_or(ReplyError::MissingHeader { name: SYMLINK_TARGET })?;
        Ok(SymlinkReply {
            target: escape::decode(target).ok_or(ReplyError::MalformedHeader { name: SYMLINK_TARGET })?,
            etag: headers.text("etag")?,
            last_modified: headers.text("last-modified")?,
            version_id: headers.one(VERSION_ID)?.map(str::to_owned),
            request_id: headers.text(REQUEST_ID)?,
        })
    }

    /// The headers that say this, without `x-oss-request-id`.
    pub fn to_headers(&self) -> Result<HeaderMap, InvalidHeader> {
        let mut headers = HeaderMap::new();
        set(&mut headers, SYMLINK_TARGET, &escape::path(&self.target))?;
        for (name, text) in [("etag", &self.etag), ("last-modified", &self.last_modified)] {
            if !text.is_empty() {
                set(&mut headers, name, text)?;
            }
        }
        if let Some(version) = &self.version_id {
            set(&mut headers, VERSION_ID, version)?;
        }
        Ok(headers)
    }
}

/// The body of a success that may hold a refusal all the same: CompleteMultipartUpload and CopyObject begin to answer before they are done.
pub fn late_error(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Option<ServiceError> {
    (xml::root_of(body).as_deref() == Some("Error")).then(|| ServiceError::from_reply(status, headers, body))
}

impl InitiateResult {
    /// The upload's identifier, if it is one: 1 to 1,024 bytes without control characters.
    pub fn upload_id(&self) -> Result<&str, ReplyError> {
        let id = self.upload_id.as_str();
        is_upload_id(id).then_some(id).ok_or(ReplyError::UploadId)
    }
}

pub(super) fn is_upload_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= MAX_UPLOAD_ID && !id.chars().any(char::is_control)
}

impl CompleteResult {
    /// Reads the document of a success, blank characters in front of it allowed. An empty body is [`XmlError::Damaged`]: whether the
    /// object is there is then for a HEAD to say.
    pub fn from_reply(body: &[u8]) -> Result<CompleteResult, ReplyError> {
        CompleteResult::from_xml(body).map_err(ReplyError::Xml)
    }
}
