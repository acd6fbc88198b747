//! PutBucket and ListMultipartUploads.

use super::read::QueryReader;
use super::write::QueryWriter;
use crate::oss::Acl;
use crate::oss::error::ServiceError;

/// PutBucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutBucket {
    /// Access control; none for [`Acl::Private`] of a bucket that is made, and for no change of one that exists.
    pub acl: Option<Acl>,
}

/// ListMultipartUploads. Empty means not sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListMultipartUploads {
    /// Only keys with this beginning.
    pub prefix: String,
    /// Keys with the same text up to this one are listed once.
    pub delimiter: String,
    /// Only uploads of keys after this one
    pub key_marker: String,
    /// and uploads of this key with identifiers after this one.
    pub upload_id_marker: String,
    /// Most entries in a page, 1 to 1,000.
    pub max_uploads: Option<u32>,
    /// Whether names in the reply are percent-encoded.
    pub url_encoding: bool,
}

impl ListMultipartUploads {
    pub(super) fn write(&self, query: &mut QueryWriter) {
        query.text("prefix", &self.prefix);
        query.text("delimiter", &self.delimiter);
        query.text("key-marker", &self.key_marker);
        query.text("upload-id-marker", &self.upload_id_marker);
        query.number("max-uploads", self.max_uploads.map(u64::from));
        query.url_encoding(self.url_encoding);
    }

    pub(super) fn read(query: &QueryReader) -> Result<ListMultipartUploads, ServiceError> {
        let max_uploads = query.page_size("max-uploads")?;
        Ok(ListMultipartUploads {
            prefix: query.text("prefix"),
            delimiter: query.text("delimiter"),
            key_marker: query.text("key-marker"),
            upload_id_marker: query.text("upload-id-marker"),
            max_uploads,
            url_encoding: query.url_encoding()?,
        })
    }
}
