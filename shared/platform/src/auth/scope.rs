//! Scopes: the names of each kind that a caller may access.
//!
//! A kind is declared by the crate that owns the things it names:
//!
//! ```
//! # use platform::auth::{Kind, Names, Scope};
//! const ORDERS: Kind = Kind::new("orders");
//!
//! let scope: Scope = serde_json::from_str(r#"{"orders": ["o1"]}"#).unwrap();
//! assert!(scope.of(ORDERS).contain("o1"));
//! assert!(!scope.of(Kind::new("invoices")).contain("i1"));
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use sha2::{Digest as _, Sha256};

/// A kind of things that scopes list by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind(&'static str);

impl Kind {
    /// `name` is the field of the kind in the JSON of a scope.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    pub const fn name(self) -> &'static str {
        self.0
    }
}

/// The names that a caller may access, by kind. Kinds that are missing grant nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    by_kind: BTreeMap<String, Names>,
    /// The names of every kind that is not listed: none, or all.
    others: Names,
}

impl Scope {
    /// Every name of every kind.
    pub fn all() -> Self {
        Self {
            by_kind: BTreeMap::new(),
            others: Names::All,
        }
    }

    /// The names of one kind.
    pub fn of(&self, kind: Kind) -> &Names {
        self.by_kind.get(kind.name()).unwrap_or(&self.others)
    }

    /// Replaces the names of one kind.
    #[must_use]
    pub fn with(mut self, kind: Kind, names: Names) -> Self {
        self.by_kind.insert(kind.name().to_owned(), names);
        self
    }
}

/// An object with one list of names per kind. Kinds that no crate declares are kept and grant nothing.
impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Kinds;

        impl<'de> Visitor<'de> for Kinds {
            type Value = Scope;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object with one list of names per kind")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scope, A::Error> {
                let mut scope = Scope::default();
                while let Some((kind, names)) = map.next_entry()? {
                    if scope.by_kind.insert(kind, names).is_some() {
                        return Err(A::Error::custom("a kind is listed twice"));
                    }
                }
                Ok(scope)
            }
        }

        deserializer.deserialize_map(Kinds)
    }
}

/// All names, or those in the list. An empty list contains nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Names {
    All,
    Only(NameList),
}

impl Default for Names {
    fn default() -> Self {
        Self::Only(NameList::default())
    }
}

impl Names {
    pub fn only<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        Self::Only(names.into_iter().map(Into::into).collect())
    }

    pub fn contain(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names
                .binary_search_by(|known| known.as_str().cmp(name))
                .is_ok(),
        }
    }
}

/// Distinct names in their order, so that equal scopes are equal lists. Clones share the memory.
#[derive(Clone, Default)]
pub struct NameList(Arc<Listed>);

#[derive(Default)]
struct Listed {
    names: Vec<String>,
    digest: OnceLock<[u8; 32]>,
}

impl NameList {
    /// The SHA-256 of the names: a key of the same size for every list, computed once.
    pub fn digest(&self) -> [u8; 32] {
        *self.0.digest.get_or_init(|| {
            let mut digest = Sha256::new();
            for name in &self.0.names {
                digest.update((name.len() as u64).to_le_bytes());
                digest.update(name);
            }
            digest.finalize().into()
        })
    }
}

impl FromIterator<String> for NameList {
    fn from_iter<I: IntoIterator<Item = String>>(names: I) -> Self {
        let mut names: Vec<String> = names.into_iter().collect();
        names.sort_unstable();
        names.dedup();
        let digest = OnceLock::new();
        Self(Arc::new(Listed { names, digest }))
    }
}

impl Deref for NameList {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.0.names
    }
}

impl PartialEq for NameList {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for NameList {}

impl Hash for NameList {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (**self).hash(hasher);
    }
}

impl fmt::Debug for NameList {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(formatter)
    }
}

/// A list of strings. `*` in it stands for all names. A name with a NUL is left out: no database stores it.
impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        Ok(if names.iter().any(|name| name == "*") {
            Self::All
        } else {
            Self::only(names.into_iter().filter(|name| !name.contains('\0')))
        })
    }
}

/// Whether a scope can list this name: 1 to 100 characters, no control character, and not `*`, which
/// stands for all names.
pub fn is_name(name: &str) -> bool {
    (1..=100).contains(&name.chars().count()) && name != "*" && !name.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDERS: Kind = Kind::new("orders");

    #[test]
    fn a_kind_that_is_missing_grants_nothing() {
        for scope in [Scope::default(), serde_json::from_str("{}").unwrap()] {
            assert_eq!(*scope.of(ORDERS), Names::default());
        }
        assert_eq!(*Scope::all().of(ORDERS), Names::All);
    }

    #[test]
    fn lists_of_the_same_names_are_equal_in_any_order_and_every_name_is_found() {
        let scope: Scope =
            serde_json::from_str(r#"{"orders": ["o2", "o10", "o1", "o2"]}"#).unwrap();
        let names = scope.of(ORDERS);
        for name in ["o1", "o2", "o10"] {
            assert!(names.contain(name), "{name}");
        }
        assert!(!names.contain("o3") && !names.contain("o"));
        let other = Names::only(["o1", "o2", "o10"]);
        assert_eq!(*names, other);
        let digest = |names: &Names| match names {
            Names::Only(list) => list.digest(),
            Names::All => panic!("a list"),
        };
        assert_eq!(digest(names), digest(&other));
        // The boundaries of names count.
        assert_ne!(
            digest(&Names::only(["a", "b"])),
            digest(&Names::only(["ab"]))
        );
    }

    #[test]
    fn a_kind_that_is_listed_twice_is_refused() {
        let twice = r#"{"orders": ["a"], "orders": ["*"]}"#;
        assert!(serde_json::from_str::<Scope>(twice).is_err());
    }

    #[test]
    fn names_that_are_no_list_of_text_are_refused_for_every_kind() {
        for scope in [r#"{"orders": "*"}"#, r#"{"other": [1]}"#, r#"["*"]"#, "1"] {
            assert!(serde_json::from_str::<Scope>(scope).is_err(), "{scope}");
        }
    }
}
