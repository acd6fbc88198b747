//! From a folder to a prefix.

use std::future::ready;
use std::path::Path;

use futures_util::StreamExt;
use osseal::{EncryptedBucket, ErrorKind, ListedObject, PutOptions, ResumableProgress, Suite};

use super::compare::{self, FileStamp};
use super::pairs::{Pair, pairs};
use super::{Extraneous, would_copy, would_delete};
use crate::args::Sync;
use crate::client::session::{BucketUse, Context};
use crate::cmd::copy::{single, stored};
use crate::cmd::remove;
use crate::target::ObjectUrl;
use crate::transfer::batch::{self, Done};
use crate::transfer::listing;
use crate::transfer::mtime;
use crate::transfer::walk;
use crate::ui::error::{Exit, Failure};
use crate::ui::output::Output;
use crate::ui::progress::Bar;
use crate::ui::text::size;

/// How often a file is stored that is written while it is read.
const ATTEMPTS: u32 = 3;

/// State shared by all files.
struct Up<'a> {
    context: &'a Context,
    args: &'a Sync,
    bucket: EncryptedBucket,
    target: &'a ObjectUrl,
    suite: Suite,
    output: Output,
    bar: Bar,
}

pub(super) async fn run(
    context: &Context,
    args: &Sync,
    source: &Path,
    target: ObjectUrl,
) -> Result<(), Failure> {
    let (selection, output) = (args.selection()?, context.output());
    walk::check(source)?;
    let jobs = context.jobs(args.jobs)?;
    let session = context.session()?;
    let suite = session.written_suite(&target.bucket, &args.transfer.sealing)?;
    let bucket = session.bucket(
        &target.bucket,
        BucketUse::WriteAndCompare(&args.transfer.sealing, &args.transfer.opening, args.tuning()),
    )?;
    let bar = Bar::new(output, !args.transfer.no_progress && !args.dry_run, Some(0));
    let up = Up { context, args, bucket, target: &target, suite, output, bar };
    let extraneous = Extraneous::default();
    let files = walk::stream(source.to_owned(), selection.clone()).map(|item| item?.named());
    let objects = listing::named(&up.bucket, target.clone(), &selection);
    let in_source = pairs(files, objects).filter_map(|pair| {
        ready(match pair {
            Ok(Pair { name, file: None, .. }) => {
                if args.delete {
                    extraneous.add(name);
                }
                None
            }
            Ok(Pair { name, file: Some(file), object }) => Some(Ok((name, file, object))),
            Err(failure) => Some(Err(failure)),
        })
    });
    let tally = batch::run(jobs, in_source, |(name, file, object)| {
        let up = &up;
        async move { up.store(&name, &file.path, object).await }
    });
    let mut tally = tally.await.with_deletions();
    let Up { bucket, bar, .. } = up;
    drop(bar);
    let mut keys = Vec::new();
    for name in extraneous.agreed(args, &tally, &format!("objects below {target}"))? {
        match is_there(source, &name) {
            Ok(true) => {}
            Ok(false) if args.dry_run => {
                would_delete(output, &target.join(&name))?;
                tally.count(Ok(Done::Deleted));
            }
            Ok(false) => keys.push(target.join(&name).key),
            Err(failure) => tally.count(Err(failure)),
        }
    }
    let count = |outcome: Result<(), Failure>| tally.count(outcome.map(|()| Done::Deleted));
    remove::delete(&bucket, &target, keys, jobs, output, count).await;
    tally.finish(output, if args.dry_run { "would store" } else { "stored" })
}

impl Up<'_> {
    /// Stores a file, unless its object is like it.
    async fn store(&self, name: &str, path: &Path, object: Option<ListedObject>) -> Result<Done, Failure> {
        let (to, stamp) = (self.target.join(name), FileStamp::at(path)?);
        if let Some(object) = &object
            && self.is_same(path, stamp, object).await?
        {
            return Ok(Done::Skipped);
        }
        if self.args.dry_run {
            would_copy(self.output, "store", &path.display(), &to, stamp.size)?;
            return Ok(Done::Moved(stamp.size));
        }
        self.bar.grow(stamp.size);
        let bar = self.bar.file(name, stamp.size);
        let (told, may_resume) = (ResumableProgress::from(bar.callback()), !self.args.transfer.no_resume);
        let mut why = None;
        for _ in 0..ATTEMPTS {
            let (file, length) = single::open(path)?;
            let before = FileStamp::at_open(&file, path)?;
            let body =
                single::file_body(self.context, &self.bucket, &to.key, (file, length), path, may_resume);
            told.restart();
            let options = PutOptions { progress: Some(told.progress()), ..self.args.transfer.headers.put() };
            let report = match self.bucket.put(&to.key, body, options).await {
                Ok(report) => report,
                Err(error) if error.kind() == ErrorKind::Source => {
                    tracing::debug!(path = %path.display(), %error, "not stored yet");
                    why = Some(error);
                    continue;
                }
                Err(error) => return Err(Failure::from(error).about(&path.display().to_string())),
            };
            // Another file in its place would stamp older than the object for ever after.
            if FileStamp::at(path)? == before {
                let words = format!("stored {to}: {}", size(report.plain_size));
                self.output.report(&stored(&to, &report), format_args!("{words}"))?;
                return Ok(Done::Moved(report.plain_size));
            }
        }
        let text = format!("{} was written while it was read, {ATTEMPTS} times", path.display());
        let failure = Failure::new(Exit::Local, text);
        let failure = match &why {
            Some(error) => failure.caused_by(error),
            None => failure,
        };
        Err(failure.hint("no mixture is stored; run sync --checksum when the file is left alone"))
    }

    async fn is_same(&self, path: &Path, stamp: FileStamp, object: &ListedObject) -> Result<bool, Failure> {
        // An object of another suite has another size, and is stored again.
        if !stamp.fits(object.stored_size, &[self.suite]) {
            return Ok(false);
        }
        if self.args.checksum {
            return compare::content(&self.bucket, &object.key, path).await;
        }
        Ok(stamp.modified <= mtime::listed(object)?)
    }
}

/// Whether the source has an entry of this name by now, even one that a walk skips: such names are not deleted in the target.
fn is_there(root: &Path, name: &str) -> Result<bool, Failure> {
    let mut path = root.to_owned();
    let mut parts = name.split('/').peekable();
    while let Some(part) = parts.next() {
        path.push(part);
        match path.symlink_metadata() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(Failure::local(format!("cannot read {}", path.display()), error)),
            Ok(found) if found.is_dir() => {}
            // Below a regular file is nothing.
            Ok(found) => return Ok(!found.is_file() || parts.peek().is_none()),
        }
    }
    Ok(false)
}
