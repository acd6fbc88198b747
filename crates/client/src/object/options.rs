//! What operations can be told.

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
    /// The bucket's unless said.
    pub storage_class: Option<StorageClass>,
    /// The bucket's unless said.
    pub acl: Option<Acl>,
    /// Tags, kept in the clear: at most 10, names of 1 to 128 characters, values of at most 256; letters, digits, spaces and `+-=._:/`.
    pub tags: Vec<(String, String)>,
    /// Fail with [`ErrorKind::Exists`](crate::ErrorKind::Exists) when there is an object of that key. Buckets with versions ignore it.
    pub forbid_overwrite: bool,
    /// Pairs to bind to the content, beside the bucket's: authenticated, not secret. Sealed objects alone have them.
    pub encryption_context: EncryptionContext,
    /// Who to tell how far it is.
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
    /// Which plaintext bytes; everything unless said.
    pub range: ByteRange,
    /// Which version, in buckets that have them.
    pub version_id: Option<String>,
    /// Only if the object's ETag is this one; else [`ErrorKind::Changed`](crate::ErrorKind::Changed).
    pub if_match: Option<String>,
    /// What may be read, in place of the bucket's policy. What the bucket binds when it writes stays required.
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
    /// Only keys that begin so.
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

/// For [`EncryptedBucket::list_versions`](crate::EncryptedBucket::list_versions). Empty means not asked for.
#[derive(Clone, Debug, Default)]
pub struct ListVersionsOptions {
    /// Only keys that begin so.
    pub prefix: String,
    /// Keys that are the same up to this text after the prefix are listed once.
    pub delimiter: String,
    /// Where the page begins: `next` of the page before.
    pub after: Option<VersionMarker>,
    /// Most entries in a page, 1 to 1,000.
    pub max_keys: Option<u32>,
}

/// For [`EncryptedBucket::list_uploads`](crate::EncryptedBucket::list_uploads). Empty means not asked for.
#[derive(Clone, Debug, Default)]
pub struct ListUploadsOptions {
    /// Only uploads of keys that begin so.
    pub prefix: String,
    /// Where the page begins: `next` of the page before.
    pub after: Option<UploadMarker>,
    /// Most entries in a page, 1 to 1,000.
    pub max_uploads: Option<u32>,
}

/// For [`EncryptedBucket::delete_many`](crate::EncryptedBucket::delete_many): an object, or one version of it.
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
    /// Its bucket, in the same region; the target's unless said.
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
    /// What becomes of the headers beside the envelope.
    pub headers: HeaderChange,
    /// The target bucket's unless said; that of the object when it is copied onto itself.
    pub storage_class: Option<StorageClass>,
    /// The target bucket's unless said, also when an object is copied onto itself.
    pub acl: Option<Acl>,
    /// Fail with [`ErrorKind::Exists`](crate::ErrorKind::Exists) when there is an object of the target key. Buckets with versions ignore it.
    pub forbid_overwrite: bool,
    /// Copy an object also to where its binding says that it does not belong; the copy is then read with
    /// [`ReadPolicy::with_moved`] alone.
    pub allow_moved: bool,
}
