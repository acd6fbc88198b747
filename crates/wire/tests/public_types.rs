//! Properties that applications rely on, of types that the client library re-exports.

use osseal_wire::kms::{EncryptionContext, KeyId};
use osseal_wire::oss::{
    Acl, Addressing, Credentials, Endpoint, EndpointError, EndpointKind, ListedObject, ListedUpload,
    ListedVersion, ObjectPage, Operation, StorageClass, StoredVersion, Tags, UnknownName, UploadMarker,
    UploadPage, VersionMarker, VersionPage, Versioning,
};
use osseal_wire::session_credentials::SessionCredentials;

const fn is_send_sync_and_debug<T: Send + Sync + std::fmt::Debug + 'static>() {}

const _: () = {
    is_send_sync_and_debug::<Acl>();
    is_send_sync_and_debug::<Addressing>();
    is_send_sync_and_debug::<Credentials>();
    is_send_sync_and_debug::<EncryptionContext>();
    is_send_sync_and_debug::<Endpoint>();
    is_send_sync_and_debug::<EndpointError>();
    is_send_sync_and_debug::<EndpointKind>();
    is_send_sync_and_debug::<KeyId>();
    is_send_sync_and_debug::<ListedObject>();
    is_send_sync_and_debug::<ListedUpload>();
    is_send_sync_and_debug::<ListedVersion>();
    is_send_sync_and_debug::<ObjectPage>();
    is_send_sync_and_debug::<Operation>();
    is_send_sync_and_debug::<SessionCredentials>();
    is_send_sync_and_debug::<StorageClass>();
    is_send_sync_and_debug::<StoredVersion>();
    is_send_sync_and_debug::<Tags>();
    is_send_sync_and_debug::<UnknownName>();
    is_send_sync_and_debug::<UploadMarker>();
    is_send_sync_and_debug::<UploadPage>();
    is_send_sync_and_debug::<VersionMarker>();
    is_send_sync_and_debug::<VersionPage>();
    is_send_sync_and_debug::<Versioning>();
};

#[test]
fn debug_redacts_secrets() {
    let credentials = Credentials::new("LTAI5tExampleId", "hunter2").with_token("hunter3");
    for shown in [format!("{credentials:?}"), format!("{:?}", SessionCredentials::permanent(credentials))] {
        assert!(shown.contains("LTAI5tExampleId"), "the control: {shown}");
        assert!(!shown.contains("hunter"), "{shown}");
    }
}
