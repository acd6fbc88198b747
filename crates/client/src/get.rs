//! Get: the reply positions decryption, the request decides what is released.

use std::ops::Range;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::Uri;
use http_body_util::BodyExt;
use osseal_core::{
    Chunk, OpenStream, Opener, Place, RangeError, ReadPolicy, Reading, StoredAsk, Suite, Window, dangerous,
};
use osseal_wire::oss::{Crc64, RangeSpec, ReplyError};

use crate::bucket::EncryptedBucket;
use crate::error::{Error, ErrorKind, Failure};
use crate::info::{Described, ObjectInfo};
use crate::options::GetOptions;
use crate::presigned;
use crate::store::{Payload, Reply};
use crate::transport::{Body, TransportError};

/// Longest wait for the next bytes of a body.
pub(crate) const STALL: Duration = Duration::from_secs(30);
/// How often a body that broke off is asked for again without a byte having come.
pub(crate) const RESUMES: u32 = 5;

/// An object on its way in: chunks of plaintext in order.
///
/// A chunk of a sealed object is what its writer sealed, at its place; whether the object ends where the store says is proven when
/// [`GetObject::next_chunk`] says that there are no more. For suites that are not authenticated nothing proves a chunk; of a whole object the end
/// proves that the store sent what it has. Act on the bytes only at that end.
pub struct GetObject {
    bucket: EncryptedBucket,
    origin: Origin,
    info: ObjectInfo,
    range: Range<u64>,
    body: Body,
    stream: Option<OpenStream>,
    /// The sum of all stored bytes so far, where all of them come.
    crc64: Option<Crc64>,
    /// Where the reply's bytes end.
    end: u64,
    failures: u32,
    is_over: bool,
}

/// Where an object is read from.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// The bucket, by signed requests.
    Key { key: String, version_id: Option<String> },
    /// An address that is signed already, and what may be shown of it.
    Presigned { address: Uri, shown: String, place: presigned::UrlPlace },
}

impl Origin {
    pub(crate) fn name(&self) -> &str {
        match self {
            Origin::Key { key, .. } => key,
            Origin::Presigned { shown, .. } => shown,
        }
    }

    fn version(&self) -> Option<&str> {
        match self {
            Origin::Key { version_id, .. } => version_id.as_deref(),
            Origin::Presigned { .. } => None,
        }
    }

    /// The version that a first reply had: what follows is asked of it, whatever is written meanwhile.
    pub(crate) fn pinned(self, version: Option<&str>) -> Origin {
        match self {
            Origin::Key { key, version_id } => {
                Origin::Key { key, version_id: version.map(str::to_owned).or(version_id) }
            }
            presigned @ Origin::Presigned { .. } => presigned,
        }
    }
}

impl EncryptedBucket {
    /// Begins to read an object or a range of it; the head has arrived and the key is unwrapped when this returns.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::Range`], [`ErrorKind::NotEncrypted`], [`ErrorKind::Envelope`], [`ErrorKind::Unsupported`],
    /// [`ErrorKind::NoMatchingKey`], [`ErrorKind::UnwrapFailed`], [`ErrorKind::Unauthenticated`], [`ErrorKind::Moved`],
    /// [`ErrorKind::NotBound`], [`ErrorKind::Integrity`], [`ErrorKind::Changed`]: each says what to do.
    pub async fn get(&self, key: &str, options: GetOptions) -> Result<GetObject, Error> {
        let origin = Origin::Key { key: key.to_owned(), version_id: options.version_id.clone() };
        self.begin(origin, options).await.map_err(|failure| failure.at(self.scene("get", Some(key))))
    }

    pub(crate) async fn begin(&self, origin: Origin, options: GetOptions) -> Result<GetObject, Failure> {
        self.keyring()?;
        options.range.check()?;
        let policy = self.policy(options.read_policy.as_ref())?;
        let (described, reading, body) = self.locate(&origin, &options, &policy).await?;
        let origin = origin.pinned(described.reply.version_id.as_deref());
        let opener = self.opener(&origin, &policy, &described).await?;
        let whole = reading.covers_object() && reading.release() == (0..reading.plain_total());
        let (range, end, is_satisfiable) =
            (reading.release(), reading.window().end, reading.is_satisfiable());
        let mut stream = reading.into_stream(opener);
        if let Some(span) = stream.missing_end() {
            let last = self.stored_bytes(&origin, &described, span).await?;
            stream.prove_end(last.window, &last.bytes)?;
        }
        let mut object = GetObject {
            bucket: self.clone(),
            info: described.info(origin.name(), self.0.keyring.as_ref())?,
            origin,
            range,
            end,
            crc64: whole.then(Crc64::default),
            stream: Some(stream),
            body,
            failures: 0,
            is_over: false,
        };
        if !is_satisfiable {
            // Nothing comes but the proof of that.
            while object.advance().await?.is_some() {}
        }
        Ok(object)
    }

    /// A reply with the stored bytes that a read takes. The suite is guessed; a wrong guess that matters costs another request.
    async fn locate(
        &self,
        origin: &Origin,
        options: &GetOptions,
        policy: &ReadPolicy,
    ) -> Result<(Described, Reading, Body), Failure> {
        let guess = policy
            .admits(self.0.suite)
            .map_or_else(|_| policy.suites().next(), |()| Some(self.0.suite))
            .unwrap_or(self.0.suite);
        let layout = guess.layout();
        let if_match = options.if_match.as_deref();
        let fetched = self.first(origin, ask_for(layout.ask(&options.range)), policy, if_match).await;
        let (described, body) = match fetched {
            // That the range lies past the end is the store's word; where the suite can prove it, the last chunk has to.
            Err(failure) if failure.kind == ErrorKind::Range => self.end(origin, policy, if_match).await?,
            fetched => fetched?,
        };
        match Reading::plan(described.layout(), &options.range, window(&described)) {
            // The object has another layout than was guessed, and the reply does not hold what it takes.
            Err(RangeError::WrongRange { .. }) if described.layout() != layout => {
                let again = ask_for(described.layout().ask(&options.range));
                let pinned = origin.clone().pinned(described.reply.version_id.as_deref());
                let (described, body) = self.more(&pinned, again, &described).await?;
                let reading = Reading::plan(described.layout(), &options.range, window(&described))?;
                Ok((described, reading, body))
            }
            reading => Ok((described, reading?, body)),
        }
    }

    /// The first reply of a read, about an object that the policy admits.
    async fn first(
        &self,
        origin: &Origin,
        range: Option<RangeSpec>,
        policy: &ReadPolicy,
        if_match: Option<&str>,
    ) -> Result<(Described, Body), Failure> {
        let (described, body) = self.fetch(origin, range, if_match).await?;
        described.admit(policy)?;
        Ok((described, body))
    }

    /// The same with the last chunk in it, if the object is sealed.
    pub(crate) async fn end(
        &self,
        origin: &Origin,
        policy: &ReadPolicy,
        if_match: Option<&str>,
    ) -> Result<(Described, Body), Failure> {
        let end = Suite::Sealed.layout().ask_end().and_then(ask_for);
        match self.first(origin, end, policy, if_match).await {
            // Every sealed object has last bytes. Of an empty object of another suite no range is to be had.
            Err(failure) if failure.kind == ErrorKind::Range => {
                self.first(origin, None, policy, if_match).await.map_err(contradicted)
            }
            fetched => fetched,
        }
    }

    /// A later reply of a read, about the object that the first one was about, with bytes that are there by that one.
    pub(crate) async fn more(
        &self,
        origin: &Origin,
        range: Option<RangeSpec>,
        earlier: &Described,
    ) -> Result<(Described, Body), Failure> {
        let etag = Some(earlier.reply.etag.as_str()).filter(|etag| !etag.is_empty());
        let (described, body) = self.fetch(origin, range, etag).await.map_err(contradicted)?;
        let is_same = described.envelope == earlier.envelope
            && described.reply.range.total == earlier.reply.range.total;
        if is_same { Ok((described, body)) } else { Err(replaced()) }
    }

    async fn fetch(
        &self,
        origin: &Origin,
        range: Option<RangeSpec>,
        if_match: Option<&str>,
    ) -> Result<(Described, Body), Failure> {
        let Reply { status, headers, body, .. } = match origin {
            Origin::Key { key, version_id } => {
                let call = Self::ask(range, version_id.as_deref(), if_match);
                self.0.store.call(Some(&self.0.bucket), Some(key), call, Payload::None).await?
            }
            Origin::Presigned { address, .. } => {
                let headers = presigned::open_headers(range, if_match)?;
                self.0.store.read_presigned(address.clone(), headers).await?
            }
        };
        let described = Described::read(status, &headers)?;
        match (origin.version(), described.reply.version_id.as_deref()) {
            (Some(asked), Some(got)) if asked != got => {
                Err(ReplyError::Contents { reason: "it has another version than was asked for" }.into())
            }
            _ => Ok((described, body)),
        }
    }

    pub(crate) async fn opener(
        &self,
        origin: &Origin,
        policy: &ReadPolicy,
        described: &Described,
    ) -> Result<Opener, Failure> {
        let Some(envelope) = &described.envelope else {
            described.refuse_plaintext(policy)?;
            return Ok(dangerous::plaintext_opener(dangerous::AllowPlaintextObjects));
        };
        let place = match origin {
            Origin::Key { key, .. } => Place::object(&self.0.bucket, key),
            Origin::Presigned { place, .. } => place.as_place(),
        };
        Ok(self.keyring()?.open(policy, place, envelope).await?.opener())
    }
}

impl GetObject {
    /// What the store says about the object; its size, too, is a claim until the read has ended.
    pub fn info(&self) -> &ObjectInfo {
        &self.info
    }

    /// The plaintext bytes that come, half-open. Where they depend on the object's size they are a claim until the read has ended.
    pub fn range(&self) -> Range<u64> {
        self.range.clone()
    }

    /// The next bytes; none when all have come and, of a whole object, the checksum is right. A connection that breaks is replaced, pinned to the
    /// same object.
    ///
    /// # Errors
    /// [`ErrorKind::Integrity`]: the stored bytes are not those that were sealed, or not those the store's checksum is of. [`ErrorKind::Range`]: the
    /// range lies past the end of a sealed object, which is proven now. [`ErrorKind::Changed`]: the object was replaced.
    /// [`ErrorKind::Transient`]: the rest did not come. [`ErrorKind::Protocol`]: other bytes came than were asked for.
    pub async fn next_chunk(&mut self) -> Result<Option<Chunk>, Error> {
        let outcome = self.advance().await;
        if !matches!(outcome, Ok(Some(_))) {
            self.is_over = true;
        }
        outcome.map_err(|failure| {
            let mut scene = self.bucket.scene("get", Some(self.origin.name()));
            scene.bucket = scene.bucket.filter(|bucket| !bucket.is_empty());
            failure.at(scene)
        })
    }

    /// All bytes of the range at once.
    pub async fn bytes(mut self) -> Result<Bytes, Error> {
        let Some(first) = self.next_chunk().await? else { return Ok(Bytes::new()) };
        let Some(second) = self.next_chunk().await? else { return Ok(first.bytes) };
        let mut all = BytesMut::from(first.bytes);
        all.extend_from_slice(&second.bytes);
        while let Some(chunk) = self.next_chunk().await? {
            all.extend_from_slice(&chunk.bytes);
        }
        Ok(all.freeze())
    }

    async fn advance(&mut self) -> Result<Option<Chunk>, Failure> {
        while let (false, Some(stream)) = (self.is_over, &mut self.stream) {
            // What a reply has beyond the range that was asked for does not matter.
            if stream.is_complete() && (self.crc64.is_none() || stream.position() == self.end) {
                return self.finish();
            }
            let broken = match tokio::time::timeout(STALL, self.body.frame()).await {
                Ok(Some(Ok(frame))) => {
                    let Ok(data) = frame.into_data() else { continue };
                    if data.is_empty() {
                        continue;
                    }
                    self.failures = 0;
                    if let Some(crc64) = &mut self.crc64 {
                        crc64.update(&data);
                    }
                    match stream.push(data)? {
                        Some(chunk) => return Ok(Some(chunk)),
                        None => continue,
                    }
                }
                Ok(None) => {
                    TransportError::broken("the reply ended early", format!("at byte {}", stream.position()))
                }
                Ok(Some(Err(error))) => TransportError::broken("the reply broke off", error),
                Err(_) => TransportError::late(STALL),
            };
            self.resume(broken).await?;
        }
        Ok(None)
    }

    fn finish(&mut self) -> Result<Option<Chunk>, Failure> {
        let Some(stream) = self.stream.take() else { return Ok(None) };
        let Some(crc64) = self.crc64.take() else { return Ok(None) };
        stream.finish()?;
        if self.info.crc64.is_some_and(|theirs| theirs != crc64.value()) {
            let message = "the stored bytes do not have the checksum that the store gives for them; what was handed out is not to be trusted";
            return Err(Failure::new(ErrorKind::Integrity, message));
        }
        Ok(None)
    }

    /// Asks for the rest of the same object.
    async fn resume(&mut self, broken: TransportError) -> Result<(), Failure> {
        let Some(stream) = &self.stream else { return Ok(()) };
        let position = stream.position();
        self.failures += 1;
        if self.failures > RESUMES || self.info.etag.is_empty() {
            return Err(broken.into());
        }
        tracing::debug!(key = self.origin.name(), position, error = %broken, "asking for the rest");
        let range = if position == 0 && self.end == self.info.stored_size {
            None
        } else {
            Some(RangeSpec::Bounded(position..self.end))
        };
        let etag = Some(self.info.etag.as_str());
        let (described, body) = self.bucket.fetch(&self.origin, range, etag).await.map_err(contradicted)?;
        let same = described.info(self.origin.name(), self.bucket.0.keyring.as_ref())?;
        if same.etag != self.info.etag
            || same.stored_size != self.info.stored_size
            || same.encryption != self.info.encryption
        {
            return Err(replaced());
        }
        let got = described.reply.range;
        if (got.start, got.end) != (position, self.end) {
            let error = RangeError::WrongRange { start: got.start, end: got.end, total: got.total };
            return Err(error.into());
        }
        self.body = body;
        Ok(())
    }
}

/// The store refuses, as past the end, what is there by its own word or of every object.
fn contradicted(failure: Failure) -> Failure {
    if failure.kind != ErrorKind::Range {
        return failure;
    }
    let message = "the store refuses a range as past the end that cannot be; read it again, or check that the endpoint is the service's";
    Failure { kind: ErrorKind::Protocol, message: message.into(), ..failure }
}

/// Two replies about one object tell of two.
fn replaced() -> Failure {
    Failure::new(ErrorKind::Changed, "the object was replaced while it was read; read it again")
}

impl std::fmt::Debug for GetObject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GetObject")
            .field("info", &self.info)
            .field("range", &self.range)
            .finish_non_exhaustive()
    }
}

pub(crate) fn window(described: &Described) -> Window {
    let range = described.reply.range;
    Window { start: range.start, end: range.end, total: range.total }
}

pub(crate) fn ask_for(ask: StoredAsk) -> Option<RangeSpec> {
    match ask {
        StoredAsk::Whole => None,
        StoredAsk::From(start) => Some(RangeSpec::From(start)),
        StoredAsk::Suffix(count) => Some(RangeSpec::Suffix(count)),
        StoredAsk::Bounded(range) => Some(RangeSpec::Bounded(range)),
    }
}
