//! `uploads list`.

use futures_util::stream::{self, StreamExt};
use osseal::{EncryptedBucket, LocalUploadRecord, ResumeStatus, UnfinishedUpload, UploadedParts};
use serde_json::json;

use super::word;
use crate::args::ListUploads;
use crate::client::session::{BucketUse, Context};
use crate::fs::dirs;
use crate::target::ObjectUrl;
use crate::ui::error::Failure;
use crate::ui::output::Output;
use crate::ui::text::printable;

pub(super) async fn run(context: &Context, args: &ListUploads) -> Result<(), Failure> {
    let url = args.place.as_deref().map(ObjectUrl::parse_os).transpose()?;
    let output = context.output();
    match url {
        None => kept(output),
        Some(url) => below(context, args, &url).await,
    }
}

/// Lists local checkpoints of all stores.
fn kept(output: Output) -> Result<(), Failure> {
    let Some(state) = dirs::existing_state()? else { return Ok(()) };
    let uploads = state
        .uploads()
        .map_err(|error| Failure::local("what this machine keeps of transfers cannot be read", error))?;
    let mut table = Table::new(output);
    for kept in uploads {
        table.line(&Line {
            bucket: &kept.bucket,
            key: &kept.key,
            upload_id: kept.upload_id.as_deref(),
            initiated: None,
            sent: Some(kept.sent),
            status: kept.status,
            kept: Some(&kept),
        })?;
    }
    Ok(())
}

/// Lists the uploads of the store with their local checkpoints.
async fn below(context: &Context, args: &ListUploads, url: &ObjectUrl) -> Result<(), Failure> {
    // The store's list is worth something by itself.
    let state = dirs::existing_state().unwrap_or_else(|failure| {
        Output::warn(format_args!("which of them this machine can go on with is not known: {failure}"));
        None
    });
    let bucket = &context.session()?.bucket(&url.bucket, BucketUse::Metadata)?;
    let uploads = bucket.unfinished_uploads(state.as_ref(), &url.key).await?;
    let lines = uploads.iter().map(|upload| async move { (upload, sent(bucket, args, upload).await) });
    let lines = stream::iter(lines.collect::<Vec<_>>());
    let mut lines = std::pin::pin!(lines.buffered(usize::from(args.jobs)));
    let (mut table, mut failed) = (Table::new(context.output()), None);
    while let Some((upload, sent)) = lines.next().await {
        let sent = sent.unwrap_or_else(|failure| {
            failure.print();
            failed.get_or_insert(failure);
            None
        });
        table.line(&Line {
            bucket: &url.bucket,
            key: &upload.key,
            upload_id: upload.upload_id.as_deref(),
            initiated: upload.initiated.as_deref(),
            sent,
            status: upload.status,
            kept: upload.kept.as_ref(),
        })?;
    }
    failed.map_or(Ok(()), Err)
}

/// Stored parts of an upload: from the checkpoint, or from ListParts with `--parts`.
async fn sent(
    bucket: &EncryptedBucket,
    args: &ListUploads,
    upload: &UnfinishedUpload,
) -> Result<Option<UploadedParts>, Failure> {
    if let (true, Some(id), Some(_)) = (args.parts, &upload.upload_id, &upload.initiated) {
        return Ok(Some(bucket.uploaded_parts(&upload.key, id).await?));
    }
    Ok(upload.kept.as_ref().map(|kept| kept.sent))
}

struct Line<'a> {
    bucket: &'a str,
    key: &'a str,
    upload_id: Option<&'a str>,
    initiated: Option<&'a str>,
    sent: Option<UploadedParts>,
    status: ResumeStatus,
    kept: Option<&'a LocalUploadRecord>,
}

/// Lines below their heads.
struct Table {
    output: Output,
    has_head: bool,
}

impl Table {
    fn new(output: Output) -> Table {
        Table { output, has_head: output.is_json }
    }

    fn line(&mut self, line: &Line<'_>) -> Result<(), Failure> {
        let Line { bucket, key, upload_id, initiated, sent, status, kept } = line;
        if self.output.is_json {
            return Output::json(&json!({
                "bucket": bucket,
                "key": key,
                "upload_id": upload_id,
                "initiated": initiated,
                "parts": sent.map(|sent| sent.parts),
                "stored_bytes": sent.map(|sent| sent.stored_bytes),
                "all_parts": kept.map(|kept| kept.parts),
                "stored_size": kept.map(|kept| kept.stored_size),
                "here": word(*status),
                "source": kept.map(|kept| kept.source.to_string_lossy()),
                "recorded": kept.map(|kept| kept.recorded.to_string()),
                "endpoint": kept.map(|kept| &kept.endpoint),
            }));
        }
        if !std::mem::replace(&mut self.has_head, true) {
            Output::line(format_args!(
                "{:24}  {:>11}  {:>15}  {:11}  {:32}  object",
                "begun", "parts", "stored bytes", "here", "upload"
            ))?;
        }
        let parts = match (sent, kept) {
            (Some(sent), Some(kept)) => format!("{}/{}", sent.parts, kept.parts),
            (Some(sent), None) => sent.parts.to_string(),
            (None, _) => String::new(),
        };
        let bytes = sent.map(|sent| sent.stored_bytes.to_string()).unwrap_or_default();
        let target = ObjectUrl { bucket: (*bucket).to_owned(), key: (*key).to_owned() };
        let source = kept.map(|kept| format!(" from {}", kept.source.display())).unwrap_or_default();
        Output::line(format_args!(
            "{:24}  {parts:>11}  {bytes:>15}  {:11}  {:32}  {target}{}",
            printable(initiated.unwrap_or_default()),
            word(*status).unwrap_or_default(),
            printable(upload_id.unwrap_or_default()),
            printable(&source)
        ))
    }
}
