//! A store and a key service on sockets of the test's own process, and what it knows about their secrets.

use std::num::NonZeroU32;
use std::sync::Arc;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::pbkdf2;
use aws_lc_rs::rsa::{KeySize, PrivateDecryptingKey};
use data_encoding::BASE64;
use osseal::{
    AesKey, Credentials, Endpoint, Kms, KmsKey, RsaKey, RsaPadding, UnwrapKey, UnwrapRequest, WrappedContent,
};
use osseal_core::Envelope;
use osseal_server::Service;
use osseal_server::backend::memory::Memory;
use osseal_server::fault::Faults;
use osseal_server::kms::KmsService;
use osseal_server::kms::faults as kms;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::secrets::Secret;

pub(crate) const ID: &str = "STS.memory";
pub(crate) const SECRET: &str = "dK3vQ9xTz7Lm2RbW8YpN4hSf";
pub(crate) const TOKEN: &str = "CAISgQJ1q6Ft5B2yfSjIr5eHW0Zx";
const PASSPHRASE: &[u8] = b"uX4!rB9#mK2$wT7%qL5&zN8*";
/// With which protected keys are written.
const ROUNDS: NonZeroU32 = NonZeroU32::new(600_000).unwrap();

pub(crate) struct Cloud {
    pub(crate) faults: Faults,
    pub(crate) kms_faults: kms::Faults,
    pub(crate) store: String,
    pub(crate) key_service: String,
    pub(crate) key: String,
    /// Key files and the access key, for the child to read.
    pub(crate) folder: TempDir,
    back: Service,
    runtime: Runtime,
}

impl Cloud {
    pub(crate) fn new() -> Cloud {
        let (memory, faults, kms_faults) = (Arc::new(Memory::new()), Faults::new(), kms::Faults::new());
        let credentials = vec![credentials()];
        let front = Service::builder()
            .backend(memory.clone())
            .credentials(credentials.clone())
            .faults(faults.clone())
            .build();
        let back = Service::builder().backend(memory).anonymous().build();
        let vault = KmsService::builder().credentials(credentials).faults(kms_faults.clone()).build();
        let key = vault.create_key().unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let listen = || {
            let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
            let address = format!("http://{}", listener.local_addr().unwrap());
            (listener, address)
        };
        let ((socket, store), (kms_socket, key_service)) = (listen(), listen());
        runtime.spawn(osseal_server::serve(socket, front, std::future::pending()));
        runtime.spawn(osseal_server::kms::serve(kms_socket, vault, std::future::pending()));
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("access-key"), format!("{ID}\n{SECRET}\n{TOKEN}")).unwrap();
        let cloud = Cloud { faults, kms_faults, store, key_service, key, folder, back, runtime };
        let made = cloud.ask(http::Request::put("/box"));
        assert!(made.status().is_success());
        cloud
    }

    fn ask(&self, request: http::request::Builder) -> http::Response<osseal_server::body::Body> {
        let request = request.header("host", "localhost").header("content-length", "0");
        let request = request.body(osseal_server::body::empty()).unwrap();
        self.runtime.block_on(self.back.call(request)).unwrap()
    }

    /// Has the key service make a data key that the test knows.
    pub(crate) fn give_data_key(&self, number: u8) -> Vec<u8> {
        let data_key: Vec<u8> =
            (0_u8..32).map(|i| (i ^ number.wrapping_mul(37)).wrapping_mul(73) ^ 0xa5).collect();
        self.kms_faults.clear();
        let known = kms::Action::member("Plaintext", BASE64.encode(&data_key));
        self.kms_faults.inject(kms::Fault::new(known).on(kms::Operation::GenerateDataKey).always());
        data_key
    }

    /// Writes a key file, and gives what is secret in it.
    pub(crate) fn wrapping_key(&self, kind: &str) -> Vec<Secret> {
        let mut secret = [0; 32];
        aws_lc_rs::rand::fill(&mut secret).unwrap();
        let (file, secrets) = if kind == "aes" {
            (secret.to_vec(), vec![Secret::new("wrapping key", &secret)])
        } else {
            let (der, secrets) = rsa_key();
            let text = format!(
                "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
                BASE64
                    .encode(&der)
                    .as_bytes()
                    .chunks(64)
                    .map(|line| std::str::from_utf8(line).unwrap())
                    .collect::<Vec<_>>()
                    .join("\n")
            );
            (text.into_bytes(), secrets)
        };
        std::fs::write(self.folder.path().join(kind), file).unwrap();
        secrets
    }

    /// Writes an RSA key file under a passphrase; gives what is secret in it, and what opens it.
    pub(crate) fn protected_key(&self) -> (Vec<Secret>, Vec<Secret>) {
        let (der, secrets) = rsa_key();
        let salt = [7; 16];
        let pem = osseal::protected_pem(&der, PASSPHRASE, salt, [9; 16]).unwrap();
        assert!(says_rounds(&pem), "a key that is derived otherwise is looked for");
        std::fs::write(self.folder.path().join("protected"), pem).unwrap();
        std::fs::write(self.folder.path().join("passphrase"), PASSPHRASE).unwrap();
        let mut derived = [0; 32];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, &salt, PASSPHRASE, &mut derived);
        (secrets, vec![Secret::new("passphrase", PASSPHRASE), Secret::new("derived key", &derived)])
    }

    /// The data key of an object.
    pub(crate) fn data_key_of(&self, name: &str, kind: &str, suite: &str) -> Vec<u8> {
        let head = self.ask(http::Request::head(format!("/box/{name}")));
        let headers = head.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let envelope = Envelope::from_metadata(headers).unwrap();
        let file = || std::fs::read(self.folder.path().join(kind)).unwrap();
        let key: Box<dyn UnwrapKey> = match kind {
            "aes" => Box::new(AesKey::from_file_content(&file()).unwrap()),
            "rsa" => Box::new(RsaKey::from_pem(&file(), padding(suite)).unwrap()),
            _ => {
                let kms = Kms::builder(Endpoint::parse(&self.key_service).unwrap());
                let kms = kms.credentials(credentials()).build().unwrap();
                Box::new(KmsKey::builder(kms, self.key.parse().unwrap()).build().unwrap())
            }
        };
        let content = if suite == "sealed" { WrappedContent::SealedDataKey } else { WrappedContent::DataKey };
        let request = UnwrapRequest::new(envelope.wrap, &envelope.data_key, content);
        self.runtime.block_on(key.unwrap(request)).unwrap().expose().to_vec()
    }
}

fn credentials() -> Credentials {
    Credentials::new(ID, SECRET.to_owned()).with_token(TOKEN.to_owned())
}

pub(crate) fn padding(suite: &str) -> RsaPadding {
    if suite == "sealed" { RsaPadding::OaepSha256 } else { RsaPadding::Pkcs1 }
}

/// Whether a protected key is written with these rounds: an integer of three bytes (RFC 8018, A.2).
fn says_rounds(pem: &str) -> bool {
    let text: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = BASE64.decode(text.as_bytes()).unwrap();
    let [0, rounds @ ..] = ROUNDS.get().to_be_bytes() else { panic!("three bytes") };
    der.windows(5).any(|bytes| bytes[..2] == [0x02, 0x03] && bytes[2..] == rounds)
}

/// An RSA key (PKCS#8, DER), and its private numbers.
fn rsa_key() -> (Vec<u8>, Vec<Secret>) {
    let key = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
    let der = key.as_der().unwrap().as_ref().to_vec();
    let numbers = integers(&der);
    // n, e, d, p, q, and what follows from them.
    let [_, _, d, p, q, ..] = &numbers[..] else { panic!("an RSA key") };
    let secrets = [d, p, q].map(|number| Secret::new("wrapping key", number)).into();
    (der, secrets)
}

/// The numbers of the RSA key inside PKCS#8 (RFC 8017, A.1.2), without the version.
fn integers(pkcs8: &[u8]) -> Vec<Vec<u8>> {
    let mut numbers = Vec::new();
    // Whatever holds something is gone into.
    let mut rest = pkcs8;
    while let [tag, short, ..] = *rest {
        let (head, length) = match short {
            0x80.. => {
                let head = 2 + usize::from(short & 0x7f);
                (head, rest[2..head].iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
            }
            _ => (2, usize::from(short)),
        };
        match tag {
            0x30 | 0x04 => rest = &rest[head..],
            _ => {
                let number = &rest[head..head + length];
                if tag == 0x02 && length > 1 {
                    numbers.push(number.iter().copied().skip_while(|byte| *byte == 0).collect());
                }
                rest = &rest[head + length..];
            }
        }
    }
    numbers
}
