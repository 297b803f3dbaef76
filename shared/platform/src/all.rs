//! The errors of several settings, collected: a process that can't start names everything that is wrong at once,
//! so that one attempt is enough to correct it.
//!
//! ```
//! use platform::{All as _, Env};
//!
//! let env = Env::default().with("SIZE", "big").with("COUNT", "many");
//! let settings = (env.parse("SIZE", 1_u64), env.parse("COUNT", 1_u64)).all();
//! assert_eq!(
//!     settings.unwrap_err().to_string(),
//!     r#"SIZE is "big": set it to a whole number, 0 or more; COUNT is "many": set it to a whole number, 0 or more"#
//! );
//! ```

use std::fmt;

/// The errors of several settings, each with its causes and without repetitions.
#[derive(Debug, Default)]
pub struct Errors(Vec<String>);

impl Errors {
    /// Adds an error. Settings that several functions share are named once.
    pub fn add(&mut self, error: anyhow::Error) {
        let is_plain = error.chain().len() == 1;
        let added = match error.downcast::<Self>() {
            Ok(several) if is_plain => several.0,
            Ok(several) => vec![several.to_string()],
            Err(error) => vec![format!("{error:#}")],
        };
        for text in added {
            if !self.0.contains(&text) {
                self.0.push(text);
            }
        }
    }

    /// The value, or none if it is an error, which is added.
    pub fn take<T>(&mut self, result: anyhow::Result<T>) -> Option<T> {
        result.map_err(|error| self.add(error)).ok()
    }

    /// An error with all errors, if there is one.
    pub fn into_result(self) -> anyhow::Result<()> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(self.into())
        }
    }

    /// Keeps the errors whose texts the filter accepts.
    pub fn retain(&mut self, is_kept: impl Fn(&str) -> bool) {
        self.0.retain(|text| is_kept(text));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text of each error.
    pub fn texts(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for Errors {}

/// Results whose errors are reported together.
pub trait All {
    type Values;

    /// All values.
    ///
    /// # Errors
    /// If one of the results is an error. The error is [`Errors`], with the errors of all results.
    fn all(self) -> anyhow::Result<Self::Values>;
}

macro_rules! tuples {
    ($(($($value:ident),+)),+ $(,)?) => {
        $(
            impl<$($value),+> All for ($(anyhow::Result<$value>,)+) {
                type Values = ($($value,)+);

                #[expect(non_snake_case, reason = "the names of the types name the values as well")]
                fn all(self) -> anyhow::Result<Self::Values> {
                    match self {
                        ($(Ok($value),)+) => Ok(($($value,)+)),
                        ($($value,)+) => {
                            let mut errors = Errors::default();
                            $(let _ = errors.take($value);)+
                            Err(errors.into())
                        }
                    }
                }
            }
        )+
    };
}

tuples! {
    (A, B),
    (A, B, C),
    (A, B, C, D),
    (A, B, C, D, E),
    (A, B, C, D, E, F),
    (A, B, C, D, E, F, G),
}

#[cfg(test)]
mod tests {
    use anyhow::{Context as _, anyhow};

    use super::*;

    #[test]
    fn all_errors_are_named_once_with_their_causes_also_if_they_were_collected_before() {
        let cause = Err::<(), _>(anyhow!("no such file")).context("A is not readable");
        let (one, other) = (|| Err::<(), _>(anyhow!("B is wrong")), Ok(1));
        let inner = (cause, one(), other).all().map(drop);
        let error = (inner, one(), Err::<(), _>(anyhow!("C is wrong"))).all();
        assert_eq!(
            error.unwrap_err().to_string(),
            "A is not readable: no such file; B is wrong; C is wrong"
        );
        assert_eq!((Ok(1), Ok("two")).all().unwrap(), (1, "two"));
    }
}
