//! Presigned URLs of encrypted objects: makes one, or opens the object that one leads to.
//!
//! ```text
//! presigned make v1|v4 ENDPOINT REGION BUCKET KEY      prints a URL, good for 15 minutes
//! presigned read URL PRIVATE-KEY.pem [HOST:PORT]       writes the plaintext to standard output
//! ```
//! Credentials for `make` are `OSS_ACCESS_KEY_ID`, `OSS_ACCESS_KEY_SECRET` and `OSS_SESSION_TOKEN`. `read` needs none: the URL and the key are
//! enough. Its last argument is where to connect to, whatever host the URL names.

use std::error::Error;
use std::io::Write;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use http::uri::{Authority, Scheme, Uri};
use http::{Request, Response};
use osseal::transport::{Body, Https, Transport, TransportError};
use osseal::{
    Credentials, EncryptedBucket, Endpoint, GetOptions, Keyring, MaterialDescription, NamedKey,
    PresignOptions, PresignedReader, RsaKey, RsaPadding, SignatureVersion, Store, Suite,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["make", version, endpoint, region, bucket, key] => make(version, endpoint, region, bucket, key).await,
        ["read", url, key] => read(url, key, None).await,
        ["read", url, key, connect] => read(url, key, Some(connect)).await,
        _ => Err("usage: presigned make v1|v4 ENDPOINT REGION BUCKET KEY, or presigned read URL KEY.pem [HOST:PORT]".into()),
    }
}

async fn make(
    version: &str,
    endpoint: &str,
    region: &str,
    bucket: &str,
    key: &str,
) -> Result<(), Box<dyn Error>> {
    let signature = match version {
        "v1" => SignatureVersion::V1,
        "v4" => SignatureVersion::V4,
        _ => return Err("the version of signatures is v1 or v4".into()),
    };
    let credentials =
        Credentials::new(std::env::var("OSS_ACCESS_KEY_ID")?, std::env::var("OSS_ACCESS_KEY_SECRET")?);
    let credentials = match std::env::var("OSS_SESSION_TOKEN") {
        Ok(token) if !token.is_empty() => credentials.with_token(token),
        _ => credentials,
    };
    // Nothing is sent: a URL is made without asking anybody.
    let store = Store::builder(Endpoint::parse(endpoint)?, region).credentials(credentials);
    let store = store.signature(signature).allow_plain_http().build()?;
    let bucket = EncryptedBucket::builder(store, bucket).build()?;
    println!("{}", bucket.presign(key, &PresignOptions::default()).await?.url);
    Ok(())
}

async fn read(url: &str, key: &str, connect: Option<&str>) -> Result<(), Box<dyn Error>> {
    let key = Arc::new(RsaKey::from_pem(&std::fs::read(key)?, RsaPadding::Pkcs1)?);
    let key = NamedKey::new("reader", MaterialDescription::empty()).unwrapping(key);
    let mut reader = PresignedReader::new(Keyring::new(vec![key])?, Suite::AesCtr);
    if let Some(place) = connect {
        let transport = Pinned { place: place.parse()?, https: Https::new()? };
        reader = reader.transport(Arc::new(transport)).allow_plain_http();
    }
    let mut object = reader.get(url, GetOptions::default()).await?;
    let mut out = std::io::stdout().lock();
    while let Some(chunk) = object.next_chunk().await? {
        out.write_all(&chunk.bytes)?;
    }
    Ok(out.flush()?)
}

/// Connects to one place, whatever host a request names; the request keeps its `Host`.
struct Pinned {
    place: Authority,
    https: Https,
}

impl Transport for Pinned {
    fn send(&self, request: Request<Body>) -> BoxFuture<'static, Result<Response<Body>, TransportError>> {
        let (mut head, body) = request.into_parts();
        let mut parts = head.uri.into_parts();
        (parts.scheme, parts.authority) = (Some(Scheme::HTTP), Some(self.place.clone()));
        match Uri::from_parts(parts) {
            Ok(uri) => {
                head.uri = uri;
                self.https.send(Request::from_parts(head, body))
            }
            Err(error) => Box::pin(std::future::ready(Err(TransportError::fatal("no such place", error)))),
        }
    }
}
