//! Error documents, signatures, buckets.

use data_encoding::BASE64;
use futures_util::FutureExt;
use jiff::SignedDuration;
use osseal_wire::oss::request::{
    Call, GetObject, InitiateMultipartUpload, ListBuckets, PutBucket, PutObject,
};
use osseal_wire::oss::xml::ListBucketsResult;
use osseal_wire::oss::{Credentials, ServiceError};
use secrecy::ExposeSecret;

use crate::expect::{Outcome, holds, readable, same};
use crate::letter::Signing;
use crate::probe::Probe;
use crate::{Case, case};

#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    case("error/document", "A refusal is a document with code, message, request id and EC, as the headers say too.", |p| document(p).boxed()),
    case("error/of-head", "A refusal of HEAD has its document in x-oss-err.", |p| of_head(p).boxed()),
    case("error/no-such-bucket", "A bucket that is not there is NoSuchBucket, whatever is asked of it.", |p| no_such_bucket(p).boxed()),
    case("reply/request-id", "Every reply has a request id of its own, and the time.", |p| request_id(p).boxed()),
    case("signature/v1", "Version 1 in the headers opens the door.", |p| v1(p).boxed()),
    case("signature/v4-query", "Version 4 in the address does so until it expires.", |p| v4_query(p).boxed()),
    case("signature/v1-query", "Version 1 in the address does so until it expires.", |p| v1_query(p).boxed()),
    case("signature/wrong-secret", "A signature by another secret is SignatureDoesNotMatch.", |p| wrong_secret(p).boxed()),
    case("signature/unknown-id", "An access key id that nobody has is InvalidAccessKeyId.", |p| unknown_id(p).boxed()),
    case("signature/clock", "A clock more than 15 minutes off is RequestTimeTooSkewed.", |p| clock(p).boxed()),
    case("signature/none", "Nobody writes without a signature.", |p| none(p).boxed()),
    case("bucket/life", "A bucket is made, listed, kept while it holds something, and removed.", |p| bucket_life(p).boxed()),
];

async fn document(probe: &Probe<'_>) -> Outcome {
    let reply = probe.get(&probe.key("never-written")).await?;
    same("content-type", reply.header("content-type"), "application/xml")?;
    let error = ServiceError::from_reply(reply.status, &http::HeaderMap::new(), &reply.body);
    same("the code", error.code.as_str(), "NoSuchKey")?;
    same("the message", error.message.as_str(), "The specified key does not exist.")?;
    same("the EC", error.ec.as_str(), "0026-00000001")?;
    same("x-oss-ec", reply.header("x-oss-ec"), "0026-00000001")?;
    holds("a request id in the document", !error.request_id.is_empty(), || "none".into())?;
    same("x-oss-request-id", reply.header("x-oss-request-id"), &error.request_id)?;
    let text = String::from_utf8_lossy(&reply.body);
    holds("a HostId", text.contains("<HostId>"), || text.clone().into_owned())
}

async fn of_head(probe: &Probe<'_>) -> Outcome {
    let reply = probe.head(&probe.key("never-written")).await?;
    same("the status", reply.status.as_u16(), 404)?;
    same("the bytes of the body", reply.body.len(), 0)?;
    let document = readable("base64 in x-oss-err", BASE64.decode(reply.header("x-oss-err").as_bytes()))?;
    let error = ServiceError::from_reply(reply.status, &http::HeaderMap::new(), &document);
    same("the code", error.code.as_str(), "NoSuchKey")?;
    same("the request id", error.request_id.as_str(), reply.header("x-oss-request-id"))
}

async fn no_such_bucket(probe: &Probe<'_>) -> Outcome {
    let bucket = probe.traces.bucket('n');
    let key = probe.key("a");
    for (key, call) in [
        (Some(&*key), Call::GetObject(GetObject::default())),
        (Some(&*key), Call::InitiateMultipartUpload(InitiateMultipartUpload::default())),
        (None, Call::ListObjects(osseal_wire::oss::request::ListObjects::default())),
    ] {
        let letter = probe.letter(Some(&bucket), key, call);
        letter.send().await?.refuses(404, "NoSuchBucket", "0015-00000101")?;
    }
    Ok(())
}

async fn request_id(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    let mut ids = Vec::new();
    for reply in [
        probe.put_with(&key, PutObject::default(), b"x").await?,
        probe.get(&key).await?,
        probe.get(&key).await?,
    ] {
        let reply = reply.answers(200)?;
        let id = reply.header("x-oss-request-id").to_owned();
        holds("an x-oss-request-id", !id.is_empty() && !ids.contains(&id), || {
            format!("{id:?} after {ids:?}")
        })?;
        holds("a Date", osseal_wire::oss::parse_http_date(reply.header("date")).is_some(), || {
            reply.header("date").into()
        })?;
        ids.push(id);
    }
    Ok(())
}

/// An object to read, and who may.
async fn here(probe: &Probe<'_>) -> Outcome<(String, Credentials)> {
    let credentials = probe.credentials()?;
    let key = probe.key("a b+%");
    probe.put(&key, b"here").await?;
    Ok((key, credentials))
}

fn get() -> Call {
    Call::GetObject(GetObject::default())
}

async fn v1(probe: &Probe<'_>) -> Outcome {
    let (key, _) = here(probe).await?;
    let put = Call::PutObject(super::probe::with_metadata(&[
        ("x-oss-meta-colour", "red"),
        ("content-type", "a/b"),
    ]));
    probe.ask(&key, put).body("v1").signed(Signing::V1).send().await?.stored()?;
    let reply = probe.ask(&key, get()).signed(Signing::V1).send().await?.answers(200)?;
    same("the object's bytes", &reply.body[..], b"v1")
}

async fn v4_query(probe: &Probe<'_>) -> Outcome {
    let (key, _) = here(probe).await?;
    let reply = probe.ask(&key, get()).signed(Signing::V4Query(600)).send().await?.answers(200)?;
    same("the object's bytes", &reply.body[..], b"here")?;
    let late = probe.ask(&key, get()).signed(Signing::V4Query(60)).skewed(SignedDuration::from_secs(-120));
    late.send().await?.refuses(403, "AccessDenied", "").map(drop)
}

async fn v1_query(probe: &Probe<'_>) -> Outcome {
    let (key, _) = here(probe).await?;
    let reply = probe.ask(&key, get()).signed(Signing::V1Query(600)).send().await?.answers(200)?;
    same("the object's bytes", &reply.body[..], b"here")?;
    let late = probe.ask(&key, get()).signed(Signing::V1Query(-60));
    late.send().await?.refuses(403, "AccessDenied", "").map(drop)
}

async fn wrong_secret(probe: &Probe<'_>) -> Outcome {
    let (key, credentials) = here(probe).await?;
    let mut wrong = Credentials::new(credentials.access_key_id.clone(), "not the secret");
    wrong.security_token = credentials.security_token;
    for signing in [Signing::V4, Signing::V1, Signing::V4Query(600), Signing::V1Query(600)] {
        let letter = probe.ask(&key, get()).signed_by(wrong.clone()).signed(signing);
        letter.send().await?.refuses(403, "SignatureDoesNotMatch", "")?;
    }
    Ok(())
}

async fn unknown_id(probe: &Probe<'_>) -> Outcome {
    let (key, credentials) = here(probe).await?;
    let nobody = Credentials::new("osseal-nobody", credentials.access_key_secret.expose_secret().to_owned());
    let letter = probe.ask(&key, get()).signed_by(nobody);
    letter.send().await?.refuses(403, "InvalidAccessKeyId", "").map(drop)
}

async fn clock(probe: &Probe<'_>) -> Outcome {
    let (key, _) = here(probe).await?;
    for minutes in [-20, 20] {
        for signing in [Signing::V4, Signing::V1] {
            let letter = probe.ask(&key, get()).signed(signing).skewed(SignedDuration::from_mins(minutes));
            letter.send().await?.refuses(403, "RequestTimeTooSkewed", "")?;
        }
    }
    for minutes in [-10, 10] {
        let letter = probe.ask(&key, get()).skewed(SignedDuration::from_mins(minutes));
        letter.send().await?.answers(200)?;
    }
    Ok(())
}

async fn none(probe: &Probe<'_>) -> Outcome {
    let (key, _) = here(probe).await?;
    let put = Call::PutObject(PutObject::default());
    let letter = probe.ask(&key, put).body("there").signed(Signing::Nobody);
    letter.send().await?.refuses(403, "AccessDenied", "")?;
    probe.reads(&key, b"here").await.map(drop)
}

async fn bucket_life(probe: &Probe<'_>) -> Outcome {
    let bucket = probe.own_bucket('b').await?;
    let key = probe.key("a");
    let listed = async || {
        let list = Call::ListBuckets(ListBuckets { prefix: bucket.clone(), ..ListBuckets::default() });
        let reply = probe.letter(None, None, list).send().await?.answers(200)?;
        let result = readable("a list of buckets", ListBucketsResult::from_xml(&reply.body))?;
        Ok(result.buckets.bucket.into_iter().map(|bucket| bucket.name).collect::<Vec<_>>())
    };
    same("the listed buckets", listed().await?, vec![bucket.clone()])?;
    // Its owner may make it again.
    probe.letter(Some(&bucket), None, Call::PutBucket(PutBucket::default())).send().await?.answers(200)?;
    let put = Call::PutObject(PutObject::default());
    probe.letter(Some(&bucket), Some(&key), put).body("x").send().await?.stored()?;
    let remove = async || probe.letter(Some(&bucket), None, Call::DeleteBucket).send().await;
    remove().await?.refuses(409, "BucketNotEmpty", "0015-00000301")?;
    let delete = Call::DeleteObject(osseal_wire::oss::request::DeleteObject::default());
    probe.letter(Some(&bucket), Some(&key), delete).send().await?.answers(204)?;
    remove().await?.answers(204)?;
    same("the listed buckets", listed().await?, Vec::new())?;
    remove().await?.refuses(404, "NoSuchBucket", "").map(drop)
}
