//! The skew between this machine's clock and the service's, learned from refusals.

use std::sync::atomic::{AtomicI64, Ordering};

use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use osseal_wire::oss::parse_http_date;

/// Largest skew that is corrected. Otherwise a forged reply could choose the time of signatures freely.
const MOST: SignedDuration = SignedDuration::from_hours(24);

/// Seconds that the service's clock is ahead; 0 until learned.
#[derive(Default)]
pub(crate) struct ClockSkew(AtomicI64);

impl ClockSkew {
    /// The service's time, as far as we know it, at a time of this clock.
    pub(crate) fn corrected(&self, ours: Timestamp) -> Timestamp {
        ours.checked_add(SignedDuration::from_secs(self.0.load(Ordering::Relaxed))).unwrap_or(ours)
    }

    /// Whether a skew is known.
    pub(crate) fn is_known(&self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }

    /// Learns the skew from a reply's `Date` header, if it is within the limit. Returns the skew, even beyond the limit.
    pub(crate) fn learn(&self, headers: &HeaderMap, ours: Timestamp) -> Option<SignedDuration> {
        let date = headers.get(http::header::DATE).and_then(|date| date.to_str().ok());
        let ahead = date.and_then(parse_http_date)?.duration_since(ours);
        if ClockSkew::believes(ahead) {
            self.0.store(ahead.as_secs(), Ordering::Relaxed);
        }
        Some(ahead)
    }

    pub(crate) fn believes(ahead: SignedDuration) -> bool {
        ahead.abs() <= MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_believed_and_no_more() {
        let ours: Timestamp = "2026-01-02T00:00:00Z".parse().expect("a test value");
        for (date, seconds, then) in [
            ("Sat, 03 Jan 2026 00:00:00 GMT", 86_400, "2026-01-03T00:00:00Z"),
            ("Thu, 01 Jan 2026 00:00:00 GMT", -86_400, "2026-01-01T00:00:00Z"),
            ("Sat, 03 Jan 2026 00:00:01 GMT", 86_401, "2026-01-02T00:00:00Z"),
            ("Wed, 31 Dec 2025 23:59:59 GMT", -86_401, "2026-01-02T00:00:00Z"),
            ("Thu, 30 Dec 9999 00:00:00 GMT", 251_634_816_000, "2026-01-02T00:00:00Z"),
        ] {
            let skew = ClockSkew::default();
            let headers = HeaderMap::from_iter([(http::header::DATE, date.parse().expect("a test value"))]);
            assert_eq!(skew.learn(&headers, ours), Some(SignedDuration::from_secs(seconds)), "{date}");
            assert_eq!(skew.corrected(ours).to_string(), then, "{date}");
            assert_eq!(skew.is_known(), then != "2026-01-02T00:00:00Z", "{date}");
        }
        let skew = ClockSkew::default();
        assert_eq!(skew.learn(&HeaderMap::new(), ours), None);
        let headers =
            HeaderMap::from_iter([(http::header::DATE, "yesterday".parse().expect("a test value"))]);
        assert_eq!(skew.learn(&headers, ours), None);
        // The latest time that this machine's clock can show: no service can be ahead of it.
        let ahead = HeaderMap::from_iter([(
            http::header::DATE,
            "Sat, 03 Jan 2026 00:00:00 GMT".parse().expect("a test value"),
        )]);
        skew.learn(&ahead, ours).expect("a date");
        assert_eq!(skew.corrected(Timestamp::MAX), Timestamp::MAX);
    }
}
