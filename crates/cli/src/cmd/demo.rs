//! `demo`: the whole way of a file, in an embedded store, with the store's side shown.

mod attacks;
mod demo_store;
mod plain;
mod timing;

use std::num::NonZeroU16;
use std::path::Path;

use osseal::{
    Bind, ByteRange, EncryptedBucket, GetOptions, Keyring, MaterialDescription, NamedKey, PutBody,
    PutOptions, RsaKey, RsaPadding, WrapKey,
};

use crate::cmd::copy::protection;
use crate::keys::generate;
use crate::ui::error::{Exit, Failure};
use crate::ui::output::Output;
use crate::ui::text::{printable, size};

use demo_store::DemoStore;
use plain::Plain;
use timing::Stopwatch;

const BUCKET: &str = "demo";
const ONE: NonZeroU16 = NonZeroU16::MIN;
/// Bytes of the hex dumps.
const SHOWN: usize = 64;
/// Longest stretch that is read by range.
const STRETCH: u64 = 100;

pub(crate) async fn run(file: Option<&Path>) -> Result<(), Failure> {
    let mut plain = Plain::open(file)?;
    let key = plain.key();
    say(format_args!("file      {}, {}", printable(plain.shown()), size(plain.len())))?;

    let store = DemoStore::new();
    let bucket = bucket(&store).await?;
    let clock = Stopwatch::start();
    let body = PutBody::file(plain.source()?, plain.len());
    let report = bucket.put(&key, body, PutOptions::default()).await?;
    say(format_args!(
        "stored    oss://{BUCKET}/{}: {}, {}, {}",
        printable(&key),
        size(report.stored_size),
        protection(report.suite),
        clock.shown(plain.len())
    ))?;

    show_store(&store, &key, &mut plain).await?;

    let clock = Stopwatch::start();
    let whole = compare(&bucket, &key, ByteRange::Whole, &mut plain).await?;
    say(format_args!("read back whole: {}, {}", whole.shown(), clock.shown(plain.len())))?;
    let mut is_good = whole.is_same;
    for (name, range) in stretches(plain.len()) {
        let part = compare(&bucket, &key, range, &mut plain).await?;
        say(format_args!("read back {name}: {}", part.shown()))?;
        is_good &= part.is_same;
    }
    is_good &= attacks::show(&store, &bucket, &mut plain).await?;
    if is_good {
        return say(format_args!("\nall bytes are the file's, and no change went unnoticed"));
    }
    say(format_args!("\nBYTES DIFFER FROM THE FILE'S, OR A CHANGE WENT UNNOTICED"))?;
    Err(Failure::new(Exit::Mismatch, "what was read back is not what was stored"))
}

fn say(line: std::fmt::Arguments<'_>) -> Result<(), Failure> {
    Output::line(line)
}

/// An encrypted bucket on the store, with a key of this moment.
async fn bucket(store: &DemoStore) -> Result<EncryptedBucket, Failure> {
    let pem = generate::rsa(generate::BITS)?;
    let key = RsaKey::from_pem(pem.as_bytes(), RsaPadding::OaepSha256)
        .map_err(|error| Failure::local("the RSA key cannot be used", error))?;
    let key = std::sync::Arc::new(key);
    let description: MaterialDescription = [("purpose", "demo")].into_iter().collect();
    say(format_args!(
        "key       RSA-{}, made for this run, {}",
        key.modulus_bits(),
        key.algorithm().wire_name()
    ))?;
    let named = NamedKey::new("demo", description).wrapping(key.clone()).unwrapping(key);
    let keyring = Keyring::new(vec![named]).map_err(|error| Failure::local("no keyring", error))?;
    let store = store.client()?;
    store.create_bucket(BUCKET).await?;
    // One part at a time, so that the figures measure work and not contention for a core.
    let builder = EncryptedBucket::builder(store, BUCKET).jobs(ONE).keyring(keyring).bind(Bind::Key);
    Ok(builder.build()?)
}

/// Prints the metadata and bytes that the operator of the store can read.
async fn show_store(store: &DemoStore, key: &str, plain: &mut Plain) -> Result<(), Failure> {
    let seen = store.look(BUCKET, key, SHOWN).await?;
    say(format_args!("\nThe store holds this metadata:"))?;
    for (name, value) in &seen.metadata {
        say(format_args!("  {name}: {}", beginning(&printable(value))))?;
    }
    if plain.len() == 0 {
        return say(format_args!("and a tag alone: the file is empty.\n"));
    }
    let length = usize::try_from(plain.len()).unwrap_or(usize::MAX).min(seen.bytes.len());
    let mine = plain.at(0, length)?;
    say(format_args!("and these bytes (the file's on the right):"))?;
    for (stored, mine) in seen.bytes.chunks(16).zip(mine.chunks(16)) {
        say(format_args!("  {:47}  |  {:47}  {}", hex(stored), hex(mine), letters(mine)))?;
    }
    say(format_args!(""))
}

/// How a comparison went.
struct Comparison {
    first: u64,
    count: u64,
    is_same: bool,
}

impl Comparison {
    fn shown(&self) -> String {
        let verdict = if self.is_same { "same as the file" } else { "DIFFERENT FROM THE FILE" };
        match self.count {
            0 => format!("no bytes, {verdict}"),
            count => format!("bytes {}-{}, {verdict}", self.first, self.first + count - 1),
        }
    }
}

/// Reads a range and compares it with the file, piece by piece.
async fn compare(
    bucket: &EncryptedBucket,
    key: &str,
    range: ByteRange,
    plain: &mut Plain,
) -> Result<Comparison, Failure> {
    let wanted = range.resolve(plain.len()).map_err(|error| Failure::local("no such range", error))?;
    let mut object = bucket.get(key, GetOptions { range, ..GetOptions::default() }).await?;
    let (mut next, mut is_same) = (wanted.start, true);
    while let Some(chunk) = object.next_chunk().await? {
        is_same &= chunk.offset == next && plain.is_at(next, &chunk.bytes)?;
        next += chunk.bytes.len() as u64;
    }
    Ok(Comparison { first: wanted.start, count: next - wanted.start, is_same: is_same && next == wanted.end })
}

/// Stretches that begin and end where no block of the cipher does.
fn stretches(len: u64) -> Vec<(&'static str, ByteRange)> {
    if len == 0 {
        return Vec::new();
    }
    let start = len / 3;
    let end = (start + STRETCH + 1).min(len);
    vec![("by range", ByteRange::Bounded(start..end)), ("the end", ByteRange::Suffix(STRETCH.min(len)))]
}

/// Wrapped keys are long, and every part of them looks alike.
fn beginning(value: &str) -> String {
    match value.char_indices().nth(SHOWN) {
        None => value.to_owned(),
        Some((end, _)) => format!("{}… ({} characters)", &value[..end], value.chars().count()),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

fn letters(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| if (b' '..=b'~').contains(&byte) { char::from(byte) } else { '.' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(folder: &Path, content: &[u8]) -> Plain {
        let path = folder.join("file");
        std::fs::write(&path, content).expect("a file");
        Plain::open(Some(&path)).expect("a file")
    }

    #[tokio::test]
    async fn a_difference_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let bucket = bucket(&DemoStore::new()).await.expect("a bucket");
        let stored = vec![7; 1000];
        bucket.put("file", stored.clone(), PutOptions::default()).await.expect("stored");
        let same = |len: usize, changed: Option<usize>| {
            let mut content = vec![7; len];
            if let Some(at) = changed {
                content[at] = 8;
            }
            content
        };
        for (content, range, is_same) in [
            (same(1000, None), ByteRange::Whole, true),
            (same(1000, Some(999)), ByteRange::Whole, false),
            (same(1000, Some(500)), ByteRange::Bounded(500..501), false),
            (same(1000, Some(500)), ByteRange::Bounded(501..600), true),
            (same(999, None), ByteRange::Whole, false),
            (same(1001, None), ByteRange::Whole, false),
        ] {
            let mut plain = plain(folder.path(), &content);
            let found = compare(&bucket, "file", range.clone(), &mut plain).await.expect("read");
            assert_eq!(found.is_same, is_same, "{} bytes, {range:?}", content.len());
        }
    }
}
