#![doc = include_str!("../README.md")]

mod body;
mod bucket;
mod budget;
mod checkpoint;
mod computing;
mod copy;
pub mod credentials;
mod download;
mod error;
mod file;
mod flow;
mod get;
mod headers;
mod info;
mod journal;
pub mod kms;
mod limiter;
mod multipart;
mod options;
mod parallel;
mod presigned;
mod prove;
mod put;
mod resumable;
mod retry;
mod skew;
mod spans;
mod state;
mod store;
mod stream;
mod tasks;
mod told;
pub mod transport;
mod unfinished;
mod upload;
mod versions;

pub use body::PutBody;
pub use bucket::{EncryptedBucket, EncryptedBucketBuilder};
pub use budget::MemoryBudget;
pub use credentials::SharedCredentials;
pub use download::{Download, Partial, WriteAt};
pub use error::{Error, ErrorKind};
pub use get::GetObject;
pub use headers::{HeaderChange, ObjectHeaders};
pub use info::{Authenticity, Encryption, ObjectInfo};
pub use kms::{Kms, KmsKey};
pub use options::{
    CopyOptions, CopySource, DeleteItem, GetOptions, HeadOptions, ListOptions, ListUploadsOptions,
    ListVersionsOptions, Progress, PutOptions,
};
pub use presigned::{PresignOptions, PresignedReader, PresignedUrl};
pub use prove::Proof;
pub use put::PutReport;
pub use retry::RetryPolicy;
pub use state::{StateDir, StateError};
pub use store::{BucketEntry, Clock, SignatureVersion, Store, StoreBuilder};
pub use told::Told;
pub use unfinished::{KeptUpload, Outlook, Unfinished, Uploaded};
pub use upload::{MultipartUpload, UploadPart};
pub use versions::{DeleteOutcome, DeleteReport};

pub use osseal_core::{
    AesKey, Bind, Binding, ByteRange, Chunk, ContextError, EncryptionContext, KeyError, KeyFileError,
    KeyFuture, Keyring, KeyringError, MaterialDescription, NamedKey, ReadPolicy, RsaKey, RsaPadding,
    SealedContext, Secret, StoredDescription, Suite, UnwrapKey, UnwrapRequest, WrapAlgorithm, WrapKey,
    Wrapped, WrappedContent, dangerous, protected_pem,
};
pub use osseal_wire::kms::{KeyId, KeyIdError};
pub use osseal_wire::oss::{
    Acl, Addressing, Credentials, Endpoint, EndpointError, EndpointKind, ListedObject, ListedUpload,
    ListedVersion, Page, StorageClass, StoredVersion, UnknownName, UploadMarker, UploadPage, VersionMarker,
    VersionPage, Versioning,
};
