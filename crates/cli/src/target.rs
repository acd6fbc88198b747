//! Sources and targets: `oss://bucket/key`, a file, `-`, or a presigned URL.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::fs::small_file;
use crate::ui::error::Failure;
use crate::ui::output::Output;
use crate::ui::text::printable;

/// In front of the name of a file that holds a presigned URL.
const URL_FILE: &str = "url-file:";
/// Longest presigned URL, bytes: an address and a token.
const MAX_URL: usize = 32 << 10;

/// A source or a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// `-`: standard input or output.
    Stdio,
    File(PathBuf),
    Object(ObjectUrl),
    /// A presigned URL.
    Url(SignedUrl),
}

/// A presigned URL. Its query is as good as a password: it is shown without.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SignedUrl {
    url: String,
    is_argument: bool,
}

/// `oss://bucket[/key]`. The key may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ObjectUrl {
    pub(crate) bucket: String,
    pub(crate) key: String,
}

impl Location {
    pub(crate) fn parse(text: &OsStr) -> Result<Location, Failure> {
        if text.is_empty() {
            return Err(Failure::usage("a source or target is empty"));
        }
        let Some(known) = text.to_str() else {
            let shown = text.to_string_lossy();
            if shown.starts_with("oss://") {
                return Err(Failure::usage(format!("{shown} is not UTF-8; object keys are")));
            }
            return Ok(Location::File(text.into()));
        };
        if known == "-" {
            return Ok(Location::Stdio);
        }
        if let Some(path) = known.strip_prefix(URL_FILE) {
            return SignedUrl::read(path).map(Location::Url);
        }
        match known.split_once("://") {
            Some(("oss", _)) => ObjectUrl::parse(known).map(Location::Object),
            Some(("https" | "http", _)) => {
                Ok(Location::Url(SignedUrl { url: known.to_owned(), is_argument: true }))
            }
            Some((scheme, _)) if !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric()) => {
                Err(Failure::usage(format!(
                    "{known}: only oss:// addresses and presigned https:// URLs are understood"
                ))
                .hint("a file of that name is written ./ in front"))
            }
            _ => Ok(Location::File(text.into())),
        }
    }
}

impl SignedUrl {
    /// Reads a URL from a file with one line, or from standard input.
    fn read(path: &str) -> Result<SignedUrl, Failure> {
        let text = if path == "-" {
            small_file::read_stdin("URL", MAX_URL)?
        } else {
            small_file::read(Path::new(path), "URL file", MAX_URL)?
        };
        let url = std::str::from_utf8(&text).map(str::trim).unwrap_or_default();
        let is_url = ["https://", "http://"].iter().any(|scheme| url.starts_with(scheme));
        if !is_url || url.contains(char::is_whitespace) {
            return Err(Failure::usage(format!("{URL_FILE}{path} holds something other than one URL")));
        }
        Ok(SignedUrl { url: url.to_owned(), is_argument: false })
    }

    /// The URL with everything that it allows.
    pub(crate) fn expose(&self) -> &str {
        &self.url
    }

    /// Warns if other users of this machine can see the URL.
    pub(crate) fn warn_if_visible(&self) {
        if self.is_argument && self.url.contains('?') {
            Output::warn(format_args!(
                "other users of this machine can see the URL among the arguments while this runs; {URL_FILE}- reads it from standard input"
            ));
        }
    }
}

impl fmt::Display for SignedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(self.url.split(['?', '#']).next().unwrap_or_default()))
    }
}

impl fmt::Debug for SignedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignedUrl({self})")
    }
}

impl ObjectUrl {
    /// Reads `oss://bucket` or `oss://bucket/key`; the rest after the slash is the key, byte for byte.
    pub(crate) fn parse(text: &str) -> Result<ObjectUrl, Failure> {
        let rest = text.strip_prefix("oss://").ok_or_else(|| {
            Failure::usage(format!("{text:?} is not an address of the store"))
                .hint("an address is written oss://bucket/key")
        })?;
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(Failure::usage(format!("{text} names no bucket"))
                .hint("an address is written oss://bucket/key"));
        }
        Ok(ObjectUrl { bucket: bucket.to_owned(), key: key.to_owned() })
    }

    /// The same, of an argument that may not be UTF-8.
    pub(crate) fn parse_os(text: &OsStr) -> Result<ObjectUrl, Failure> {
        match text.to_str() {
            Some(text) => ObjectUrl::parse(text),
            None => Err(Failure::usage(format!("{} is not UTF-8; object keys are", text.to_string_lossy()))),
        }
    }

    /// The address of `name` below this address.
    pub(crate) fn join(&self, name: &str) -> ObjectUrl {
        ObjectUrl { bucket: self.bucket.clone(), key: format!("{}{name}", self.key) }
    }

    /// This address if it names an object.
    pub(crate) fn with_key(self) -> Result<ObjectUrl, Failure> {
        if self.key.is_empty() {
            return Err(Failure::usage(format!("{self} names no object"))
                .hint("an object is written oss://bucket/key"));
        }
        Ok(self)
    }

    /// This address if it names a bucket alone.
    pub(crate) fn bucket_alone(self) -> Result<String, Failure> {
        if self.key.is_empty() {
            return Ok(self.bucket);
        }
        Err(Failure::usage(format!("{self} names an object, and a bucket is needed"))
            .hint(format!("a bucket is written oss://{}", self.bucket)))
    }

    /// Whether it stands for a folder, so that a copy into it keeps its name.
    pub(crate) fn is_folder(&self) -> bool {
        self.key.is_empty() || self.key.ends_with('/')
    }

    /// This address as a folder: the bucket, or a key that ends in a slash.
    pub(crate) fn into_folder(mut self) -> ObjectUrl {
        if !self.is_folder() {
            self.key.push('/');
        }
        self
    }

    /// The last segment of the key as a file name, if it can be one.
    pub(crate) fn file_name(&self) -> Result<&str, Failure> {
        let name = self.key.rsplit('/').next().unwrap_or_default();
        let mut parts = std::path::Path::new(name).components();
        match (parts.next(), parts.next()) {
            (Some(std::path::Component::Normal(only)), None) if only == OsStr::new(name) => Ok(name),
            _ => Err(Failure::usage(format!("the last part of {self} is no file name"))
                .hint("name the target file")),
        }
    }
}

impl fmt::Display for ObjectUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "oss://{}", printable(&self.bucket))?;
        if !self.key.is_empty() {
            write!(f, "/{}", printable(&self.key))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(bucket: &str, key: &str) -> Location {
        Location::Object(ObjectUrl { bucket: bucket.into(), key: key.into() })
    }

    #[test]
    fn places() {
        for (text, place) in [
            ("-", Location::Stdio),
            ("file", Location::File("file".into())),
            ("./oss:/x", Location::File("./oss:/x".into())),
            ("./s3://x", Location::File("./s3://x".into())),
            ("oss://box", object("box", "")),
            ("oss://box/", object("box", "")),
            ("oss://box/a/b c", object("box", "a/b c")),
            ("oss://box//a", object("box", "/a")),
        ] {
            assert_eq!(Location::parse(OsStr::new(text)).expect(text), place);
        }
        for text in
            ["", "oss://", "oss:///key", "s3://box/key", "OSS://box/key", "url-file:", "url-file:/none"]
        {
            assert!(Location::parse(OsStr::new(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn urls_are_shown_without_what_they_allow() {
        let place = Location::parse(OsStr::new("https://box.host/a%20b?Signature=hunter2#x")).expect("a URL");
        let Location::Url(url) = &place else { panic!("{place:?}") };
        assert_eq!(url.to_string(), "https://box.host/a%20b");
        assert_eq!(format!("{place:?}"), "Url(SignedUrl(https://box.host/a%20b))");
        assert!(url.expose().ends_with("?Signature=hunter2#x"));
    }

    #[test]
    fn file_names_stay_in_their_folder() {
        for (key, name) in [("a", Some("a")), ("x/y", Some("y")), ("x/", None), ("x/..", None), (".", None)] {
            let url = ObjectUrl { bucket: "box".into(), key: key.into() };
            assert_eq!(url.file_name().ok(), name, "{key}");
        }
    }
}
