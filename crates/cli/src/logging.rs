//! Logs on standard error, from this program's own crates only.
//!
//! Other crates handle headers and presigned URLs and might log secrets, so no level and no variable enables their logs.

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

/// One line per event, and per closed span with its fields.
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

/// Writes whole lines. Write errors (closed pipe, full disk) are ignored: logs must not stop the command, and the subscriber
/// would report the error to the same stream.
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
