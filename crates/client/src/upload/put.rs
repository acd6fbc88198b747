//! Put: one request up to the threshold, parts above it.

use aws_lc_rs::rand;
use bytes::{Bytes, BytesMut};
use osseal_core::{
    Binding, ContentRandom, Envelope, PartPlan, Place, SALT, SealedContext, Sealer, Secret, Suite, dangerous,
};
use osseal_wire::oss::request::{Attributes, Call, PutObject};
use osseal_wire::oss::{Metadata, PutReply};

use crate::bucket::EncryptedBucket;
use crate::error::{Error, ErrorKind, Failure};
use crate::object::headers;
use crate::object::options::PutOptions;
use crate::runtime::spans;
use crate::service::send::Payload;
use crate::upload::file_source::OpenSource;
use crate::upload::multipart::{Draft, NO_SUCH_UPLOAD};
use crate::upload::part_scheduler::Parts;
use crate::upload::progress::Told;
use crate::upload::source::{self, PutBody, Source, length_in_memory};

/// What was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutReport {
    /// Plaintext bytes.
    pub plain_size: u64,
    /// Stored bytes.
    pub stored_size: u64,
    /// Parts; 1 for a body that went in one request.
    pub parts: u32,
    /// The suite of the content; none without encryption.
    pub suite: Option<Suite>,
    /// The key that wrapped the data key; empty without encryption.
    pub key_name: String,
    /// Quoted; empty when the store sent none.
    pub etag: String,
    /// CRC-64/XZ of the stored bytes: ours, and the service's the same.
    pub crc64: u64,
    /// Its version, in buckets that have them.
    pub version_id: Option<String>,
    /// The service's identifier of the last request.
    pub request_id: String,
}

/// An object about to be stored: its data key, used once, and its envelope.
pub(crate) struct Fresh {
    pub(crate) sealer: Sealer,
    /// None without encryption.
    pub(crate) envelope: Option<Envelope>,
}

/// A source that can be read from its beginning any number of times.
pub(crate) enum Replayable {
    Bytes(Bytes),
    File(OpenSource),
}

impl EncryptedBucket {
    /// Encrypts and stores an object, whole or not at all.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`]: metadata with reserved names or above 8 KB, a body above what the service takes, no keyring. [`ErrorKind::Local`]:
    /// the source fails. [`ErrorKind::Source`]: it changes, or is shorter or longer than declared. [`ErrorKind::Exists`] when that was asked for. [`ErrorKind::Integrity`]:
    /// the service's CRC64 is not ours. Whatever the error, no unfinished upload is left, unless the error names it, and no object, unless the error says
    /// that there may be one: then the service's last word was lost, and it is there whole or not at all.
    pub async fn put(
        &self,
        key: &str,
        body: impl Into<PutBody>,
        options: PutOptions,
    ) -> Result<PutReport, Error> {
        self.scene("put", Some(key)).run(self.put_body(key, body.into(), &options)).await
    }

    async fn put_body(&self, key: &str, body: PutBody, options: &PutOptions) -> Result<PutReport, Failure> {
        let metadata = chosen(options)?;
        let threshold = self.0.threshold;
        match body.0 {
            Source::Bytes(bytes) if bytes.len() as u64 <= threshold => {
                let plain = bytes.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
                self.put_single(key, plain, metadata, options).await
            }
            Source::Bytes(bytes) => {
                self.put_parts_again(key, Replayable::Bytes(bytes), metadata, options).await
            }
            Source::File(file) => {
                let file = OpenSource::open(file).await?;
                if file.length() > threshold {
                    return self.put_parts_again(key, Replayable::File(file), metadata, options).await;
                }
                self.put_file(key, file, metadata, options).await
            }
            Source::Kept(file, keep) => {
                let file = OpenSource::open(file).await?;
                if file.length() > threshold {
                    return self.put_resumable(key, file, keep, metadata, options).await;
                }
                self.put_file(key, file, metadata, options).await
            }
            Source::Reader { mut reader, length } if length <= threshold => {
                let room = self.room(length)?;
                let _held = self.0.memory.take(room).await;
                let plain = source::read_exactly(&mut reader, length, room).await?;
                source::expect_end(&mut reader).await?;
                self.put_single(key, plain, metadata, options).await
            }
            Source::Reader { reader, length } => {
                let parts = |slots| Parts::Reader(reader, slots);
                self.put_parts(key, parts, length, metadata, options, &Told::new(options)).await
            }
            Source::Endless { mut reader, spool } => {
                let held = self.0.memory.take(self.room(threshold)?).await;
                // One byte more than fits says whether it goes on.
                let most = length_in_memory(threshold.saturating_add(1))?;
                let mut first = BytesMut::new();
                source::fill(&mut reader, &mut first, most).await?;
                if first.len() < most {
                    self.put_single(key, first, metadata, options).await
                } else {
                    self.put_stream(key, first, held, reader, spool, metadata, options).await
                }
            }
        }
    }

    /// Puts a file in one request.
    async fn put_file(
        &self,
        key: &str,
        file: OpenSource,
        metadata: Metadata,
        options: &PutOptions,
    ) -> Result<PutReport, Failure> {
        let room = self.room(file.length())?;
        let _held = self.0.memory.take(room).await;
        let plain = file.read_whole(room).await?;
        self.put_single(key, plain, metadata, options).await
    }

    /// Stored bytes of so many plaintext bytes in one request.
    fn room(&self, plain: u64) -> Result<u64, Failure> {
        let overflow = osseal_core::LayoutError::Overflow { plain };
        self.0.suite.layout().stored_len(plain).ok_or_else(|| overflow.into())
    }

    /// Puts by parts what can be read a second time: if the service forgets the upload, another one with another data key follows, once.
    pub(crate) async fn put_parts_again(
        &self,
        key: &str,
        source: Replayable,
        metadata: Metadata,
        options: &PutOptions,
    ) -> Result<PutReport, Failure> {
        let told = Told::new(options);
        let length = match &source {
            Replayable::Bytes(bytes) => bytes.len() as u64,
            Replayable::File(file) => file.length(),
        };
        let begin = |slots| match &source {
            Replayable::Bytes(bytes) => Parts::Bytes(bytes.clone(), slots),
            Replayable::File(file) => Parts::File(file.clone(), slots),
        };
        match self.put_parts(key, begin, length, metadata.clone(), options, &told).await {
            Err(failure) if failure.code == NO_SUCH_UPLOAD && !failure.may_be_done => {
                tracing::warn!(
                    key,
                    "the service no longer knows the upload; beginning again with another data key"
                );
                told.begin_again();
                self.put_parts(key, begin, length, metadata, options, &told).await
            }
            outcome => outcome,
        }
    }

    async fn put_parts(
        &self,
        key: &str,
        parts: impl FnOnce(osseal_core::PartSlots) -> Parts,
        length: u64,
        metadata: Metadata,
        options: &PutOptions,
        told: &Told,
    ) -> Result<PutReport, Failure> {
        let plan = self.0.suite.layout().part_plan(length, self.0.part_size)?;
        let Fresh { sealer, envelope } = self.fresh(key, options, Some(length)).await?;
        let draft = Draft {
            bucket: self.clone(),
            key: key.to_owned(),
            metadata: with_envelope(metadata, envelope.as_ref(), Some(plan))?,
            envelope,
            plan,
            plain_total: length,
            forbid_overwrite: options.forbid_overwrite,
            told: told.clone(),
        };
        let parts = parts(sealer.into_parts(plan)?);
        let mut begun = draft.begin(None).await?;
        match begun.send_all(parts).await {
            Ok(()) => begun.complete().await,
            Err(failure) => Err(begun.abort_after(failure).await),
        }
    }

    async fn put_single(
        &self,
        key: &str,
        plain: BytesMut,
        metadata: Metadata,
        options: &PutOptions,
    ) -> Result<PutReport, Failure> {
        let length = plain.len() as u64;
        let Fresh { mut sealer, envelope } = self.fresh(key, options, Some(length)).await?;
        let metadata = with_envelope(metadata, envelope.as_ref(), None)?;
        let sealed = sealer.reserve_last(length)?.seal(plain)?;
        let stored = sealed.bytes.len() as u64;
        let call = Call::PutObject(PutObject {
            metadata,
            forbid_overwrite: options.forbid_overwrite,
            content_length: Some(stored),
            crc64: Some(sealed.crc64),
            ..PutObject::default()
        });
        let reply = self.store_bytes(key, &call, &sealed.bytes, sealed.crc64, envelope.as_ref()).await;
        let reply =
            reply.map_err(|failure| if failure.may_be_done { perhaps_stored(failure) } else { failure })?;
        Told::new(options).add(length);
        self.report(length, stored, 1, sealed.crc64, reply)
    }

    /// Sends sealed bytes until the service has them as they are.
    pub(crate) async fn store_bytes(
        &self,
        key: &str,
        call: &Call,
        sealed: &Bytes,
        crc64: u64,
        envelope: Option<&Envelope>,
    ) -> Result<PutReply, Failure> {
        let bucket = Some(self.0.bucket.as_str());
        for is_last in [false, true] {
            let payload = Payload::Bytes(sealed.clone());
            let reply = match self.0.store.call(bucket, Some(key), call.clone(), payload).await {
                Ok(reply) => PutReply::from_head(&reply.headers)?,
                Err(failure) => match self.stored_before(key, envelope, failure).await {
                    Err(second) if is_last && matches!(call, Call::PutObject(_)) => {
                        let first = damaged("what was stored");
                        let message =
                            format!("{}; sending it again failed: {}", first.message, second.message);
                        return Err(Failure { message, ..first });
                    }
                    reply => reply?,
                },
            };
            if reply.crc64.is_none_or(|theirs| theirs == crc64) {
                return Ok(reply);
            }
            if !is_last {
                tracing::warn!(key, "the service's CRC64 is not ours; sending the same bytes again");
            }
        }
        Err(damaged("what was stored"))
    }

    /// If an earlier delivery stored it, and its reply was lost or wrong, the object that is in the way is ours.
    async fn stored_before(
        &self,
        key: &str,
        envelope: Option<&Envelope>,
        failure: Failure,
    ) -> Result<PutReply, Failure> {
        if failure.kind != ErrorKind::Exists {
            return Err(failure);
        }
        match self.find_ours(key, envelope).await {
            Ok(Some(reply)) => Ok(reply),
            // It is somebody else's.
            Ok(None) if envelope.is_some() => Err(Failure { may_be_done: false, ..failure }),
            _ => Err(failure),
        }
    }

    /// The reply that a call would have got whose work turns out to be done: the object there has our envelope, which nobody else has.
    pub(crate) async fn find_ours(
        &self,
        key: &str,
        envelope: Option<&Envelope>,
    ) -> Result<Option<PutReply>, Failure> {
        use ErrorKind::{Envelope as Foreign, NotEncrypted, NotFound};

        // Nothing tells one object without an envelope from another.
        let Some(envelope) = envelope else { return Ok(None) };
        match self.describe(key, None).await {
            Ok(found)
                if found.envelope.as_ref().is_some_and(|theirs| theirs.data_key == envelope.data_key) =>
            {
                let reply = found.reply;
                Ok(Some(PutReply {
                    etag: reply.etag,
                    crc64: reply.crc64,
                    version_id: reply.version_id,
                    request_id: reply.request_id,
                    ..PutReply::default()
                }))
            }
            Ok(_) => Ok(None),
            // None at all, or one that was not written like ours.
            Err(failure) if matches!(failure.kind, NotFound | NotEncrypted | Foreign) => Ok(None),
            // Who may not look does not know.
            Err(failure) => Err(failure),
        }
    }

    /// Makes a data key and its envelope.
    pub(crate) async fn fresh(
        &self,
        key: &str,
        options: &PutOptions,
        plain_len: Option<u64>,
    ) -> Result<Fresh, Failure> {
        if self.0.is_plain {
            let sealer = dangerous::plaintext_sealer(dangerous::AllowPlaintextObjects, plain_len);
            return Ok(Fresh { sealer, envelope: None });
        }
        let (keyring, context) = (self.keyring()?, self.bound(key, options)?);
        let (content, envelope) = keyring.new_content(self.0.suite, &context, draw()?, plain_len).await?;
        Ok(Fresh { sealer: content.sealer(plain_len), envelope: Some(envelope) })
    }

    /// The same for an upload that another process may have to finish.
    pub(crate) async fn fresh_resumable(
        &self,
        key: &str,
        options: &PutOptions,
        plain_len: u64,
    ) -> Result<Fresh, Failure> {
        let (keyring, context) = (self.keyring()?, self.bound(key, options)?);
        let (content, envelope) =
            keyring.new_resumable(self.0.suite, &context, draw()?, Some(plain_len)).await?;
        Ok(Fresh { sealer: content.sealer(Some(plain_len)), envelope: Some(envelope) })
    }

    /// What is bound to the content of an object.
    pub(crate) fn bound(&self, key: &str, options: &PutOptions) -> Result<SealedContext, Failure> {
        Ok(SealedContext {
            binding: Binding::new(self.0.bind, Place::object(&self.0.bucket, key))?,
            pairs: self.0.context.clone().and(&options.encryption_context)?,
        })
    }

    pub(crate) fn report(
        &self,
        plain_size: u64,
        stored_size: u64,
        parts: u32,
        crc64: u64,
        reply: PutReply,
    ) -> Result<PutReport, Failure> {
        let (suite, key_name) = if self.0.is_plain {
            (None, String::new())
        } else {
            let writer = self.keyring()?.keys().first();
            (Some(self.0.suite), writer.map(|key| key.name().to_owned()).unwrap_or_default())
        };
        let PutReply { etag, version_id, request_id, .. } = reply;
        spans::moved(plain_size);
        Ok(PutReport { plain_size, stored_size, parts, suite, key_name, etag, crc64, version_id, request_id })
    }
}

/// Draws a data key and where its key stream starts.
fn draw() -> Result<ContentRandom, Failure> {
    let (mut data_key, mut start) = (vec![0; 32], [0; SALT]);
    rand::fill(&mut data_key).and_then(|()| rand::fill(&mut start)).map_err(|_| {
        Failure::new(ErrorKind::Local, "the system gives no random bytes; nothing was encrypted")
    })?;
    Ok(ContentRandom { data_key: Secret::new(data_key), start })
}

/// A failure after which nobody knows whether the object is there.
pub(crate) fn perhaps_stored(mut failure: Failure) -> Failure {
    const WORDS: &str = "; the object may have been stored all the same";
    if !failure.message.ends_with(WORDS) {
        failure.message += WORDS;
    }
    Failure { may_be_done: true, ..failure }
}

pub(crate) fn damaged(what: &str) -> Failure {
    let message = format!("the service's CRC64 of {what} is not ours; remove the object or put it again");
    Failure::new(ErrorKind::Integrity, message)
}

/// The caller's headers, checked.
pub(crate) fn chosen(options: &PutOptions) -> Result<Metadata, Failure> {
    let mut metadata = options.headers.to_metadata()?;
    let tags = headers::tags(&options.tags)?;
    Attributes { storage_class: options.storage_class, acl: options.acl, tags }.push_to(&mut metadata);
    Ok(metadata)
}

/// All headers of an object, within the service's 8 KB.
pub(crate) fn with_envelope(
    mut metadata: Metadata,
    envelope: Option<&Envelope>,
    parts: Option<PartPlan>,
) -> Result<Metadata, Failure> {
    for (name, value) in envelope.map(|envelope| envelope.to_metadata(parts)).unwrap_or_default() {
        metadata.push(name, value);
    }
    let too_much = |_| {
        let size = metadata.user_size();
        let message = format!(
            "metadata and envelope have {size} bytes together, and the service takes 8192; shorten metadata or description"
        );
        Failure::new(ErrorKind::Usage, message)
    };
    metadata.check().map_err(too_much)?;
    Ok(metadata)
}
