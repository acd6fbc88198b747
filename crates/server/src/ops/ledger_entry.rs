//! The body of a call that carries data, on its way to the backend.

use osseal_wire::oss::Request;
use osseal_wire::oss::request::Call;

use crate::backend::Place;
use crate::body::Body;
use crate::body::ingest::{Demands, Incoming};
use crate::ledger;
use crate::ops::state::Inner;
use crate::rules::cse_rules::Declared;

impl Inner {
    /// The body of a call that carries data, entered into the ledger from its first byte.
    pub(crate) async fn incoming(&self, request: &Request, body: Body, stop_after: Option<u64>) -> Incoming {
        let (metadata, length, part) = match &request.call {
            Call::PutObject(put) => (Some(&put.metadata), put.content_length, None),
            Call::UploadPart(part) => (Some(&part.metadata), part.content_length, Some(part)),
            Call::AppendObject(append) => (Some(&append.object.metadata), append.object.content_length, None),
            _ => (None, None, None),
        };
        let demands = Demands { length, largest: self.quirks.largest_body, stop_after, ..Demands::default() };
        let Some(ledger) = &self.ledger else { return Incoming::new(body, demands, None) };
        let (bucket, key) =
            (request.bucket.clone().unwrap_or_default(), request.key.clone().unwrap_or_default());
        let place = Place { bucket: &bucket, key: &key };
        let theirs = match &request.call {
            Call::UploadPart(part) => {
                let upload = self.backend.upload(place, &part.upload_id).await.ok();
                upload.map(|(upload, _)| upload.meta.0.clone())
            }
            Call::AppendObject(_) => {
                self.backend.object(place, None).await.ok().map(|object| object.meta.0.clone())
            }
            _ => None,
        };
        let own: Vec<(String, Vec<u8>)> = metadata
            .map(|metadata| metadata.pairs().map(|(name, value)| (name.to_owned(), value.to_vec())).collect())
            .unwrap_or_default();
        let is_envelope = |(name, _): &&(String, Vec<u8>)| ledger::is_envelope(name);
        let from = if own.iter().any(|pair| is_envelope(&pair)) { own } else { theirs.unwrap_or_default() };
        let envelope: Vec<(String, Vec<u8>)> = from.iter().filter(is_envelope).cloned().collect();
        let sizes =
            Declared::of(envelope.iter().map(|(name, value)| (name.as_str(), value.as_slice()))).plan();
        let stored_start = match &request.call {
            Call::AppendObject(append) => append.position,
            _ => part.zip(sizes).map_or(0, |(part, plan)| plan.offset(part.part_number)),
        };
        let subject = ledger::Subject {
            bucket,
            key,
            upload_id: part.map(|part| part.upload_id.clone()),
            part_number: part.map(|part| part.part_number),
            envelope,
            stored_start,
        };
        Incoming::new(body, demands, Some(ledger.open(subject)))
    }
}
