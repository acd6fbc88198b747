//! What Alibaba Cloud OSS and KMS say on the wire: requests, replies, signatures, XML and JSON.
//!
//! No sockets, no clock, no environment. Clients build the same types that servers read, so both sides of a rule are one piece of code:
//!
//! | module | holds |
//! |---|---|
//! | [`oss::request`] | operations as types, to and from HTTP heads |
//! | [`oss::reply`], [`oss::listing`], [`oss::versions`] | heads and listings of replies, read strictly |
//! | [`oss::error`] | refusals: XML, `x-oss-err`, EC |
//! | [`oss::sign_v4`] | signature version 4, made and checked |
//! | [`oss::endpoint`], [`oss::names`] | hosts, addressing styles, bucket and key names |
//! | [`oss::meta`] | headers kept with an object |
//! | [`oss::tags`], [`oss::acl`], [`oss::storage_class`] | what is kept beside them |
//! | [`oss::range`], [`oss::crc64`] | byte ranges, checksums |
//! | [`oss::xml`] | documents, read within bounds |
//! | [`kms`] | the key service: calls, replies, refusals, JSON read within bounds |
//! | [`acs3`], [`rpc`] | signatures for the vendor's other services, made and checked |
//! | [`sts`], [`session_credentials`] | temporary credentials: asking for them, reading them |
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
