//! What came of a run.

use std::fmt;

/// What came of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The case's name.
    pub name: &'static str,
    /// Why it was asked.
    pub why: &'static str,
    /// What came.
    pub verdict: Verdict,
}

/// Whether a target does what a case asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Passed,
    /// It does not.
    Failed {
        /// What should have come.
        expected: String,
        /// What came.
        found: String,
    },
    /// It was not asked.
    Skipped {
        /// Why not.
        reason: String,
    },
}

/// A run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// One for each case, in their order.
    pub findings: Vec<Finding>,
    /// Requests sent, cleaning up not counted.
    pub requests: u64,
    /// Bytes of bodies sent.
    pub sent: u64,
    /// What could not be removed, in words.
    pub left_behind: Vec<String>,
}

impl Report {
    /// Whether no case has failed and nothing is left behind.
    pub fn is_good(&self) -> bool {
        self.failed().next().is_none() && self.left_behind.is_empty()
    }

    /// The cases that have passed.
    pub fn passed(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.verdict == Verdict::Passed)
    }

    /// The cases that have failed.
    pub fn failed(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| matches!(finding.verdict, Verdict::Failed { .. }))
    }

    /// The cases that were not asked.
    pub fn skipped(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| matches!(finding.verdict, Verdict::Skipped { .. }))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { name, why, verdict } = self;
        match verdict {
            Verdict::Passed => write!(f, "passed  {name}"),
            Verdict::Failed { expected, found } => {
                write!(f, "FAILED  {name}: {why}\n        expected {expected}\n        found    {found}")
            }
            Verdict::Skipped { reason } => write!(f, "skipped {name}: {reason}"),
        }
    }
}

/// A line or more for each case, then the sum.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.findings.iter().try_for_each(|finding| writeln!(f, "{finding}"))?;
        self.left_behind.iter().try_for_each(|what| writeln!(f, "LEFT    {what}"))?;
        write!(
            f,
            "{} cases: {} passed, {} failed, {} skipped; {} requests, {} bytes sent",
            self.findings.len(),
            self.passed().count(),
            self.failed().count(),
            self.skipped().count(),
            self.requests,
            self.sent
        )
    }
}
