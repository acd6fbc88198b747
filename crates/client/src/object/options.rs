//! Options of operations.

use std::fmt;
use std::sync::Arc;

use osseal_core::{ByteRange, EncryptionContext, ReadPolicy};
use osseal_wire::oss::{Acl, StorageClass, UploadMarker, VersionMarker};

use crate::object::headers::{HeaderChange, ObjectHeaders};

/// ResumableProgress how many more plaintext bytes have been stored, each time some have.
pub type Progress = Arc<dyn Fn(u64) + Send + Sync>;

/// For [`EncryptedBucket::put`](crate::EncryptedBucket::put).
#[derive(Clone, Default)]
pub struct PutOptions {
    /// Headers kept in the clear with the object.
    pub headers: ObjectHeaders,
    /// Default: the bucket's storage class.
    pub storage_class: Option<StorageClass>,
    /// Default: the bucket's ACL.
    pub acl: Option<Acl>,
    /// Tags, stored in the clear: at most 10, names of 1 to 128 characters, values of at most 256; letters, digits, spaces
    /// and `+-=._:/`.
    pub tags: Vec<(String, String)>,
    /// Fail with [`ErrorKind::Exists`](crate::ErrorKind::Exists) if the object exists. Ignored in versioned buckets.
    pub forbid_overwrite: bool,
    /// Pairs to bind to the content, in addition to the bucket's: authenticated, not secret. Sealed suite only.
    pub encryption_context: EncryptionContext,
    /// Called with the number of newly stored bytes.
    pub progress: Option<Progress>,
}

impl fmt::Debug for PutOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PutOptions")
            .field("headers", &self.headers)
            .field("storage_class", &self.storage_class)
            .field("acl", &self.acl)
            .field("tags", &self.tags)
            .field("forbid_overwrite", &self.forbid_overwrite)
            .field("encryption_context", &self.encryption_context)
            .finish_non_exhaustive()
    }
}

/// For [`EncryptedBucket::get`](crate::EncryptedBucket::get).
#[derive(Clone, Debug, Default)]
pub struct GetOptions {
    /// The plaintext range. Default: the whole object.
    pub range: ByteRange,
    /// Which version, in buckets that have them.
    pub version_id: Option<String>,
    /// Only if the object's ETag is this one; else [`ErrorKind::Changed`](crate::ErrorKind::Changed).
    pub if_match: Option<String>,
    /// Read policy of this call. Default: the bucket's. Requirements of the bucket's binding stay in force.
    pub read_policy: Option<ReadPolicy>,
}

impl GetOptions {
    /// Other bytes than all.
    #[must_use]
    pub fn range(self, range: impl Into<ByteRange>) -> Self {
        GetOptions { range: range.into(), ..self }
    }
}

/// For [`EncryptedBucket::head`](crate::EncryptedBucket::head).
#[derive(Clone, Debug, Default)]
pub struct HeadOptions {
    /// Which version, in buckets that have them.
    pub version_id: Option<String>,
}

/// For [`EncryptedBucket::list`](crate::EncryptedBucket::list). Empty means not asked for.
#[derive(Clone, Debug, Default)]
pub struct ListOptions {
    /// Only keys with this prefix.
    pub prefix: String,
    /// Keys that are the same up to this text after the prefix are listed once.
    pub delimiter: String,
    /// Only keys after this one.
    pub start_after: String,
    /// Where the page begins: `next` of the page before.
    pub continuation: Option<String>,
    /// Most entries in a page, 1 to 1,000.
    pub max_keys: Option<u32>,
}

/// For [`EncryptedBucket::list_versions`](crate::EncryptedBucket::list_versions). Empty fields are not sent.
#[derive(Clone, Debug, Default)]
pub struct ListVersionsOptions {
    /// Only keys with this prefix.
    pub prefix: String,
    /// Keys that are the same up to this text after the prefix are listed once.
    pub delimiter: String,
    /// Where the page begins: `next` of the page before.
    pub after: Option<VersionMarker>,
    /// Most entries in a page, 1 to 1,000.
    pub max_keys: Option<u32>,
}

/// For [`EncryptedBucket::list_uploads`](crate::EncryptedBucket::list_uploads). Empty fields are not sent.
#[derive(Clone, Debug, Default)]
pub struct ListUploadsOptions {
    /// Only uploads of keys with this prefix.
    pub prefix: String,
    /// Where the page begins: `next` of the page before.
    pub after: Option<UploadMarker>,
    /// Most entries in a page, 1 to 1,000.
    pub max_uploads: Option<u32>,
}

/// For [`EncryptedBucket::delete_many`](crate::EncryptedBucket::delete_many): an object, or one of its versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteItem {
    /// Its key.
    pub key: String,
    /// The version, which is removed for good; none for the object.
    pub version_id: Option<String>,
}

impl<T: Into<String>> From<T> for DeleteItem {
    fn from(key: T) -> DeleteItem {
        DeleteItem { key: key.into(), version_id: None }
    }
}

/// The object that is copied: a key of the same bucket, or more exactly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopySource {
    /// Source bucket, in the same region. Default: the target's bucket.
    pub bucket: Option<String>,
    /// Its key.
    pub key: String,
    /// Which version, in buckets that have them.
    pub version_id: Option<String>,
}

impl From<&str> for CopySource {
    fn from(key: &str) -> CopySource {
        CopySource { key: key.to_owned(), ..CopySource::default() }
    }
}

/// For [`EncryptedBucket::copy`](crate::EncryptedBucket::copy).
#[derive(Clone, Debug, Default)]
pub struct CopyOptions {
    /// Changes of the headers beside the envelope.
    pub headers: HeaderChange,
    /// Default: the target bucket's; for a copy onto itself, the object's.
    pub storage_class: Option<StorageClass>,
    /// Default: the target bucket's, also for a copy onto itself.
    pub acl: Option<Acl>,
    /// Fail with [`ErrorKind::Exists`](crate::ErrorKind::Exists) if the target exists. Ignored in versioned buckets.
    pub forbid_overwrite: bool,
    /// Copy an object even to a location that contradicts its binding. Reading the copy then needs
    /// [`ReadPolicy::with_moved`].
    pub allow_moved: bool,
}
