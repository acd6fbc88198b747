//! Putting a service together.

use std::path::PathBuf;
use std::sync::Arc;

use osseal_wire::oss::{Credentials, Hosts};

use crate::backend::Backend;
use crate::backend::disk::{Disk, OpenError};
use crate::backend::memory::Memory;
use crate::fault::Faults;
use crate::ledger::Ledger;
use crate::ops::state::Inner;
use crate::rules::clock::Clock;
use crate::rules::quirks::Quirks;
use crate::service::Service;

/// Puts a [`Service`] together.
pub struct ServiceBuilder {
    pub(super) backend: Arc<dyn Backend>,
    pub(super) region: String,
    pub(super) quirks: Quirks,
    pub(super) credentials: Option<Vec<Credentials>>,
    pub(super) hosts: Hosts,
    pub(super) clock: Clock,
    pub(super) ledger: Option<Ledger>,
    pub(super) faults: Option<Faults>,
}

impl ServiceBuilder {
    /// Keeps everything in memory, which is the default.
    #[must_use]
    pub fn memory(self) -> Self {
        ServiceBuilder { backend: Arc::new(Memory::new()), ..self }
    }

    /// Counts and sums bodies in memory and keeps none of them: for measuring what sends them. Reading content is refused.
    #[must_use]
    pub fn discard(self) -> Self {
        ServiceBuilder { backend: Arc::new(Memory::discarding()), ..self }
    }

    /// Keeps everything in a folder, which is made where it does not exist. One process at a time.
    ///
    /// # Errors
    /// [`OpenError`]: in use, not a store, unreadable.
    pub fn disk(self, folder: impl Into<PathBuf>) -> Result<Self, OpenError> {
        Ok(ServiceBuilder { backend: Arc::new(Disk::open(folder)?), ..self })
    }

    /// Keeps everything somewhere else.
    #[must_use]
    pub fn backend(self, backend: Arc<dyn Backend>) -> Self {
        ServiceBuilder { backend, ..self }
    }

    /// Who may do anything; nobody else may do something.
    #[must_use]
    pub fn credentials(self, credentials: Vec<Credentials>) -> Self {
        ServiceBuilder { credentials: Some(credentials), ..self }
    }

    /// Asks for no signature.
    #[must_use]
    pub fn anonymous(self) -> Self {
        ServiceBuilder { credentials: None, ..self }
    }

    /// The region that signatures must name; `cn-hangzhou` unless said.
    #[must_use]
    pub fn region(self, region: impl Into<String>) -> Self {
        ServiceBuilder { region: region.into(), ..self }
    }

    /// Domains whose first label is the bucket, besides `localhost` and the vendor's own.
    #[must_use]
    pub fn domains(mut self, domains: impl IntoIterator<Item = String>) -> Self {
        self.hosts.0.extend(domains);
        self
    }

    /// Another clock than the system's.
    #[must_use]
    pub fn clock(self, clock: Clock) -> Self {
        ServiceBuilder { clock, ..self }
    }

    /// Other behaviour where the vendor's sources leave a choice.
    #[must_use]
    pub fn quirks(self, quirks: Quirks) -> Self {
        ServiceBuilder { quirks, ..self }
    }

    /// Test mode: writes down every body received.
    #[must_use]
    pub fn ledger(self, ledger: Ledger) -> Self {
        ServiceBuilder { ledger: Some(ledger), ..self }
    }

    /// Test mode: counts calls and lets things go wrong on order.
    #[must_use]
    pub fn faults(self, faults: Faults) -> Self {
        ServiceBuilder { faults: Some(faults), ..self }
    }

    /// The service.
    pub fn build(self) -> Service {
        Service(Arc::new(Inner {
            backend: self.backend,
            region: self.region,
            quirks: self.quirks,
            credentials: self.credentials,
            hosts: self.hosts,
            clock: self.clock,
            ledger: self.ledger,
            faults: self.faults,
        }))
    }
}
