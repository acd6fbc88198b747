//! [`EncryptedBucket`]: what it is made of, and the operations that move no content.

pub(crate) mod copy;
pub(crate) mod versions;

use std::num::NonZeroU16;
use std::sync::Arc;

use osseal_core::dangerous::AllowPlaintextObjects;
use osseal_core::{Bind, ContextError, EncryptionContext, Keyring, ReadPolicy, Suite};
use osseal_wire::oss::reply::ReplyError;
use osseal_wire::oss::request::{Call, Conditions, GetObject, ListObjects};
use osseal_wire::oss::xml::ListObjectsResult;
use osseal_wire::oss::{Page, RangeSpec};

use crate::error::{Error, ErrorKind, Failure, Scene};
use crate::object::object_info::{Described, ObjectInfo};
use crate::object::options::{HeadOptions, ListOptions};
use crate::runtime::blocking_unwrap;
use crate::runtime::memory_budget::MemoryBudget;
use crate::service::send::Payload;
use crate::service::store::Store;

/// Part size unless said, bytes.
const DEFAULT_PART: u64 = 16 << 20;
/// Parts of one object that are on their way at a time unless said.
const DEFAULT_JOBS: NonZeroU16 = NonZeroU16::new(4).unwrap();
/// Most bytes of one request's body, by the service's rules: stored bytes.
pub(crate) const MAX_SINGLE: u64 = 5 << 30;

/// Whether one request can carry so many plaintext bytes once they are sealed.
pub(crate) fn fits_one_request(suite: Suite, plain: u64) -> bool {
    suite.layout().stored_len(plain).is_some_and(|stored| stored <= MAX_SINGLE)
}

/// A bucket whose objects are encrypted before they are sent and decrypted after they have come. Clones share everything.
#[derive(Clone, Debug)]
pub struct EncryptedBucket(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) bucket: String,
    pub(crate) keyring: Option<Keyring>,
    pub(crate) suite: Suite,
    /// Whether objects are stored as they are.
    pub(crate) is_plain: bool,
    /// What is required because it is bound when writing is part of it.
    pub(crate) policy: ReadPolicy,
    pub(crate) bind: Bind,
    pub(crate) context: EncryptionContext,
    pub(crate) threshold: u64,
    /// Stored bytes that a request may carry whose length is not known before.
    pub(crate) single_limit: u64,
    pub(crate) part_size: u64,
    pub(crate) jobs: NonZeroU16,
    pub(crate) memory: MemoryBudget,
}

/// Puts an [`EncryptedBucket`] together.
#[derive(Debug)]
pub struct EncryptedBucketBuilder {
    store: Store,
    bucket: String,
    keyring: Option<Keyring>,
    suite: Suite,
    is_plain: bool,
    policy: Option<ReadPolicy>,
    bind: Bind,
    context: EncryptionContext,
    threshold: Option<u64>,
    single_limit: u64,
    part_size: u64,
    jobs: NonZeroU16,
    memory: MemoryBudget,
}

impl EncryptedBucketBuilder {
    /// The keys. Without them nothing can be put or got.
    #[must_use]
    pub fn keyring(self, keyring: Keyring) -> Self {
        EncryptedBucketBuilder { keyring: Some(keyring), ..self }
    }

    /// The suite to write; [`Suite::Sealed`] unless said.
    #[must_use]
    pub fn suite(self, suite: Suite) -> Self {
        EncryptedBucketBuilder { suite, ..self }
    }

    /// Stores objects as they are and reads such, without keys: for measuring what encryption costs. Whoever holds the store reads and changes them.
    #[must_use]
    pub fn without_encryption(self, allow: AllowPlaintextObjects) -> Self {
        let policy = ReadPolicy::for_writer_of(Suite::AesCtr).with_plaintext(allow);
        EncryptedBucketBuilder { suite: Suite::AesCtr, is_plain: true, policy: Some(policy), ..self }
    }

    /// What may be read; what the suite to write promises, and nothing weaker, unless said.
    #[must_use]
    pub fn read_policy(self, policy: ReadPolicy) -> Self {
        EncryptedBucketBuilder { policy: Some(policy), ..self }
    }

    /// How much of an object's place to bind to its content. Reading then requires at least that much, whatever the policy allows, and objects
    /// that were renamed or copied by the service take [`ReadPolicy::with_moved`].
    #[must_use]
    pub fn bind(self, bind: Bind) -> Self {
        EncryptedBucketBuilder { bind, ..self }
    }

    /// Pairs to bind to every object's content: authenticated, not secret. Reading then requires them, whatever the policy allows.
    #[must_use]
    pub fn encryption_context(self, context: EncryptionContext) -> Self {
        EncryptedBucketBuilder { context, ..self }
    }

    /// Largest body that is put in one request, plaintext bytes; held in memory while it is. At most 5 GiB when sealed; as many as the part size unless said.
    #[must_use]
    pub fn multipart_threshold(self, threshold: u64) -> Self {
        EncryptedBucketBuilder { threshold: Some(threshold), ..self }
    }

    /// Another limit than 5 GiB of a request whose length is not known before, for tests with less.
    #[doc(hidden)]
    #[must_use]
    pub fn dangerous_single_limit(self, single_limit: u64) -> Self {
        EncryptedBucketBuilder { single_limit, ..self }
    }

    /// Stored bytes of a part. [`EncryptedBucketBuilder::jobs`] of them are held in memory for each object that is put, and one more where they come from a reader. Rounded up to whole units of the suite (16 bytes of AES/CTR, 16,400 of sealed), to
    /// 100 KiB, and to what makes at most 10,000 parts. 16 MiB unless said.
    #[must_use]
    pub fn part_size(self, part_size: u64) -> Self {
        EncryptedBucketBuilder { part_size, ..self }
    }

    /// Parts of one object that are on their way at a time; 4 unless said.
    #[must_use]
    pub fn jobs(self, jobs: NonZeroU16) -> Self {
        EncryptedBucketBuilder { jobs, ..self }
    }

    /// What transfers of this bucket may hold in memory, together with all others that have the same budget; one of its own of 256 MiB unless said.
    #[must_use]
    pub fn memory(self, memory: MemoryBudget) -> Self {
        EncryptedBucketBuilder { memory, ..self }
    }

    /// The bucket.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`]: not a bucket name, a threshold above 5 GiB when sealed, a part size above what a part may have, something to bind with a suite
    /// that binds nothing.
    pub fn build(self) -> Result<EncryptedBucket, Error> {
        let scene = Scene { operation: "open the bucket", bucket: Some(&self.bucket), key: None };
        let usage = |message: String| Failure::new(ErrorKind::Usage, message).at(scene);
        osseal_wire::oss::names::check_bucket(&self.bucket).map_err(|error| usage(error.to_string()))?;
        let most = self.suite.layout().plain_len(MAX_SINGLE).unwrap_or(MAX_SINGLE);
        let threshold = self.threshold.unwrap_or(self.part_size.min(most));
        if !fits_one_request(self.suite, threshold) {
            return Err(usage(format!(
                "a multipart threshold of {threshold} bytes is, when sealed, above the service's {MAX_SINGLE} for one request"
            )));
        }
        if self.part_size == 0 || self.part_size > osseal_core::MAX_PART {
            return Err(usage(format!("a part has 1 to {} bytes", osseal_core::MAX_PART)));
        }
        if self.suite == Suite::AesCtr && (self.bind != Bind::None || !self.context.is_empty()) {
            let error = ContextError::NotBound { suite: self.suite.name() };
            return Err(Failure::from(error).at(scene));
        }
        let policy = self.policy.unwrap_or_else(|| ReadPolicy::for_writer_of(self.suite));
        let policy = requiring(policy, self.bind, &self.context).map_err(|failure| failure.at(scene))?;
        Ok(EncryptedBucket(Arc::new(Inner {
            policy,
            bind: self.bind,
            context: self.context,
            store: self.store,
            bucket: self.bucket,
            keyring: self.keyring.map(blocking_unwrap::aside),
            suite: self.suite,
            is_plain: self.is_plain,
            threshold,
            single_limit: self.single_limit,
            part_size: self.part_size,
            jobs: self.jobs,
            memory: self.memory,
        })))
    }
}

impl EncryptedBucket {
    /// Begins an encrypted view of a bucket.
    pub fn builder(store: Store, bucket: impl Into<String>) -> EncryptedBucketBuilder {
        EncryptedBucketBuilder {
            store,
            bucket: bucket.into(),
            keyring: None,
            suite: Suite::Sealed,
            is_plain: false,
            policy: None,
            bind: Bind::None,
            context: EncryptionContext::empty(),
            threshold: None,
            single_limit: MAX_SINGLE,
            part_size: DEFAULT_PART,
            jobs: DEFAULT_JOBS,
            memory: MemoryBudget::default(),
        }
    }

    /// What the store says about an object, whatever the read policy admits. Nothing is unwrapped and nothing proven:
    /// [`EncryptedBucket::prove`] does that.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::Envelope`] or [`ErrorKind::Unsupported`] for envelopes that cannot be read;
    /// [`ErrorKind::Integrity`] when sizes contradict each other.
    pub async fn head(&self, key: &str, options: HeadOptions) -> Result<ObjectInfo, Error> {
        let scene = self.scene("look at", Some(key));
        let described = async {
            let described = self.describe(key, options.version_id).await?;
            described.info(key, self.0.keyring.as_ref())
        };
        scene.run(described).await
    }

    /// One page of objects. A listing has no metadata: sizes are stored sizes.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] for a page that contradicts the request: keys outside the prefix, out of order, or from another bucket.
    pub async fn list(&self, options: &ListOptions) -> Result<Page, Error> {
        let request = ListObjects {
            prefix: options.prefix.clone(),
            delimiter: options.delimiter.clone(),
            start_after: options.start_after.clone(),
            continuation_token: options.continuation.clone().unwrap_or_default(),
            max_keys: Some(options.max_keys.unwrap_or(1000)),
            url_encoding: true,
            version_1: false,
        };
        let page = async {
            let document = self.document(None, Call::ListObjects(request.clone())).await?;
            let after = Some(options.start_after.as_str()).filter(|key| !key.is_empty());
            let page = ListObjectsResult::from_xml(&document).map_err(ReplyError::Xml)?;
            Ok::<_, Failure>(page.checked(&self.0.bucket, &request, after)?)
        };
        self.scene("list", None).run(page).await
    }

    pub(crate) fn scene<'a>(&'a self, operation: &'static str, key: Option<&'a str>) -> Scene<'a> {
        Scene { operation, bucket: Some(&self.0.bucket), key }
    }

    pub(crate) async fn document(&self, key: Option<&str>, call: Call) -> Result<bytes::Bytes, Failure> {
        self.0.store.document(Some(&self.0.bucket), key, call).await
    }

    /// A HEAD, with its envelope.
    pub(crate) async fn describe(&self, key: &str, version_id: Option<String>) -> Result<Described, Failure> {
        self.describe_in(&self.0.bucket, key, version_id).await
    }

    /// The same in any bucket of the account.
    pub(crate) async fn describe_in(
        &self,
        bucket: &str,
        key: &str,
        version_id: Option<String>,
    ) -> Result<Described, Failure> {
        let call = Call::HeadObject(GetObject { version_id, ..GetObject::default() });
        let reply = self.0.store.call(Some(bucket), Some(key), call, Payload::None).await?;
        Described::read(reply.status, &reply.headers)
    }

    /// The bucket's policy, or the one that a call has in its place, with what the bucket requires anyway.
    pub(crate) fn policy(&self, asked: Option<&ReadPolicy>) -> Result<ReadPolicy, Failure> {
        match asked {
            None => Ok(self.0.policy.clone()),
            Some(asked) => requiring(asked.clone(), self.0.bind, &self.0.context),
        }
    }

    /// The request for stored bytes.
    pub(crate) fn ask(range: Option<RangeSpec>, version_id: Option<&str>, if_match: Option<&str>) -> Call {
        Call::GetObject(GetObject {
            standard_range: range.is_some(),
            range,
            conditions: Conditions { if_match: if_match.map(str::to_owned), ..Conditions::default() },
            version_id: version_id.map(str::to_owned),
            ..GetObject::default()
        })
    }

    /// Fails before anything is asked when nothing could be read.
    pub(crate) fn check_keyring(&self) -> Result<(), Failure> {
        if self.0.is_plain { Ok(()) } else { self.keyring().map(drop) }
    }

    pub(crate) fn keyring(&self) -> Result<&Keyring, Failure> {
        let none = || {
            Failure::new(
                ErrorKind::Usage,
                "no keyring was given; content cannot be encrypted or decrypted without keys",
            )
        };
        self.0.keyring.as_ref().ok_or_else(none)
    }
}

/// What binds something when it writes requires that when it reads.
fn requiring(policy: ReadPolicy, bind: Bind, context: &EncryptionContext) -> Result<ReadPolicy, Failure> {
    let bind = policy.required_bind().max(bind);
    let pairs = policy.required_pairs().clone().and(context)?;
    Ok(policy.requiring_bind(bind).requiring_pairs(pairs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_request_carries_five_gibibytes_of_sealed_bytes() {
        // Whole chunks, and a last one of what is left.
        let chunks = MAX_SINGLE / 16_400;
        let most = chunks * 16_384 + (MAX_SINGLE % 16_400 - 16);
        for (suite, most) in [(Suite::AesCtr, MAX_SINGLE), (Suite::Sealed, most)] {
            assert_eq!(suite.layout().stored_len(most), Some(MAX_SINGLE));
            assert!(fits_one_request(suite, most) && !fits_one_request(suite, most + 1));
        }
        assert!(!fits_one_request(Suite::Sealed, u64::MAX));
    }
}
