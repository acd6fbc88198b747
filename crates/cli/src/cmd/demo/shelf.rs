//! The embedded store of the demo, with a window at the back.

use std::sync::Arc;

use http_body_util::BodyExt;
use osseal::Store;
use osseal_server::Service;
use osseal_server::backend::memory::Memory;

use crate::exit::{Exit, Failure};
use crate::local;

/// A store in memory: one door that checks signatures, and one at the back for those who run it.
pub(super) struct Shelf {
    front: Service,
    back: Service,
}

/// What lies on the shelf.
pub(super) struct Seen {
    pub(super) metadata: Vec<(String, String)>,
    pub(super) bytes: Vec<u8>,
}

impl Shelf {
    pub(super) fn new() -> Shelf {
        let memory = Arc::new(Memory::new());
        let builder =
            || Service::builder().backend(memory.clone()).quirks(local::embedded()).region(local::REGION);
        Shelf {
            front: builder().credentials(vec![local::credentials()]).build(),
            back: builder().anonymous().build(),
        }
    }

    /// A client at the front door.
    pub(super) fn client(&self) -> Result<Store, Failure> {
        local::in_process(self.front.clone())
    }

    /// The user metadata and the first bytes of an object, as they are stored.
    pub(super) async fn look(&self, bucket: &str, key: &str, bytes: usize) -> Result<Seen, Failure> {
        let failed =
            |what: &str| Failure::new(Exit::Wrong, format!("the store does not show the object: {what}"));
        let path: String = key.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let request = http::Request::get(format!("/{bucket}/{path}")).header("host", "localhost");
        let request =
            request.body(osseal_server::body::empty()).map_err(|error| failed(&error.to_string()))?;
        let reply = self.back.call(request).await.map_err(|error| failed(&error.to_string()))?;
        if !reply.status().is_success() {
            return Err(failed(reply.status().as_str()));
        }
        let (head, mut body) = reply.into_parts();
        let user = head.headers.iter().filter(|(name, _)| name.as_str().starts_with("x-oss-meta-"));
        let metadata = user
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let mut seen = Vec::with_capacity(bytes);
        while seen.len() < bytes {
            let Some(frame) = body.frame().await else { break };
            let frame = frame.map_err(|error| failed(&error.to_string()))?;
            let data = frame.into_data().unwrap_or_default();
            seen.extend_from_slice(&data[..data.len().min(bytes - seen.len())]);
        }
        Ok(Seen { metadata, bytes: seen })
    }
}
