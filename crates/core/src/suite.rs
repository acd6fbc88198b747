//! Content algorithms with their layout.

use crate::layout::Layout;

/// A content algorithm together with its layout, named by the `cek-alg` header (`docs/format.md` §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Suite {
    /// AES-256 in counter mode, the suite of the official SDKs. **Not authenticated** (`docs/format.md` §3).
    AesCtr,
}

impl Suite {
    /// Every suite, in the order in which they are listed to people.
    pub const ALL: [Suite; 1] = [Suite::AesCtr];

    /// The value of the `cek-alg` header, in its exact case.
    pub const fn wire_name(self) -> &'static str {
        match self {
            Suite::AesCtr => "AES/CTR/NoPadding",
        }
    }

    /// The suite of a `cek-alg` value; the case counts.
    pub fn from_wire_name(name: &str) -> Option<Suite> {
        Suite::ALL.into_iter().find(|suite| suite.wire_name() == name)
    }

    /// The name in configurations and on command lines.
    pub const fn name(self) -> &'static str {
        match self {
            Suite::AesCtr => "aes-ctr",
        }
    }

    /// The suite of a configuration name.
    pub fn from_name(name: &str) -> Option<Suite> {
        Suite::ALL.into_iter().find(|suite| suite.name() == name)
    }

    /// Whether a changed, moved or missing byte is noticed when opening.
    pub const fn is_authenticated(self) -> bool {
        match self {
            Suite::AesCtr => false,
        }
    }

    /// How plaintext lies in stored bytes.
    pub const fn layout(self) -> Layout {
        match self {
            Suite::AesCtr => Layout::identity(),
        }
    }
}
