//! Wire protocol of Alibaba Cloud OSS, KMS and STS: requests, replies, signatures, XML and JSON.
//!
//! The crate does no I/O: no sockets, no clock, no environment. Clients build the types that
//! servers parse, so each rule of the protocol is implemented once:
//!
//! | module | holds |
//! |---|---|
//! | [`oss::request`] | operations and their arguments, to and from HTTP requests |
//! | [`oss::operation`] | the table of operations: method, sub-resource, kinds of bodies |
//! | [`oss::reply`], [`oss::listing`], [`oss::versions`] | heads of replies and pages of listings, validated |
//! | [`oss::error`] | errors of the service: XML, `x-oss-err`, EC |
//! | [`oss::sign_v4`] | signature version 4, signing and verification |
//! | [`oss::endpoint`], [`oss::names`] | hosts, addressing styles, bucket and key names |
//! | [`oss::meta`] | headers stored with an object |
//! | [`oss::tags`], [`oss::acl`], [`oss::storage_class`] | attributes stored with an object |
//! | [`oss::range`], [`oss::crc64`] | byte ranges, checksums |
//! | [`oss::xml`] | documents, parsed within bounds |
//! | [`kms`] | the key service: calls, replies, errors, JSON parsed within bounds |
//! | [`acs3`], [`rpc`] | signatures of the vendor's other services, signing and verification |
//! | [`sts`], [`session_credentials`] | temporary credentials: requests and replies |
//!
//! ```
//! use osseal_wire::oss::{Call, Credentials, Endpoint, Request, Subject, request::GetObject, sign_v4};
//!
//! let endpoint = Endpoint::parse("oss-cn-hangzhou.aliyuncs.com")?;
//! let request = Request { bucket: Some("box".into()), key: Some("a b".into()), call: Call::GetObject(GetObject::default()) };
//! let mut head = request.head(&endpoint)?;
//! assert_eq!(head.uri, "https://box.oss-cn-hangzhou.aliyuncs.com/a%20b");
//!
//! let subject = Subject { bucket: Some("box"), key: Some("a b"), region: "cn-hangzhou" };
//! let credentials = Credentials::new("id", "secret");
//! sign_v4::sign(&mut head, subject, &credentials, &[], "2026-01-02T03:04:05Z".parse()?)?;
//! assert!(head.headers["authorization"].to_str()?.starts_with("OSS4-HMAC-SHA256 Credential=id/20260102/cn-hangzhou/oss/"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod acs3;
pub mod kms;
pub mod oss;
pub mod rpc;
pub mod session_credentials;
pub mod sts;
