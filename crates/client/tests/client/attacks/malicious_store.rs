//! Objects as a store may serve them, and what comes of reading them.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use osseal::transport::{Body, BoxError, InProcess};
use osseal::{
    ByteRange, EncryptedBucket, EncryptedBucketBuilder, Error, ErrorKind, GetOptions, PutOptions, Suite,
};
use osseal_wire::oss::{Call, RangeSpec, request::GetObject};

use crate::support::{TestStore, detached_store, keyring, ramp};

/// Plaintext bytes of a whole chunk.
pub(crate) const CHUNK: u64 = 16_384;
/// Stored bytes of a whole chunk.
pub(crate) const STORED: u64 = 16_400;
/// What all names of an envelope begin with.
pub(crate) const PREFIX: &str = "x-oss-meta-client-side-encryption-";

/// Headers and stored bytes of an object, true or not.
#[derive(Clone)]
pub(crate) struct Object {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Object {
    /// An object as it is stored. Its checksum is left out, which the store computes itself.
    pub(crate) async fn stored(world: &TestStore, key: &str, version_id: Option<String>) -> Object {
        let call = Call::GetObject(GetObject { version_id, ..GetObject::default() });
        let (head, body) = world.raw(call, Some(key), vec![]).await.into_parts();
        let mut headers = head.headers;
        for name in ["content-length", "x-oss-hash-crc64ecma"] {
            headers.remove(name);
        }
        Object { headers, body }
    }

    /// The same headers with another body.
    pub(crate) fn with_body(&self, body: impl Into<Bytes>) -> Object {
        Object { headers: self.headers.clone(), body: body.into() }
    }

    /// The value of a header of the envelope.
    pub(crate) fn value(&self, name: &str) -> HeaderValue {
        self.headers[format!("{PREFIX}{name}")].clone()
    }

    /// The same with another header of the envelope, or without it.
    pub(crate) fn with(&self, name: &str, value: Option<HeaderValue>) -> Object {
        let mut object = self.clone();
        let name = HeaderName::try_from(format!("{PREFIX}{name}")).unwrap();
        object.headers.remove(&name);
        if let Some(value) = value {
            object.headers.insert(name, value);
        }
        object
    }

    /// The same as an object that was stored without encryption.
    pub(crate) fn without_envelope(&self) -> Object {
        let mut object = self.clone();
        let names = object.headers.keys().filter(|name| name.as_str().starts_with(PREFIX));
        for name in names.cloned().collect::<Vec<_>>() {
            object.headers.remove(name);
        }
        object
    }

    /// Its chunks as they are stored.
    pub(crate) fn chunks(&self) -> Vec<Bytes> {
        self.body.chunks(index(STORED)).map(Bytes::copy_from_slice).collect()
    }

    /// What a store answers that has this object.
    pub(crate) fn answer(&self, range: Option<&RangeSpec>) -> Response<Bytes> {
        let total = self.body.len() as u64;
        let range = match range {
            None => return self.reply(StatusCode::OK, 0..total, total),
            Some(RangeSpec::From(start)) => *start..total,
            Some(RangeSpec::Suffix(count)) => total.saturating_sub(*count)..total,
            Some(RangeSpec::Bounded(range)) => range.start..range.end.min(total),
        };
        if range.is_empty() {
            return past_the_end();
        }
        self.reply(StatusCode::PARTIAL_CONTENT, range, total)
    }

    /// A reply with stored bytes, and a total.
    pub(crate) fn reply(&self, status: StatusCode, range: Range<u64>, total: u64) -> Response<Bytes> {
        let mut reply = Response::new(self.body.slice(index(range.start)..index(range.end)));
        *reply.status_mut() = status;
        *reply.headers_mut() = self.headers.clone();
        set(&mut reply, "content-length", &(range.end - range.start).to_string());
        if status == StatusCode::PARTIAL_CONTENT {
            set(&mut reply, "content-range", &format!("bytes {}-{}/{total}", range.start, range.end - 1));
        }
        reply
    }
}

/// That a range lies past the end.
pub(crate) fn past_the_end() -> Response<Bytes> {
    Response::builder().status(StatusCode::RANGE_NOT_SATISFIABLE).body(Bytes::new()).unwrap()
}

pub(crate) fn set(reply: &mut Response<Bytes>, name: &'static str, value: &str) {
    reply.headers_mut().insert(name, HeaderValue::try_from(value).unwrap());
}

/// A bucket in a store whose replies are made up, by the number of the request, from 0, and the range that it asks for.
pub(crate) fn lying(
    answer: impl Fn(usize, Option<&RangeSpec>) -> Response<Bytes> + Send + Sync + 'static,
) -> EncryptedBucketBuilder {
    let state = Arc::new((answer, AtomicUsize::new(0)));
    let transport = InProcess::new(move |request: Request<Body>| {
        let state = state.clone();
        async move {
            let range = request.headers().get("range").map(|range| range.to_str().unwrap());
            let range = range.map(|range| RangeSpec::parse(range).unwrap());
            let reply = (state.0)(state.1.fetch_add(1, Ordering::Relaxed), range.as_ref());
            Ok::<_, BoxError>(
                reply.map(|body| Full::new(body).map_err(|never| match never {}).boxed_unsync()),
            )
        }
    });
    let store = detached_store(Arc::new(transport), |builder| builder);
    EncryptedBucket::builder(store, "box").keyring(keyring(&["test"])).suite(Suite::Sealed)
}

/// A way to read.
#[derive(Clone, Debug)]
pub(crate) enum Read {
    /// A get.
    Get(ByteRange),
    /// A get whose first reply is true and breaks off half-way; other replies are those of a lie.
    Resumed(ByteRange),
    /// A proof of the size.
    Prove,
}

/// The reads of the tables, for an object of `size` bytes in three chunks at least. A column each: whole; from within chunk 1; the last ten
/// bytes; within chunk 1; of chunks 0 and 1; to the very end; from chunk 1 to past the end; past the end; no byte of chunk 1; the proof; and
/// resumed: whole, from within chunk 1, chunks 0 and 1.
pub(crate) fn reads(size: u64) -> [Read; 13] {
    use Read::{Get, Prove, Resumed};
    [
        Get(ByteRange::Whole),
        Get(ByteRange::From(CHUNK + 5)),
        Get(ByteRange::Suffix(10)),
        Get((CHUNK + 5..CHUNK + 50).into()),
        Get((10..CHUNK + 10).into()),
        Get((0..size).into()),
        Get((CHUNK..size + 7).into()),
        Get(ByteRange::From(size)),
        Get((CHUNK + 5..CHUNK + 5).into()),
        Prove,
        Resumed(ByteRange::Whole),
        Resumed(ByteRange::From(CHUNK + 5)),
        Resumed((10..CHUNK + 10).into()),
    ]
}

/// A row of a table: what comes of each of [`reads`], a letter each.
pub(crate) async fn row(
    truth: &Object,
    plain: &[u8],
    lie: impl Fn(usize, Option<&RangeSpec>) -> Response<Bytes> + Clone + Send + Sync + 'static,
) -> String {
    let mut row = String::new();
    for read in reads(plain.len() as u64) {
        row.push(outcome(truth, plain, lie.clone(), &read).await);
    }
    row
}

/// What comes of one read of a store that lies.
pub(crate) async fn outcome(
    truth: &Object,
    plain: &[u8],
    lie: impl Fn(usize, Option<&RangeSpec>) -> Response<Bytes> + Send + Sync + 'static,
    read: &Read,
) -> char {
    let first = matches!(read, Read::Resumed(_)).then(|| truth.clone());
    let bucket = lying(move |request, range| match &first {
        Some(truth) if request == 0 => {
            let mut reply = truth.answer(range);
            let half = reply.body().len() / 2 + 7;
            *reply.body_mut() = reply.body().slice(..half);
            reply
        }
        _ => lie(request, range),
    });
    read_of(&bucket.build().unwrap(), plain, read).await
}

/// Reads `k` of a bucket. `=` stands for just what the object `plain` has there; for everything else stands the letter of an error, before which nothing but
/// a prefix of that was released.
pub(crate) async fn read_of(bucket: &EncryptedBucket, plain: &[u8], read: &Read) -> char {
    let size = plain.len() as u64;
    let range = match read {
        Read::Get(range) | Read::Resumed(range) => range.clone(),
        Read::Prove => {
            return match bucket.verify("k", GetOptions::default()).await {
                Ok(proof) => {
                    assert_eq!((proof.is_verified, proof.info.plain_size), (true, size));
                    '='
                }
                Err(error) => letter(error.kind()),
            };
        }
    };
    let wanted = range.resolve(size).ok().map(|range| &plain[index(range.start)..index(range.end)]);
    let (released, ended) = drain(bucket, GetOptions { range: range.clone(), ..GetOptions::default() }).await;
    assert!(wanted.unwrap_or_default().starts_with(&released), "{read:?} released wrong bytes");
    match (ended, wanted) {
        (Ok(()), wanted) => {
            assert_eq!(Some(&released[..]), wanted, "{read:?} passed for whole");
            '='
        }
        (Err(error), None) if error.kind() == ErrorKind::Range => {
            assert!(error.to_string().contains(&format!("{size} bytes")), "{read:?}: {error}");
            '='
        }
        (Err(error), _) => letter(error.kind()),
    }
}

/// All that a get releases, and how it ends. After a failure nothing comes.
pub(crate) async fn drain(bucket: &EncryptedBucket, options: GetOptions) -> (Vec<u8>, Result<(), Error>) {
    let mut released = Vec::new();
    let mut object = match bucket.get("k", options).await {
        Ok(object) => object,
        Err(error) => return (released, Err(error)),
    };
    loop {
        match object.next_chunk().await {
            Ok(Some(chunk)) => {
                assert_eq!(chunk.offset, object.range().start + released.len() as u64);
                released.extend_from_slice(&chunk.bytes);
            }
            Ok(None) => return (released, Ok(())),
            Err(error) => {
                assert!(object.next_chunk().await.unwrap().is_none());
                return (released, Err(error));
            }
        }
    }
}

pub(crate) fn letter(kind: ErrorKind) -> char {
    match kind {
        ErrorKind::Integrity => 'I',
        ErrorKind::Protocol => 'P',
        ErrorKind::Changed => 'C',
        ErrorKind::Transient => 'T',
        ErrorKind::Envelope => 'E',
        ErrorKind::Unsupported => 'S',
        ErrorKind::NotEncrypted => 'N',
        ErrorKind::Unauthenticated => 'A',
        ErrorKind::NoMatchingKey => 'K',
        ErrorKind::UnwrapFailed => 'U',
        ErrorKind::WrongLocation => 'M',
        ErrorKind::NotBound => 'B',
        ErrorKind::Range => 'R',
        other => panic!("{other:?} is none of the kinds that reading has"),
    }
}

/// A store with a sealed object `k` of `size` bytes.
pub(crate) async fn sealed(size: u64) -> (TestStore, Object) {
    let world = TestStore::of(Suite::Sealed).await;
    world.bucket().put("k", ramp(size), PutOptions::default()).await.unwrap();
    let object = Object::stored(&world, "k", None).await;
    (world, object)
}

/// The same objects under other data keys, put as `other`.
pub(crate) async fn another(world: &TestStore, size: u64) -> Object {
    world.bucket().put("other", ramp(size), PutOptions::default()).await.unwrap();
    Object::stored(world, "other", None).await
}

pub(crate) fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}
