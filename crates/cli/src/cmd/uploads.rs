//! `uploads`: lists and aborts unfinished uploads.

mod abort;
mod list;

use osseal::ResumeStatus;

use crate::args::Uploads;
use crate::client::session::Context;
use crate::ui::error::Failure;

pub(super) async fn run(context: &Context, args: Uploads) -> Result<(), Failure> {
    match args {
        Uploads::List(args) => list::run(context, &args).await,
        Uploads::Abort(args) => abort::run(context, &args).await,
    }
}

/// The name of a status; none without a local checkpoint.
fn word(status: ResumeStatus) -> Option<&'static str> {
    match status {
        ResumeStatus::InUse => Some("in-use"),
        ResumeStatus::Resumes => Some("goes-on"),
        ResumeStatus::StartsOver => Some("starts-over"),
        _ => None,
    }
}
