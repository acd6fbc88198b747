//! Bodies made of bytes, and bodies read into bytes.

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use http_body_util::{BodyExt, Empty, Full, StreamBody};

use crate::transport::interface::{Body, BoxError};

pub(crate) fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

pub(crate) fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

pub(crate) fn stream(
    pieces: impl futures_util::Stream<Item = Result<Bytes, BoxError>> + Send + 'static,
) -> Body {
    StreamBody::new(pieces.map_ok(http_body::Frame::data)).boxed_unsync()
}

/// Reads a body; `None` when it is longer than `most` bytes.
pub(crate) async fn read_up_to(mut body: Body, most: usize) -> Result<Option<Bytes>, BoxError> {
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let data = frame?.into_data().unwrap_or_default();
        if read.len() + data.len() > most {
            return Ok(None);
        }
        read.extend_from_slice(&data);
    }
    Ok(Some(read.freeze()))
}
