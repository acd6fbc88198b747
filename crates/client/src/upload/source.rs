//! [`PutBody`]: the source of a put: bytes, a file, or a reader.

use std::path::PathBuf;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::error::OpError;
use crate::state::StateDir;
use crate::upload::file_source::FileSource;
use crate::upload::source_error::{ended_early, is_longer, length_in_memory, unreadable};

/// Bytes asked of a reader at once.
pub(crate) const READ_BYTES: usize = 256 << 10;

/// The plaintext of an object.
pub struct PutBody(pub(crate) Source);

pub(crate) enum Source {
    Bytes(Bytes),
    File(FileSource),
    /// The same, of an upload that another process may have to finish.
    Resumable(FileSource, ResumeTarget),
    Reader {
        reader: BoxReader,
        length: u64,
    },
    UnknownLength {
        reader: BoxReader,
        spool: Option<PathBuf>,
    },
}

/// The state directory that records the progress of an upload, and the path of its source.
pub(crate) struct ResumeTarget {
    pub(crate) state: StateDir,
    pub(crate) path: PathBuf,
}

/// Any reader.
pub(crate) type BoxReader = Box<dyn AsyncRead + Send + Unpin>;

impl PutBody {
    /// A reader that has exactly `length` bytes. More or fewer is an error, and then nothing is stored.
    pub fn reader(reader: impl AsyncRead + Send + Unpin + 'static, length: u64) -> PutBody {
        PutBody(Source::Reader { reader: Box::new(reader), length })
    }

    /// A regular file of exactly `length` bytes, read from its start wherever its position is.
    ///
    /// A shorter or longer file is an error, and so is a file whose size or times change during the put; then
    /// nothing is stored. Parts are read at their positions in parallel, and read again if the upload restarts.
    pub fn file(file: std::fs::File, length: u64) -> PutBody {
        PutBody(Source::File(FileSource { file, length }))
    }

    /// Lets another process resume the upload if this one dies. Applies to files that are put in parts.
    ///
    /// `state` records the progress. The next put of the file at `path` under the same key resumes if device,
    /// inode, size and times of the file are unchanged. Only wrapped keys are recorded, so this needs a key that
    /// can unwrap; without one, and while another process puts the same file there, the put starts over and
    /// records nothing. If the source changes during the put, it restarts with another data key, up to three
    /// times. Other bodies than files are unaffected.
    #[must_use]
    pub fn resumable(self, state: &StateDir, path: impl Into<PathBuf>) -> PutBody {
        PutBody(match self.0 {
            Source::File(file) => {
                Source::Resumable(file, ResumeTarget { state: state.clone(), path: path.into() })
            }
            other => other,
        })
    }

    /// A reader of unknown length. Beyond the multipart threshold it is sent in one request that cannot be
    /// retried, up to 5 GiB of stored bytes, unless it is [`PutBody::spooled_in`] a folder.
    pub fn unknown_length(reader: impl AsyncRead + Send + Unpin + 'static) -> PutBody {
        PutBody(Source::UnknownLength { reader: Box::new(reader), spool: None })
    }

    /// Spools the sealed bytes of a body of unknown length to an unnamed file in `folder`, which needs as much
    /// space as the object.
    ///
    /// If the request fails, or the source is longer than one request may carry (5 GiB), the spooled bytes are
    /// uploaded as parts. The spool holds no plaintext and disappears when the put ends. Bodies of known length
    /// need no spool and make none.
    #[must_use]
    pub fn spooled_in(self, folder: impl Into<PathBuf>) -> PutBody {
        PutBody(match self.0 {
            Source::UnknownLength { reader, .. } => {
                Source::UnknownLength { reader, spool: Some(folder.into()) }
            }
            known => known,
        })
    }
}

impl std::fmt::Debug for PutBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let length = match &self.0 {
            Source::Bytes(bytes) => Some(bytes.len() as u64),
            Source::File(file) | Source::Resumable(file, _) => Some(file.length),
            Source::Reader { length, .. } => Some(*length),
            Source::UnknownLength { .. } => None,
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

/// Reads exactly `length` bytes, into a buffer with room for `capacity`.
pub(crate) async fn read_exactly(
    reader: &mut BoxReader,
    length: u64,
    capacity: u64,
) -> Result<BytesMut, OpError> {
    let length = length_in_memory(length)?;
    let mut buffer = BytesMut::with_capacity(length_in_memory(capacity)?.max(length));
    while buffer.len() < length {
        let room = (length - buffer.len()) as u64;
        if reader.take(room).read_buf(&mut buffer).await.map_err(unreadable)? == 0 {
            return Err(ended_early(room));
        }
    }
    Ok(buffer)
}

/// Reads until `buffer` has `most` bytes or the reader ends. Cancel safe: bytes read stay in the buffer.
pub(crate) async fn fill(reader: &mut BoxReader, buffer: &mut BytesMut, most: usize) -> Result<(), OpError> {
    while buffer.len() < most {
        let room = most - buffer.len();
        buffer.reserve(room.min(READ_BYTES));
        if reader.take(room as u64).read_buf(buffer).await.map_err(unreadable)? == 0 {
            break;
        }
    }
    Ok(())
}

/// Fails unless the reader is at its end.
pub(crate) async fn expect_end(reader: &mut BoxReader) -> Result<(), OpError> {
    match reader.read(&mut [0]).await.map_err(unreadable)? {
        0 => Ok(()),
        _ => Err(is_longer()),
    }
}
