//! `cp`: up, down, and from object to object.

mod options;
pub(super) mod single;
mod tree;

use crate::args::Copy;
use crate::client::session::Context;
use crate::cmd::cat;
use crate::target::Location;
use crate::transfer::source::Source;
use crate::ui::error::Failure;

use options::{check_flags, reading, tuning};
pub(super) use options::{protection, stored};

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
