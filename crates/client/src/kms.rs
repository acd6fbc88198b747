//! Keys that a key service keeps: Alibaba Cloud KMS.
//!
//! ```text
//!   Keyring ──► KmsKey ──► Kms ──► Transport
//!               checks     rate, signature, attempts, deadlines
//!               of replies
//!               cache, one call for equal questions
//! ```
//! Writing takes a data key of the service (`GenerateDataKey`), and for AES/CTR the counter encrypted by it (`Encrypt`), asked for at the same time;
//! reading takes one `Decrypt` for each wrapped value. Region and key come from the keyring, never from an object.

mod builder;
mod cache;
mod client;
mod key;
mod replay_detector;

pub use builder::{KmsBuilder, KmsLimits};
pub use cache::CachePolicy;
pub use client::{Kms, KmsCounts};
pub use key::{KmsCheck, KmsKey, KmsKeyBuilder};
pub use osseal_wire::kms::{ContextError, endpoint};
