//! Error codes of the service (`<Code>` of an error document).

use std::fmt;

/// An error code. Programs compare codes, never messages.
///
/// Codes that this library acts on are variants; all others are [`ServiceCode::Other`]. Parse a code
/// with `ServiceCode::from`, which never makes an `Other` of a name that has a variant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ServiceCode {
    /// The reply had no code, such as a proxy's own error page.
    #[default]
    None,
    /// `AccessDenied`
    AccessDenied,
    /// `BucketAlreadyExists`
    BucketAlreadyExists,
    /// `BucketNotEmpty`
    BucketNotEmpty,
    /// `FileAlreadyExists`
    FileAlreadyExists,
    /// `FileImmutable`
    FileImmutable,
    /// `InternalError`
    InternalError,
    /// `InvalidAccessKeyId`
    InvalidAccessKeyId,
    /// `InvalidCRC64`
    InvalidCrc64,
    /// `InvalidEncryptionRequest`
    InvalidEncryptionRequest,
    /// `InvalidObjectState`
    InvalidObjectState,
    /// `InvalidSecurityToken`
    InvalidSecurityToken,
    /// `NoSuchBucket`
    NoSuchBucket,
    /// `NoSuchKey`
    NoSuchKey,
    /// `NoSuchUpload`
    NoSuchUpload,
    /// `NoSuchVersion`
    NoSuchVersion,
    /// `NotImplemented`
    NotImplemented,
    /// `ObjectAlreadyExists`
    ObjectAlreadyExists,
    /// `PreconditionFailed`
    PreconditionFailed,
    /// `RequestTimeTooSkewed`
    RequestTimeTooSkewed,
    /// `SecondLevelDomainForbidden`
    SecondLevelDomainForbidden,
    /// `SecurityTokenExpired`
    SecurityTokenExpired,
    /// `ServiceUnavailable`
    ServiceUnavailable,
    /// `SignatureDoesNotMatch`
    SignatureDoesNotMatch,
    /// Any other code, as the service wrote it.
    Other(String),
}

/// The codes that have a variant, each with its name on the wire.
const NAMES: [(ServiceCode, &str); 23] = [
    (ServiceCode::AccessDenied, "AccessDenied"),
    (ServiceCode::BucketAlreadyExists, "BucketAlreadyExists"),
    (ServiceCode::BucketNotEmpty, "BucketNotEmpty"),
    (ServiceCode::FileAlreadyExists, "FileAlreadyExists"),
    (ServiceCode::FileImmutable, "FileImmutable"),
    (ServiceCode::InternalError, "InternalError"),
    (ServiceCode::InvalidAccessKeyId, "InvalidAccessKeyId"),
    (ServiceCode::InvalidCrc64, "InvalidCRC64"),
    (ServiceCode::InvalidEncryptionRequest, "InvalidEncryptionRequest"),
    (ServiceCode::InvalidObjectState, "InvalidObjectState"),
    (ServiceCode::InvalidSecurityToken, "InvalidSecurityToken"),
    (ServiceCode::NoSuchBucket, "NoSuchBucket"),
    (ServiceCode::NoSuchKey, "NoSuchKey"),
    (ServiceCode::NoSuchUpload, "NoSuchUpload"),
    (ServiceCode::NoSuchVersion, "NoSuchVersion"),
    (ServiceCode::NotImplemented, "NotImplemented"),
    (ServiceCode::ObjectAlreadyExists, "ObjectAlreadyExists"),
    (ServiceCode::PreconditionFailed, "PreconditionFailed"),
    (ServiceCode::RequestTimeTooSkewed, "RequestTimeTooSkewed"),
    (ServiceCode::SecondLevelDomainForbidden, "SecondLevelDomainForbidden"),
    (ServiceCode::SecurityTokenExpired, "SecurityTokenExpired"),
    (ServiceCode::ServiceUnavailable, "ServiceUnavailable"),
    (ServiceCode::SignatureDoesNotMatch, "SignatureDoesNotMatch"),
];

impl ServiceCode {
    /// The name on the wire; empty for [`ServiceCode::None`].
    pub fn as_str(&self) -> &str {
        match self {
            ServiceCode::None => "",
            ServiceCode::Other(name) => name,
            known => NAMES.iter().find(|(code, _)| code == known).map_or("", |(_, name)| name),
        }
    }

    /// Whether the reply had no code.
    pub const fn is_none(&self) -> bool {
        matches!(self, ServiceCode::None)
    }
}

impl From<&str> for ServiceCode {
    fn from(name: &str) -> ServiceCode {
        match NAMES.iter().find(|(_, known)| *known == name) {
            Some((code, _)) => code.clone(),
            None if name.is_empty() => ServiceCode::None,
            None => ServiceCode::Other(name.to_owned()),
        }
    }
}

impl From<String> for ServiceCode {
    fn from(name: String) -> ServiceCode {
        ServiceCode::from(name.as_str())
    }
}

impl From<&String> for ServiceCode {
    fn from(name: &String) -> ServiceCode {
        ServiceCode::from(name.as_str())
    }
}

impl fmt::Display for ServiceCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PartialEq<str> for ServiceCode {
    fn eq(&self, name: &str) -> bool {
        self.as_str() == name
    }
}

impl PartialEq<&str> for ServiceCode {
    fn eq(&self, name: &&str) -> bool {
        self.as_str() == *name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_variants_convert_both_ways() {
        for (code, name) in NAMES {
            assert_eq!((ServiceCode::from(name), code.as_str()), (code.clone(), name));
        }
        for name in ["", "InvalidCRC64 ", "invalidcrc64", "Odd"] {
            let code = ServiceCode::from(name);
            assert_eq!(code.as_str(), name);
            assert_eq!(code.is_none(), name.is_empty());
            assert!(code.is_none() || matches!(code, ServiceCode::Other(_)), "{name}");
        }
    }
}
