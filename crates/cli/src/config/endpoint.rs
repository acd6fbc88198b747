//! Where requests go, and for which region they are signed.
//!
//! A service endpoint implies its region, and a region implies its endpoint. If both are given, they must agree.

use std::fmt;

use osseal::{Addressing, Endpoint, EndpointKind};

use super::{Config, Profile};
use crate::args::Globals;
use crate::environment;
use crate::ui::error::Failure;

/// The service's own domain.
const DOMAIN: &str = ".aliyuncs.com";

/// An endpoint and a region that belong together.
#[derive(Debug)]
pub(crate) struct ResolvedEndpoint {
    pub(crate) endpoint: Sourced<Endpoint>,
    pub(crate) region: Sourced<String>,
    pub(crate) addressing: Sourced<Addressing>,
}

/// A value and its source.
#[derive(Clone, Debug)]
pub(crate) struct Sourced<T> {
    pub(crate) value: T,
    pub(crate) source: SettingSource,
}

/// Source of an endpoint setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SettingSource {
    /// A flag or a variable.
    Name(&'static str),
    Profile,
    /// The kind of the endpoint host.
    Endpoint,
    /// An endpoint of the service's own.
    EndpointName,
    /// The region, whose endpoint of this kind it is.
    Region(EndpointKind),
}

impl fmt::Display for SettingSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SettingSource::Name(name) => f.write_str(name),
            SettingSource::Profile => f.write_str("the profile"),
            SettingSource::Endpoint => f.write_str("the endpoint"),
            SettingSource::EndpointName => f.write_str("the endpoint's name"),
            SettingSource::Region(kind) => write!(f, "the region, {}", kind.name()),
        }
    }
}

impl ResolvedEndpoint {
    /// From flags, environment and profile, in this order.
    pub(crate) fn resolve(
        globals: &Globals,
        config: &Config,
        profile: &Profile,
    ) -> Result<ResolvedEndpoint, Failure> {
        let endpoint = setting(
            globals.endpoint.as_ref(),
            "--endpoint",
            environment::ENDPOINT,
            profile.endpoint.as_ref(),
        )?;
        let region =
            setting(globals.region.as_ref(), "--region", environment::REGION, profile.region.as_ref())?;
        let style = style(globals, profile);
        match (endpoint, region) {
            (None, None) => Err(missing(config)),
            (None, Some(region)) => {
                ResolvedEndpoint::of_region(region, profile.network.unwrap_or_default(), style)
            }
            (Some(endpoint), region) => {
                if profile.network.is_some() && endpoint.source == SettingSource::Profile {
                    return Err(Failure::usage(format!(
                        "the profile in {} has endpoint and network",
                        config.shown()
                    ))
                    .hint("both say where requests go; keep one of them"));
                }
                ResolvedEndpoint::at(&endpoint, region, style, globals.allow_plain_http)
            }
        }
    }

    fn of_region(
        region: Sourced<String>,
        kind: EndpointKind,
        style: Option<Sourced<Addressing>>,
    ) -> Result<ResolvedEndpoint, Failure> {
        if let Some(Sourced { value: Addressing::Cname, source }) = &style {
            return Err(Failure::usage(format!(
                "{source} says that the endpoint is a domain of one's own, and none is given"
            ))
            .hint("give it with --endpoint, beside the region"));
        }
        let endpoint = Endpoint::of_region(&region.value, kind).map_err(|error| {
            Failure::usage(format!("the region of {} is not understood", region.source)).caused_by(&error)
        })?;
        Ok(ResolvedEndpoint::new(
            Sourced { value: endpoint, source: SettingSource::Region(kind) },
            region,
            style,
        ))
    }

    fn at(
        text: &Sourced<String>,
        region: Option<Sourced<String>>,
        style: Option<Sourced<Addressing>>,
        allow_plain_http: bool,
    ) -> Result<ResolvedEndpoint, Failure> {
        let endpoint = Endpoint::parse(&text.value)
            .map_err(|error| Failure::usage("the endpoint is not understood").caused_by(&error))?;
        if endpoint.is_plain_http() && !endpoint.is_loopback() && !allow_plain_http {
            return Err(Failure::usage(format!("{endpoint} is another machine, and http is not encrypted"))
                .hint("use https://, or --allow-plain-http if the network is yours"));
        }
        let is_own = matches!(&style, Some(Sourced { value: Addressing::Cname, .. }));
        if is_own && endpoint.to_string().to_ascii_lowercase().ends_with(DOMAIN) {
            return Err(Failure::usage(format!("{endpoint} is the service's, and no domain of one's own"))
                .hint("leave --cname and addressing = \"cname\" out"));
        }
        let named = endpoint.region().map(str::to_owned);
        let region = match (region, named) {
            (Some(region), Some(named)) if region.value != named => {
                return Err(Failure::usage(format!(
                    "the endpoint of {} is in the region {named}, and {} says {:?}",
                    text.source, region.source, region.value
                ))
                .hint("correct one of them, or leave the region out"));
            }
            (Some(region), _) => region,
            (None, Some(named)) => Sourced { value: named, source: SettingSource::EndpointName },
            (None, None) => {
                return Err(Failure::usage(format!("no region is given, and {endpoint} names none")).hint(
                    format!(
                        "use --region, {} or the profile; signatures name the region",
                        environment::REGION
                    ),
                ));
            }
        };
        Ok(ResolvedEndpoint::new(Sourced { value: endpoint, source: text.source }, region, style))
    }

    fn new(
        endpoint: Sourced<Endpoint>,
        region: Sourced<String>,
        style: Option<Sourced<Addressing>>,
    ) -> ResolvedEndpoint {
        let chosen = || Sourced { value: endpoint.value.addressing(), source: SettingSource::Endpoint };
        let addressing = style.unwrap_or_else(chosen);
        let value = endpoint.value.with_addressing(addressing.value);
        ResolvedEndpoint { endpoint: Sourced { value, source: endpoint.source }, region, addressing }
    }
}

/// The region that flags, environment and profile say, or that their endpoint names, if any does.
pub(crate) fn region(globals: &Globals, profile: &Profile) -> Result<Option<String>, Failure> {
    let region = setting(globals.region.as_ref(), "--region", environment::REGION, profile.region.as_ref())?;
    if let Some(region) = region {
        return Ok(Some(region.value));
    }
    let endpoint =
        setting(globals.endpoint.as_ref(), "--endpoint", environment::ENDPOINT, profile.endpoint.as_ref())?;
    let endpoint = endpoint.and_then(|text| Endpoint::parse(&text.value).ok());
    Ok(endpoint.and_then(|endpoint| endpoint.region().map(str::to_owned)))
}

/// The flag's value, then the variable's, then the profile's.
fn setting(
    flag: Option<&String>,
    name: &'static str,
    variable: &'static str,
    file: Option<&String>,
) -> Result<Option<Sourced<String>>, Failure> {
    if let Some(value) = flag {
        return Ok(Some(Sourced { value: value.clone(), source: SettingSource::Name(name) }));
    }
    Ok(match environment::text(variable)? {
        Some(value) => Some(Sourced { value, source: SettingSource::Name(variable) }),
        None => file.map(|value| Sourced { value: value.clone(), source: SettingSource::Profile }),
    })
}

fn style(globals: &Globals, profile: &Profile) -> Option<Sourced<Addressing>> {
    match (globals.path_style, globals.cname) {
        (true, _) => Some(Sourced { value: Addressing::Path, source: SettingSource::Name("--path-style") }),
        (_, true) => Some(Sourced { value: Addressing::Cname, source: SettingSource::Name("--cname") }),
        _ => profile.addressing.map(|style| Sourced { value: style.into(), source: SettingSource::Profile }),
    }
}

fn missing(config: &Config) -> Failure {
    Failure::usage("no endpoint and no region is given").hint(format!(
        "use --region, {} or the profile in {}; --local needs none",
        environment::REGION,
        config.shown()
    ))
}
