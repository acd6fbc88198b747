//! Presigned URLs: signing them, and reading their objects.
//!
//! Everyone who has such a URL can fetch the stored bytes and the envelope: ciphertext without the key.

use std::fmt;
use std::num::NonZeroU16;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::Uri;
use jiff::Timestamp;
use osseal_core::{Bind, EncryptionContext, Keyring, ReadPolicy, Suite};
use osseal_wire::oss::Endpoint;
use osseal_wire::oss::request::{Call, GetObject as Get, Request};

use crate::download::get::{self, GetObject};
use crate::download::origin::{Origin, UrlLocation};
use crate::error::{Error, ErrorKind, OpContext, OpError};
use crate::object::context::BucketContext;
use crate::object::options::GetOptions;
use crate::runtime::blocking_unwrap;
use crate::runtime::memory_budget::MemoryBudget;
use crate::service::store::Store;
use crate::transport::Transport;

/// Query parameters that make the service process the stored bytes, which are ciphertext to it.
const PROCESSING: [&str; 2] = ["x-oss-process", "x-oss-async-process"];

/// For [`EncryptedBucket::presign`](crate::EncryptedBucket::presign).
#[derive(Clone, Debug)]
pub struct PresignOptions {
    /// How long the URL is valid: 1 second to 7 days, in whole seconds. Default: 15 minutes. With temporary credentials
    /// the URL ends with them if that is earlier.
    pub lifetime: Duration,
    /// Which version, in buckets that have them.
    pub version_id: Option<String>,
}

impl Default for PresignOptions {
    fn default() -> Self {
        PresignOptions { lifetime: Duration::from_secs(15 * 60), version_id: None }
    }
}

/// A URL with which anyone can fetch an object's ciphertext and envelope.
#[derive(Clone, PartialEq, Eq)]
pub struct PresignedUrl {
    /// The URL. It is a bearer credential.
    pub url: String,
    /// Until when.
    pub expires: Timestamp,
}

impl fmt::Debug for PresignedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.url.split('?').next().unwrap_or_default();
        f.debug_struct("PresignedUrl").field("url", &shown).field("expires", &self.expires).finish()
    }
}

pub(crate) async fn presign(
    bucket: &Arc<BucketContext>,
    key: &str,
    options: &PresignOptions,
) -> Result<PresignedUrl, Error> {
    bucket.op_context("PresignUrl", Some(key)).run(presigned(bucket, key, options)).await
}

async fn presigned(
    bucket: &Arc<BucketContext>,
    key: &str,
    options: &PresignOptions,
) -> Result<PresignedUrl, OpError> {
    let lifetime = options.lifetime;
    let seconds = u32::try_from(lifetime.as_secs()).ok().filter(|_| lifetime.subsec_nanos() == 0);
    let seconds = seconds
        .filter(|seconds| (1..=osseal_wire::oss::presign_v4::MAX_LIFETIME_SECONDS).contains(seconds))
        .ok_or_else(|| {
            OpError::new(ErrorKind::Usage, "a URL is good for 1 second to 7 days, in whole seconds")
        })?;
    let get = Get { version_id: options.version_id.clone(), ..Get::default() };
    let request =
        Request { bucket: Some(bucket.name.clone()), key: Some(key.to_owned()), call: Call::GetObject(get) };
    let (uri, expires) = bucket.store.presign(&request, seconds).await?;
    Ok(PresignedUrl { url: uri.to_string(), expires })
}

/// Reads objects by presigned URLs, without credentials.
#[derive(Clone)]
pub struct PresignedReader {
    keyring: Keyring,
    /// The suite that is assumed until the head of the object arrives.
    suite: Suite,
    policy: ReadPolicy,
    /// Made when it is first needed, unless it was given.
    transport: OnceLock<Arc<dyn Transport>>,
    allow_plain_http: bool,
}

impl fmt::Debug for PresignedReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresignedReader")
            .field("keyring", &self.keyring)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

impl PresignedReader {
    /// Creates a reader with these keys. It reads objects that give the guarantees of `suite`, and nothing weaker.
    pub fn new(keyring: Keyring, suite: Suite) -> PresignedReader {
        let policy = ReadPolicy::for_writer_of(suite);
        let keyring = blocking_unwrap::on_blocking_threads(keyring);
        PresignedReader { keyring, suite, policy, transport: OnceLock::new(), allow_plain_http: false }
    }

    /// Sets which objects may be read.
    #[must_use]
    pub fn read_policy(self, policy: ReadPolicy) -> Self {
        PresignedReader { policy, ..self }
    }

    /// Another way to send requests than https.
    #[must_use]
    pub fn transport(self, transport: Arc<dyn Transport>) -> Self {
        PresignedReader { transport: OnceLock::from(transport), ..self }
    }

    /// Allows URLs without TLS to hosts other than this machine.
    #[must_use]
    pub fn allow_plain_http(self) -> Self {
        PresignedReader { allow_plain_http: true, ..self }
    }

    /// Starts to read the object of a URL, or a range of it.
    ///
    /// # Errors
    /// - [`ErrorKind::Usage`]: not an http address, or a version in `options` (the URL names the version).
    /// - [`ErrorKind::Unsupported`]: the URL makes the service process the object.
    /// - [`ErrorKind::Denied`]: the URL has expired or was altered.
    ///
    /// The others as for [`EncryptedBucket::get`](crate::EncryptedBucket::get).
    pub async fn get(&self, url: &str, options: GetOptions) -> Result<GetObject, Error> {
        // The query is as good as a password: no message shows it.
        let shown = url.split(['?', '#']).next().unwrap_or_default();
        let op_context = OpContext { operation: "GetObject", bucket: None, key: Some(shown) };
        let (address, endpoint) = check(url, &options).map_err(|failure| failure.with_context(op_context))?;
        let place = UrlLocation::of(&address, &endpoint);
        let mut builder = Store::builder(endpoint, "").anonymous();
        if let Some(transport) = self.transport.get() {
            builder = builder.transport(transport.clone());
        }
        if self.allow_plain_http {
            builder = builder.allow_plain_http();
        }
        let store = builder.build()?;
        // Of two that are made at the same time one stays.
        self.transport.get_or_init(|| store.transport());
        let begun = async {
            let bucket = Arc::new(BucketContext {
                store,
                name: String::new(),
                keyring: Some(self.keyring.clone()),
                suite: self.suite,
                is_plain: false,
                policy: self.policy.clone(),
                bind: Bind::None,
                encryption_context: EncryptionContext::empty(),
                multipart_threshold: 0,
                single_limit: 0,
                part_size: 0,
                jobs: NonZeroU16::MIN,
                memory: MemoryBudget::default(),
            });
            let origin = Origin::Presigned { address, shown: shown.to_owned(), place };
            get::begin(&bucket, origin, options).await
        };
        op_context.run(begun).await
    }
}

/// The address of a URL, and the endpoint that it is at.
fn check(url: &str, options: &GetOptions) -> Result<(Uri, Endpoint), OpError> {
    let usage = |message: &str| OpError::new(ErrorKind::Usage, message);
    let address: Uri = url.parse().map_err(|_| usage("this is no URL"))?;
    let (Some(scheme), Some(authority)) = (address.scheme_str(), address.authority()) else {
        return Err(usage("a presigned URL begins with https:// and a host"));
    };
    let endpoint = Endpoint::parse(&format!("{scheme}://{authority}"))
        .map_err(|error| usage(&format!("the URL's host is not understood: {error}")))?;
    if options.version_id.is_some() {
        return Err(usage("a presigned URL names the version itself"));
    }
    let names =
        address.query().unwrap_or_default().split('&').map(|pair| pair.split('=').next().unwrap_or(pair));
    for name in names {
        if PROCESSING.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            let message = format!(
                "the URL has the service process the object ({name}), which is ciphertext to it; get the object and process the plaintext"
            );
            return Err(OpError::new(ErrorKind::Unsupported, message));
        }
    }
    Ok((address, endpoint))
}
