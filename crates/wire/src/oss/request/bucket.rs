//! PutBucket and ListMultipartUploads.

use super::read::QueryReader;
use super::write::QueryWriter;
use crate::oss::Acl;
use crate::oss::error::ServiceError;

/// Arguments of PutBucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutBucket {
    /// Access control list. `None` creates a bucket as [`Acl::Private`] and leaves an existing one
    /// unchanged.
    pub acl: Option<Acl>,
}

/// Arguments of ListMultipartUploads. Empty strings are not sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListMultipartUploads {
    /// Only keys with this prefix.
    pub prefix: String,
    /// Delimiter: keys that share the text from the prefix to its first occurrence are listed as
    /// one common prefix.
    pub delimiter: String,
    /// Only uploads of keys greater than this one, and with `upload_id_marker` of this one.
    pub key_marker: String,
    /// Of the key that is the marker, only uploads after this one.
    pub upload_id_marker: String,
    /// Largest number of entries in a page, 1 to 1,000.
    pub max_uploads: Option<u32>,
    /// Percent-encode names in the reply.
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
