//! Presigned URLs: making them, and reading the objects that they lead to.
//!
//! Whoever holds such a URL gets the stored bytes and the envelope. Without the key that the envelope names they are ciphertext.

use std::fmt;
use std::num::NonZeroU16;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Uri};
use jiff::Timestamp;
use osseal_core::{Bind, EncryptionContext, Keyring, Place, ReadPolicy, Suite};
use osseal_wire::oss::request::{Call, GetObject as Get, Request};
use osseal_wire::oss::{Addressing, Endpoint, RangeSpec, bucket_of_host, escape};

use crate::bucket::{EncryptedBucket, Inner};
use crate::download::get::{GetObject, Origin};
use crate::error::{Error, ErrorKind, Failure, Scene};
use crate::object::options::GetOptions;
use crate::runtime::blocking_unwrap;
use crate::runtime::memory_budget::MemoryBudget;
use crate::service::store::Store;
use crate::transport::Transport;

/// Parameters that have the service compute with what it stores, which is ciphertext.
const PROCESSING: [&str; 2] = ["x-oss-process", "x-oss-async-process"];

/// For [`EncryptedBucket::presign`].
#[derive(Clone, Debug)]
pub struct PresignOptions {
    /// How long the URL is good: 1 second to 7 days, in whole seconds; 15 minutes unless said. With temporary credentials whose end is known it ends
    /// with them if that is earlier.
    pub lifetime: Duration,
    /// Which version, in buckets that have them.
    pub version_id: Option<String>,
}

impl Default for PresignOptions {
    fn default() -> Self {
        PresignOptions { lifetime: Duration::from_secs(15 * 60), version_id: None }
    }
}

/// A URL with which anybody gets an object's ciphertext and envelope.
#[derive(Clone, PartialEq, Eq)]
pub struct PresignedUrl {
    /// The URL. Whoever has it may use it.
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

impl EncryptedBucket {
    /// Makes a URL with which anybody can get the object as it is stored: ciphertext and envelope. The service is not asked; whether the
    /// object is there shows when the URL is used. [`PresignedReader`] reads it.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`]: a lifetime out of bounds, an impossible key, a store without credentials. [`ErrorKind::Credentials`]: their source
    /// gives none.
    pub async fn presign(&self, key: &str, options: &PresignOptions) -> Result<PresignedUrl, Error> {
        self.scene("presign", Some(key)).run(self.presigned(key, options)).await
    }

    async fn presigned(&self, key: &str, options: &PresignOptions) -> Result<PresignedUrl, Failure> {
        let lifetime = options.lifetime;
        let seconds = u32::try_from(lifetime.as_secs()).ok().filter(|_| lifetime.subsec_nanos() == 0);
        let seconds = seconds
            .filter(|seconds| (1..=osseal_wire::oss::presign_v4::LONGEST).contains(seconds))
            .ok_or_else(|| {
                Failure::new(ErrorKind::Usage, "a URL is good for 1 second to 7 days, in whole seconds")
            })?;
        let get = Get { version_id: options.version_id.clone(), ..Get::default() };
        let (bucket, key) = (Some(self.0.bucket.clone()), Some(key.to_owned()));
        let (uri, expires) =
            self.0.store.presign(&Request { bucket, key, call: Call::GetObject(get) }, seconds).await?;
        Ok(PresignedUrl { url: uri.to_string(), expires })
    }
}

/// Reads objects by presigned URLs, without credentials.
#[derive(Clone)]
pub struct PresignedReader {
    keyring: Keyring,
    /// What an object is taken for until its head says what it is.
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
    /// A reader with these keys; what it may read is what `suite`'s writers promise, and nothing weaker.
    pub fn new(keyring: Keyring, suite: Suite) -> PresignedReader {
        let policy = ReadPolicy::for_writer_of(suite);
        let keyring = blocking_unwrap::aside(keyring);
        PresignedReader { keyring, suite, policy, transport: OnceLock::new(), allow_plain_http: false }
    }

    /// What may be read.
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

    /// Begins to read the object of a URL, or a range of it.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`]: not an http address, a version in `options`, which the URL names. [`ErrorKind::Unsupported`]: a URL that has the
    /// service process what it stores. [`ErrorKind::Denied`]: the URL has expired or was altered. The others as for
    /// [`EncryptedBucket::get`].
    pub async fn get(&self, url: &str, options: GetOptions) -> Result<GetObject, Error> {
        // What follows the path is as good as a password: it goes into no message.
        let shown = url.split(['?', '#']).next().unwrap_or_default();
        let scene = Scene { operation: "get", bucket: None, key: Some(shown) };
        let (address, endpoint) = check(url, &options).map_err(|failure| failure.at(scene))?;
        let place = UrlPlace::of(&address, &endpoint);
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
            let bucket = EncryptedBucket(Arc::new(Inner {
                store,
                bucket: String::new(),
                keyring: Some(self.keyring.clone()),
                suite: self.suite,
                is_plain: false,
                policy: self.policy.clone(),
                bind: Bind::None,
                context: EncryptionContext::empty(),
                threshold: 0,
                single_limit: 0,
                part_size: 0,
                jobs: NonZeroU16::MIN,
                memory: MemoryBudget::default(),
            }));
            let origin = Origin::Presigned { address, shown: shown.to_owned(), place };
            bucket.begin(origin, options).await
        };
        scene.run(begun).await
    }
}

/// The place of the object of a URL, as far as the URL tells: its query does not count, and the path is decoded once, in which `+` stays `+`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UrlPlace {
    bucket: Option<String>,
    key: Option<String>,
}

impl UrlPlace {
    fn of(address: &Uri, endpoint: &Endpoint) -> UrlPlace {
        let decode = |text: &str| escape::decode(text).filter(|text| !text.is_empty());
        let path = address.path().strip_prefix('/').unwrap_or_default();
        if endpoint.addressing() == Addressing::Path {
            let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
            return UrlPlace { bucket: decode(bucket), key: decode(key) };
        }
        // A domain of its own does not say which bucket it leads to.
        let bucket = address.host().and_then(bucket_of_host).map(str::to_owned);
        UrlPlace { bucket, key: decode(path) }
    }

    pub(crate) fn as_place(&self) -> Place<'_> {
        match (&self.bucket, &self.key) {
            (Some(bucket), Some(key)) => Place::object(bucket, key),
            (None, Some(key)) => Place::key(key),
            _ => Place::unknown(),
        }
    }
}

/// The address of a URL, and the endpoint that it is at.
fn check(url: &str, options: &GetOptions) -> Result<(Uri, Endpoint), Failure> {
    let usage = |message: &str| Failure::new(ErrorKind::Usage, message);
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
            return Err(Failure::new(ErrorKind::Unsupported, message));
        }
    }
    Ok((address, endpoint))
}

/// Headers that a signature in the query leaves open. The one that asks for the standard behaviour of ranges would be signed.
pub(crate) fn open_headers(range: Option<RangeSpec>, if_match: Option<&str>) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    let value = |text: &str| {
        HeaderValue::from_str(text)
            .map_err(|_| Failure::new(ErrorKind::Usage, "an ETag has characters that no header can hold"))
    };
    if let Some(range) = range {
        headers.insert(http::header::RANGE, value(&range.to_string())?);
    }
    if let Some(etag) = if_match {
        headers.insert(http::header::IF_MATCH, value(etag)?);
    }
    Ok(headers)
}
