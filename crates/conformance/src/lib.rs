//! A conformance suite: what the service documents, asked of any OSS endpoint, one named case after the other.
//!
//! ```text
//!   Case ─▶ Probe ─▶ request of osseal-wire, signed ─▶ the target's function ─▶ reply ─▶ what was expected?
//!                                                                              Report ◀─ passed, failed, skipped
//! ```
//! The suite speaks the wire's own types to a function that sends requests, so it runs against a `osseal_server::Service` in
//! this process, a server on a socket, or the real service. It stays below [`Limits`], works under one prefix that nothing else
//! has, and removes what it made, also when cases fail or it is stopped.
//!
//! | file | asks about |
//! |---|---|
//! | `objects` | storing, reading, deleting; digests; metadata; forbidden overwrites |
//! | `reading` | ranges, conditions, headers of replies |
//! | `names` | odd keys, names that are none |
//! | `listing` | pages, groups, order, encoding |
//! | `multipart` | uploads in parts |
//! | `copies`, `part_copies` | copies inside the service |
//! | `append` | objects that grow |
//! | `properties` | tags, access control, links |
//! | `removals` | removing many objects |
//! | `versions` | buckets that keep versions |
//! | `encryption` | the rules about client-side encryption headers, as in `osseal_server::cse_rules` |
//! | `refusals` | error documents, signatures, the life of a bucket |
//! | `buckets` | what is known about a bucket, unfinished uploads |
//!
//! A case is a row of its file's table and a function. Each says in one line why it is asked; what only one source implies,
//! or the vendor's pages contradict each other about, is no case.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! use osseal_conformance::{Target, run};
//! use osseal_server::{Service, body};
//!
//! let service = Service::builder().anonymous().build();
//! let request = http::Request::put("/scratch").header("host", "127.0.0.1").body(body::empty()).unwrap();
//! service.call(request).await.unwrap();
//!
//! let endpoint = osseal_wire::oss::Endpoint::parse("http://127.0.0.1").unwrap();
//! let target = Target::new(endpoint, "cn-hangzhou", "scratch", move |request| service.call(request));
//! let report = run(&target, std::future::pending()).await.unwrap();
//! assert!(report.is_good(), "{report}");
//! # });
//! ```

mod append;
mod body;
mod buckets;
mod copies;
mod encryption;
mod expect;
mod letter;
mod listing;
mod multipart;
mod names;
mod objects;
mod part_copies;
mod probe;
mod properties;
mod reading;
mod refusals;
mod removals;
mod report;
mod target;
mod traces;
mod versions;

use std::future::Future;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::expect::{Outcome, Stop};
use crate::probe::Probe;
use crate::traces::Traces;

pub use crate::report::{Finding, Report, Verdict};
pub use crate::target::{Limits, NotRun, Target};

/// One question.
pub struct Case {
    /// Its name, `group/question`.
    pub name: &'static str,
    /// Why it is asked.
    pub why: &'static str,
    ask: for<'a> fn(&'a Probe<'a>) -> BoxFuture<'a, Outcome>,
}

const fn case(
    name: &'static str,
    why: &'static str,
    ask: for<'a> fn(&'a Probe<'a>) -> BoxFuture<'a, Outcome>,
) -> Case {
    Case { name, why, ask }
}

const GROUPS: [&[Case]; 14] = [
    objects::CASES,
    reading::CASES,
    names::CASES,
    listing::CASES,
    multipart::CASES,
    copies::CASES,
    part_copies::CASES,
    append::CASES,
    properties::CASES,
    removals::CASES,
    encryption::CASES,
    refusals::CASES,
    buckets::CASES,
    versions::CASES,
];

/// All cases, in the order in which they are asked.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    GROUPS.into_iter().flatten()
}

/// Asks every case of `target` and removes what that made. When `stop` is done the case under way is the last, and the others are
/// skipped; what was made is removed all the same.
///
/// # Errors
/// [`NotRun`]: the bucket cannot be used. Nothing has been asked then.
pub async fn run(target: &Target, stop: impl Future<Output = ()>) -> Result<Report, NotRun> {
    let traces = Traces::new();
    traces.admit(target).await?;
    let mut stop = std::pin::pin!(stop);
    let mut stopped = false;
    let mut findings = Vec::new();
    for case in cases() {
        let probe = Probe::new(target, &traces, case.name);
        // Between cases only: a case that is dropped half-way might have begun what nobody knows of.
        stopped = stopped || stop.as_mut().now_or_never().is_some();
        let outcome = if stopped { Err(Stop::skip("the run was stopped")) } else { (case.ask)(&probe).await };
        findings.push(Finding { name: case.name, why: case.why, verdict: outcome.into() });
    }
    let left_behind = traces.clear(target).await;
    Ok(Report { findings, requests: traces.requests(), sent: traces.sent(), left_behind })
}
