//! [`ReadPolicy`]: which objects a reader accepts, and which bindings it requires.

use crate::context::{Bind, Binding, EncryptionContext, Place};
use crate::envelope::Envelope;
use crate::suite::Suite;
use crate::wrap::WrapAlgorithm;

/// Which objects a reader accepts. The default is the strictest policy of an authenticated suite; weaker ones are explicit.
///
/// A requirement overrides a permission: a reader that requires a binding or a pair reads neither AES-CTR nor plaintext
/// objects, which have none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ReadPolicy {
    unauthenticated: bool,
    plaintext: bool,
    moved: bool,
    bind: Bind,
    pairs: EncryptionContext,
}

/// The reason why a policy refuses an object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The suite does not authenticate and the policy wants that.
    #[error("the object is sealed with {}, which does not notice changed bytes, and the read policy allows authenticated suites only", suite.wire_name())]
    Unauthenticated {
        /// The suite of the object.
        suite: Suite,
    },
    /// The suite is never wrapped so, whatever the policy allows.
    #[error("the envelope names {wrap} for {}, which is never wrapped so; nothing was unwrapped", suite.wire_name())]
    WrapAlgorithm {
        /// The suite of the object.
        suite: Suite,
        /// The wrap algorithm of the object.
        wrap: WrapAlgorithm,
    },
    /// The reader requires a binding that the suite does not have.
    #[error("the reader requires bound names or pairs, and {} binds neither", suite.wire_name())]
    NothingBound {
        /// The suite of the object.
        suite: Suite,
    },
    /// Less of the place is bound than the reader requires.
    #[error("the reader requires bind {required}, and the object is sealed with bind {found}")]
    LesserBind {
        /// The required binding.
        required: Bind,
        /// The object's binding.
        found: Bind,
    },
    /// A pair that the reader requires is not there.
    #[error(
        "the reader requires the pair {key:?}={value:?} in the object's encryption context, which lacks it"
    )]
    MissingPair {
        /// The key.
        key: String,
        /// The value.
        value: String,
    },
    /// The object was sealed for another place.
    #[error(
        "the object is sealed as {sealed} and read as {read}: it was moved, copied or exchanged; allow moved objects to read it all the same"
    )]
    Moved {
        /// The place that it is bound to.
        sealed: Binding,
        /// The place where it is read.
        read: String,
    },
}

impl ReadPolicy {
    /// Authenticated suites only.
    pub const AUTHENTICATED: ReadPolicy = ReadPolicy::allowing(false);
    /// Also AES/CTR.
    pub const ALSO_UNAUTHENTICATED: ReadPolicy = ReadPolicy::allowing(true);

    const fn allowing(unauthenticated: bool) -> ReadPolicy {
        let pairs = EncryptionContext::empty();
        ReadPolicy { unauthenticated, plaintext: false, moved: false, bind: Bind::None, pairs }
    }

    /// The policy that reads the objects of a writer of `suite`.
    pub const fn for_writer_of(suite: Suite) -> ReadPolicy {
        if suite.is_authenticated() { Self::AUTHENTICATED } else { Self::ALSO_UNAUTHENTICATED }
    }

    /// Also objects without an envelope, as they are.
    #[must_use]
    pub fn with_plaintext(self, _: crate::dangerous::AllowPlaintextObjects) -> ReadPolicy {
        ReadPolicy { unauthenticated: true, plaintext: true, ..self }
    }

    /// Also objects that were sealed for another place than where they are read.
    #[must_use]
    pub fn with_moved(self) -> ReadPolicy {
        ReadPolicy { moved: true, ..self }
    }

    /// Only objects with at least so much of their place bound.
    #[must_use]
    pub fn requiring_bind(self, bind: Bind) -> ReadPolicy {
        ReadPolicy { bind, ..self }
    }

    /// Only objects whose encryption context has all these pairs, and maybe others.
    #[must_use]
    pub fn requiring_pairs(self, pairs: EncryptionContext) -> ReadPolicy {
        ReadPolicy { pairs, ..self }
    }

    /// How much of their place objects must have bound at least.
    pub const fn required_bind(&self) -> Bind {
        self.bind
    }

    /// The pairs that objects must have.
    pub const fn required_pairs(&self) -> &EncryptionContext {
        &self.pairs
    }

    /// Whether something must be bound.
    fn requires_bound(&self) -> bool {
        self.bind > Bind::None || !self.pairs.is_empty()
    }

    /// Whether objects of this suite may be read.
    pub fn admits(&self, suite: Suite) -> Result<(), PolicyError> {
        if suite.is_authenticated() {
            Ok(())
        } else if self.requires_bound() {
            Err(PolicyError::NothingBound { suite })
        } else if self.unauthenticated {
            Ok(())
        } else {
            Err(PolicyError::Unauthenticated { suite })
        }
    }

    /// Whether the object of this envelope may be read, as far as the envelope shows before any unwrap.
    pub fn admits_envelope(&self, envelope: &Envelope) -> Result<(), PolicyError> {
        let (suite, wrap) = (envelope.suite, envelope.wrap);
        self.admits(suite)?;
        if !suite.admits(wrap) {
            return Err(PolicyError::WrapAlgorithm { suite, wrap });
        }
        let Some(context) = envelope.context() else { return Ok(()) };
        let found = context.binding.bind();
        if found < self.bind {
            return Err(PolicyError::LesserBind { required: self.bind, found });
        }
        match self.pairs.first_missing_in(&context.pairs) {
            Some((key, value)) => {
                Err(PolicyError::MissingPair { key: key.to_owned(), value: value.to_owned() })
            }
            None => Ok(()),
        }
    }

    /// Whether an object that is bound so may be read at `place`.
    pub(crate) fn admits_place(&self, binding: &Binding, place: Place<'_>) -> Result<(), PolicyError> {
        if self.moved || binding.holds_at(place) {
            return Ok(());
        }
        Err(PolicyError::Moved { sealed: binding.clone(), read: place.to_string() })
    }

    /// Whether objects without an envelope may be read as they are.
    pub fn admits_plaintext(&self) -> bool {
        self.plaintext && !self.requires_bound()
    }

    /// The suites that may be read.
    pub fn suites(&self) -> impl Iterator<Item = Suite> {
        Suite::ALL.into_iter().filter(|suite| self.admits(*suite).is_ok())
    }
}
