//! `ls --all-versions`: versions and delete markers.

use osseal::{ListVersionsOptions, ListedVersion};
use serde_json::json;

use crate::args::List;
use crate::client::session::{BucketUse, Session};
use crate::target::ObjectUrl;
use crate::ui::error::Failure;
use crate::ui::output::Output;
use crate::ui::text::printable;

pub(super) async fn list(
    session: &Session,
    output: Output,
    args: &List,
    url: &ObjectUrl,
) -> Result<(), Failure> {
    let bucket = session.bucket(&url.bucket, BucketUse::Metadata)?;
    let delimiter = if args.recursive { "" } else { "/" };
    let mut options = ListVersionsOptions {
        prefix: url.key.clone(),
        delimiter: delimiter.to_owned(),
        ..ListVersionsOptions::default()
    };
    let mut has_head = output.is_json;
    loop {
        let page = bucket.list_versions(&options).await?;
        let mut prefixes = page.prefixes.iter().peekable();
        for version in &page.versions {
            while let Some(prefix) = prefixes.next_if(|prefix| **prefix < version.key) {
                head(&mut has_head)?;
                group(output, prefix)?;
            }
            head(&mut has_head)?;
            line(output, version)?;
        }
        for prefix in prefixes {
            head(&mut has_head)?;
            group(output, prefix)?;
        }
        match page.next {
            Some(next) => options.after = Some(next),
            None => return Ok(()),
        }
    }
}

/// Names the columns, once.
fn head(has_head: &mut bool) -> Result<(), Failure> {
    if std::mem::replace(has_head, true) {
        return Ok(());
    }
    Output::line(format_args!(
        "{:>15}  {:24}  {:6}  {:32}  key",
        "stored bytes", "last modified", "", "version"
    ))
}

fn line(output: Output, version: &ListedVersion) -> Result<(), Failure> {
    let stored = version.stored.as_ref();
    if output.is_json {
        let mut line = json!({
            "key": version.key,
            "version_id": version.version_id,
            "latest": version.is_latest,
            "delete_marker": stored.is_none(),
            "last_modified": version.last_modified,
        });
        if let Some(stored) = stored {
            line["stored_size"] = json!(stored.stored_size);
            line["etag"] = json!(stored.etag);
            line["storage_class"] = json!(stored.storage_class);
        }
        return Output::json(&line);
    }
    let size = stored.map_or_else(|| "deleted".to_owned(), |stored| stored.stored_size.to_string());
    Output::line(format_args!(
        "{size:>15}  {:24}  {:6}  {:32}  {}",
        printable(&version.last_modified),
        if version.is_latest { "latest" } else { "" },
        printable(&version.version_id),
        printable(&version.key)
    ))
}

fn group(output: Output, prefix: &str) -> Result<(), Failure> {
    if output.is_json {
        return Output::json(&json!({ "prefix": prefix }));
    }
    Output::line(format_args!("{:>15}  {:24}  {:6}  {:32}  {}", "", "", "", "", printable(prefix)))
}
