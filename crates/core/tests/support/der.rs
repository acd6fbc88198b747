//! Just enough DER to take keys apart and put them together wrongly.

/// The PKCS#1 private key of `rsaA`, as DER.
pub(crate) fn private_pkcs1() -> Vec<u8> {
    decode(include_str!("../../../../vectors/official/keys/rsaA_private_pkcs1.pem"))
}

/// The same key as PKCS#8.
pub(crate) fn private_pkcs8() -> Vec<u8> {
    decode(include_str!("../../../../vectors/official/keys/rsaA_private_pkcs8.pem"))
}

/// Its public half as PKCS#1.
pub(crate) fn public_pkcs1() -> Vec<u8> {
    decode(include_str!("../../../../vectors/official/keys/rsaA_public_pkcs1.pem"))
}

/// Its public half as SPKI.
pub(crate) fn public_spki() -> Vec<u8> {
    decode(include_str!("../../../../vectors/official/keys/rsaA_public_spki.pem"))
}

/// The labels with the sound body of each.
pub(crate) fn sound() -> [(&'static str, Vec<u8>); 4] {
    [
        ("RSA PRIVATE KEY", private_pkcs1()),
        ("PRIVATE KEY", private_pkcs8()),
        ("RSA PUBLIC KEY", public_pkcs1()),
        ("PUBLIC KEY", public_spki()),
    ]
}

pub(crate) fn decode(pem: &str) -> Vec<u8> {
    pem_rfc7468::decode_vec(pem.as_bytes()).unwrap().1
}

pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    pem_rfc7468::encode_string(label, pem_rfc7468::LineEnding::LF, der).unwrap()
}

/// One element with a minimal length.
pub(crate) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = content.len().to_be_bytes();
    let len = &len[len.iter().take_while(|byte| **byte == 0).count()..];
    let head = match *len {
        [] => vec![tag, 0],
        [short @ ..=0x7f] => vec![tag, short],
        _ => [&[tag, 0x80 | u8::try_from(len.len()).unwrap()], len].concat(),
    };
    [&head, content].concat()
}

pub(crate) fn sequence(elements: &[Vec<u8>]) -> Vec<u8> {
    element(0x30, &elements.concat())
}

/// An integer of these bytes, as they are.
pub(crate) fn integer(bytes: &[u8]) -> Vec<u8> {
    element(0x02, bytes)
}

/// The integer of an unsigned number: a leading zero where the sign would be.
pub(crate) fn unsigned(number: &[u8]) -> Vec<u8> {
    if number.first().is_none_or(|first| *first >= 0x80) {
        integer(&[&[0], number].concat())
    } else {
        integer(number)
    }
}

/// The contents of the elements inside a sequence.
pub(crate) fn contents(sequence: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = first(sequence).0;
    let mut all = Vec::new();
    while !rest.is_empty() {
        let (content, after) = first(rest);
        all.push(content.to_vec());
        rest = after;
    }
    all
}

/// The content of the first element, and what follows it.
fn first(der: &[u8]) -> (&[u8], &[u8]) {
    let (len, start) = match der[1] {
        short @ ..=0x7f => (usize::from(short), 2),
        long => {
            let bytes = usize::from(long & 0x7f);
            (der[2..2 + bytes].iter().fold(0, |len, byte| len << 8 | usize::from(*byte)), 2 + bytes)
        }
    };
    der[start..].split_at(len)
}

pub(crate) fn spki(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    sequence(&[algorithm.to_vec(), element(0x03, &[&[0], key].concat())])
}

pub(crate) fn pkcs8(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    sequence(&[integer(&[0]), algorithm.to_vec(), element(0x04, key)])
}

/// An algorithm identifier: the OID's content bytes and encoded parameters.
pub(crate) fn algorithm(oid: &[u8], parameters: &[u8]) -> Vec<u8> {
    sequence(&[element(0x06, oid), parameters.to_vec()])
}

/// `rsaEncryption`.
pub(crate) const RSA_OID: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const NULL: [u8; 2] = [0x05, 0x00];

pub(crate) fn rsa_algorithm() -> Vec<u8> {
    algorithm(&RSA_OID, &NULL)
}
