//! Whether a bucket keeps versions.

use osseal_wire::oss::Versioning;
use osseal_wire::oss::reply::ReplyError;
use osseal_wire::oss::request::Call;
use osseal_wire::oss::xml::VersioningConfiguration;

use crate::error::{Error, OpContext, OpError};
use crate::service::store::Store;

impl Store {
    /// Whether a bucket keeps versions; none when it never did.
    pub async fn versioning(&self, bucket: &str) -> Result<Option<Versioning>, Error> {
        let op_context = OpContext { operation: "GetBucketVersioning", bucket: Some(bucket), key: None };
        let state = async {
            let document = self.document(Some(bucket), None, Call::GetBucketVersioning).await?;
            let configuration = VersioningConfiguration::from_xml(&document).map_err(ReplyError::Xml)?;
            Ok::<_, OpError>(configuration.state()?)
        };
        op_context.run(state).await
    }

    /// Has a bucket keep versions, or stop keeping more of them. Those that it has stay.
    pub async fn set_versioning(&self, bucket: &str, versioning: Versioning) -> Result<(), Error> {
        let op_context = OpContext { operation: "PutBucketVersioning", bucket: Some(bucket), key: None };
        op_context
            .run(self.document(Some(bucket), None, Call::PutBucketVersioning(versioning)))
            .await
            .map(drop)
    }
}
