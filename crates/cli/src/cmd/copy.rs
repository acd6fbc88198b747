//! `cp`: up, down, and from object to object.

pub(super) mod single;
mod tree;

use osseal::{GetOptions, PutReport, Suite};
use serde_json::json;

use crate::args::Copy;
use crate::args::Tuning;
use crate::client::session::Context;
use crate::cmd::cat;
use crate::target::{Location, ObjectUrl};
use crate::transfer::source::Source;
use crate::ui::error::Failure;

pub(crate) async fn run(context: &Context, args: Copy) -> Result<(), Failure> {
    let (source, target) = (Location::parse(&args.source)?, Location::parse(&args.target)?);
    check_flags(&args, &source, &target)?;
    if args.recursive {
        return match (source, target) {
            (Location::File(source), Location::Object(target)) => {
                tree::up(context, &args, &source, target).await
            }
            (Location::Object(source), Location::File(target)) => {
                tree::down(context, &args, source, &target).await
            }
            (Location::Object(source), Location::Object(target)) => {
                tree::across(context, &args, source, target).await
            }
            _ => Err(Failure::usage("-r copies between a folder and a prefix, or between two prefixes")),
        };
    }
    match (source, target) {
        (Location::Object(source), Location::Object(target)) => {
            single::across(context, &args, source.with_key()?, target).await
        }
        (Location::Object(source), Location::File(target)) => {
            single::down(context, &args, &source.with_key()?, &target).await
        }
        (Location::Object(source), Location::Stdio) => {
            let source = Source::object(
                context,
                &source.with_key()?,
                &args.transfer.opening,
                tuning(context, &args)?,
            )?;
            cat::to_stdout(&source, reading(&args)).await.map(drop)
        }
        (Location::Url(url), Location::File(target)) => {
            single::down_from_url(context, &args, url, &target).await
        }
        (Location::Url(url), Location::Stdio) => {
            cat::to_stdout(&Source::url(context, url, &args.transfer.opening)?, reading(&args))
                .await
                .map(drop)
        }
        (Location::Url(_), Location::Object(_)) => {
            Err(Failure::usage("a presigned URL is read into a file, not into another object")
                .hint("osseal cat URL | osseal cp - oss://bucket/key"))
        }
        (_, Location::Url(_)) => Err(Failure::usage("a presigned URL is for reading")),
        (source, Location::Object(target)) => single::up(context, &args, source, target).await,
        (Location::File(_) | Location::Stdio, Location::File(_) | Location::Stdio) => {
            Err(Failure::usage("neither the source nor the target is in the store")
                .hint("one of the two is written oss://bucket/key"))
        }
    }
}

/// Refuses flags that would have no meaning between these two.
fn check_flags(args: &Copy, source: &Location, target: &Location) -> Result<(), Failure> {
    let from_store = matches!(source, Location::Object(_) | Location::Url(_));
    let to_store = matches!(target, Location::Object(_));
    if from_store && args.transfer.multipart_threshold.is_some() {
        return Err(Failure::usage("--multipart-threshold is for uploads"));
    }
    if args.transfer.part_size.is_some() && ((from_store && to_store) || matches!(source, Location::Url(_))) {
        return Err(Failure::usage("--part-size is for uploads, and for downloads that are no URL's"));
    }
    if args.transfer.headers.is_given() && !to_store {
        return Err(Failure::usage("headers, tags, storage class and access control are for what is stored")
            .hint("leave --content-type, --meta and the like out of downloads"));
    }
    if args.transfer.sealing.is_given() && (from_store || !to_store) {
        return Err(Failure::usage("--suite, --context, --bind and --key are for uploads")
            .hint("a copy by the service keeps its source's; --require-context is for reading"));
    }
    if !from_store && args.transfer.opening.is_given() {
        return Err(Failure::usage("--require-context and --allow-… are for what is read from the store"));
    }
    if from_store && to_store && !args.transfer.headers.tags.is_empty() {
        return Err(Failure::usage("a copy has the tags of its source").hint("leave --tag out"));
    }
    if args.if_match.is_some() && (to_store || !from_store) {
        return Err(Failure::usage("--if-match is for downloads"));
    }
    if args.version_id.is_some() && !from_store {
        return Err(Failure::usage("--version-id is for objects that are read"));
    }
    if args.update && matches!(source, Location::Url(_)) {
        return Err(Failure::usage(
            "--update asks for the object's time first, and a presigned URL is good for reading alone",
        ));
    }
    if args.update
        && !args.recursive
        && !(from_store && matches!(target, Location::File(_)))
        && *source == Location::Stdio
    {
        return Err(Failure::usage("--update needs a source with a time"));
    }
    Ok(())
}

fn tuning(context: &Context, args: &Copy) -> Result<Tuning, Failure> {
    // Of many objects, the objects are what is many.
    let jobs = if args.recursive { 1 } else { context.jobs(args.many.jobs)? };
    Ok(args.transfer.tuning(jobs))
}

fn reading(args: &Copy) -> GetOptions {
    // ETags are quoted on the wire, and often not on a command line.
    let quoted = |etag: &String| if etag.contains('"') { etag.clone() } else { format!("\"{etag}\"") };
    GetOptions {
        if_match: args.if_match.as_ref().map(quoted),
        version_id: args.version_id.clone(),
        ..GetOptions::default()
    }
}

pub(super) fn stored(target: &ObjectUrl, report: &PutReport) -> serde_json::Value {
    json!({
        "target": target.to_string(),
        "size": report.plain_size,
        "stored_size": report.stored_size,
        "parts": report.parts,
        "suite": report.suite.map(Suite::name),
        "key_name": report.key_name,
        "etag": report.etag,
        // A string: JSON numbers do not hold 64 bits everywhere.
        "crc64": report.crc64.to_string(),
        "version_id": report.version_id,
        "request_id": report.request_id,
    })
}
