//! `ossutil`: the configuration of ossutil, `~/.ossutilconfig`, of version 1 and 2.
//!
//! ```ini
//! [Credentials]                        [default]
//! accessKeyID = …                      access-key-id = …
//! accessKeySecret = …                  access-key-secret = …
//! ```
//! Names are compared ignoring case, hyphens and underscores.
//! Source: <https://www.alibabacloud.com/help/en/oss/developer-reference/configure-ossutil2>

use std::collections::HashMap;

use configparser::ini::Ini;
use osseal_wire::oss::Credentials;

use crate::credentials::ecs::{self, EcsRoleSpec};
use crate::credentials::error::CredentialsError;
use crate::credentials::provided::Provided;
use crate::credentials::source::SourceContext;
use crate::credentials::token_service::{self, RoleSpec};
use crate::credentials::{aliyun, file};
use osseal_wire::session_credentials::SessionCredentials;

const PATH: &str = ".ossutilconfig";
/// Sections of version 2 before the one of version 1.
const SECTIONS: [&str; 3] = ["default", "profile default", "credentials"];
/// The section of version 1 that leads to a role of ECS.
const ROLE_SECTION: &str = "akservice";
const MODES: &str = "AK, StsToken, RamRoleArn and EcsRamRole";

pub(super) async fn find(context: &SourceContext) -> Result<Provided, CredentialsError> {
    let path = context.environment.at_home(PATH)?;
    let text = file::read(&path).await?;
    let shown = path.display().to_string();
    let sections = Sections::parse(&text)
        .ok_or_else(|| CredentialsError::broken(format!("{shown} is not the configuration of ossutil")))?;
    let found = sections.credentials(context).await.map_err(|error| error.about(&shown))?;
    Ok(Provided { detail: format!("{shown}, {}", found.detail), ..found })
}

/// Values by section and name, both in lower case.
struct Sections(HashMap<String, HashMap<String, String>>);

impl Sections {
    fn parse(text: &str) -> Option<Sections> {
        let mut defaults = Ini::new().defaults();
        defaults.delimiters = vec!['='];
        // A token may contain the characters that start comments elsewhere.
        defaults.inline_comment_symbols = Some(Vec::new());
        // Entries before the first section belong to none.
        defaults.default_section = String::new();
        // The parser's own errors can quote lines.
        let parsed = Ini::new_from_defaults(defaults).read(text.to_owned()).ok()?;
        let plain = |name: &str| name.replace(['-', '_'], "");
        Some(Sections(
            parsed
                .into_iter()
                .map(|(section, pairs)| {
                    let pairs = pairs.into_iter();
                    let pairs =
                        pairs.filter_map(|(name, value)| Some((plain(&name), value?.trim().to_owned())));
                    (section, pairs.filter(|(_, value)| !value.is_empty()).collect())
                })
                .collect(),
        ))
    }

    async fn credentials(&self, context: &SourceContext) -> Result<Provided, CredentialsError> {
        let used = SECTIONS.into_iter().find_map(|name| {
            let section = self.0.get(name)?;
            let speaks =
                ["mode", "accesskeyid", "accesskeysecret"].iter().any(|name| section.contains_key(*name));
            speaks.then_some((name, section))
        });
        if let Some((name, section)) = used {
            let found = Section(section).credentials(context).await;
            return found.map_err(|error| error.about(&format!("section [{name}]")));
        }
        if let Some(address) = self.0.get(ROLE_SECTION).and_then(|section| section.get("ecsak")) {
            let role = address
                .strip_prefix(&format!("http://{}/", ecs::HOST))
                .and_then(|path| path.rsplit('/').next());
            let role = role.filter(|role| !role.is_empty()).ok_or_else(|| {
                CredentialsError::broken(
                    "section [AkService]: ecsAk does not lead to a role of the metadata service",
                )
            })?;
            return ecs::of_role(context, EcsRoleSpec { role: Some(role), by_name: true }).await;
        }
        Err(CredentialsError::absent("it has no access key"))
    }
}

struct Section<'a>(&'a HashMap<String, String>);

impl Section<'_> {
    async fn credentials(&self, context: &SourceContext) -> Result<Provided, CredentialsError> {
        let lasting = |credentials, detail: &str| {
            Ok(Provided { grant: SessionCredentials::permanent(credentials), detail: detail.to_owned() })
        };
        let with_token = |key: Credentials| match self.value("ststoken") {
            Some(token) => key.with_token(token),
            None => key,
        };
        match self.value("mode").map(str::to_ascii_lowercase).as_deref() {
            None => lasting(with_token(self.access_key()?), "access key"),
            Some("ak") => lasting(self.access_key()?, "mode AK"),
            Some("ststoken") => {
                let token = self.needed("sts-token")?;
                lasting(self.access_key()?.with_token(token), "mode StsToken")
            }
            Some("ramrolearn") => {
                let session = self.value("rolesessionname").unwrap_or_default().to_owned();
                let named =
                    RoleSpec { arn: self.needed("role-arn")?.to_owned(), session, ..RoleSpec::default() };
                token_service::assume(context, &named, &with_token(self.access_key()?)).await
            }
            Some("ecsramrole") => {
                ecs::of_role(context, EcsRoleSpec { role: self.value("ecsrolename"), by_name: true }).await
            }
            Some(other) => Err(CredentialsError::broken(format!(
                "its mode {} is not supported; the supported modes are {MODES}",
                aliyun::mode(self.value("mode").unwrap_or(other))
            ))),
        }
    }

    fn access_key(&self) -> Result<Credentials, CredentialsError> {
        Ok(Credentials::new(self.needed("access-key-id")?, self.needed("access-key-secret")?))
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A value under a name as version 2 writes it.
    fn needed(&self, name: &str) -> Result<&str, CredentialsError> {
        self.value(&name.replace('-', ""))
            .ok_or_else(|| CredentialsError::broken(format!("it has no {name}")))
    }
}
