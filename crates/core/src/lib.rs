#![doc = include_str!("../README.md")]

mod content;
mod context;
pub mod dangerous;
mod envelope;
mod keyring;
mod layout;
mod matdesc;
mod policy;
mod range;
mod secret;
mod suite;
mod wrap;

pub use content::{
    COMMITMENT, Chunk, ContentError, ContentKey, OpenStream, Opener, PartDigest, PartSlots, PastPart, SALT,
    SealStream, SealedPart, Sealer, Slot, ctr_iv,
};
pub use context::{Bind, Binding, ContextError, EncryptionContext, Place, SealedContext};
pub use envelope::{
    Envelope, EnvelopeError, MAX_METADATA, SealedStart, Start, StoredDescription, is_envelope_header,
};
pub use keyring::{ContentRandom, Keyring, KeyringError, NamedKey};
pub use layout::{Layout, LayoutError, MAX_PART, MAX_PARTS, MIN_PART, PartPlan};
pub use matdesc::{MaterialDescription, MaterialDescriptionError};
pub use policy::{PolicyError, ReadPolicy};
pub use range::{ByteRange, RangeError, Reading, StoredAsk, Window};
pub use secret::{Secret, on_wiped_stack};
pub use suite::Suite;
pub use wrap::{
    AesKey, KeyError, KeyFileError, KeyFuture, RsaKey, RsaPadding, UnknownPadding, UnwrapKey, UnwrapRequest,
    WrapAlgorithm, WrapKey, Wrapped, WrappedContent, kms_blob_text, protected_pem,
};
