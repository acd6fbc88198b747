//! XML of the service: read within bounds, written plainly.
//!
//! Before any type is filled, one pass over the events settles size, depth, encoding, root and the absence of a DOCTYPE; entities
//! beyond the five of XML and character references do not exist then, so nothing can expand.

use quick_xml::Reader;
use quick_xml::events::Event;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Largest document that is read, in bytes: a page of 1,000 listed keys of 1,023 escaped bytes stays below.
pub const MAX_DOCUMENT: usize = 8 << 20;
/// Deepest nesting that is read.
pub const MAX_DEPTH: usize = 32;

/// Why a document is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum XmlError {
    /// Larger than any document of the service.
    #[error("the XML document has more than {MAX_DOCUMENT} bytes")]
    TooLarge,
    /// Nested deeper than any document of the service.
    #[error("the XML document is nested deeper than {MAX_DEPTH} elements")]
    TooDeep,
    /// A document type, which could define entities.
    #[error("the XML document has a DOCTYPE")]
    DocType,
    /// Not UTF-8.
    #[error("the XML document is not UTF-8")]
    Encoding,
    /// Not well-formed, or cut short.
    #[error("the XML document is damaged or cut short")]
    Damaged,
    /// Another document than the one expected.
    #[error("the XML document has another root element")]
    Root,
    /// Well-formed, with contents that do not fit.
    #[error("the XML document's contents do not fit its type")]
    Contents,
}

/// Reads a document with the root element `root`; namespaces are ignored.
pub(crate) fn read<T: DeserializeOwned>(root: &str, document: &[u8]) -> Result<T, XmlError> {
    let text = check(root, document)?;
    quick_xml::de::from_str(text).map_err(|_| XmlError::Contents)
}

/// The local name of the root element, for replies that may be one of two documents.
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
    // Servers keep a slow connection alive with blanks in front of the document.
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

/// Writes a document with its declaration. Our own types hold strings, numbers and lists of such, which always serialise. Control characters,
/// which keys may have, are written by number: readers make one of different line breaks.
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

/// An element that holds only others, one kind of them any number of times.
macro_rules! document {
    ($(#[$doc:meta])* $name:ident as $root:literal { $($(#[$field_doc:meta])* $field:ident: $type:ty = $element:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename = $root)]
        pub struct $name {
            $($(#[$field_doc])* #[serde(rename = $element, default)] pub $field: $type,)*
        }

        impl $name {
            /// Reads the document.
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
    /// The buckets of an account.
    ListBucketsResult as "ListAllMyBucketsResult" {
        /// Only names with this beginning were listed.
        prefix: String = "Prefix",
        /// Where the page began.
        marker: String = "Marker",
        /// Most names in a page.
        max_keys: u32 = "MaxKeys",
        /// Whether there is another page.
        is_truncated: bool = "IsTruncated",
        /// Where the next page begins.
        next_marker: String = "NextMarker",
        /// Whose buckets they are.
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
    /// One bucket of a listing.
    Bucket as "Bucket" {
        /// Name.
        name: String = "Name",
        /// `oss-` and the region.
        location: String = "Location",
        /// ISO 8601.
        creation_date: String = "CreationDate",
        /// Such as `Standard`.
        storage_class: String = "StorageClass",
        /// Host from anywhere.
        extranet_endpoint: String = "ExtranetEndpoint",
        /// Host from inside the region.
        intranet_endpoint: String = "IntranetEndpoint",
        /// Region without `oss-`.
        region: String = "Region",
    }
}

document! {
    /// A page of objects, version 2 of the call. With `encoding-type=url` keys, prefixes and the delimiter are percent-encoded.
    ListObjectsResult as "ListBucketResult" {
        /// The bucket.
        name: String = "Name",
        /// Only keys with this beginning were listed.
        prefix: String = "Prefix",
        /// Where the page began (version 1).
        marker: String = "Marker",
        /// Where the next page begins (version 1).
        next_marker: String = "NextMarker",
        /// Keys up to this one were skipped.
        start_after: String = "StartAfter",
        /// Where this page began.
        continuation_token: String = "ContinuationToken",
        /// Most entries in a page.
        max_keys: u32 = "MaxKeys",
        /// Keys with the same text up to this one are listed once.
        delimiter: String = "Delimiter",
        /// `url` when names are percent-encoded.
        encoding_type: String = "EncodingType",
        /// Whether there is another page.
        is_truncated: bool = "IsTruncated",
        /// Where the next page begins.
        next_continuation_token: String = "NextContinuationToken",
        /// Entries of the page.
        key_count: u32 = "KeyCount",
        /// Objects.
        contents: Vec<ObjectEntry> = "Contents",
        /// Groups of keys.
        common_prefixes: Vec<CommonPrefix> = "CommonPrefixes",
    }
}

document! {
    /// One object of a listing. `size` is what is stored.
    ObjectEntry as "Contents" {
        /// Key.
        key: String = "Key",
        /// ISO 8601.
        last_modified: String = "LastModified",
        /// Quoted.
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
    /// A group of keys.
    CommonPrefix as "CommonPrefixes" {
        /// Their common beginning.
        prefix: String = "Prefix",
    }
}

document! {
    /// Answer to InitiateMultipartUpload.
    InitiateResult as "InitiateMultipartUploadResult" {
        /// The bucket.
        bucket: String = "Bucket",
        /// The key.
        key: String = "Key",
        /// The upload's identifier.
        upload_id: String = "UploadId",
        /// `url` when the key is percent-encoded.
        encoding_type: String = "EncodingType",
    }
}

document! {
    /// The parts of an upload in progress. The encryption elements are there for uploads that began with an envelope.
    ListPartsResult as "ListPartsResult" {
        /// The bucket.
        bucket: String = "Bucket",
        /// The key.
        key: String = "Key",
        /// The upload's identifier.
        upload_id: String = "UploadId",
        /// Where the page began.
        part_number_marker: u32 = "PartNumberMarker",
        /// Where the next page begins.
        next_part_number_marker: u32 = "NextPartNumberMarker",
        /// Most parts in a page.
        max_parts: u32 = "MaxParts",
        /// Whether there is another page.
        is_truncated: bool = "IsTruncated",
        /// `url` when the key is percent-encoded.
        encoding_type: String = "EncodingType",
        /// The store's copy of the `key` header.
        encryption_key: String = "ClientEncryptionKey",
        /// The store's copy of the `start` header.
        encryption_start: String = "ClientEncryptionStart",
        /// The store's copy of the `cek-alg` header.
        encryption_cek_alg: String = "ClientEncryptionCekAlg",
        /// The store's copy of the `wrap-alg` header.
        encryption_wrap_alg: String = "ClientEncryptionWrapAlg",
        /// The store's copy of the `data-size` header.
        encryption_data_size: String = "ClientEncryptionDataSize",
        /// The store's copy of the `part-size` header.
        encryption_part_size: String = "ClientEncryptionPartSize",
        /// The parts.
        parts: Vec<PartEntry> = "Part",
    }
}

document! {
    /// One part of an upload in progress.
    PartEntry as "Part" {
        /// From 1 to 10,000.
        part_number: u32 = "PartNumber",
        /// ISO 8601.
        last_modified: String = "LastModified",
        /// Quoted.
        etag: String = "ETag",
        /// Stored bytes.
        size: u64 = "Size",
        /// CRC-64/XZ, decimal; may be absent.
        crc64: String = "HashCrc64ecma",
    }
}

document! {
    /// The parts that make an object.
    CompleteRequest as "CompleteMultipartUpload" {
        /// In ascending order.
        parts: Vec<CompletePart> = "Part",
    }
}

document! {
    /// One part that goes into an object.
    CompletePart as "Part" {
        /// From 1 to 10,000.
        part_number: u32 = "PartNumber",
        /// As UploadPart answered.
        etag: String = "ETag",
    }
}

document! {
    /// Answer to CompleteMultipartUpload.
    CompleteResult as "CompleteMultipartUploadResult" {
        /// Address of the object.
        location: String = "Location",
        /// The bucket.
        bucket: String = "Bucket",
        /// The key.
        key: String = "Key",
        /// Quoted.
        etag: String = "ETag",
        /// `url` when the key is percent-encoded.
        encoding_type: String = "EncodingType",
    }
}

document! {
    /// Answer to CopyObject.
    CopyResult as "CopyObjectResult" {
        /// Quoted.
        etag: String = "ETag",
        /// ISO 8601.
        last_modified: String = "LastModified",
    }
}
