//! Options of `cp`: validation and translation for one transfer.

use osseal::{GetOptions, PutReport, Suite};
use serde_json::json;

use crate::args::{Copy, Tuning};
use crate::client::session::Context;
use crate::target::{Location, ObjectUrl};
use crate::ui::error::Failure;

/// Refuses flags that would have no meaning between these two.
pub(super) fn check_flags(args: &Copy, source: &Location, target: &Location) -> Result<(), Failure> {
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

pub(super) fn tuning(context: &Context, args: &Copy) -> Result<Tuning, Failure> {
    // With -r, objects are transferred in parallel instead of parts.
    let jobs = if args.recursive { 1 } else { context.jobs(args.many.jobs)? };
    Ok(args.transfer.tuning(jobs))
}

pub(super) fn reading(args: &Copy) -> GetOptions {
    // ETags are quoted on the wire, and often not on a command line.
    let quoted = |etag: &String| if etag.contains('"') { etag.clone() } else { format!("\"{etag}\"") };
    GetOptions {
        if_match: args.if_match.as_ref().map(quoted),
        version_id: args.version_id.clone(),
        ..GetOptions::default()
    }
}

pub(in crate::cmd) fn stored(target: &ObjectUrl, report: &PutReport) -> serde_json::Value {
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

/// How stored content is protected, for people.
pub(in crate::cmd) fn protection(suite: Option<Suite>) -> &'static str {
    match suite {
        None => "not encrypted",
        Some(suite) if suite.is_authenticated() => "authenticated (suite sealed)",
        Some(_) => "AES-CTR (not authenticated)",
    }
}
