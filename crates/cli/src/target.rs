//! What `cp` and the others are pointed at: `oss://bucket/key`, a file, or `-`.

use std::ffi::OsStr;
use std::fmt;
use std::path::PathBuf;

use crate::exit::Failure;
use crate::output::printable;

/// A source or a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// `-`: standard input or output.
    Stdio,
    File(PathBuf),
    Object(ObjectUrl),
}

/// `oss://bucket[/key]`. The key may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ObjectUrl {
    pub(crate) bucket: String,
    pub(crate) key: String,
}

impl Place {
    pub(crate) fn parse(text: &OsStr) -> Result<Place, Failure> {
        if text.is_empty() {
            return Err(Failure::usage("a source or target is empty"));
        }
        let Some(known) = text.to_str() else {
            let shown = text.to_string_lossy();
            if shown.starts_with("oss://") {
                return Err(Failure::usage(format!("{shown} is not UTF-8; object keys are")));
            }
            return Ok(Place::File(text.into()));
        };
        if known == "-" {
            return Ok(Place::Stdio);
        }
        match known.split_once("://") {
            Some(("oss", _)) => ObjectUrl::parse(known).map(Place::Object),
            Some((scheme, _)) if !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric()) => {
                Err(Failure::usage(format!("{known}: only oss:// addresses are understood"))
                    .hint("a file of that name is written ./ in front"))
            }
            _ => Ok(Place::File(text.into())),
        }
    }
}

impl ObjectUrl {
    /// Reads `oss://bucket` or `oss://bucket/key`; what follows the slash is the key, byte for byte.
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

    /// What lies below this address by that name.
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

    fn object(bucket: &str, key: &str) -> Place {
        Place::Object(ObjectUrl { bucket: bucket.into(), key: key.into() })
    }

    #[test]
    fn places() {
        for (text, place) in [
            ("-", Place::Stdio),
            ("file", Place::File("file".into())),
            ("./oss:/x", Place::File("./oss:/x".into())),
            ("./s3://x", Place::File("./s3://x".into())),
            ("oss://box", object("box", "")),
            ("oss://box/", object("box", "")),
            ("oss://box/a/b c", object("box", "a/b c")),
            ("oss://box//a", object("box", "/a")),
        ] {
            assert_eq!(Place::parse(OsStr::new(text)).expect(text), place);
        }
        for text in ["", "oss://", "oss:///key", "s3://box/key", "https://host/key", "OSS://box/key"] {
            assert!(Place::parse(OsStr::new(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn file_names_stay_in_their_folder() {
        for (key, name) in [("a", Some("a")), ("x/y", Some("y")), ("x/", None), ("x/..", None), (".", None)] {
            let url = ObjectUrl { bucket: "box".into(), key: key.into() };
            assert_eq!(url.file_name().ok(), name, "{key}");
        }
    }
}
