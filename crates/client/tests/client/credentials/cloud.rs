//! A home folder and a cloud: what sources of credentials look at.

use std::future::pending;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::Response;
use http::request::Parts;
use http_body_util::{BodyExt, Full};
use osseal::credentials::{
    CredentialChain, CredentialSource, CredentialsError, CredentialsErrorKind, Environment, Outcome, Provided,
};
use osseal::transport::{Body, BoxError, InProcess, Transport};
use secrecy::ExposeSecret;
use tempfile::TempDir;

/// Stands wherever a secret does. No error and no debug output may hold it.
pub(crate) const SECRET: &str = "hunter2-must-never-be-printed";
/// The end of credentials that services give.
pub(crate) const END: &str = "2099-01-02T03:04:05Z";

/// A request that the cloud received.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) head: Parts,
    pub(crate) body: Bytes,
}

impl Asked {
    /// Method, host and path.
    pub(crate) fn line(&self) -> String {
        let uri = &self.head.uri;
        assert_eq!(self.head.headers["host"], uri.authority().unwrap().as_str());
        format!("{} {}{}", self.head.method, uri.host().unwrap(), uri.path())
    }
}

/// Services that give credentials, in this process.
pub(crate) struct Cloud {
    asked: Arc<Mutex<Vec<Asked>>>,
    transport: Arc<InProcess>,
}

impl Cloud {
    /// A cloud that answers with a status and a document, or with nothing for ever.
    pub(crate) fn new(answer: impl Fn(&Asked) -> Option<(u16, String)> + Send + Sync + 'static) -> Cloud {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (kept, answer) = (asked.clone(), Arc::new(answer));
        let transport = InProcess::new(move |request: http::Request<Body>| {
            let (kept, answer) = (kept.clone(), answer.clone());
            async move {
                let (head, body) = request.into_parts();
                let asked = Asked { head, body: body.collect().await?.to_bytes() };
                kept.lock().unwrap().push(asked.clone());
                let Some((status, text)) = answer(&asked) else { pending().await };
                let body = Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync();
                Ok::<_, BoxError>(Response::builder().status(status).body(body)?)
            }
        });
        Cloud { asked, transport: Arc::new(transport) }
    }

    /// A cloud in which nothing answers.
    pub(crate) fn silent() -> Cloud {
        Cloud::new(|_| None)
    }

    pub(crate) fn transport(&self) -> Arc<dyn Transport> {
        self.transport.clone()
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().iter().map(Asked::line).collect()
    }
}

/// The document of temporary credentials.
pub(crate) fn document(id: &str) -> String {
    format!(
        r#"{{"Code":"Success","AccessKeyId":"{id}","AccessKeySecret":"{SECRET}","SecurityToken":"{SECRET}-token","Expiration":"{END}"}}"#
    )
}

/// A home folder and variables.
pub(crate) struct Home {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

impl Home {
    pub(crate) fn new() -> Home {
        Home { folder: tempfile::tempdir().unwrap(), variables: Vec::new() }
    }

    pub(crate) fn set(mut self, name: &str, value: &str) -> Home {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn file(self, name: &str, content: impl AsRef<[u8]>) -> Home {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        self
    }

    /// A home with one profile of the vendor's command line.
    pub(crate) fn with_profile(members: &str) -> Home {
        let text = format!(r#"{{"current":"work","profiles":[{{"name":"work",{members}}}]}}"#);
        Home::new().file(".aliyun/config.json", text)
    }

    pub(crate) fn chain(&self, cloud: &Cloud) -> CredentialChain {
        let environment = Environment::new(self.variables.clone(), Some(self.path().to_owned()));
        let chain = CredentialChain::new(environment, cloud.transport());
        assert_tight(&format!("{chain:?}"));
        chain
    }

    /// What one source gives.
    pub(crate) async fn ask(
        &self,
        source: CredentialSource,
        cloud: &Cloud,
    ) -> Result<Provided, CredentialsError> {
        let mut findings = self.chain(cloud).only(source).diagnose().await;
        assert_eq!(findings.len(), 1);
        assert_tight(&format!("{findings:?}"));
        match findings.remove(0).outcome {
            Outcome::Provided(found) => Ok(found),
            Outcome::PassedOver(error) => {
                assert_eq!(error.kind(), CredentialsErrorKind::Absent);
                Err(error)
            }
            Outcome::Failed(error) => {
                assert_ne!(error.kind(), CredentialsErrorKind::Absent);
                Err(error)
            }
            other => panic!("{other:?}"),
        }
    }

    /// Asserts that one source fails so, and says all of these words.
    pub(crate) async fn fails(
        &self,
        source: CredentialSource,
        cloud: &Cloud,
        kind: CredentialsErrorKind,
        words: &[&str],
    ) -> String {
        let error = self.ask(source, cloud).await.unwrap_err();
        let said = error.to_string();
        assert_tight(&format!("{said} {error:?} {error:#?}"));
        assert_eq!(error.kind(), kind, "{said}");
        for word in words {
            assert!(said.contains(word), "{word:?} is not in {said:?}");
        }
        said
    }
}

/// Id, whether the secret is [`SECRET`], and the token.
pub(crate) fn told(found: &Provided) -> (&str, bool, Option<&str>) {
    let credentials = &found.grant.credentials;
    (
        &credentials.access_key_id,
        credentials.access_key_secret.expose_secret() == SECRET,
        credentials.security_token.as_ref().map(ExposeSecret::expose_secret),
    )
}

/// Panics when a text holds a secret.
#[track_caller]
pub(crate) fn assert_tight(text: &str) {
    assert!(!text.contains("hunter2"), "a secret was printed: {text}");
}
