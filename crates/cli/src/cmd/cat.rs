//! `cat`: an object or a range of it, to standard output.

use osseal::GetOptions;
use tokio::io::AsyncWriteExt;

use crate::args::Cat;
use crate::args::Tuning;
use crate::client::session::Context;
use crate::target::{Location, ObjectUrl};
use crate::transfer::source::Source;
use crate::ui::error::Failure;

pub(crate) async fn run(context: &Context, args: Cat) -> Result<(), Failure> {
    let source = if let Location::Url(url) = Location::parse(&args.object)? {
        Source::url(context, url, &args.opening)?
    } else {
        let url = ObjectUrl::parse_os(&args.object)?.with_key()?;
        Source::object(context, &url, &args.opening, Tuning::default())?
    };
    let options = GetOptions {
        range: args.range.unwrap_or_default(),
        version_id: args.version_id,
        ..GetOptions::default()
    };
    to_stdout(&source, options).await.map(drop)
}

/// Writes plaintext as it arrives and gives how many bytes. Nothing can be taken back: the exit code says whether all was well.
pub(super) async fn to_stdout(source: &Source, options: GetOptions) -> Result<u64, Failure> {
    let mut object = source.download(options).await?;
    let mut out = tokio::io::stdout();
    let mut written = 0;
    while let Some(chunk) = object.next_chunk().await? {
        out.write_all(&chunk.bytes).await.map_err(|error| Failure::stdout(&error))?;
        written += chunk.bytes.len() as u64;
    }
    out.flush().await.map_err(|error| Failure::stdout(&error))?;
    Ok(written)
}
