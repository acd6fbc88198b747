//! Builder of [`Service`].

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

/// Configures and builds a [`Service`].
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
    /// Stores everything in memory. This is the default.
    #[must_use]
    pub fn memory(self) -> Self {
        ServiceBuilder { backend: Arc::new(Memory::new()), ..self }
    }

    /// Stores metadata in memory and computes length and checksums of each body, but discards the
    /// content.
    /// For benchmarks of clients. Reads of content are refused.
    #[must_use]
    pub fn discard(self) -> Self {
        ServiceBuilder { backend: Arc::new(Memory::discarding()), ..self }
    }

    /// Stores everything in a directory and creates it if it does not exist. Only one process may
    /// open it
    /// at a time.
    ///
    /// # Errors
    /// [`OpenError`] if the directory is in use, is not a store, or cannot be read.
    pub fn disk(self, folder: impl Into<PathBuf>) -> Result<Self, OpenError> {
        Ok(ServiceBuilder { backend: Arc::new(Disk::open(folder)?), ..self })
    }

    /// Stores everything in a custom backend.
    #[must_use]
    pub fn backend(self, backend: Arc<dyn Backend>) -> Self {
        ServiceBuilder { backend, ..self }
    }

    /// Accepts requests signed with one of these credentials and refuses all others. By default the
    /// list
    /// is empty, so that every request is refused.
    #[must_use]
    pub fn credentials(self, credentials: Vec<Credentials>) -> Self {
        ServiceBuilder { credentials: Some(credentials), ..self }
    }

    /// Accepts requests without a signature.
    #[must_use]
    pub fn anonymous(self) -> Self {
        ServiceBuilder { credentials: None, ..self }
    }

    /// Sets the region that signatures must name. Default: `cn-hangzhou`.
    #[must_use]
    pub fn region(self, region: impl Into<String>) -> Self {
        ServiceBuilder { region: region.into(), ..self }
    }

    /// Adds domains whose first label is the bucket name. `localhost` and the domains of Alibaba
    /// Cloud are
    /// always known.
    #[must_use]
    pub fn domains(mut self, domains: impl IntoIterator<Item = String>) -> Self {
        self.hosts.0.extend(domains);
        self
    }

    /// Sets the clock. Default: the system clock.
    #[must_use]
    pub fn clock(self, clock: Clock) -> Self {
        ServiceBuilder { clock, ..self }
    }

    /// Sets the behaviour for cases that the documentation of OSS leaves open.
    #[must_use]
    pub fn quirks(self, quirks: Quirks) -> Self {
        ServiceBuilder { quirks, ..self }
    }

    /// Test mode: records every request body in `ledger`.
    #[must_use]
    pub fn ledger(self, ledger: Ledger) -> Self {
        ServiceBuilder { ledger: Some(ledger), ..self }
    }

    /// Test mode: counts calls and applies the faults that a test injects.
    #[must_use]
    pub fn faults(self, faults: Faults) -> Self {
        ServiceBuilder { faults: Some(faults), ..self }
    }

    /// Builds the service.
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
