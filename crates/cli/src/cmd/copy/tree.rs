//! `cp -r`: everything below a folder or a prefix.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use futures_util::TryStreamExt;
use jiff::Timestamp;
use osseal::{EncryptedBucket, ListedObject};
use serde_json::json;

use super::options::{reading, stored, tuning};
use super::single;
use crate::args::Copy;
use crate::client::session::{BucketUse, Context};
use crate::target::ObjectUrl;
use crate::transfer::atomic_file::AtomicFile;
use crate::transfer::batch::{self, Done};
use crate::transfer::filter::Filter;
use crate::transfer::listing;
use crate::transfer::mtime;
use crate::transfer::safe_path::{self, Claims};
use crate::transfer::walk::{self, LocalFile};
use crate::ui::error::{Exit, Failure};
use crate::ui::progress::Bar;
use crate::ui::text::size;

pub(super) async fn up(
    context: &Context,
    args: &Copy,
    source: &Path,
    target: ObjectUrl,
) -> Result<(), Failure> {
    let (selection, target, output) =
        (Filter::new(&args.many.include, &args.many.exclude)?, target.into_folder(), context.output());
    let files = walk(source, selection)?;
    let bucket = context
        .session()?
        .bucket(&target.bucket, BucketUse::Write(&args.transfer.sealing, tuning(context, args)?))?;
    let existing = if args.update { mtime::objects(&bucket, &target.key).await? } else { BTreeMap::new() };
    let total =
        files.iter().flatten().filter_map(|file| file.path.metadata().ok()).map(|found| found.len()).sum();
    let bar = Bar::new(output, !args.transfer.no_progress, Some(total));
    let (bucket, existing, target, bar_of) = (&bucket, &existing, &target, &bar);
    let may_resume = !args.transfer.no_resume;
    let tally = batch::run(context.jobs(args.many.jobs)?, batch::known(files), |file| async move {
        let to = target.join(&file.name);
        let here = if args.update { mtime::file(&file.path)? } else { None };
        if args.update && here <= existing.get(&to.key).copied() {
            return Ok(Done::Skipped);
        }
        let shown = file.path.display().to_string();
        let (opened, length) = single::open(&file.path)?;
        let body = single::file_body(context, bucket, &to.key, (opened, length), &file.path, may_resume);
        let bar = bar_of.file(&file.name, length);
        let report = single::store(bucket, &to.key, body, args, &bar).await;
        let report = report.map_err(|failure| failure.about(&shown))?;
        let words = format!("stored {to}: {}", size(report.plain_size));
        output.report(&stored(&to, &report), format_args!("{words}"))?;
        Ok(Done::Moved(report.plain_size))
    });
    let tally = tally.await;
    drop(bar);
    tally.finish(output, "stored")
}

pub(super) async fn down(
    context: &Context,
    args: &Copy,
    source: ObjectUrl,
    target: &Path,
) -> Result<(), Failure> {
    let (selection, output) = (Filter::new(&args.many.include, &args.many.exclude)?, context.output());
    if target.exists() && !target.is_dir() {
        return Err(Failure::new(Exit::Local, format!("{} is not a folder", target.display())));
    }
    let bucket = context
        .session()?
        .bucket(&source.bucket, BucketUse::Read(&args.transfer.opening, tuning(context, args)?))?;
    let mut claims = Claims::below(target);
    let objects = chosen(&bucket, &source, &selection).await?.into_iter();
    let objects: Vec<_> =
        objects.map(|item| item.and_then(|found| claims.claim(&found.1).map(|()| found))).collect();
    std::fs::create_dir_all(target)
        .map_err(|error| Failure::local(format!("cannot make the folder {}", target.display()), error))?;
    let total = objects.iter().flatten().map(|(object, _)| object.stored_size).sum();
    let bar = Bar::new(output, !args.transfer.no_progress, Some(total));
    let (bucket, source, bar_of) = (&bucket, &source, &bar);
    let tally =
        batch::run(context.jobs(args.many.jobs)?, batch::known(objects), |(object, name)| async move {
            let from = ObjectUrl { key: object.key.clone(), ..source.clone() };
            let written = fetch(context, bucket, args, target, &object, &name, bar_of).await;
            let Some((path, bytes)) = written.map_err(|failure| failure.about(&from.to_string()))? else {
                return Ok(Done::Skipped);
            };
            let report =
                json!({ "source": from.to_string(), "target": path.to_string_lossy(), "size": bytes });
            output.report(&report, format_args!("wrote {}: {}", path.display(), size(bytes)))?;
            Ok(Done::Moved(bytes))
        });
    let tally = tally.await;
    drop(bar);
    tally.finish(output, "wrote")
}

/// One object of many into its file; none if that is recent enough.
async fn fetch(
    context: &Context,
    bucket: &EncryptedBucket,
    args: &Copy,
    root: &Path,
    listed: &ListedObject,
    name: &str,
    bar: &Bar,
) -> Result<Option<(PathBuf, u64)>, Failure> {
    let path = safe_path::make_folders(root, &safe_path::relative(name)?)?;
    if args.update && Some(mtime::listed(listed)?) <= mtime::file(&path)? {
        return Ok(None);
    }
    let file = AtomicFile::create_file(&path, !args.forbid_overwrite)?;
    let object = bucket.download(&listed.key, reading(args)).await?;
    let bar = bar.file(name, listed.stored_size);
    single::fetch(context, !args.transfer.no_resume, object, file, &bar).await.map(Some)
}

pub(super) async fn across(
    context: &Context,
    args: &Copy,
    source: ObjectUrl,
    target: ObjectUrl,
) -> Result<(), Failure> {
    let (selection, target, output) =
        (Filter::new(&args.many.include, &args.many.exclude)?, target.into_folder(), context.output());
    if source.bucket == target.bucket && target.key.starts_with(&source.key) && target.key != source.key {
        return Err(Failure::usage(format!("{target} is below {source}; the copies would be copied again")));
    }
    let session = context.session()?;
    let (from, to) = (
        session.bucket(&source.bucket, BucketUse::Metadata)?,
        session.bucket(&target.bucket, BucketUse::CopyTarget(&args.transfer.opening))?,
    );
    let objects = chosen(&from, &source, &selection).await?;
    let existing: BTreeMap<String, Timestamp> =
        if args.update { mtime::objects(&to, &target.key).await? } else { BTreeMap::new() };
    let (to, existing, source, target) = (&to, &existing, &source, &target);
    let tally =
        batch::run(context.jobs(args.many.jobs)?, batch::known(objects), |(object, name)| async move {
            let (from, goal) = (ObjectUrl { key: object.key.clone(), ..source.clone() }, target.join(&name));
            if args.update && Some(mtime::listed(&object)?) <= existing.get(&goal.key).copied() {
                return Ok(Done::Skipped);
            }
            let bytes = single::copy(to, &from, &goal.key, args).await?;
            let report = json!({ "source": from.to_string(), "target": goal.to_string() });
            output.report(&report, format_args!("copied {from} to {goal}"))?;
            Ok(Done::Moved(bytes))
        });
    tally.await.finish(output, "copied")
}

/// The objects below a prefix that are wanted, with their names relative to it.
async fn chosen(
    bucket: &EncryptedBucket,
    source: &ObjectUrl,
    selection: &Filter,
) -> Result<Vec<Result<(ListedObject, String), Failure>>, Failure> {
    let prefix = source.clone().into_folder();
    let chosen: Vec<_> = listing::named(bucket, prefix.clone(), selection).try_collect().await?;
    if chosen.is_empty() {
        listing::expect_some(bucket, &prefix, source).await?;
    }
    Ok(chosen.into_iter().map(Ok).collect())
}

/// The regular files below a folder.
fn walk(source: &Path, selection: Filter) -> Result<Vec<Result<LocalFile, Failure>>, Failure> {
    walk::check(source).map_err(|failure| failure.hint("leave -r out to copy one file"))?;
    Ok(walk::below(source.to_owned(), selection).map(|item| item?.named()).collect())
}
