//! [`BucketContext`]: the state that all operations on one bucket share.

use std::num::NonZeroU16;

use bytes::Bytes;
use osseal_core::{Bind, EncryptionContext, Keyring, ReadPolicy, Suite};
use osseal_wire::oss::request::{Call, GetObject};

use crate::error::{ErrorKind, OpContext, OpError};
use crate::object::object_info::Described;
use crate::runtime::memory_budget::MemoryBudget;
use crate::service::send::Payload;
use crate::service::store::Store;

/// Largest body of one request by the service's rules, stored bytes (PutObject: 5 GB).
pub(crate) const MAX_SINGLE_REQUEST: u64 = 5 << 30;

/// Whether one request can carry `plain` plaintext bytes once they are encrypted.
pub(crate) fn fits_one_request(suite: Suite, plain: u64) -> bool {
    suite.layout().stored_len(plain).is_some_and(|stored| stored <= MAX_SINGLE_REQUEST)
}

/// One bucket: the store that holds it, the keys, the policy, and the sizes of transfers.
#[derive(Debug)]
pub(crate) struct BucketContext {
    pub(crate) store: Store,
    pub(crate) name: String,
    /// `None` when the bucket can neither encrypt nor decrypt.
    pub(crate) keyring: Option<Keyring>,
    /// The suite that new objects are written with.
    pub(crate) suite: Suite,
    /// Whether objects are stored without encryption.
    pub(crate) is_plain: bool,
    /// The bucket's read policy. It requires everything that `bind` and `encryption_context` bind on writing.
    pub(crate) policy: ReadPolicy,
    pub(crate) bind: Bind,
    pub(crate) encryption_context: EncryptionContext,
    /// Largest plaintext that is put in one request, bytes.
    pub(crate) multipart_threshold: u64,
    /// Stored bytes that one request of unknown length may carry.
    pub(crate) single_limit: u64,
    /// Stored bytes of a part.
    pub(crate) part_size: u64,
    /// Parts of one object that are in flight at the same time.
    pub(crate) jobs: NonZeroU16,
    pub(crate) memory: MemoryBudget,
}

impl BucketContext {
    pub(crate) fn op_context<'a>(&'a self, operation: &'static str, key: Option<&'a str>) -> OpContext<'a> {
        OpContext { operation, bucket: Some(&self.name), key }
    }

    /// Makes a call without a body and returns the document of its reply.
    pub(crate) async fn document(&self, key: Option<&str>, call: Call) -> Result<Bytes, OpError> {
        self.store.document(Some(&self.name), key, call).await
    }

    /// HEAD: the object's headers with its envelope.
    pub(crate) async fn describe(&self, key: &str, version_id: Option<String>) -> Result<Described, OpError> {
        self.describe_in(&self.name, key, version_id).await
    }

    /// HEAD of an object in any bucket of the account.
    pub(crate) async fn describe_in(
        &self,
        bucket: &str,
        key: &str,
        version_id: Option<String>,
    ) -> Result<Described, OpError> {
        let call = Call::HeadObject(GetObject { version_id, ..GetObject::default() });
        let reply = self.store.call(Some(bucket), Some(key), call, Payload::None).await?;
        Described::read(reply.status, &reply.headers)
    }

    /// The read policy of one call: the bucket's, or the call's raised to the bucket's requirements.
    pub(crate) fn policy(&self, requested: Option<&ReadPolicy>) -> Result<ReadPolicy, OpError> {
        match requested {
            None => Ok(self.policy.clone()),
            Some(requested) => require_bound(requested.clone(), self.bind, &self.encryption_context),
        }
    }

    /// Fails before any request is sent if no object could be decrypted.
    pub(crate) fn check_keyring(&self) -> Result<(), OpError> {
        if self.is_plain { Ok(()) } else { self.keyring().map(drop) }
    }

    pub(crate) fn keyring(&self) -> Result<&Keyring, OpError> {
        let missing = || {
            OpError::new(
                ErrorKind::Usage,
                "no keyring was given; content cannot be encrypted or decrypted without keys",
            )
        };
        self.keyring.as_ref().ok_or_else(missing)
    }
}

/// Raises a read policy to require everything that is bound on writing.
///
/// A reader that does not require its own binding would accept an object that the store moved or replaced
/// with an unbound one.
pub(crate) fn require_bound(
    policy: ReadPolicy,
    bind: Bind,
    encryption_context: &EncryptionContext,
) -> Result<ReadPolicy, OpError> {
    let bind = policy.required_bind().max(bind);
    let pairs = policy.required_pairs().clone().and(encryption_context)?;
    Ok(policy.requiring_bind(bind).requiring_pairs(pairs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_request_carries_five_gibibytes_of_stored_bytes() {
        // Whole chunks, and one last shorter chunk.
        let chunks = MAX_SINGLE_REQUEST / 16_400;
        let largest = chunks * 16_384 + (MAX_SINGLE_REQUEST % 16_400 - 16);
        for (suite, largest) in [(Suite::AesCtr, MAX_SINGLE_REQUEST), (Suite::Sealed, largest)] {
            assert_eq!(suite.layout().stored_len(largest), Some(MAX_SINGLE_REQUEST));
            assert!(fits_one_request(suite, largest) && !fits_one_request(suite, largest + 1));
        }
        assert!(!fits_one_request(Suite::Sealed, u64::MAX));
    }
}
