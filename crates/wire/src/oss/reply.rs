//! Heads of replies, parsed strictly: an ambiguous head is an error that names the header.

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

/// Head of the reply to GetObject and HeadObject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectReply {
    /// Stored bytes in the body, and their total. The whole object for status 200; `start == end ==
    /// total == 0` for an empty object.
    pub range: ContentRange,
    /// Whether the status is 206.
    pub is_partial: bool,
    /// ETag with its quotes; empty when absent.
    pub etag: String,
    /// CRC-64/XZ of the whole object, also in the reply to a range.
    pub crc64: Option<u64>,
    /// As an HTTP date; empty when absent.
    pub last_modified: String,
    /// `Normal`, `Multipart`, `Appendable` or `Symlink`; empty when absent.
    pub object_type: String,
    /// Such as `Standard`; empty when absent.
    pub storage_class: String,
    /// Version, in buckets with versioning.
    pub version_id: Option<String>,
    /// Number of tags; `None` without tags.
    pub tag_count: Option<u64>,
    /// Stored bytes so far, for an appendable object.
    pub next_append_position: Option<u64>,
    /// Identifier of the request; empty when absent.
    pub request_id: String,
    /// Headers stored with the object.
    pub metadata: Metadata,
}

impl ObjectReply {
    /// Reads the head of a successful reply.
    ///
    /// # Errors
    /// [`ReplyError`] for headers that are missing, repeated or malformed.
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

    /// Writes status and headers, except `x-oss-request-id`, which the server adds to every reply.
    ///
    /// # Errors
    /// [`InvalidHeader`].
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

/// Head of the reply to operations that store bytes: PutObject, AppendObject, UploadPart,
/// CompleteMultipartUpload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutReply {
    /// ETag with its quotes; empty when absent. Opaque.
    pub etag: String,
    /// CRC-64/XZ of the stored bytes (of the whole object, for AppendObject); `None` when the
    /// service does not know it.
    pub crc64: Option<u64>,
    /// Version, in buckets with versioning.
    pub version_id: Option<String>,
    /// Stored bytes so far, for AppendObject.
    pub next_append_position: Option<u64>,
    /// Identifier of the request; empty when absent.
    pub request_id: String,
}

impl PutReply {
    /// Reads the head of a successful reply.
    ///
    /// # Errors
    /// [`ReplyError`] for headers that are missing, repeated or malformed.
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

    /// Writes the headers, except `x-oss-request-id`.
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

/// Head of the reply to GetSymlink.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SymlinkReply {
    /// Key of the target, decoded.
    pub target: String,
    /// ETag of the link with its quotes; empty when absent.
    pub etag: String,
    /// Modification time of the link, as an HTTP date; empty when absent.
    pub last_modified: String,
    /// Version, in buckets with versioning.
    pub version_id: Option<String>,
    /// Identifier of the request; empty when absent.
    pub request_id: String,
}

impl SymlinkReply {
    /// Reads the head of a successful reply.
    ///
    /// # Errors
    /// [`ReplyError`] for headers that are missing, repeated or malformed.
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

    /// Writes the headers, except `x-oss-request-id`.
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

/// The error in the body of a reply with a success status. CompleteMultipartUpload and CopyObject
/// send the status before they finish, to keep the connection alive, and report later errors in the
/// body.
pub fn late_error(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Option<ServiceError> {
    (xml::root_of(body).as_deref() == Some("Error")).then(|| ServiceError::from_reply(status, headers, body))
}

impl InitiateResult {
    /// The identifier of the upload: 1 to 1,024 bytes without control characters.
    ///
    /// # Errors
    /// [`ReplyError::UploadId`].
    pub fn upload_id(&self) -> Result<&str, ReplyError> {
        let id = self.upload_id.as_str();
        is_upload_id(id).then_some(id).ok_or(ReplyError::UploadId)
    }
}

pub(super) fn is_upload_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= MAX_UPLOAD_ID && !id.chars().any(char::is_control)
}

impl CompleteResult {
    /// Parses the document of a successful reply; leading white space is allowed.
    ///
    /// # Errors
    /// [`ReplyError::Xml`]. An empty body is [`XmlError::Damaged`](super::xml::XmlError::Damaged):
    /// the outcome is unknown until a HeadObject shows whether the object exists.
    pub fn from_reply(body: &[u8]) -> Result<CompleteResult, ReplyError> {
        CompleteResult::from_xml(body).map_err(ReplyError::Xml)
    }
}
