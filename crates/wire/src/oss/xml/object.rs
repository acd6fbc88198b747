//! Documents of one object: tags, access control list, copied part.

use super::{Owner, XmlError, read, write};
use serde::{Deserialize, Serialize};

document! {
    /// Document of PutObjectTagging and GetObjectTagging.
    Tagging as "Tagging" {
        /// The tags.
        tag_set: TagSet = "TagSet",
    }
}

document! {
    /// A list of tags.
    TagSet as "TagSet" {
        /// The tags.
        tags: Vec<TagElement> = "Tag",
    }
}

document! {
    /// A tag. [`crate::oss::Tags`] validates it.
    TagElement as "Tag" {
        /// Name.
        key: String = "Key",
        /// Value.
        value: String = "Value",
    }
}

document! {
    /// Reply to GetObjectAcl and GetBucketAcl.
    AccessControlPolicy as "AccessControlPolicy" {
        /// Owner.
        owner: Owner = "Owner",
        /// Access control list.
        list: AccessControlList = "AccessControlList",
    }
}

document! {
    /// An access control list in one word.
    AccessControlList as "AccessControlList" {
        /// Such as `public-read`.
        grant: String = "Grant",
    }
}

document! {
    /// Reply to UploadPartCopy.
    CopyPartResult as "CopyPartResult" {
        /// ETag of the part with its quotes.
        etag: String = "ETag",
        /// ISO 8601.
        last_modified: String = "LastModified",
    }
}
