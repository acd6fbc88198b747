//! Queries and headers of a request under construction.

use http::{HeaderMap, HeaderValue};

use super::Conditions;
use crate::oss::escape;
use crate::oss::header::{self, InvalidHeader};
use crate::oss::operation::Selector;

/// A query. A pair with an empty value is written as a bare name.
#[derive(Default)]
pub(super) struct QueryWriter(Vec<(&'static str, String)>);

impl QueryWriter {
    /// Adds the parameter by which the operation is recognized.
    pub(super) fn select(&mut self, selector: Selector) {
        match selector {
            Selector::SubResource(name) | Selector::MethodSubResource(name) => {
                self.0.push((name, String::new()));
            }
            Selector::Value(name, value) => self.text(name, value),
            // `uploadId` is written with the operation's other arguments.
            Selector::Plain | Selector::UploadId | Selector::UploadIdAndCopySource | Selector::CopySource => {
            }
        }
    }

    /// Adds a value unless it is empty.
    pub(super) fn text(&mut self, name: &'static str, value: &str) {
        if !value.is_empty() {
            self.0.push((name, value.to_owned()));
        }
    }

    pub(super) fn number(&mut self, name: &'static str, value: impl Into<Option<u64>>) {
        if let Some(value) = value.into() {
            self.0.push((name, value.to_string()));
        }
    }

    pub(super) fn url_encoding(&mut self, is_on: bool) {
        self.text("encoding-type", if is_on { "url" } else { "" });
    }

    pub(super) fn version_id(&mut self, version_id: Option<&str>) {
        self.text("versionId", version_id.unwrap_or_default());
    }

    /// The query without `?`; empty without parameters.
    pub(super) fn finish(&self) -> String {
        let pair = |(name, value): &(&str, String)| {
            if value.is_empty() { (*name).to_owned() } else { format!("{name}={}", escape::query(value)) }
        };
        self.0.iter().map(pair).collect::<Vec<_>>().join("&")
    }
}

/// The headers of a request.
pub(super) struct HeaderWriter(pub(super) HeaderMap);

impl HeaderWriter {
    pub(super) fn set(&mut self, name: &'static str, value: &str) -> Result<(), InvalidHeader> {
        header::set(&mut self.0, name, value)
    }

    pub(super) fn maybe(&mut self, name: &'static str, value: Option<&str>) -> Result<(), InvalidHeader> {
        value.map_or(Ok(()), |value| self.set(name, value))
    }

    pub(super) fn number(&mut self, name: &'static str, value: Option<u64>) {
        if let Some(value) = value {
            self.0.insert(name, HeaderValue::from(value));
        }
    }

    /// Sends `true`, or nothing for `false`.
    pub(super) fn flag(&mut self, name: &'static str, is_set: bool) -> Result<(), InvalidHeader> {
        if is_set { self.set(name, "true") } else { Ok(()) }
    }

    pub(super) fn conditions(
        &mut self,
        conditions: &Conditions,
        names: [&'static str; 4],
    ) -> Result<(), InvalidHeader> {
        let values = [
            &conditions.if_match,
            &conditions.if_none_match,
            &conditions.if_modified_since,
            &conditions.if_unmodified_since,
        ];
        names.into_iter().zip(values).try_for_each(|(name, value)| self.maybe(name, value.as_deref()))
    }
}
