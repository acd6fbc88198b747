//! [`EncryptedBucket`]: the front door. Every public operation on a bucket stands here and calls the wing
//! that does the work.

mod builder;
pub(crate) mod copy;
mod list;
pub(crate) mod versions;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use osseal_wire::oss::{ObjectPage, UploadPage, VersionPage};

use crate::download::get::GetObject;
use crate::download::parallel::Download;
use crate::download::presigned::{PresignOptions, PresignedUrl};
use crate::download::verify::Verification;
use crate::download::{get, parallel, presigned, verify};
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::object::context::BucketContext;
use crate::object::object_info::ObjectInfo;
use crate::object::options::{
    CopyOptions, CopySource, DeleteItem, GetOptions, HeadOptions, ListOptions, ListUploadsOptions,
    ListVersionsOptions, PutOptions,
};
use crate::service::store::Store;
use crate::state::StateDir;
use crate::upload::manual::MultipartUpload;
use crate::upload::report::PutReport;
use crate::upload::source::PutBody;
use crate::upload::unfinished::{UnfinishedUpload, UploadedParts};
use crate::upload::{manual, put, resume, unfinished};

pub use builder::EncryptedBucketBuilder;
use versions::{DeleteOutcome, DeleteReport};

/// A bucket whose objects are encrypted before upload and decrypted after download.
///
/// Clones are cheap and share connections, keys, memory budget and retry budget.
#[derive(Clone, Debug)]
pub struct EncryptedBucket(Arc<BucketContext>);

/// Creation.
impl EncryptedBucket {
    /// Starts to build an encrypted view of the bucket `bucket` in `store`.
    pub fn builder(store: Store, bucket: impl Into<String>) -> EncryptedBucketBuilder {
        EncryptedBucketBuilder::new(store, bucket.into())
    }
}

/// Writing.
impl EncryptedBucket {
    /// Encrypts and stores an object, whole or not at all.
    ///
    /// Bodies up to the multipart threshold take one request, larger ones a multipart upload. Dropping the
    /// future aborts the upload in the background; [`Store::idle`] waits for that.
    ///
    /// # Errors
    /// - [`ErrorKind::Usage`]: metadata with reserved names or above 8 KB, a body above the service's limit,
    ///   or no keyring.
    /// - [`ErrorKind::Local`]: the source cannot be read.
    /// - [`ErrorKind::Source`]: the source changed, or is shorter or longer than declared.
    /// - [`ErrorKind::Exists`]: the object exists and [`PutOptions::forbid_overwrite`] is set.
    /// - [`ErrorKind::Integrity`]: the service's CRC64 differs from the one computed here.
    ///
    /// After an error no unfinished upload is left unless the error names it. No object is stored unless the
    /// error says that the outcome is unknown: then it is stored whole or not at all.
    pub async fn put(
        &self,
        key: &str,
        body: impl Into<PutBody>,
        options: PutOptions,
    ) -> Result<PutReport, Error> {
        put::put(&self.0, key, body.into(), options).await
    }

    /// Starts a multipart upload that the application drives: an object of `plain_size` plaintext bytes in
    /// parts of `part_size` stored bytes.
    ///
    /// A part size is a multiple of 16 for [`Suite::AesCtr`](crate::Suite::AesCtr) and of 16,400 for
    /// [`Suite::Sealed`](crate::Suite::Sealed), from 100 KiB to 5 GiB, with at most 10,000 parts. `None` takes
    /// the bucket's part size, rounded up as needed.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] before anything is sent: another part size, metadata with reserved names or above
    /// 8 KB, or no keyring. [`ErrorKind::Exists`]: the object exists and [`PutOptions::forbid_overwrite`] is set.
    pub async fn begin_upload(
        &self,
        key: &str,
        plain_size: u64,
        part_size: impl Into<Option<u64>>,
        options: PutOptions,
    ) -> Result<MultipartUpload, Error> {
        manual::begin_upload(&self.0, key, plain_size, part_size.into(), options).await
    }

    /// Copies an object into this bucket on the service's side. The envelope is kept, so the copy opens with
    /// the same key. Copying an object onto itself changes its headers.
    ///
    /// New headers are sent together with the source's unchanged envelope, or without it if the service
    /// demands that (EC 0005-00000421). Afterwards the copy's envelope and size are compared with the source's.
    /// The ACL is not copied; see [`CopyOptions::acl`].
    ///
    /// # Errors
    /// As [`EncryptedBucket::head`] for the source, and:
    /// - [`ErrorKind::Exists`]: the target exists and [`CopyOptions::forbid_overwrite`] is set.
    /// - [`ErrorKind::Changed`]: the source was replaced during the copy.
    /// - [`ErrorKind::Usage`]: impossible headers.
    /// - [`ErrorKind::Unsupported`]: more than 5 GiB from another bucket. That takes part copies, which the
    ///   service does not offer for encrypted objects.
    /// - [`ErrorKind::Protocol`]: the copy differs from the source.
    pub async fn copy(
        &self,
        source: impl Into<CopySource>,
        target_key: &str,
        options: CopyOptions,
    ) -> Result<ObjectInfo, Error> {
        copy::copy(&self.0, source.into(), target_key, options).await
    }
}

/// Reading.
impl EncryptedBucket {
    /// Starts to read an object or a range of it. When this returns, the head has arrived and the data key is
    /// unwrapped; the body follows with [`GetObject::next_chunk`].
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::Range`], [`ErrorKind::NotEncrypted`], [`ErrorKind::Envelope`],
    /// [`ErrorKind::Unsupported`], [`ErrorKind::NoMatchingKey`], [`ErrorKind::UnwrapFailed`],
    /// [`ErrorKind::Unauthenticated`], [`ErrorKind::WrongLocation`], [`ErrorKind::NotBound`],
    /// [`ErrorKind::Integrity`], [`ErrorKind::Changed`].
    pub async fn get(&self, key: &str, options: GetOptions) -> Result<GetObject, Error> {
        get::get(&self.0, key, options).await
    }

    /// Starts to read an object or a range of it with parallel requests of [`part_size`] bytes, [`jobs`] at a
    /// time. A range within one part takes one request. When this returns, the head has arrived and the data
    /// key is unwrapped.
    ///
    /// # Errors
    /// As [`EncryptedBucket::get`].
    ///
    /// [`part_size`]: EncryptedBucketBuilder::part_size
    /// [`jobs`]: EncryptedBucketBuilder::jobs
    pub async fn download(&self, key: &str, options: GetOptions) -> Result<Download, Error> {
        parallel::download(&self.0, key, options).await
    }

    /// Returns the store's claims about an object, whatever the read policy admits. One HEAD request; no key
    /// is unwrapped and nothing is verified. [`EncryptedBucket::verify`] verifies.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::Envelope`] or [`ErrorKind::Unsupported`] for an envelope that
    /// cannot be read; [`ErrorKind::Integrity`] for sizes that contradict each other.
    pub async fn head(&self, key: &str, options: HeadOptions) -> Result<ObjectInfo, Error> {
        let described = async {
            let described = self.0.describe(key, options.version_id).await?;
            described.info(key, self.0.keyring.as_ref())
        };
        self.0.op_context("HeadObject", Some(key)).run(described).await
    }

    /// Verifies an object without reading it: unwraps the key, checks commitment, context and location, and
    /// opens the last chunk, which authenticates the size.
    ///
    /// One request for at most 16,399 stored bytes unless the connection breaks. Ignores the range of `options`.
    ///
    /// # Errors
    /// As [`EncryptedBucket::get`].
    pub async fn verify(&self, key: &str, options: GetOptions) -> Result<Verification, Error> {
        verify::verify(&self.0, key, options).await
    }

    /// Signs a URL with which anyone can fetch the object as it is stored: ciphertext and envelope.
    /// [`PresignedReader`](crate::PresignedReader) reads it. Sends no request, so a missing object shows only
    /// when the URL is used.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`]: a lifetime out of bounds, an impossible key, a store without credentials.
    /// [`ErrorKind::Credentials`]: the credential source yields none.
    pub async fn presign(&self, key: &str, options: &PresignOptions) -> Result<PresignedUrl, Error> {
        presigned::presign(&self.0, key, options).await
    }
}

/// Listing and deleting.
impl EncryptedBucket {
    /// Returns one page of objects. A listing carries no metadata, so sizes are stored sizes.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] for a page that contradicts the request: keys outside the prefix, out of order,
    /// or from another bucket.
    pub async fn list(&self, options: &ListOptions) -> Result<ObjectPage, Error> {
        list::list(&self.0, options).await
    }

    /// Returns one page of versions and delete markers, by key, the newest of each key first. A listing carries
    /// no metadata, so sizes are stored sizes.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] for a page that contradicts the request: keys outside the prefix, entries out of
    /// order or repeated, another bucket, or a continuation that does not advance.
    pub async fn list_versions(&self, options: &ListVersionsOptions) -> Result<VersionPage, Error> {
        versions::list_versions(&self.0, options).await
    }

    /// Deletes an object. Deleting a missing object succeeds, as with the service. In a versioned bucket this
    /// hides the object behind a delete marker, which the report names.
    pub async fn delete(&self, key: &str) -> Result<DeleteReport, Error> {
        versions::delete(&self.0, key).await
    }

    /// Deletes one version of an object, or a delete marker, permanently. Deleting a missing version succeeds.
    pub async fn delete_version(
        &self,
        key: &str,
        version_id: impl Into<String>,
    ) -> Result<DeleteReport, Error> {
        versions::delete_version(&self.0, key, version_id.into()).await
    }

    /// Deletes objects and versions, 1,000 per request, and returns one outcome per item in the order given.
    /// A failed request fails the items it names; later requests are still made.
    ///
    /// # Errors
    /// Per item: as for [`EncryptedBucket::delete`]; [`ErrorKind::Protocol`] if the reply does not mention the
    /// item or names another one. Whether the object still exists is then unknown.
    pub async fn delete_many(
        &self,
        items: impl IntoIterator<Item = impl Into<DeleteItem>>,
    ) -> Vec<DeleteOutcome> {
        versions::delete_many(&self.0, items.into_iter().map(Into::into).collect()).await
    }
}

/// UnfinishedUpload uploads.
impl EncryptedBucket {
    /// Whether a file of `length` bytes is put in parts, so that another process can
    /// [resume](PutBody::resumable) the upload.
    pub fn is_worth_resuming(&self, length: u64) -> bool {
        resume::is_worth_resuming(&self.0, length)
    }

    /// Returns the path of the record of a [resumable](PutBody::resumable) put of the file at `path` under a
    /// key. The file exists while the upload can be resumed.
    ///
    /// # Errors
    /// [`ErrorKind::Local`]: no file exists at `path`.
    pub fn upload_record(&self, state: &StateDir, key: &str, path: &Path) -> Result<PathBuf, Error> {
        resume::upload_record(&self.0, state, key, path)
    }

    /// Returns one page of unfinished multipart uploads, by key.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] for a page that contradicts the request: keys outside the prefix, out of order,
    /// or from another bucket.
    pub async fn list_uploads(&self, options: &ListUploadsOptions) -> Result<UploadPage, Error> {
        unfinished::list_uploads(&self.0, options).await
    }

    /// Returns all unfinished uploads of keys with a prefix, by key: those that the store lists, joined with
    /// their local records, and local records of uploads that the store does not list.
    ///
    /// # Errors
    /// As [`EncryptedBucket::list_uploads`]; [`ErrorKind::Local`] if the state directory cannot be read.
    pub async fn unfinished_uploads(
        &self,
        state: Option<&StateDir>,
        prefix: &str,
    ) -> Result<Vec<UnfinishedUpload>, Error> {
        unfinished::unfinished_uploads(&self.0, state, prefix).await
    }

    /// Returns the parts of an upload that the service holds.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]: the upload was completed or aborted.
    pub async fn uploaded_parts(&self, key: &str, upload_id: &str) -> Result<UploadedParts, Error> {
        unfinished::uploaded_parts(&self.0, key, upload_id).await
    }

    /// Aborts an upload, even while a process works on it: the service drops its parts. Aborting a missing
    /// upload succeeds. A resumable put that loses its upload this way restarts.
    pub async fn abort_upload(&self, key: &str, upload_id: &str) -> Result<(), Error> {
        unfinished::abort_upload(&self.0, key, upload_id).await
    }

    /// Aborts an upload and removes its local record, which holds the wrapped data key. Returns `false`, and
    /// does nothing, if a process of this machine works on it or has started another upload in its place.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`]: the upload belongs to another bucket. If the service does not abort the upload,
    /// the record stays.
    pub async fn abort_unfinished(&self, upload: &UnfinishedUpload) -> Result<bool, Error> {
        unfinished::abort_unfinished(&self.0, upload).await
    }
}
