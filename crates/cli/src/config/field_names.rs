//! The names of a structure's fields, as serde reads them: one definition drives reading, checking and messages.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};

/// The names that the derived implementation of `T` accepts; none if `T` is no structure.
pub(super) fn field_names<T: Deserialize<'static>>() -> &'static [&'static str] {
    // A derived implementation hands its names to the deserializer, which gives them back as the error.
    match T::deserialize(Recorder) {
        Err(Names(names)) => names,
        Ok(_) => &[],
    }
}

struct Recorder;

#[derive(Debug)]
struct Names(&'static [&'static str]);

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

impl std::error::Error for Names {}

impl de::Error for Names {
    fn custom<T: fmt::Display>(_: T) -> Names {
        Names(&[])
    }
}

impl<'de> Deserializer<'de> for Recorder {
    type Error = Names;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Names> {
        Err(Names(&[]))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Names> {
        Err(Names(fields))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{File, Profile};
    use crate::rules::Rules;

    #[test]
    fn names_are_those_of_the_file() {
        assert_eq!(field_names::<File>(), ["profile", "key"]);
        assert!(field_names::<Profile>().contains(&"require-context"));
        assert!(field_names::<Rules>().iter().all(|name| field_names::<Profile>().contains(name)));
        assert!(field_names::<String>().is_empty());
    }
}
