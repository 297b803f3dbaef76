//! `metasync people`: who may sign in, with which rights.

use std::io::Write as _;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use people::grant::Grantor;
use people::invitation::Invitation;
use people::person::{Change, Person};
use people::{Actor, People};
use platform::auth::{Role, Scope};
use platform::{Env, Resources};
use serde_json::json;
use uuid::Uuid;

use super::print_json;

/// The people per query of a list.
const PAGE: i64 = 200;

#[derive(Subcommand)]
pub enum Command {
    /// List people, newest first
    List {
        /// Print the people as JSON
        #[arg(long)]
        json: bool,
    },
    /// Invite a person, who takes the invitation at the first sign-in with this address
    Invite {
        /// The e-mail address, which the issuer must have verified
        email: String,
        /// reader, writer or admin
        #[arg(long, default_value = "reader", value_parser = role)]
        role: Role,
        #[command(flatten)]
        scope: OfScope,
        /// Print the person as JSON
        #[arg(long)]
        json: bool,
    },
    /// Set the role and the scope of a person
    Set {
        /// The id or the e-mail address
        person: String,
        /// reader, writer or admin
        #[arg(long, value_parser = role)]
        role: Option<Role>,
        /// The names per kind as JSON, such as '{"robeings": ["sales"]}', or '{"*": ["*"]}' for everything
        #[arg(long, value_parser = scope)]
        scope: Option<Scope>,
        /// Let the person sign in again
        #[arg(long)]
        activate: bool,
        /// Print the person as JSON
        #[arg(long)]
        json: bool,
    },
    /// End all sign-ins of a person, and refuse new ones
    Deactivate {
        /// The id or the e-mail address
        person: String,
        /// Print the person as JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a person, with who they are in the audit log
    Erase {
        /// The id or the e-mail address
        person: String,
        /// Print the id of the person as JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
pub struct OfScope {
    /// The names per kind as JSON, such as '{"robeings": ["sales"]}', or '{"*": ["*"]}' for everything
    #[arg(long, default_value = "{}", value_parser = scope)]
    pub scope: Scope,
}

/// Reads a role.
pub fn role(text: &str) -> Result<Role, String> {
    let role = serde_json::from_value(json!(text));
    role.map_err(|_| "use reader, writer or admin".to_owned())
}

/// Reads a scope.
pub fn scope(json: &str) -> Result<Scope, String> {
    serde_json::from_str(json).map_err(|error| {
        format!(r#"{error}: write an object such as {{"robeings": ["sales"], "datasets": ["*"]}}"#)
    })
}

/// The command line, which has the rights of whoever has the database: those of everything.
pub struct Administrator {
    pub people: People,
    actor: Actor,
    pub reach: Scope,
}

impl Administrator {
    pub fn open(env: &Env) -> anyhow::Result<Self> {
        Ok(Self {
            people: People::open(&Resources::new(env.clone()))?,
            actor: Actor::command(),
            reach: Scope::all(),
        })
    }

    pub fn grantor(&self) -> Grantor<'_> {
        Grantor {
            actor: &self.actor,
            reach: &self.reach,
            person: None,
        }
    }

    /// The person with this id or address.
    async fn find(&self, text: &str) -> anyhow::Result<Person> {
        if let Ok(id) = Uuid::try_parse(text) {
            return Ok(self.people.person(&self.reach, id).await?);
        }
        let found = self.people.people(&self.reach, Some(text), None, 2).await?;
        match found.as_slice() {
            [person] => Ok(person.clone()),
            [] => bail!("nobody has the address {text}: `metasync people list` lists everybody"),
            _ => bail!(
                "several people have the address {text}: name one by the id that `metasync people list` prints"
            ),
        }
    }
}

pub async fn run(env: &Env, command: Command) -> anyhow::Result<()> {
    let admin = Administrator::open(env)?;
    match command {
        Command::List { json } => list(&admin, json).await,
        Command::Invite {
            email,
            role,
            scope: OfScope { scope },
            json,
        } => {
            let invitation = Invitation { email, role, scope };
            let by = admin.grantor();
            let invited = admin.people.invite(&invitation, None, &by).await?;
            print(&invited.person, json)
        }
        Command::Set {
            person,
            role,
            scope,
            activate,
            json,
        } => {
            let change = Change {
                role,
                scope,
                is_active: activate.then_some(true),
            };
            if change.is_empty() {
                bail!("there is nothing to set: use --role, --scope or --activate");
            }
            set(&admin, &person, &change, json).await
        }
        Command::Deactivate { person, json } => {
            let change = Change {
                is_active: Some(false),
                ..Change::default()
            };
            set(&admin, &person, &change, json).await
        }
        Command::Erase { person, json } => {
            let id = admin.find(&person).await?.id;
            admin.people.erase(id, &admin.grantor()).await?;
            if json {
                return print_json(&json!({ "erased": id }));
            }
            writeln!(std::io::stdout(), "erased {id}")?;
            Ok(())
        }
    }
}

async fn set(
    admin: &Administrator,
    person: &str,
    change: &Change,
    json: bool,
) -> anyhow::Result<()> {
    let id = admin.find(person).await?.id;
    let by = admin.grantor();
    print(&admin.people.change(id, change, None, &by).await?, json)
}

async fn list(admin: &Administrator, json: bool) -> anyhow::Result<()> {
    let mut all: Vec<Person> = Vec::new();
    loop {
        let after = all.last().map(|person| person.id);
        let page = admin.people.people(&admin.reach, None, after, PAGE).await?;
        let is_last = page.is_empty();
        all.extend(page);
        if is_last {
            break;
        }
    }
    if json {
        return print_json(&all);
    }
    let mut out = std::io::stdout().lock();
    for person in &all {
        writeln!(out, "{}", line(person)?)?;
    }
    Ok(())
}

fn print(person: &Person, json: bool) -> anyhow::Result<()> {
    if json {
        return print_json(person);
    }
    writeln!(std::io::stdout(), "{}", line(person)?)?;
    Ok(())
}

fn line(person: &Person) -> anyhow::Result<String> {
    let scope = serde_json::to_string(&person.scope).context("a scope is JSON")?;
    let state = match (person.is_active, person.has_signed_in) {
        (false, _) => "deactivated",
        (true, false) => "invited",
        (true, true) => "active",
    };
    let email = person.email.as_deref().unwrap_or("no address");
    Ok(format!(
        "{}  {email}  {}  {scope}  {state}",
        person.id, person.role
    ))
}
