//! What operations can be told.

use std::fmt;
use std::sync::Arc;

use osseal_core::ByteRange;

/// Told how many more plaintext bytes have been stored, each time some have.
pub type Progress = Arc<dyn Fn(u64) + Send + Sync>;

/// For [`EncryptedBucket::put`](crate::EncryptedBucket::put).
#[derive(Clone, Default)]
pub struct PutOptions {
    /// `Content-Type` of the plaintext; kept in the clear.
    pub content_type: Option<String>,
    /// User metadata, kept in the clear: names without `x-oss-meta-`, of letters, digits and hyphens; values of printable ASCII. All of it
    /// and the envelope together have at most 8 KB.
    pub metadata: Vec<(String, String)>,
    /// Fail with [`ErrorKind::Exists`](crate::ErrorKind::Exists) when there is an object of that key. Buckets with versions ignore it.
    pub forbid_overwrite: bool,
    /// Who to tell how far it is.
    pub progress: Option<Progress>,
}

impl fmt::Debug for PutOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PutOptions")
            .field("content_type", &self.content_type)
            .field("metadata", &self.metadata)
            .field("forbid_overwrite", &self.forbid_overwrite)
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

/// For [`EncryptedBucket::copy`](crate::EncryptedBucket::copy).
#[derive(Clone, Debug, Default)]
pub struct CopyOptions {
    /// Fail with [`ErrorKind::Exists`](crate::ErrorKind::Exists) when there is an object of the target key.
    pub forbid_overwrite: bool,
}
