//! The embedded store of the demo, with a window at the back.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use http_body_util::BodyExt;
use osseal::Store;
use osseal_server::backend::memory::Memory;
use osseal_server::{Body, Service};

use crate::client::embedded;
use crate::ui::error::{Exit, Failure};

/// A store in memory: one door that checks signatures, and one at the back for those who run it.
pub(super) struct DemoStore {
    front: Service,
    back: Service,
}

/// Stored metadata and bytes.
pub(super) struct Seen {
    pub(super) metadata: Vec<(String, String)>,
    pub(super) bytes: Vec<u8>,
}

/// An object as it is stored.
#[derive(Clone)]
pub(super) struct Raw {
    pub(super) metadata: HeaderMap,
    pub(super) bytes: Vec<u8>,
}

impl DemoStore {
    pub(super) fn new() -> DemoStore {
        let memory = Arc::new(Memory::new());
        let builder = || {
            Service::builder().backend(memory.clone()).quirks(embedded::embedded()).region(embedded::REGION)
        };
        DemoStore {
            front: builder().credentials(vec![embedded::credentials()]).build(),
            back: builder().anonymous().build(),
        }
    }

    /// A client at the front door.
    pub(super) fn client(&self) -> Result<Store, Failure> {
        embedded::in_process(self.front.clone())
    }

    /// The user metadata and the first bytes of an object, as they are stored.
    pub(super) async fn look(&self, bucket: &str, key: &str, bytes: usize) -> Result<Seen, Failure> {
        let (headers, mut body) = self.ask(Method::GET, bucket, key, HeaderMap::new(), Vec::new()).await?;
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let metadata = user(&headers).map(|(name, value)| (name.to_string(), text(value))).collect();
        let mut seen = Vec::with_capacity(bytes);
        while seen.len() < bytes {
            let Some(frame) = body.frame().await else { break };
            let frame = frame.map_err(|error| unseen(&error.to_string()))?;
            let data = frame.into_data().unwrap_or_default();
            seen.extend_from_slice(&data[..data.len().min(bytes - seen.len())]);
        }
        Ok(Seen { metadata, bytes: seen })
    }

    /// All of an object.
    pub(super) async fn take(&self, bucket: &str, key: &str) -> Result<Raw, Failure> {
        let (headers, body) = self.ask(Method::GET, bucket, key, HeaderMap::new(), Vec::new()).await?;
        let body = body.collect().await.map_err(|error| unseen(&error.to_string()))?;
        let metadata = user(&headers).map(|(name, value)| (name.clone(), value.clone())).collect();
        Ok(Raw { metadata, bytes: body.to_bytes().to_vec() })
    }

    /// Puts something else in an object's place.
    pub(super) async fn replace(&self, bucket: &str, key: &str, raw: Raw) -> Result<(), Failure> {
        let mut headers = raw.metadata;
        headers.insert(http::header::CONTENT_LENGTH, raw.bytes.len().into());
        self.ask(Method::PUT, bucket, key, headers, raw.bytes).await.map(drop)
    }

    /// A request at the back door.
    async fn ask(
        &self,
        method: Method,
        bucket: &str,
        key: &str,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<(HeaderMap, Body), Failure> {
        let path: String = key.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let request = http::Request::builder()
            .method(method)
            .uri(format!("/{bucket}/{path}"))
            .header(http::header::HOST, "localhost")
            .body(osseal_server::body::full(body));
        let mut request = request.map_err(|error| unseen(&error.to_string()))?;
        request.headers_mut().extend(headers);
        let reply = self.back.call(request).await.map_err(|error| unseen(&error.to_string()))?;
        if !reply.status().is_success() {
            return Err(unseen(reply.status().as_str()));
        }
        let (head, body) = reply.into_parts();
        Ok((head.headers, body))
    }
}

fn user(headers: &HeaderMap) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
    headers.iter().filter(|(name, _)| name.as_str().starts_with("x-oss-meta-"))
}

fn unseen(what: &str) -> Failure {
    Failure::new(Exit::Mismatch, format!("the store does not show the object: {what}"))
}
