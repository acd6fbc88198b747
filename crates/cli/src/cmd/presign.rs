//! `presign`: a URL that gives access to an object's ciphertext.

use osseal::PresignOptions;
use serde_json::json;

use crate::args::Presign;
use crate::client::session::{BucketUse, Context};
use crate::target::ObjectUrl;
use crate::ui::error::Failure;
use crate::ui::output::Output;

pub(super) async fn run(context: &Context, args: Presign) -> Result<(), Failure> {
    let url = ObjectUrl::parse_os(&args.object)?.with_key()?;
    if context.local()?.is_some() {
        return Err(Failure::usage("the store of --local is in this process, and no URL leads to it")
            .hint("serve it: osseal serve --dir DIR"));
    }
    let bucket = context.session()?.bucket(&url.bucket, BucketUse::Metadata)?;
    let options = PresignOptions { lifetime: args.expires_duration, version_id: args.version_id };
    let signed = bucket.presign(&url.key, &options).await?;
    let output = context.output();
    if output.is_json {
        return Output::json(&json!({
            "source": url.to_string(),
            "url": signed.url,
            "expires": signed.expires.to_string(),
        }));
    }
    Output::line(format_args!("{}", signed.url))?;
    output.note(format_args!(
        "whoever has this URL gets {url} until {}, as it is stored: an encrypted object as ciphertext, which takes the key to read (osseal cat URL)",
        signed.expires
    ));
    Ok(())
}
