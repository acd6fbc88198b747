//! `uploads abort`.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use osseal::{EncryptedBucket, ResumeStatus, StateDir, UnfinishedUpload};
use serde_json::json;

use crate::args::AbortUploads;
use crate::client::session::{BucketUse, Context};
use crate::fs::dirs;
use crate::target::ObjectUrl;
use crate::transfer::batch::{self, Done};
use crate::ui::confirm;
use crate::ui::error::{Exit, Failure};
use crate::ui::output::Output;
use crate::ui::text::printable;

pub(super) async fn run(context: &Context, args: &AbortUploads) -> Result<(), Failure> {
    let url = ObjectUrl::parse_os(&args.place)?;
    let url = if args.all { url } else { url.with_key()? };
    if args.force && !args.all {
        return Err(Failure::usage("--force is for --all, which alone asks"));
    }
    let output = context.output();
    let state = state(args)?;
    let bucket = context.session()?.bucket(&url.bucket, BucketUse::Metadata)?;
    let found = bucket.unfinished_uploads(state.as_ref(), &url.key).await?;
    let uploads = chosen(args, &url, found)?;
    if args.all && !args.force && !args.dry_run && !uploads.is_empty() {
        confirm::deletion(&format!("{} unfinished uploads below {url}", uploads.len()))?;
    }
    let (bucket, url) = (&bucket, &url);
    let uploads = batch::known(uploads);
    let tally = batch::run(context.jobs(args.jobs)?, uploads, |upload| async move {
        let place = ObjectUrl { key: upload.key.clone(), ..url.clone() };
        if args.dry_run {
            return would_abort(args, output, &place, &upload);
        }
        if is_aborted(args, bucket, &upload).await? {
            return aborted(output, &place, &upload);
        }
        in_use(args, &place)
    });
    tally.await.finish(output, if args.dry_run { "would abort" } else { "aborted" })
}

/// Local checkpoints. If they cannot be read, every upload may be in use by a process of this machine.
fn state(args: &AbortUploads) -> Result<Option<StateDir>, Failure> {
    match dirs::existing_state() {
        Err(failure) if args.in_use => {
            Output::warn(format_args!("nothing that is kept here is forgotten: {failure}"));
            Ok(None)
        }
        Err(failure) => {
            Err(failure.hint("--in-use aborts uploads whatever processes of this machine are doing"))
        }
        known => known,
    }
}

/// The uploads that are meant, of those below a key.
fn chosen(
    args: &AbortUploads,
    url: &ObjectUrl,
    found: Vec<UnfinishedUpload>,
) -> Result<Vec<Result<UnfinishedUpload, Failure>>, Failure> {
    let mut uploads = found;
    if !args.all {
        uploads.retain(|upload| upload.key == url.key);
        let is_there = |id: &String| uploads.iter().any(|upload| upload.upload_id.as_ref() == Some(id));
        if let Some(id) = args.upload_id.iter().find(|id| !is_there(id)) {
            let text = format!("there is no unfinished upload {id:?} of {url}");
            return Err(Failure::new(Exit::NotFound, text).hint(LIST));
        }
        if uploads.is_empty() {
            return Err(
                Failure::new(Exit::NotFound, format!("there is no unfinished upload of {url}")).hint(LIST)
            );
        }
        let is_named = |upload: &UnfinishedUpload| {
            args.upload_id.is_empty()
                || upload.upload_id.as_ref().is_some_and(|id| args.upload_id.contains(id))
        };
        uploads.retain(is_named);
    }
    let Some(age) = args.older_than else { return Ok(uploads.into_iter().map(Ok).collect()) };
    let latest = before(age)?;
    let older = uploads.into_iter().filter_map(|upload| match begun(&upload) {
        Ok(begun) => (begun < latest).then_some(Ok(upload)),
        Err(failure) => Some(Err(failure)),
    });
    Ok(older.collect())
}

const LIST: &str = "`osseal uploads list` shows what there is";

/// So long ago.
fn before(age: Duration) -> Result<Timestamp, Failure> {
    let then = SystemTime::now().checked_sub(age).and_then(|then| Timestamp::try_from(then).ok());
    then.ok_or_else(|| Failure::usage("--older-than goes back further than there are times"))
}

/// Start time of an upload; if the store does not list it, the time of the last checkpoint.
fn begun(upload: &UnfinishedUpload) -> Result<Timestamp, Failure> {
    match (&upload.initiated, &upload.kept) {
        (Some(time), _) => time.parse().map_err(|error| {
            let text = format!("the store gives no time for an upload of {:?}", upload.key);
            Failure::new(Exit::Mismatch, text)
                .caused_by(&error)
                .hint("leave --older-than out, or name the upload")
        }),
        (None, Some(kept)) => Ok(kept.recorded),
        (None, None) => Ok(Timestamp::MAX),
    }
}

/// Whether an upload was aborted: one that is in use is not, unless it may be.
async fn is_aborted(
    args: &AbortUploads,
    bucket: &EncryptedBucket,
    upload: &UnfinishedUpload,
) -> Result<bool, Failure> {
    if bucket.abort_unfinished(upload).await? {
        return Ok(true);
    }
    match &upload.upload_id {
        Some(id) if args.in_use => {
            bucket.abort_upload(&upload.key, id).await?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// The result for an upload in use by a process of this machine.
fn in_use(args: &AbortUploads, place: &ObjectUrl) -> Result<Done, Failure> {
    let text = format!("{place}: a process of this machine is at work on the upload");
    if args.all {
        Output::warn(format_args!("{text}; it is left as it is"));
        return Ok(Done::Skipped);
    }
    Err(Failure::new(Exit::Local, text).hint("wait for it, or let --in-use abort it all the same"))
}

fn aborted(output: Output, place: &ObjectUrl, upload: &UnfinishedUpload) -> Result<Done, Failure> {
    let id = upload.upload_id.as_deref();
    let report = json!({ "aborted": { "bucket": place.bucket, "key": place.key, "upload_id": id } });
    output.report(&report, format_args!("aborted {place}{}", shown(id)))?;
    Ok(Done::Moved(0))
}

/// A line of a dry run: data, also when quiet.
fn would_abort(
    args: &AbortUploads,
    output: Output,
    place: &ObjectUrl,
    upload: &UnfinishedUpload,
) -> Result<Done, Failure> {
    if upload.status == ResumeStatus::InUse && !args.in_use {
        return in_use(args, place);
    }
    let id = upload.upload_id.as_deref();
    if output.is_json {
        Output::json(&json!({ "would": "abort", "target": place.to_string(), "upload_id": id }))?;
    } else {
        Output::line(format_args!("would abort {place}{}", shown(id)))?;
    }
    Ok(Done::Moved(0))
}

/// The identifier behind an address.
fn shown(upload_id: Option<&str>) -> String {
    upload_id.map(|id| format!(" (upload {})", printable(id))).unwrap_or_default()
}
