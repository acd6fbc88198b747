//! Lists of parts that are not of the upload.

use bytes::Bytes;
use osseal::Suite;
use osseal_server::Operation;

use super::{Bench, PARTS, STARTS_OVER, Took};

/// A page of parts, edited.
type Lie = fn(&str) -> String;

fn replaced(page: &str, element: &str, with: &str) -> String {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let begin = page.find(&open).unwrap() + open.len();
    let end = begin + page[begin..].find(&close).unwrap();
    format!("{}{with}{}", &page[..begin], &page[end..])
}

/// The last part of a page.
fn last(page: &str) -> &str {
    let (begin, end) = (page.rfind("<Part>").unwrap(), page.rfind("</Part>").unwrap() + "</Part>".len());
    &page[begin..end]
}

/// Edits a page of parts; other replies stay what they are.
fn edit_list(head: &http::request::Parts, reply: &mut http::Response<Bytes>, lie: Lie) {
    let is_of_upload = head.uri.query().is_some_and(|query| query.contains("uploadId"));
    if head.method == http::Method::GET && is_of_upload && reply.status() == 200 {
        let page = lie(std::str::from_utf8(reply.body()).unwrap());
        reply.headers_mut().remove("content-length");
        *reply.body_mut() = Bytes::from(page);
    }
}

#[tokio::test]
async fn a_list_of_parts_that_is_not_of_this_upload_starts_over() {
    let lies: [(&str, Lie); 11] = [
        ("a part more", |page| {
            page.replace(last(page), &format!("{}{}", last(page), replaced(last(page), "PartNumber", "7")))
        }),
        ("a part beyond the last", |page| {
            page.replace(last(page), &format!("{}{}", last(page), replaced(last(page), "PartNumber", "900")))
        }),
        ("part 0", |page| replaced(page, "PartNumber", "0")),
        ("a part twice", |page| page.replace(last(page), &last(page).repeat(2))),
        ("another size", |page| replaced(page, "Size", "102401")),
        ("no bytes", |page| replaced(page, "Size", "0")),
        ("another ETag", |page| replaced(page, "ETag", "\"0123456789ABCDEF0123456789ABCDEF\"")),
        ("another key", |page| replaced(page, "ClientEncryptionKey", "AAAA")),
        ("another start", |page| replaced(page, "ClientEncryptionStart", "AAAA")),
        ("a page that leads to itself", |page| replaced(page, "IsTruncated", "true")),
        ("no page", |_| "nonsense".into()),
    ];
    for suite in Suite::ALL {
        for (what, lie) in lies {
            let mut bench = Bench::new(suite).await;
            bench.broken(4).await;
            bench.bucket = bench.world.map_reply(move |head, reply| edit_list(head, reply, lie));
            let before = bench.world.calls(Operation::ListParts);
            let (outcome, took) = bench.run().await;
            outcome.unwrap();
            assert!(bench.world.calls(Operation::ListParts) > before, "{what}");
            assert_eq!(took, STARTS_OVER, "{suite:?} {what}");
            bench.check(0).await;
        }
    }
}

#[tokio::test]
async fn parts_that_the_store_does_not_have_any_more_are_sent_again() {
    for suite in Suite::ALL {
        let mut bench = Bench::new(suite).await;
        bench.broken(4).await;
        bench.bucket =
            bench.world.map_reply(|head, reply| edit_list(head, reply, |page| page.replace(last(page), "")));
        let (outcome, took) = bench.run().await;
        outcome.unwrap();
        assert_eq!(took, Took { parts: PARTS - 3, beginnings: 0 }, "{suite:?}");
        bench.check(0).await;
    }
}
