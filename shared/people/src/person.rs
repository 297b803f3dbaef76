//! People: invited, admitted at their first sign-in, changed, deactivated and erased.

use jiff::Timestamp;
use platform::auth::{Role, Scope};
use platform::postgres::types::{Json, Type};
use platform::{Error, Result};
use serde::Serialize;
use serde_json::{Value, json};
use tokio_postgres::{Row, Transaction};
use uuid::Uuid;

use crate::grant::{Admins, Grantor, role_named};
use crate::{Actor, Entry, People, audit, begin};

/// A person who has signed in, or was invited.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Person {
    pub id: Uuid,
    pub email: Option<String>,
    pub name: Option<String>,
    /// The URL of a picture.
    pub picture: Option<String>,
    pub role: Role,
    /// The names per kind: `{"robeings": ["sales"], "datasets": ["*"]}`. The kind `*` stands for all that are not listed.
    #[schema(value_type = Object)]
    pub scope: Scope,
    /// A BCP 47 tag: `ko`, `en`.
    pub language: Option<String>,
    /// A name of the IANA database: `Asia/Seoul`.
    pub time_zone: Option<String>,
    /// The number of changes, for `If-Match`.
    pub revision: i64,
    /// Whether the person has signed in. If not, the invitation is open.
    pub has_signed_in: bool,
    pub is_active: bool,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_sign_in_at: Option<Timestamp>,
}

/// A change of a person by an admin. What is None stays.
#[derive(Clone, Debug, Default)]
pub struct Change {
    pub role: Option<Role>,
    pub scope: Option<Scope>,
    /// False ends all sign-ins, and refuses new ones.
    pub is_active: Option<bool>,
}

impl Change {
    pub fn is_empty(&self) -> bool {
        self.role.is_none() && self.scope.is_none() && self.is_active.is_none()
    }

    fn alters(&self, person: &Person) -> bool {
        self.role.is_some_and(|role| role != person.role)
            || self
                .scope
                .as_ref()
                .is_some_and(|scope| *scope != person.scope)
            || self.is_active.is_some_and(|it| it != person.is_active)
    }
}

/// What people choose for themselves. What is None stays.
#[derive(Clone, Debug, Default)]
pub struct Preferences {
    pub language: Option<String>,
    pub time_zone: Option<String>,
}

pub(crate) const COLUMNS: &str = "id, email, name, picture, role, scope, language, time_zone, revision,
    subject is not null as has_signed_in, deactivated_at is null as is_active, created_at, last_sign_in_at";

impl Person {
    pub(crate) fn of(row: &Row) -> Result<Self> {
        let Json(scope) = row.try_get("scope")?;
        Ok(Self {
            id: row.try_get("id")?,
            email: row.try_get("email")?,
            name: row.try_get("name")?,
            picture: row.try_get("picture")?,
            role: role_named(row.try_get("role")?)?,
            scope,
            language: row.try_get("language")?,
            time_zone: row.try_get("time_zone")?,
            revision: row.try_get("revision")?,
            has_signed_in: row.try_get("has_signed_in")?,
            is_active: row.try_get("is_active")?,
            created_at: row.try_get("created_at")?,
            last_sign_in_at: row.try_get("last_sign_in_at")?,
        })
    }
}

impl People {
    /// The people within the reach, newest first, after this id; with an address, only those who have it.
    pub async fn people(
        &self,
        reach: &Scope,
        email: Option<&str>,
        after: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<Person>> {
        let client = self.client().await?;
        let sql = format!(
            r#"select {COLUMNS} from people.person
             where people.includes($1, scope)
               and ($2::text is null or lower(email collate "C") = lower($2 collate "C"))
               and ($3::uuid is null or id < $3)
             order by id desc limit $4"#
        );
        let rows = client
            .query_typed(
                &sql,
                &[
                    (&Json(reach), Type::JSONB),
                    (&email, Type::TEXT),
                    (&after, Type::UUID),
                    (&limit, Type::INT8),
                ],
            )
            .await?;
        rows.iter().map(Person::of).collect()
    }

    /// One person.
    ///
    /// # Errors
    /// `NotFound` if there is none with this id within the reach.
    pub async fn person(&self, reach: &Scope, id: Uuid) -> Result<Person> {
        let client = self.client().await?;
        let sql = format!(
            "select {COLUMNS} from people.person where id = $2 and people.includes($1, scope)"
        );
        let values = [(&Json(reach) as _, Type::JSONB), (&id as _, Type::UUID)];
        let row = client.query_typed_opt(&sql, &values).await?;
        row.as_ref().map_or_else(|| Err(not_found()), Person::of)
    }

    /// Changes a person, with `revision` only if it is the current one. A change to what the person has already leaves
    /// the revision and the audit log as they are.
    ///
    /// # Errors
    /// `NotFound` outside the reach. `Forbidden` for oneself, and for grants that exceed those of the grantor. `Conflict`
    /// if no admin of everything would be left. `PreconditionFailed` at another revision.
    pub async fn change(
        &self,
        id: Uuid,
        change: &Change,
        revision: Option<i64>,
        by: &Grantor<'_>,
    ) -> Result<Person> {
        let mut client = self.client().await?;
        let transaction = begin(&mut client).await?;
        let admins = Admins::lock(&transaction).await?;
        let before = locked(&transaction, id, by).await?;
        if revision.is_some_and(|it| it != before.revision) {
            return Err(Error::PreconditionFailed(
                "the person has changed since: read it again".to_owned(),
            ));
        }
        if let Some(scope) = &change.scope {
            by.may_grant(scope)?;
        }
        if !change.alters(&before) {
            return Ok(before);
        }
        let sql = format!(
            "update people.person
             set role = coalesce($2, role), scope = coalesce($3, scope), revision = revision + 1, updated_at = now(),
                 deactivated_at = case $4::bool when true then null when false then coalesce(deactivated_at, now())
                                  else deactivated_at end
             where id = $1
             returning {COLUMNS}"
        );
        let row = transaction
            .query_typed_one(
                &sql,
                &[
                    (&id, Type::UUID),
                    (&change.role.map(|it| it.to_string()), Type::TEXT),
                    (&change.scope.as_ref().map(Json), Type::JSONB),
                    (&change.is_active, Type::BOOL),
                ],
            )
            .await?;
        let after = Person::of(&row)?;
        if !after.is_active {
            // A sign-in must not come back if the person is activated again.
            transaction
                .execute_typed(
                    "delete from people.cookie where person_id = $1",
                    &[(&id, Type::UUID)],
                )
                .await?;
        }
        admins.must_remain(&transaction).await?;
        note(
            &transaction,
            by.actor,
            "person.change",
            id,
            changes(&before, &after),
        )
        .await?;
        self.commit(transaction).await?;
        Ok(after)
    }

    /// Erases a person: the account with its sign-ins and tokens, and who the person is in the audit log. The sweep
    /// empties what one statement leaves of many entries.
    ///
    /// # Errors
    /// As [`People::change`].
    pub async fn erase(&self, id: Uuid, by: &Grantor<'_>) -> Result<()> {
        let mut client = self.client().await?;
        let transaction = begin(&mut client).await?;
        let admins = Admins::lock(&transaction).await?;
        locked(&transaction, id, by).await?;
        let entries = erase(&transaction, id).await?;
        admins.must_remain(&transaction).await?;
        note(
            &transaction,
            by.actor,
            "person.erase",
            id,
            json!({"entries": entries}),
        )
        .await?;
        self.commit(transaction).await
    }

    /// Sets what a person chooses. Choosing the same again leaves the revision as it is.
    ///
    /// # Errors
    /// `NotFound` if there is no such person. The values must have been checked.
    pub async fn prefer(&self, id: Uuid, preferences: &Preferences) -> Result<Person> {
        let client = self.client().await?;
        let sql = format!(
            "update people.person
             set language = coalesce($2, language), time_zone = coalesce($3, time_zone),
                 revision = revision + 1, updated_at = now()
             where id = $1
               and (language, time_zone) is distinct from (coalesce($2, language), coalesce($3, time_zone))
             returning {COLUMNS}"
        );
        let row = client
            .query_typed_opt(
                &sql,
                &[
                    (&id, Type::UUID),
                    (&preferences.language, Type::TEXT),
                    (&preferences.time_zone, Type::TEXT),
                ],
            )
            .await?;
        match row {
            Some(row) => Person::of(&row),
            None => self.person(&Scope::all(), id).await,
        }
    }
}

/// Deletes an account, and who the person is in a batch of the audit log. Returns in how many entries.
async fn erase(db: &Transaction<'_>, id: Uuid) -> Result<u64> {
    db.execute_typed(
        "delete from people.person where id = $1",
        &[(&id, Type::UUID)],
    )
    .await?;
    Ok(audit::empty::of_actors(db, &[id.to_string()], audit::empty::BATCH).await?)
}

/// Locks a person whom the grantor may change.
async fn locked(db: &Transaction<'_>, id: Uuid, by: &Grantor<'_>) -> Result<Person> {
    let sql = format!(
        "select {COLUMNS} from people.person where id = $2 and people.includes($1, scope) for update"
    );
    let values = [(&Json(by.reach) as _, Type::JSONB), (&id as _, Type::UUID)];
    let row = db.query_typed_opt(&sql, &values).await?;
    let person = Person::of(&row.ok_or_else(not_found)?)?;
    if by.person == Some(id) {
        return Err(Error::Forbidden(
            "nobody changes their own rights: ask another admin".to_owned(),
        ));
    }
    Ok(person)
}

fn changes(before: &Person, after: &Person) -> Value {
    let mut detail = json!({});
    let pairs = [
        (
            "role",
            json!(before.role.to_string()),
            json!(after.role.to_string()),
        ),
        ("scope", json!(before.scope), json!(after.scope)),
        ("is_active", json!(before.is_active), json!(after.is_active)),
    ];
    for (name, old, new) in pairs {
        if old != new {
            detail[name] = json!({"old": old, "new": new});
        }
    }
    detail
}

pub(crate) async fn note(
    db: &Transaction<'_>,
    actor: &Actor,
    action: &str,
    person: Uuid,
    detail: Value,
) -> Result<()> {
    let entry = Entry {
        action,
        subject_kind: "person",
        subject: &person.to_string(),
        detail,
    };
    Ok(audit::record(db, actor, &entry).await?)
}

fn not_found() -> Error {
    Error::NotFound("there is no such person".to_owned())
}
