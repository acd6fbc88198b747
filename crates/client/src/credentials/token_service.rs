//! `oidc`, and roles that an access key assumes: temporary credentials from the Security Token Service (STS).

use std::path::PathBuf;
use std::time::Duration;

use aws_lc_rs::rand;
use bytes::Bytes;
use http::StatusCode;
use osseal_wire::oss::{Credentials, SignError};
use osseal_wire::session_credentials::error_code;
use osseal_wire::sts::{self, Role};

use crate::credentials::environment::names;
use crate::credentials::error::CredentialsError;
use crate::credentials::file;
use crate::credentials::provided::Provided;
use crate::credentials::source::SourceContext;
use osseal_wire::session_credentials::SessionCredentials;

const PATIENCE: Duration = Duration::from_secs(10);
/// Default session name, which audit logs show.
const SESSION: &str = "osseal";
/// Default lifetime of temporary credentials, seconds.
const SECONDS: u32 = 3600;

/// A role as a file or the environment names it. Empty texts are unsaid.
#[derive(Clone, Debug, Default)]
pub(super) struct RoleSpec {
    pub(super) arn: String,
    pub(super) session: String,
    /// 0 is unsaid.
    pub(super) seconds: u32,
    pub(super) policy: String,
    pub(super) external_id: String,
    pub(super) region: String,
    pub(super) is_internal: bool,
}

/// The identity that a service account of a cluster has.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) provider: String,
    pub(super) token_file: PathBuf,
}

/// The role of a cluster's service account, as the environment of its containers names it.
pub(super) async fn find(context: &SourceContext) -> Result<Provided, CredentialsError> {
    let environment = &context.environment;
    let provider = environment.text(names::OIDC_PROVIDER)?;
    let token_file = environment.path(names::OIDC_TOKEN_FILE);
    if provider.is_none() && token_file.is_none() {
        let message = format!("neither {} nor {} is set", names::OIDC_PROVIDER, names::OIDC_TOKEN_FILE);
        return Err(CredentialsError::absent(message));
    }
    let needed =
        |name| CredentialsError::broken(format!("{name} is not set, and the others of its kind are"));
    let identity = Identity {
        provider: provider.ok_or_else(|| needed(names::OIDC_PROVIDER))?.to_owned(),
        token_file: token_file.ok_or_else(|| needed(names::OIDC_TOKEN_FILE))?.to_owned(),
    };
    let arn = environment.text(names::ROLE_ARN)?.ok_or_else(|| needed(names::ROLE_ARN))?.to_owned();
    with_identity(context, &RoleSpec { arn, ..RoleSpec::default() }, &identity).await
}

/// The credentials of a role that an identity provider's token opens.
pub(super) async fn with_identity(
    context: &SourceContext,
    named: &RoleSpec,
    identity: &Identity,
) -> Result<Provided, CredentialsError> {
    let (host, role) = prepare(context, named)?;
    let token = file::read_named(&identity.token_file, "the token of the identity provider").await?;
    let request =
        sts::assume_role_with_oidc(&host, &role, &identity.provider, token.trim(), (context.clock)());
    ask(context, &role, &host, request).await
}

/// The credentials of a role that an access key may assume.
pub(super) async fn assume(
    context: &SourceContext,
    named: &RoleSpec,
    base: &Credentials,
) -> Result<Provided, CredentialsError> {
    let (host, role) = prepare(context, named)?;
    let external_id = Some(named.external_id.as_str()).filter(|id| !id.is_empty());
    let mut nonce = [0; 16];
    rand::fill(&mut nonce).map_err(|_| CredentialsError::broken("the system gives no random bytes"))?;
    let nonce = format!("{:032x}", u128::from_le_bytes(nonce));
    let head = sts::assume_role(&host, &role, external_id, base, &nonce, (context.clock)());
    let request = head.map(|head| http::Request::from_parts(head, Bytes::new()));
    ask(context, &role, &host, request).await
}

fn prepare(context: &SourceContext, named: &RoleSpec) -> Result<(String, Role), CredentialsError> {
    let said = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let environment = &context.environment;
    let region = match said(&named.region) {
        Some(region) => Some(region),
        None => environment.text(names::STS_REGION)?.map(str::to_owned),
    };
    let is_internal = named.is_internal || environment.switch(names::VPC)?;
    let host = sts::host(region.as_deref(), is_internal)
        .map_err(|error| CredentialsError::broken(format!("the region of the token service: {error}")))?;
    let session = match said(&named.session) {
        Some(session) => session,
        None => environment.text(names::SESSION_NAME)?.unwrap_or(SESSION).to_owned(),
    };
    let seconds = if named.seconds == 0 { SECONDS } else { named.seconds };
    Ok((host, Role { arn: named.arn.clone(), session, seconds, policy: said(&named.policy) }))
}

async fn ask(
    context: &SourceContext,
    role: &Role,
    host: &str,
    request: Result<http::Request<Bytes>, SignError>,
) -> Result<Provided, CredentialsError> {
    let arn = osseal_wire::oss::printable(&role.arn);
    let about = |error: CredentialsError| error.about(&format!("the role {arn}"));
    let request = request.map_err(|error| about(CredentialsError::broken(error.to_string())))?;
    let (status, body) = context.http.ask(request, PATIENCE).await.map_err(|reason| {
        about(CredentialsError::unavailable(format!("the token service {host} cannot be asked: {reason}")))
    })?;
    if status == StatusCode::OK {
        let grant = SessionCredentials::from_sts(&body).map_err(|error| {
            about(CredentialsError::broken(format!(
                "the reply of the token service {host} is of no use: {error}"
            )))
        })?;
        return Ok(Provided { grant, detail: format!("role {arn}") });
    }
    // Its message can hold the token or the text that was signed; its name cannot.
    let code = error_code(&body).unwrap_or_default();
    let message = format!("the token service {host} refused (HTTP {} {code})", status.as_u16());
    let for_now =
        status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS || code.starts_with("Throttling");
    Err(about(if for_now {
        CredentialsError::unavailable(message)
    } else {
        CredentialsError::refused(format!(
            "{message}; check the role, who may assume it, and this machine's clock"
        ))
    }))
}
