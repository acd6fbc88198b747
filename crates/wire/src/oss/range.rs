//! `Range` and `Content-Range` (RFC 9110, section 14). Inclusive on the wire, half-open in the
//! types.

use std::fmt;
use std::ops::Range;

/// A range of stored bytes. The service accepts one range in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RangeSpec {
    /// From an offset to the end.
    From(u64),
    /// The last bytes of the object, by count.
    Suffix(u64),
    /// A half-open range that is not empty.
    Bounded(Range<u64>),
}

impl RangeSpec {
    /// Parses a `Range` header. `None` for anything but one valid range of bytes; the service
    /// ignores such a header.
    pub fn parse(value: &str) -> Option<RangeSpec> {
        let (first, last) = value.strip_prefix("bytes=")?.split_once('-')?;
        match (first.is_empty(), last.is_empty()) {
            (true, true) => None,
            (true, false) => digits(last).map(RangeSpec::Suffix),
            (false, true) => digits(first).map(RangeSpec::From),
            (false, false) => {
                let (start, end) = (digits(first)?, digits(last)?.checked_add(1)?);
                (start < end).then_some(RangeSpec::Bounded(start..end))
            }
        }
    }
}

impl fmt::Display for RangeSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RangeSpec::From(start) => write!(f, "bytes={start}-"),
            RangeSpec::Suffix(count) => write!(f, "bytes=-{count}"),
            RangeSpec::Bounded(range) => write!(f, "bytes={}-{}", range.start, range.end.saturating_sub(1)),
        }
    }
}

/// The range of a partial reply (RFC 9110, section 14.4): `bytes 0-9/100` is `start` 0, `end` 10.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentRange {
    /// Offset of the first byte.
    pub start: u64,
    /// Offset after the last byte; more than `start`.
    pub end: u64,
    /// Bytes of the whole object; at least `end`.
    pub total: u64,
}

impl ContentRange {
    /// Parses the header strictly: one space, digits only, a known total that contains the range.
    pub fn parse(value: &str) -> Option<ContentRange> {
        let (range, total) = value.strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let (start, end, total) = (digits(first)?, digits(last)?.checked_add(1)?, digits(total)?);
        (start < end && end <= total).then_some(ContentRange { start, end, total })
    }
}

impl fmt::Display for ContentRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bytes {}-{}/{}", self.start, self.end.saturating_sub(1), self.total)
    }
}

/// Parses a decimal number: digits only, no sign or space.
pub(crate) fn digits(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r04_content_ranges_are_strict() {
        let good = ContentRange { start: 0, end: 10, total: 100 };
        assert_eq!(ContentRange::parse("bytes 0-9/100"), Some(good));
        assert_eq!(good.to_string(), "bytes 0-9/100");
        for bad in [
            "",
            "bytes",
            "bytes */100",
            "bytes 5-4/10",
            "bytes 0-9/5",
            "bytes 0-9/*",
            "bytes 0-18446744073709551615/10",
            "bytes -1-9/10",
            "bytes  0-9/100",
            "bytes 0-9/100 ",
            "bytes 0 - 9/100",
            "bytes +0-9/100",
            "bytes=0-9/100",
            "0-9/100",
            "bytes 0-9/18446744073709551616",
        ] {
            assert_eq!(ContentRange::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn ranges_round_trip() {
        for spec in [
            RangeSpec::From(7),
            RangeSpec::Suffix(9),
            RangeSpec::Bounded(3..4),
            RangeSpec::Bounded(0..u64::MAX),
        ] {
            assert_eq!(RangeSpec::parse(&spec.to_string()), Some(spec));
        }
        for bad in ["bytes=-", "bytes=5-4", "bytes=a-", "bytes=0-1,3-4", "items=0-1", "bytes= 0-1", "0-1"] {
            assert_eq!(RangeSpec::parse(bad), None, "{bad:?}");
        }
    }
}
