//! A service in a test: short ways to ask it something, on both backends.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use osseal_server::{Service, ServiceBuilder, body};

/// A reply that has arrived whole.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// What stands between the tags of an element's first occurrence.
    pub(crate) fn element(&self, name: &str) -> &str {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let rest = self.text().split_once(&open).map(|(_, rest)| rest).unwrap_or_default();
        rest.split_once(&close).map(|(inside, _)| inside).unwrap_or_default()
    }

    pub(crate) fn refusal(&self) -> (u16, &str, &str) {
        (self.status.as_u16(), self.element("Code"), self.element("EC"))
    }
}

/// A service and, for one on disk, its folder.
pub(crate) struct Store {
    pub(crate) service: Service,
    _folder: Option<tempfile::TempDir>,
}

impl Store {
    pub(crate) fn of(service: Service) -> Store {
        Store { service, _folder: None }
    }

    pub(crate) fn memory(with: impl Fn(ServiceBuilder) -> ServiceBuilder) -> Store {
        Store { service: with(Service::builder().anonymous()).build(), _folder: None }
    }

    pub(crate) fn disk(with: impl Fn(ServiceBuilder) -> ServiceBuilder) -> Store {
        let folder = tempfile::tempdir().unwrap();
        let builder = Service::builder().anonymous().disk(folder.path().join("store")).unwrap();
        Store { service: with(builder).build(), _folder: Some(folder) }
    }

    /// One of each kind, with the bucket `box` in it.
    pub(crate) async fn both() -> [Store; 2] {
        let stores = [Store::memory(|builder| builder), Store::disk(|builder| builder)];
        for store in &stores {
            assert_eq!(store.ask("PUT /box", &[], b"").await.status, 200);
        }
        stores
    }

    /// `ask("PUT /box/key", headers, body)`. A length is declared unless the headers hold `transfer-encoding`.
    pub(crate) async fn ask(&self, line: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(path)
            .header("host", "127.0.0.1");
        let named = |name: &str| headers.iter().any(|(known, _)| *known == name);
        if method != "GET" && method != "HEAD" && !named("transfer-encoding") && !named("content-length") {
            request = request.header("content-length", body.len());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.service.call(request.body(body::full(body.to_vec())).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        Reply { status: head.status, headers: head.headers, body: body.collect().await.unwrap().to_bytes() }
    }
}

/// Versions of the bucket `box`.
impl Store {
    pub(crate) async fn versioning(&self, state: &str) {
        let document = format!("<VersioningConfiguration><Status>{state}</Status></VersioningConfiguration>");
        let reply = self.ask("PUT /box?versioning", &[], document.as_bytes()).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }

    /// Puts and gives the version; empty where there is none.
    pub(crate) async fn put(&self, key: &str, body: impl AsRef<[u8]>) -> String {
        let reply = self.ask(&format!("PUT /box/{key}"), &[], body.as_ref()).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.header("x-oss-version-id").to_owned()
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.ask(&format!("GET /box/{path}"), &[], b"").await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        let reply = self.ask(&format!("DELETE /box/{path}"), &[], b"").await;
        assert_eq!(reply.status, 204, "{}", reply.text());
        reply
    }

    /// Versions as `key:id`, markers with `-`, the latest with `!`, groups with `*`; then the markers of the next page.
    pub(crate) async fn versions(&self, query: &str) -> (Vec<String>, Option<(String, String)>) {
        let reply = self.ask(&format!("GET /box?versions&{query}"), &[], b"").await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let starts = ["<Version>", "<DeleteMarker>", "<CommonPrefixes>"];
        let mut rows = Vec::new();
        let mut rest = reply.text();
        while let Some(at) = starts.iter().filter_map(|start| rest.find(start)).min() {
            let row = &rest[at..];
            let of = |name: &str| {
                let inside = row.split_once(&format!("<{name}>")).unwrap().1;
                inside.split_once('<').unwrap().0.to_owned()
            };
            rows.push(if row.starts_with("<CommonPrefixes>") {
                format!("{}*", of("Prefix"))
            } else {
                let sign = if row.starts_with("<Version>") { "" } else { "-" };
                let latest = if of("IsLatest") == "true" { "!" } else { "" };
                format!("{}:{}{sign}{latest}", of("Key"), of("VersionId"))
            });
            rest = &row[1..];
        }
        let truncated = reply.element("IsTruncated") == "true";
        let next =
            (reply.element("NextKeyMarker").to_owned(), reply.element("NextVersionIdMarker").to_owned());
        (rows, truncated.then_some(next))
    }
}

/// Byte i is i modulo 251.
pub(crate) fn ramp(length: usize) -> Vec<u8> {
    (0..length).map(|i| u8::try_from(i % 251).unwrap()).collect()
}
