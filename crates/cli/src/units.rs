//! Values of arguments: sizes, ranges, pairs.

use std::time::Duration;

use osseal::ByteRange;
use serde::Deserialize;

/// NAME=VALUE.
pub(crate) type Pair = (String, String);

/// A count of bytes: a number, alone or with KiB, MiB or GiB.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let shift = match unit {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return Err("a size is a number of bytes, alone or with KiB, MiB or GiB, such as 8MiB".into()),
    };
    let number: u64 = match number {
        "" => return Err("a size begins with a number".into()),
        number => number.parse().map_err(|_| "the size is too large".to_owned())?,
    };
    match number.checked_mul(1 << shift) {
        Some(0) => Err("a size is at least one byte".into()),
        Some(size) => Ok(size),
        None => Err("the size is too large".into()),
    }
}

/// Least bytes a second: below, connections that wait for their turn would look as if they were stalled.
const LEAST_RATE: u64 = 8 << 10;

/// Bytes a second, written as a size.
pub(crate) fn rate(text: &str) -> Result<u64, String> {
    match size(text)? {
        rate if rate < LEAST_RATE => Err("a bandwidth is at least 8KiB, a second".into()),
        rate => Ok(rate),
    }
}

/// A time that is not over before it begins.
pub(crate) fn timeout(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("a command takes some time".into()),
        time => Ok(time),
    }
}

/// Whole seconds, minutes, hours or days.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return Err("a time is a number with s, m, h or d, such as 15m".into()),
    };
    let number: u64 =
        number.parse().map_err(|_| "a time begins with a number of moderate size".to_owned())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(|| "the time is too long".to_owned())
}

/// FIRST-LAST with both ends included, FIRST- or -COUNT.
pub(crate) fn range(text: &str) -> Result<ByteRange, String> {
    let number = |digits: &str| match digits.parse::<u64>() {
        Ok(number) if digits.bytes().all(|b| b.is_ascii_digit()) => Ok(number),
        _ if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
            Err("a number of the range is too large".to_owned())
        }
        _ => Err("a range is FIRST-LAST, FIRST- or -COUNT, such as 0-99 for the first 100 bytes".to_owned()),
    };
    match text.split_once('-') {
        Some(("", count)) => number(count).map(ByteRange::Suffix),
        Some((first, "")) => number(first).map(ByteRange::From),
        Some((first, last)) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return Err("the range ends before its start".into());
            }
            Ok(ByteRange::Bounded(first..last.saturating_add(1)))
        }
        None => number("").map(ByteRange::From),
    }
}

/// NAME=VALUE; whether the store takes the name is the store's rule.
pub(crate) fn pair(text: &str) -> Result<Pair, String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("metadata is written NAME=VALUE".into()),
    }
}

/// A number of bytes, written as on the command line.
fn bytes<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
    read: fn(&str) -> Result<u64, String>,
) -> Result<Option<u64>, D::Error> {
    read(&String::deserialize(deserializer)?).map(Some).map_err(serde::de::Error::custom)
}

pub(crate) fn size_field<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    bytes(deserializer, size)
}

pub(crate) fn rate_field<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    bytes(deserializer, rate)
}

/// A name that its type reads.
pub(crate) fn parsed<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    String::deserialize(deserializer)?.parse().map(Some).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [("1", 1), ("7B", 7), ("100KiB", 102_400), ("8MiB", 8 << 20), ("5GiB", 5 << 30)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in [
            "",
            "0",
            "0MiB",
            "-1",
            "+1",
            "1.5MiB",
            "8MB",
            "8 MiB",
            "MiB",
            "18446744073709551616",
            "99999999999GiB",
            "８",
        ] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn limits_are_not_nothing() {
        assert_eq!((rate("8KiB"), timeout("1s")), (Ok(8192), Ok(Duration::from_secs(1))));
        assert!(rate("8191").is_err() && rate("0").is_err() && timeout("0s").is_err());
    }

    #[test]
    fn durations() {
        for (text, seconds) in [("1s", 1), ("15m", 900), ("12h", 43_200), ("7d", 604_800), ("0s", 0)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in
            ["", "15", "m", "-1s", "1.5h", "1h30m", "1 h", "99999999999999999999s", "18446744073709551615d"]
        {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ranges_include_both_ends() {
        for (text, wanted) in [
            ("0-99", ByteRange::Bounded(0..100)),
            ("5-5", ByteRange::Bounded(5..6)),
            ("7-", ByteRange::From(7)),
            ("-50", ByteRange::Suffix(50)),
            ("3-18446744073709551615", ByteRange::Bounded(3..u64::MAX)),
        ] {
            assert_eq!(range(text), Ok(wanted), "{text}");
        }
        for text in
            ["", "-", "5", "9-5", "a-b", "0-9,20-29", "--5", "0--5", "+1-5", "18446744073709551616-", " 1-2"]
        {
            assert!(range(text).is_err(), "{text}");
        }
    }

    #[test]
    fn pairs() {
        assert_eq!(pair("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert_eq!(pair("a="), Ok(("a".into(), String::new())));
        assert!(pair("a").is_err() && pair("=b").is_err());
    }
}
