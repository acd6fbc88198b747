//! Endpoints and how a bucket is named in them.

use http::uri::{Authority, Scheme};

use super::escape;
use super::names::{NameError, check_bucket, check_key};

/// Where requests go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    scheme: Scheme,
    authority: Authority,
    addressing: Addressing,
}

/// How a request names its bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressing {
    /// `bucket.endpoint/key`, which the public service demands.
    VirtualHost,
    /// `endpoint/bucket/key`, for addresses that are IP numbers or `localhost`.
    Path,
    /// `endpoint/key`: the host is a custom domain of one bucket.
    Cname,
}

/// The service's own endpoints of a region.
///
/// Source: <https://www.alibabacloud.com/help/en/oss/user-guide/regions-and-endpoints>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndpointKind {
    /// From everywhere. Accounts made since March 2025 reach buckets in mainland China through a custom domain instead.
    #[default]
    Public,
    /// From inside the region, without traffic charges.
    Internal,
    /// IPv4 and IPv6.
    DualStack,
    /// The nearest entry to the vendor's network, worldwide.
    Accelerate,
    /// The nearest entry outside mainland China.
    AccelerateOverseas,
}

/// Why a text is not an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// Not a host.
    #[error(
        "an endpoint is a host name or an address, with a port if need be, such as oss-cn-hangzhou.aliyuncs.com or http://127.0.0.1:9000"
    )]
    Host,
    /// Something other than http or https.
    #[error("an endpoint begins with https://, http:// or the host")]
    Scheme,
    /// A user name or password in the URL.
    #[error("an endpoint holds no user name or password; credentials are given apart")]
    UserInfo,
    /// A path, query or fragment.
    #[error("an endpoint has no path, query or fragment")]
    Path,
    /// Not a region.
    #[error("a region is written like cn-hangzhou: lower-case letters, digits and hyphens, without oss-")]
    Region,
    /// Not a kind.
    #[error("an endpoint of a region is public, internal, dual-stack, accelerate or accelerate-overseas")]
    Kind,
    /// A port that is no port.
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

    /// As configurations write it.
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

impl std::str::FromStr for EndpointKind {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<EndpointKind, EndpointError> {
        EndpointKind::ALL.into_iter().find(|kind| kind.name() == text).ok_or(EndpointError::Kind)
    }
}

impl Endpoint {
    /// The service's own endpoint of a region, such as `cn-hangzhou`, over https.
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

    /// The region of an endpoint of the service's own that names one.
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

    /// Reads `host[:port]`, `https://host[:port]` or `http://host[:port]`. IP addresses and `localhost` are addressed by path,
    /// other hosts by virtual host.
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

    /// The same endpoint with another way to name buckets.
    #[must_use]
    pub fn with_addressing(self, addressing: Addressing) -> Endpoint {
        Endpoint { addressing, ..self }
    }

    /// How buckets are named.
    pub const fn addressing(&self) -> Addressing {
        self.addressing
    }

    /// Whether requests travel without TLS.
    pub fn is_plain_http(&self) -> bool {
        self.scheme == Scheme::HTTP
    }

    /// Whether the host is this machine: `localhost`, 127.0.0.0/8 or ::1.
    pub fn is_loopback(&self) -> bool {
        let host = self.authority.host().trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost")
            || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// The host of requests about `bucket`.
    pub fn host(&self, bucket: Option<&str>) -> String {
        match (self.addressing, bucket) {
            (Addressing::VirtualHost, Some(bucket)) => format!("{bucket}.{}", self.authority),
            _ => self.authority.to_string(),
        }
    }

    /// The address of a request, names checked, without query.
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

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

/// The bucket that a host of the service's own names: `bucket.oss-REGION…` or, of dual-stack endpoints, `bucket.REGION.oss…`. A domain of a
/// bucket's own does not tell.
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
    fn c03_endpoints() {
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
    fn hosts_of_the_service_name_buckets() {
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
    fn loopback_is_this_machine_only() {
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
    fn keys_are_escaped_once() {
        let endpoint = Endpoint::parse("oss-cn-hangzhou.aliyuncs.com").expect("an endpoint");
        let url = |key| endpoint.url(Some("bucket"), Some(key));
        assert_eq!(
            url("a b/%2F+对"),
            Ok("https://bucket.oss-cn-hangzhou.aliyuncs.com/a%20b/%252F%2B%E5%AF%B9".into())
        );
        assert_eq!(url("a/../b"), Err(NameError::DotSegment));
    }
}
