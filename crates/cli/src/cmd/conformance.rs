//! `conformance`: tests a service, ours or the vendor's, against the vendor's documentation.

use osseal::Endpoint;
use osseal::transport::{Https, Transport};
use osseal_conformance::{self as conformance, Finding, NotRun, Report, Target, Verdict};
use serde_json::json;

use crate::args::Conformance;
use crate::client::session::Context;
use crate::environment;
use crate::signals::Signals;
use crate::ui::error::{Exit, Failure};
use crate::ui::output::Output;
use crate::ui::text::printable;

pub(crate) async fn run(context: &Context, args: Conformance) -> Result<(), Failure> {
    let output = context.output();
    if args.list {
        return conformance::cases().try_for_each(|case| {
            let value = json!({ "case": case.name, "why": case.why });
            if output.is_json {
                Output::json(&value)
            } else {
                Output::line(format_args!("{}: {}", case.name, case.why))
            }
        });
    }
    let target = target(args.make_buckets)?;
    let mut signals = Signals::catch()?;
    let run = conformance::run(&target, async { signals.next().await }).await;
    let report = run.map_err(|error| not_run(&error))?;
    for finding in &report.findings {
        print(output, finding)?;
    }
    sum(output, &report)
}

/// Everything from the environment: a bucket named elsewhere for another purpose is not scribbled in by accident.
fn target(makes_buckets: bool) -> Result<Target, Failure> {
    let needed = |name: &str| {
        environment::text(name)?.ok_or_else(|| {
            Failure::usage(format!("{name} is not set"))
                .hint("conformance reads its target from the environment alone")
        })
    };
    let bucket = environment::text(environment::SCRATCH_BUCKET)?.ok_or_else(|| {
        Failure::usage(format!("{} is not set", environment::SCRATCH_BUCKET))
            .hint("name a bucket without versioning that may be written to and deleted from")
    })?;
    let (endpoint, region) = (needed(environment::ENDPOINT)?, needed(environment::REGION)?);
    let credentials = environment::credentials()?.ok_or_else(|| {
        Failure::usage("the environment names no access key")
            .hint("set OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET: conformance reads its target from the environment alone")
    })?;
    let endpoint = Endpoint::parse(&endpoint)
        .map_err(|error| Failure::usage("the endpoint is not understood").caused_by(&error))?;
    if endpoint.is_plain_http() && !endpoint.is_loopback() {
        return Err(Failure::usage(format!("{endpoint} is another machine, and http is not encrypted"))
            .hint("use https://"));
    }
    let transport = Https::new().map_err(|error| Failure::local("TLS cannot be set up", error))?;
    let target = Target::new(endpoint, region, bucket, move |request| transport.send(request));
    let target = target.credentials(credentials);
    Ok(if makes_buckets { target.may_make_buckets() } else { target })
}

fn not_run(error: &NotRun) -> Failure {
    let exit = match error {
        NotRun::Versioned { .. } => Exit::Usage,
        _ => Exit::Refused,
    };
    Failure::new(exit, error.to_string())
}

fn print(output: Output, finding: &Finding) -> Result<(), Failure> {
    if !output.is_json {
        return finding
            .to_string()
            .lines()
            .try_for_each(|line| Output::line(format_args!("{}", printable(line))));
    }
    let Finding { name, why, verdict } = finding;
    Output::json(&match verdict {
        Verdict::Passed => json!({ "case": name, "verdict": "passed" }),
        Verdict::Skipped { reason } => json!({ "case": name, "verdict": "skipped", "reason": reason }),
        Verdict::Failed { expected, found } => {
            json!({ "case": name, "verdict": "failed", "why": why, "expected": expected, "found": found })
        }
    })
}

fn sum(output: Output, report: &Report) -> Result<(), Failure> {
    let (passed, failed, skipped) =
        (report.passed().count(), report.failed().count(), report.skipped().count());
    let value = json!({ "summary": {
        "passed": passed, "failed": failed, "skipped": skipped, "requests": report.requests, "sent": report.sent,
        "left_behind": report.left_behind,
    } });
    let cases = report.findings.len();
    output.report(
        &value,
        format_args!(
            "{cases} cases: {passed} passed, {failed} failed, {skipped} skipped; {} requests, {} bytes sent",
            report.requests, report.sent
        ),
    )?;
    for what in &report.left_behind {
        Output::warn(format_args!("left behind: {what}"));
    }
    match failed {
        0 if report.left_behind.is_empty() => Ok(()),
        0 => Err(Failure::new(Exit::Mismatch, "not everything could be removed")
            .hint("remove what begins with osseal-conformance/ by other means")),
        _ => Err(Failure::new(Exit::Mismatch, format!("{failed} of {cases} cases failed"))),
    }
}
