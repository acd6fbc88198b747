//! `ls`: buckets, or objects of a bucket.

use osseal::{ListOptions, ListedObject, Page};
use serde_json::json;

use crate::args::List;
use crate::exit::Failure;
use crate::output::{Output, printable};
use crate::session::{Context, Session};
use crate::target::ObjectUrl;

pub(crate) async fn run(context: &Context, args: List) -> Result<(), Failure> {
    let url = args.place.as_deref().map(ObjectUrl::parse_os).transpose()?;
    let session = context.session()?;
    match url {
        None => buckets(&session, context.output()).await,
        Some(url) => objects(&session, context.output(), &url, args.recursive).await,
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

async fn objects(
    session: &Session,
    output: Output,
    url: &ObjectUrl,
    is_recursive: bool,
) -> Result<(), Failure> {
    let bucket = session.closed_bucket(&url.bucket)?;
    let delimiter = if is_recursive { "" } else { "/" };
    let mut options =
        ListOptions { prefix: url.key.clone(), delimiter: delimiter.to_owned(), ..ListOptions::default() };
    let mut has_head = output.is_json;
    loop {
        let page = bucket.list(&options).await?;
        for entry in in_order(&page) {
            if !std::mem::replace(&mut has_head, true) {
                Output::line(format_args!("{:>15}  {:24}  key", "stored bytes", "last modified"))?;
            }
            entry.print(output)?;
        }
        match page.next {
            Some(next) => options.continuation = Some(next),
            None => return Ok(()),
        }
    }
}

/// A line of a listing.
enum Entry<'a> {
    Object(&'a ListedObject),
    Prefix(&'a str),
}

/// Objects and groups of one page, in the order of their names.
fn in_order(page: &Page) -> Vec<Entry<'_>> {
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

    fn print(&self, output: Output) -> Result<(), Failure> {
        match self {
            Entry::Object(object) if output.is_json => Output::json(&json!({
                "key": object.key,
                "stored_size": object.stored_size,
                "last_modified": object.last_modified,
                "etag": object.etag,
            })),
            Entry::Prefix(prefix) if output.is_json => Output::json(&json!({ "prefix": prefix })),
            Entry::Object(object) => Output::line(format_args!(
                "{:>15}  {:24}  {}",
                object.stored_size,
                printable(&object.last_modified),
                printable(&object.key)
            )),
            Entry::Prefix(prefix) => {
                Output::line(format_args!("{:>15}  {:24}  {}", "", "", printable(prefix)))
            }
        }
    }
}
