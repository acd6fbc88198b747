//! `set-meta`: other headers for an object, by a copy onto itself; content and envelope stay.

use osseal::{CopyOptions, HeaderChange};
use serde_json::json;

use crate::args::SetMeta;
use crate::client::session::{BucketUse, Context};
use crate::target::ObjectUrl;
use crate::ui::error::Failure;

pub(super) async fn run(context: &Context, args: SetMeta) -> Result<(), Failure> {
    let url = ObjectUrl::parse_os(&args.object)?.with_key()?;
    if !args.headers.tags.is_empty() {
        return Err(Failure::usage("tags are given when an object is stored").hint("leave --tag out"));
    }
    if !args.headers.is_given() && args.remove.is_empty() && !args.replace {
        return Err(Failure::usage("nothing to set and nothing to remove")
            .hint("say --meta NAME=VALUE, --content-type TYPE, --remove NAME or --replace"));
    }
    let set = args.headers.object();
    let headers = if args.replace {
        HeaderChange::Replace(set)
    } else {
        HeaderChange::Edit { set, remove: args.remove }
    };
    let bucket = context.session()?.bucket(&url.bucket, BucketUse::Metadata)?;
    let options = CopyOptions { headers, ..args.headers.copy() };
    let info = bucket.copy(url.key.as_str(), &url.key, options).await?;
    let report = json!({ "changed": { "bucket": url.bucket, "key": url.key }, "etag": info.etag, "version_id": info.version_id });
    context.output().report(&report, format_args!("changed the headers of {url}"))
}
