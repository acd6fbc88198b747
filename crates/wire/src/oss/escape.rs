//! Percent-encoding as the signatures of the service require it: all bytes except `A-Z a-z 0-9 - .
//! _ ~`, upper-case hex.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

const STRICT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const PATH: &AsciiSet = &STRICT.remove(b'/');

/// Encodes a name or value of a query, or of a header with the same syntax (`x-oss-tagging`).
pub fn query(text: &str) -> String {
    utf8_percent_encode(text, STRICT).to_string()
}

/// Appends pairs to the query of a URL; `None` when the URL becomes too long.
pub(crate) fn append(uri: &mut http::Uri, pairs: &[(&str, &str)]) -> Option<()> {
    let mut parts = uri.clone().into_parts();
    let mut text = uri.path().to_owned();
    let mut separator = '?';
    if let Some(existing) = uri.query().filter(|query| !query.is_empty()) {
        text = format!("{text}?{existing}");
        separator = '&';
    }
    for (name, value) in pairs {
        text = format!("{text}{separator}{}={}", query(name), query(value));
        separator = '&';
    }
    parts.path_and_query = Some(text.parse().ok()?);
    *uri = http::Uri::from_parts(parts).ok()?;
    Some(())
}

/// Encodes a path and keeps its slashes.
pub(crate) fn path(text: &str) -> String {
    utf8_percent_encode(text, PATH).to_string()
}

/// Decodes once; `None` when the bytes are not UTF-8.
pub fn decode(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// Decodes a query name or value, in which `+` is a space.
pub(crate) fn decode_query(text: &str) -> Option<String> {
    decode(&text.replace('+', " "))
}

/// Decodes the pairs of a raw query, in order; `None` when a name or value is not UTF-8.
pub(crate) fn pairs(raw: Option<&str>) -> Option<Vec<(String, String)>> {
    raw.unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode_query(name)?, decode_query(value)?))
        })
        .collect()
}
