//! XML documents of the service, parsed within bounds.
//!
//! A first pass over the events checks size, depth, encoding and root, and refuses a DOCTYPE.
//! Without a DOCTYPE only the five predefined entities and character references exist, so nothing
//! can expand ("billion laughs").

use quick_xml::Reader;
use quick_xml::events::Event;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Largest document that is parsed, in bytes: a page of 1,000 keys of 1,023 percent-encoded bytes
/// is smaller.
pub const MAX_DOCUMENT: usize = 8 << 20;
/// Deepest nesting that is parsed, in elements.
pub const MAX_DEPTH: usize = 32;

/// Errors of parsing a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum XmlError {
    /// Larger than [`MAX_DOCUMENT`].
    #[error("the XML document has more than {MAX_DOCUMENT} bytes")]
    TooLarge,
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("the XML document is nested deeper than {MAX_DEPTH} elements")]
    TooDeep,
    /// A document type declaration, which could define entities.
    #[error("the XML document has a DOCTYPE")]
    DocType,
    /// Not UTF-8.
    #[error("the XML document is not UTF-8")]
    Encoding,
    /// Not well-formed, or truncated.
    #[error("the XML document is damaged or truncated")]
    Damaged,
    /// Another document than the expected one.
    #[error("the XML document has another root element")]
    Root,
    /// Well-formed, but an element is missing or has another type.
    #[error("the XML document's contents do not fit its type")]
    Contents,
}

/// Parses a document with the root element `root`; namespaces are ignored.
pub(crate) fn read<T: DeserializeOwned>(root: &str, document: &[u8]) -> Result<T, XmlError> {
    let text = check(root, document)?;
    quick_xml::de::from_str(text).map_err(|_| XmlError::Contents)
}

/// The local name of the root element, for replies that may contain one of two documents.
pub(crate) fn root_of(document: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(document.get(..MAX_DOCUMENT.min(document.len()))?).ok()?;
    let mut reader = Reader::from_str(text);
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) | Event::Empty(tag) => return Some(tag.local_name().as_ref().to_owned()),
            Event::Eof => return None,
            _ => {}
        }
    }
}

fn check<'a>(root: &str, document: &'a [u8]) -> Result<&'a str, XmlError> {
    if document.len() > MAX_DOCUMENT {
        return Err(XmlError::TooLarge);
    }
    let text = std::str::from_utf8(document).map_err(|_| XmlError::Encoding)?;
    // The service sends white space before the document to keep the connection of a slow operation
    // alive.
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let mut reader = Reader::from_str(text);
    let (mut depth, mut seen) = (0_usize, false);
    loop {
        match reader.read_event().map_err(|_| XmlError::Damaged)? {
            Event::Decl(declaration) => {
                let encoding = declaration.encoding().transpose().map_err(|_| XmlError::Damaged)?;
                if encoding.is_some_and(|name| !name.eq_ignore_ascii_case("utf-8")) {
                    return Err(XmlError::Encoding);
                }
            }
            Event::DocType(_) => return Err(XmlError::DocType),
            tag @ (Event::Start(_) | Event::Empty(_)) => {
                if let (0, Event::Start(start) | Event::Empty(start)) = (depth, &tag) {
                    if seen || start.local_name().as_ref() != root {
                        return Err(XmlError::Root);
                    }
                    seen = true;
                }
                if matches!(tag, Event::Start(_)) {
                    depth += 1;
                }
                if depth > MAX_DEPTH {
                    return Err(XmlError::TooDeep);
                }
            }
            Event::End(_) => depth = depth.checked_sub(1).ok_or(XmlError::Damaged)?,
            Event::Text(text) if depth == 0 && !text.as_ref().trim().is_empty() => {
                return Err(XmlError::Damaged);
            }
            Event::Eof if depth == 0 && seen => return Ok(text),
            Event::Eof => return Err(XmlError::Damaged),
            _ => {}
        }
    }
}

/// Writes a document with its declaration. The types of this crate contain strings, numbers and
/// lists, which always serialize. Control characters, which keys may contain, are written as
/// character references, because parsers normalize line breaks.
pub(crate) fn write<T: Serialize>(document: &T) -> String {
    let body = quick_xml::se::to_string(document).unwrap_or_default();
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    for character in body.chars() {
        match character {
            control if control.is_ascii_control() => {
                text.push_str("&#");
                text.push_str(&u32::from(control).to_string());
                text.push(';');
            }
            other => text.push(other),
        }
    }
    text
}

/// Defines a document or element as a struct with one field for each child element.
macro_rules! document {
    ($(#[$doc:meta])* $name:ident as $root:literal { $($(#[$field_doc:meta])* $field:ident: $type:ty = $element:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename = $root)]
        pub struct $name {
            $($(#[$field_doc])* #[serde(rename = $element, default)] pub $field: $type,)*
        }

        impl $name {
            /// Parses the document.
            ///
            /// # Errors
            /// [`XmlError`].
            pub fn from_xml(document: &[u8]) -> Result<Self, XmlError> {
                read($root, document)
            }

            /// Writes the document.
            pub fn to_xml(&self) -> String {
                write(self)
            }
        }
    };
}

mod bucket;
mod object;
mod versions;

pub use bucket::*;
pub use object::*;
pub use versions::*;

document! {
    /// Reply to ListBuckets.
    ListBucketsResult as "ListAllMyBucketsResult" {
        /// Prefix of the request.
        prefix: String = "Prefix",
        /// Marker of this page.
        marker: String = "Marker",
        /// Largest number of names in a page.
        max_keys: u32 = "MaxKeys",
        /// Whether another page follows.
        is_truncated: bool = "IsTruncated",
        /// Marker of the next page.
        next_marker: String = "NextMarker",
        /// Owner of the buckets.
        owner: Owner = "Owner",
        /// The buckets.
        buckets: Buckets = "Buckets",
    }
}

document! {
    /// An account.
    Owner as "Owner" {
        /// Identifier.
        id: String = "ID",
        /// Name.
        display_name: String = "DisplayName",
    }
}

document! {
    /// A list of buckets.
    Buckets as "Buckets" {
        /// The buckets, by name.
        bucket: Vec<Bucket> = "Bucket",
    }
}

document! {
    /// A bucket in a listing.
    Bucket as "Bucket" {
        /// Name.
        name: String = "Name",
        /// `oss-` and the region.
        location: String = "Location",
        /// ISO 8601.
        creation_date: String = "CreationDate",
        /// Such as `Standard`.
        storage_class: String = "StorageClass",
        /// Host for access from the internet.
        extranet_endpoint: String = "ExtranetEndpoint",
        /// Host for access from within the region.
        intranet_endpoint: String = "IntranetEndpoint",
        /// Region without `oss-`.
        region: String = "Region",
    }
}

document! {
    /// Reply to ListObjectsV2 and ListObjects. With `encoding-type=url`, keys, prefixes and the
    /// delimiter are percent-encoded.
    ListObjectsResult as "ListBucketResult" {
        /// The bucket.
        name: String = "Name",
        /// Prefix of the request.
        prefix: String = "Prefix",
        /// Marker of this page (ListObjects).
        marker: String = "Marker",
        /// Marker of the next page (ListObjects).
        next_marker: String = "NextMarker",
        /// `start-after` of the request.
        start_after: String = "StartAfter",
        /// Token of this page.
        continuation_token: String = "ContinuationToken",
        /// Largest number of entries in a page.
        max_keys: u32 = "MaxKeys",
        /// Delimiter: keys that share the text from the prefix to its first occurrence are listed
        /// as one common prefix.
        delimiter: String = "Delimiter",
        /// `url` when names are percent-encoded.
        encoding_type: String = "EncodingType",
        /// Whether another page follows.
        is_truncated: bool = "IsTruncated",
        /// Marker of the next page.
        next_continuation_token: String = "NextContinuationToken",
        /// Number of entries in the page.
        key_count: u32 = "KeyCount",
        /// Objects.
        contents: Vec<ObjectEntry> = "Contents",
        /// Common prefixes.
        common_prefixes: Vec<CommonPrefix> = "CommonPrefixes",
    }
}

document! {
    /// An object in a listing.
    ObjectEntry as "Contents" {
        /// Key.
        key: String = "Key",
        /// ISO 8601.
        last_modified: String = "LastModified",
        /// ETag with its quotes.
        etag: String = "ETag",
        /// `Normal`, `Multipart`, `Appendable` or `Symlink`.
        object_type: String = "Type",
        /// Stored bytes, decimal.
        size: String = "Size",
        /// Such as `Standard`.
        storage_class: String = "StorageClass",
    }
}

document! {
    /// A common prefix.
    CommonPrefix as "CommonPrefixes" {
        /// The prefix, up to and including the delimiter.
        prefix: String = "Prefix",
    }
}

document! {
    /// Reply to InitiateMultipartUpload.
    InitiateResult as "InitiateMultipartUploadResult" {
        /// The bucket.
        bucket: String = "Bucket",
        /// The key.
        key: String = "Key",
        /// Identifier of the upload.
        upload_id: String = "UploadId",
        /// `url` when the key is percent-encoded.
        encoding_type: String = "EncodingType",
    }
}

document! {
    /// Reply to ListParts. The encryption elements are present for uploads that were started with
    /// an envelope.
    ListPartsResult as "ListPartsResult" {
        /// The bucket.
        bucket: String = "Bucket",
        /// The key.
        key: String = "Key",
        /// Identifier of the upload.
        upload_id: String = "UploadId",
        /// Marker of this page.
        part_number_marker: u32 = "PartNumberMarker",
        /// Marker of the next page.
        next_part_number_marker: u32 = "NextPartNumberMarker",
        /// Largest number of parts in a page.
        max_parts: u32 = "MaxParts",
        /// Whether another page follows.
        is_truncated: bool = "IsTruncated",
        /// `url` when the key is percent-encoded.
        encoding_type: String = "EncodingType",
        /// The service's copy of the `key` header.
        encryption_key: String = "ClientEncryptionKey",
        /// The service's copy of the `start` header.
        encryption_start: String = "ClientEncryptionStart",
        /// The service's copy of the `cek-alg` header.
        encryption_cek_alg: String = "ClientEncryptionCekAlg",
        /// The service's copy of the `wrap-alg` header.
        encryption_wrap_alg: String = "ClientEncryptionWrapAlg",
        /// The service's copy of the `data-size` header.
        encryption_data_size: String = "ClientEncryptionDataSize",
        /// The service's copy of the `part-size` header.
        encryption_part_size: String = "ClientEncryptionPartSize",
        /// The parts.
        parts: Vec<PartEntry> = "Part",
    }
}

document! {
    /// A part of an unfinished upload.
    PartEntry as "Part" {
        /// 1 to 10,000.
        part_number: u32 = "PartNumber",
        /// ISO 8601.
        last_modified: String = "LastModified",
        /// ETag with its quotes.
        etag: String = "ETag",
        /// Stored bytes.
        size: u64 = "Size",
        /// CRC-64/XZ, decimal; may be absent.
        crc64: String = "HashCrc64ecma",
    }
}

document! {
    /// Document of CompleteMultipartUpload.
    CompleteRequest as "CompleteMultipartUpload" {
        /// In ascending order.
        parts: Vec<CompletePart> = "Part",
    }
}

document! {
    /// A part to assemble.
    CompletePart as "Part" {
        /// 1 to 10,000.
        part_number: u32 = "PartNumber",
        /// ETag from the reply to UploadPart.
        etag: String = "ETag",
    }
}

document! {
    /// Reply to CompleteMultipartUpload.
    CompleteResult as "CompleteMultipartUploadResult" {
        /// URL of the object.
        location: String = "Location",
        /// The bucket.
        bucket: String = "Bucket",
        /// The key.
        key: String = "Key",
        /// ETag with its quotes.
        etag: String = "ETag",
        /// `url` when the key is percent-encoded.
        encoding_type: String = "EncodingType",
    }
}

document! {
    /// Reply to CopyObject.
    CopyResult as "CopyObjectResult" {
        /// ETag with its quotes.
        etag: String = "ETag",
        /// ISO 8601.
        last_modified: String = "LastModified",
    }
}
