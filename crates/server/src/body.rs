//! Bodies of requests and replies, streaming.

use bytes::Bytes;
use futures_util::TryStreamExt;
use http_body_util::{BodyExt, Empty, Full, StreamBody};

use crate::backend::ContentStream;

/// A body on its way in or out.
pub type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, BoxError>;
/// What breaks a body off.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

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
