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

fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the operating system's random bytes");
    bytes
}
