//! Bodies of requests and replies, of the same type as the development server's.

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Empty, Full};
use osseal_wire::oss::xml::MAX_DOCUMENT;

/// A body on its way in or out.
pub(crate) type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, BoxError>;
/// The error of a body.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// No body.
pub(crate) fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A body of bytes.
pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// Reads a document; `None` if it is longer than [`MAX_DOCUMENT`].
pub(crate) async fn collect(body: &mut Body) -> Result<Option<Bytes>, BoxError> {
    let mut document = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let data = frame?.into_data().unwrap_or_default();
        if document.len() + data.len() > MAX_DOCUMENT {
            return Ok(None);
        }
        document.extend_from_slice(&data);
    }
    Ok(Some(document.freeze()))
}
