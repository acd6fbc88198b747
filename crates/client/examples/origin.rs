//! A store whose objects are made when they are read, for measuring what reads them: of any size, without memory and without a disk.
//!
//! ```text
//! origin SUITE KEY-FILE SIZE…        says where it listens; SUITE is sealed or aes-ctr, KEY-FILE 64 hex digits, SIZE plaintext bytes
//! ```
//! The bucket is `origin`, the objects are called by their sizes, and their plaintext is a ramp: byte i is i modulo 251 within every chunk of a sealed
//! object; that of AES/CTR is what deciphering a ramp gives. Credentials are `OSS_ACCESS_KEY_ID` and `OSS_ACCESS_KEY_SECRET`.

use std::error::Error;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use osseal::{AesKey, Credentials, Keyring, MaterialDescription, NamedKey, SealedContext, Secret, Suite};
use osseal_core::{ContentKey, ContentRandom, Envelope, SALT};
use osseal_server::Service;
use osseal_server::backend::memory::{Memory, Pattern};
use osseal_server::backend::{Attributes, Backend, Kind, Meta, NewObject, Place};
use osseal_server::quirks::{Etag, Quirks};
use osseal_wire::oss::Crc64;
use tokio::net::TcpListener;

const BUCKET: &str = "origin";
const REGION: &str = "cn-hangzhou";
/// Chunks that are made at a time.
const RUN: u64 = 16;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [suite, key, sizes @ ..] = &arguments[..] else {
        return Err("usage: origin SUITE KEY-FILE SIZE…".into());
    };
    let suite =
        Suite::ALL.into_iter().find(|known| known.name() == suite).ok_or("the suite is sealed or aes-ctr")?;
    let key = Arc::new(AesKey::from_file_content(&std::fs::read(key)?)?);
    let keyring = Keyring::new(vec![
        NamedKey::new("origin", MaterialDescription::empty()).wrapping(key.clone()).unwrapping(key),
    ])?;
    let memory = Memory::new();
    let now = jiff::Timestamp::now();
    memory.create_bucket(BUCKET, now).await?;
    for name in sizes {
        let size: u64 = name.parse()?;
        let (_, envelope) = content(&keyring, suite, size)?;
        let meta =
            envelope.to_metadata(None).into_iter().map(|(name, value)| (name.into(), value.into_bytes()));
        let new = NewObject {
            id: format!("{name:0>32}"),
            modified: now,
            meta: Meta(meta.collect()),
            kind: Kind::Normal,
            attributes: Attributes::default(),
        };
        memory.synthesise(
            Place { bucket: BUCKET, key: name },
            new,
            pattern(keyring.clone(), suite, size)?,
        )?;
    }
    let mut quirks = Quirks::default();
    quirks.etag = Etag::Crc64;
    let credentials =
        Credentials::new(std::env::var("OSS_ACCESS_KEY_ID")?, std::env::var("OSS_ACCESS_KEY_SECRET")?);
    let service = Service::builder()
        .backend(Arc::new(memory))
        .credentials(vec![credentials])
        .region(REGION)
        .quirks(quirks)
        .build();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    osseal_server::serve(listener, service, std::future::pending()).await?;
    Ok(())
}

/// The content key of all objects of a size, the same whenever it is asked for.
///
/// One key for many sealings is what must never happen to anybody's data: here all of them have the same plaintext.
fn content(keyring: &Keyring, suite: Suite, size: u64) -> Result<(ContentKey, Envelope), Box<dyn Error>> {
    let random = ContentRandom { data_key: Secret::new(vec![7; 32]), start: [9; SALT] };
    let context = SealedContext::default();
    // A key in memory wraps at once.
    let made = keyring.new_content(suite, &context, random, Some(size)).now_or_never();
    Ok(made.ok_or("the key did not wrap at once")??)
}

fn pattern(keyring: Keyring, suite: Suite, size: u64) -> Result<Pattern, Box<dyn Error>> {
    let stored = suite.layout().stored_len(size).ok_or("more than an object of the suite can hold")?;
    if suite == Suite::AesCtr {
        return Ok(Pattern::ramp(stored));
    }
    let ramp: Bytes = (0..suite.layout().plain_unit()).map(|i| (i % 251).to_le_bytes()[0]).collect();
    let unit = suite.layout().stored_unit();
    let make = move |offset: u64, limit: usize| -> Bytes {
        let first = offset / unit;
        let sealed = chunks(&keyring, &ramp, size, first, RUN).unwrap_or_default();
        let skipped = usize::try_from(offset - first * unit).unwrap_or(usize::MAX).min(sealed.len());
        let end = sealed.len().min(skipped.saturating_add(limit));
        sealed.slice(skipped..end)
    };
    let (mut at, mut crc64) = (0, Crc64::default());
    while at < stored {
        let piece = make(at, usize::MAX);
        crc64.update(&piece);
        at += piece.len() as u64;
    }
    Ok(Pattern::computed(stored, crc64.value(), make))
}

/// `count` chunks of a sealed object of `size` plaintext bytes from chunk `first` on, fewer at the end.
fn chunks(
    keyring: &Keyring,
    ramp: &Bytes,
    size: u64,
    first: u64,
    count: u64,
) -> Result<Bytes, Box<dyn Error>> {
    let unit = ramp.len() as u64;
    let mut sealer = content(keyring, Suite::Sealed, size)?.0.sealer(Some(size));
    if first > 0 {
        drop(sealer.reserve(first * unit)?);
    }
    let left = size - first * unit;
    let (length, is_last) = if left < count * unit { (left, true) } else { (count * unit, false) };
    let slot = if is_last { sealer.reserve_last(length) } else { sealer.reserve(length) }?;
    let mut plain = BytesMut::with_capacity(usize::try_from(slot.stored_len())?);
    while (plain.len() as u64) < length {
        let room = usize::try_from(length - plain.len() as u64)?.min(ramp.len());
        plain.extend_from_slice(&ramp[..room]);
    }
    Ok(slot.seal(plain)?.bytes)
}
