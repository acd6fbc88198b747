//! Time formats of requests and replies. All times are UTC.

use jiff::Timestamp;

/// `20231216T162057Z`.
pub(super) fn basic_time(time: Timestamp) -> String {
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}

pub(super) fn parse_basic_time(text: &str) -> Option<Timestamp> {
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    jiff::tz::TimeZone::UTC.to_timestamp(time).ok()
}

/// `Sat, 16 Dec 2023 16:20:57 GMT`, the form of `Date` and `Last-Modified` (RFC 9110, section
/// 5.6.7).
pub fn http_date(time: Timestamp) -> String {
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Parses the form that [`http_date`] writes.
pub fn parse_http_date(text: &str) -> Option<Timestamp> {
    let time = jiff::civil::DateTime::strptime("%a, %d %b %Y %H:%M:%S GMT", text).ok()?;
    jiff::tz::TimeZone::UTC.to_timestamp(time).ok()
}
