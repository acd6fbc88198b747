//! Content algorithms with their layout.

use crate::layout::Layout;
use crate::wrap::WrapAlgorithm;

/// A content algorithm with its layout, named by the `cek-alg` header (`docs/format.md` §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Suite {
    /// AES-256-GCM in chunks of 16 KiB that commit to their key and context (c2sp.org/chunked-encryption@v1 with AES-256-GCM
    /// and SHA-512). Authenticated (`docs/format.md` §7).
    Sealed,
    /// AES-256 in counter mode, the suite of the official SDKs. **Not authenticated** (`docs/format.md` §3).
    AesCtr,
}

impl Suite {
    /// Every suite, in the order in which they are listed to people.
    pub const ALL: [Suite; 2] = [Suite::Sealed, Suite::AesCtr];

    /// The value of the `cek-alg` header, in its exact case.
    pub const fn wire_name(self) -> &'static str {
        match self {
            Suite::Sealed => "AES/GCM/C2SP-Chunked-v1",
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
            Suite::Sealed => "sealed",
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
            Suite::Sealed => true,
            Suite::AesCtr => false,
        }
    }

    /// Whether data keys of this suite may be wrapped with this algorithm. Those of sealed objects never with
    /// RSAES-PKCS1-v1_5, whose failures are distinguishable, nor under the legacy names.
    pub const fn admits(self, wrap: WrapAlgorithm) -> bool {
        match self {
            Suite::Sealed => matches!(
                wrap,
                WrapAlgorithm::Kms
                    | WrapAlgorithm::RsaOaepSha1
                    | WrapAlgorithm::RsaOaepSha256
                    | WrapAlgorithm::AesKw
            ),
            Suite::AesCtr => true,
        }
    }

    /// How plaintext lies in stored bytes.
    pub const fn layout(self) -> Layout {
        match self {
            Suite::Sealed => Layout::chunked(),
            Suite::AesCtr => Layout::identity(),
        }
    }
}
