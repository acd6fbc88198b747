//! PutBucketVersioning, ListObjectVersions, DeleteMultipleObjects.

use data_encoding::BASE64;
use http::StatusCode;
use md5::{Digest, Md5};

use super::read::{self, HeaderReader, QueryReader};
use super::write::{HeaderWriter, QueryWriter};
use crate::oss::error::ServiceError;
use crate::oss::header::InvalidHeader;
use crate::oss::names::MAX_KEY;
use crate::oss::xml::{DeleteRequest, VersioningConfiguration, XmlError};

/// Largest number of objects and versions in one DeleteMultipleObjects.
pub const MAX_DELETE: usize = 1000;

/// Versioning state of a bucket. A bucket that never had versioning has neither state; versioning
/// that was enabled can be suspended but not disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Versioning {
    /// Each write creates a version, and each deletion a delete marker.
    Enabled,
    /// Writes and deletions replace the version `null`; other versions are retained.
    Suspended,
}

impl Versioning {
    /// Name on the wire.
    pub const fn wire_name(self) -> &'static str {
        match self {
            Versioning::Enabled => "Enabled",
            Versioning::Suspended => "Suspended",
        }
    }

    /// Parses [`Versioning::wire_name`].
    pub fn parse(text: &str) -> Option<Versioning> {
        [Versioning::Enabled, Versioning::Suspended].into_iter().find(|state| state.wire_name() == text)
    }
}

/// Arguments of ListObjectVersions. Empty strings are not sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListObjectVersions {
    /// Only keys with this prefix.
    pub prefix: String,
    /// Delimiter: keys that share the text from the prefix to its first occurrence are listed as
    /// one common prefix.
    pub delimiter: String,
    /// Only keys greater than this one, and with `version_id_marker` this one too.
    pub key_marker: String,
    /// Of the key that is the marker, only versions after this one. Requires `key_marker`.
    pub version_id_marker: String,
    /// Largest number of entries in a page, 1 to 1,000.
    pub max_keys: Option<u32>,
    /// Percent-encode names in the reply.
    pub url_encoding: bool,
}

/// Arguments of DeleteMultipleObjects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteMultipleObjects {
    /// Objects to delete, 1 to [`MAX_DELETE`].
    pub delete: DeleteRequest,
    /// Percent-encode keys in the reply.
    pub url_encoding: bool,
}

/// Writes the document of PutBucketVersioning.
pub(super) fn versioning_document(state: Versioning) -> String {
    VersioningConfiguration { status: state.wire_name().to_owned() }.to_xml()
}

/// Reads the document of PutBucketVersioning.
pub(super) fn read_versioning(body: &[u8]) -> Result<Versioning, ServiceError> {
    let document = VersioningConfiguration::from_xml(body).ok();
    document.and_then(|document| Versioning::parse(&document.status)).ok_or_else(read::malformed_xml)
}

impl ListObjectVersions {
    pub(super) fn write(&self, query: &mut QueryWriter) {
        query.text("prefix", &self.prefix);
        query.text("delimiter", &self.delimiter);
        query.text("key-marker", &self.key_marker);
        query.text("version-id-marker", &self.version_id_marker);
        query.number("max-keys", self.max_keys.map(u64::from));
        query.url_encoding(self.url_encoding);
    }

    pub(super) fn read(query: &QueryReader) -> Result<ListObjectVersions, ServiceError> {
        let list = ListObjectVersions {
            prefix: query.text("prefix"),
            delimiter: query.text("delimiter"),
            key_marker: query.text("key-marker"),
            version_id_marker: query.text("version-id-marker"),
            max_keys: query.page_size("max-keys")?,
            url_encoding: query.url_encoding()?,
        };
        if !list.version_id_marker.is_empty() && list.key_marker.is_empty() {
            return Err(read::argument("version-id-marker", "goes with a key-marker"));
        }
        Ok(list)
    }
}

impl DeleteMultipleObjects {
    pub(super) fn write(
        &self,
        query: &mut QueryWriter,
        headers: &mut HeaderWriter,
    ) -> Result<(), InvalidHeader> {
        query.url_encoding(self.url_encoding);
        headers.set("content-md5", &md5_of(self.delete.to_xml().as_bytes()))
    }

    pub(super) fn read(
        headers: &HeaderReader<'_>,
        query: &QueryReader,
        body: &[u8],
    ) -> Result<DeleteMultipleObjects, ServiceError> {
        let url_encoding = query.url_encoding()?;
        let Some(declared) = headers.0.get("content-md5") else {
            let message = "Missing Some Required Arguments: Content-MD5.";
            return Err(refuse("MissingArgument", message, "0016-00000606"));
        };
        if declared.as_bytes().trim_ascii() != md5_of(body).as_bytes() {
            return Err(refuse("InvalidDigest", "The Content-MD5 you specified was invalid.", ""));
        }
        let delete = DeleteRequest::from_xml(body).map_err(|error| match error {
            XmlError::Root => malformed("0016-00000608"),
            _ => malformed("0016-00000607"),
        })?;
        if delete.objects.is_empty() {
            return Err(malformed("0016-00000615"));
        }
        if delete.objects.len() > MAX_DELETE {
            return Err(malformed("0016-00000609"));
        }
        for object in &delete.objects {
            match (&object.key, &object.version_id) {
                (None, _) => return Err(malformed("0016-00000613")),
                (_, Some(version)) if version.is_empty() => return Err(malformed("0016-00000612")),
                (Some(key), _) if key.is_empty() || key.len() > MAX_KEY => {
                    return Err(refuse("InvalidObjectName", "The specified object is not valid.", ""));
                }
                _ => {}
            }
        }
        Ok(DeleteMultipleObjects { delete, url_encoding })
    }
}

/// `Content-MD5` of a body.
fn md5_of(body: &[u8]) -> String {
    BASE64.encode(&Md5::digest(body))
}

/// The error for an invalid document of DeleteMultipleObjects.
fn malformed(ec: &str) -> ServiceError {
    ServiceError { ec: ec.to_owned(), ..read::malformed_xml() }
}

fn refuse(code: &str, message: &str, ec: &str) -> ServiceError {
    ServiceError::new(StatusCode::BAD_REQUEST, code, message, ec)
}
