//! `ls`: buckets, or objects of a bucket.

mod versions;

use futures_util::stream::{self, StreamExt};
use osseal::{EncryptedBucket, HeadOptions, ListOptions, ListedObject, ObjectPage};
use serde_json::json;

use crate::args::List;
use crate::client::session::{BucketUse, Context, Session};
use crate::target::ObjectUrl;
use crate::ui::error::Failure;
use crate::ui::output::Output;
use crate::ui::text::printable;

pub(crate) async fn run(context: &Context, args: List) -> Result<(), Failure> {
    let url = args.place.as_deref().map(ObjectUrl::parse_os).transpose()?;
    let session = context.session()?;
    match url {
        None => buckets(&session, context.output()).await,
        Some(url) if args.all_versions => versions::list(&session, context.output(), &args, &url).await,
        Some(url) => objects(&session, context.output(), &args, &url).await,
    }
}

async fn buckets(session: &Session, output: Output) -> Result<(), Failure> {
    for bucket in session.store().list_buckets().await? {
        if output.is_json {
            Output::json(
                &json!({ "bucket": bucket.name, "region": bucket.region, "created": bucket.creation_date }),
            )?;
        } else {
            let (created, region) = (printable(&bucket.creation_date), printable(&bucket.region));
            Output::line(format_args!("{created:24}  {region:16}  oss://{}", printable(&bucket.name)))?;
        }
    }
    Ok(())
}

async fn objects(session: &Session, output: Output, args: &List, url: &ObjectUrl) -> Result<(), Failure> {
    let bucket = session.bucket(&url.bucket, BucketUse::Metadata)?;
    let delimiter = if args.recursive { "" } else { "/" };
    let mut options =
        ListOptions { prefix: url.key.clone(), delimiter: delimiter.to_owned(), ..ListOptions::default() };
    let mut has_head = output.is_json;
    let mut failed = None;
    loop {
        let page = bucket.list(&options).await?;
        let lines = in_order(&page).into_iter().map(async |entry| {
            let size = match &entry {
                Entry::Object(object) if args.plain => plain_size(&bucket, &object.key).await,
                _ => Ok(Size::Stored),
            };
            (entry, size)
        });
        let lines = stream::iter(lines.collect::<Vec<_>>());
        // Printed in the order of the listing, whatever the order of the answers.
        let mut lines = std::pin::pin!(lines.buffered(usize::from(args.jobs)));
        while let Some((entry, size)) = lines.next().await {
            if !std::mem::replace(&mut has_head, true) {
                let sizes = if args.plain { "plaintext bytes" } else { "stored bytes" };
                Output::line(format_args!("{sizes:>15}  {:24}  key", "last modified"))?;
            }
            let size = size.unwrap_or_else(|failure| {
                failure.print();
                failed.get_or_insert(failure);
                Size::Unknown
            });
            entry.print(output, size)?;
        }
        match &page.next {
            Some(next) => options.continuation = Some(next.clone()),
            None => return failed.map_or(Ok(()), Err),
        }
    }
}

/// Which size is shown of an object.
#[derive(Clone, Copy)]
enum Size {
    /// The stored size of the listing.
    Stored,
    Plain(u64),
    /// The size of an object without an envelope.
    Unencrypted(u64),
    /// The object could not be looked at.
    Unknown,
}

async fn plain_size(bucket: &EncryptedBucket, key: &str) -> Result<Size, Failure> {
    match bucket.head(key, HeadOptions::default()).await {
        Ok(info) if info.encryption.is_none() => Ok(Size::Unencrypted(info.plain_size)),
        Ok(info) => Ok(Size::Plain(info.plain_size)),
        Err(error) => Err(error.into()),
    }
}

/// A line of a listing.
enum Entry<'a> {
    Object(&'a ListedObject),
    Prefix(&'a str),
}

/// Objects and groups of one page, in the order of their names.
fn in_order(page: &ObjectPage) -> Vec<Entry<'_>> {
    let objects = page.objects.iter().map(Entry::Object);
    let mut entries: Vec<_> =
        objects.chain(page.prefixes.iter().map(|prefix| Entry::Prefix(prefix))).collect();
    entries.sort_by_key(Entry::name);
    entries
}

impl<'a> Entry<'a> {
    fn name(&self) -> &'a str {
        match self {
            Entry::Object(object) => &object.key,
            Entry::Prefix(prefix) => prefix,
        }
    }

    fn print(&self, output: Output, size: Size) -> Result<(), Failure> {
        match self {
            Entry::Object(object) if output.is_json => {
                let mut line = json!({
                    "key": object.key,
                    "stored_size": object.stored_size,
                    "last_modified": object.last_modified,
                    "etag": object.etag,
                    "storage_class": object.storage_class,
                });
                match size {
                    Size::Stored => {}
                    Size::Plain(bytes) => line["size"] = json!(bytes),
                    Size::Unencrypted(bytes) => {
                        line["size"] = json!(bytes);
                        line["encrypted"] = json!(false);
                    }
                    Size::Unknown => line["size"] = json!(null),
                }
                Output::json(&line)
            }
            Entry::Prefix(prefix) if output.is_json => Output::json(&json!({ "prefix": prefix })),
            Entry::Object(object) => Output::line(format_args!(
                "{:>15}  {:24}  {}",
                size.shown(object.stored_size),
                printable(&object.last_modified),
                printable(&object.key)
            )),
            Entry::Prefix(prefix) => {
                Output::line(format_args!("{:>15}  {:24}  {}", "", "", printable(prefix)))
            }
        }
    }
}

impl Size {
    fn shown(self, stored: u64) -> String {
        match self {
            Size::Stored => stored.to_string(),
            Size::Plain(bytes) => bytes.to_string(),
            Size::Unencrypted(bytes) => format!("{bytes} plain"),
            Size::Unknown => "?".to_owned(),
        }
    }
}
