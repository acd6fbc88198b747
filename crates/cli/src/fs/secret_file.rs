//! Files with secrets. They must belong to the user of this process or root, and be closed to all others.

use std::fs::Metadata;
use std::path::Path;

use zeroize::Zeroizing;

use crate::fs::small_file;
use crate::ui::error::Failure;

/// Where the user may allow shared access.
#[derive(Clone, Copy, Debug)]
enum OptOut {
    /// In the section of the key.
    Section,
    /// Not in this file: it was discovered in the working directory.
    FoundSection,
    /// On the command line.
    Flag,
    /// Nowhere.
    None,
}

/// Access rules for the secret files of a key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SecretFilePolicy {
    is_shared: bool,
    opt_out: OptOut,
}

impl SecretFilePolicy {
    /// Only the owner may have access.
    pub(crate) const STRICT: SecretFilePolicy = SecretFilePolicy { is_shared: false, opt_out: OptOut::None };

    /// For a key's section.
    pub(crate) const fn of_section(is_allowed: bool) -> SecretFilePolicy {
        SecretFilePolicy { is_shared: is_allowed, opt_out: OptOut::Section }
    }

    /// For a section of a discovered configuration, which cannot allow shared access.
    pub(crate) const fn of_found_section() -> SecretFilePolicy {
        SecretFilePolicy { is_shared: false, opt_out: OptOut::FoundSection }
    }

    /// For a command-line flag.
    pub(crate) const fn of_flag(is_allowed: bool) -> SecretFilePolicy {
        SecretFilePolicy { is_shared: is_allowed, opt_out: OptOut::Flag }
    }

    /// Where the passphrase of a key can come from.
    pub(crate) fn passphrase_hint(self) -> &'static str {
        match self.opt_out {
            OptOut::Section | OptOut::FoundSection => {
                "write passphrase-file, passphrase-env or passphrase-command into the key's section; on a terminal, commands that use the key ask"
            }
            OptOut::Flag => "say --passphrase-file or --passphrase-env; on a terminal, the command asks",
            OptOut::None => "put a key file without a passphrase there",
        }
    }

    /// Reads a file with a secret, as [`small_file::read`] does.
    pub(crate) fn read(self, path: &Path, what: &str, most: usize) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let (bytes, metadata) = small_file::open(path, what, most)?;
        self.check(path, what, &metadata)?;
        Ok(bytes)
    }

    /// Refuses a secret that others can read or write. `metadata` is of the file that was read.
    pub(crate) fn check(self, path: &Path, what: &str, metadata: &Metadata) -> Result<(), Failure> {
        match exposure(metadata) {
            Some(exposure) if !self.is_shared => {
                let failure = Failure::usage(format!("the {what} {} {}", path.display(), exposure.words));
                let mend = format!("{} {}", exposure.mend, path.display());
                Err(failure.hint(match self.opt_out {
                    OptOut::None => mend,
                    OptOut::Section => format!(
                        "{mend}; or, if they are to use it, write allow-shared = true into the key's section"
                    ),
                    OptOut::FoundSection => format!(
                        "{mend}; or, if they are to use it, say allow-shared = true in a file that is named with --config"
                    ),
                    OptOut::Flag => format!("{mend}; or, if they are to use it, say --allow-shared"),
                }))
            }
            _ => Ok(()),
        }
    }
}

/// Other users' access, and the command that removes it.
struct Exposure {
    words: String,
    mend: &'static str,
}

#[cfg(unix)]
fn exposure(metadata: &Metadata) -> Option<Exposure> {
    use std::os::unix::fs::MetadataExt;
    let (owner, mode) = (metadata.uid(), metadata.mode() & 0o7777);
    if owner != 0 && owner != rustix::process::geteuid().as_raw() {
        let words = format!("belongs to another user (uid {owner}), who can read and change it");
        return Some(Exposure { words, mend: "chown $(id -u)" });
    }
    (mode & 0o077 != 0).then(|| Exposure {
        words: format!("is open to others than its owner (mode {mode:04o})"),
        mend: "chmod 600",
    })
}

/// Access control lists are not looked at.
#[cfg(not(unix))]
fn exposure(_metadata: &Metadata) -> Option<Exposure> {
    None
}
