//! How far it is, on stderr: bars on a terminal, a line now and then elsewhere, JSON events with `--json`, nothing when that is not wanted.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use osseal::Progress;
use serde_json::json;

use crate::ui::output::Output;
use crate::ui::terminal::SHOWN;
use crate::ui::text::{printable, size};

/// Lines of single files below the one of them all.
const LINES: usize = 4;
/// Smallest file that has a line, bytes: others come and go too fast.
const LARGE: u64 = 1 << 20;
/// Longest name that is shown, characters.
const NAME: usize = 40;
/// Interval of progress lines without a terminal, and the delay of the first.
const EVERY: Duration = Duration::from_secs(10);
/// The same of events.
const EVENTS: Duration = Duration::from_secs(1);
/// Time between two drawings while nothing moves.
const TICK: Duration = Duration::from_millis(500);

/// Progress of one transfer or of a whole command. Dropping it clears the display.
pub(crate) struct Bar {
    all: Arc<All>,
    /// Of one file of many, if it has a line.
    line: Option<ProgressBar>,
    is_one_of_many: bool,
}

/// Progress of the whole command.
struct All {
    moved: AtomicU64,
    total: Option<AtomicU64>,
    begun: Instant,
    display: Display,
}

enum Display {
    Nothing,
    Lines { lines: MultiProgress, bar: ProgressBar, files: AtomicUsize },
    Reports { every: Duration, last: Mutex<Instant>, write: Box<dyn Fn(&All) + Send + Sync> },
}

impl Bar {
    /// A bar over `total` bytes; without a total, shows only transferred bytes.
    pub(crate) fn new(output: Output, is_wanted: bool, total: Option<u64>) -> Bar {
        if !is_wanted || output.is_quiet {
            return Bar::of(total, Display::Nothing);
        }
        if output.is_json {
            // On stderr, so that stdout contains reports only.
            let write = |all: &All| drop(writeln!(std::io::stderr(), "{}", all.event()));
            return Bar::of(total, Display::reports(EVENTS, write));
        }
        if !std::io::stderr().is_terminal() {
            let write = move |all: &All| output.note(format_args!("{}", all.words()));
            return Bar::of(total, Display::reports(EVERY, write));
        }
        let bar = Bar::drawn(ProgressDrawTarget::stderr(), total);
        if let Display::Lines { bar, .. } = &bar.all.display {
            bar.enable_steady_tick(TICK);
        }
        bar
    }

    fn drawn(target: ProgressDrawTarget, total: Option<u64>) -> Bar {
        let lines = MultiProgress::with_draw_target(target);
        let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
        let bar = styled(
            lines.add(bar),
            match total {
                Some(_) => "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
                None => "{spinner} {bytes} {bytes_per_sec}",
            },
        );
        *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = Some(lines.clone());
        Bar::of(total, Display::Lines { lines, bar, files: AtomicUsize::new(0) })
    }

    fn of(total: Option<u64>, display: Display) -> Bar {
        let (moved, total) = (AtomicU64::new(0), total.map(AtomicU64::new));
        let all = All { moved, total, begun: Instant::now(), display };
        Bar { all: Arc::new(all), line: None, is_one_of_many: false }
    }

    /// Progress of one file; its bytes count toward this bar.
    pub(crate) fn file(&self, name: &str, bytes: u64) -> Bar {
        Bar { all: self.all.clone(), line: self.all.line(name, bytes), is_one_of_many: true }
    }

    /// Sets the total once it is known.
    pub(crate) fn expect(&self, total: u64) {
        if let (false, Some(known)) = (self.is_one_of_many, &self.all.total)
            && known.load(Ordering::Relaxed) == 0
        {
            self.grow(total);
        }
    }

    /// More bytes are to come than was known.
    pub(crate) fn grow(&self, bytes: u64) {
        let Some(total) = &self.all.total else { return };
        total.fetch_add(bytes, Ordering::Relaxed);
        if let Display::Lines { bar, .. } = &self.all.display {
            bar.inc_length(bytes);
        }
    }

    pub(crate) fn add(&self, bytes: usize) {
        moved(&self.all, self.line.as_ref(), bytes as u64);
    }

    /// The callback that counts transferred bytes.
    pub(crate) fn callback(&self) -> Progress {
        let (all, line) = (self.all.clone(), self.line.clone());
        Arc::new(move |bytes| moved(&all, line.as_ref(), bytes))
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        let Display::Lines { lines, bar, files } = &self.all.display else { return };
        if let Some(line) = &self.line {
            line.finish_and_clear();
            lines.remove(line);
            files.fetch_sub(1, Ordering::Relaxed);
        }
        if !self.is_one_of_many {
            bar.finish_and_clear();
            *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }
}

fn moved(all: &All, line: Option<&ProgressBar>, bytes: u64) {
    all.moved.fetch_add(bytes, Ordering::Relaxed);
    if let Some(line) = line {
        line.inc(bytes);
    }
    match &all.display {
        Display::Nothing => {}
        Display::Lines { bar, .. } => bar.inc(bytes),
        Display::Reports { every, last, write } => {
            let is_due = {
                let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
                let is_due = last.elapsed() >= *every;
                if is_due {
                    *last = Instant::now();
                }
                is_due
            };
            if is_due {
                write(all);
            }
        }
    }
}

impl Display {
    fn reports(every: Duration, write: impl Fn(&All) + Send + Sync + 'static) -> Display {
        Display::Reports { every, last: Mutex::new(Instant::now()), write: Box::new(write) }
    }
}

impl All {
    /// A line for one file, up to [`LINES`] at a time.
    fn line(&self, name: &str, bytes: u64) -> Option<ProgressBar> {
        let Display::Lines { lines, files, .. } = &self.display else { return None };
        let room = |count: usize| (count < LINES).then_some(count + 1);
        if bytes < LARGE || files.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).is_err() {
            return None;
        }
        let template = "  {wide_msg} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
        let line = styled(lines.add(ProgressBar::new(bytes)), template);
        line.set_message(shortened(&printable(name)));
        Some(line)
    }

    fn total(&self) -> Option<u64> {
        self.total.as_ref().map(|total| total.load(Ordering::Relaxed))
    }

    /// Bytes a second since it began, and the seconds that the rest takes at that rate.
    fn pace(&self) -> (u64, Option<u64>) {
        let moved = self.moved.load(Ordering::Relaxed);
        let millis = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = moved.saturating_mul(1000) / millis;
        let left = self.total().and_then(|total| total.saturating_sub(moved).checked_div(rate));
        (rate, left)
    }

    fn event(&self) -> serde_json::Value {
        let (rate, left) = self.pace();
        json!({
            "event": "progress",
            "bytes": self.moved.load(Ordering::Relaxed),
            "total": self.total(),
            "bytes_per_second": rate,
            "seconds_left": left,
        })
    }

    fn words(&self) -> String {
        let (rate, left) = self.pace();
        let mut words = size(self.moved.load(Ordering::Relaxed));
        if let Some(total) = self.total() {
            _ = write!(words, " of {}", size(total));
        }
        _ = write!(words, ", {} a second", size(rate));
        if let Some(left) = left {
            _ = write!(words, ", {left} s left");
        }
        words
    }
}

fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// The end of a name, which tells more than its beginning.
fn shortened(name: &str) -> String {
    let count = name.chars().count();
    if count <= NAME {
        return name.to_owned();
    }
    format!("…{}", name.chars().skip(count - NAME + 1).collect::<String>())
}

#[cfg(test)]
mod tests {
    use indicatif::InMemoryTerm;

    use super::*;
    use crate::ui::terminal::suspend_bars;

    const MIB: usize = 1 << 20;

    /// One test: what is on the screen is one thing.
    #[test]
    fn bars_come_and_go_on_a_terminal() {
        let screen = InMemoryTerm::new(12, 100);
        let all = Bar::drawn(ProgressDrawTarget::term_like(Box::new(screen.clone())), Some(0));
        all.grow(12 * MIB as u64);
        let mut files: Vec<_> =
            (0..6).map(|n| all.file(&format!("file-{n}\u{1b}[2J"), 2 * MIB as u64)).collect();
        let small = all.file("small", 1000);
        files[0].add(MIB);
        files[5].callback()(MIB as u64 / 2);
        small.add(1000);
        let draw = || {
            if let Display::Lines { bar, .. } = &all.all.display {
                bar.tick();
            }
            screen.contents()
        };
        std::thread::sleep(Duration::from_millis(60));
        files.iter().filter_map(|file| file.line.as_ref()).for_each(ProgressBar::tick);
        let drawn = draw();
        let lines: Vec<_> = drawn.lines().collect();
        assert_eq!(lines.len(), 1 + LINES, "{drawn}");
        assert!(lines[0].contains("1.50 MiB/12.00 MiB"), "{drawn}");
        assert!(lines[1].contains("file-0\\u{1b}[2J") && lines[1].contains("1.00 MiB/2.00 MiB"), "{drawn}");
        assert!(!drawn.contains("file-4") && !drawn.contains("small"), "{drawn}");
        // Nothing of it is there while something else is written.
        assert_eq!(suspend_bars(|| screen.contents()), "");
        assert!(draw().contains("file-0"));
        // A line that has become free is the next file's.
        files.truncate(1);
        let seventh = all.file(&"long/".repeat(20), MIB as u64);
        if let Some(line) = &seventh.line {
            line.tick();
        }
        std::thread::sleep(Duration::from_millis(60));
        let drawn = draw();
        assert!(drawn.contains("…") && !drawn.contains("file-1"), "{drawn}");
        drop((seventh, files, small));
        drop(all);
        assert_eq!(screen.contents(), "");
        assert_eq!(suspend_bars(|| 7), 7, "without a bar");
    }

    #[test]
    fn reports_are_now_and_then() {
        for (every, wanted) in [(Duration::ZERO, 3), (Duration::from_secs(3600), 0)] {
            let written = Arc::new(Mutex::new(Vec::new()));
            let write = {
                let written = written.clone();
                move |all: &All| {
                    written.lock().unwrap_or_else(PoisonError::into_inner).push((all.event(), all.words()));
                }
            };
            let all = Bar::of(Some(4096), Display::reports(every, write));
            all.add(1024);
            all.file("one", 2048).callback()(1024);
            all.expect(1);
            all.add(1024);
            let written = written.lock().unwrap_or_else(PoisonError::into_inner);
            assert_eq!(written.len(), wanted);
            let Some((event, words)) = written.last() else { continue };
            assert_eq!(
                (&event["event"], &event["bytes"], &event["total"]),
                (&json!("progress"), &json!(3072), &json!(4096))
            );
            assert!(event["bytes_per_second"].as_u64() > Some(0), "{event}");
            assert!(words.starts_with("3.0 KiB of 4.0 KiB, "), "{words}");
        }
        // What is not known is not said.
        let unknown = Bar::of(None, Display::Nothing);
        unknown.add(10);
        unknown.grow(5);
        assert_eq!((unknown.all.event()["total"].clone(), unknown.all.pace().1), (json!(null), None));
        assert!(unknown.all.words().starts_with("10 bytes, "));
    }
}
