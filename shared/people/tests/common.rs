//! The accounts of a database, and helpers for tests.

use kit::postgres::{Database, database};
use people::grant::Grantor;
use people::invitation::Invitation;
use people::person::{Change, Person};
use people::policy::{Identity, Policy};
use people::token::{Created, NewToken};
use people::{Actor, People};
use platform::auth::{Role, Scope};
use platform::{Env, Error, Resources, Result};

pub const ISSUER: &str = "https://id.example";

/// Everything.
pub const ALL: &str = r#"{"*": ["*"]}"#;
/// What a limited admin has.
pub const SALES: &str = r#"{"robeings": ["sales"]}"#;

/// The accounts of a database, as one process has them.
pub struct Accounts {
    pub people: People,
    pub database: Database,
}

/// The accounts of a new database.
pub async fn accounts() -> Accounts {
    let database = database().await;
    let people = open(&database);
    Accounts { people, database }
}

/// The accounts as another process has them.
pub fn open(database: &Database) -> People {
    People::open(&Resources::new(database.env())).expect("the accounts")
}

pub fn scope(json: &str) -> Scope {
    serde_json::from_str(json).expect("a scope")
}

/// Someone whom the issuer knows by this address.
pub fn identity(email: &str) -> Identity {
    Identity {
        issuer: ISSUER.to_owned(),
        subject: format!("subject of {}", email.to_lowercase()),
        email: Some(email.to_owned()),
        hosted_domain: None,
        name: Some("Kim".to_owned()),
        picture: None,
    }
}

/// Admits everybody at example.com, and makes root@example.com the first admin.
pub fn policy() -> Policy {
    let env = Env::default()
        .with("SIGN_IN_DOMAINS", "example.com")
        .with("SIGN_IN_ADMIN", "root@example.com");
    Policy::of(&env).expect("a policy")
}

/// What an admin with this scope does.
pub async fn by<T>(reach: &str, act: impl AsyncFnOnce(Grantor<'_>) -> T) -> T {
    let (actor, reach) = (Actor::command(), scope(reach));
    act(Grantor {
        actor: &actor,
        reach: &reach,
        person: None,
    })
    .await
}

impl Accounts {
    /// Signs a person in and returns the value of the cookie.
    pub async fn sign_in(&self, email: &str) -> (Person, String) {
        let signed_in = self
            .people
            .sign_in(&identity(email), &policy(), None, None)
            .await;
        let signed_in = signed_in.expect("a sign-in");
        let cookie = signed_in.cookie.to_str().expect("ASCII");
        let (_, value) = cookie.split_once('=').expect("a cookie");
        let (value, _) = value.split_once(';').expect("attributes");
        (signed_in.person, value.to_owned())
    }

    pub async fn invite(&self, reach: &str, email: &str, role: Role, its: &str) -> Result<Person> {
        let invitation = Invitation {
            email: email.to_owned(),
            role,
            scope: scope(its),
        };
        let invited = by(reach, async |by| {
            self.people.invite(&invitation, None, &by).await
        });
        Ok(invited.await?.person)
    }

    pub async fn change(&self, reach: &str, person: &Person, change: Change) -> Result<Person> {
        by(reach, async |by| {
            self.people.change(person.id, &change, None, &by).await
        })
        .await
    }

    pub async fn create_token(&self, reach: &str, name: &str, its: &str) -> Result<Created> {
        let new = NewToken {
            name: name.to_owned(),
            role: Role::Reader,
            scope: scope(its),
            expires_at: None,
        };
        by(reach, async |by| {
            self.people.create_token(&new, None, &by).await
        })
        .await
    }

    /// The actions in the audit log, in their order.
    pub async fn actions(&self) -> Vec<String> {
        let client = self.database.client().await;
        let rows = client
            .query_typed("select action from people.audit order by at, id", &[])
            .await;
        let rows = rows.expect("the audit log");
        rows.iter().map(|row| row.get(0)).collect()
    }
}

/// A change of the role.
pub fn role(role: Role) -> Change {
    Change {
        role: Some(role),
        ..Change::default()
    }
}

/// A change of the scope.
pub fn rescoped(its: &str) -> Change {
    Change {
        scope: Some(scope(its)),
        ..Change::default()
    }
}

/// A change that activates or deactivates.
pub fn active(is_active: bool) -> Change {
    Change {
        is_active: Some(is_active),
        ..Change::default()
    }
}

/// The status that a caller would see.
pub fn status<T>(result: Result<T>) -> u16 {
    match result {
        Ok(_) => 200,
        Err(error) => Error::status(&error).as_u16(),
    }
}
