//! From a prefix to a folder.

use std::collections::HashSet;
use std::fs::File;
use std::future::ready;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use futures_util::StreamExt;
use futures_util::stream;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use osseal::{EncryptedBucket, GetOptions, ListedObject, Suite};
use serde_json::json;

use super::compare::{self, FileStamp};
use super::pairs::{Pair, pairs};
use super::{Extraneous, would_copy, would_delete};
use crate::args::Sync;
use crate::client::session::{BucketUse, Context};
use crate::cmd::copy::single;
use crate::target::ObjectUrl;
use crate::transfer::atomic_file::AtomicFile;
use crate::transfer::batch::{self, Done};
use crate::transfer::listing;
use crate::transfer::mtime;
use crate::transfer::safe_path::{self, Claims};
use crate::transfer::walk::{self, Item, LocalFile};
use crate::ui::error::{Exit, Failure};
use crate::ui::output::Output;
use crate::ui::progress::Bar;
use crate::ui::text::size;

/// State shared by all objects.
struct Down<'a> {
    context: &'a Context,
    args: &'a Sync,
    bucket: EncryptedBucket,
    source: &'a ObjectUrl,
    target: &'a Path,
    suites: Vec<Suite>,
    output: Output,
    bar: Bar,
    /// Device and inode of every written file: on case-insensitive file systems an extraneous name may be one of these files.
    written: Mutex<HashSet<(u64, u64)>>,
}

pub(super) async fn run(
    context: &Context,
    args: &Sync,
    source: ObjectUrl,
    target: &Path,
) -> Result<(), Failure> {
    let (selection, output) = (args.selection()?, context.output());
    if target.exists() && !target.is_dir() {
        return Err(Failure::new(Exit::Local, format!("{} is not a folder", target.display())));
    }
    let session = context.session()?;
    let suites = session.readable_suites(&source.bucket, &args.transfer.opening)?;
    let bucket = session.bucket(&source.bucket, BucketUse::Read(&args.transfer.opening, args.tuning()))?;
    let folder = source.clone().into_folder();
    listing::expect_some(&bucket, &folder, &source).await?;
    // Its probe is a file in the target, which the walk must not meet.
    let mut claims = Claims::below(target);
    let files = if target.exists() {
        walk::stream(target.to_owned(), selection.clone()).boxed()
    } else {
        stream::empty().boxed()
    };
    if !args.dry_run {
        std::fs::create_dir_all(target)
            .map_err(|error| Failure::local(format!("cannot make the folder {}", target.display()), error))?;
    }
    let bar = Bar::new(output, !args.transfer.no_progress && !args.dry_run, Some(0));
    let down = Down {
        context,
        args,
        bucket,
        source: &folder,
        target,
        suites,
        output,
        bar,
        written: Mutex::default(),
    };
    let extraneous = Extraneous::default();
    let files = files.filter_map(|item| ready(item.map(of_target).transpose()));
    let objects = listing::named(&down.bucket, folder.clone(), &selection);
    let in_source = pairs(files, objects).filter_map(|pair| {
        ready(match pair {
            Ok(Pair { name, object: None, .. }) => {
                if args.delete {
                    extraneous.add(name);
                }
                None
            }
            Ok(Pair { name, file, object: Some(object) }) => {
                Some(claims.claim(&name).map(|()| (name, file, object)))
            }
            Err(failure) => Some(Err(failure)),
        })
    });
    let tally = batch::run(context.jobs(args.jobs)?, in_source, |(name, file, object)| {
        let down = &down;
        async move {
            let from = down.source.join(&name);
            let outcome = down.write(&name, file, &object).await;
            outcome.map_err(|failure| failure.about(&from.to_string()))
        }
    });
    let mut tally = tally.await.with_deletions();
    let written = std::mem::take(&mut *down.written.lock().unwrap_or_else(PoisonError::into_inner));
    drop(down);
    for name in extraneous.agreed(args, &tally, &format!("files below {}", target.display()))? {
        if identity(&plain_path(target, &name)?).is_some_and(|file| written.contains(&file)) {
            continue;
        }
        tally.count(delete(args, output, target, &name).map(|()| Done::Deleted));
    }
    tally.finish(output, if args.dry_run { "would write" } else { "wrote" })
}

/// A file of the target. Skips names that cannot be keys.
fn of_target(item: Item) -> Option<LocalFile> {
    match item {
        Item::File(found) => Some(found),
        Item::Nameless(path) => {
            Output::warn(format_args!("the name of {} is not UTF-8; it is left as it is", path.display()));
            None
        }
    }
}

impl Down<'_> {
    /// Writes an object into its file, unless that is like it.
    async fn write(
        &self,
        name: &str,
        file: Option<LocalFile>,
        object: &ListedObject,
    ) -> Result<Done, Failure> {
        let below = safe_path::relative(name)?;
        if let Some(file) = file
            && self.is_same(&file.path, object).await?
        {
            return Ok(Done::Skipped);
        }
        let from = self.source.join(name);
        if self.args.dry_run {
            let target = self.target.join(below);
            would_copy(self.output, "write", &from, &target.display(), object.stored_size)?;
            return Ok(Done::Moved(object.stored_size));
        }
        let path = safe_path::make_folders(self.target, &below)?;
        let file = AtomicFile::create_file(&path, true)?;
        self.bar.grow(object.stored_size);
        let bar = self.bar.file(name, object.stored_size);
        let opened = self.bucket.download(&object.key, GetOptions::default()).await?;
        let modified = last_modified(&opened.info().last_modified)?;
        let (path, bytes) =
            single::fetch(self.context, !self.args.transfer.no_resume, opened, file, &bar).await?;
        set_modified(&path, modified)?;
        self.written.lock().unwrap_or_else(PoisonError::into_inner).extend(identity(&path));
        let report = json!({ "source": from.to_string(), "target": path.to_string_lossy(), "size": bytes });
        self.output.report(&report, format_args!("wrote {}: {}", path.display(), size(bytes)))?;
        Ok(Done::Moved(bytes))
    }

    /// A file that was written from an object has its time.
    async fn is_same(&self, path: &Path, object: &ListedObject) -> Result<bool, Failure> {
        let stamp = FileStamp::at(path)?;
        if !stamp.fits(object.stored_size, &self.suites) {
            return Ok(false);
        }
        if self.args.checksum {
            return compare::content(&self.bucket, &object.key, path).await;
        }
        // Replies have whole seconds, whatever listings have. A file that was changed in that second has a fraction of it.
        let stored = mtime::listed(object)?.as_second();
        Ok(stamp.modified.as_second() == stored && stamp.modified.subsec_nanosecond() == 0)
    }
}

/// Device and inode at a path, without following links.
#[cfg(unix)]
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let found = path.symlink_metadata().ok()?;
    Some((found.dev(), found.ino()))
}

#[cfg(not(unix))]
fn identity(_: &Path) -> Option<(u64, u64)> {
    None
}

/// The time in a reply's head.
fn last_modified(text: &str) -> Result<Timestamp, Failure> {
    DateTimeParser::new().parse_timestamp(text).map_err(|error| {
        Failure::new(Exit::Mismatch, "the store gives no time for the object").caused_by(&error)
    })
}

fn set_modified(path: &Path, time: Timestamp) -> Result<(), Failure> {
    let failed = |error: &dyn std::error::Error| {
        Failure::new(Exit::Local, format!("cannot set the time of {}", path.display())).caused_by(error)
    };
    let time = SystemTime::try_from(time).map_err(|error| failed(&error))?;
    // Its owner may set a file's time without being able to write it; elsewhere it takes a file that is open for writing.
    let file = if cfg!(unix) { File::open(path) } else { File::options().write(true).open(path) };
    file.and_then(|file| file.set_modified(time)).map_err(|error| failed(&error))
}

/// Deletes a file, and the folders that are empty without it.
fn delete(args: &Sync, output: Output, root: &Path, name: &str) -> Result<(), Failure> {
    let path = plain_path(root, name)?;
    if args.dry_run {
        return would_delete(output, &path.display());
    }
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(Failure::local(format!("cannot delete {}", path.display()), error));
        }
        _ => {}
    }
    let mut folder = path.parent();
    while let Some(empty) = folder.filter(|folder| *folder != root && folder.starts_with(root)) {
        if std::fs::remove_dir(empty).is_err() {
            break;
        }
        folder = empty.parent();
    }
    let shown = path.display();
    output.report(&json!({ "deleted": { "file": shown.to_string() } }), format_args!("deleted {shown}"))
}

/// Where a file lies that a walk has met, if no link has come into its way since.
fn plain_path(root: &Path, name: &str) -> Result<PathBuf, Failure> {
    let mut path = root.to_owned();
    for part in &safe_path::relative(name)? {
        path.push(part);
        if path.symlink_metadata().is_ok_and(|found| found.is_symlink()) {
            return Err(safe_path::link(&path));
        }
    }
    Ok(path)
}
