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
//!
//! In JSON, `*` in a list stands for all names of the kind, and `{"*": ["*"]}` for all names of every kind that is
//! not listed.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// Stands for all names in a list, and for every kind that is not listed.
const ALL: &str = "*";

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

    /// Whether the other scope includes every name of this one, of every kind.
    pub fn is_within(&self, other: &Self) -> bool {
        let named = |scope: &Self, kind: &str| -> Names {
            scope.by_kind.get(kind).unwrap_or(&scope.others).clone()
        };
        let kinds = self.by_kind.keys().chain(other.by_kind.keys());
        let mut kinds = kinds.map(|kind| (named(self, kind), named(other, kind)));
        self.others.are_within(&other.others) && kinds.all(|(own, its)| own.are_within(&its))
    }
}

/// An object with one list of names per kind, in the form that is read.
impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (kind, names) in &self.by_kind {
            map.serialize_entry(kind, names)?;
        }
        if self.others == Names::All {
            map.serialize_entry(ALL, &Names::All)?;
        }
        map.end()
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
                while let Some((kind, names)) = map.next_entry::<String, Names>()? {
                    let earlier = if kind == ALL {
                        if names != Names::All {
                            return Err(A::Error::custom(
                                r#"the names of the kind "*" must be ["*"]"#,
                            ));
                        }
                        std::mem::replace(&mut scope.others, names) == Names::All
                    } else {
                        scope.by_kind.insert(kind, names).is_some()
                    };
                    if earlier {
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

    /// Whether `other` contains all of these names.
    pub fn are_within(&self, other: &Self) -> bool {
        match self {
            Self::All => *other == Self::All,
            Self::Only(names) => names.iter().all(|name| other.contain(name)),
        }
    }
}

impl Serialize for Names {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => [ALL].serialize(serializer),
            Self::Only(names) => names.serialize(serializer),
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

impl Serialize for NameList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
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
        Ok(if names.iter().any(|name| name == ALL) {
            Self::All
        } else {
            Self::only(names.into_iter().filter(|name| !name.contains('\0')))
        })
    }
}

/// Whether a scope can list this name: 1 to 100 characters, no control character, and not `*`, which
/// stands for all names.
pub fn is_name(name: &str) -> bool {
    (1..=100).contains(&name.chars().count()) && name != ALL && !name.contains(char::is_control)
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
    fn a_scope_is_read_back_as_it_was_written() {
        for (json, scope) in [
            ("{}", Scope::default()),
            (r#"{"*":["*"]}"#, Scope::all()),
            (
                r#"{"orders":["o1","o2"]}"#,
                Scope::default().with(ORDERS, Names::only(["o2", "o1", "o1"])),
            ),
            (
                r#"{"orders":["o1"],"*":["*"]}"#,
                Scope::all().with(ORDERS, Names::only(["o1"])),
            ),
            (
                r#"{"invoices":[],"orders":["*"]}"#,
                Scope::default()
                    .with(ORDERS, Names::All)
                    .with(Kind::new("invoices"), Names::default()),
            ),
        ] {
            assert_eq!(serde_json::to_string(&scope).unwrap(), json);
            assert_eq!(serde_json::from_str::<Scope>(json).unwrap(), scope);
        }
    }

    #[test]
    fn the_kind_that_stands_for_all_others_has_all_names_or_is_refused() {
        for scope in [
            r#"{"*": ["a"]}"#,
            r#"{"*": []}"#,
            r#"{"*": "*"}"#,
            r#"{"*": ["*"], "*": ["*"]}"#,
        ] {
            assert!(serde_json::from_str::<Scope>(scope).is_err(), "{scope}");
        }
        let scope: Scope = serde_json::from_str(r#"{"*": ["*"], "orders": []}"#).unwrap();
        assert!(!scope.of(ORDERS).contain("o1"));
        assert!(scope.of(Kind::new("invoices")).contain("i1"));
    }

    #[test]
    fn a_scope_is_within_another_if_the_other_has_each_of_its_names() {
        let scope = |json: &str| serde_json::from_str::<Scope>(json).unwrap();
        for (one, other, expected) in [
            ("{}", "{}", true),
            (r#"{"orders": ["o1"]}"#, r#"{"orders": ["o1", "o2"]}"#, true),
            (
                r#"{"orders": ["o3"]}"#,
                r#"{"orders": ["o1", "o2"]}"#,
                false,
            ),
            (r#"{"orders": ["*"]}"#, r#"{"orders": ["o1"]}"#, false),
            (r#"{"orders": ["*"]}"#, r#"{"*": ["*"]}"#, true),
            (
                r#"{"orders": ["o1"]}"#,
                r#"{"*": ["*"], "orders": []}"#,
                false,
            ),
            (r#"{"*": ["*"]}"#, r#"{"orders": ["*"]}"#, false),
            (
                r#"{"*": ["*"]}"#,
                r#"{"*": ["*"], "orders": ["o1"]}"#,
                false,
            ),
            (
                r#"{"*": ["*"], "orders": []}"#,
                r#"{"*": ["*"], "orders": ["o1"]}"#,
                true,
            ),
            (r#"{"orders": []}"#, "{}", true),
            (r#"{"invoices": ["i1"]}"#, r#"{"orders": ["*"]}"#, false),
        ] {
            assert_eq!(
                scope(one).is_within(&scope(other)),
                expected,
                "{one} {other}"
            );
        }
    }

    #[test]
    fn names_that_are_no_list_of_text_are_refused_for_every_kind() {
        for scope in [r#"{"orders": "*"}"#, r#"{"other": [1]}"#, r#"["*"]"#, "1"] {
            assert!(serde_json::from_str::<Scope>(scope).is_err(), "{scope}");
        }
    }
}
