//! Endpoints of the key service.
//!
//! Source:
//! <https://www.alibabacloud.com/help/en/kms/key-management-service/developer-reference/endpoints>

use crate::oss::{Endpoint, EndpointError, EndpointKind};

/// The endpoint of a region such as `cn-hangzhou`, or its endpoint within a VPC, over https.
///
/// # Errors
/// [`EndpointError::Region`].
pub fn of_region(region: &str, in_private_network: bool) -> Result<Endpoint, EndpointError> {
    // Validates the name of the region.
    Endpoint::of_region(region, EndpointKind::Public)?;
    let name = if in_private_network { "kms-vpc" } else { "kms" };
    Endpoint::parse(&format!("{name}.{region}.aliyuncs.com"))
}

/// The endpoint of a dedicated instance such as `kst-hzz65f176a0ogplgq****`, over https. The
/// certificate is issued by the instance's own certification authority.
///
/// # Errors
/// [`EndpointError::Host`].
pub fn of_instance(instance: &str) -> Result<Endpoint, EndpointError> {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if instance.is_empty() || instance.starts_with('-') || !instance.bytes().all(legal) {
        return Err(EndpointError::Host);
    }
    Endpoint::parse(&format!("{instance}.cryptoservice.kms.aliyuncs.com"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_and_instances_have_endpoints() {
        for (made, wanted) in [
            (of_region("cn-hangzhou", false), "https://kms.cn-hangzhou.aliyuncs.com"),
            (of_region("ap-southeast-1", true), "https://kms-vpc.ap-southeast-1.aliyuncs.com"),
            (
                of_instance("kst-hzz65f176a0ogplgq"),
                "https://kst-hzz65f176a0ogplgq.cryptoservice.kms.aliyuncs.com",
            ),
        ] {
            assert_eq!(made.map(|endpoint| endpoint.to_string()), Ok(wanted.to_owned()));
        }
        for bad in ["", "evil.example/", "a.b", "-a", "A"] {
            assert!(of_region(bad, false).is_err() && of_instance(bad).is_err(), "{bad:?}");
        }
    }
}
