//! `rm`: objects, or everything below prefixes.

use std::io::{BufRead, IsTerminal, Write};

use futures_util::stream::{self, StreamExt};
use osseal::{DeleteOutcome, DeleteReport};
use serde_json::json;

use crate::args::Remove;
use crate::batch::{Done, Tally};
use crate::exit::{Exit, Failure};
use crate::listing;
use crate::output::{Output, printable};
use crate::select::Selection;
use crate::session::Context;
use crate::target::ObjectUrl;

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
        let bucket = session.closed_bucket(&url.bucket)?;
        let report = match &args.version_id {
            Some(version) => bucket.delete_version(&url.key, version).await?,
            None => bucket.delete(&url.key).await?,
        };
        deleted(context.output(), &url, &report)?;
    }
    Ok(())
}

async fn below(context: &Context, args: &Remove, urls: &[ObjectUrl]) -> Result<(), Failure> {
    let (selection, output) = (Selection::new(&args.many)?, context.output());
    let session = context.session()?;
    for url in urls {
        let bucket = session.closed_bucket(&url.bucket)?;
        let objects = listing::everything(&bucket, &url.key).await?;
        let keys: Vec<_> = objects
            .into_iter()
            .map(|object| object.key)
            .filter(|key| selection.takes(key.strip_prefix(&url.key).unwrap_or(key)))
            .collect();
        if !args.force && !keys.is_empty() {
            ask(url, keys.len())?;
        }
        let mut tally = Tally::default();
        let batches: Vec<Vec<String>> = keys.chunks(REQUEST).map(<[String]>::to_vec).collect();
        let requests = stream::iter(batches).map(|keys| bucket.delete_many(keys));
        let mut outcomes = std::pin::pin!(requests.buffer_unordered(usize::from(args.many.jobs)));
        while let Some(outcomes) = outcomes.next().await {
            for DeleteOutcome { item, result } in outcomes {
                let gone = ObjectUrl { key: item.key, ..url.clone() };
                let done = result.map_err(Failure::from);
                tally.count(done.and_then(|report| deleted(output, &gone, &report)).map(|()| Done::Moved(0)));
            }
        }
        tally.finish(output, "deleted")?;
    }
    Ok(())
}

/// Reports what a removal did.
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

/// Has somebody say yes, or refuses.
fn ask(url: &ObjectUrl, count: usize) -> Result<(), Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage(format!(
            "{count} objects below {url} would be deleted, and nobody can be asked"
        ))
        .hint("--force deletes without asking"));
    }
    let mut err = std::io::stderr().lock();
    let asked = write!(err, "delete {count} objects below {}? (y/N) ", printable(&url.to_string()));
    let mut answer = String::new();
    asked
        .and_then(|()| err.flush())
        .and_then(|()| std::io::stdin().lock().read_line(&mut answer))
        .map_err(|error| Failure::local("the answer cannot be read", error))?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(Failure::new(Exit::Local, "nothing was deleted"))
}
