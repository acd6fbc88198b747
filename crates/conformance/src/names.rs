//! Odd keys, names that are none.

use futures_util::FutureExt;
use osseal_wire::oss::names::MAX_KEY;
use osseal_wire::oss::request::{Call, ListObjects, PutObject};
use osseal_wire::oss::xml::ListObjectsResult;

use crate::expect::{Outcome, readable, same};
use crate::probe::Probe;
use crate::{Case, case};

#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    case("name/reserved-characters", "Characters that mean something in an address are part of the key.", |p| reserved(p).boxed()),
    case("name/percent", "A key is decoded once: %2F in it is no slash.", |p| percent(p).boxed()),
    case("name/unicode", "Keys are UTF-8, not normalised.", |p| unicode(p).boxed()),
    case("name/control-characters", "Control characters are part of the key, and listed encoded.", |p| control(p).boxed()),
    case("name/slashes", "Empty parts and a slash at the end are part of the key.", |p| slashes(p).boxed()),
    case("name/longest", "A key may have 1,023 bytes and no more.", |p| longest(p).boxed()),
];

/// Stores, reads, lists and deletes an object under each name; each holds its own name, so that no two may be taken for one.
async fn all(probe: &Probe<'_>, names: &[&str]) -> Outcome {
    for name in names {
        probe.put(&probe.key(name), name.as_bytes()).await?;
    }
    let list =
        ListObjects { prefix: probe.prefix().to_owned(), url_encoding: true, ..ListObjects::default() };
    let reply = probe.list(list.clone()).await?.answers(200)?;
    let page = readable("a listing", ListObjectsResult::from_xml(&reply.body))?;
    let page = readable("a listing that fits its request", page.checked(&probe.target.bucket, &list, None))?;
    let listed: Vec<_> = page.objects.into_iter().map(|object| object.key).collect();
    let mut expected: Vec<_> = names.iter().map(|name| probe.key(name)).collect();
    expected.sort();
    same("the listed keys", listed, expected)?;
    for name in names {
        probe.reads(&probe.key(name), name.as_bytes()).await?;
    }
    for name in names {
        probe.delete(&probe.key(name)).await?.answers(204)?;
        probe.lacks(&probe.key(name)).await?;
    }
    Ok(())
}

async fn reserved(probe: &Probe<'_>) -> Outcome {
    all(
        probe,
        &["a b", "a+b", "a&b=c", "a?b", "a#b", "a;b,c", "tilde~star*quote'(x)", "<a>\"b\"", "a\\b", "a:b@c"],
    )
    .await
}

async fn percent(probe: &Probe<'_>) -> Outcome {
    all(probe, &["a%2Fb", "a/b", "a%252Fb", "%", "100%", "%zz"]).await
}

async fn unicode(probe: &Probe<'_>) -> Outcome {
    all(probe, &["中文/ü", "e\u{301}", "\u{e9}", "🚀", "\u{feff}bom"]).await
}

async fn control(probe: &Probe<'_>) -> Outcome {
    all(probe, &["\u{1}", "\t", "a\nb", "\u{1f}\u{7f}"]).await
}

async fn slashes(probe: &Probe<'_>) -> Outcome {
    all(probe, &["a", "a/", "a//", "a//b", "...", "a/..b"]).await
}

async fn longest(probe: &Probe<'_>) -> Outcome {
    let key = probe.key(&"k".repeat(MAX_KEY - probe.prefix().len()));
    probe.put(&key, b"long").await?;
    probe.reads(&key, b"long").await?;
    let letter = probe.ask(&key, Call::PutObject(PutObject::default())).longer_by("k");
    letter.body("longer").send().await?.refuses(400, "InvalidObjectName", "").map(drop)
}
