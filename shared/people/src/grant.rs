//! Who may grant which rights, and that somebody is left who may grant all of them.

use platform::auth::{Role, Scope, is_name};
use platform::{Error, Result};
use serde_json::Value;
use tokio_postgres::Transaction;
use uuid::Uuid;

use crate::Actor;
use crate::hidden::is_hidden;

/// The most kinds of a scope, and the most names of a kind.
const MOST_KINDS: usize = 20;
const MOST_NAMES: usize = 1_000;
/// The name that stands for all of them.
const ALL: &str = "*";

/// Who grants rights: the actor, and the scope that the grants must be within.
#[derive(Clone, Copy, Debug)]
pub struct Grantor<'a> {
    pub actor: &'a Actor,
    pub reach: &'a Scope,
    /// The person, who can't change their own rights.
    pub person: Option<Uuid>,
}

impl Grantor<'_> {
    /// Checks that a scope can be granted at all, and that it is within the grantor's.
    pub(crate) fn may_grant(&self, scope: &Scope) -> Result<()> {
        check(scope)?;
        if scope.is_within(self.reach) {
            return Ok(());
        }
        Err(Error::Forbidden(
            "the scope has names that are not in your own scope".to_owned(),
        ))
    }
}

/// Checks the size of a scope and its names. A name that no thing can have is a mistake.
fn check(scope: &Scope) -> Result<()> {
    let invalid = |reason: String| Err(Error::Invalid(format!("`scope` {reason}")));
    let json = serde_json::to_value(scope).map_err(anyhow::Error::from)?;
    let kinds = json.as_object().into_iter().flatten();
    if kinds.clone().count() > MOST_KINDS {
        return invalid(format!("has more than {MOST_KINDS} kinds"));
    }
    for (kind, names) in kinds {
        let names = names.as_array().map_or(&[][..], Vec::as_slice);
        if names.len() > MOST_NAMES {
            return invalid(format!("has more than {MOST_NAMES} names of a kind"));
        }
        let mut all = names
            .iter()
            .filter_map(Value::as_str)
            .chain([kind.as_str()]);
        if !all.all(|name| name == ALL || is_name(name)) {
            return invalid(
                "has a name that is not possible: use 1 to 100 characters, without control characters"
                    .to_owned(),
            );
        }
    }
    Ok(())
}

/// Admins of everything, who have signed in. The local person of `AUTH_MODE=open` is none: a deployment needs one who
/// can sign in.
const ADMINS: &str = r#"
    select id from people.person
    where role = 'admin' and deactivated_at is null and issuer <> 'local'
      and people.includes(scope, '{"*": ["*"]}')
    order by id"#;

/// Whether there is an admin of everything.
pub(crate) async fn has_admin(db: &Transaction<'_>) -> Result<bool, tokio_postgres::Error> {
    Ok(!db.query_typed(ADMINS, &[]).await?.is_empty())
}

/// The admins of everything, before one of them is changed.
pub(crate) struct Admins(Vec<Uuid>);

impl Admins {
    /// Locks them all, in their order, so that two changes at once can't remove the last two, nor wait for each other.
    pub async fn lock(db: &Transaction<'_>) -> Result<Self, tokio_postgres::Error> {
        let rows = db.query_typed(&format!("{ADMINS} for update"), &[]).await?;
        let ids: Result<Vec<Uuid>, _> = rows.iter().map(|row| row.try_get(0)).collect();
        ids.map(Self)
    }

    /// Whether one is left without these, or there is none with them.
    pub fn remain_without(&self, ids: &[Uuid]) -> bool {
        self.0.is_empty() || self.0.iter().any(|id| !ids.contains(id))
    }

    /// Refuses a change after which there is none left.
    pub async fn must_remain(&self, db: &Transaction<'_>) -> Result<()> {
        if self.0.is_empty() || has_admin(db).await? {
            return Ok(());
        }
        Err(last_admin())
    }
}

pub(crate) fn last_admin() -> Error {
    Error::Conflict("this is the last admin of everything: make somebody else one first".to_owned())
}

/// Checks the name of a service, which its callers have in logs and in the audit log.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let is_short = (1..=100).contains(&name.chars().count());
    if !is_short || name.contains(is_hidden) || name.trim() != name {
        return Err(Error::Invalid(
            "`name` must have 1 to 100 characters, without control characters, invisible characters and blanks at its \
             ends"
                .to_owned(),
        ));
    }
    // Triggers and people have such names.
    if name.starts_with("trigger:") || Uuid::try_parse(name).is_ok() {
        return Err(Error::Invalid(
            "`name` can't begin with `trigger:`, and can't be a UUID: use another name".to_owned(),
        ));
    }
    Ok(())
}

/// The role of a text in the database.
pub(crate) fn role_named(text: &str) -> Result<Role> {
    let role = serde_json::from_value(Value::from(text));
    Ok(role.map_err(|error| anyhow::anyhow!("{text:?} is not a role: {error}"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(json: &str) -> Scope {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_scope_that_is_too_large_or_has_impossible_names_is_refused() {
        let kinds = |count: usize| {
            let kinds: Vec<String> = (0..count).map(|n| format!(r#""k{n}": []"#)).collect();
            format!("{{{}}}", kinds.join(", "))
        };
        let names = |count: usize| {
            let names: Vec<String> = (0..count).map(|n| format!(r#""n{n}""#)).collect();
            format!(r#"{{"robeings": [{}]}}"#, names.join(", "))
        };
        for (json, reason) in [
            (kinds(21), "more than 20 kinds"),
            (names(1_001), "more than 1000 names"),
            (r#"{"robeings": [""]}"#.to_owned(), "not possible"),
            (r#"{"robeings": ["a\u0001"]}"#.to_owned(), "not possible"),
            (
                format!(r#"{{"robeings": ["{}"]}}"#, "x".repeat(101)),
                "not possible",
            ),
            (r#"{"": ["a"]}"#.to_owned(), "not possible"),
        ] {
            let error = check(&scope(&json)).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        for json in [
            "{}",
            r#"{"*": ["*"], "robeings": ["판매"]}"#,
            &kinds(20),
            &names(1_000),
        ] {
            check(&scope(json)).unwrap();
        }
    }

    #[test]
    fn a_name_of_a_service_has_no_invisible_characters_and_no_blanks_at_its_ends() {
        for hidden in crate::hidden::HIDDEN {
            for name in [format!("bo{hidden}t"), format!("bot{hidden}")] {
                assert!(check_name(&name).is_err(), "{name:?}");
            }
        }
        for name in [" ", "\u{3000}", " bot", "bot ", "bot\u{a0}"] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        check_name("café の bot").unwrap();
    }

    #[test]
    fn a_service_can_not_have_the_name_of_a_trigger_or_a_person() {
        let id = Uuid::now_v7();
        for name in [
            "",
            &"x".repeat(101),
            "a\nb",
            "trigger:sweep",
            &id.to_string(),
        ] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        for name in ["bot", "매출 봇", &"판".repeat(100)] {
            check_name(name).unwrap();
        }
    }
}
