//! Operation and signature of a request that a server received. Both versions of the signature are
//! accepted.

use http::StatusCode;
use http::request::Parts;
use jiff::Timestamp;

use super::call::VERSION;
use super::error::KmsError;
use crate::acs3::{self, VerifyError};
use crate::oss::{Credentials, escape};
use crate::rpc;

/// A received request: operation and parameters. Plaintexts are among them, so `Debug` shows names
/// only.
#[derive(Clone, PartialEq, Eq)]
pub struct KmsRequest {
    /// Name of the operation.
    pub action: String,
    /// Parameters of query and form, decoded.
    pub parameters: Vec<(String, String)>,
}

impl KmsRequest {
    /// Reads a request. Operation and version are in headers or, from older clients, among the
    /// parameters.
    ///
    /// # Errors
    /// `InvalidParameter` for a query that is not UTF-8 or a repeated parameter, `InvalidVersion`.
    pub fn read(head: &Parts, body: &[u8]) -> Result<KmsRequest, KmsError> {
        let malformed = || {
            let message = "A parameter is not UTF-8 or is given more than once.";
            KmsError::new(StatusCode::BAD_REQUEST, "InvalidParameter", message)
        };
        let mut parameters = escape::pairs(head.uri.query()).ok_or_else(malformed)?;
        if header(head, "content-type")
            .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"))
        {
            let form = std::str::from_utf8(body).map_err(|_| malformed())?;
            parameters.extend(escape::pairs(Some(form)).ok_or_else(malformed)?);
        }
        let mut names: Vec<_> = parameters.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(malformed());
        }
        let find = |in_header, name: &str| {
            let parameter =
                parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
            header(head, in_header).or(parameter).unwrap_or_default().to_owned()
        };
        if find("x-acs-version", "Version") != VERSION {
            let message = "Specified parameter Version is not valid.";
            return Err(KmsError::new(StatusCode::BAD_REQUEST, "InvalidVersion", message));
        }
        Ok(KmsRequest { action: find("x-acs-action", "Action"), parameters })
    }

    /// Verifies the signature. `lookup` returns the credentials of an access key ID.
    ///
    /// # Errors
    /// The errors of the service: `IncompleteSignature`, `InvalidAccessKeyId.NotFound`,
    /// `InvalidTimeStamp.Expired` beyond 15 minutes, `InvalidSecurityToken.Malformed`,
    /// `SignatureDoesNotMatch`.
    pub fn verify(
        &self,
        head: &Parts,
        body: &[u8],
        lookup: impl Fn(&str) -> Option<Credentials>,
        now: Timestamp,
    ) -> Result<(), KmsError> {
        let is_older = rpc::is_signed_request(&self.parameters);
        let done = match (acs3::is_signed_request(head), is_older) {
            (true, false) => acs3::verify(head, body, lookup, now),
            (false, true) => rpc::verify(&head.method, &self.parameters, lookup, now),
            _ => Err(VerifyError::Incomplete),
        };
        done.map_err(|error| {
            let mut refusal = KmsError::from(error);
            // An official SDK parses the string to sign after the colon to explain the mismatch.
            if is_older && error == VerifyError::Mismatch {
                let to_sign = rpc::to_sign(&head.method, &self.parameters);
                refusal.message = format!("{}; server string to sign is:{to_sign}", refusal.message);
            }
            refusal
        })
    }
}

impl std::fmt::Debug for KmsRequest {
    /// Shows names only: values may be plaintexts and tokens.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.action)?;
        f.debug_set().entries(self.parameters.iter().map(|(name, _)| name)).finish()
    }
}

fn header<'a>(head: &'a Parts, name: &str) -> Option<&'a str> {
    head.headers.get(name).and_then(|value| value.to_str().ok())
}
