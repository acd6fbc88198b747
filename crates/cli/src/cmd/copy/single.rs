//! One file, one object.

use std::fs::File;
use std::path::Path;

use osseal::{CopyOptions, CopySource, EncryptedBucket, PutBody, PutOptions, PutReport};
use serde_json::json;

use super::options::{protection, reading, stored, tuning};
use crate::args::Copy;
use crate::client::session::{BucketUse, Context};
use crate::fs::dirs;
use crate::target::{Location, ObjectUrl, SignedUrl};
use crate::transfer::atomic_file::{AtomicFile, Written};
use crate::transfer::mtime;
use crate::transfer::source::Source;
use crate::ui::error::Failure;
use crate::ui::progress::Bar;
use crate::ui::text::size;

pub(super) async fn up(
    context: &Context,
    args: &Copy,
    source: Location,
    target: ObjectUrl,
) -> Result<(), Failure> {
    let (source, target) = match source {
        Location::File(path) => {
            let target = named_after(target, &path)?;
            (Some((open(&path)?, path)), target)
        }
        _ if target.is_folder() => {
            return Err(Failure::usage(format!("what comes from standard input needs a name in {target}"))
                .hint("write the key out: oss://bucket/key"));
        }
        _ => (None, target),
    };
    let bucket = context
        .session()?
        .bucket(&target.bucket, BucketUse::Write(&args.transfer.sealing, tuning(context, args)?))?;
    if let (true, Some((_, path))) = (args.update, &source)
        && mtime::file(path)? <= mtime::object(&bucket, &target.key).await?
    {
        return left(context, &target);
    }
    let (body, total) = match source {
        Some((opened, path)) => {
            let length = opened.1;
            (file_body(context, &bucket, &target.key, opened, &path, !args.transfer.no_resume), Some(length))
        }
        None => (standard_input(), None),
    };
    let bar = Bar::new(context.output(), !args.transfer.no_progress, total);
    let report = store(&bucket, &target.key, body, args, &bar).await?;
    drop(bar);
    let words = format!(
        "stored {target}: {}, {}, key {}, {}",
        size(report.plain_size),
        protection(report.suite),
        report.key_name,
        if report.parts == 1 { "1 request".to_owned() } else { format!("{} parts", report.parts) }
    );
    context.output().report(&stored(&target, &report), format_args!("{words}"))
}

/// Standard input. Sealed bytes are spooled to disk, so that the input may have any size and failed requests are retried.
fn standard_input() -> PutBody {
    let body = PutBody::unknown_length(tokio::io::stdin());
    match dirs::spool() {
        Some(folder) => body.spooled_in(folder),
        None => body,
    }
}

/// An open file as a body. A large file resumes an interrupted upload unless `may_resume` is false.
pub(in crate::cmd) fn file_body(
    context: &Context,
    bucket: &EncryptedBucket,
    key: &str,
    (file, length): (File, u64),
    path: &Path,
    may_resume: bool,
) -> PutBody {
    let body = PutBody::file(file, length);
    if !may_resume || !bucket.is_worth_resuming(length) {
        return body;
    }
    let Some(state) = context.state() else { return body };
    // A path that leads nowhere any more is the put's to tell.
    if let Ok(record) = bucket.upload_record(state, key, path) {
        context.register_resumable(&record);
    }
    body.resumable(state, path)
}

pub(super) async fn store(
    bucket: &EncryptedBucket,
    key: &str,
    body: PutBody,
    args: &Copy,
    bar: &Bar,
) -> Result<PutReport, Failure> {
    let options = PutOptions {
        forbid_overwrite: args.forbid_overwrite,
        progress: Some(bar.callback()),
        ..args.transfer.headers.put()
    };
    Ok(bucket.put(key, body, options).await?)
}

pub(super) async fn down(
    context: &Context,
    args: &Copy,
    source: &ObjectUrl,
    target: &Path,
) -> Result<(), Failure> {
    // The target is refused before the store is asked.
    let file = AtomicFile::create(target, || source.file_name(), !args.forbid_overwrite)?;
    let bucket = context
        .session()?
        .bucket(&source.bucket, BucketUse::Read(&args.transfer.opening, tuning(context, args)?))?;
    if args.update && mtime::object(&bucket, &source.key).await? <= mtime::file(file.target())? {
        return left(context, source);
    }
    let from = Source::Object { bucket, key: source.key.clone() };
    write(context, args, &from, &source.to_string(), file).await
}

/// Downloads from a presigned URL into a file.
pub(super) async fn down_from_url(
    context: &Context,
    args: &Copy,
    url: SignedUrl,
    target: &Path,
) -> Result<(), Failure> {
    let nameless = || Err(Failure::usage("a file made of a URL needs a name").hint("name the target file"));
    let file = AtomicFile::create(target, nameless, !args.forbid_overwrite)?;
    let shown = url.to_string();
    write(context, args, &Source::url(context, url, &args.transfer.opening)?, &shown, file).await
}

async fn write(
    context: &Context,
    args: &Copy,
    source: &Source,
    shown: &str,
    file: AtomicFile,
) -> Result<(), Failure> {
    let bar = Bar::new(context.output(), !args.transfer.no_progress, Some(0));
    let (target, written) =
        fetch(context, !args.transfer.no_resume, source.download(reading(args)).await?, file, &bar).await?;
    drop(bar);
    let report = json!({ "source": shown, "target": target.to_string_lossy(), "size": written });
    context.output().report(&report, format_args!("wrote {}: {}", target.display(), size(written)))
}

/// Writes an object into a file, which gets its name at the end. Gives where it lies, and its bytes.
pub(in crate::cmd) async fn fetch(
    context: &Context,
    may_resume: bool,
    object: osseal::Download,
    file: AtomicFile,
    bar: &Bar,
) -> Result<Written, Failure> {
    bar.expect(object.range().end - object.range().start);
    let object = object.progress(bar.callback());
    let state = if may_resume && object.is_worth_resuming() { context.state() } else { None };
    let Some(state) = state else { return file.fetch(object).await };
    match file.fetch_resumable(object, state, |path| context.register_resumable(path)).await? {
        Ok(written) => Ok(written),
        Err((file, object)) => {
            let words =
                "another process downloads this to the same place; this one starts from the beginning";
            context.output().note(format_args!("{words}"));
            file.fetch(object).await
        }
    }
}

/// A copy by the service: nothing is opened, the envelope goes along.
pub(super) async fn across(
    context: &Context,
    args: &Copy,
    source: ObjectUrl,
    mut target: ObjectUrl,
) -> Result<(), Failure> {
    if target.is_folder() {
        target.key.push_str(source.file_name()?);
    }
    let session = context.session()?;
    let bucket = session.bucket(&target.bucket, BucketUse::CopyTarget(&args.transfer.opening))?;
    if args.update {
        let from = session.bucket(&source.bucket, BucketUse::Metadata)?;
        if mtime::object(&from, &source.key).await? <= mtime::object(&bucket, &target.key).await? {
            return left(context, &target);
        }
    }
    copy(&bucket, &source, &target.key, args).await?;
    let report = json!({ "source": source.to_string(), "target": target.to_string() });
    context.output().report(&report, format_args!("copied {source} to {target}"))
}

/// Has the service copy; gives the plaintext bytes.
pub(super) async fn copy(
    bucket: &EncryptedBucket,
    source: &ObjectUrl,
    key: &str,
    args: &Copy,
) -> Result<u64, Failure> {
    let source = CopySource {
        bucket: Some(source.bucket.clone()),
        key: source.key.clone(),
        version_id: args.version_id.clone(),
    };
    let options = CopyOptions {
        forbid_overwrite: args.forbid_overwrite,
        allow_moved: args.transfer.opening.allow_moved,
        ..args.transfer.headers.copy()
    };
    Ok(bucket.copy(source, key, options).await?.plain_size)
}

fn left(context: &Context, target: &ObjectUrl) -> Result<(), Failure> {
    let report = json!({ "target": target.to_string(), "skipped": true });
    context.output().report(&report, format_args!("left {target}: it is as recent as the source"))
}

/// Opens a source once: its size then is the size that is declared.
pub(in crate::cmd) fn open(path: &Path) -> Result<(File, u64), Failure> {
    let shown = path.display();
    let failed = |error| Failure::local(format!("cannot read {shown}"), error);
    // Asked before opening, because opening a pipe would wait for a writer.
    let kind = std::fs::metadata(path).map_err(failed)?;
    if kind.is_dir() {
        return Err(Failure::usage(format!("{shown} is a directory")).hint("-r copies everything in it"));
    }
    if !kind.is_file() {
        return Err(Failure::usage(format!("{shown} is not a regular file"))
            .hint(format!("pipe it in: osseal cp - oss://bucket/key < {shown}")));
    }
    let file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    Ok((file, length))
}

/// A target that stands for a folder takes the source's name.
fn named_after(mut target: ObjectUrl, source: &Path) -> Result<ObjectUrl, Failure> {
    if target.is_folder() {
        let name = source.file_name().and_then(|name| name.to_str()).ok_or_else(|| {
            Failure::usage(format!("{} has no name that could be a key", source.display()))
                .hint("write the key out: oss://bucket/key")
        })?;
        target.key.push_str(name);
    }
    Ok(target)
}
