//! What is to be put: bytes, a file, or a reader.

use std::path::PathBuf;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::error::Failure;
use crate::state::StateDir;
use crate::upload::file_source::FileSource;
use crate::upload::source_error::{ended_early, goes_on, length_in_memory, unreadable};

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

/// Where it is kept how far an upload is, and what file it is of.
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

    /// A regular file that has exactly `length` bytes, from its beginning, wherever it stands. More or fewer is an error, and so is a file whose size or times change
    /// while it is read; then nothing is stored. Parts are read where they lie, several at a time, and read again where an upload has to begin
    /// again.
    pub fn file(file: std::fs::File, length: u64) -> PutBody {
        PutBody(Source::File(FileSource { file, length }))
    }

    /// Lets another process finish what this one does not: where the file is put by parts, `state` keeps what has been sent, and the next put of the file at `path`
    /// under the same key goes on from there if the file is what it was by device, inode, size and times. Wrapped keys are kept and no others, so it takes a key that
    /// can unwrap what it wraps; without one, and while another process puts the same, the put starts over and keeps nothing. A source that changes
    /// poll_with_tasks is put from its beginning, with another data key, up to three times. Other bodies than files stay what they are.
    #[must_use]
    pub fn resumable(self, state: &StateDir, path: impl Into<PathBuf>) -> PutBody {
        PutBody(match self.0 {
            Source::File(file) => {
                Source::Resumable(file, ResumeTarget { state: state.clone(), path: path.into() })
            }
            other => other,
        })
    }

    /// A reader that ends when it ends. Beyond the multipart threshold it is sent in one request that cannot be repeated, up to 5 GiB when sealed, unless it is
    /// [`PutBody::spooled_in`] a folder.
    pub fn unknown_length(reader: impl AsyncRead + Send + Unpin + 'static) -> PutBody {
        PutBody(Source::UnknownLength { reader: Box::new(reader), spool: None })
    }

    /// Keeps the sealed bytes of a body of unknown length in a file without a name in `folder`, which needs as much room as the object. From it a request that
    /// failed is repeated, and what is larger than one request may carry is sent in parts. The file holds no plaintext and is gone when the put has ended. Bodies of known
    /// length need none and make none.
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
) -> Result<BytesMut, Failure> {
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

/// Reads on until `buffer` has `most` bytes; it has fewer only at the end. What has been read stays in the buffer when this is dropped.
pub(crate) async fn fill(reader: &mut BoxReader, buffer: &mut BytesMut, most: usize) -> Result<(), Failure> {
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
pub(crate) async fn expect_end(reader: &mut BoxReader) -> Result<(), Failure> {
    match reader.read(&mut [0]).await.map_err(unreadable)? {
        0 => Ok(()),
        _ => Err(goes_on()),
    }
}
