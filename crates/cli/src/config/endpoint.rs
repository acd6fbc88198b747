//! Where requests go, and for which region they are signed.
//!
//! An endpoint of the service's own and a region each lead to the other; what says both must say the same.

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
pub(crate) struct Place {
    pub(crate) endpoint: Said<Endpoint>,
    pub(crate) region: Said<String>,
    pub(crate) addressing: Said<Addressing>,
}

/// A value and who said so.
#[derive(Clone, Debug)]
pub(crate) struct Said<T> {
    pub(crate) value: T,
    pub(crate) by: By,
}

/// Who says where requests go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// A flag or a variable.
    Name(&'static str),
    Profile,
    /// What kind of host the endpoint is.
    Endpoint,
    /// An endpoint of the service's own.
    EndpointName,
    /// The region, whose endpoint of this kind it is.
    Region(EndpointKind),
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            By::Name(name) => f.write_str(name),
            By::Profile => f.write_str("the profile"),
            By::Endpoint => f.write_str("the endpoint"),
            By::EndpointName => f.write_str("the endpoint's name"),
            By::Region(kind) => write!(f, "the region, {}", kind.name()),
        }
    }
}

impl Place {
    /// From flags, environment and profile, in this order.
    pub(crate) fn resolve(globals: &Globals, config: &Config, profile: &Profile) -> Result<Place, Failure> {
        let endpoint =
            said(globals.endpoint.as_ref(), "--endpoint", environment::ENDPOINT, profile.endpoint.as_ref())?;
        let region = said(globals.region.as_ref(), "--region", environment::REGION, profile.region.as_ref())?;
        let style = style(globals, profile);
        match (endpoint, region) {
            (None, None) => Err(missing(config)),
            (None, Some(region)) => Place::of_region(region, profile.network.unwrap_or_default(), style),
            (Some(endpoint), region) => {
                if profile.network.is_some() && endpoint.by == By::Profile {
                    return Err(Failure::usage(format!(
                        "the profile in {} has endpoint and network",
                        config.shown()
                    ))
                    .hint("both say where requests go; keep one of them"));
                }
                Place::at(&endpoint, region, style, globals.allow_plain_http)
            }
        }
    }

    fn of_region(
        region: Said<String>,
        kind: EndpointKind,
        style: Option<Said<Addressing>>,
    ) -> Result<Place, Failure> {
        if let Some(Said { value: Addressing::Cname, by }) = &style {
            return Err(Failure::usage(format!(
                "{by} says that the endpoint is a domain of one's own, and none is given"
            ))
            .hint("give it with --endpoint, beside the region"));
        }
        let endpoint = Endpoint::of_region(&region.value, kind).map_err(|error| {
            Failure::usage(format!("the region of {} is not understood", region.by)).caused_by(&error)
        })?;
        Ok(Place::new(Said { value: endpoint, by: By::Region(kind) }, region, style))
    }

    fn at(
        text: &Said<String>,
        region: Option<Said<String>>,
        style: Option<Said<Addressing>>,
        allow_plain_http: bool,
    ) -> Result<Place, Failure> {
        let endpoint = Endpoint::parse(&text.value)
            .map_err(|error| Failure::usage("the endpoint is not understood").caused_by(&error))?;
        if endpoint.is_plain_http() && !endpoint.is_loopback() && !allow_plain_http {
            return Err(Failure::usage(format!("{endpoint} is another machine, and http is not encrypted"))
                .hint("use https://, or --allow-plain-http if the network is yours"));
        }
        let is_own = matches!(&style, Some(Said { value: Addressing::Cname, .. }));
        if is_own && endpoint.to_string().to_ascii_lowercase().ends_with(DOMAIN) {
            return Err(Failure::usage(format!("{endpoint} is the service's, and no domain of one's own"))
                .hint("leave --cname and addressing = \"cname\" out"));
        }
        let named = endpoint.region().map(str::to_owned);
        let region = match (region, named) {
            (Some(region), Some(named)) if region.value != named => {
                return Err(Failure::usage(format!(
                    "the endpoint of {} is in the region {named}, and {} says {:?}",
                    text.by, region.by, region.value
                ))
                .hint("correct one of them, or leave the region out"));
            }
            (Some(region), _) => region,
            (None, Some(named)) => Said { value: named, by: By::EndpointName },
            (None, None) => {
                return Err(Failure::usage(format!("no region is given, and {endpoint} names none")).hint(
                    format!(
                        "use --region, {} or the profile; signatures name the region",
                        environment::REGION
                    ),
                ));
            }
        };
        Ok(Place::new(Said { value: endpoint, by: text.by }, region, style))
    }

    fn new(endpoint: Said<Endpoint>, region: Said<String>, style: Option<Said<Addressing>>) -> Place {
        let chosen = || Said { value: endpoint.value.addressing(), by: By::Endpoint };
        let addressing = style.unwrap_or_else(chosen);
        let value = endpoint.value.with_addressing(addressing.value);
        Place { endpoint: Said { value, by: endpoint.by }, region, addressing }
    }
}

/// The region that flags, environment and profile say, or that their endpoint names, if any does.
pub(crate) fn region(globals: &Globals, profile: &Profile) -> Result<Option<String>, Failure> {
    let region = said(globals.region.as_ref(), "--region", environment::REGION, profile.region.as_ref())?;
    if let Some(region) = region {
        return Ok(Some(region.value));
    }
    let endpoint =
        said(globals.endpoint.as_ref(), "--endpoint", environment::ENDPOINT, profile.endpoint.as_ref())?;
    let endpoint = endpoint.and_then(|text| Endpoint::parse(&text.value).ok());
    Ok(endpoint.and_then(|endpoint| endpoint.region().map(str::to_owned)))
}

/// The flag's value, then the variable's, then the profile's.
fn said(
    flag: Option<&String>,
    name: &'static str,
    variable: &'static str,
    file: Option<&String>,
) -> Result<Option<Said<String>>, Failure> {
    if let Some(value) = flag {
        return Ok(Some(Said { value: value.clone(), by: By::Name(name) }));
    }
    Ok(match environment::text(variable)? {
        Some(value) => Some(Said { value, by: By::Name(variable) }),
        None => file.map(|value| Said { value: value.clone(), by: By::Profile }),
    })
}

fn style(globals: &Globals, profile: &Profile) -> Option<Said<Addressing>> {
    match (globals.path_style, globals.cname) {
        (true, _) => Some(Said { value: Addressing::Path, by: By::Name("--path-style") }),
        (_, true) => Some(Said { value: Addressing::Cname, by: By::Name("--cname") }),
        _ => profile.addressing.map(|style| Said { value: style.into(), by: By::Profile }),
    }
}

fn missing(config: &Config) -> Failure {
    Failure::usage("no endpoint and no region is given").hint(format!(
        "use --region, {} or the profile in {}; --local needs none",
        environment::REGION,
        config.shown()
    ))
}
