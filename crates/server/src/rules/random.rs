//! Names that nothing else has.

use aws_lc_rs::rand;

/// 32 hex digits: ids of writes, uploads and files.
pub(crate) fn id() -> String {
    data_encoding::HEXUPPER.encode(&bytes::<16>())
}

/// 24 hex digits: `x-oss-request-id`.
pub(crate) fn request_id() -> String {
    data_encoding::HEXUPPER.encode(&bytes::<12>())
}

/// A random UUID (RFC 9562, version 4): request ids and key versions of the key service.
pub(crate) fn uuid() -> String {
    let mut bytes = bytes::<16>();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = data_encoding::HEXLOWER.encode(&bytes);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// Random bytes.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the operating system's random bytes");
    bytes
}
