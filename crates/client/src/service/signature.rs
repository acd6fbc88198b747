//! [`SignatureVersion`]: how requests are signed.

/// How requests are signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignatureVersion {
    /// HMAC-SHA1 over part of the request; for stores that know no other.
    V1,
    /// HMAC-SHA256 over all that matters, for one day and region.
    #[default]
    V4,
}
