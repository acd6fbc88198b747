//! How records look as JSON: header values as text with one character a byte, moments as milliseconds since 1970.

/// Header pairs as `[["name", "value"], …]`, each byte of a value as the character of that number (Latin-1).
pub(super) mod pairs {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub(in crate::backend) fn serialize<S: Serializer>(
        pairs: &[(String, Vec<u8>)],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let text: Vec<(&str, String)> = pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.iter().copied().map(char::from).collect()))
            .collect();
        text.serialize(serializer)
    }

    pub(in crate::backend) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<(String, Vec<u8>)>, D::Error> {
        Vec::<(String, String)>::deserialize(deserializer)?
            .into_iter()
            .map(|(name, value)| {
                let bytes = value.chars().map(u8::try_from).collect::<Result<Vec<u8>, _>>();
                bytes
                    .map(|bytes| (name, bytes))
                    .map_err(|_| D::Error::custom("a header value outside Latin-1"))
            })
            .collect()
    }
}

/// A moment as whole milliseconds since 1970.
pub(super) mod millis {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(in crate::backend) fn serialize<S: Serializer>(
        moment: &Timestamp,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(moment.as_millisecond())
    }

    pub(in crate::backend) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Timestamp, D::Error> {
        Timestamp::from_millisecond(i64::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use osseal_wire::oss::{Acl, StorageClass, Tags};

    use crate::backend::{Attributes, Kind, Meta, Object, VersionId};

    #[test]
    fn every_byte_of_a_header_value_survives() {
        let object = Object {
            id: "1".into(),
            version: VersionId::default(),
            size: 7,
            etag: "\"E\"".into(),
            crc64: u64::MAX,
            md5: Some([9; 16]),
            modified: Timestamp::from_millisecond(1_702_743_657_123).expect("in range"),
            kind: Kind::Symlink { target: "对".into() },
            upload: None,
            meta: Meta(vec![("x-oss-meta-all".into(), (0..=255).collect())]),
            attributes: Attributes {
                storage_class: StorageClass::ColdArchive,
                acl: Acl::PublicRead,
                tags: Tags::from_header("a=1&%E5%AF%B9=").expect("tags"),
            },
        };
        let text = serde_json::to_string(&object).expect("serializable");
        assert_eq!(serde_json::from_str::<Object>(&text).expect("parsable"), object);
        assert!(serde_json::from_str::<Meta>(r#"[["a","☃"]]"#).is_err());
    }
}
