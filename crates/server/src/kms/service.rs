//! The key service: a request in, a reply out.
//!
//! ```text
//!   request ─▶ faults on order ─▶ rate ─▶ signature ─▶ typed call ─▶ keys ─▶ reply ─▶ faults on order
//! ```

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::BodyExt;
use jiff::Timestamp;
use osseal_wire::kms::json::MAX_DOCUMENT;
use osseal_wire::kms::{
    AliasList, AliasPage, Call, CiphertextBlob, DataKey, Decrypted, DescribedKey, Encrypted,
    EncryptionContext, KeyId, KmsError, KmsRequest, Plaintext, REQUEST_ID,
};
use osseal_wire::oss::{Credentials, http_date};
use tokio::time::Instant;

use super::blob;
use super::faults::{Faults, Operation};
use super::faulty::{self, Answer};
use super::file::{self, OpenError};
use super::keys::{Key, KeyChangeError, KeyState, Keys, Version};
use crate::body::Closed;
use crate::body::{self, Body, BoxError};
use crate::rules::clock::Clock;
use crate::rules::random;

/// A key service. Clones share it.
#[derive(Clone)]
pub struct KmsService(Arc<Inner>);

struct Inner {
    keys: Mutex<Keys>,
    file: Option<PathBuf>,
    region: String,
    /// `None` lets everybody in.
    credentials: Option<Vec<Credentials>>,
    clock: Clock,
    rate: Option<Mutex<Rate>>,
    faults: Option<Faults>,
}

/// Calls of the running second.
struct Rate {
    most: u32,
    since: Instant,
    calls: u32,
}

/// Puts a [`KmsService`] together.
pub struct KmsServiceBuilder {
    keys: Keys,
    file: Option<PathBuf>,
    region: String,
    credentials: Option<Vec<Credentials>>,
    clock: Clock,
    per_second: Option<u32>,
    faults: Option<Faults>,
}

impl KmsServiceBuilder {
    /// Keeps the keys in a file, which only its owner reads. One process at a time; the caller sees to it.
    ///
    /// # Errors
    /// [`OpenError`]: unreadable, or something else.
    pub fn file(self, path: impl Into<PathBuf>) -> Result<Self, OpenError> {
        let path = path.into();
        Ok(KmsServiceBuilder { keys: file::load(&path)?, file: Some(path), ..self })
    }

    /// The same with what the caller has read from the file, which is not read again: whose it is and who can read it is the caller's to judge, of the
    /// file that he opened. `None` when he found none: there are no keys yet.
    ///
    /// # Errors
    /// [`OpenError::Damaged`]: something else.
    pub fn file_with(self, path: impl Into<PathBuf>, content: Option<&[u8]>) -> Result<Self, OpenError> {
        let path = path.into();
        let keys = content.map_or_else(|| Ok(Keys::default()), |content| file::parse(&path, content))?;
        Ok(KmsServiceBuilder { keys, file: Some(path), ..self })
    }

    /// Who may do anything; nobody else may do something.
    #[must_use]
    pub fn credentials(self, credentials: Vec<Credentials>) -> Self {
        KmsServiceBuilder { credentials: Some(credentials), ..self }
    }

    /// Asks for no signature.
    #[must_use]
    pub fn anonymous(self) -> Self {
        KmsServiceBuilder { credentials: None, ..self }
    }

    /// The region that names of keys may have; `cn-hangzhou` unless said.
    #[must_use]
    pub fn region(self, region: impl Into<String>) -> Self {
        KmsServiceBuilder { region: region.into(), ..self }
    }

    /// Another clock than the system's.
    #[must_use]
    pub fn clock(self, clock: Clock) -> Self {
        KmsServiceBuilder { clock, ..self }
    }

    /// Most calls of a second; more are refused with `Rejected.Throttling`. As many as come, unless said.
    #[must_use]
    pub fn per_second(self, calls: u32) -> Self {
        KmsServiceBuilder { per_second: Some(calls), ..self }
    }

    /// Test mode: counts calls and lets things go wrong on order.
    #[must_use]
    pub fn faults(self, faults: Faults) -> Self {
        KmsServiceBuilder { faults: Some(faults), ..self }
    }

    /// The service.
    pub fn build(self) -> KmsService {
        let rate = self.per_second.map(|most| Mutex::new(Rate { most, since: Instant::now(), calls: 0 }));
        KmsService(Arc::new(Inner {
            keys: Mutex::new(self.keys),
            file: self.file,
            region: self.region,
            credentials: self.credentials,
            clock: self.clock,
            rate,
            faults: self.faults,
        }))
    }
}

impl KmsService {
    /// Begins a service with no keys, which lets nobody in.
    pub fn builder() -> KmsServiceBuilder {
        KmsServiceBuilder {
            keys: Keys::default(),
            file: None,
            region: "cn-hangzhou".to_owned(),
            credentials: Some(Vec::new()),
            clock: Arc::new(Timestamp::now),
            per_second: None,
            faults: None,
        }
    }

    /// Makes a key and gives its identifier.
    pub fn create_key(&self) -> Result<String, KeyChangeError> {
        self.change(|keys, now| Ok(keys.create(now)))
    }

    /// The identifiers of all keys, in order.
    pub fn key_ids(&self) -> Vec<String> {
        self.0.keys().ids().map(str::to_owned).collect()
    }

    /// The key of an alias, made together with the alias where there is none.
    pub fn key_of_alias(&self, alias: &str) -> Result<String, KeyChangeError> {
        if let Some(id) = self.0.keys().of_alias(alias) {
            return Ok(id.to_owned());
        }
        self.change(|keys, now| {
            let id = keys.create(now);
            keys.set_alias(alias, &id)?;
            Ok(id)
        })
    }

    /// Adds a version whose identifier (36 characters) and secret are given, and the key if need be; from then on it encrypts.
    pub fn import_version(&self, id: &str, version: &str, secret: [u8; 32]) -> Result<(), KeyChangeError> {
        self.change(|keys, now| keys.import(id, version, secret, now))
    }

    /// Points an alias, `alias/NAME`, to a key.
    pub fn set_alias(&self, alias: &str, id: &str) -> Result<(), KeyChangeError> {
        self.change(|keys, _| keys.set_alias(alias, id))
    }

    /// Adds a version, which encrypts from then on; those before it go on decrypting what they encrypted.
    pub fn rotate(&self, id: &str) -> Result<(), KeyChangeError> {
        self.change(|keys, _| keys.rotate(id))
    }

    /// Lets a key be used or not.
    pub fn set_state(&self, id: &str, state: KeyState) -> Result<(), KeyChangeError> {
        self.change(|keys, _| keys.set_state(id, state))
    }

    /// Answers a request.
    ///
    /// # Errors
    /// [`Closed`]: a fault on order, or a client that went away.
    pub fn call<B>(&self, request: http::Request<B>) -> BoxFuture<'static, Result<Response<Body>, Closed>>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (head, body) = request.into_parts();
        let (inner, body) = (self.0.clone(), body.map_err(Into::into).boxed_unsync());
        async move { inner.answer(head, body).await }.boxed()
    }

    fn change<T>(
        &self,
        change: impl FnOnce(&mut Keys, Timestamp) -> Result<T, KeyChangeError>,
    ) -> Result<T, KeyChangeError> {
        let mut keys = self.0.keys();
        let done = change(&mut keys, (self.0.clock)())?;
        if let Some(file) = &self.0.file {
            file::save(file, &keys)?;
        }
        Ok(done)
    }
}

impl Inner {
    async fn answer(&self, head: Parts, body: Body) -> Result<Response<Body>, Closed> {
        let request_id = random::uuid();
        let asked = match collect(body).await? {
            Some(body) => KmsRequest::read(&head, &body).map(|asked| (asked, body)),
            None => Err(too_large()),
        };
        let operation = asked.as_ref().map_or(Operation::Unknown, |(asked, _)| Operation::of(&asked.action));
        let actions = self.faults.as_ref().map(|faults| faults.meet(operation, None)).unwrap_or_default();
        faulty::before(&actions).await?;
        let outcome = match faulty::refusal(&actions) {
            Some(refusal) => Err(refusal),
            None => asked.and_then(|(asked, body)| self.perform(&head, &asked, &body, &request_id)),
        };
        let answer = match outcome {
            Ok(reply) => faulty::success(reply, operation, self.faults.as_ref(), &actions).await,
            Err(mut error) => {
                error.request_id.clone_from(&request_id);
                let host = head.headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
                let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                Answer::json(status, error.to_json(host))
            }
        };
        // Not the address: plaintexts are among its parameters.
        tracing::debug!(?operation, status = answer.status.as_u16(), request_id);
        let mut response = Response::new(body::full(answer.body));
        *response.status_mut() = answer.status;
        let headers = response.headers_mut();
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
        if let Ok(request_id) = HeaderValue::from_str(&request_id) {
            headers.insert(REQUEST_ID, request_id);
        }
        if let Ok(date) = HeaderValue::from_str(&http_date((self.clock)())) {
            headers.insert(http::header::DATE, date);
        }
        Ok(response)
    }

    fn perform(
        &self,
        head: &Parts,
        asked: &KmsRequest,
        body: &[u8],
        request_id: &str,
    ) -> Result<String, KmsError> {
        self.check_rate()?;
        if let Some(credentials) = &self.credentials {
            let known = |id: &str| credentials.iter().find(|known| known.access_key_id == id).cloned();
            asked.verify(head, body, known, (self.clock)())?;
        }
        let request_id = request_id.to_owned();
        let keys = self.keys();
        Ok(match Call::from_parameters(&asked.action, &asked.parameters)? {
            Call::GenerateDataKey { key, bytes, context } => {
                let mut secret = vec![0; bytes.into()];
                aws_lc_rs::rand::fill(&mut secret).map_err(|_| internal())?;
                let plaintext = Plaintext::of_bytes(&secret);
                let (key_id, version, ciphertext_blob) = self.encrypt(&keys, &key, &plaintext, &context)?;
                let key_version_id = version.id().to_owned();
                DataKey { ciphertext_blob, plaintext, key_id, key_version_id, request_id }.to_json()
            }
            Call::Encrypt { key, plaintext, context } => {
                let (key_id, version, ciphertext_blob) = self.encrypt(&keys, &key, &plaintext, &context)?;
                let key_version_id = version.id().to_owned();
                Encrypted { ciphertext_blob, key_id, key_version_id, request_id, plaintext: () }.to_json()
            }
            Call::Decrypt { blob, context } => {
                let raw = blob.to_bytes();
                let (key_id, key, version) = blob::version_of(&raw)
                    .and_then(|version| keys.of_version(version))
                    .ok_or_else(invalid)?;
                check_state(key)?;
                let plaintext = blob::open(version, &raw, &context).ok_or_else(invalid)?;
                let (key_id, key_version_id) = (key_id.to_owned(), version.id().to_owned());
                Decrypted { plaintext, key_id, key_version_id, request_id, ciphertext_blob: () }.to_json()
            }
            Call::DescribeKey { key } => {
                let (id, key) = self.find(&keys, &key)?;
                DescribedKey { key_metadata: Keys::metadata(id, key, &self.region), request_id }.to_json()
            }
            Call::ListAliases { page, size } => {
                let all = keys.aliases(&self.region);
                let total_count = u32::try_from(all.len()).unwrap_or(u32::MAX);
                let first = usize::try_from((page - 1).saturating_mul(size)).unwrap_or(usize::MAX);
                let alias = all.into_iter().skip(first).take(size as usize).collect();
                let aliases = AliasList { alias };
                AliasPage { aliases, total_count, page_number: page, page_size: size, request_id }.to_json()
            }
            _ => return Err(internal()),
        })
    }

    /// Encrypts under the version of a key that encrypts now.
    fn encrypt<'a>(
        &self,
        keys: &'a Keys,
        name: &KeyId,
        plaintext: &Plaintext,
        context: &EncryptionContext,
    ) -> Result<(String, &'a Version, CiphertextBlob), KmsError> {
        let (id, key) = self.find(keys, name)?;
        check_state(key)?;
        let version = key.primary().ok_or_else(internal)?;
        let blob = blob::seal(version, plaintext, context).ok_or_else(internal)?;
        Ok((id.to_owned(), version, blob))
    }

    fn find<'a>(&self, keys: &'a Keys, name: &KeyId) -> Result<(&'a str, &'a Key), KmsError> {
        keys.find(name, &self.region).ok_or_else(|| match name.alias() {
            Some(_) => {
                refuse(StatusCode::NOT_FOUND, "Forbidden.AliasNotFound", "The specified Alias is not found.")
            }
            None => refuse(StatusCode::NOT_FOUND, "Forbidden.KeyNotFound", "The specified Key is not found."),
        })
    }

    fn check_rate(&self) -> Result<(), KmsError> {
        let Some(rate) = &self.rate else { return Ok(()) };
        let mut rate = rate.lock().unwrap_or_else(PoisonError::into_inner);
        if rate.since.elapsed() >= Duration::from_secs(1) {
            (rate.since, rate.calls) = (Instant::now(), 0);
        }
        rate.calls += 1;
        if rate.calls <= rate.most {
            return Ok(());
        }
        let message = "The QPS upper limit is exceeded.";
        Err(refuse(StatusCode::TOO_MANY_REQUESTS, "Rejected.Throttling", message))
    }

    fn keys(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a form; `None` when it is too large.
async fn collect(mut body: Body) -> Result<Option<Bytes>, Closed> {
    let mut form = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let data = frame.map_err(|_| Closed)?.into_data().unwrap_or_default();
        if form.len() + data.len() > MAX_DOCUMENT {
            return Ok(None);
        }
        form.extend_from_slice(&data);
    }
    Ok(Some(form.freeze()))
}

fn check_state(key: &Key) -> Result<(), KmsError> {
    let (code, message) = match key.state {
        KeyState::Enabled => return Ok(()),
        KeyState::Disabled => {
            ("Rejected.Disabled", "The request was rejected because the key state is Disabled.")
        }
        KeyState::PendingDeletion => {
            ("Rejected.PendingDeletion", "The request was rejected because the key state is PendingDeletion.")
        }
        KeyState::PendingImport => {
            ("Rejected.PendingImport", "The request was rejected because the key state is PendingImport.")
        }
    };
    Err(refuse(StatusCode::CONFLICT, code, message))
}

/// Also for a blob that does not open, and for another context than it is bound to.
fn invalid() -> KmsError {
    refuse(StatusCode::BAD_REQUEST, "InvalidParameter", "The specified parameter is invalid.")
}

fn too_large() -> KmsError {
    refuse(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", "The request is too large.")
}

fn internal() -> KmsError {
    refuse(StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure", "An internal error occurred.")
}

fn refuse(status: StatusCode, code: &str, message: &str) -> KmsError {
    KmsError::new(status, code, message)
}
