//! `rm`: objects, or everything below prefixes.

use futures_util::stream::{self, StreamExt};
use osseal::{DeleteOutcome, DeleteReport, EncryptedBucket};
use serde_json::json;

use crate::args::Remove;
use crate::client::session::{BucketUse, Context};
use crate::target::ObjectUrl;
use crate::transfer::batch::{Done, Tally};
use crate::transfer::filter::Filter;
use crate::transfer::listing;
use crate::ui::confirm;
use crate::ui::error::Failure;
use crate::ui::output::Output;

/// Objects that one request removes.
const REQUEST: usize = 1000;

pub(super) async fn run(context: &Context, args: Remove) -> Result<(), Failure> {
    // All are read before the first is deleted.
    let urls = args.objects.iter().map(|object| {
        let url = ObjectUrl::parse_os(object)?;
        if args.recursive { Ok(url) } else { url.with_key() }
    });
    let urls = urls.collect::<Result<Vec<_>, _>>()?;
    if args.recursive {
        return below(context, &args, &urls).await;
    }
    if args.version_id.is_some() && urls.len() > 1 {
        return Err(Failure::usage("--version-id is of one object"));
    }
    let session = context.session()?;
    for url in urls {
        let bucket = session.bucket(&url.bucket, BucketUse::Metadata)?;
        let report = match &args.version_id {
            Some(version) => bucket.delete_version(&url.key, version).await?,
            None => bucket.delete(&url.key).await?,
        };
        deleted(context.output(), &url, &report)?;
    }
    Ok(())
}

async fn below(context: &Context, args: &Remove, urls: &[ObjectUrl]) -> Result<(), Failure> {
    let (selection, output) = (Filter::new(&args.many.include, &args.many.exclude)?, context.output());
    let session = context.session()?;
    for url in urls {
        let bucket = session.bucket(&url.bucket, BucketUse::Metadata)?;
        let objects = listing::everything(&bucket, &url.key).await?;
        let keys: Vec<_> = objects
            .into_iter()
            .map(|object| object.key)
            .filter(|key| selection.takes(key.strip_prefix(&url.key).unwrap_or(key)))
            .collect();
        if !args.force && !keys.is_empty() {
            confirm::deletion(&format!("{} objects below {url}", keys.len()))?;
        }
        let mut tally = Tally::default();
        let count = |outcome: Result<(), Failure>| tally.count(outcome.map(|()| Done::Moved(0)));
        delete(&bucket, url, keys, context.jobs(args.many.jobs)?, output, count).await;
        tally.finish(output, "deleted")?;
    }
    Ok(())
}

/// Deletes objects of a bucket, many with one request, `jobs` requests at a time, and reports each result.
pub(super) async fn delete(
    bucket: &EncryptedBucket,
    place: &ObjectUrl,
    keys: Vec<String>,
    jobs: u16,
    output: Output,
    mut count: impl FnMut(Result<(), Failure>),
) {
    let batches: Vec<Vec<String>> = keys.chunks(REQUEST).map(<[String]>::to_vec).collect();
    let requests = stream::iter(batches).map(|keys| bucket.delete_many(keys));
    let mut outcomes = std::pin::pin!(requests.buffer_unordered(usize::from(jobs)));
    while let Some(outcomes) = outcomes.next().await {
        for DeleteOutcome { item, result } in outcomes {
            let gone = ObjectUrl { key: item.key, ..place.clone() };
            count(result.map_err(Failure::from).and_then(|report| deleted(output, &gone, &report)));
        }
    }
}

/// Reports a removal.
fn deleted(output: Output, url: &ObjectUrl, report: &DeleteReport) -> Result<(), Failure> {
    let mut line = json!({ "deleted": { "bucket": url.bucket, "key": url.key } });
    let Some(version) = &report.version_id else {
        return output.report(&line, format_args!("deleted {url}"));
    };
    line["deleted"]["version_id"] = json!(version);
    line["deleted"]["delete_marker"] = json!(report.is_marker);
    let what = if report.is_marker { "delete marker" } else { "version" };
    output.report(&line, format_args!("deleted {url} ({what} {version})"))
}
