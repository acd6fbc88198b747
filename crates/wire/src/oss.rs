//! The object service: requests, replies, signatures, XML.

pub mod acl;
pub mod auth;
pub mod crc64;
mod credentials;
pub mod endpoint;
pub mod error;
pub mod escape;
pub mod listing;
pub mod meta;
pub mod names;
pub mod presign_v4;
pub mod range;
pub mod reply;
pub mod request;
pub mod sign_v1;
pub mod sign_v4;
pub mod storage_class;
pub mod tags;
mod time;
pub mod versions;
pub mod xml;

pub use acl::Acl;
pub use crc64::Crc64;
pub use credentials::{Credentials, SignError, Subject};
pub use endpoint::{Addressing, Endpoint, EndpointError, EndpointKind, bucket_of_host};
pub use error::{ErrorDetail, ServiceError, printable};
pub use listing::{ListedObject, ListedUpload, ObjectPage, UploadMarker, UploadPage};
pub use meta::Metadata;
pub use names::NameError;
pub use range::{ContentRange, RangeSpec};
pub use reply::{ObjectReply, PutReply, ReplyError, SymlinkReply};
pub use request::{Call, Hosts, Request, Versioning};
pub use storage_class::{StorageClass, UnknownName};
pub use tags::{TagError, Tags};
pub use time::{http_date, parse_http_date};
pub use versions::{CopyReply, DeleteReply, ListedVersion, StoredVersion, VersionMarker, VersionPage};
