//! Checks names in the configuration file and suggests corrections.

use std::borrow::Cow;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::field_names::field_names;
use super::locate::ConfigFile;
use super::{File, Profile};
use crate::keys::KeyEntry;
use crate::rules::Rules;
use crate::ui::error::Failure;

/// Checks every name of the file before any value is looked at. Values are not repeated: they may be secrets.
pub(super) fn names(text: &str, found: &ConfigFile) -> Result<(), Failure> {
    let document = DeTable::parse(text).map_err(|error| malformed(text, found, &error))?;
    let checker = Checker { text, found };
    let root = document.get_ref();
    checker.known(root, field_names::<File>(), "section")?;
    for (section, names) in [("profile", field_names::<Profile>()), ("key", field_names::<KeyEntry>())] {
        let Some(DeValue::Table(entries)) = root.get(section).map(Spanned::get_ref) else { continue };
        for (_, entry) in entries {
            if let DeValue::Table(entry) = entry.get_ref() {
                checker.known(entry, names, "key")?;
                let Some(DeValue::Table(buckets)) = entry.get("bucket").map(Spanned::get_ref) else {
                    continue;
                };
                for (_, bucket) in buckets {
                    if let DeValue::Table(bucket) = bucket.get_ref() {
                        checker.known(bucket, field_names::<Rules>(), "key")?;
                    }
                }
            }
        }
    }
    Ok(())
}

/// A file that is no TOML, or has a value of a wrong type.
pub(super) fn malformed(text: &str, found: &ConfigFile, error: &toml::de::Error) -> Failure {
    let at = error.span().map_or(0, |span| span.start);
    let name = name_at(text, at).map(|name| format!("{name}: ")).unwrap_or_default();
    let message = error.message().lines().next().unwrap_or("not TOML").to_owned();
    Failure::usage(format!("{}: {name}{message}", place(&found.path, text, at)))
}

/// The known name that is closest to `name`, if any is close.
pub(crate) fn nearest<'a, S: AsRef<str> + 'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a S>,
) -> Option<&'a str> {
    if name.len() > 64 {
        return None;
    }
    let scored = known.into_iter().map(|known| (strsim::damerau_levenshtein(name, known.as_ref()), known));
    let (distance, best) = scored.min_by_key(|(distance, _)| *distance)?;
    (distance <= 1 + name.len() / 4).then_some(best.as_ref())
}

struct Checker<'a> {
    text: &'a str,
    found: &'a ConfigFile,
}

impl Checker<'_> {
    fn known(&self, table: &DeTable<'_>, known: &[&str], what: &str) -> Result<(), Failure> {
        let place = |name: &Spanned<Cow<'_, str>>| place(&self.found.path, self.text, name.span().start);
        if self.found.is_discovered
            && let Some(name) = table.keys().find(|name| names_a_command(name.get_ref()))
        {
            let (place, name) = (place(name), name.get_ref());
            let reason = "a configuration found in the working directory may not name commands to run";
            return Err(Failure::usage(format!("{place}: {name:?} is refused: {reason}"))
                .hint("name the file with --config if you trust it"));
        }
        let Some(name) = table.keys().find(|name| !known.contains(&name.get_ref().as_ref())) else {
            return Ok(());
        };
        let (place, name) = (place(name), name.get_ref().as_ref());
        let failure = Failure::usage(format!("{place}: unknown {what} {name:?}"));
        Err(match nearest(name, known) {
            Some(near) => failure.hint(format!("did you mean {near:?}?")),
            None => failure.hint(format!("there are: {}", known.join(", "))),
        })
    }
}

fn names_a_command(name: &str) -> bool {
    ["command", "exec", "program", "helper"].iter().any(|word| name.to_ascii_lowercase().contains(word))
}

fn place(path: &Path, text: &str, at: usize) -> String {
    let line = text.as_bytes().iter().take(at).filter(|&&byte| byte == b'\n').count() + 1;
    format!("{}, line {line}", path.display())
}

/// The name before the `=` of the line at a position.
fn name_at(text: &str, at: usize) -> Option<&str> {
    let start = text.get(..at)?.rfind('\n').map_or(0, |end| end + 1);
    let line = text.get(start..)?.lines().next()?;
    let name = line.split_once('=')?.0.trim();
    (name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-\"".contains(&b)))
        .then_some(name)
}
