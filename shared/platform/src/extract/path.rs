//! The parameters in the path of a route.

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use serde::de::DeserializeOwned;
use serde::de::value::SeqAccessDeserializer;

use super::text::{ByPosition, Parameter, Text};
use crate::Error;

/// The parameters of a path: one value, or a tuple of several in their order.
///
/// They are refused with 400 if a value doesn't match its type or isn't UTF-8.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Path<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let parameters = RawPathParams::from_request_parts(parts, state).await;
        let parameters =
            parameters.map_err(|_| Error::Invalid("the path is not UTF-8".to_owned()))?;
        let parameters: Vec<Parameter<'_>> = parameters
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        read(parameters).map(Self)
    }
}

fn read<T: DeserializeOwned>(mut parameters: Vec<Parameter<'_>>) -> Result<T, Error> {
    let read = match parameters.pop() {
        Some((name, value)) if parameters.is_empty() => {
            T::deserialize(Text(value)).map_err(|fault| fault.of(&name))
        }
        last => {
            parameters.extend(last);
            T::deserialize(SeqAccessDeserializer::new(ByPosition::new(parameters)))
        }
    };
    Ok(read?)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_path_is_one_value_or_a_tuple_and_a_refusal_names_the_parameter() {
        let one = || vec![("id".into(), "r1".into())];
        assert_eq!(read::<String>(one()).unwrap(), "r1");
        let two = vec![("id".into(), "r1".into()), ("key".into(), "7".into())];
        let read_two = read::<(String, u32)>(two.clone()).unwrap();
        assert_eq!(read_two, ("r1".to_owned(), 7));
        let refusal = read::<Uuid>(one()).unwrap_err().to_string();
        assert!(refusal.starts_with("id: must be a UUID"), "{refusal}");
        let refusal = read::<(u32, u32)>(two).unwrap_err().to_string();
        let expected = "id: must be a whole number from 0 to 4294967295, and is \"r1\"";
        assert_eq!(refusal, expected);
    }
}
