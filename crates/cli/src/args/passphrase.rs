//! Arguments about the passphrase of a key file. None of them is the passphrase: arguments are visible to others.

use std::path::PathBuf;

use crate::keys::passphrase::Source;

/// Where a passphrase comes from.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct PassphraseFrom {
    /// Take the key file's passphrase from this file (- for standard input)
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_env")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Take the key file's passphrase from the environment variable of this name
    #[arg(long, value_name = "NAME")]
    pub(crate) passphrase_env: Option<String>,
}

impl PassphraseFrom {
    pub(crate) fn source(self) -> Option<Source> {
        let variable = self.passphrase_env.map(Source::Environment);
        let file = self.passphrase_file.map(|path| match path.as_os_str().to_str() {
            Some("-") => Source::Stdin,
            _ => Source::File(path),
        });
        file.or(variable)
    }
}
