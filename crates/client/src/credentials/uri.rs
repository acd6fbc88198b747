//! `uri`: a service at an address of the user's own.

use std::net::Ipv4Addr;
use std::time::Duration;

use http::{Method, StatusCode, Uri};

use crate::credentials::ecs;
use crate::credentials::environment::names;
use crate::credentials::error::CredentialsError;
use crate::credentials::fetch::request;
use crate::credentials::provided::Provided;
use crate::credentials::source::SourceContext;
use osseal_wire::session_credentials::SessionCredentials;

const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn find(context: &SourceContext) -> Result<Provided, CredentialsError> {
    let Some(text) = context.environment.text(names::URI)? else {
        return Err(CredentialsError::absent(format!("{} is not set", names::URI)));
    };
    // The address may itself be a secret: it is not repeated.
    let about = |error: CredentialsError| error.about(names::URI);
    let asked = text.parse::<Uri>().ok().filter(|uri| uri.scheme().is_some());
    let asked = asked.and_then(|uri| Some((request(Method::GET, &uri)?, uri)));
    let (request, uri) = asked
        .ok_or_else(|| about(CredentialsError::broken("it is no address such as http://127.0.0.1:6666/")))?;
    if !is_safe(&uri) {
        return Err(about(CredentialsError::broken(
            "plain http to another machine would give the credentials away; use https",
        )));
    }
    let (status, body) = context
        .http
        .ask(request, PATIENCE)
        .await
        .map_err(|reason| about(CredentialsError::unavailable(reason)))?;
    if status != StatusCode::OK {
        let message = format!("the service there answered HTTP {}", status.as_u16());
        return Err(about(if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            CredentialsError::unavailable(message)
        } else {
            CredentialsError::refused(message)
        }));
    }
    let grant = SessionCredentials::from_service(&body)
        .map_err(|error| about(CredentialsError::broken(format!("the reply is of no use: {error}"))))?;
    Ok(Provided { grant, detail: names::URI.to_owned() })
}

/// Whether the network cannot read along: TLS, this machine, or an address that never leaves the host or its link.
fn is_safe(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    match uri.scheme_str() {
        Some("https") => true,
        Some("http") => {
            let address = host.parse::<std::net::IpAddr>();
            host.eq_ignore_ascii_case("localhost")
                || address.is_ok_and(|address| address.is_loopback())
                || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_link_local())
                || host == ecs::HOST
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_stays_on_this_machine() {
        for (text, safe) in [
            ("https://example.com/x", true),
            ("http://127.0.0.1:6666/", true),
            ("http://[::1]/", true),
            ("http://localhost/", true),
            ("http://169.254.170.2/x", true),
            ("http://100.100.100.200/x", true),
            ("http://example.com/", false),
            ("http://127.0.0.1.example.com/", false),
            ("http://10.0.0.1/", false),
            ("ftp://127.0.0.1/", false),
        ] {
            assert_eq!(is_safe(&text.parse().expect(text)), safe, "{text}");
        }
    }
}
