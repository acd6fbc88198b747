//! Objects that say what they are: a line with key, number of the write and length; a ramp; a digest of all before it.

use aws_lc_rs::digest::{SHA256, digest};

const DIGEST: usize = 32;

/// The bytes of one write: byte i of the ramp is (i + the write's number) modulo 251.
pub(crate) fn make(key: &str, write: u64, length: usize) -> Vec<u8> {
    let mut bytes = format!("{key} {write} {length}\n").into_bytes();
    let begin = u8::try_from(write % 251).unwrap();
    bytes.extend((0..=250_u8).cycle().skip(begin.into()).take(length));
    bytes.extend(digest(&SHA256, &bytes).as_ref());
    bytes
}

/// The number of the write that made these bytes, if they are one write of this key and all of it.
pub(crate) fn read(key: &str, bytes: &[u8]) -> Result<u64, String> {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let fields: Vec<_> = line.split(' ').collect();
    let [named, write, length] = fields[..] else {
        return Err("torn: it does not begin with its name".into());
    };
    let (Ok(write), Ok(length)) = (write.parse(), length.parse::<usize>()) else {
        return Err("torn: it does not begin with its name".into());
    };
    if named != key {
        return Err(format!("it is an object of the key {named}"));
    }
    let whole = line.len() + 1 + length + DIGEST;
    if bytes.len() != whole {
        return Err(format!("torn: {} bytes of {whole}", bytes.len()));
    }
    let (content, sum) = bytes.split_at(whole - DIGEST);
    if digest(&SHA256, content).as_ref() != sum {
        let wanted = make(key, write, length);
        let at = bytes.iter().zip(&wanted).position(|(a, b)| a != b).unwrap_or(whole);
        return Err(format!("torn: {whole} bytes, those of write {write} up to byte {at}"));
    }
    Ok(write)
}

#[test]
fn only_whole_writes_are_read() {
    let (one, other) = (make("k", 7, 5000), make("k", 8, 5000));
    assert_eq!((read("k", &one), read("k", &other), read("k", &make("k", 9, 0))), (Ok(7), Ok(8), Ok(9)));
    assert!(read("j", &one).unwrap_err().contains("the key k"));
    for cut in [0, 1, 3, 8, 9, 4000, one.len() - 1] {
        assert!(read("k", &one[..cut]).unwrap_err().starts_with("torn"), "{cut}");
        assert!(read("k", &[&one[..cut], &other[cut..]].concat()).is_err() || cut < 3, "a mixture at {cut}");
    }
    let mut flipped = one.clone();
    flipped[3000] ^= 1;
    assert!(read("k", &flipped).unwrap_err().ends_with("up to byte 3000"));
}
