//! CRC-64/XZ, the service's checksum of stored bytes (`x-oss-hash-crc64ecma`, decimal).

use crc_fast::{CrcAlgorithm, Digest, checksum_combine};

use super::range::digits;

/// Incremental CRC-64/XZ: reflected polynomial 0xC96C5795D7870F42, initial value and final XOR all
/// ones.
pub struct Crc64(Digest);

impl Default for Crc64 {
    fn default() -> Self {
        Crc64(Digest::new(CrcAlgorithm::Crc64Xz))
    }
}

impl Crc64 {
    /// The checksum of `bytes`.
    pub fn of(bytes: &[u8]) -> u64 {
        crc_fast::checksum(CrcAlgorithm::Crc64Xz, bytes)
    }

    /// Appends bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum of the bytes so far.
    pub fn value(&self) -> u64 {
        self.0.finalize()
    }

    /// The checksum of two concatenated pieces, from their checksums and the length of the second
    /// in bytes.
    pub fn combine(first: u64, second: u64, second_len: u64) -> u64 {
        checksum_combine(CrcAlgorithm::Crc64Xz, first, second, second_len)
    }

    /// Parses the decimal number of the header.
    pub fn parse(value: &str) -> Option<u64> {
        digits(value)
    }
}

impl std::fmt::Debug for Crc64 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Crc64").field(&self.value()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_value_matches_the_catalogue() {
        assert_eq!(Crc64::of(b"123456789"), 11_051_210_869_376_104_954);
    }

    #[test]
    fn checksums_of_pieces_combine() {
        let bytes: Vec<u8> = (0..1000_u32).map(|i| u8::try_from(i % 251).unwrap_or(0)).collect();
        for cut in [0, 1, 16, 999, 1000] {
            let (a, b) = bytes.split_at(cut);
            assert_eq!(
                Crc64::combine(Crc64::of(a), Crc64::of(b), b.len() as u64),
                Crc64::of(&bytes),
                "{cut}"
            );
        }
    }

    #[test]
    fn r12_only_plain_decimals_are_checksums() {
        assert_eq!(Crc64::parse("11051210869376104954"), Some(11_051_210_869_376_104_954));
        for bad in ["", "-1", "+1", " 1", "1e3", "0x1", "18446744073709551616"] {
            assert_eq!(Crc64::parse(bad), None, "{bad:?}");
        }
    }
}
