//! The file of the demo, read in pieces for comparison.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::ui::error::Failure;

/// Lines of the text that is made up when no file is named.
const LINES: u32 = 20_000;

/// A regular file with the length that it had when it was opened.
pub(super) struct Plain {
    file: File,
    position: u64,
    len: u64,
    name: String,
    shown: String,
    buffer: Vec<u8>,
}

impl Plain {
    /// The file of that name, or a text made up in a temporary file that disappears with the process.
    pub(super) fn open(path: Option<&Path>) -> Result<Plain, Failure> {
        let shown =
            path.map_or("a text made up for the purpose".to_owned(), |path| path.display().to_string());
        let failed = |error| Failure::local(format!("cannot read {shown}"), error);
        let (file, name) = match path {
            None => (made_up().map_err(failed)?, "lines.txt".to_owned()),
            Some(path) => {
                if !std::fs::metadata(path).map_err(failed)?.is_file() {
                    return Err(Failure::usage(format!("{shown} is not a regular file")));
                }
                let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
                (File::open(path).map_err(failed)?, name.unwrap_or_default())
            }
        };
        let len = file.metadata().map_err(failed)?.len();
        Ok(Plain { file, position: u64::MAX, len, name, shown, buffer: Vec::new() })
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// The object key: the file's name.
    pub(super) fn key(&self) -> String {
        self.name.clone()
    }

    /// The file for the upload, at its beginning. The upload has ended before anything is compared.
    pub(super) fn source(&mut self) -> Result<File, Failure> {
        self.position = u64::MAX;
        self.file.rewind().and_then(|()| self.file.try_clone()).map_err(|error| self.failed(error))
    }

    /// Bytes at an offset.
    pub(super) fn at(&mut self, offset: u64, len: usize) -> Result<&[u8], Failure> {
        self.fill(offset, len).map_err(|error| self.failed(error))?;
        Ok(&self.buffer)
    }

    /// Whether the file has these bytes at an offset.
    pub(super) fn is_at(&mut self, offset: u64, bytes: &[u8]) -> Result<bool, Failure> {
        match self.fill(offset, bytes.len()) {
            Ok(()) => Ok(self.buffer == bytes),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(self.failed(error)),
        }
    }

    fn fill(&mut self, offset: u64, len: usize) -> std::io::Result<()> {
        if self.position != offset {
            self.file.seek(SeekFrom::Start(offset))?;
        }
        self.buffer.resize(len, 0);
        self.position = u64::MAX;
        self.file.read_exact(&mut self.buffer)?;
        self.position = offset + len as u64;
        Ok(())
    }

    fn failed(&self, error: std::io::Error) -> Failure {
        Failure::local(format!("cannot read {}", self.shown), error)
    }
}

fn made_up() -> std::io::Result<File> {
    let mut text = Vec::new();
    for line in 1..=LINES {
        writeln!(text, "line {line:05} of a text that nobody should be able to read in the store")?;
    }
    let mut file = tempfile::tempfile()?;
    file.write_all(&text)?;
    Ok(file)
}
