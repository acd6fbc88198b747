#![doc = include_str!("../README.md")]

mod bucket;
pub mod credentials;
mod download;
mod error;
#[cfg(all(test, unix))]
mod golden;
pub mod kms;
mod object;
mod runtime;
mod service;
mod state;
pub mod transport;
mod upload;

pub use bucket::versions::{DeleteOutcome, DeleteReport};
pub use bucket::{EncryptedBucket, EncryptedBucketBuilder};
pub use credentials::SharedCredentials;
pub use download::get::GetObject;
pub use download::parallel::Download;
pub use download::partial_file::PartialFile;
pub use download::presigned::{PresignOptions, PresignedReader, PresignedUrl};
pub use download::verify::Verification;
pub use download::write_at::WriteAt;
pub use error::{Error, ErrorKind, Outcome};
pub use kms::{Kms, KmsKey};
pub use object::headers::{HeaderChange, ObjectHeaders};
pub use object::object_info::{Authenticity, Encryption, ObjectInfo};
pub use object::options::{
    CopyOptions, CopySource, DeleteItem, GetOptions, HeadOptions, ListOptions, ListUploadsOptions,
    ListVersionsOptions, Progress, PutOptions,
};
pub use runtime::clock::Clock;
pub use runtime::memory_budget::MemoryBudget;
pub use runtime::retry::RetryPolicy;
pub use service::signature::SignatureVersion;
pub use service::store::{BucketEntry, Store};
pub use service::store_builder::StoreBuilder;
pub use state::{StateDir, StateError};
pub use upload::manual::{MultipartUpload, UploadPart};
pub use upload::progress::ResumableProgress;
pub use upload::report::PutReport;
pub use upload::source::PutBody;
pub use upload::unfinished::{LocalUploadRecord, ResumeStatus, UnfinishedUpload, UploadedParts};

pub use osseal_core::{
    AesKey, Bind, Binding, ByteRange, Chunk, ContextError, EncryptionContext, KeyError, KeyFileError,
    KeyFuture, Keyring, KeyringError, MaterialDescription, NamedKey, ReadPolicy, RsaKey, RsaPadding,
    SealedContext, Secret, StoredDescription, Suite, UnwrapKey, UnwrapRequest, WrapAlgorithm, WrapKey,
    Wrapped, WrappedContent, dangerous, protected_pem,
};
pub use osseal_wire::kms::{KeyId, KeyIdError};
pub use osseal_wire::oss::{
    Acl, Addressing, Credentials, Endpoint, EndpointError, EndpointKind, ListedObject, ListedUpload,
    ListedVersion, ObjectPage, ServiceCode, StorageClass, StoredVersion, UnknownName, UploadMarker,
    UploadPage, VersionMarker, VersionPage, Versioning,
};
