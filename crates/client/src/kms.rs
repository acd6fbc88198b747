//! Keys in Alibaba Cloud KMS.
//!
//! ```text
//!   Keyring ──► KmsKey ──► Kms ──► Transport
//!               checks     rate limit, signature, retries, deadlines
//!               of replies
//!               cache, single-flight
//! ```
//! Writing makes one `GenerateDataKey` call, and for AES-CTR one `Encrypt` call for the counter at the same time. Reading
//! makes one `Decrypt` call per wrapped value. Region and key come from the keyring, never from an object.

mod builder;
mod cache;
mod client;
mod key;
mod limits;
mod replay_detector;

pub use builder::KmsBuilder;
pub use cache::CachePolicy;
pub use client::{Kms, KmsCounts};
pub use key::{KmsCheck, KmsKey, KmsKeyBuilder};
pub use limits::KmsLimits;
pub use osseal_wire::kms::{ContextError, endpoint};
