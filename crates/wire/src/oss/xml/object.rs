//! Documents about one object: tags, access control, a copied part.

use super::{Owner, XmlError, read, write};
use serde::{Deserialize, Serialize};

document! {
    /// The tags of an object, in requests and replies.
    Tagging as "Tagging" {
        /// Their list.
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
    /// One tag. [`crate::oss::Tags`] keeps the rules.
    TagElement as "Tag" {
        /// Name.
        key: String = "Key",
        /// Value.
        value: String = "Value",
    }
}

document! {
    /// Answer to GetObjectAcl and GetBucketAcl.
    AccessControlPolicy as "AccessControlPolicy" {
        /// Whose it is.
        owner: Owner = "Owner",
        /// Who may do what.
        list: AccessControlList = "AccessControlList",
    }
}

document! {
    /// Access control in one word.
    AccessControlList as "AccessControlList" {
        /// Such as `public-read`.
        grant: String = "Grant",
    }
}

document! {
    /// Answer to UploadPartCopy.
    CopyPartResult as "CopyPartResult" {
        /// Of the part, quoted.
        etag: String = "ETag",
        /// ISO 8601.
        last_modified: String = "LastModified",
    }
}
