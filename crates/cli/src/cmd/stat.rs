//! `stat`: metadata of an object, and with `--verify` the result of reading it.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use osseal::{Authenticity, Binding, EncryptedBucket, GetOptions, HeadOptions, ObjectInfo, SealedContext};
use serde_json::json;

use crate::args::{Stat, Tuning, Verify};
use crate::client::session::{BucketUse, Context};
use crate::target::ObjectUrl;
use crate::ui::error::Failure;
use crate::ui::output::Output;
use crate::ui::progress::Bar;
use crate::ui::text::printable;

pub(crate) async fn run(context: &Context, args: Stat) -> Result<(), Failure> {
    let url = ObjectUrl::parse_os(&args.object)?.with_key()?;
    let session = context.session()?;
    let (info, verified) = if let Some(how) = args.verify {
        let bucket = session.bucket(&url.bucket, BucketUse::Read(&args.opening, Tuning::default()))?;
        let (info, verified) = verify(&bucket, &url.key, args.version_id, how, context.output()).await?;
        (info, Some(verified))
    } else {
        let bucket = session.bucket(&url.bucket, BucketUse::Inspect)?;
        (bucket.head(&url.key, HeadOptions { version_id: args.version_id }).await?, None)
    };
    if context.output().is_json { print_json(&info, verified) } else { print_words(&url, &info, verified) }
}

/// How far an object was verified.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verified {
    /// Key, context and size of a sealed object.
    End,
    /// Every byte was authenticated.
    Authentic,
    /// The bytes match the store's checksum. Does not detect a change of both.
    Checksum,
    /// They came in full, and the store keeps no checksum.
    Length,
}

impl Verified {
    const fn name(self) -> &'static str {
        match self {
            Verified::End => "end",
            Verified::Authentic => "authentic",
            Verified::Checksum => "checksum",
            Verified::Length => "length",
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Verified::End => {
                "key, context and size are what its writer sealed; --verify=all reads every byte"
            }
            Verified::Authentic => "every byte is what its writer sealed",
            Verified::Checksum => "every byte has the store's checksum; this suite cannot prove more",
            Verified::Length => {
                "all bytes came; the store keeps no checksum and this suite cannot prove more"
            }
        }
    }

    /// Whether the size is no longer the store's claim.
    const fn proves_size(self) -> bool {
        matches!(self, Verified::End | Verified::Authentic)
    }
}

async fn verify(
    bucket: &EncryptedBucket,
    key: &str,
    version_id: Option<String>,
    how: Verify,
    output: Output,
) -> Result<(ObjectInfo, Verified), Failure> {
    let options = GetOptions { version_id, ..GetOptions::default() };
    if how == Verify::End {
        let proof = bucket.verify(key, options.clone()).await?;
        if proof.is_verified {
            return Ok((proof.info, Verified::End));
        }
    }
    let mut object = bucket.get(key, options).await?;
    let info = object.info().clone();
    let bar = Bar::new(output, true, Some(info.plain_size));
    while let Some(chunk) = object.next_chunk().await? {
        bar.add(chunk.bytes.len());
    }
    let verified = match (&info.encryption, info.crc64) {
        (Some(seal), _) if seal.authenticity.notices_changes() => Verified::Authentic,
        (_, Some(_)) => Verified::Checksum,
        (_, None) => Verified::Length,
    };
    Ok((info, verified))
}

/// Who could have written the content: JSON value and text.
const fn authenticity(of: Authenticity) -> (&'static str, &'static str) {
    match of {
        Authenticity::KeyHolders => ("authenticated", "authenticated"),
        Authenticity::PublicKeyHolders => {
            ("intact", "intact; anyone with the public key could have written it")
        }
        _ => ("none", "not authenticated"),
    }
}

fn pairs(context: &SealedContext) -> BTreeMap<&str, &str> {
    context.pairs.pairs().collect()
}

fn print_json(info: &ObjectInfo, verified: Option<Verified>) -> Result<(), Failure> {
    let seal = info.encryption.as_ref();
    let context = seal.and_then(|seal| seal.context.as_ref());
    let others: BTreeMap<_, _> = info.other_headers.iter().map(|(name, value)| (name, value)).collect();
    let metadata: BTreeMap<&str, _> =
        info.metadata.iter().map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value))).collect();
    Output::json(&json!({
        "key": info.key,
        "size": info.plain_size,
        "size_proven": verified.is_some_and(Verified::proves_size),
        "stored_size": info.stored_size,
        "suite": seal.map(|seal| seal.suite.name()),
        "wrap": seal.map(|seal| seal.wrap.wire_name()),
        "description": seal.map(|seal| &seal.description),
        "key_name": seal.and_then(|seal| seal.key_name.as_ref()),
        "authenticated": seal.is_some_and(|seal| seal.authenticity.notices_changes()),
        "authenticity": seal.map(|seal| authenticity(seal.authenticity).0),
        "commitment": seal.and_then(|seal| seal.commitment).map(|bytes| HEXLOWER.encode(&bytes)),
        "bind": context.map(|context| context.binding.bind().name()),
        "bound_to": context.filter(|context| context.binding != Binding::None).map(|context| context.binding.to_string()),
        "context": context.map(pairs),
        "etag": info.etag,
        // A string: JSON numbers do not hold 64 bits everywhere.
        "crc64": info.crc64.map(|crc64| crc64.to_string()),
        "last_modified": info.last_modified,
        "storage_class": info.storage_class,
        "version_id": info.version_id,
        "content_type": info.content_type,
        "headers": others,
        "metadata": metadata,
        "verified": verified.map(Verified::name),
    }))
}

fn print_words(url: &ObjectUrl, info: &ObjectInfo, verified: Option<Verified>) -> Result<(), Failure> {
    let line = |name: &str, value: &str| Output::line(format_args!("{name:14}  {}", printable(value)));
    line("object", &url.to_string())?;
    let proof = if verified.is_some_and(Verified::proves_size) { "proven" } else { "claimed by the store" };
    line("size", &format!("{} bytes ({proof})", info.plain_size))?;
    line("stored", &format!("{} bytes", info.stored_size))?;
    if let Some(seal) = &info.encryption {
        line("suite", &format!("{} ({})", seal.suite.wire_name(), authenticity(seal.authenticity).1))?;
        line("wrapped by", seal.wrap.wire_name())?;
        line("description", &seal.description)?;
        line("key", seal.key_name.as_deref().unwrap_or("none of this keyring"))?;
        if let Some(commitment) = &seal.commitment {
            line("commitment", &HEXLOWER.encode(commitment))?;
        }
        if let Some(context) = &seal.context {
            line("bound to", &context.binding.to_string())?;
            for (name, value) in pairs(context) {
                line("context", &format!("{name} = {value}"))?;
            }
        }
    } else {
        line("suite", "none: not encrypted")?;
    }
    line("etag", &info.etag)?;
    if let Some(crc64) = info.crc64 {
        line("crc64", &crc64.to_string())?;
    }
    line("last modified", &info.last_modified)?;
    if !info.storage_class.is_empty() {
        line("storage class", &info.storage_class)?;
    }
    if let Some(version) = &info.version_id {
        line("version", version)?;
    }
    if let Some(content_type) = &info.content_type {
        line("content type", content_type)?;
    }
    for (name, value) in &info.other_headers {
        line(name, value)?;
    }
    for (name, value) in &info.metadata {
        line("metadata", &format!("{name} = {}", String::from_utf8_lossy(value)))?;
    }
    verified.map_or(Ok(()), |verified| line("verified", verified.words()))
}
