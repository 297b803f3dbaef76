//! Deserialization that takes JSON for what it is: a list is no object.

use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};

use super::wording::{form_of, must_be};

/// A deserializer that refuses a list where a struct or a text is expected, at any depth. serde would take its
/// items for the fields of the struct, in the order of the source code, or for the bytes of a UUID.
///
/// It also replaces the errors of texts in a certain form, such as times, by errors that show the form.
pub struct Strict<T>(pub T);

/// A visitor behind [`Strict`].
struct Checked<V> {
    visitor: V,
    hint: Hint,
}

/// What a type asks its deserializer for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hint {
    Text,
    Struct,
    /// Anything that may be a list, and keys.
    Other,
}

macro_rules! forward {
    ($($method:ident($($argument:ident: $type:ty),*) with $hint:ident;)*) => {
        $(fn $method<V: Visitor<'de>>(
            self,
            $($argument: $type,)*
            visitor: V,
        ) -> Result<V::Value, D::Error> {
            self.0.$method($($argument,)* Checked { visitor, hint: Hint::$hint })
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Strict<D> {
    type Error = D::Error;

    forward! {
        deserialize_any() with Other;
        deserialize_bool() with Other;
        deserialize_i8() with Other;
        deserialize_i16() with Other;
        deserialize_i32() with Other;
        deserialize_i64() with Other;
        deserialize_i128() with Other;
        deserialize_u8() with Other;
        deserialize_u16() with Other;
        deserialize_u32() with Other;
        deserialize_u64() with Other;
        deserialize_u128() with Other;
        deserialize_f32() with Other;
        deserialize_f64() with Other;
        deserialize_char() with Text;
        deserialize_str() with Text;
        deserialize_string() with Text;
        deserialize_bytes() with Other;
        deserialize_byte_buf() with Other;
        deserialize_option() with Other;
        deserialize_unit() with Other;
        deserialize_unit_struct(name: &'static str) with Other;
        deserialize_newtype_struct(name: &'static str) with Other;
        deserialize_seq() with Other;
        deserialize_tuple(length: usize) with Other;
        deserialize_tuple_struct(name: &'static str, length: usize) with Other;
        deserialize_map() with Other;
        deserialize_struct(name: &'static str, fields: &'static [&'static str]) with Struct;
        deserialize_enum(name: &'static str, variants: &'static [&'static str]) with Other;
        deserialize_identifier() with Other;
        deserialize_ignored_any() with Other;
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

macro_rules! visit {
    ($($method:ident($type:ty);)*) => {
        $(fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.visitor.$method(value)
        })*
    };
}

impl<'de, V: Visitor<'de>> Checked<V> {
    /// The form of the text that the visitor expects. It is read before the visit, which takes the visitor.
    fn form(&self) -> Option<&'static str> {
        (self.hint == Hint::Text)
            .then(|| form_of(&self.visitor))
            .flatten()
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Checked<V> {
    type Value = V::Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(formatter)
    }

    visit! {
        visit_bool(bool);
        visit_i8(i8);
        visit_i16(i16);
        visit_i32(i32);
        visit_i64(i64);
        visit_i128(i128);
        visit_u8(u8);
        visit_u16(u16);
        visit_u32(u32);
        visit_u64(u64);
        visit_u128(u128);
        visit_f32(f32);
        visit_f64(f64);
        visit_char(char);
        visit_string(String);
        visit_bytes(&[u8]);
        visit_borrowed_bytes(&'de [u8]);
        visit_byte_buf(Vec<u8>);
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<V::Value, E> {
        let form = self.form();
        let visited = self.visitor.visit_str(value);
        visited.map_err(|error| form.map_or(error, |form| E::custom(must_be(form, value))))
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<V::Value, E> {
        let form = self.form();
        let visited = self.visitor.visit_borrowed_str(value);
        visited.map_err(|error| form.map_or(error, |form| E::custom(must_be(form, value))))
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, value: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_some(Strict(value))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, value: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_newtype_struct(Strict(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<V::Value, A::Error> {
        if self.hint == Hint::Other {
            self.visitor.visit_seq(Strict(list))
        } else {
            Err(A::Error::invalid_type(Unexpected::Seq, &self.visitor))
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_map(Strict(map))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_enum(Strict(data))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Strict<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Strict(deserializer))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Strict<A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(Strict(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Strict<A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        self.0.next_key_seed(Strict(seed))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(Strict(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for Strict<A> {
    type Error = A::Error;
    type Variant = Strict<A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self::Variant), A::Error> {
        let (variant, rest) = self.0.variant_seed(Strict(seed))?;
        Ok((variant, Strict(rest)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Strict<A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.0.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.0.newtype_variant_seed(Strict(seed))
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let hint = Hint::Other;
        self.0.tuple_variant(length, Checked { visitor, hint })
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let hint = Hint::Struct;
        self.0.struct_variant(fields, Checked { visitor, hint })
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeMap;

    use jiff::Timestamp;
    use serde::Deserialize;
    use serde_json::json;
    use serde_json::value::RawValue;
    use uuid::Uuid;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Order {
        id: Uuid,
        at: Option<Timestamp>,
        lines: Vec<Line>,
        #[serde(default)]
        by_name: BTreeMap<String, Line>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Line {
        count: u32,
    }

    fn read(json: &serde_json::Value) -> Result<Order, String> {
        let text = json.to_string();
        let mut json = serde_json::Deserializer::from_str(&text);
        Order::deserialize(Strict(&mut json)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_list_is_refused_for_a_struct_and_for_a_text_at_any_depth() {
        let id = "0190b2a0-0000-7000-8000-000000000001";
        let right = json!({"id": id, "at": "2026-01-31T09:30:00Z", "lines": [{"count": 1}]});
        assert_eq!(read(&right).unwrap().lines, [Line { count: 1 }]);
        for wrong in [
            json!([id, null, []]),
            json!({"id": id, "lines": [[1]]}),
            json!({"id": id, "lines": [], "by_name": {"a": [1]}}),
            json!({"id": vec![0; 16], "lines": []}),
        ] {
            let error = read(&wrong).expect_err("a list");
            assert!(error.contains("invalid type: sequence"), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_text_in_the_wrong_form_is_refused_with_an_example_of_the_form() {
        let id = "0190b2a0-0000-7000-8000-000000000001";
        for (wrong, form) in [
            (json!({"id": "7", "lines": []}), "must be a UUID, such as"),
            (
                json!({"id": id, "at": "yesterday", "lines": []}),
                "must be a time with its offset, such as `2026-01-31T09:30:00Z`, and is \"yesterday\"",
            ),
        ] {
            let error = read(&wrong).expect_err("another form");
            assert!(error.contains(form), "{error}");
        }
    }

    #[test]
    fn only_a_type_that_asks_for_a_text_is_asked_which_form_it_has() {
        struct Asked<'a>(&'a Cell<usize>);

        impl Visitor<'_> for Asked<'_> {
            type Value = ();

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.set(self.0.get() + 1);
                formatter.write_str("a text")
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
                Ok(())
            }
        }

        let (any, key, text) = (Cell::new(0), Cell::new(0), Cell::new(0));
        let json = || serde_json::Deserializer::from_str("\"x\"");
        Strict(&mut json()).deserialize_any(Asked(&any)).unwrap();
        let identifier = Strict(&mut json()).deserialize_identifier(Asked(&key));
        identifier.unwrap();
        Strict(&mut json()).deserialize_str(Asked(&text)).unwrap();
        assert_eq!((any.get(), key.get(), text.get()), (0, 0, 1));
    }

    #[test]
    fn raw_json_stays_as_it_is() {
        let mut json = serde_json::Deserializer::from_str(r#"[{"a" : [1]}, "b"]"#);
        let raw = Vec::<Box<RawValue>>::deserialize(Strict(&mut json)).unwrap();
        assert_eq!(raw[0].get(), r#"{"a" : [1]}"#);
    }
}
