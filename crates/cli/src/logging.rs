//! Logs on standard error: what this program's own crates trace, and nothing of anybody else's.
//!
//! Other crates see headers and addresses pass; what they would write about them is not ours to vouch for, so that no level and no variable shows it.

use std::io;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{Registry, fmt};

use crate::args::{LogFormat, Printing};
use crate::environment;
use crate::ui::error::Failure;
use crate::ui::terminal;

/// Beginning of the names of this program's crates.
const OURS: &str = "osseal";

/// Writes logs from now on.
pub(crate) fn begin(printing: &Printing) -> Result<(), Failure> {
    let level = level(printing.verbose)?;
    let set = tracing::subscriber::set_global_default(subscriber(level, printing.log_format));
    set.map_err(|error| Failure::local("logs cannot be written", error))
}

/// The flag goes before the environment.
fn level(verbose: u8) -> Result<LevelFilter, Failure> {
    match verbose {
        0 => match environment::text(environment::LOG)?.as_deref() {
            Some("off") => Ok(LevelFilter::OFF),
            Some("error") => Ok(LevelFilter::ERROR),
            None | Some("warn") => Ok(LevelFilter::WARN),
            Some("info") => Ok(LevelFilter::INFO),
            Some("debug") => Ok(LevelFilter::DEBUG),
            Some("trace") => Ok(LevelFilter::TRACE),
            Some(_) => Err(Failure::usage(format!("{} is no level", environment::LOG))
                .hint("off, error, warn, info, debug or trace")),
        },
        1 => Ok(LevelFilter::INFO),
        2 => Ok(LevelFilter::DEBUG),
        _ => Ok(LevelFilter::TRACE),
    }
}

/// A line for each event and, with what was recorded, for the end of each span.
fn subscriber(level: LevelFilter, format: LogFormat) -> Box<dyn Subscriber + Send + Sync> {
    let ours = Registry::default().with(Targets::new().with_target(OURS, level));
    let lines = fmt::layer().with_writer(StderrLines).with_ansi(false).with_span_events(FmtSpan::CLOSE);
    match format {
        LogFormat::Text => Box::new(ours.with(lines)),
        LogFormat::Json => Box::new(ours.with(lines.json().flatten_event(true))),
    }
}

/// Standard error, with the progress bar out of the way.
struct StderrLines;

impl MakeWriter<'_> for StderrLines {
    type Writer = Line;

    fn make_writer(&self) -> Line {
        Line
    }
}

/// Takes a whole line at once. What cannot be written is lost, as to a closed pipe or a full disk: logs stop no work, and the subscriber would tell
/// of it where it cannot be told.
struct Line;

impl io::Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        terminal::suspend_bars(|| io::stderr().lock().write_all(line)).unwrap_or_default();
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}
