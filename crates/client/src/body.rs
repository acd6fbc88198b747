//! What is to be put: bytes, or a reader.

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::error::{ErrorKind, Failure};

/// Bytes asked of a reader at once.
const STRIDE: usize = 256 << 10;

/// The plaintext of an object.
pub struct PutBody(pub(crate) Source);

pub(crate) enum Source {
    Bytes(Bytes),
    Reader(Reader),
}

/// Any reader.
pub(crate) type BoxReader = Box<dyn AsyncRead + Send + Unpin>;

pub(crate) struct Reader {
    pub(crate) reader: BoxReader,
    /// None when it is not known before.
    pub(crate) length: Option<u64>,
}

impl PutBody {
    /// A reader that has exactly `length` bytes. More or fewer is an error, and then nothing is stored.
    pub fn reader(reader: impl AsyncRead + Send + Unpin + 'static, length: u64) -> PutBody {
        PutBody(Source::Reader(Reader { reader: Box::new(reader), length: Some(length) }))
    }

    /// A reader that ends when it ends. Beyond the multipart threshold it is sent in one request that cannot be repeated, up to 5 GiB.
    pub fn unknown_length(reader: impl AsyncRead + Send + Unpin + 'static) -> PutBody {
        PutBody(Source::Reader(Reader { reader: Box::new(reader), length: None }))
    }
}

impl std::fmt::Debug for PutBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let length = match &self.0 {
            Source::Bytes(bytes) => Some(bytes.len() as u64),
            Source::Reader(reader) => reader.length,
        };
        f.debug_struct("PutBody").field("length", &length).finish_non_exhaustive()
    }
}

impl From<Bytes> for PutBody {
    fn from(bytes: Bytes) -> Self {
        PutBody(Source::Bytes(bytes))
    }
}

impl From<Vec<u8>> for PutBody {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<&'static [u8]> for PutBody {
    fn from(bytes: &'static [u8]) -> Self {
        Bytes::from_static(bytes).into()
    }
}

impl From<String> for PutBody {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

/// Reads exactly `length` bytes.
pub(crate) async fn read_exactly(reader: &mut BoxReader, length: u64) -> Result<BytesMut, Failure> {
    let length = usize::try_from(length)
        .map_err(|_| Failure::new(ErrorKind::Usage, "more bytes than this machine can hold at once"))?;
    let mut buffer = BytesMut::with_capacity(length);
    while buffer.len() < length {
        let room = (length - buffer.len()) as u64;
        if reader.take(room).read_buf(&mut buffer).await.map_err(unreadable)? == 0 {
            let message = format!(
                "the source ended {room} bytes before the length that was declared; nothing was stored"
            );
            return Err(Failure::new(ErrorKind::Local, message));
        }
    }
    Ok(buffer)
}

/// Reads up to `most` bytes, fewer only at the end.
pub(crate) async fn read_up_to(reader: &mut BoxReader, most: u64) -> Result<BytesMut, Failure> {
    let mut buffer = BytesMut::new();
    loop {
        let room = most - buffer.len() as u64;
        if room == 0 {
            return Ok(buffer);
        }
        buffer.reserve(STRIDE.min(usize::try_from(room).unwrap_or(STRIDE)));
        if reader.take(room).read_buf(&mut buffer).await.map_err(unreadable)? == 0 {
            return Ok(buffer);
        }
    }
}

/// Fails unless the reader is at its end.
pub(crate) async fn expect_end(reader: &mut BoxReader) -> Result<(), Failure> {
    let mut byte = [0];
    match reader.read(&mut byte).await.map_err(unreadable)? {
        0 => Ok(()),
        _ => Err(Failure::new(
            ErrorKind::Local,
            "the source goes on after the length that was declared; nothing was stored",
        )),
    }
}

/// The next bytes; empty at the end.
pub(crate) async fn read_stride(reader: &mut BoxReader) -> std::io::Result<BytesMut> {
    let mut buffer = BytesMut::with_capacity(STRIDE);
    while buffer.len() < STRIDE {
        let room = (STRIDE - buffer.len()) as u64;
        if reader.take(room).read_buf(&mut buffer).await? == 0 {
            break;
        }
    }
    Ok(buffer)
}

fn unreadable(error: std::io::Error) -> Failure {
    Failure { source: Some(error.into()), ..Failure::new(ErrorKind::Local, "the source cannot be read") }
}
