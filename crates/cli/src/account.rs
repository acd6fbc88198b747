//! Credentials and transport of a command, shared by the store and the key service.

pub(crate) mod credentials;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use osseal::credentials::CredentialSource;
use osseal::kms::Kms;
use osseal::transport::{Throttled, Transport};
use osseal::{EndpointKind, SharedCredentials};

use crate::ui::error::Failure;

/// Credentials and transport, shared by the store and the key service.
pub(crate) struct Account {
    /// From flags, environment, profile or endpoint.
    pub(crate) region: Option<String>,
    pub(crate) network: EndpointKind,
    pub(crate) credentials: SharedCredentials,
    pub(crate) transport: Arc<dyn Transport>,
    /// The same transport if bandwidth is limited; further transports share its limit.
    pub(crate) throttled: Option<Arc<Throttled>>,
    pub(crate) allow_plain_http: bool,
    /// Whether the terminal may be asked for passphrases of key files.
    pub(crate) may_ask: bool,
    pub(crate) services: KmsClients,
}

/// KMS clients in use. Keys with the same route share a client, and with it rate limits and retries.
#[derive(Default)]
pub(crate) struct KmsClients(Mutex<HashMap<KmsRoute, Kms>>);

/// How a key service is reached.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct KmsRoute {
    pub(crate) endpoint: String,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) credentials: Option<CredentialSource>,
}

impl KmsClients {
    /// The one that is reached so, opened when it is first needed.
    pub(crate) fn of(
        &self,
        way: KmsRoute,
        open: impl FnOnce() -> Result<Kms, Failure>,
    ) -> Result<Kms, Failure> {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(way) {
            Entry::Occupied(known) => Ok(known.get().clone()),
            Entry::Vacant(place) => Ok(place.insert(open()?).clone()),
        }
    }
}

impl Account {
    /// Adds a transport under the same bandwidth limit.
    pub(crate) fn beside(&self, transport: Arc<dyn Transport>) -> Arc<dyn Transport> {
        match &self.throttled {
            Some(throttled) => Arc::new(throttled.beside(transport)),
            None => transport,
        }
    }
}

#[cfg(test)]
mod tests {
    use osseal::{Credentials, Endpoint};

    use super::*;

    #[test]
    fn keys_that_are_reached_in_the_same_way_share_a_service() {
        let (services, mut opened) = (KmsClients::default(), 0);
        let mut open = |endpoint: &str, ca: Option<&str>, credentials: Option<CredentialSource>| {
            let way = KmsRoute { endpoint: endpoint.to_owned(), ca: ca.map(PathBuf::from), credentials };
            let kms = services.of(way, || {
                opened += 1;
                let endpoint = Endpoint::parse(endpoint).expect("an endpoint");
                Ok(Kms::builder(endpoint).credentials(Credentials::new("id", "secret")).build()?)
            });
            kms.expect("a service");
            opened
        };
        assert_eq!(open("https://one", None, None), 1);
        assert_eq!(open("https://one", None, None), 1, "another key there");
        assert_eq!(open("https://two", None, None), 2);
        assert_eq!(open("https://one", Some("a.pem"), None), 3);
        assert_eq!(open("https://one", Some("b.pem"), None), 4);
        assert_eq!(open("https://one", None, Some(CredentialSource::Ecs)), 5);
        assert_eq!(open("https://one", Some("a.pem"), None), 5);
    }
}
