//! A key service behind TLS: who it may be.

use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use osseal::transport::Https;
use osseal::{Endpoint, ErrorKind, Kms, KmsKey, PutOptions, Suite};
use osseal_server::kms::KmsService;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::fake_kms::Vault;
use crate::support::{credentials, ramp};

/// Serves the key service under a certificate, on a port that is given back.
async fn serve(service: KmsService, certificate: CertificateDer<'static>, key: &KeyPair) -> u16 {
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    let (acceptor, listener) =
        (TlsAcceptor::from(Arc::new(config)), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            // A client that does not trust the certificate ends the handshake.
            let Ok(stream) = acceptor.accept(socket).await else { continue };
            let service = service.clone();
            let handler = service_fn(move |request| service.call(request));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), handler));
        }
    });
    port
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn expired(mut params: CertificateParams) -> CertificateParams {
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    params
}

#[tokio::test]
async fn nobody_but_the_key_service_is_asked() {
    let vault = Vault::new().await;
    let (authority, other) = (authority(), self::authority());
    let named = |name: &str| CertificateParams::new(vec![name.to_owned()]).unwrap();
    let key = KeyPair::generate().unwrap();
    for (case, certificate, is_good) in [
        ("good", named("localhost").signed_by(&key, &authority), true),
        ("wrong host", named("kms.example.com").signed_by(&key, &authority), false),
        ("expired", expired(named("localhost")).signed_by(&key, &authority), false),
        ("self-signed", named("localhost").self_signed(&key), false),
        ("another authority", named("localhost").signed_by(&key, &other), false),
    ] {
        let port = serve(vault.service.clone(), certificate.unwrap().der().clone(), &key).await;
        let endpoint = Endpoint::parse(&format!("https://localhost:{port}")).unwrap();
        let transport = Https::trusting(authority.pem().as_bytes()).unwrap();
        let kms =
            Kms::builder(endpoint).credentials(credentials()).transport(Arc::new(transport)).build().unwrap();
        let bucket =
            vault.bucket(Suite::AesCtr, &KmsKey::builder(kms, vault.id.parse().unwrap()).build().unwrap());
        let before = vault.faults.total();
        let outcome = bucket.put("a", ramp(10), PutOptions::default()).await.map(drop);
        if is_good {
            outcome.unwrap();
            assert_eq!(vault.faults.total() - before, 2);
        } else {
            let error = outcome.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Protocol, "{case}: {error}");
            assert!(error.to_string().contains("certificate"), "{case}: {error}");
            assert_eq!(vault.faults.total(), before, "{case}");
        }
    }
    assert!(Https::trusting(b"no certificate").is_err());
}

/// Plain http is for this machine, unless it is allowed by name.
#[test]
fn plain_http_to_another_machine_is_refused() {
    let builder =
        || Kms::builder(Endpoint::parse("http://kms.example.com").unwrap()).credentials(credentials());
    assert_eq!(builder().build().unwrap_err().kind(), ErrorKind::Usage);
    assert!(builder().allow_plain_http().build().is_ok());
    let unsigned = Kms::builder(Endpoint::parse("kms.example.com").unwrap()).build();
    assert_eq!(unsigned.unwrap_err().kind(), ErrorKind::Usage);
}
