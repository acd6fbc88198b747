//! Where things are in the folder of a disk backend.

use std::path::{Path, PathBuf};

use super::files::sha256;

/// The folder of a store.
#[derive(Debug, Clone)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(root: PathBuf) -> Self {
        Folder(root)
    }

    pub(super) fn root(&self) -> &Path {
        &self.0
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    pub(super) fn format(&self) -> PathBuf {
        self.0.join("format")
    }

    /// Files that are being written. Empty while nothing is.
    pub(super) fn temp(&self) -> PathBuf {
        self.0.join("temp")
    }

    /// Bodies.
    pub(super) fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    pub(super) fn buckets(&self) -> PathBuf {
        self.0.join("buckets")
    }

    pub(super) fn bucket(&self, bucket: &str) -> PathBuf {
        self.buckets().join(bucket)
    }

    pub(super) fn bucket_record(&self, bucket: &str) -> PathBuf {
        self.bucket(bucket).join("bucket")
    }

    pub(super) fn objects(&self, bucket: &str) -> PathBuf {
        self.bucket(bucket).join("objects")
    }

    /// The record of an object, under the digest of its key: keys may have any length and any characters, file names may not.
    pub(super) fn object_record(&self, bucket: &str, key: &str) -> PathBuf {
        self.objects(bucket).join(sha256(key.as_bytes()))
    }

    pub(super) fn uploads(&self, bucket: &str) -> PathBuf {
        self.bucket(bucket).join("uploads")
    }

    pub(super) fn upload(&self, bucket: &str, id: &str) -> PathBuf {
        self.uploads(bucket).join(id)
    }

    pub(super) fn upload_record(&self, bucket: &str, id: &str) -> PathBuf {
        self.upload(bucket, id).join("upload")
    }

    pub(super) fn parts(&self, bucket: &str, id: &str) -> PathBuf {
        self.upload(bucket, id).join("parts")
    }

    pub(super) fn part_record(&self, bucket: &str, id: &str, number: u32) -> PathBuf {
        self.parts(bucket, id).join(number.to_string())
    }
}
