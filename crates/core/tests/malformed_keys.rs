//! Key files that are damaged, hostile or of another kind.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "support/der.rs"]
mod der;

use std::sync::Arc;

use der::{
    RSA_OID, algorithm, contents, element, integer, pem, pkcs8, rsa_algorithm, sequence, sound, spki,
    unsigned,
};
use futures_executor::block_on;
use osseal_core::{
    AesKey, KeyError, KeyFileError, RsaKey, RsaPadding, Secret, UnwrapKey, UnwrapRequest, WrapAlgorithm,
    WrapKey, Wrapped, WrappedContent, protected_pem,
};

const PKCS1: &str = "not a PKCS#1 private key of two primes";
const PKCS1_PUBLIC: &str = "not a PKCS#1 public key";
const PKCS8: &str = "not a PKCS#8 private key";
const SPKI: &str = "not an SPKI public key";

fn read(file: impl AsRef<[u8]>) -> Result<RsaKey, KeyFileError> {
    RsaKey::from_pem(file.as_ref(), RsaPadding::Pkcs1)
}

fn refusal(file: impl AsRef<[u8]>) -> KeyFileError {
    read(file).unwrap_err()
}

fn not_pem(reason: &'static str) -> KeyFileError {
    KeyFileError::NotPem { reason }
}

fn malformed(reason: &'static str) -> KeyFileError {
    KeyFileError::Malformed { reason }
}

fn inconsistent(reason: &'static str) -> KeyFileError {
    KeyFileError::Inconsistent { reason }
}

fn unsupported(found: &str) -> KeyFileError {
    KeyFileError::Unsupported { found: found.into() }
}

fn private() -> String {
    pem("PRIVATE KEY", &der::private_pkcs8())
}

/// A public key of these numbers, as PKCS#1 and as SPKI.
fn public(modulus: &[u8], exponent: &[u8]) -> [String; 2] {
    let pkcs1 = sequence(&[unsigned(modulus), unsigned(exponent)]);
    [pem("RSA PUBLIC KEY", &pkcs1), pem("PUBLIC KEY", &spki(&rsa_algorithm(), &pkcs1))]
}

/// A private key of these contents, version first.
fn pkcs1(numbers: &[Vec<u8>]) -> String {
    pem("RSA PRIVATE KEY", &sequence(&numbers.iter().map(|number| integer(number)).collect::<Vec<_>>()))
}

/// An odd number of so many bits.
fn number(bits: usize) -> Vec<u8> {
    let mut bytes = vec![0x55; bits.div_ceil(8)];
    bytes[0] = 1 << ((bits - 1) % 8);
    bytes
}

#[test]
fn k01_sizes_outside_those_of_key_files() {
    assert_eq!(refusal(""), not_pem("there is no BEGIN line"));
    assert_eq!(refusal(vec![b'x'; 64 * 1024]), not_pem("there is no BEGIN line"));
    assert_eq!(refusal(vec![b'x'; 64 * 1024 + 1]), KeyFileError::TooLarge { len: 64 * 1024 + 1 });
    for len in [0, 1, 31, 33, 63, 65, 128] {
        assert_eq!(AesKey::from_file_content(&vec![b'0'; len]).unwrap_err(), KeyFileError::AesLength { len });
    }
    assert_eq!(AesKey::from_file_content(&[b'g'; 64]).unwrap_err(), KeyFileError::AesLength { len: 64 });
    assert!(AesKey::from_file_content(&[b'0'; 64]).is_ok());
    assert!(AesKey::from_file_content(&[0xff; 32]).is_ok());
}

#[test]
fn k02_frames_around_the_key() {
    let text = private();
    let accepted = [
        ("CRLF", text.replace('\n', "\r\n")),
        ("no final line break", text.trim_end().to_owned()),
        ("blank lines after", format!("{text}\n \n")),
        ("byte-order mark", format!("\u{feff}{text}")),
        (
            "leading text",
            format!("Bag Attributes\n    friendlyName: a key\nKey Attributes: <No Attributes>\n{text}"),
        ),
        ("all of them", format!("\u{feff}a key\r\n{}", text.trim_end().replace('\n', "\r\n"))),
    ];
    for (what, file) in accepted {
        assert!(read(file).is_ok(), "{what}");
    }
    let damaged = not_pem("its lines, labels or base64 are damaged");
    assert_eq!(refusal(format!("{text}the key of the archive\n")), damaged);
    assert_eq!(refusal("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"), damaged);
    assert_eq!(refusal(text.replacen("MII", "M!I", 1)), damaged);
    assert_eq!(refusal(text.replacen("MII", "M=I", 1)), damaged);
    assert_eq!(refusal(text.replacen("MII", "MI\0", 1)), damaged);
    let utf16: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(refusal(utf16), not_pem("it is not text"));
    assert_eq!(refusal(der::private_pkcs8()), not_pem("it is not text"));
}

#[test]
fn k03_labels_that_do_not_match() {
    let text = private();
    let end = "-----END PRIVATE KEY-----";
    let damaged = not_pem("its lines, labels or base64 are damaged");
    assert_eq!(refusal(text.replace(end, "-----END RSA PRIVATE KEY-----")), damaged);
    assert_eq!(refusal(text.replace(end, "")), damaged);
    assert_eq!(refusal(text.replace(end, "-----END PRIVATE KEY")), damaged);
    assert_eq!(refusal(text.replace("BEGIN", "begin")), not_pem("there is no BEGIN line"));
    assert_eq!(refusal(text.replace("-----BEGIN", "----BEGIN")), not_pem("there is no BEGIN line"));
    let nested = text.replace(end, &format!("{text}{end}"));
    assert_eq!(refusal(nested), KeyFileError::SeveralKeys { count: 2 });
    assert_eq!(refusal(text.replace("PRIVATE KEY", "KEY")), unsupported("\"KEY\""));
}

#[test]
fn k04_a_public_key_writes_and_does_not_read() {
    let secret = Secret::new(vec![9; 32]);
    let open = |key: &RsaKey, wrapped: &Wrapped| {
        let request = UnwrapRequest::new(WrapAlgorithm::RsaPkcs1, wrapped, WrappedContent::DataKey);
        block_on(key.unwrap(request)).map(|secret| secret.expose().to_vec())
    };
    let reader = read(private()).unwrap();
    for label in ["RSA PUBLIC KEY", "PUBLIC KEY"] {
        let (_, body) = sound().into_iter().find(|(known, _)| *known == label).unwrap();
        let writer = Arc::new(read(pem(label, &body)).unwrap());
        assert!(!writer.is_private());
        let wrapped = block_on(writer.wrap(&secret)).unwrap();
        assert_eq!(open(&writer, &wrapped), Err(KeyError::PublicOnly));
        assert_eq!(open(&reader, &wrapped), Ok(vec![9; 32]));
    }
    let wrapped = block_on(reader.wrap(&secret)).unwrap();
    assert_eq!(open(&reader, &wrapped), Ok(vec![9; 32]));
}

#[test]
fn k05_keys_of_other_algorithms() {
    let kinds: [(&str, &[u8], &[u8]); 6] = [
        ("1.2.840.10045.2.1", &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01], &[0x06, 3, 0x2b, 0x81, 0x04]),
        ("1.3.101.112", &[0x2b, 0x65, 0x70], &[]),
        ("1.3.101.110", &[0x2b, 0x65, 0x6e], &[]),
        ("1.2.840.10040.4.1", &[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01], &[0x30, 3, 0x02, 1, 7]),
        ("1.2.840.113549.1.1.10", &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a], &[0x30, 0]),
        ("1.2.840.113549.1.1.7", &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x07], &[0x30, 0]),
    ];
    for (name, oid, parameters) in kinds {
        let algorithm = algorithm(oid, parameters);
        let error = unsupported(&format!("a key of algorithm {name}"));
        assert_eq!(refusal(pem("PRIVATE KEY", &pkcs8(&algorithm, &der::private_pkcs1()))), error);
        assert_eq!(refusal(pem("PUBLIC KEY", &spki(&algorithm, &der::public_pkcs1()))), error);
    }
    for label in
        ["EC PRIVATE KEY", "DSA PRIVATE KEY", "OPENSSH PRIVATE KEY", "CERTIFICATE", "CERTIFICATE REQUEST"]
    {
        assert_eq!(refusal(pem(label, &der::private_pkcs1())), unsupported(&format!("{label:?}")));
    }
}

/// The passphrase of `vectors/keys`.
const PASSPHRASE: &[u8] = b"correct horse";

fn protected(name: &str) -> Vec<u8> {
    let text = match name {
        "pbkdf2-sha256.pem" => include_str!("../../../vectors/keys/pbkdf2-sha256.pem"),
        "pbkdf2-sha512.pem" => include_str!("../../../vectors/keys/pbkdf2-sha512.pem"),
        "scrypt.pem" => include_str!("../../../vectors/keys/scrypt.pem"),
        "pbkdf2-sha1.pem" => include_str!("../../../vectors/keys/pbkdf2-sha1.pem"),
        "aes-128.pem" => include_str!("../../../vectors/keys/aes-128.pem"),
        "des3.pem" => include_str!("../../../vectors/keys/des3.pem"),
        "pbes1.pem" => include_str!("../../../vectors/keys/pbes1.pem"),
        "traditional.pem" => include_str!("../../../vectors/keys/traditional.pem"),
        other => panic!("{other}"),
    };
    text.as_bytes().to_vec()
}

fn open(file: impl AsRef<[u8]>, passphrase: &[u8]) -> Result<RsaKey, KeyFileError> {
    RsaKey::from_protected_pem(file.as_ref(), passphrase, RsaPadding::Pkcs1)
}

#[test]
fn k06_keys_under_a_passphrase_open_with_it() {
    let secret = Secret::new(vec![9; 32]);
    let written = protected_pem(&der::private_pkcs8(), PASSPHRASE, [1; 16], [2; 16]).unwrap();
    let same = protected_pem(&der::private_pkcs8(), PASSPHRASE, [1; 16], [3; 16]).unwrap();
    assert_ne!(written, same);
    let by_openssl = ["pbkdf2-sha256.pem", "pbkdf2-sha512.pem", "scrypt.pem"].map(protected);
    for file in by_openssl.into_iter().chain([written.into_bytes()]) {
        let key = open(&file, PASSPHRASE).unwrap();
        let wrapped = block_on(read(private()).unwrap().wrap(&secret)).unwrap();
        let request = UnwrapRequest::new(key.algorithm(), &wrapped, WrappedContent::DataKey);
        assert_eq!(block_on(key.unwrap(request)).unwrap().expose(), secret.expose());
        assert_eq!(refusal(&file), KeyFileError::Encrypted);
        for wrong in [&b""[..], b"correct horse\n", b"Correct horse", &[0xff; 4096]] {
            assert_eq!(open(&file, wrong).unwrap_err(), KeyFileError::WrongPassphrase);
        }
        // What is damaged behind the passphrase cannot be told from a wrong one.
        let text = String::from_utf8(file).unwrap();
        let mut der = der::decode(&text);
        let last = der.len() - 1;
        der[last] ^= 1;
        let damaged = pem("ENCRYPTED PRIVATE KEY", &der);
        assert_eq!(open(damaged, PASSPHRASE).unwrap_err(), KeyFileError::WrongPassphrase);
    }
    for (label, der) in sound() {
        assert_eq!(open(pem(label, &der), PASSPHRASE).unwrap_err(), KeyFileError::NotEncrypted, "{label}");
    }
}

/// A wrong passphrase whose last byte happens to be sound padding is a wrong passphrase like any other.
#[test]
fn k06_no_wrong_passphrase_is_told_from_another() {
    let file = protected("pbkdf2-sha256.pem");
    for at in 0..600_u32 {
        assert_eq!(open(&file, &at.to_le_bytes()).unwrap_err(), KeyFileError::WrongPassphrase);
    }
}

#[test]
fn k06_other_protections_are_named() {
    for (name, word) in [
        ("pbkdf2-sha1.pem", "SHA-256 or SHA-512"),
        ("aes-128.pem", "AES-256-CBC"),
        ("des3.pem", "1.2.840.113549.3.7"),
        ("pbes1.pem", "1.2.840.113549.1.12.1.3"),
        ("traditional.pem", "Proc-Type"),
    ] {
        let error = open(protected(name), PASSPHRASE).unwrap_err();
        let KeyFileError::Protection { found } = &error else { panic!("{name}: {error}") };
        assert!(found.contains(word), "{name}: {found}");
        assert!(error.to_string().contains("openssl pkcs8 -topk8"), "{error}");
    }
}

/// A file with these parameters of PBES2: derivation and its parameters.
fn pbes2(derivation: &[u8], parameters: &[u8]) -> String {
    let derivation = algorithm(derivation, parameters);
    let aes = algorithm(&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 42], &element(0x04, &[7; 16]));
    let scheme = algorithm(&PBES2, &sequence(&[derivation, aes]));
    pem("ENCRYPTED PRIVATE KEY", &sequence(&[scheme, element(0x04, &[7; 1200])]))
}

const PBES2: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 13];
const PBKDF2: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 12];
const SCRYPT: [u8; 9] = [0x2b, 6, 1, 4, 1, 0xda, 0x47, 4, 11];

/// An integer with no byte more than it needs.
fn minimal(number: u32) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    unsigned(&bytes[(number.leading_zeros() as usize / 8).min(3)..])
}

#[test]
fn k06_what_costs_too_much_is_not_begun() {
    let salt = || element(0x04, &[1; 8]);
    let sha256 = || algorithm(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 9], &[5, 0]);
    let rounds = |rounds: u32| pbes2(&PBKDF2, &sequence(&[salt(), minimal(rounds), sha256()]));
    let scrypt = |n: u32, r: u32, p: u32| {
        let numbers = [n, r, p].map(minimal);
        pbes2(&SCRYPT, &sequence(&[vec![salt()], numbers.to_vec()].concat()))
    };
    for file in [
        rounds(10_000_001),
        rounds(1_000_000_000),
        rounds(u32::MAX),
        scrypt(1 << 20, 8, 1),
        scrypt(1 << 31, 8, 1),
        scrypt(2, 65_535, 65_535),
        scrypt(1 << 17, 8, 5),
    ] {
        let error = open(&file, PASSPHRASE).unwrap_err();
        assert!(matches!(error, KeyFileError::TooCostly { .. }), "{error}");
        assert_eq!(refusal(&file), KeyFileError::Encrypted, "without a passphrase nothing is looked at");
    }
    for file in
        [rounds(0), scrypt(0, 8, 1), scrypt(1, 8, 1), scrypt(3, 8, 1), scrypt(16, 0, 1), scrypt(16, 8, 0)]
    {
        assert!(matches!(open(file, PASSPHRASE), Err(KeyFileError::Malformed { .. })));
    }
    for control in [rounds(1000), scrypt(16, 8, 1)] {
        assert_eq!(open(control, PASSPHRASE).unwrap_err(), KeyFileError::WrongPassphrase);
    }
}

#[test]
fn k06_frames_that_are_none() {
    let key = Err(malformed("not an encrypted PKCS#8 private key"));
    for der in [&b"0"[..], &[0x30, 0x80], &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], &der::private_pkcs8()] {
        assert_eq!(open(pem("ENCRYPTED PRIVATE KEY", der), PASSPHRASE).map(drop), key);
    }
    let mut trailing = der::decode(&String::from_utf8(protected("scrypt.pem")).unwrap());
    trailing.push(0);
    assert_eq!(open(pem("ENCRYPTED PRIVATE KEY", &trailing), PASSPHRASE).map(drop), key);
    let secret = der::pkcs8(&algorithm(&[0x2b, 0x65, 0x70], &[]), &[4, 2, 1, 1]);
    let other = protected_pem(&secret, PASSPHRASE, [1; 16], [2; 16]).unwrap();
    assert_eq!(open(other, PASSPHRASE).unwrap_err(), unsupported("a key of algorithm 1.3.101.112"));
    assert_eq!(protected_pem(b"0", PASSPHRASE, [1; 16], [2; 16]).unwrap_err(), malformed(PKCS8));
}

#[test]
fn k07_openssl_s_older_passphrases_are_named_too() {
    let begin = "-----BEGIN RSA PRIVATE KEY-----\n";
    let head =
        format!("{begin}Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF\n\n");
    let file = pem("RSA PRIVATE KEY", &der::private_pkcs1()).replace(begin, &head);
    for file in [file.clone(), file.replace('\n', "\r\n")] {
        assert!(matches!(refusal(&file), KeyFileError::Protection { .. }));
        assert!(matches!(open(&file, PASSPHRASE), Err(KeyFileError::Protection { .. })));
    }
}

#[test]
fn k08_one_file_holds_one_key() {
    let certificate = pem("CERTIFICATE", &der::public_spki());
    let cases = [
        (format!("{0}{0}", private()), 2),
        (format!("{certificate}{}", private()), 2),
        (format!("{}{certificate}{certificate}", private()), 3),
        (format!("{}{}", pem("EC PARAMETERS", &[0x06, 1, 1]), pem("EC PRIVATE KEY", &[0x30, 0])), 2),
    ];
    for (file, count) in cases {
        assert_eq!(refusal(file), KeyFileError::SeveralKeys { count });
    }
}

#[test]
fn k09_der_is_canonical_and_ends_where_it_says() {
    let reasons = [PKCS1, PKCS8, PKCS1_PUBLIC, SPKI];
    for ((label, sound), reason) in sound().into_iter().zip(reasons) {
        let content = &sound[4..];
        let head = |len: &[u8]| [&[0x30], len, content].concat();
        let cases = [
            ("trailing byte", [&sound[..], &[0]].concat()),
            ("trailing byte inside", element(0x30, &[content, &[0]].concat())),
            ("cut short", sound[..sound.len() - 1].to_vec()),
            ("indefinite length", [&head(&[0x80])[..], &[0, 0]].concat()),
            ("padded length", head(&[&[0x83, 0], &sound[2..4]].concat())),
            ("longer than the file", head(&[0x82, 0xff, 0xff])),
            ("four gigabytes", head(&[0x84, 0xff, 0xff, 0xff, 0xff])),
            ("a length of nine bytes", head(&[0x89, 1, 0, 0, 0, 0, 0, 0, 0, 0])),
            ("set", [&[0x31], &sound[1..]].concat()),
        ];
        for (what, der) in cases {
            assert_eq!(refusal(pem(label, &der)), malformed(reason), "{label}: {what}");
        }
    }
}

#[test]
fn k09_integers_are_positive_and_minimal() {
    for at in 1..9 {
        let wrong = |change: fn(&[u8]) -> Vec<u8>| {
            let mut numbers = contents(&der::private_pkcs1());
            numbers[at] = change(&numbers[at]);
            pkcs1(&numbers)
        };
        assert_eq!(refusal(wrong(|number| [&[0], number].concat())), malformed(PKCS1), "padded number {at}");
        assert_eq!(refusal(wrong(|_| vec![0xff, 1])), malformed(PKCS1), "negative number {at}");
        assert_eq!(refusal(wrong(|_| Vec::new())), malformed(PKCS1), "number {at} without bytes");
    }
    let numbers = contents(&der::public_pkcs1());
    let negative = sequence(&[integer(&numbers[0][1..]), integer(&numbers[1])]);
    assert_eq!(refusal(pem("RSA PUBLIC KEY", &negative)), malformed(PKCS1_PUBLIC));
}

#[test]
fn k10_modulus_sizes() {
    for bits in [3, 512, 1024, 2047, 8193, 16_384, 100_000] {
        for file in public(&number(bits), &[1, 0, 1]) {
            assert_eq!(refusal(file), KeyFileError::ModulusSize { bits: bits as u64 });
        }
    }
    for file in public(&[], &[1, 0, 1]) {
        assert!(matches!(refusal(file), KeyFileError::ModulusSize { .. }));
    }
    for bits in [2048, 2049, 3072, 8192] {
        for file in public(&number(bits), &[1, 0, 1]) {
            assert_eq!(read(file).unwrap().modulus_bits(), bits);
        }
    }
    let million = public(&number(1_000_000), &[1, 0, 1]);
    assert!(million.iter().all(|file| refusal(file) == KeyFileError::TooLarge { len: file.len() }));
    let mut numbers = contents(&der::private_pkcs1());
    numbers[1] = number(1023);
    assert_eq!(refusal(pkcs1(&numbers)), KeyFileError::ModulusSize { bits: 1023 });
}

#[test]
fn k11_moduli_and_exponents_that_do_not_encrypt() {
    let modulus = number(2048);
    let mut even = modulus.clone();
    *even.last_mut().unwrap() = 2;
    for file in public(&even, &[1, 0, 1]) {
        assert_eq!(refusal(file), inconsistent("the modulus is even"));
    }
    let even_or_one = inconsistent("the public exponent is even or 1");
    let large = inconsistent("the public exponent has more than 33 bits");
    let above_modulus = [&[1], &modulus[1..], &[1]].concat();
    let cases: [(&[u8], _); 7] = [
        (&[0], &even_or_one),
        (&[1], &even_or_one),
        (&[2], &even_or_one),
        (&[1, 0, 0], &even_or_one),
        (&[2, 0, 0, 0, 1], &large),
        (&[1, 0, 0, 0, 0, 0, 0, 0, 1], &large),
        (&above_modulus, &large),
    ];
    for (exponent, expected) in cases {
        for file in public(&modulus, exponent) {
            assert_eq!(refusal(file), *expected, "{exponent:?}");
        }
    }
    for exponent in [&[3][..], &[1, 0, 1], &[1, 0xff, 0xff, 0xff, 0xff]] {
        assert!(public(&modulus, exponent).iter().all(|file| read(file).is_ok()), "{exponent:?}");
    }
}

/// A private operation with one wrong prime or exponent betrays the others, so that such a key must not be taken.
#[test]
fn k12_private_numbers_that_disagree() {
    let sound = contents(&der::private_pkcs1());
    assert!(read(pkcs1(&sound)).is_ok());
    for at in 1..9 {
        for bit in [2, 0x40] {
            let mut numbers = sound.clone();
            let middle = numbers[at].len() / 2;
            numbers[at][middle] ^= bit;
            let expected = inconsistent("primes, exponents and modulus disagree");
            assert_eq!(refusal(pkcs1(&numbers)), expected, "number {at}");
            let pkcs8 = der::pkcs8(&rsa_algorithm(), &der::decode(&pkcs1(&numbers)));
            assert_eq!(refusal(pem("PRIVATE KEY", &pkcs8)), expected, "number {at}");
        }
    }
    let mut swapped = sound.clone();
    swapped.swap(4, 5);
    assert_eq!(refusal(pkcs1(&swapped)), inconsistent("primes, exponents and modulus disagree"));
    let mut trivial = sound;
    trivial[4] = trivial[1].clone();
    trivial[5] = vec![1];
    assert_eq!(refusal(pkcs1(&trivial)), inconsistent("primes, exponents and modulus disagree"));
}

#[test]
fn k13_more_than_two_primes() {
    let mut numbers: Vec<Vec<u8>> =
        contents(&der::private_pkcs1()).iter().map(|number| integer(number)).collect();
    let third = sequence(&[sequence(&[integer(&[7]), integer(&[3]), integer(&[5])])]);
    let all = [&numbers[..], &[third]].concat();
    assert_eq!(
        refusal(pem("RSA PRIVATE KEY", &sequence(&all))),
        malformed(PKCS1),
        "version 0 with a third prime"
    );
    numbers[0] = integer(&[1]);
    assert_eq!(refusal(pem("RSA PRIVATE KEY", &sequence(&numbers))), malformed(PKCS1), "version 1 without");
    let all = [&numbers[..], &all[9..]].concat();
    let error = unsupported("an RSA key of more than two primes");
    assert_eq!(refusal(pem("RSA PRIVATE KEY", &sequence(&all))), error);
    assert_eq!(refusal(pem("PRIVATE KEY", &der::pkcs8(&rsa_algorithm(), &sequence(&all)))), error);
}

#[test]
fn k14_labels_with_the_body_of_another() {
    let reasons = [PKCS1, PKCS8, PKCS1_PUBLIC, SPKI];
    for (i, (label, _)) in sound().into_iter().enumerate() {
        for (j, (other, body)) in sound().into_iter().enumerate() {
            let expected = if i == j { Ok(()) } else { Err(malformed(reasons[i])) };
            assert_eq!(read(pem(label, &body)).map(drop), expected, "{other} under {label}");
        }
    }
}

#[test]
fn k15_algorithm_identifiers() {
    let key = der::public_pkcs1();
    let parameters = malformed("the algorithm's parameters are not NULL");
    for wrong in [&[][..], &[0x05, 1, 0], &[0x30, 0], &[0x06, 1, 1], &[0x04, 0]] {
        let algorithm = algorithm(&RSA_OID, wrong);
        assert_eq!(refusal(pem("PUBLIC KEY", &spki(&algorithm, &key))), parameters, "{wrong:?}");
        let private = pkcs8(&algorithm, &der::private_pkcs1());
        assert_eq!(refusal(pem("PRIVATE KEY", &private)), parameters, "{wrong:?}");
    }
    assert!(read(pem("PUBLIC KEY", &spki(&rsa_algorithm(), &key))).is_ok());
    for unused in [1, 8] {
        let bits = sequence(&[rsa_algorithm(), element(0x03, &[&[unused], key.as_slice()].concat())]);
        assert!(matches!(refusal(pem("PUBLIC KEY", &bits)), KeyFileError::Malformed { .. }), "{unused}");
    }
}
