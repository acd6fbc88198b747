//! Pages, groups, order, encoding.

use futures_util::FutureExt;
use osseal_wire::oss::request::{Call, ListObjects};
use osseal_wire::oss::xml::ListObjectsResult;
use osseal_wire::oss::{ObjectPage, parse_http_date};

use crate::expect::{Outcome, readable, same};
use crate::letter::Reply;
use crate::probe::Probe;
use crate::{Case, case};

#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    case("list/entries", "An entry has the size, ETag, type and time of its object, the time in whole seconds.", |p| entries(p).boxed()),
    case("list/pages", "Pages follow each other by continuation token, in the order of bytes, without gap or repetition.", |p| pages(p).boxed()),
    case("list/pages-by-marker", "Version 1 of the call goes on after a marker.", |p| pages_by_marker(p).boxed()),
    case("list/start-after", "Keys up to start-after are left out, the key itself too.", |p| start_after(p).boxed()),
    case("list/groups", "A delimiter makes groups, each listed once and counted as an entry.", |p| groups(p).boxed()),
    case("list/nothing", "A prefix that no key has gives an empty page.", |p| nothing(p).boxed()),
    case("list/limits", "A page has 1 to 1,000 entries.", |p| limits(p).boxed()),
    case("list/token", "A continuation token that the service did not make is refused.", |p| token(p).boxed()),
];

/// In the order of their bytes: upper case before lower, `!` before `/`.
const KEYS: [&str; 9] = ["B", "a", "a!", "a/1", "a/2", "a/3/x", "ab", "é", "中"];

async fn fill(probe: &Probe<'_>) -> Outcome {
    for name in KEYS {
        probe.put(&probe.key(name), name.as_bytes()).await?;
    }
    Ok(())
}

fn below(probe: &Probe<'_>) -> ListObjects {
    ListObjects { prefix: probe.prefix().to_owned(), url_encoding: true, ..ListObjects::default() }
}

fn parsed(reply: &Reply) -> Outcome<ListObjectsResult> {
    readable("a listing", ListObjectsResult::from_xml(&reply.body))
}

async fn page(probe: &Probe<'_>, list: &ListObjects, last: Option<&str>) -> Outcome<ObjectPage> {
    let reply = probe.list(list.clone()).await?.answers(200)?;
    readable("a listing that fits its request", parsed(&reply)?.checked(&probe.target.bucket, list, last))
}

/// Names of a page, without the case's prefix: groups after objects.
fn names(probe: &Probe<'_>, page: &ObjectPage) -> Vec<String> {
    let keys = page.objects.iter().map(|object| &object.key).chain(&page.prefixes);
    keys.map(|key| key.strip_prefix(probe.prefix()).unwrap_or(key).to_owned()).collect()
}

async fn entries(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    let etag = probe.put(&key, &[7; 1234]).await?.etag;
    let page = page(probe, &below(probe), None).await?;
    same("the number of entries", page.objects.len(), 1)?;
    let entry = &page.objects[0];
    same("the key", &entry.key, &key)?;
    same("the size", entry.stored_size, 1234)?;
    same("the ETag", &entry.etag, &etag)?;
    same("the type", entry.object_type.as_str(), "Normal")?;
    same("the storage class", entry.storage_class.as_str(), "Standard")?;
    let modified = probe.head(&key).await?.object()?.last_modified;
    let modified = readable("a Last-Modified", parse_http_date(&modified).ok_or("none"))?;
    let expected = modified.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string();
    same("the time", &entry.last_modified, &expected)
}

/// All pages of a listing, of at most `size` entries each.
async fn chain(probe: &Probe<'_>, first: ListObjects, size: u32) -> Outcome<Vec<ObjectPage>> {
    let mut list = ListObjects { max_keys: Some(size), ..first };
    let (mut pages, mut last) = (Vec::<ObjectPage>::new(), None::<String>);
    while pages.len() <= KEYS.len() {
        let page = page(probe, &list, last.as_deref()).await?;
        last = page.objects.last().map(|object| object.key.clone()).or(last);
        let next = page.next.clone();
        pages.push(page);
        match next {
            None => return Ok(pages),
            Some(next) if list.version_1 => list.start_after = next,
            Some(next) => list.continuation_token = next,
        }
    }
    same("the number of pages, at most", pages.len(), KEYS.len()).map(|()| pages)
}

async fn judged_pages(probe: &Probe<'_>, first: ListObjects) -> Outcome {
    fill(probe).await?;
    for (size, sizes) in [(4, vec![4, 4, 1]), (3, vec![3, 3, 3]), (9, vec![9])] {
        let pages = chain(probe, first.clone(), size).await?;
        let have: Vec<_> = pages.iter().map(|page| page.objects.len()).collect();
        same(&format!("pages of at most {size},"), have, sizes)?;
        let listed: Vec<_> = pages.iter().flat_map(|page| names(probe, page)).collect();
        same("the keys", listed, KEYS.map(str::to_owned).to_vec())?;
    }
    Ok(())
}

async fn pages(probe: &Probe<'_>) -> Outcome {
    judged_pages(probe, below(probe)).await
}

async fn pages_by_marker(probe: &Probe<'_>) -> Outcome {
    judged_pages(probe, ListObjects { version_1: true, ..below(probe) }).await
}

async fn start_after(probe: &Probe<'_>) -> Outcome {
    fill(probe).await?;
    for (after, expected) in [("a/2", &KEYS[5..]), ("a/2x", &KEYS[5..]), ("中", &[])] {
        let list = ListObjects { start_after: probe.key(after), ..below(probe) };
        let page = page(probe, &list, None).await?;
        same(
            &format!("the keys after {after}"),
            names(probe, &page),
            expected.iter().map(|key| (*key).to_owned()).collect(),
        )?;
    }
    Ok(())
}

async fn groups(probe: &Probe<'_>) -> Outcome {
    fill(probe).await?;
    let list = ListObjects { delimiter: "/".into(), ..below(probe) };
    let whole = page(probe, &list, None).await?;
    let expected = ["B", "a", "a!", "ab", "é", "中", "a/"].map(str::to_owned).to_vec();
    same("keys and groups", names(probe, &whole), expected.clone())?;
    let inside = ListObjects { prefix: probe.key("a/"), ..list.clone() };
    let inside = page(probe, &inside, None).await?;
    same("keys and groups of a/", names(probe, &inside), ["a/1", "a/2", "a/3/"].map(str::to_owned).to_vec())?;
    let pages = chain(probe, list, 2).await?;
    let sizes: Vec<_> = pages.iter().map(|page| page.objects.len() + page.prefixes.len()).collect();
    same("pages of at most 2,", sizes, vec![2, 2, 2, 1])?;
    let (mut listed, mut expected): (Vec<_>, _) =
        (pages.iter().flat_map(|page| names(probe, page)).collect(), expected);
    listed.sort();
    expected.sort();
    same("keys and groups of all pages", listed, expected)
}

async fn nothing(probe: &Probe<'_>) -> Outcome {
    fill(probe).await?;
    let reply = probe.list(ListObjects { prefix: probe.key("none"), ..below(probe) }).await?.answers(200)?;
    let listing = parsed(&reply)?;
    same("the entries", listing.contents.len() + listing.common_prefixes.len(), 0)?;
    same("IsTruncated", listing.is_truncated, false)?;
    same("the bucket", &listing.name, &probe.target.bucket)
}

async fn limits(probe: &Probe<'_>) -> Outcome {
    fill(probe).await?;
    let list = |max_keys| ListObjects { max_keys: Some(max_keys), ..below(probe) };
    same("the keys", page(probe, &list(1000), None).await?.objects.len(), KEYS.len())?;
    probe.list(list(1001)).await?.refuses(400, "InvalidArgument", "").map(drop)
}

async fn token(probe: &Probe<'_>) -> Outcome {
    let list = ListObjects { continuation_token: "no token of yours".into(), ..below(probe) };
    let letter = probe.letter(Some(&probe.target.bucket), None, Call::ListObjects(list));
    letter.send().await?.refuses(400, "InvalidArgument", "").map(drop)
}
