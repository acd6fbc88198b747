//! Ranges, conditions, headers of replies.

use futures_util::FutureExt;
use osseal_wire::oss::request::{Conditions, GetObject};
use osseal_wire::oss::{Crc64, RangeSpec};

use crate::expect::{Outcome, same, same_bytes};
use crate::probe::{Probe, ramp};
use crate::{Case, case};

#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    case("range/inside", "A range inside the object is a 206 that says where it lies.", |p| inside(p).boxed()),
    case("range/ignored", "Without the standard behaviour a range that does not fit gives the whole object.", |p| ignored(p).boxed()),
    case("range/standard", "With it an end past the object is cut, and a start past it is InvalidRange.", |p| standard(p).boxed()),
    case("range/malformed", "What is no range of bytes is ignored.", |p| malformed(p).boxed()),
    case("range/checksum", "The checksum beside a range is that of the whole object.", |p| checksum(p).boxed()),
    case("condition/etag", "If-Match and If-None-Match compare the ETag.", |p| by_etag(p).boxed()),
    case("condition/time", "If-Modified-Since and If-Unmodified-Since compare the time.", |p| by_time(p).boxed()),
    case("reply/other-headers", "response-… in a signed query changes headers of the reply, once.", |p| other_headers(p).boxed()),
];

const SIZE: usize = 1000;

/// The bytes that come for a range: the status, the offset of the first and how many.
type Answer = (u16, usize, usize);

async fn ranged(probe: &Probe<'_>, range: RangeSpec, standard_range: bool, expected: Answer) -> Outcome {
    let shown = format!("{range}");
    let get = GetObject { range: Some(range), standard_range, ..GetObject::default() };
    let reply = probe.get_with(&probe.key("a"), get).await?;
    let (status, first, length) = expected;
    same(&format!("for {shown} the status"), reply.status.as_u16(), status)?;
    let placed =
        if status == 206 { format!("bytes {first}-{}/{SIZE}", first + length - 1) } else { String::new() };
    same(&format!("for {shown} the Content-Range"), reply.header("content-range"), &placed)?;
    same_bytes(&format!("for {shown}"), &reply.body, &ramp(SIZE)[first..first + length])
}

async fn inside(probe: &Probe<'_>) -> Outcome {
    probe.put(&probe.key("a"), &ramp(SIZE)).await?;
    for standard in [false, true] {
        ranged(probe, RangeSpec::Bounded(0..1), standard, (206, 0, 1)).await?;
        ranged(probe, RangeSpec::Bounded(17..500), standard, (206, 17, 483)).await?;
        ranged(probe, RangeSpec::Bounded(0..1000), standard, (206, 0, 1000)).await?;
        ranged(probe, RangeSpec::Bounded(999..1000), standard, (206, 999, 1)).await?;
        ranged(probe, RangeSpec::From(900), standard, (206, 900, 100)).await?;
        ranged(probe, RangeSpec::Suffix(7), standard, (206, 993, 7)).await?;
    }
    Ok(())
}

async fn ignored(probe: &Probe<'_>) -> Outcome {
    probe.put(&probe.key("a"), &ramp(SIZE)).await?;
    for range in [
        RangeSpec::Bounded(900..1001),
        RangeSpec::Bounded(1000..1001),
        RangeSpec::Bounded(5000..6000),
        RangeSpec::From(1000),
    ] {
        ranged(probe, range, false, (200, 0, SIZE)).await?;
    }
    Ok(())
}

async fn standard(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    probe.put(&key, &ramp(SIZE)).await?;
    ranged(probe, RangeSpec::Bounded(900..1001), true, (206, 900, 100)).await?;
    ranged(probe, RangeSpec::Bounded(999..u64::MAX), true, (206, 999, 1)).await?;
    for range in [RangeSpec::Bounded(1000..1001), RangeSpec::Bounded(5000..6000), RangeSpec::From(1000)] {
        let get = GetObject { range: Some(range), standard_range: true, ..GetObject::default() };
        probe.get_with(&key, get).await?.refuses(416, "InvalidRange", "")?;
    }
    Ok(())
}

async fn malformed(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    probe.put(&key, &ramp(SIZE)).await?;
    for range in ["bytes=9-5", "lines=0-1", "bytes=a-b"] {
        let letter = probe.ask(&key, osseal_wire::oss::Call::GetObject(GetObject::default()));
        let reply = letter.header("range", range).send().await?;
        same(&format!("for {range} the status"), reply.status.as_u16(), 200)?;
        same_bytes(&format!("for {range}"), &reply.body, &ramp(SIZE))?;
    }
    Ok(())
}

async fn checksum(probe: &Probe<'_>) -> Outcome {
    let (key, body) = (probe.key("a"), ramp(SIZE));
    probe.put(&key, &body).await?;
    let get = GetObject { range: Some(RangeSpec::Bounded(10..20)), ..GetObject::default() };
    let reply = probe.get_with(&key, get).await?.answers(206)?;
    same("the CRC64", reply.object()?.crc64, Some(Crc64::of(&body)))
}

async fn by_etag(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    let etag = probe.put(&key, b"here").await?.etag;
    let other = "\"00000000000000000000000000000000\"";
    let asking = |conditions| GetObject { conditions, ..GetObject::default() };
    let with = |text: &str| Some(text.to_owned());
    let matching = |text: &str| asking(Conditions { if_match: with(text), ..Conditions::default() });
    let differing = |text: &str| asking(Conditions { if_none_match: with(text), ..Conditions::default() });
    probe.get_with(&key, matching(&etag)).await?.answers(200)?;
    probe.get_with(&key, matching(other)).await?.refuses(412, "PreconditionFailed", "")?;
    probe.get_with(&key, differing(other)).await?.answers(200)?;
    probe.get_with(&key, differing(&etag)).await?.answers(304).map(drop)
}

async fn by_time(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    probe.put(&key, b"here").await?;
    let modified = probe.head(&key).await?.answers(200)?.header("last-modified").to_owned();
    let long_ago = "Sat, 01 Jan 2000 00:00:00 GMT";
    let asking = |conditions| GetObject { conditions, ..GetObject::default() };
    let with = |text: &str| Some(text.to_owned());
    let since = |text: &str| asking(Conditions { if_modified_since: with(text), ..Conditions::default() });
    let until = |text: &str| asking(Conditions { if_unmodified_since: with(text), ..Conditions::default() });
    probe.get_with(&key, since(long_ago)).await?.answers(200)?;
    probe.get_with(&key, since(&modified)).await?.answers(304)?;
    probe.get_with(&key, until(&modified)).await?.answers(200)?;
    probe.get_with(&key, until(long_ago)).await?.refuses(412, "PreconditionFailed", "").map(drop)
}

async fn other_headers(probe: &Probe<'_>) -> Outcome {
    probe.credentials()?;
    let key = probe.key("a");
    probe.put(&key, b"here").await?;
    let response = vec![
        ("response-content-type", "text/x; a=b".to_owned()),
        ("response-cache-control", "no-store".to_owned()),
    ];
    let reply = probe.get_with(&key, GetObject { response, ..GetObject::default() }).await?.answers(200)?;
    same("content-type", reply.header("content-type"), "text/x; a=b")?;
    same("cache-control", reply.header("cache-control"), "no-store")?;
    let plain = probe.get(&key).await?.answers(200)?;
    same("cache-control of the next read", plain.header("cache-control"), "")
}
