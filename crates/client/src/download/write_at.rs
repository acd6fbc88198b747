//! [`WriteAt`]: a sink for bytes that arrive in any order, such as a file.

/// Where bytes go that come in any order, such as a file. Calls may block.
pub trait WriteAt: Send + Sync + 'static {
    /// Writes all of `bytes` at an offset, which counts from the start of the range that is downloaded.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> std::io::Result<()>;

    /// Whether one call at a time is enough, as calls would wait for one another inside.
    fn is_serial(&self) -> bool {
        false
    }
}

#[cfg(unix)]
impl WriteAt for std::fs::File {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> std::io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(self, bytes, offset)
    }

    /// Unix locks a file that is written, and who waits for that lock may do so busily.
    fn is_serial(&self) -> bool {
        true
    }
}

#[cfg(windows)]
impl WriteAt for std::fs::File {
    fn write_at(&self, mut offset: u64, mut bytes: &[u8]) -> std::io::Result<()> {
        while !bytes.is_empty() {
            let written = std::os::windows::fs::FileExt::seek_write(self, bytes, offset)?;
            if written == 0 {
                return Err(std::io::ErrorKind::WriteZero.into());
            }
            (offset, bytes) = (offset + written as u64, &bytes[written..]);
        }
        Ok(())
    }
}
