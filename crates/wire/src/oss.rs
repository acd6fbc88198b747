//! The object service: requests, replies, signatures, XML.

pub mod crc64;
pub mod endpoint;
pub mod error;
pub mod escape;
pub mod listing;
pub mod meta;
pub mod names;
pub mod range;
pub mod reply;
pub mod request;
pub mod sign_v4;
pub mod xml;

pub use crc64::Crc64;
pub use endpoint::{Addressing, Endpoint, EndpointError};
pub use error::{ServiceError, printable};
pub use listing::{ListedObject, Page};
pub use meta::Metadata;
pub use names::NameError;
pub use range::{ContentRange, RangeSpec};
pub use reply::{ObjectReply, PutReply, ReplyError};
pub use request::{Call, Hosts, Request};
pub use sign_v4::{Credentials, Subject, http_date, parse_http_date};
