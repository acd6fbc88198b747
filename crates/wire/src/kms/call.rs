//! Calls of the key service: built by clients, parsed by servers.

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

/// Version of the API.
pub const VERSION: &str = "2016-01-20";
/// Largest data key, in bytes.
pub const MAX_DATA_KEY: u16 = 1024;
/// Longest plaintext, in characters: base64 of 6 KiB.
const MAX_PLAINTEXT: usize = 8192;
/// Default size of a data key, in bytes.
const AES_256: u16 = 32;
const AES_128: u16 = 16;
/// Aliases in a page: default and maximum.
const DEFAULT_PAGE_SIZE: u32 = 10;
const MAX_PAGE_SIZE: u32 = 100;

/// An operation with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Call {
    /// Generates a data key and encrypts it.
    GenerateDataKey {
        /// Key that encrypts.
        key: KeyId,
        /// Size of the data key, 1 to 1,024 bytes.
        bytes: u16,
        /// Encryption context that the ciphertext is bound to.
        context: EncryptionContext,
    },
    /// Encrypts at most 6 KiB.
    Encrypt {
        /// Key that encrypts.
        key: KeyId,
        /// Plaintext, at most 6 KiB before base64.
        plaintext: Plaintext,
        /// Encryption context that the ciphertext is bound to.
        context: EncryptionContext,
    },
    /// Decrypts a ciphertext. The service finds the key from the ciphertext.
    Decrypt {
        /// Ciphertext.
        blob: CiphertextBlob,
        /// Encryption context that the ciphertext is bound to.
        context: EncryptionContext,
    },
    /// Returns the metadata of a key, or of the key of an alias.
    DescribeKey {
        /// Key or alias.
        key: KeyId,
    },
    /// Lists the aliases of the account, page by page.
    ListAliases {
        /// Number of the page, from 1.
        page: u32,
        /// Aliases in a page, 1 to 100.
        size: u32,
    },
}

impl Call {
    /// Name of the operation.
    pub const fn name(&self) -> &'static str {
        match self {
            Call::GenerateDataKey { .. } => "GenerateDataKey",
            Call::Encrypt { .. } => "Encrypt",
            Call::Decrypt { .. } => "Decrypt",
            Call::DescribeKey { .. } => "DescribeKey",
            Call::ListAliases { .. } => "ListAliases",
        }
    }

    /// Parameters of the operation. Some are secrets: plaintexts, and passphrases in encryption
    /// contexts.
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

    /// Builds the unsigned head of the request; it has no body.
    ///
    /// # Errors
    /// [`SignError::Query`] for parameters that make no URL.
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

    /// Parses a received call. Unknown parameters are ignored, as the service ignores them.
    ///
    /// # Errors
    /// The errors of the service: `InvalidAction.NotFound`, `MissingParameter`, `InvalidParameter`.
    /// `UnsupportedOperation` for `DryRun`, which the service implements (it checks permissions
    /// without executing the call) and this crate does not.
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
        // Executing a dry run would have the effect that the caller wants to avoid.
        if find("DryRun").is_some_and(|value| !matches!(value, "" | "false")) {
            let message = "DryRun is not supported here: omit it, or send false to execute the call.";
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
                size: number("PageSize", DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)?,
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
