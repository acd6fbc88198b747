//! `ecs`: the role of the ECS instance, from its metadata service.
//!
//! Version 2 of the service requires a token. If the service does not issue tokens it is asked without one, unless that
//! is disabled.
//! Source: <https://www.alibabacloud.com/help/en/ecs/user-guide/view-instance-metadata>

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, Uri};

use crate::credentials::environment::names;
use crate::credentials::error::CredentialsError;
use crate::credentials::fetch::request;
use crate::credentials::provided::Provided;
use crate::credentials::source::SourceContext;
use osseal_wire::session_credentials::SessionCredentials;

/// The address of the metadata service, the same on every instance.
pub(super) const HOST: &str = "100.100.100.200";
const TOKEN: &str = "/latest/api/token";
const ROLES: &str = "/latest/meta-data/ram/security-credentials/";
const TOKEN_LIFE: &str = "x-aliyun-ecs-metadata-token-ttl-seconds";
const TOKEN_HEADER: &str = "x-aliyun-ecs-metadata-token";
/// How long a token lives; the most that the service allows.
const TOKEN_SECONDS: &str = "21600";
/// Timeout of one request. The service runs on the same host: a slower reply means that it does not exist.
const PATIENCE: Duration = Duration::from_secs(1);
const TRIES: u32 = 3;

/// The role, as configured.
pub(super) struct EcsRoleSpec<'a> {
    /// The role; the service knows it otherwise.
    pub(super) role: Option<&'a str>,
    /// Whether the configuration names this source; then its absence is an error.
    pub(super) by_name: bool,
}

pub(super) async fn find(context: &SourceContext) -> Result<Provided, CredentialsError> {
    let role = context.environment.text(names::ECS_ROLE)?;
    of_role(context, EcsRoleSpec { role, by_name: role.is_some() }).await
}

/// The credentials of the instance's role.
pub(super) async fn of_role(
    context: &SourceContext,
    wanted: EcsRoleSpec<'_>,
) -> Result<Provided, CredentialsError> {
    if context.environment.switch(names::ECS_DISABLED)? {
        let message = format!("{} switches it off", names::ECS_DISABLED);
        return Err(if wanted.by_name {
            CredentialsError::broken(message)
        } else {
            CredentialsError::absent(message)
        });
    }
    let service = Service { context, token: token(context, &wanted).await? };
    let missing = |message: &str| {
        let message = format!("{message}; attach one to the instance");
        if wanted.by_name { CredentialsError::broken(message) } else { CredentialsError::absent(message) }
    };
    let role = match wanted.role {
        Some(role) => role.to_owned(),
        None => match service.get(ROLES).await? {
            (StatusCode::NOT_FOUND, _) => return Err(missing("this instance of ECS has no role")),
            (_, body) => {
                let text = String::from_utf8_lossy(&body);
                text.lines().next().unwrap_or_default().trim().to_owned()
            }
        },
    };
    if role.is_empty() || !role.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
        return Err(CredentialsError::broken(
            "the name of the role of ECS has other characters than names have",
        ));
    }
    match service.get(&format!("{ROLES}{role}")).await? {
        (StatusCode::NOT_FOUND, _) => {
            Err(CredentialsError::broken(format!("this instance of ECS has no role {role}")))
        }
        (_, body) => {
            let grant = SessionCredentials::from_service(&body).map_err(|error| {
                CredentialsError::broken(format!(
                    "the metadata service gives unusable credentials for the role {role}: {error}"
                ))
            })?;
            Ok(Provided { grant, detail: format!("role {role} of this instance") })
        }
    }
}

/// A token, or none for a service that knows none.
async fn token(
    context: &SourceContext,
    wanted: &EcsRoleSpec<'_>,
) -> Result<Option<HeaderValue>, CredentialsError> {
    let life = |request: &mut http::Request<Bytes>| {
        request.headers_mut().insert(TOKEN_LIFE, HeaderValue::from_static(TOKEN_SECONDS));
    };
    let (status, body) = ask(context, Method::PUT, TOKEN, life).await.map_err(|reason| {
        if wanted.by_name {
            CredentialsError::unavailable(format!(
                "the metadata service of ECS does not answer ({reason}); it does so only on an instance"
            ))
        } else {
            CredentialsError::absent("this is no instance of ECS: no metadata service answers")
        }
    })?;
    if status == StatusCode::OK {
        let token = HeaderValue::from_bytes(body.trim_ascii()).map(|mut token| {
            token.set_sensitive(true);
            token
        });
        return token
            .map(Some)
            .map_err(|_| CredentialsError::broken("the token of the metadata service is none"));
    }
    if status.is_server_error() {
        return Err(CredentialsError::unavailable(format!(
            "the metadata service of ECS answered HTTP {}",
            status.as_u16()
        )));
    }
    if context.environment.switch(names::ECS_V1_DISABLED)? {
        return Err(CredentialsError::refused(format!(
            "the metadata service of ECS gives no token (HTTP {}), and {} forbids asking without one",
            status.as_u16(),
            names::ECS_V1_DISABLED
        )));
    }
    Ok(None)
}

struct Service<'a> {
    context: &'a SourceContext,
    token: Option<HeaderValue>,
}

impl Service<'_> {
    /// Fetches a path: a document, or a status that says it does not exist.
    async fn get(&self, path: &str) -> Result<(StatusCode, Bytes), CredentialsError> {
        let with_token = |request: &mut http::Request<Bytes>| {
            if let Some(token) = &self.token {
                request.headers_mut().insert(TOKEN_HEADER, token.clone());
            }
        };
        let reply = ask(self.context, Method::GET, path, with_token).await.map_err(|reason| {
            CredentialsError::unavailable(format!("the metadata service of ECS stopped answering: {reason}"))
        })?;
        let message = || format!("the metadata service of ECS answered HTTP {}", reply.0.as_u16());
        match reply.0 {
            StatusCode::OK | StatusCode::NOT_FOUND => Ok(reply),
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                Err(CredentialsError::unavailable(message()))
            }
            _ => Err(CredentialsError::refused(message())),
        }
    }
}

async fn ask(
    context: &SourceContext,
    method: Method,
    path: &str,
    edit: impl Fn(&mut http::Request<Bytes>),
) -> Result<(StatusCode, Bytes), String> {
    let address: Uri = format!("http://{HOST}{path}").parse().map_err(|_| "no such address".to_owned())?;
    let mut reason = String::new();
    for _ in 0..TRIES {
        let mut request = request(method.clone(), &address).ok_or("no such address")?;
        edit(&mut request);
        match context.http.ask(request, PATIENCE).await {
            Ok(reply) => return Ok(reply),
            Err(error) => reason = error,
        }
    }
    Err(reason)
}
