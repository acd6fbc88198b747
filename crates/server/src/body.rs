//! Bodies of requests and replies, streaming.

pub(crate) mod ingest;
pub(crate) mod listen;

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use osseal_wire::oss::xml::MAX_DOCUMENT;

/// A body on its way in or out.
pub type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, BoxError>;
/// What breaks a body off.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The content of an object, chunk by chunk.
pub type ContentStream = BoxStream<'static, std::io::Result<Bytes>>;

/// The connection ends without a reply, or in the middle of one: an injected fault, or a client that went away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection was closed")]
pub struct Closed;

/// No body.
pub fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A body that is there already.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// Stored bytes as a body.
pub(crate) fn stream(content: ContentStream) -> Body {
    StreamBody::new(content.map_ok(http_body::Frame::data).map_err(BoxError::from)).boxed_unsync()
}

/// Reads a document; the inner `None` is one that is too large.
pub(crate) async fn collect(body: &mut Body) -> Result<Option<Bytes>, Closed> {
    let mut document = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let data = frame.map_err(|_| Closed)?.into_data().unwrap_or_default();
        if document.len() + data.len() > MAX_DOCUMENT {
            return Ok(None);
        }
        document.extend_from_slice(&data);
    }
    Ok(Some(document.freeze()))
}
