//! Objects that grow.

use futures_util::FutureExt;
use osseal_wire::oss::request::{AppendObject, Call, PutObject};
use osseal_wire::oss::{Crc64, ErrorDetail};

use crate::expect::{Outcome, same};
use crate::letter::Reply;
use crate::probe::{Probe, ramp, with_metadata};
use crate::{Case, case};

#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    case("append/grows", "Bodies that are appended make one object, with the headers of the first and a checksum of all.", |p| grows(p).boxed()),
    case("append/elsewhere", "What does not begin at the end is refused, and told where the end is.", |p| elsewhere(p).boxed()),
    case("append/not-appendable", "What a put has made does not grow.", |p| not_appendable(p).boxed()),
];

/// Appends a body; the reply is not judged.
async fn append(
    probe: &Probe<'_>,
    key: &str,
    position: u64,
    object: PutObject,
    body: &[u8],
) -> Outcome<Reply> {
    let call = Call::AppendObject(AppendObject { position, object });
    probe.ask(key, call).body(body.to_vec()).send().await
}

async fn grows(probe: &Probe<'_>) -> Outcome {
    let (key, body) = (probe.key("a"), ramp(5003));
    let mut position = 0;
    for piece in body.chunks(2000) {
        let colour = if position == 0 { "red" } else { "blue" };
        let object = with_metadata(&[("x-oss-meta-colour", colour)]);
        let stored = append(probe, &key, position, object, piece).await?.stored()?;
        position += piece.len() as u64;
        same("x-oss-next-append-position", stored.next_append_position, Some(position))?;
        let so_far = body.slice(..usize::try_from(position).unwrap_or(body.len()));
        same("the CRC64 of all so far", stored.crc64, Some(Crc64::of(&so_far)))?;
    }
    let reply = probe.reads(&key, &body).await?;
    same("x-oss-meta-colour", reply.header("x-oss-meta-colour"), "red")?;
    let object = reply.object()?;
    same("the CRC64 of the read", object.crc64, Some(Crc64::of(&body)))?;
    same("x-oss-object-type", object.object_type.as_str(), "Appendable")?;
    same("x-oss-next-append-position", object.next_append_position, Some(5003))
}

async fn elsewhere(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    append(probe, &key, 0, PutObject::default(), b"abc").await?.stored()?;
    for position in [0, 2, 4] {
        let reply = append(probe, &key, position, PutObject::default(), b"x").await?;
        let error = reply.refuses(409, "PositionNotEqualToLength", "0026-00000016")?;
        same("where the end is", error.detail.as_deref(), Some(&ErrorDetail::NextAppendPosition(3)))?;
    }
    probe.reads(&key, b"abc").await.map(drop)
}

async fn not_appendable(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    probe.put(&key, b"abc").await?;
    let reply = append(probe, &key, 3, PutObject::default(), b"d").await?;
    reply.refuses(409, "ObjectNotAppendable", "0026-00000017")?;
    probe.reads(&key, b"abc").await.map(drop)
}
