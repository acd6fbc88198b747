//! `rm`: objects, or everything below prefixes.

use std::io::{BufRead, IsTerminal, Write};

use serde_json::json;

use crate::args::Remove;
use crate::batch::{self, Done};
use crate::exit::{Exit, Failure};
use crate::listing;
use crate::output::printable;
use crate::select::Selection;
use crate::session::Context;
use crate::target::ObjectUrl;

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
        match &args.version_id {
            Some(version) => bucket.delete_version(&url.key, version).await?,
            None => bucket.delete(&url.key).await?,
        }
        let report = json!({ "deleted": { "bucket": url.bucket, "key": url.key } });
        context.output().report(&report, format_args!("deleted {url}"))?;
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
        let bucket = &bucket;
        let tally =
            batch::run(args.many.jobs, batch::known(keys.into_iter().map(Ok).collect()), |key| async move {
                bucket.delete(&key).await?;
                let report = json!({ "deleted": { "bucket": url.bucket, "key": key } });
                let gone = ObjectUrl { key, ..url.clone() };
                output.report(&report, format_args!("deleted {gone}"))?;
                Ok(Done::Moved(0))
            });
        tally.await.finish(output, "deleted")?;
    }
    Ok(())
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
