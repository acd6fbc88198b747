//! `cp`: up, down, and inside a bucket.

use std::fs::File;
use std::path::Path;

use osseal::{CopyOptions, GetOptions, PutBody, PutOptions, PutReport};
use serde_json::json;

use crate::args::Copy;
use crate::cmd::cat;
use crate::download::Download;
use crate::exit::Failure;
use crate::output::size;
use crate::progress::Bar;
use crate::session::{Context, Tuning};
use crate::target::{ObjectUrl, Place};

pub(crate) async fn run(context: &Context, args: Copy) -> Result<(), Failure> {
    match (Place::parse(&args.source)?, Place::parse(&args.target)?) {
        (Place::Object(source), Place::Object(target)) => {
            inside(context, &args, source.with_key()?, target).await
        }
        (Place::Object(source), Place::File(target)) => {
            down(context, &args, &source.with_key()?, &target).await
        }
        (Place::Object(source), Place::Stdio) => {
            refuse_upload_flags(&args)?;
            let source = source.with_key()?;
            let bucket = context.session()?.bucket(&source.bucket, Tuning::default())?;
            cat::to_stdout(&bucket, &source.key, reading(&args)).await.map(drop)
        }
        (source, Place::Object(target)) => up(context, &args, source, target).await,
        (Place::File(_) | Place::Stdio, Place::File(_) | Place::Stdio) => {
            Err(Failure::usage("neither the source nor the target is in the store")
                .hint("one of the two is written oss://bucket/key"))
        }
    }
}

async fn up(context: &Context, args: &Copy, source: Place, target: ObjectUrl) -> Result<(), Failure> {
    if args.if_match.is_some() {
        return Err(Failure::usage("--if-match is for downloads"));
    }
    let (body, target, total) = match source {
        Place::File(path) => {
            let target = named_after(target, &path)?;
            let (file, length) = open(&path)?;
            (PutBody::reader(tokio::fs::File::from_std(file), length), target, Some(length))
        }
        _ if target.is_folder() => {
            return Err(Failure::usage(format!("what comes from standard input needs a name in {target}"))
                .hint("write the key out: oss://bucket/key"));
        }
        _ => (PutBody::unknown_length(tokio::io::stdin()), target, None),
    };
    let bucket = context.session()?.bucket(&target.bucket, tuning(args))?;
    let bar = Bar::new(context.output(), !args.no_progress, total);
    let options = PutOptions {
        content_type: args.content_type.clone(),
        metadata: args.meta.clone(),
        forbid_overwrite: args.forbid_overwrite,
        progress: Some(bar.callback()),
    };
    let report = bucket.put(&target.key, body, options).await?;
    drop(bar);
    let words = format!(
        "stored {target}: {}, sealed with {}, key {}, {}",
        size(report.plain_size),
        report.suite.name(),
        report.key_name,
        if report.parts == 1 { "1 request".to_owned() } else { format!("{} parts", report.parts) }
    );
    context.output().report(&stored(&target, &report), format_args!("{words}"))
}

async fn down(context: &Context, args: &Copy, source: &ObjectUrl, target: &Path) -> Result<(), Failure> {
    refuse_upload_flags(args)?;
    // The target is refused before the store is asked.
    let name = || source.file_name();
    let mut file = Download::create(target, name, !args.forbid_overwrite)?;
    let bucket = context.session()?.bucket(&source.bucket, Tuning::default())?;
    let mut object = bucket.get(&source.key, reading(args)).await?;
    let range = object.range();
    let bar = Bar::new(context.output(), !args.no_progress, Some(range.end - range.start));
    let mut written = 0;
    while let Some(chunk) = object.next_chunk().await? {
        file.write(&chunk.bytes).await?;
        written += chunk.bytes.len() as u64;
        bar.add(chunk.bytes.len());
    }
    let target = file.finish().await?;
    drop(bar);
    let shown = target.display();
    let report = json!({ "source": source.to_string(), "target": target.to_string_lossy(), "size": written });
    context.output().report(&report, format_args!("wrote {shown}: {}", size(written)))
}

/// A copy by the service: nothing is opened, the envelope goes along.
async fn inside(
    context: &Context,
    args: &Copy,
    source: ObjectUrl,
    mut target: ObjectUrl,
) -> Result<(), Failure> {
    if args.content_type.is_some() || !args.meta.is_empty() || args.if_match.is_some() {
        return Err(Failure::usage("a copy inside the store keeps the metadata, unconditionally")
            .hint("leave --content-type, --meta and --if-match out"));
    }
    refuse_sizes(args)?;
    if source.bucket != target.bucket {
        return Err(Failure::usage(format!("{source} and {target} are in two buckets")).hint(
            "the service copies inside one bucket; go through here: osseal cp SOURCE - | osseal cp - TARGET",
        ));
    }
    if target.is_folder() {
        target.key.push_str(source.file_name()?);
    }
    let bucket = context.session()?.closed_bucket(&source.bucket)?;
    let options = CopyOptions { forbid_overwrite: args.forbid_overwrite };
    bucket.copy(&source.key, &target.key, options).await?;
    let report = json!({ "source": source.to_string(), "target": target.to_string() });
    context.output().report(&report, format_args!("copied {source} to {target}"))
}

/// Opens a source once: its size then is the size that is declared.
fn open(path: &Path) -> Result<(File, u64), Failure> {
    let shown = path.display();
    let failed = |error| Failure::local(format!("cannot read {shown}"), error);
    // Asked before opening, because opening a pipe would wait for a writer.
    let kind = std::fs::metadata(path).map_err(failed)?;
    if kind.is_dir() {
        return Err(Failure::usage(format!("{shown} is a directory")).hint("objects are copied one by one"));
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

fn tuning(args: &Copy) -> Tuning {
    Tuning { part_size: args.part_size, multipart_threshold: args.multipart_threshold }
}

fn reading(args: &Copy) -> GetOptions {
    // ETags are quoted on the wire, and often not on a command line.
    let quoted = |etag: &String| if etag.contains('"') { etag.clone() } else { format!("\"{etag}\"") };
    GetOptions { if_match: args.if_match.as_ref().map(quoted), ..GetOptions::default() }
}

fn refuse_upload_flags(args: &Copy) -> Result<(), Failure> {
    if args.content_type.is_some() || !args.meta.is_empty() {
        return Err(Failure::usage("--content-type and --meta are for uploads"));
    }
    refuse_sizes(args)
}

fn refuse_sizes(args: &Copy) -> Result<(), Failure> {
    if args.part_size.is_some() || args.multipart_threshold.is_some() {
        return Err(Failure::usage("--part-size and --multipart-threshold are for uploads"));
    }
    Ok(())
}

fn stored(target: &ObjectUrl, report: &PutReport) -> serde_json::Value {
    json!({
        "target": target.to_string(),
        "size": report.plain_size,
        "stored_size": report.stored_size,
        "parts": report.parts,
        "suite": report.suite.name(),
        "key_name": report.key_name,
        "etag": report.etag,
        // A string: JSON numbers do not hold 64 bits everywhere.
        "crc64": report.crc64.to_string(),
        "request_id": report.request_id,
    })
}
