//! The values of parameters, which are texts, as values of the types of a handler.

use std::borrow::Cow;
use std::fmt::{self, Display};

use serde::de::value::CowStrDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::wording::{form_of, must_be, plain, wanted};
use crate::Error;

/// The name and the value of a parameter.
pub(super) type Parameter<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The value of a parameter.
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

/// Why parameters are refused.
#[derive(Debug)]
pub(super) struct Fault {
    /// The name of the parameter, if it is about one.
    parameter: Option<String>,
    reason: String,
}

impl Fault {
    pub(super) fn of(mut self, parameter: &str) -> Self {
        self.parameter.get_or_insert_with(|| parameter.to_owned());
        self
    }
}

impl de::Error for Fault {
    fn custom<T: Display>(reason: T) -> Self {
        Self {
            parameter: None,
            reason: reason.to_string(),
        }
    }
}

impl std::error::Error for Fault {}

impl Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parameter) = &self.parameter {
            write!(formatter, "{}: ", crate::excerpt::cut(parameter, 100))?;
        }
        formatter.write_str(&plain(&self.reason, "parameter"))
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Invalid(fault.to_string())
    }
}

impl<'de> Text<'de> {
    fn visit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let form = form_of(&visitor);
        let visited = match &self.0 {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_str(text),
        };
        visited.map_err(|fault| match form {
            Some(form) => de::Error::custom(must_be(form, &self.0)),
            None => fault,
        })
    }

    fn refused(&self, expected: &str) -> Fault {
        de::Error::custom(must_be(&wanted(expected), &self.0))
    }
}

macro_rules! numbers {
    ($($method:ident, $visit:ident, $type:ident;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            match self.0.parse::<$type>() {
                Ok(number) => visitor.$visit(number),
                Err(_) => Err(self.refused(stringify!($type))),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for Text<'de> {
    type Error = Fault;

    numbers! {
        deserialize_i8, visit_i8, i8;
        deserialize_i16, visit_i16, i16;
        deserialize_i32, visit_i32, i32;
        deserialize_i64, visit_i64, i64;
        deserialize_u8, visit_u8, u8;
        deserialize_u16, visit_u16, u16;
        deserialize_u32, visit_u32, u32;
        deserialize_u64, visit_u64, u64;
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.visit(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &*self.0 {
            "true" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            _ => Err(self.refused("a boolean")),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0.parse::<f64>() {
            Ok(number) if number.is_finite() => visitor.visit_f64(number),
            _ => Err(self.refused("f64")),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        CowStrDeserializer::new(self.0).deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct
        identifier ignored_any
    }
}

/// Parameters by name, for a struct.
pub(super) struct ByName<'a> {
    rest: std::vec::IntoIter<Parameter<'a>>,
    value: Option<Parameter<'a>>,
}

impl<'a> ByName<'a> {
    pub(super) fn new(parameters: Vec<Parameter<'a>>) -> Self {
        Self {
            rest: parameters.into_iter(),
            value: None,
        }
    }
}

impl<'de> MapAccess<'de> for ByName<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let Some((name, value)) = self.rest.next() else {
            return Ok(None);
        };
        let key = seed.deserialize(Text(name.clone()))?;
        self.value = Some((name, value));
        Ok(Some(key))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let (name, value) = self.value.take().expect("a key was read before");
        let read = seed.deserialize(Text(value));
        read.map_err(|fault| fault.of(&name))
    }
}

/// Parameters by position, for a tuple.
pub(super) struct ByPosition<'a>(std::vec::IntoIter<Parameter<'a>>);

impl<'a> ByPosition<'a> {
    pub(super) fn new(parameters: Vec<Parameter<'a>>) -> Self {
        Self(parameters.into_iter())
    }
}

impl<'de> SeqAccess<'de> for ByPosition<'de> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        let Some((name, value)) = self.0.next() else {
            return Ok(None);
        };
        let read = seed.deserialize(Text(value));
        read.map(Some).map_err(|fault| fault.of(&name))
    }
}
