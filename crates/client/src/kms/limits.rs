//! [`KmsLimits`]: rate and deadlines of KMS calls.

use std::time::Duration;

/// How much is asked of the service, and how long it is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KmsLimits {
    /// Most calls of a second, at least 1. The service takes 1,000 of an account, of whatever machine.
    pub per_second: u32,
    /// Longest that one call may take.
    pub call: Duration,
    /// Longest that all attempts of one call may take, waits among them.
    pub operation: Duration,
}

impl Default for KmsLimits {
    /// 1,000 calls a second, 10 s, 60 s.
    fn default() -> Self {
        KmsLimits { per_second: 1000, call: Duration::from_secs(10), operation: Duration::from_secs(60) }
    }
}
