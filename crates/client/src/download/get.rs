//! Get: the reply positions decryption, the request decides what is released.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use http::Uri;
use osseal_core::{
    Chunk, Layout, Opener, Place, RangeError, ReadPolicy, Reading, StoredAsk, Suite, Window, dangerous,
};
use osseal_wire::oss::{RangeSpec, ReplyError};

use crate::bucket::EncryptedBucket;
use crate::download::body_reader::{Flow, Pinned};
use crate::download::presigned;
use crate::error::{Error, ErrorKind, Failure};
use crate::object::object_info::{Described, ObjectInfo};
use crate::object::options::GetOptions;
use crate::runtime::spans::{self, Operation};
use crate::service::send::{Payload, Reply};
use crate::transport::Body;

/// An object on its way in: chunks of plaintext in order.
///
/// A chunk of a sealed object is what its writer sealed, at its place; whether the object ends where the store says is proven when
/// [`GetObject::next_chunk`] says that there are no more. For suites that are not authenticated nothing proves a chunk; of a whole object the end
/// proves that the store sent what it has. Act on the bytes only at that end.
pub struct GetObject {
    flow: Flow,
    info: ObjectInfo,
    range: Range<u64>,
    /// Whether all stored bytes come, so that their checksum counts.
    is_whole: bool,
    is_over: bool,
    /// What it belongs to, which ends when the object is dropped.
    operation: Operation,
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
        self.scene("get", Some(key)).run(self.begin(origin, options)).await
    }

    pub(crate) async fn begin(&self, origin: Origin, options: GetOptions) -> Result<GetObject, Failure> {
        self.check_keyring()?;
        options.range.check()?;
        let policy = self.policy(options.read_policy.as_ref())?;
        let (described, reading, body) = self.locate(&origin, &options, &policy).await?;
        GetObject::begin(self.pin(origin, &policy, described).await?, reading, body).await
    }

    /// Unwraps the key of an object whose head has come.
    pub(crate) async fn pin(
        &self,
        origin: Origin,
        policy: &ReadPolicy,
        described: Described,
    ) -> Result<Pinned, Failure> {
        let origin = origin.pinned(described.reply.version_id.as_deref());
        let opener = self.opener(&origin, policy, &described).await?;
        Ok(Pinned::new(self, origin, described, opener))
    }

    /// The layout that an object is taken for until its head says what it is.
    pub(crate) fn guess(&self, policy: &ReadPolicy) -> Layout {
        let suite =
            policy.admits(self.0.suite).map_or_else(|_| policy.suites().next(), |()| Some(self.0.suite));
        suite.unwrap_or(self.0.suite).layout()
    }

    /// A reply with the stored bytes that a read takes. The suite is guessed; a wrong guess that matters costs another request.
    async fn locate(
        &self,
        origin: &Origin,
        options: &GetOptions,
        policy: &ReadPolicy,
    ) -> Result<(Described, Reading, Body), Failure> {
        let layout = self.guess(policy);
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
    pub(crate) async fn first(
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

    pub(crate) async fn fetch(
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
    async fn begin(object: Pinned, reading: Reading, body: Body) -> Result<GetObject, Failure> {
        let is_whole = reading.covers_object() && reading.release() == (0..reading.plain_total());
        let (range, is_satisfiable) = (reading.release(), reading.is_satisfiable());
        spans::moved(0);
        let mut flow = Flow::begin(object, reading, body, 0, is_whole).await?;
        let info = flow.object().info()?;
        if !is_satisfiable {
            // Nothing comes but the proof of that.
            while flow.advance().await?.is_some() {}
        }
        Ok(GetObject { flow, info, range, is_whole, is_over: false, operation: Operation::current() })
    }

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
        if self.is_over {
            return Ok(None);
        }
        let outcome = self.operation.clone().run(self.advance()).await;
        self.is_over = !matches!(outcome, Ok(Some(_)));
        outcome.map_err(|failure| self.flow.object().error(failure))
    }

    async fn advance(&mut self) -> Result<Option<Chunk>, Failure> {
        if let Some(chunk) = self.flow.advance().await? {
            spans::moved(chunk.bytes.len() as u64);
            return Ok(Some(chunk));
        }
        if let Some(crc64) = self.flow.crc64().filter(|_| self.is_whole) {
            self.flow.object().check_crc64(crc64)?;
        }
        Ok(None)
    }

    /// The flow that is behind it, with what it is about.
    pub(crate) fn into_parts(self) -> (Flow, ObjectInfo, Range<u64>, bool, Operation) {
        (self.flow, self.info, self.range, self.is_whole, self.operation)
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
}

/// The store refuses, as past the end, what is there by its own word or of every object.
pub(crate) fn contradicted(failure: Failure) -> Failure {
    if failure.kind != ErrorKind::Range {
        return failure;
    }
    let message = "the store refuses a range as past the end that cannot be; read it again, or check that the endpoint is the service's";
    Failure { kind: ErrorKind::Protocol, message: message.into(), ..failure }
}

/// Two replies about one object tell of two.
pub(crate) fn replaced() -> Failure {
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
