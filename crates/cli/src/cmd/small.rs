//! `rm`, `mb`, `rb`.

use std::ffi::{OsStr, OsString};

use serde_json::json;

use crate::exit::Failure;
use crate::session::Context;
use crate::target::ObjectUrl;

/// Deletes objects, one after the other, and stops at the first failure.
pub(super) async fn remove(context: &Context, objects: Vec<OsString>) -> Result<(), Failure> {
    // All are read before the first is deleted.
    let urls = objects.iter().map(|object| ObjectUrl::parse_os(object)?.with_key());
    let urls = urls.collect::<Result<Vec<_>, _>>()?;
    let session = context.session()?;
    for url in urls {
        session.closed_bucket(&url.bucket)?.delete(&url.key).await?;
        let report = json!({ "deleted": { "bucket": url.bucket, "key": url.key } });
        context.output().report(&report, format_args!("deleted {url}"))?;
    }
    Ok(())
}

pub(super) async fn make_bucket(context: &Context, bucket: &OsStr) -> Result<(), Failure> {
    let bucket = ObjectUrl::parse_os(bucket)?.bucket_alone()?;
    context.session()?.store().create_bucket(&bucket).await?;
    context.output().report(&json!({ "made": { "bucket": bucket } }), format_args!("made oss://{bucket}"))
}

pub(super) async fn remove_bucket(context: &Context, bucket: &OsStr) -> Result<(), Failure> {
    let bucket = ObjectUrl::parse_os(bucket)?.bucket_alone()?;
    context.session()?.store().delete_bucket(&bucket).await?;
    context
        .output()
        .report(&json!({ "removed": { "bucket": bucket } }), format_args!("removed oss://{bucket}"))
}
