//! The table of operations. Building, parsing and routing of requests, and the server's fault
//! schedule, read it.

use http::Method;

use BodyKind::{Content, Document, Empty};
use Selector::{CopySource, MethodSubResource, Plain, SubResource, UploadId, UploadIdAndCopySource, Value};

/// The resource that a request is addressed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// The account: neither bucket nor key.
    Service,
    /// A bucket.
    Bucket,
    /// An object: bucket and key.
    Object,
}

/// Content of the body of a request or of a successful reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// Nothing.
    Empty,
    /// An XML document of at most [`MAX_DOCUMENT`](super::xml::MAX_DOCUMENT) bytes.
    Document,
    /// The bytes of an object or a part, which are streamed.
    Content,
}

/// The part of a request that distinguishes its operation from others with the same method and
/// resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Selector {
    /// Nothing: requests that no other selector matches.
    Plain,
    /// The sub-resource is in the query. With a method that no operation has for it, the request is
    /// `MethodNotAllowed`.
    SubResource(&'static str),
    /// The sub-resource is in the query. Other methods do not know it and refuse it as an unknown
    /// parameter.
    MethodSubResource(&'static str),
    /// The parameter has this value.
    Value(&'static str, &'static str),
    /// `uploadId` is in the query and is not empty. Excludes other methods as
    /// [`Selector::SubResource`] does.
    UploadId,
    /// [`Selector::UploadId`] and [`Selector::CopySource`].
    UploadIdAndCopySource,
    /// The header `x-oss-copy-source` is present.
    CopySource,
}

/// Properties of one operation.
struct Row {
    name: &'static str,
    method: Method,
    resource: Resource,
    selector: Selector,
    request: BodyKind,
    reply: BodyKind,
    is_idempotent: bool,
}

macro_rules! operations {
    ($($(#[$doc:meta])+ $name:ident: $method:ident $resource:ident, $selector:expr, $request:ident => $reply:ident, $repeat:ident;)+) => {
        /// An operation of the service, named as in its API reference.
        ///
        /// Source:
        /// <https://www.alibabacloud.com/help/en/oss/developer-reference/list-of-operations-by-function>
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Operation {
            $($(#[$doc])+ $name,)+
        }

        impl Operation {
            /// Every operation, in the order in which requests are matched against them.
            pub const ALL: &'static [Operation] = &[$(Operation::$name,)+];
        }

        static TABLE: [Row; Operation::ALL.len()] = [$(Row {
            name: stringify!($name),
            method: Method::$method,
            resource: Resource::$resource,
            selector: $selector,
            request: $request,
            reply: $reply,
            is_idempotent: matches!(Repeat::$repeat, Repeat::Idempotent),
        },)+];
    };
}

/// Whether a repeated request has the effect and the reply of the first.
enum Repeat {
    Idempotent,
    Changes,
}

// Order matters where several rows match: a selector stands before `Plain`, and of two
// sub-resources in one query the first decides.
operations! {
    /// Lists the buckets of the account (GetService).
    ListBuckets: GET Service, Plain, Empty => Document, Idempotent;

    /// Lists the multipart uploads of a bucket that are neither completed nor aborted.
    ListMultipartUploads: GET Bucket, SubResource("uploads"), Empty => Document, Idempotent;
    /// Sets the access control list of a bucket.
    PutBucketAcl: PUT Bucket, SubResource("acl"), Empty => Empty, Idempotent;
    /// Returns the access control list of a bucket.
    GetBucketAcl: GET Bucket, SubResource("acl"), Empty => Document, Idempotent;
    /// Returns the properties of a bucket.
    GetBucketInfo: GET Bucket, SubResource("bucketInfo"), Empty => Document, Idempotent;
    /// Returns the region of a bucket.
    GetBucketLocation: GET Bucket, SubResource("location"), Empty => Document, Idempotent;
    /// Returns the number and size of the objects of a bucket.
    GetBucketStat: GET Bucket, SubResource("stat"), Empty => Document, Idempotent;
    /// Enables or suspends versioning of a bucket.
    PutBucketVersioning: PUT Bucket, MethodSubResource("versioning"), Document => Empty, Idempotent;
    /// Returns the versioning state of a bucket.
    GetBucketVersioning: GET Bucket, MethodSubResource("versioning"), Empty => Document, Idempotent;
    /// Lists versions and delete markers.
    ListObjectVersions: GET Bucket, MethodSubResource("versions"), Empty => Document, Idempotent;
    /// Deletes up to 1,000 objects or versions.
    DeleteMultipleObjects: POST Bucket, MethodSubResource("delete"), Document => Document, Idempotent;
    /// Lists objects; pages are continued by a token.
    ListObjectsV2: GET Bucket, Value("list-type", "2"), Empty => Document, Idempotent;
    /// Lists objects; pages are continued by a key (GetBucket).
    ListObjects: GET Bucket, Plain, Empty => Document, Idempotent;
    /// Creates a bucket.
    PutBucket: PUT Bucket, Plain, Empty => Empty, Idempotent;
    /// Deletes an empty bucket.
    DeleteBucket: DELETE Bucket, Plain, Empty => Empty, Idempotent;

    /// Replaces the tags of an object.
    PutObjectTagging: PUT Object, SubResource("tagging"), Document => Empty, Idempotent;
    /// Returns the tags of an object.
    GetObjectTagging: GET Object, SubResource("tagging"), Empty => Document, Idempotent;
    /// Deletes the tags of an object.
    DeleteObjectTagging: DELETE Object, SubResource("tagging"), Empty => Empty, Idempotent;
    /// Sets the access control list of an object.
    PutObjectAcl: PUT Object, SubResource("acl"), Empty => Empty, Idempotent;
    /// Returns the access control list of an object.
    GetObjectAcl: GET Object, SubResource("acl"), Empty => Document, Idempotent;
    /// Stores a symbolic link to an object of the same bucket.
    PutSymlink: PUT Object, SubResource("symlink"), Empty => Empty, Idempotent;
    /// Returns the target of a symbolic link.
    GetSymlink: GET Object, SubResource("symlink"), Empty => Empty, Idempotent;
    /// Returns size, ETag and modification time of an object.
    GetObjectMeta: HEAD Object, SubResource("objectMeta"), Empty => Empty, Idempotent;
    /// Lists the parts of a multipart upload.
    ListParts: GET Object, UploadId, Empty => Document, Idempotent;
    /// Stores a range of another object as a part.
    UploadPartCopy: PUT Object, UploadIdAndCopySource, Empty => Document, Idempotent;
    /// Stores a part.
    UploadPart: PUT Object, UploadId, Content => Empty, Idempotent;
    /// Assembles the parts to an object. A repeated request is answered with `NoSuchUpload`.
    CompleteMultipartUpload: POST Object, UploadId, Document => Document, Changes;
    /// Discards a multipart upload and its parts.
    AbortMultipartUpload: DELETE Object, UploadId, Empty => Empty, Idempotent;
    /// Starts a multipart upload. Each request starts another.
    InitiateMultipartUpload: POST Object, MethodSubResource("uploads"), Empty => Document, Changes;
    /// Appends to an object. A repeated request is answered with `PositionNotEqualToLength`.
    AppendObject: POST Object, MethodSubResource("append"), Content => Empty, Changes;
    /// Returns an object or a range of it.
    GetObject: GET Object, Plain, Empty => Content, Idempotent;
    /// Returns the headers of an object.
    HeadObject: HEAD Object, Plain, Empty => Empty, Idempotent;
    /// Deletes an object or a version.
    DeleteObject: DELETE Object, Plain, Empty => Empty, Idempotent;
    /// Copies an object within the service.
    CopyObject: PUT Object, CopySource, Empty => Document, Idempotent;
    /// Stores an object.
    PutObject: PUT Object, Plain, Content => Empty, Idempotent;
}

impl Operation {
    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// The name of the operation in the service's API reference.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The HTTP method.
    pub fn method(self) -> &'static Method {
        &self.row().method
    }

    /// The resource that a request is addressed to.
    pub fn resource(self) -> Resource {
        self.row().resource
    }

    /// Content of the body of a request.
    pub fn request_body(self) -> BodyKind {
        self.row().request
    }

    /// Content of the body of a successful reply.
    pub fn reply_body(self) -> BodyKind {
        self.row().reply
    }

    /// Whether a repeated request has the effect and the reply of the first (RFC 9110, section
    /// 9.2.2). In a bucket with versioning, each repeated write or deletion still adds a version.
    pub fn is_idempotent(self) -> bool {
        self.row().is_idempotent
    }

    pub(crate) fn selector(self) -> Selector {
        self.row().selector
    }
}

impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_reachable() {
        for (at, operation) in Operation::ALL.iter().enumerate() {
            let shadowed = Operation::ALL.iter().take(at).find(|before| {
                let same = |of: fn(Operation) -> Selector| of(**before) == of(*operation);
                let same = same(Operation::selector) && before.method() == operation.method();
                same && before.resource() == operation.resource()
            });
            assert_eq!(shadowed, None, "{operation}");
            assert_eq!(operation.row().name, format!("{operation:?}"));
        }
    }

    #[test]
    fn safe_methods_are_idempotent_and_send_nothing() {
        for operation in Operation::ALL.iter().filter(|operation| operation.method().is_safe()) {
            assert!(operation.is_idempotent(), "{operation}");
            assert_eq!(operation.request_body(), BodyKind::Empty, "{operation}");
        }
    }
}
