//! Endpoints, and how requests address a bucket in them.

use std::fmt;
use std::str::FromStr;

use http::uri::{Authority, Scheme};

use super::escape;
use super::names::{NameError, check_bucket, check_key};

/// The address of the service: scheme, host and port, and how requests address a bucket.
///
/// Parsed from `host[:port]`, `https://host[:port]` or `http://host[:port]`; a trailing `/` is
/// ignored. Defaults: `https`, the scheme's port, [`Addressing::Path`] for IP addresses and
/// `localhost`, and [`Addressing::VirtualHost`] for all other hosts. User names, paths, queries and
/// fragments are errors. Host names are ASCII: write an internationalized domain in its `xn--`
/// form.
///
/// ```
/// use osseal_wire::oss::{Addressing, Endpoint, EndpointKind};
///
/// let public: Endpoint = "oss-cn-hangzhou.aliyuncs.com".parse()?;
/// assert_eq!(public.region(), Some("cn-hangzhou"));
/// assert_eq!(public, Endpoint::of_region("cn-hangzhou", EndpointKind::Public)?);
///
/// let local = Endpoint::try_from("http://127.0.0.1:9000")?;
/// assert_eq!(local.addressing(), Addressing::Path);
///
/// let own_domain = Endpoint::try_from("https://files.example.com")?.with_addressing(Addressing::Cname);
/// assert_eq!(own_domain.host(Some("examplebucket")), "files.example.com");
/// # Ok::<(), osseal_wire::oss::EndpointError>(())
/// ```
///
/// Source: <https://www.alibabacloud.com/help/en/oss/user-guide/regions-and-endpoints>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    scheme: Scheme,
    authority: Authority,
    addressing: Addressing,
}

/// How requests address a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressing {
    /// `bucket.endpoint/key`. The public service requires it.
    VirtualHost,
    /// `endpoint/bucket/key`. Default for IP addresses and `localhost`.
    Path,
    /// `endpoint/key`: the host is a custom domain that is mapped to one bucket.
    Cname,
}

/// The kinds of endpoints that the service has in each region. Default: [`EndpointKind::Public`].
///
/// Source: <https://www.alibabacloud.com/help/en/oss/user-guide/regions-and-endpoints>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndpointKind {
    /// Reachable from the internet. Accounts created since March 2025 need a custom domain for
    /// buckets in mainland China.
    #[default]
    Public,
    /// Reachable from within the region, without traffic charges.
    Internal,
    /// Reachable over IPv4 and IPv6.
    DualStack,
    /// Transfer acceleration, worldwide.
    Accelerate,
    /// Transfer acceleration outside mainland China.
    AccelerateOverseas,
}

/// Errors of parsing an [`Endpoint`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// Not a host name or IP address.
    #[error(
        "an endpoint is a host name or an IP address with an optional port, such as oss-cn-hangzhou.aliyuncs.com or http://127.0.0.1:9000"
    )]
    Host,
    /// A scheme other than http or https.
    #[error("an endpoint starts with https://, http:// or the host")]
    Scheme,
    /// A user name or password in the URL.
    #[error("an endpoint contains no user name or password; set credentials separately")]
    UserInfo,
    /// A path, query or fragment.
    #[error("an endpoint has no path, query or fragment")]
    Path,
    /// Not the name of a region.
    #[error(
        "a region looks like cn-hangzhou: lower-case letters, digits and hyphens, without the prefix oss-"
    )]
    Region,
    /// Not an [`EndpointKind`].
    #[error("the kind of an endpoint is public, internal, dual-stack, accelerate or accelerate-overseas")]
    Kind,
    /// Not a port number.
    #[error("an endpoint's port is a number from 1 to 65535")]
    Port,
}

impl EndpointKind {
    const ALL: [EndpointKind; 5] = [
        EndpointKind::Public,
        EndpointKind::Internal,
        EndpointKind::DualStack,
        EndpointKind::Accelerate,
        EndpointKind::AccelerateOverseas,
    ];

    /// The name in configuration files.
    pub const fn name(self) -> &'static str {
        match self {
            EndpointKind::Public => "public",
            EndpointKind::Internal => "internal",
            EndpointKind::DualStack => "dual-stack",
            EndpointKind::Accelerate => "accelerate",
            EndpointKind::AccelerateOverseas => "accelerate-overseas",
        }
    }
}

impl FromStr for EndpointKind {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<EndpointKind, EndpointError> {
        EndpointKind::ALL.into_iter().find(|kind| kind.name() == text).ok_or(EndpointError::Kind)
    }
}

impl Endpoint {
    /// The endpoint of a region such as `cn-hangzhou`, over https.
    ///
    /// # Errors
    /// [`EndpointError::Region`].
    pub fn of_region(region: &str, kind: EndpointKind) -> Result<Endpoint, EndpointError> {
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_region = region.bytes().all(legal)
            && region.starts_with(|c: char| c.is_ascii_lowercase())
            && !region.starts_with("oss-");
        if !is_region {
            return Err(EndpointError::Region);
        }
        Endpoint::parse(&match kind {
            EndpointKind::Public => format!("oss-{region}.aliyuncs.com"),
            EndpointKind::Internal => format!("oss-{region}-internal.aliyuncs.com"),
            EndpointKind::DualStack => format!("{region}.oss.aliyuncs.com"),
            EndpointKind::Accelerate => "oss-accelerate.aliyuncs.com".to_owned(),
            EndpointKind::AccelerateOverseas => "oss-accelerate-overseas.aliyuncs.com".to_owned(),
        })
    }

    /// The region that the host name contains; `None` for custom domains, IP addresses and
    /// acceleration endpoints.
    pub fn region(&self) -> Option<&str> {
        let name = self.authority.host().strip_suffix(".aliyuncs.com")?;
        let region = match (name.strip_suffix(".oss"), name.strip_prefix("oss-")) {
            (Some(region), _) => region,
            (None, Some(rest)) => rest.strip_suffix("-internal").unwrap_or(rest),
            (None, None) => return None,
        };
        let names_none = region.starts_with("accelerate") || region.contains('.');
        (!region.is_empty() && !names_none).then_some(region)
    }

    /// Parses an endpoint, as the implementations of `FromStr` and `TryFrom` do.
    ///
    /// # Errors
    /// [`EndpointError`].
    pub fn parse(text: &str) -> Result<Endpoint, EndpointError> {
        let (scheme, rest) = match text.split_once("://") {
            None => (Scheme::HTTPS, text),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (Scheme::HTTPS, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (Scheme::HTTP, rest),
            Some(_) => return Err(EndpointError::Scheme),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains('@') {
            return Err(EndpointError::UserInfo);
        }
        if rest.contains(['/', '?', '#', '\\']) {
            return Err(EndpointError::Path);
        }
        let host_end = rest.rfind(']').map_or(0, |end| end + 1);
        if let Some((_, port)) = rest.get(host_end..).and_then(|tail| tail.split_once(':'))
            && !port.parse::<u16>().is_ok_and(|port| port > 0)
        {
            return Err(EndpointError::Port);
        }
        let authority: Authority = rest.parse().map_err(|_| EndpointError::Host)?;
        let host = authority.host();
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if host.is_empty() || host.ends_with('.') || !(host.starts_with('[') || host.chars().all(is_name)) {
            return Err(EndpointError::Host);
        }
        let addressing = if is_address(host) || host.eq_ignore_ascii_case("localhost") {
            Addressing::Path
        } else {
            Addressing::VirtualHost
        };
        Ok(Endpoint { scheme, authority, addressing })
    }

    /// Replaces the addressing style.
    #[must_use]
    pub fn with_addressing(self, addressing: Addressing) -> Endpoint {
        Endpoint { addressing, ..self }
    }

    /// The addressing style.
    pub const fn addressing(&self) -> Addressing {
        self.addressing
    }

    /// Whether requests are sent without TLS.
    pub fn is_plain_http(&self) -> bool {
        self.scheme == Scheme::HTTP
    }

    /// Whether the host is the local machine: `localhost`, 127.0.0.0/8 or ::1.
    pub fn is_loopback(&self) -> bool {
        let host = self.authority.host().trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost")
            || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// The value of `Host` in requests to `bucket`.
    pub fn host(&self, bucket: Option<&str>) -> String {
        match (self.addressing, bucket) {
            (Addressing::VirtualHost, Some(bucket)) => format!("{bucket}.{}", self.authority),
            _ => self.authority.to_string(),
        }
    }

    /// The URL of a request without its query.
    ///
    /// # Errors
    /// [`NameError`] for a bucket or key outside the service's rules.
    pub fn url(&self, bucket: Option<&str>, key: Option<&str>) -> Result<String, NameError> {
        bucket.map(check_bucket).transpose()?;
        key.map(check_key).transpose()?;
        let mut path = String::from("/");
        if let (Addressing::Path, Some(bucket)) = (self.addressing, bucket) {
            path.push_str(bucket);
            path.push('/');
        }
        if let Some(key) = key {
            path.push_str(&escape::path(key));
        }
        Ok(format!("{}://{}{path}", self.scheme, self.host(bucket)))
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Endpoint, EndpointError> {
        Endpoint::parse(text)
    }
}

impl TryFrom<&str> for Endpoint {
    type Error = EndpointError;

    fn try_from(text: &str) -> Result<Endpoint, EndpointError> {
        Endpoint::parse(text)
    }
}

impl TryFrom<String> for Endpoint {
    type Error = EndpointError;

    fn try_from(text: String) -> Result<Endpoint, EndpointError> {
        Endpoint::parse(&text)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

/// The bucket in a host name of the service: `bucket.oss-REGION…` or, for dual-stack endpoints,
/// `bucket.REGION.oss…`. `None` for custom domains, which do not contain the bucket.
pub fn bucket_of_host(host: &str) -> Option<&str> {
    let mut labels = host.strip_suffix(".aliyuncs.com")?.split('.');
    match (labels.next(), labels.next(), labels.next(), labels.next()) {
        (Some(bucket), Some(service), None, None) if service.starts_with("oss-") => Some(bucket),
        (Some(bucket), Some(_), Some("oss"), None) => Some(bucket),
        _ => None,
    }
}

pub(crate) fn is_address(host: &str) -> bool {
    host.starts_with('[') || host.parse::<std::net::IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c03_endpoints_parse_or_name_the_error() {
        for (text, shown, addressing) in [
            ("oss-cn-hangzhou.aliyuncs.com", "https://oss-cn-hangzhou.aliyuncs.com", Addressing::VirtualHost),
            (
                "HTTPS://oss-cn-hangzhou.aliyuncs.com/",
                "https://oss-cn-hangzhou.aliyuncs.com",
                Addressing::VirtualHost,
            ),
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000", Addressing::Path),
            ("localhost:9000", "https://localhost:9000", Addressing::Path),
            ("[::1]:9000", "https://[::1]:9000", Addressing::Path),
        ] {
            let endpoint = Endpoint::parse(text).expect(text);
            assert_eq!((endpoint.to_string().as_str(), endpoint.addressing()), (shown, addressing));
            assert_eq!(text.parse(), Ok(endpoint.clone()));
            assert_eq!(Endpoint::try_from(text.to_owned()), Ok(endpoint));
        }
        for (text, error) in [
            ("", EndpointError::Host),
            ("https://", EndpointError::Host),
            ("ftp://host", EndpointError::Scheme),
            ("https://user:secret@host", EndpointError::UserInfo),
            ("host/path", EndpointError::Path),
            ("host?x=1", EndpointError::Path),
            ("host:0", EndpointError::Port),
            ("host:99999", EndpointError::Port),
            ("host:", EndpointError::Port),
            ("host.", EndpointError::Host),
            ("hö.example", EndpointError::Host),
            ("a b", EndpointError::Host),
            ("::1", EndpointError::Port),
        ] {
            assert_eq!(Endpoint::parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn host_names_of_the_service_contain_the_bucket() {
        for (host, bucket) in [
            ("box.oss-cn-hangzhou.aliyuncs.com", Some("box")),
            ("box.oss-cn-hangzhou-internal.aliyuncs.com", Some("box")),
            ("box.oss-accelerate.aliyuncs.com", Some("box")),
            ("box.cn-hangzhou.oss.aliyuncs.com", Some("box")),
            ("oss-cn-hangzhou.aliyuncs.com", None),
            ("cn-hangzhou.oss.aliyuncs.com", None),
            ("a.box.oss-cn-hangzhou.aliyuncs.com", None),
            ("files.example.com", None),
            ("box.oss-cn-hangzhou.aliyuncs.com.example.com", None),
        ] {
            assert_eq!(bucket_of_host(host), bucket, "{host}");
        }
    }

    #[test]
    fn only_local_addresses_are_loopback() {
        for (text, loopback) in [
            ("http://127.0.0.1", true),
            ("http://127.9.9.9:1", true),
            ("http://[::1]", true),
            ("http://localhost", true),
            ("http://128.0.0.1", false),
            ("http://localhost.example.com", false),
            ("http://127.0.0.1.example.com", false),
        ] {
            assert_eq!(Endpoint::parse(text).expect(text).is_loopback(), loopback, "{text}");
        }
    }

    #[test]
    fn keys_are_percent_encoded_once() {
        let endpoint = Endpoint::parse("oss-cn-hangzhou.aliyuncs.com").expect("an endpoint");
        let url = |key| endpoint.url(Some("bucket"), Some(key));
        assert_eq!(
            url("a b/%2F+对"),
            Ok("https://bucket.oss-cn-hangzhou.aliyuncs.com/a%20b/%252F%2B%E5%AF%B9".into())
        );
        assert_eq!(url("a/../b"), Err(NameError::DotSegment));
    }
}
