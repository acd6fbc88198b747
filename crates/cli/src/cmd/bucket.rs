//! `mb`, `rb`.

use std::ffi::OsStr;

use serde_json::json;

use crate::client::session::Context;
use crate::target::ObjectUrl;
use crate::ui::error::Failure;

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
