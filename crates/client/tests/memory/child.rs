//! The process that is looked into: this test program again, as which it does what it is told on standard input.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::pin::Pin;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use osseal::kms::CachePolicy;
use osseal::{
    AesKey, Credentials, EncryptedBucket, Endpoint, GetObject, GetOptions, Keyring, Kms, KmsKey,
    MaterialDescription, NamedKey, PutBody, PutOptions, RetryPolicy, RsaKey, Store, Suite, UnwrapKey,
    WrapKey,
};
use tokio::io::{AsyncRead, ReadBuf};
use zeroize::Zeroizing;

use crate::cloud::{Cloud, padding};

/// The variable that tells the child from the test: where it works.
const PLACE: &str = "OSSEAL_MEMORY";

pub(crate) struct Child {
    process: std::process::Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Child {
    pub(crate) fn start(cloud: &Cloud) -> Child {
        let place = [&cloud.store, &cloud.key_service, &cloud.key, cloud.folder.path().to_str().unwrap()]
            .map(ToString::to_string);
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child::obey", "--ignored", "--nocapture", "--test-threads=1"])
            .env(PLACE, place.join(" "))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let input = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        Child { process, input, output }
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Has it do something, and waits until it waits again.
    #[track_caller]
    pub(crate) fn step(&mut self, step: &str) {
        writeln!(self.input, "{step}").unwrap();
        let mut line = String::new();
        while !line.ends_with(&format!("done {step}\n")) {
            line.clear();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "it ended before {step} was done");
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[test]
#[ignore = "the process that the other tests look into"]
fn obey() {
    let Ok(place) = std::env::var(PLACE) else { return };
    let [store, key_service, key, folder] = place.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{place}")
    };
    let place = Place { store, key_service, key, folder: Path::new(folder) };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (mut bucket, mut object, mut file) = (None, None, None);
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        // What was read is there until the next step.
        drop(file.take());
        match words[..] {
            ["read", name] => file = Some(place.read(name)),
            _ => runtime.block_on(place.step(&words, &mut bucket, &mut object)),
        }
        println!("done {line}");
    }
}

struct Place<'a> {
    store: &'a str,
    key_service: &'a str,
    key: &'a str,
    folder: &'a Path,
}

impl Place<'_> {
    async fn step(&self, words: &[&str], open: &mut Option<EncryptedBucket>, object: &mut Option<GetObject>) {
        let bucket = open.clone();
        let bucket = || bucket.clone().unwrap();
        let body = || vec![7; 100_000];
        match *words {
            ["open", kind, suite, kept] => *open = Some(self.bucket(kind, suite, kept)),
            ["put", name] => drop(bucket().put(name, body(), PutOptions::default()).await.unwrap()),
            ["refused", name] => drop(bucket().put(name, body(), PutOptions::default()).await.unwrap_err()),
            ["broken", name] => {
                let begun = bucket().get(name, GetOptions::default()).await.unwrap();
                begun.bytes().await.unwrap_err();
            }
            ["leave"] => *object = None,
            ["dropped", name] => {
                let bucket = bucket();
                let put = bucket.put(name, body(), PutOptions::default());
                tokio::time::timeout(Duration::from_millis(500), put).await.unwrap_err();
            }
            ["panic", name] => {
                let (bucket, name) = (bucket(), name.to_owned());
                let body = PutBody::reader(Panics, 40 << 20);
                let put = tokio::spawn(async move { bucket.put(&name, body, PutOptions::default()).await });
                assert!(put.await.unwrap_err().is_panic());
            }
            ["begin", name] => {
                let mut begun = bucket().get(name, GetOptions::default()).await.unwrap();
                begun.next_chunk().await.unwrap();
                *object = Some(begun);
            }
            ["end"] => {
                let mut object = object.take().unwrap();
                while object.next_chunk().await.unwrap().is_some() {}
            }
            ["close"] => *open = None,
            _ => panic!("{words:?}"),
        }
        // What was given up is cleaned up by tasks of their own.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    fn bucket(&self, kind: &str, suite: &str, kept: &str) -> EncryptedBucket {
        let once = RetryPolicy { attempts: 1, ..RetryPolicy::default() };
        let store = Store::builder(Endpoint::parse(self.store).unwrap(), "cn-hangzhou");
        let store = store.credentials(self.credentials()).retry(once).build().unwrap();
        let key = match kind {
            "aes" => both(AesKey::from_file_content(&self.read("aes")).unwrap()),
            "rsa" => both(RsaKey::from_pem(&self.read("rsa"), padding(suite)).unwrap()),
            "protected" => {
                let (file, passphrase) = (self.read("protected"), self.read("passphrase"));
                both(RsaKey::from_protected_pem(&file, &passphrase, padding(suite)).unwrap())
            }
            _ => {
                let kms = Kms::builder(Endpoint::parse(self.key_service).unwrap());
                let kms = kms.credentials(self.credentials()).build().unwrap();
                let cache = if kept == "kept" { CachePolicy::default() } else { CachePolicy::NONE };
                both(KmsKey::builder(kms, self.key.parse().unwrap()).cache(cache).build().unwrap())
            }
        };
        let suite = if suite == "sealed" { Suite::Sealed } else { Suite::AesCtr };
        EncryptedBucket::builder(store, "box")
            .suite(suite)
            .keyring(Keyring::new(vec![key]).unwrap())
            .build()
            .unwrap()
    }

    fn read(&self, name: &str) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(std::fs::read(self.folder.join(name)).unwrap())
    }

    fn credentials(&self) -> Credentials {
        let text = self.read("access-key");
        let mut lines = std::str::from_utf8(&text).unwrap().lines();
        let mut next = || lines.next().unwrap();
        Credentials::new(next(), next()).with_token(next())
    }
}

fn both(key: impl WrapKey + UnwrapKey + 'static) -> NamedKey {
    let key = Arc::new(key);
    NamedKey::new("key", MaterialDescription::empty()).wrapping(key.clone()).unwrapping(key)
}

/// A source that breaks down after more than goes into one request.
struct Panics;

impl AsyncRead for Panics {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        panic!("on purpose, with room for {} bytes", buffer.remaining());
    }
}
