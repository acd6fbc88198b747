//! Rules of bucket names and object keys.
//!
//! Source: <https://www.alibabacloud.com/help/en/oss/product-overview/limits>

/// Longest object key, in bytes of UTF-8.
pub const MAX_KEY: usize = 1023;

/// Errors of checking a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Not a valid bucket name.
    #[error("a bucket name has 3 to 63 lower-case letters, digits and hyphens, with no hyphen at either end")]
    Bucket,
    /// Not a valid object key.
    #[error("an object key has 1 to {MAX_KEY} bytes of UTF-8 and starts with neither / nor \\")]
    Key,
    /// A key with a segment `.` or `..`. URL libraries resolve such segments, so the request would
    /// name another object.
    #[error(
        "an object key with a segment . or .. is refused: URL libraries resolve such segments, and the request would name another object"
    )]
    DotSegment,
}

/// Checks a bucket name.
///
/// # Errors
/// [`NameError::Bucket`].
pub fn check_bucket(name: &str) -> Result<(), NameError> {
    let length = (3..=63).contains(&name.len());
    let letters = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let edges = !name.starts_with('-') && !name.ends_with('-');
    if length && letters && edges { Ok(()) } else { Err(NameError::Bucket) }
}

/// Checks an object key.
///
/// # Errors
/// [`NameError::Key`], [`NameError::DotSegment`].
pub fn check_key(key: &str) -> Result<(), NameError> {
    if key.is_empty() || key.len() > MAX_KEY || key.starts_with(['/', '\\']) {
        return Err(NameError::Key);
    }
    if key.split('/').any(|segment| segment == "." || segment == "..") {
        return Err(NameError::DotSegment);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c04_invalid_names_are_refused() {
        for good in ["abc", "a-1", &"a".repeat(63)] {
            assert_eq!(check_bucket(good), Ok(()), "{good}");
        }
        for bad in ["", "ab", "Abc", "a.b", "-ab", "ab-", "a_b", "a b", "ä12", &"a".repeat(64)] {
            assert_eq!(check_bucket(bad), Err(NameError::Bucket), "{bad}");
        }
        for good in ["a", "a//b", "对象 😀+%", "..a", "a..", &"k".repeat(1023)] {
            assert_eq!(check_key(good), Ok(()), "{good}");
        }
        for bad in ["", "/a", "\\a", &"k".repeat(1024)] {
            assert_eq!(check_key(bad), Err(NameError::Key), "{bad}");
        }
        for bad in ["..", ".", "a/../b", "a/.", "../a"] {
            assert_eq!(check_key(bad), Err(NameError::DotSegment), "{bad}");
        }
    }
}
