//! Requests for stored bytes, and the checks that every reply passes before a byte of it counts.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use osseal_core::{
    Layout, Opener, Place, RangeError, ReadPolicy, Reading, StoredAsk, Suite, Window, dangerous,
};
use osseal_wire::oss::request::{Call, Conditions, GetObject};
use osseal_wire::oss::{RangeSpec, ReplyError};

use crate::download::origin::Origin;
use crate::error::{ErrorKind, OpError};
use crate::object::context::BucketContext;
use crate::object::object_info::Described;
use crate::object::options::GetOptions;
use crate::service::send::{Payload, Reply};
use crate::transport::Body;

/// Longest wait for the next bytes of a body.
pub(crate) const BODY_STALL_TIMEOUT: Duration = Duration::from_secs(30);

/// The layout that is assumed until the head of the object arrives.
pub(crate) fn guess(bucket: &Arc<BucketContext>, policy: &ReadPolicy) -> Layout {
    let suite = policy.admits(bucket.suite).map_or_else(|_| policy.suites().next(), |()| Some(bucket.suite));
    suite.unwrap_or(bucket.suite).layout()
}

/// Fetches the stored bytes of a plaintext range. The suite is assumed; a wrong assumption that matters costs a second request.
pub(crate) async fn fetch_range(
    bucket: &Arc<BucketContext>,
    origin: &Origin,
    options: &GetOptions,
    policy: &ReadPolicy,
) -> Result<(Described, Reading, Body), OpError> {
    let layout = guess(bucket, policy);
    let if_match = options.if_match.as_deref();
    let fetched = fetch_first(bucket, origin, ask_for(layout.ask(&options.range)), policy, if_match).await;
    let (described, body) = match fetched {
        // The store claims that the range lies past the end. A sealed object must prove that with its last chunk.
        Err(failure) if failure.kind == ErrorKind::Range => {
            fetch_tail(bucket, origin, policy, if_match).await?
        }
        fetched => fetched?,
    };
    match Reading::plan(described.layout(), &options.range, window(&described)) {
        // The object has another layout than assumed, and the reply does not hold the bytes the range needs.
        Err(RangeError::WrongRange { .. }) if described.layout() != layout => {
            let again = ask_for(described.layout().ask(&options.range));
            let pinned = origin.clone().pinned(described.reply.version_id.as_deref());
            let (described, body) = fetch_more(bucket, &pinned, again, &described).await?;
            let reading = Reading::plan(described.layout(), &options.range, window(&described))?;
            Ok((described, reading, body))
        }
        reading => Ok((described, reading?, body)),
    }
}

/// The first reply of a read, about an object that the policy admits.
pub(crate) async fn fetch_first(
    bucket: &Arc<BucketContext>,
    origin: &Origin,
    range: Option<RangeSpec>,
    policy: &ReadPolicy,
    if_match: Option<&str>,
) -> Result<(Described, Body), OpError> {
    let (described, body) = fetch(bucket, origin, range, if_match).await?;
    described.admit(policy)?;
    Ok((described, body))
}

/// The same with the last chunk in it, if the object is sealed.
pub(crate) async fn fetch_tail(
    bucket: &Arc<BucketContext>,
    origin: &Origin,
    policy: &ReadPolicy,
    if_match: Option<&str>,
) -> Result<(Described, Body), OpError> {
    let end = Suite::Sealed.layout().ask_end().and_then(ask_for);
    match fetch_first(bucket, origin, end, policy, if_match).await {
        // Every sealed object has last bytes; an empty object of another suite has none.
        Err(failure) if failure.kind == ErrorKind::Range => {
            fetch_first(bucket, origin, None, policy, if_match).await.map_err(contradicted)
        }
        fetched => fetched,
    }
}

/// A later reply of a read: same object as the first reply, and bytes that the first reply claims to exist.
pub(crate) async fn fetch_more(
    bucket: &Arc<BucketContext>,
    origin: &Origin,
    range: Option<RangeSpec>,
    earlier: &Described,
) -> Result<(Described, Body), OpError> {
    let etag = Some(earlier.reply.etag.as_str()).filter(|etag| !etag.is_empty());
    let (described, body) = fetch(bucket, origin, range, etag).await.map_err(contradicted)?;
    let is_same =
        described.envelope == earlier.envelope && described.reply.range.total == earlier.reply.range.total;
    if is_same { Ok((described, body)) } else { Err(replaced()) }
}

pub(crate) async fn fetch(
    bucket: &Arc<BucketContext>,
    origin: &Origin,
    range: Option<RangeSpec>,
    if_match: Option<&str>,
) -> Result<(Described, Body), OpError> {
    let Reply { status, headers, body, .. } = match origin {
        Origin::Key { key, version_id } => {
            let call = ask(range, version_id.as_deref(), if_match);
            bucket.store.call(Some(&bucket.name), Some(key), call, Payload::None).await?
        }
        Origin::Presigned { address, .. } => {
            let headers = open_headers(range, if_match)?;
            bucket.store.read_presigned(address.clone(), headers).await?
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
    bucket: &Arc<BucketContext>,
    origin: &Origin,
    policy: &ReadPolicy,
    described: &Described,
) -> Result<Opener, OpError> {
    let Some(envelope) = &described.envelope else {
        described.refuse_plaintext(policy)?;
        return Ok(dangerous::plaintext_opener(dangerous::AllowPlaintextObjects));
    };
    let place = match origin {
        Origin::Key { key, .. } => Place::object(&bucket.name, key),
        Origin::Presigned { place, .. } => place.as_place(),
    };
    Ok(bucket.keyring()?.open(policy, place, envelope).await?.opener())
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

/// Headers that a query signature leaves unsigned. `x-oss-range-behavior` is not among them: the service would expect it
/// to be signed.
pub(crate) fn open_headers(range: Option<RangeSpec>, if_match: Option<&str>) -> Result<HeaderMap, OpError> {
    let mut headers = HeaderMap::new();
    let value = |text: &str| {
        HeaderValue::from_str(text)
            .map_err(|_| OpError::new(ErrorKind::Usage, "an ETag has characters that no header can hold"))
    };
    if let Some(range) = range {
        headers.insert(http::header::RANGE, value(&range.to_string())?);
    }
    if let Some(etag) = if_match {
        headers.insert(http::header::IF_MATCH, value(etag)?);
    }
    Ok(headers)
}

/// The store refuses a range as past the end although its own earlier reply, or the format, says that it exists.
pub(crate) fn contradicted(failure: OpError) -> OpError {
    if failure.kind != ErrorKind::Range {
        return failure;
    }
    let message = "the store refuses a range within the object as past its end";
    OpError { kind: ErrorKind::Protocol, message: message.into(), ..failure }
        .with_hint("read it again, or check that the endpoint is the service's")
}

/// Two replies describe two different objects.
pub(crate) fn replaced() -> OpError {
    OpError::new(ErrorKind::Changed, "the object was overwritten while it was read")
        .with_hint("read it again")
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
