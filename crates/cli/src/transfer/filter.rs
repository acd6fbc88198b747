//! Which names: `--include` and `--exclude`.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::ui::error::Failure;

/// Patterns over names relative to the folder or prefix that is copied. `*` and `?` match `/` too, as in ossutil.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    include: Option<GlobSet>,
    exclude: GlobSet,
}

impl Filter {
    /// Selects names that match none of `exclude` and, unless `include` is empty, one of `include`.
    pub(crate) fn new(include: &[String], exclude: &[String]) -> Result<Filter, Failure> {
        let include = (!include.is_empty()).then(|| set(include)).transpose()?;
        Ok(Filter { include, exclude: set(exclude)? })
    }

    /// Whether the name is to be copied. A pattern without `/` may match the last part alone.
    pub(crate) fn takes(&self, name: &str) -> bool {
        let last = name.rsplit('/').next().unwrap_or(name);
        let hits = |set: &GlobSet| set.is_match(name) || set.is_match(last);
        self.include.as_ref().is_none_or(hits) && !hits(&self.exclude)
    }
}

fn set(patterns: &[String]) -> Result<GlobSet, Failure> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let glob = GlobBuilder::new(pattern).literal_separator(false).backslash_escape(true).build();
        set.add(glob.map_err(|error| {
            Failure::usage(format!("the pattern {pattern:?} is not understood")).caused_by(&error)
        })?);
    }
    set.build().map_err(|error| Failure::usage("the patterns cannot be used together").caused_by(&error))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
    use super::*;

    fn selection(include: &[&str], exclude: &[&str]) -> Result<Filter, Failure> {
        let owned =
            |patterns: &[&str]| patterns.iter().map(|&pattern| pattern.to_owned()).collect::<Vec<_>>();
        Filter::new(&owned(include), &owned(exclude))
    }

    #[test]
    fn excluded_wins() {
        let all = ["a.txt", "dir/b.txt", "dir/c.log", "dir/deep/d.txt"];
        for (include, exclude, taken) in [
            (&[][..], &[][..], &all[..]),
            (&["*.txt"], &[], &["a.txt", "dir/b.txt", "dir/deep/d.txt"]),
            (&["*.txt"], &["dir/*"], &["a.txt"]),
            (&[], &["b.*", "?.log"], &["a.txt", "dir/deep/d.txt"]),
            (&["d*/[cd].*"], &[], &["dir/c.log", "dir/deep/d.txt"]),
        ] {
            let selection = selection(include, exclude).unwrap();
            let got: Vec<_> = all.into_iter().filter(|name| selection.takes(name)).collect();
            assert_eq!(got, taken, "{include:?} {exclude:?}");
        }
        assert!(selection(&["[a"], &[]).is_err());
    }
}
