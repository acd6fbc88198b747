//! Keys of the kind `kms`, against a key service on a socket in this process.

use std::sync::Arc;

use data_encoding::BASE64;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use osseal::{
    Credentials, Endpoint, Kms, KmsKey, UnwrapKey, UnwrapRequest, WrapAlgorithm, Wrapped, WrappedContent,
};
use osseal_server::kms::KmsService;
use osseal_server::kms::faults::{Action, Fault, Faults, Operation};
use osseal_server::kms::keys::KeyState;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::support::{Home, ID, SECRET, Store, ramp};

/// Credentials of the key service only.
const OTHER: &str = "other-id";

pub(crate) struct KeyService {
    endpoint: String,
    pub(crate) faults: Faults,
    service: KmsService,
    /// A key with the alias `alias/test`.
    pub(crate) id: String,
    credentials: Credentials,
    runtime: Runtime,
}

impl KeyService {
    /// A key service that knows the access key of one id.
    fn of(access_key_id: &str) -> KeyService {
        KeyService::with(Credentials::new(access_key_id, SECRET.to_owned()))
    }

    pub(crate) fn with(credentials: Credentials) -> KeyService {
        let faults = Faults::new();
        let service =
            KmsService::builder().credentials(vec![credentials.clone()]).faults(faults.clone()).build();
        let id = service.create_key().unwrap();
        service.set_alias("alias/test", &id).unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(osseal_server::kms::serve(listener, service.clone(), std::future::pending()));
        KeyService { endpoint, faults, service, id, credentials, runtime }
    }

    /// Serves it under a certificate of an authority of its own, too, whose certificate this gives back.
    fn behind_tls(&mut self) -> String {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = ServerConfig::builder().with_no_client_auth();
        let config = config.with_single_cert(vec![certificate.der().clone()], key).unwrap();
        let (acceptor, service) = (TlsAcceptor::from(Arc::new(config)), self.service.clone());
        let listener = self.runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        self.endpoint = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        self.runtime.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                // A client that does not trust the certificate ends the handshake.
                let Ok(stream) = acceptor.accept(socket).await else { continue };
                let service = service.clone();
                let handler = service_fn(move |request| service.call(request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), handler));
            }
        });
        authority.pem()
    }

    /// Writes a configuration whose keyring has a KMS key first, and then the AES key of the home.
    pub(crate) fn configure(&self, home: &Home, suite: &str, id: &str, more: &str) {
        let endpoint = &self.endpoint;
        home.write("osseal.toml", format!("[profile.default]\nregion = \"cn-hangzhou\"\nsuite = \"{suite}\"\nkeyring = [\"vault\", \"backup\"]\n\n[key.vault]\nkind = \"kms\"\nid = \"{id}\"\nendpoint = \"{endpoint}\"\n{more}\n\n[key.backup]\nkind = \"aes\"\nfile = \"backup.key\"\ndescription = {{ purpose = \"backup\" }}\n"));
    }

    /// The data key and the counter of an object of AES/CTR.
    pub(crate) fn values_of(&self, store: &Store, object: &str) -> [Vec<u8>; 2] {
        let mut blobs = [String::new(), String::new()];
        store.edit(object, |name, value| {
            for (blob, ending) in blobs.iter_mut().zip(["encryption-key", "encryption-start"]) {
                if name.ends_with(ending) {
                    value.clone_into(blob);
                }
            }
            value.to_owned()
        });
        let kms = Kms::builder(Endpoint::parse(&self.endpoint).unwrap());
        let kms = kms.credentials(self.credentials.clone()).build().unwrap();
        let key = KmsKey::builder(kms, self.id.parse().unwrap()).build().unwrap();
        let unwrap = |blob: &str, content| {
            let wrapped = Wrapped::from_kms_blob(blob).unwrap();
            let request = UnwrapRequest::new(WrapAlgorithm::Kms, &wrapped, content);
            self.runtime.block_on(key.unwrap(request)).unwrap().expose().to_vec()
        };
        let [data_key, counter] = &blobs;
        [unwrap(data_key, WrappedContent::DataKey), unwrap(counter, WrappedContent::Iv)]
    }

    /// How many calls came in meanwhile.
    fn calls<T>(&self, work: impl FnOnce() -> T) -> u64 {
        let before = self.faults.total();
        work();
        self.faults.total() - before
    }
}

/// A home whose credentials are those of a file or of the vendor's variables, and a plain file in it.
fn home(store: &Store) -> Home {
    let home = Home::new().set("OSS_ENDPOINT", &store.endpoint);
    home.run(&["keys", "new", "aes", "backup.key"]).ok();
    home.write("f", ramp(50_000));
    home
}

fn aliyun(id: &str) -> String {
    format!(
        "{{\"current\":\"default\",\"profiles\":[{{\"name\":\"default\",\"mode\":\"AK\",\"access_key_id\":\"{id}\",\"access_key_secret\":\"{SECRET}\"}}]}}"
    )
}

#[test]
fn one_key_id_is_enough() {
    let (store, service) = (Store::new(), KeyService::of(&ID));
    let home =
        home(&store).set("ALIBABA_CLOUD_ACCESS_KEY_ID", &ID).set("ALIBABA_CLOUD_ACCESS_KEY_SECRET", SECRET);
    let arn = format!("acs:kms:cn-hangzhou:1000000000000001:key/{}", service.id);
    for (suite, calls) in [("sealed", 1), ("aes-ctr", 2)] {
        // An alias is looked up, once in each run.
        for (id, more) in [(service.id.as_str(), 0), (arn.as_str(), 0), ("alias/test", 1)] {
            service.configure(&home, suite, id, "");
            let put = service.calls(|| home.run(&["cp", "f", "oss://box/f"]).ok());
            assert_eq!(put, calls + more, "{suite} {id}");
            let get = service.calls(|| {
                assert_eq!(home.run(&["cat", "oss://box/f"]).ok(), ramp(50_000), "{suite} {id}");
            });
            assert_eq!(get, calls + more, "{suite} {id}");
            let range = home.run(&["cat", "--range", "20000-20009", "oss://box/f"]).ok();
            assert_eq!(range, ramp(50_000)[20_000..=20_009]);
        }
        let stat = home.run(&["stat", "--json", "oss://box/f"]).text();
        assert!(stat.contains("KMS/ALICLOUD") && stat.contains("\"vault\""), "{stat}");
    }
}

#[test]
fn several_kinds_of_keys_are_in_one_keyring() {
    let (store, service) = (Store::new(), KeyService::of(&ID));
    let home = Home::with_store(&store.endpoint);
    home.write("f", ramp(1000));
    home.run(&["cp", "f", "oss://box/aes"]).ok();
    service.configure(&home, "sealed", &service.id, "");
    home.run(&["cp", "f", "oss://box/kms"]).ok();
    for key in ["oss://box/aes", "oss://box/kms"] {
        assert_eq!(home.run(&["cat", key]).ok(), ramp(1000), "{key}");
    }
    let listed = service.calls(|| {
        let listed = home.run(&["keys", "list", "--json"]).text();
        let first: serde_json::Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
        assert_eq!(
            first,
            serde_json::json!({
                "name": "vault", "kind": "kms", "role": "writes", "description": {}, "usable": true,
                "can_read": true, "state": format!("KMS, {}", service.id)
            })
        );
    });
    assert_eq!(listed, 0, "nobody is asked for a list");
    for (suite, calls) in [("sealed", 2), ("aes-ctr", 4)] {
        service.configure(&home, suite, &service.id, "");
        let made = service.calls(|| {
            let checked = home.run(&["keys", "check"]).text();
            assert_eq!(checked.matches("  good").count(), 2, "{checked}");
        });
        assert_eq!(made, calls, "{suite}");
    }
    service.service.set_state(&service.id, KeyState::Disabled).unwrap();
    home.run(&["keys", "check"]).fails(4, &["not all keys are good: vault"]);
    home.run(&["cat", "oss://box/kms"]).fails(4, &["Rejected.Disabled"]);
    assert_eq!(home.run(&["cat", "oss://box/aes"]).ok(), ramp(1000), "the other key needs no service");
}

#[test]
fn credentials_serve_both_or_are_separate() {
    let (store, both, apart) = (Store::new(), KeyService::of(&ID), KeyService::of(OTHER));
    let shared = home(&store);
    shared.write(".aliyun/config.json", aliyun(&ID));
    both.configure(&shared, "sealed", &both.id, "");
    shared.run(&["cp", "f", "oss://box/f"]).ok();
    assert_eq!(shared.run(&["cat", "oss://box/f"]).ok(), ramp(50_000));

    let separate = home(&store).set("OSS_ACCESS_KEY_ID", &ID).set("OSS_ACCESS_KEY_SECRET", SECRET);
    separate.write(".aliyun/config.json", aliyun(OTHER));
    apart.configure(&separate, "sealed", &apart.id, "");
    separate.run(&["cp", "f", "oss://box/g"]).fails(4, &["InvalidAccessKeyId"]);
    apart.configure(&separate, "sealed", &apart.id, "credentials = \"aliyun\"");
    separate.run(&["cp", "f", "oss://box/g"]).ok();
    assert_eq!(separate.run(&["cat", "oss://box/g"]).ok(), ramp(50_000));
}

#[test]
fn sections_that_cannot_be_meant_are_refused() {
    let (store, service) = (Store::new(), KeyService::of(&ID));
    let home = Home::with_store(&store.endpoint);
    home.write("empty.pem", "no certificate");
    home.write_secret("binary", [0xff, 0xfe]);
    home.write("open", "words");
    for (id, more, words) in [
        ("no key", "", "id is not understood"),
        ("alias/test", "private = \"a.pem\"", "neither a key file nor a padding"),
        ("alias/test", "padding = \"pkcs1\"", "neither a key file nor a padding"),
        ("alias/test", "ca = \"missing.pem\"", "missing.pem"),
        ("alias/test", "ca = \"empty.pem\"", "ca cannot be used"),
        ("alias/test", "passphrase-file = \"missing\"", "missing"),
        ("alias/test", "passphrase-file = \"binary\"", "not UTF-8"),
        #[cfg(unix)]
        ("alias/test", "passphrase-file = \"open\"", "chmod 600"),
        ("acs:kms:cn-hangzhou:1:alias/test", "region = \"cn-beijing\"", "of the region cn-hangzhou"),
        ("alias/test", "regoin = \"cn-beijing\"", "did you mean \"region\""),
        ("alias/test", "credentials = \"nobody\"", "a source of credentials is"),
    ] {
        service.configure(&home, "sealed", id, more);
        home.run(&["--config", "osseal.toml", "cat", "oss://box/f"]).fails(2, &[words]);
    }
    home.write(
        "osseal.toml",
        "[profile.default]\nregion = \"cn-hangzhou\"\nkeyring = [\"k\"]\n\n[key.k]\nkind = \"kms\"\n",
    );
    home.run(&["cat", "oss://box/f"]).fails(2, &["[key.k]", "needs id"]);
    home.write("osseal.toml", "[profile.default]\nregion = \"cn-hangzhou\"\nkeyring = [\"k\"]\n\n[key.k]\nkind = \"aes\"\nfile = \"backup.key\"\nid = \"x\"\n");
    home.run(&["cat", "oss://box/f"]).fails(2, &["[key.k]", "for kind = \"kms\""]);
    assert_eq!(service.faults.total(), 0);
}

#[test]
fn ca_names_the_authority_of_an_instance() {
    let (store, mut service) = (Store::new(), KeyService::of(&ID));
    let home = Home::with_store(&store.endpoint);
    home.write("f", ramp(1000));
    home.write("ca.pem", service.behind_tls());
    service.configure(&home, "sealed", &service.id, "");
    home.run(&["cp", "f", "oss://box/f"]).fails(6, &["certificate"]);
    service.configure(&home, "sealed", &service.id, "ca = \"ca.pem\"");
    home.run(&["cp", "f", "oss://box/f"]).ok();
    assert_eq!(home.run(&["cat", "oss://box/f"]).ok(), ramp(1000));
}

#[test]
fn pairs_of_a_section_are_needed_to_read() {
    let (store, service) = (Store::new(), KeyService::of(&ID));
    let home = Home::with_store(&store.endpoint);
    home.write("f", ramp(1000));
    for suite in ["sealed", "aes-ctr"] {
        service.configure(&home, suite, &service.id, "context = { app = \"billing\", tier = \"1\" }");
        home.run(&["cp", "f", "oss://box/f"]).ok();
        assert_eq!(home.run(&["cat", "oss://box/f"]).ok(), ramp(1000), "{suite}");
        assert!(home.run(&["keys", "check"]).text().contains("vault             good"), "{suite}");
        for other in ["", "context = { app = \"billing\" }", "context = { app = \"billing\", tier = \"2\" }"]
        {
            service.configure(&home, suite, &service.id, other);
            home.run(&["cat", "oss://box/f"]).fails(5, &["does not open"]);
        }
    }
    service.configure(&home, "sealed", &service.id, "context = { app = 1 }");
    home.run(&["cat", "oss://box/f"]).fails(2, &["invalid type"]);
}

#[test]
fn objects_of_oss2_open_with_its_passphrase() {
    let (store, service) = (Store::new(), KeyService::of(&ID));
    let home = Home::with_store(&store.endpoint).set("WORDS", "some words");
    home.write("f", ramp(1000));
    // Made as oss2 makes them: values bound to one pair, and encoded twice.
    service.configure(&home, "aes-ctr", &service.id, "context = { x-passphrase = \"some words\" }");
    home.run(&["cp", "f", "oss://box/f"]).ok();
    store.edit("f", |name, value| {
        if name.ends_with("encryption-key") || name.ends_with("encryption-start") {
            BASE64.encode(value.as_bytes())
        } else {
            value.to_owned()
        }
    });
    home.write_secret("passphrase", "some words\n");
    home.write_secret("wrong", "other words\n");
    let read = |more: &str| {
        service.configure(&home, "aes-ctr", &service.id, more);
        home.run(&["--config", "osseal.toml", "cat", "oss://box/f"])
    };
    let file = "passphrase-file = \"passphrase\"";
    let variable = "passphrase-env = \"WORDS\"";
    let command = "passphrase-command = [\"/bin/cat\", \"passphrase\"]";
    for source in [file, variable, command] {
        assert_eq!(read(source).ok(), ramp(1000), "{source}");
    }
    read("passphrase-file = \"wrong\"").fails(5, &["does not open"]);
    read("").fails(5, &["does not open"]);
}

/// The author of a section chooses the endpoint that receives the passphrase.
#[test]
fn a_discovered_configuration_has_nothing_sent_to_a_key_service() {
    let (store, service) = (Store::new(), KeyService::of(&ID));
    let home = Home::with_store(&store.endpoint).set("WORDS", "some words");
    home.write("f", ramp(1000));
    home.write_secret("passphrase", "some words\n");
    let sent = service.calls(|| {
        for (more, name) in [
            ("passphrase-file = \"passphrase\"", "passphrase-file"),
            ("passphrase-file = \"-\"", "passphrase-file"),
            ("passphrase-env = \"WORDS\"", "passphrase-env"),
            ("allow-shared = true", "allow-shared"),
            ("passphrase-command = [\"/bin/cat\", \"passphrase\"]", "passphrase-command"),
        ] {
            service.configure(&home, "sealed", &service.id, more);
            home.run(&["cp", "f", "oss://box/f"]).fails(2, &[name, "is refused", "--config"]);
        }
        // Not standard input, which belongs to the command, but a file of this name.
        service.configure(&home, "sealed", &service.id, "passphrase-file = \"-\"");
        let fed = home.feed(&["--config", "osseal.toml", "cp", "-", "oss://box/f"], b"some words");
        fed.fails(2, &["passphrase file -", "check the path"]);
    });
    assert_eq!(sent, 0);
    service.configure(&home, "sealed", &service.id, "");
    home.run(&["cp", "f", "oss://box/f"]).ok();
}

#[test]
fn a_check_says_what_a_writer_and_a_reader_can_do() {
    let (store, service) = (Store::new(), KeyService::of(&ID));
    let home = Home::with_store(&store.endpoint);
    let denied = |operation| {
        service.faults.clear();
        let fault = Fault::new(Action::refuse(403, "Forbidden.NoPermission")).on(operation).always();
        service.faults.inject(fault);
    };
    let checked = |proven: &str, words: &[&str]| {
        let ended = home.run(&["keys", "check", "--json"]);
        assert_eq!(ended.code, 4, "{ended:?}");
        let first = ended.stdout.split(|byte| *byte == b'\n').next().unwrap();
        let first: serde_json::Value = serde_json::from_slice(first).unwrap();
        assert_eq!((&first["good"], &first["proven"]), (&false.into(), &proven.into()));
        let state = first["state"].as_str().unwrap();
        for word in words {
            assert!(state.contains(word), "{state}");
        }
    };
    for suite in ["sealed", "aes-ctr"] {
        service.configure(&home, suite, &service.id, "");
        denied(Operation::Decrypt);
        checked("wrapping", &["wraps", "enough for a writer", "cannot unwrap: denied", "NoPermission"]);
        denied(Operation::GenerateDataKey);
        checked("nothing", &["cannot make a data key: denied", "whether it unwraps is not proven"]);
    }
    service.faults.clear();
    service
        .faults
        .inject(Fault::new(Action::refuse(403, "Forbidden.NoPermission")).on(Operation::Encrypt).always());
    checked("nothing", &["makes data keys", "cannot encrypt", "NoPermission"]);
}

#[test]
fn another_key_of_the_keyring_writes_by_name() {
    let (store, service) = (Store::new(), KeyService::of(&ID));
    let home = Home::with_store(&store.endpoint);
    home.write("f", ramp(1000));
    service.configure(&home, "sealed", &service.id, "");
    let made = service.calls(|| home.run(&["cp", "f", "oss://box/f", "--key", "backup"]).ok());
    assert_eq!(made, 0, "the other key needs no service");
    let stat = home.run(&["stat", "--json", "oss://box/f"]).text();
    assert!(stat.contains("\"key_name\":\"backup\""), "{stat}");
    home.run(&["cp", "f", "oss://box/f", "--key", "nobody"])
        .fails(2, &["nobody", "there are: vault, backup"]);
    home.run(&["cp", "oss://box/f", "g", "--key", "backup"]).fails(2, &["upload"]);
}
