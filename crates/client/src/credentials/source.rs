//! [`SourceContext`]: everything that sources depend on.

use crate::credentials::environment::Environment;
use crate::credentials::fetch::HttpClient;
use crate::runtime::clock::Clock;

/// Everything that sources depend on: environment, HTTP and clock.
pub(super) struct SourceContext {
    pub(super) environment: Environment,
    pub(super) http: HttpClient,
    pub(super) clock: Clock,
}
