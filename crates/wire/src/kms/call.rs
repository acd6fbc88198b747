//! Calls: built by clients, read by servers.

use http::request::Parts;
use http::uri::Scheme;
use http::{HeaderValue, StatusCode, Uri};
use zeroize::Zeroizing;

use super::context::EncryptionContext;
use super::error::KmsError;
use super::key_id::KeyId;
use super::value::{CiphertextBlob, Plaintext};
use crate::acs3::{self, ApiAction};
use crate::oss::{Endpoint, SignError};

/// The version of the interface.
pub const VERSION: &str = "2016-01-20";
/// Most bytes of a data key.
pub const MAX_DATA_KEY: u16 = 1024;
/// Most characters of a plaintext: base64 of 6 KiB.
const MAX_PLAINTEXT: usize = 8192;
/// Bytes of a data key when the call does not say.
const AES_256: u16 = 32;
const AES_128: u16 = 16;
/// Aliases of a page when the call does not say, and at most.
const PAGE: u32 = 10;
const MAX_PAGE: u32 = 100;

/// An operation with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Call {
    /// Makes a data key and encrypts it.
    GenerateDataKey {
        /// The key that encrypts.
        key: KeyId,
        /// Length of the data key, 1 to 1,024.
        bytes: u16,
        /// What the blob is bound to.
        context: EncryptionContext,
    },
    /// Encrypts at most 6 KiB.
    Encrypt {
        /// The key that encrypts.
        key: KeyId,
        /// What is encrypted.
        plaintext: Plaintext,
        /// What the blob is bound to.
        context: EncryptionContext,
    },
    /// Decrypts a blob, which itself says by which key.
    Decrypt {
        /// The blob.
        blob: CiphertextBlob,
        /// What it is bound to.
        context: EncryptionContext,
    },
    /// Says what is known about a key, or about the key of an alias.
    DescribeKey {
        /// The key or the alias.
        key: KeyId,
    },
    /// Lists the aliases of the account, page by page.
    ListAliases {
        /// Which page, from 1.
        page: u32,
        /// Aliases of a page, 1 to 100.
        size: u32,
    },
}

impl Call {
    /// The operation's name.
    pub const fn name(&self) -> &'static str {
        match self {
            Call::GenerateDataKey { .. } => "GenerateDataKey",
            Call::Encrypt { .. } => "Encrypt",
            Call::Decrypt { .. } => "Decrypt",
            Call::DescribeKey { .. } => "DescribeKey",
            Call::ListAliases { .. } => "ListAliases",
        }
    }

    /// The operation's own parameters: plaintexts and passphrases are among them.
    pub fn parameters(&self) -> Vec<(&'static str, Zeroizing<String>)> {
        let mut pairs = Vec::new();
        let own = |value: &str| Zeroizing::new(value.to_owned());
        let key_id = |key: &KeyId| ("KeyId", own(key.as_str()));
        match self {
            Call::GenerateDataKey { key, bytes, .. } => {
                pairs.push(key_id(key));
                pairs.push(match *bytes {
                    AES_256 => ("KeySpec", own("AES_256")),
                    other => ("NumberOfBytes", own(&other.to_string())),
                });
            }
            Call::Encrypt { key, plaintext, .. } => {
                pairs.push(key_id(key));
                pairs.push(("Plaintext", own(plaintext.expose())));
            }
            Call::Decrypt { blob, .. } => pairs.push(("CiphertextBlob", own(blob.as_str()))),
            Call::DescribeKey { key } => pairs.push(key_id(key)),
            Call::ListAliases { page, size } => {
                pairs.push(("PageNumber", own(&page.to_string())));
                pairs.push(("PageSize", own(&size.to_string())));
            }
        }
        if let Some(context) = self.context().filter(|context| !context.is_empty()) {
            pairs.push(("EncryptionContext", context.to_parameter()));
        }
        pairs
    }

    /// The head of the request, unsigned; it has no body.
    pub fn head(&self, endpoint: &Endpoint) -> Result<Parts, SignError> {
        let action = ApiAction { name: self.name(), version: VERSION };
        let parameters = self.parameters();
        let parameters: Vec<_> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut head = acs3::head(&endpoint.host(None), action, &parameters)?;
        if endpoint.is_plain_http() {
            let mut parts = head.uri.into_parts();
            parts.scheme = Some(Scheme::HTTP);
            head.uri = Uri::from_parts(parts).map_err(|_| SignError::Query)?;
        }
        head.headers.insert(http::header::ACCEPT, HeaderValue::from_static("application/json"));
        head.headers.insert(http::header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        Ok(head)
    }

    /// Reads a call that a server received. Parameters that the service does not know are ignored, as it ignores them.
    ///
    /// # Errors
    /// The service's own refusals: `InvalidAction.NotFound`, `MissingParameter`, `InvalidParameter`. `UnsupportedOperation`, for what the service would do
    /// and no server of this crate does: a `DryRun`, in which it tells whether the call would succeed without making it.
    pub fn from_parameters(action: &str, pairs: &[(String, String)]) -> Result<Call, KmsError> {
        let find =
            |name: &'static str| pairs.iter().find(|(known, _)| known == name).map(|(_, v)| v.as_str());
        let need = |name| find(name).filter(|value| !value.is_empty()).ok_or_else(|| missing(name));
        let key = || need("KeyId")?.parse::<KeyId>().map_err(|_| invalid());
        let context = || {
            EncryptionContext::from_parameter(find("EncryptionContext").unwrap_or_default())
                .map_err(|_| invalid())
        };
        let number = |name, otherwise: u32, most: u32| match find(name) {
            None => Ok(otherwise),
            Some(text) => text.parse().ok().filter(|number| (1..=most).contains(number)).ok_or_else(invalid),
        };
        // A call that was only to be tried is not made.
        if find("DryRun").is_some_and(|value| !matches!(value, "" | "false")) {
            let message = "DryRun is not supported here: leave it out, or send false to have the call made.";
            return Err(KmsError::new(StatusCode::BAD_REQUEST, "UnsupportedOperation", message));
        }
        Ok(match action {
            "GenerateDataKey" => {
                let of_spec = match find("KeySpec") {
                    None | Some("AES_256") => AES_256,
                    Some("AES_128") => AES_128,
                    Some(_) => return Err(invalid()),
                };
                let bytes = number("NumberOfBytes", of_spec.into(), MAX_DATA_KEY.into())?;
                let bytes = u16::try_from(bytes).map_err(|_| invalid())?;
                Call::GenerateDataKey { key: key()?, bytes, context: context()? }
            }
            "Encrypt" => {
                let plaintext = need("Plaintext")?;
                if plaintext.len() > MAX_PLAINTEXT {
                    return Err(invalid());
                }
                Call::Encrypt { key: key()?, plaintext: Plaintext::of_text(plaintext), context: context()? }
            }
            "Decrypt" => {
                let blob = CiphertextBlob::parse(need("CiphertextBlob")?).map_err(|_| invalid())?;
                Call::Decrypt { blob, context: context()? }
            }
            "DescribeKey" => Call::DescribeKey { key: key()? },
            "ListAliases" => Call::ListAliases {
                page: number("PageNumber", 1, u32::MAX)?,
                size: number("PageSize", PAGE, MAX_PAGE)?,
            },
            _ => {
                let message = "The specified API is not found, please check your url and method.";
                return Err(KmsError::new(StatusCode::NOT_FOUND, "InvalidAction.NotFound", message));
            }
        })
    }

    fn context(&self) -> Option<&EncryptionContext> {
        match self {
            Call::GenerateDataKey { context, .. }
            | Call::Encrypt { context, .. }
            | Call::Decrypt { context, .. } => Some(context),
            Call::DescribeKey { .. } | Call::ListAliases { .. } => None,
        }
    }
}

fn invalid() -> KmsError {
    KmsError::new(StatusCode::BAD_REQUEST, "InvalidParameter", "The specified parameter is invalid.")
}

fn missing(name: &str) -> KmsError {
    let message = format!("The parameter {name} is needed but no provided.");
    KmsError::new(StatusCode::BAD_REQUEST, "MissingParameter", message)
}
