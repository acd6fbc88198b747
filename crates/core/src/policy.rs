//! What may be read.

use crate::suite::Suite;

/// What a reader accepts. The strictest is the default of a suite that authenticates; weaker ones are somebody's choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadPolicy {
    unauthenticated: bool,
    plaintext: bool,
}

/// What the policy keeps out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The suite does not authenticate and the policy wants that.
    #[error("the object is sealed with {}, which does not notice changed bytes, and the read policy allows authenticated suites only", suite.wire_name())]
    Unauthenticated {
        /// The suite of the object.
        suite: Suite,
    },
}

impl ReadPolicy {
    /// Authenticated suites only.
    pub const AUTHENTICATED: ReadPolicy = ReadPolicy { unauthenticated: false, plaintext: false };
    /// Also AES/CTR.
    pub const ALSO_UNAUTHENTICATED: ReadPolicy = ReadPolicy { unauthenticated: true, plaintext: false };

    /// The policy that reads what a writer of `suite` writes.
    pub const fn for_writer_of(suite: Suite) -> ReadPolicy {
        if suite.is_authenticated() { Self::AUTHENTICATED } else { Self::ALSO_UNAUTHENTICATED }
    }

    /// Also objects without an envelope, as they are.
    #[must_use]
    pub const fn with_plaintext(self, _: crate::dangerous::AllowPlaintextObjects) -> ReadPolicy {
        ReadPolicy { unauthenticated: true, plaintext: true }
    }

    /// Whether objects of this suite may be read.
    pub const fn admits(self, suite: Suite) -> Result<(), PolicyError> {
        if suite.is_authenticated() || self.unauthenticated {
            Ok(())
        } else {
            Err(PolicyError::Unauthenticated { suite })
        }
    }

    /// Whether objects without an envelope may be read as they are.
    pub const fn admits_plaintext(self) -> bool {
        self.plaintext
    }

    /// The suites that may be read.
    pub fn suites(self) -> impl Iterator<Item = Suite> {
        Suite::ALL.into_iter().filter(move |suite| self.admits(*suite).is_ok())
    }
}
