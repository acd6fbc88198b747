//! Where the service keeps buckets, objects and unfinished uploads: the joint [`Backend`], and what passes through it.
//!
//! Two live here: [`memory::Memory`] and [`disk::Disk`]. The rules of the service (signatures, encryption headers, ranges,
//! conditions) are above this line; below it are bytes, names, and the promise that a change happens whole or not at all.

mod attributes;
pub mod disk;
mod history;
mod index;
pub mod memory;
mod object;
mod record;
mod upload;

use std::{future::Future, ops::Range, pin::Pin, sync::Arc};

use jiff::Timestamp;
use osseal_wire::oss::{Acl, Versioning};

use crate::body::ingest::{BodyFailure, Incoming};

pub use attributes::Attributes;
pub use object::{Kind, Marker, Meta, NewMarker, NewObject, Object, VersionId};
pub use upload::{NewPart, Part, Upload};

/// What every method of a [`Backend`] gives back.
pub type BackendFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, BackendError>> + Send + 'a>>;

pub use crate::body::ContentStream;

/// A place where buckets, objects and unfinished uploads live.
///
/// # What an implementation promises
///
/// * **Whole or not at all.** An operation that answers `Ok` has happened, for every later call and, where the backend
///   outlives the process, after a kill at any instant. One that answers `Err` has changed nothing that a later call can
///   see; one whose future is dropped has happened whole or not at all. Bytes left over are the backend's own to sweep.
/// * **One order per key.** Two writes of one key leave one of the two or, where versions are kept, both, one after the other; record and
///   content together, never a mixture.
/// * **Versions stay.** In a bucket with versioning a write or a removal changes no version but `null`, and that only while versioning is
///   suspended; what grows is the latest version. Which version a write makes is decided in the instant in which it happens.
/// * **Readers keep what they opened.** Content handed out by [`open`](Backend::open) stays readable, unchanged, while
///   the object is replaced or deleted.
/// * **Bounded memory.** Bodies come from [`Incoming`] chunk by chunk and leave as a [`ContentStream`]; no method holds a
///   body whole unless keeping it in memory is what the backend is for.
/// * **Never something else.** What cannot be read back is [`BackendError::Damaged`] with the name of the culprit; it is
///   neither skipped nor guessed.
///
/// # What it need not do
///
/// Check names, digests, sizes or headers: the service has done so, or [`Incoming::finish`] does. A backend that stores a
/// body reads it with [`Incoming::next`] until `None`, then asks [`Incoming::finish`] for the facts, and commits only if that
/// agrees. It decides nothing about time: moments arrive in the records.
///
/// # Names
///
/// A [`Place`] is a bucket and a key. Every method with a place fails with [`BackendError::NoSuchBucket`] when the bucket is
/// not there, before it looks for the key. A version is named by its [`VersionId`] as text; none means the latest.
pub trait Backend: Send + Sync {
    /// Makes a bucket. An existing one is left as it is, with its creation time.
    fn create_bucket<'a>(&'a self, bucket: &'a str, created: Timestamp) -> BackendFuture<'a, ()>;

    /// Removes an empty bucket; versions, delete markers and unfinished uploads make it [`BackendError::BucketNotEmpty`].
    fn delete_bucket<'a>(&'a self, bucket: &'a str) -> BackendFuture<'a, ()>;

    /// Whether a bucket keeps versions; none when that was never set.
    fn versioning<'a>(&'a self, bucket: &'a str) -> BackendFuture<'a, Option<Versioning>>;

    /// Sets whether a bucket keeps versions, from now on.
    fn set_versioning<'a>(&'a self, bucket: &'a str, versioning: Versioning) -> BackendFuture<'a, ()>;

    /// All buckets, by name.
    fn buckets(&self) -> BackendFuture<'_, Vec<Bucket>>;

    /// Stores a body under a key. The record that is answered says which version it became.
    fn put<'a>(
        &'a self,
        place: Place<'a>,
        new: NewObject,
        overwrite: Overwrite,
        body: &'a mut Incoming,
    ) -> BackendFuture<'a, Arc<Object>>;

    /// The record of an object. [`BackendError::Deleted`] when the latest version is a delete marker, [`BackendError::IsMarker`] when the one
    /// asked for is.
    fn object<'a>(&'a self, place: Place<'a>, version: Option<&'a str>) -> BackendFuture<'a, Arc<Object>>;

    /// The record of an object and a way to its content, both of the same write. Errors as [`object`](Backend::object).
    fn open<'a>(&'a self, place: Place<'a>, version: Option<&'a str>) -> BackendFuture<'a, Opened>;

    /// Removes an object; where versions are kept, by a delete marker, whether there is an object or not. Elsewhere
    /// [`BackendError::NoSuchKey`] when there is none.
    fn delete<'a>(&'a self, place: Place<'a>, marker: NewMarker) -> BackendFuture<'a, Removed>;

    /// Removes one version, or delete marker, for good. [`BackendError::NoSuchVersion`] when there is none of that id.
    fn delete_version<'a>(&'a self, place: Place<'a>, version: &'a str) -> BackendFuture<'a, Removed>;

    /// Gives the content of `source` a second record at `target`, or a replaced one when both are the same place.
    /// [`BackendError::Changed`] when no version at `source` is any longer the one of the write `expected`.
    fn copy<'a>(
        &'a self,
        source: Place<'a>,
        expected: &'a str,
        target: Place<'a>,
        record: Object,
        overwrite: Overwrite,
    ) -> BackendFuture<'a, Arc<Object>>;

    /// Up to `limit` objects, each the latest version of its key and no delete marker, whose keys start with `prefix` and are not before `from`, in the byte order of their keys.
    fn scan<'a>(
        &'a self,
        bucket: &'a str,
        prefix: &'a str,
        from: Cursor<'a>,
        limit: usize,
    ) -> BackendFuture<'a, Vec<Listed>>;

    /// Up to `limit` versions and delete markers of keys that start with `prefix`, from `from` on, in the byte order of their keys, the versions of
    /// one key the latest first.
    fn scan_versions<'a>(
        &'a self,
        bucket: &'a str,
        prefix: &'a str,
        from: VersionCursor<'a>,
        limit: usize,
    ) -> BackendFuture<'a, Vec<ListedVersion>>;

    /// Opens an upload under its id.
    fn create_upload<'a>(&'a self, place: Place<'a>, upload: Upload) -> BackendFuture<'a, ()>;

    /// An unfinished upload and its parts, in the order of their numbers.
    fn upload<'a>(&'a self, place: Place<'a>, id: &'a str) -> BackendFuture<'a, (Arc<Upload>, Vec<Part>)>;

    /// Stores a body as a part, replacing one of the same number. [`BackendError::NoSuchUpload`] when the upload ended while
    /// the body arrived.
    fn put_part<'a>(
        &'a self,
        place: Place<'a>,
        id: &'a str,
        new: NewPart,
        body: &'a mut Incoming,
    ) -> BackendFuture<'a, Part>;

    /// Makes the object `record` of the parts listed, in that order, and ends the upload. [`BackendError::Changed`] when one of
    /// the parts is no longer the one listed.
    fn complete<'a>(
        &'a self,
        place: Place<'a>,
        id: &'a str,
        parts: &'a [Part],
        record: Object,
        overwrite: Overwrite,
    ) -> BackendFuture<'a, Arc<Object>>;

    /// Ends an upload and forgets its parts.
    fn abort<'a>(&'a self, place: Place<'a>, id: &'a str) -> BackendFuture<'a, ()>;

    /// Makes the object of the write `before`, which is the latest version, grow by a body; that version stays the one it is. Without `before`
    /// stores an object that can grow. [`BackendError::Changed`] when the latest version is another, or there is one that was not meant.
    fn append<'a>(
        &'a self,
        place: Place<'a>,
        before: Option<Arc<Object>>,
        new: NewObject,
        body: &'a mut Incoming,
    ) -> BackendFuture<'a, Arc<Object>>;

    /// Gives the version of the write `expected` another record; its content stays, and its place among the versions.
    /// [`BackendError::Changed`] when no version is any longer the one of that write.
    fn amend<'a>(&'a self, place: Place<'a>, expected: &'a str, record: Object) -> BackendFuture<'a, ()>;

    /// The unfinished uploads of keys that start with `prefix`, by key and id.
    fn uploads<'a>(&'a self, bucket: &'a str, prefix: &'a str) -> BackendFuture<'a, Vec<Arc<Upload>>>;

    /// A bucket.
    fn bucket<'a>(&'a self, bucket: &'a str) -> BackendFuture<'a, Bucket>;

    /// Sets the access control of a bucket.
    fn set_bucket_acl<'a>(&'a self, bucket: &'a str, acl: Acl) -> BackendFuture<'a, ()>;
}

/// A bucket and a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// The bucket.
    pub bucket: &'a str,
    /// The key, 1 to 1023 bytes.
    pub key: &'a str,
}

/// A bucket, as `ListBuckets` knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// Who may read and write; never [`Acl::Default`].
    pub acl: Acl,
}

/// Whether a write may replace an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// It may.
    Allowed,
    /// An object of that key makes the write [`BackendError::Exists`] (`x-oss-forbid-overwrite: true`). Of no effect where versions are kept.
    Forbidden,
}

/// Where a [`Backend::scan`] starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cursor<'a> {
    /// At the first key.
    First,
    /// At this key or the next after it.
    At(&'a str),
    /// After this key.
    After(&'a str),
}

/// Where a [`Backend::scan_versions`] starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionCursor<'a> {
    /// At the latest version of a key.
    Key(Cursor<'a>),
    /// After a version of a key; at the latest one of the key when there is no such version, so that none is missed.
    After {
        /// The key.
        key: &'a str,
        /// The version.
        version: &'a str,
    },
}

/// What a removal did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removed {
    /// Removed an object for good.
    Gone,
    /// Made a delete marker.
    Marked(VersionId),
    /// Removed a delete marker for good.
    Unmarked,
}

/// One row of a [`Backend::scan`].
#[derive(Debug, Clone)]
pub struct Listed {
    /// The key.
    pub key: String,
    /// The record.
    pub object: Arc<Object>,
}

/// One row of a [`Backend::scan_versions`].
#[derive(Debug, Clone)]
pub struct ListedVersion {
    /// The key.
    pub key: String,
    /// Whether it is the latest version of the key.
    pub is_latest: bool,
    /// What it is.
    pub kind: VersionKind,
}

/// What a version is.
#[derive(Debug, Clone)]
pub enum VersionKind {
    /// An object.
    Object(Arc<Object>),
    /// A mark that there is none any more.
    Marker(Arc<Marker>),
}

/// A record and a way to its content.
pub struct Opened {
    /// The record.
    pub object: Arc<Object>,
    /// Whether there is content to read: a store that only counts has none.
    pub is_kept: bool,
    /// Gives the stored bytes of a half-open range that lies within the object.
    pub read: Box<dyn FnOnce(Range<u64>) -> ContentStream + Send>,
}

/// Why a backend did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackendError {
    /// No bucket of that name.
    #[error("no such bucket")]
    NoSuchBucket,
    /// The bucket holds versions, delete markers or unfinished uploads.
    #[error("the bucket is not empty")]
    BucketNotEmpty,
    /// No object of that key.
    #[error("no such object")]
    NoSuchKey,
    /// No version of that id and key.
    #[error("no such version")]
    NoSuchVersion,
    /// The object was deleted: its latest version is a delete marker.
    #[error("the object was deleted")]
    Deleted {
        /// The marker.
        marker: VersionId,
    },
    /// The version asked for is a delete marker.
    #[error("the version is a delete marker")]
    IsMarker {
        /// The marker.
        marker: VersionId,
    },
    /// No unfinished upload of that id and key.
    #[error("no such upload")]
    NoSuchUpload,
    /// There is an object of that key and it must not be replaced.
    #[error("the object exists")]
    Exists,
    /// The object or part that the change builds on was replaced meanwhile.
    #[error("the source was replaced meanwhile")]
    Changed,
    /// The body ended early or was refused.
    #[error(transparent)]
    Body(#[from] BodyFailure),
    /// Stored data that cannot be read back.
    #[error("{what} is damaged: {reason}; restore it from a backup or remove it")]
    Damaged {
        /// The file or record.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The operating system refused.
    #[error("cannot {action} {what}: {source}")]
    Io {
        /// What was tried, a verb.
        action: &'static str,
        /// On which file.
        what: String,
        /// Why not.
        source: std::io::Error,
    },
}
