//! [`EncryptedBucketBuilder`]: the settings of an [`EncryptedBucket`].

use std::num::NonZeroU16;
use std::sync::Arc;

use osseal_core::dangerous::AllowPlaintextObjects;
use osseal_core::{Bind, ContextError, EncryptionContext, Keyring, ReadPolicy, Suite};

use crate::bucket::EncryptedBucket;
use crate::error::{Error, ErrorKind, OpContext, OpError};
use crate::object::context::{BucketContext, MAX_SINGLE_REQUEST, fits_one_request, require_bound};
use crate::runtime::blocking_unwrap;
use crate::runtime::memory_budget::MemoryBudget;
use crate::service::store::Store;

/// Default part size, stored bytes. Parts of this size saturate 10 Gbit/s at four jobs and fit the default
/// memory budget.
const DEFAULT_PART_SIZE: u64 = 16 << 20;
/// Default number of parts of one object in flight.
const DEFAULT_JOBS: NonZeroU16 = NonZeroU16::new(4).unwrap();

/// Builds an [`EncryptedBucket`]; made by [`EncryptedBucket::builder`].
#[derive(Debug)]
pub struct EncryptedBucketBuilder {
    store: Store,
    bucket: String,
    keyring: Option<Keyring>,
    suite: Suite,
    is_plain: bool,
    policy: Option<ReadPolicy>,
    bind: Bind,
    encryption_context: EncryptionContext,
    multipart_threshold: Option<u64>,
    single_limit: u64,
    part_size: u64,
    jobs: NonZeroU16,
    memory: MemoryBudget,
}

impl EncryptedBucketBuilder {
    pub(super) fn new(store: Store, bucket: String) -> EncryptedBucketBuilder {
        EncryptedBucketBuilder {
            store,
            bucket,
            keyring: None,
            suite: Suite::Sealed,
            is_plain: false,
            policy: None,
            bind: Bind::None,
            encryption_context: EncryptionContext::empty(),
            multipart_threshold: None,
            single_limit: MAX_SINGLE_REQUEST,
            part_size: DEFAULT_PART_SIZE,
            jobs: DEFAULT_JOBS,
            memory: MemoryBudget::default(),
        }
    }

    /// Sets the keys. Without a keyring the bucket can list, copy and delete, but neither put nor get.
    #[must_use]
    pub fn keyring(self, keyring: Keyring) -> Self {
        EncryptedBucketBuilder { keyring: Some(keyring), ..self }
    }

    /// Sets the suite of new objects. Default: [`Suite::Sealed`].
    #[must_use]
    pub fn suite(self, suite: Suite) -> Self {
        EncryptedBucketBuilder { suite, ..self }
    }

    /// Stores and reads objects without encryption and without keys, to measure the cost of encryption.
    /// Everyone with access to the store can read and change such objects.
    #[must_use]
    pub fn without_encryption(self, allow: AllowPlaintextObjects) -> Self {
        let policy = ReadPolicy::for_writer_of(Suite::AesCtr).with_plaintext(allow);
        EncryptedBucketBuilder { suite: Suite::AesCtr, is_plain: true, policy: Some(policy), ..self }
    }

    /// Sets which objects may be read. Default: objects that give the guarantees of the suite to write.
    #[must_use]
    pub fn read_policy(self, policy: ReadPolicy) -> Self {
        EncryptedBucketBuilder { policy: Some(policy), ..self }
    }

    /// Sets how much of an object's location is bound to its content. Default: [`Bind::None`].
    ///
    /// Reading then requires at least this much, whatever the policy allows. Objects that the service renamed
    /// or copied need [`ReadPolicy::with_moved`].
    #[must_use]
    pub fn bind(self, bind: Bind) -> Self {
        EncryptedBucketBuilder { bind, ..self }
    }

    /// Sets pairs to bind to every object's content: authenticated, not secret. Default: none. Reading then
    /// requires them, whatever the policy allows.
    #[must_use]
    pub fn encryption_context(self, context: EncryptionContext) -> Self {
        EncryptedBucketBuilder { encryption_context: context, ..self }
    }

    /// Sets the largest body that is put in one request, plaintext bytes. Default: the part size.
    ///
    /// Such a body is held in memory. At most 5 GiB of stored bytes.
    #[must_use]
    pub fn multipart_threshold(self, threshold: u64) -> Self {
        EncryptedBucketBuilder { multipart_threshold: Some(threshold), ..self }
    }

    /// Lowers the limit of 5 GiB of a request of unknown length, so that tests reach it with little data.
    #[doc(hidden)]
    #[must_use]
    pub fn dangerous_single_limit(self, single_limit: u64) -> Self {
        EncryptedBucketBuilder { single_limit, ..self }
    }

    /// Sets the part size in stored bytes. Default: 16 MiB.
    ///
    /// Rounded up to whole units of the suite (16 bytes of AES-CTR, 16,400 of the sealed suite), to 100 KiB,
    /// and to a size that makes at most 10,000 parts. An upload holds [`EncryptedBucketBuilder::jobs`] parts
    /// in memory, and one more if it reads from a stream.
    #[must_use]
    pub fn part_size(self, part_size: u64) -> Self {
        EncryptedBucketBuilder { part_size, ..self }
    }

    /// Sets how many parts of one object are in flight. Default: 4.
    #[must_use]
    pub fn jobs(self, jobs: NonZeroU16) -> Self {
        EncryptedBucketBuilder { jobs, ..self }
    }

    /// Sets the memory budget that bounds the buffers of this bucket's transfers, together with all others
    /// that share it. Default: a budget of 256 MiB of its own.
    #[must_use]
    pub fn memory(self, memory: MemoryBudget) -> Self {
        EncryptedBucketBuilder { memory, ..self }
    }

    /// Builds the bucket. Sends no request.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`]: an impossible bucket name, a threshold above 5 GiB of stored bytes, a part size
    /// above the service's limit, or something to bind with a suite that binds nothing.
    pub fn build(self) -> Result<EncryptedBucket, Error> {
        let op_context = OpContext { operation: "BuildBucket", bucket: Some(&self.bucket), key: None };
        let usage = |message: String| OpError::new(ErrorKind::Usage, message).with_context(op_context);
        osseal_wire::oss::names::check_bucket(&self.bucket).map_err(|error| usage(error.to_string()))?;
        let largest = self.suite.layout().plain_len(MAX_SINGLE_REQUEST).unwrap_or(MAX_SINGLE_REQUEST);
        let multipart_threshold = self.multipart_threshold.unwrap_or(self.part_size.min(largest));
        if !fits_one_request(self.suite, multipart_threshold) {
            return Err(usage(format!(
                "a multipart threshold of {multipart_threshold} bytes is, when sealed, above the service's \
                 {MAX_SINGLE_REQUEST} for one request"
            )));
        }
        if self.part_size == 0 || self.part_size > osseal_core::MAX_PART {
            return Err(usage(format!("a part has 1 to {} bytes", osseal_core::MAX_PART)));
        }
        if self.suite == Suite::AesCtr && (self.bind != Bind::None || !self.encryption_context.is_empty()) {
            let error = ContextError::NotBound { suite: self.suite.name() };
            return Err(OpError::from(error).with_context(op_context));
        }
        let policy = self.policy.unwrap_or_else(|| ReadPolicy::for_writer_of(self.suite));
        let policy = require_bound(policy, self.bind, &self.encryption_context)
            .map_err(|failure| failure.with_context(op_context))?;
        Ok(EncryptedBucket(Arc::new(BucketContext {
            policy,
            bind: self.bind,
            encryption_context: self.encryption_context,
            store: self.store,
            name: self.bucket,
            keyring: self.keyring.map(blocking_unwrap::on_blocking_threads),
            suite: self.suite,
            is_plain: self.is_plain,
            multipart_threshold,
            single_limit: self.single_limit,
            part_size: self.part_size,
            jobs: self.jobs,
            memory: self.memory,
        })))
    }
}
