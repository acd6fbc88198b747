//! `stat`: what is known about an object without opening it.

use std::collections::BTreeMap;
use std::ffi::OsStr;

use osseal::{HeadOptions, ObjectInfo};
use serde_json::json;

use crate::exit::Failure;
use crate::output::{Output, printable};
use crate::session::Context;
use crate::target::ObjectUrl;

pub(crate) async fn run(context: &Context, object: &OsStr) -> Result<(), Failure> {
    let url = ObjectUrl::parse_os(object)?.with_key()?;
    let bucket = context.session()?.labelled_bucket(&url.bucket)?;
    let info = bucket.head(&url.key, HeadOptions::default()).await?;
    if context.output().is_json { print_json(&info) } else { print_words(&url, &info) }
}

fn print_json(info: &ObjectInfo) -> Result<(), Failure> {
    let seal = info.encryption.as_ref();
    let metadata: BTreeMap<&str, _> =
        info.metadata.iter().map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value))).collect();
    Output::json(&json!({
        "key": info.key,
        "size": info.plain_size,
        "stored_size": info.stored_size,
        "suite": seal.map(|seal| seal.suite.name()),
        "wrap": seal.map(|seal| seal.wrap.wire_name()),
        "description": seal.map(|seal| &seal.description),
        "key_name": seal.and_then(|seal| seal.key_name.as_ref()),
        "authenticated": seal.is_some_and(|seal| seal.is_authenticated),
        "etag": info.etag,
        // A string: JSON numbers do not hold 64 bits everywhere.
        "crc64": info.crc64.map(|crc64| crc64.to_string()),
        "last_modified": info.last_modified,
        "content_type": info.content_type,
        "metadata": metadata,
    }))
}

fn print_words(url: &ObjectUrl, info: &ObjectInfo) -> Result<(), Failure> {
    let line = |name: &str, value: &str| Output::line(format_args!("{name:14}  {}", printable(value)));
    line("object", &url.to_string())?;
    line("size", &format!("{} bytes", info.plain_size))?;
    line("stored", &format!("{} bytes", info.stored_size))?;
    if let Some(seal) = &info.encryption {
        let proof = if seal.is_authenticated { "authenticated" } else { "not authenticated" };
        line("suite", &format!("{} ({proof})", seal.suite.wire_name()))?;
        line("wrapped by", seal.wrap.wire_name())?;
        line("description", &seal.description)?;
        line("key", seal.key_name.as_deref().unwrap_or("none of this keyring"))?;
    }
    line("etag", &info.etag)?;
    if let Some(crc64) = info.crc64 {
        line("crc64", &crc64.to_string())?;
    }
    line("last modified", &info.last_modified)?;
    if let Some(content_type) = &info.content_type {
        line("content type", content_type)?;
    }
    for (name, value) in &info.metadata {
        line("metadata", &format!("{name} = {}", String::from_utf8_lossy(value)))?;
    }
    Ok(())
}
