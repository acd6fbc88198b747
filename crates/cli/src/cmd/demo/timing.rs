//! Seconds on the wall and of the processor.

use std::time::{Duration, Instant};

use cpu_time::ProcessTime;

/// Below this many bytes, seconds per gigabyte say nothing.
const MEANINGFUL: u64 = 1 << 20;

pub(super) struct Stopwatch {
    wall: Instant,
    cpu: ProcessTime,
}

impl Stopwatch {
    pub(super) fn start() -> Stopwatch {
        Stopwatch { wall: Instant::now(), cpu: ProcessTime::now() }
    }

    /// Elapsed time, also per gigabyte (10^9 bytes).
    pub(super) fn shown(&self, bytes: u64) -> String {
        let (wall, cpu) = (self.wall.elapsed(), self.cpu.elapsed());
        if bytes < MEANINGFUL {
            return format!("{:.1} ms", milliseconds(wall));
        }
        let cpu = per_gigabyte(cpu, bytes);
        format!("{:.1} ms, {cpu:.2} CPU seconds per GB", milliseconds(wall))
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
fn per_gigabyte(time: Duration, bytes: u64) -> f64 {
    time.as_secs_f64() * 1e9 / bytes as f64
}
