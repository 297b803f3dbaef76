//! `metasync token`: the tokens of services.

use std::io::Write as _;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use jiff::Timestamp;
use people::token::{Created, NewToken, Token};
use platform::auth::Role;
use platform::{Env, Resources};
use serde_json::{Value, json};
use uuid::Uuid;

use super::people::{Administrator, OfScope, role};
use super::print_json;

/// The tokens per query of a list.
const PAGE: i64 = 200;

#[derive(Subcommand)]
pub enum Command {
    /// List tokens, newest first, with those that have expired or are revoked
    List {
        /// Print the tokens as JSON
        #[arg(long)]
        json: bool,
    },
    /// Create a token, and print its secret, which is not stored
    Create {
        /// The name of the service, which its requests have in logs
        name: String,
        /// reader, writer or admin
        #[arg(long, value_parser = role)]
        role: Role,
        #[command(flatten)]
        scope: OfScope,
        /// When it expires, such as 2027-01-01T00:00:00Z [default: when it is revoked]
        #[arg(long, value_name = "TIME")]
        expires_at: Option<Timestamp>,
        /// Print the token and its secret as JSON
        #[arg(long)]
        json: bool,
    },
    /// Revoke a token, for ever
    Revoke {
        /// The id, or the name
        token: String,
        /// Print the id of the token as JSON
        #[arg(long)]
        json: bool,
    },
}

pub async fn run(env: &Env, command: Command) -> anyhow::Result<()> {
    let admin = Administrator::open(env)?;
    match command {
        Command::List { json } => list(&admin, json).await,
        Command::Create {
            name,
            role,
            scope: OfScope { scope },
            expires_at,
            json,
        } => {
            let new = NewToken {
                name,
                role,
                scope,
                expires_at,
            };
            // Servers report a configuration that is not valid.
            if let Ok(auth) = Resources::new(env.clone()).auth() {
                new.check_name_is_free(&auth)?;
            }
            let by = admin.grantor();
            print_created(&admin.people.create_token(&new, None, &by).await?, json)
        }
        Command::Revoke { token, json } => {
            let id = find(&admin, &token).await?;
            admin.people.revoke_token(id, &admin.grantor()).await?;
            if json {
                return print_json(&json!({ "revoked": id }));
            }
            writeln!(std::io::stdout(), "revoked {id}")?;
            Ok(())
        }
    }
}

fn print_created(created: &Created, json: bool) -> anyhow::Result<()> {
    let Created { token, secret } = created;
    if json {
        let mut value = serde_json::to_value(token)?;
        value["secret"] = Value::from(secret.as_str());
        return print_json(&value);
    }
    writeln!(std::io::stdout(), "{}\n{secret}", line(token)?)?;
    Ok(())
}

async fn all(admin: &Administrator) -> anyhow::Result<Vec<Token>> {
    let mut all: Vec<Token> = Vec::new();
    loop {
        let after = all.last().map(|token| token.id);
        let page = admin.people.tokens(&admin.reach, after, PAGE).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

async fn list(admin: &Administrator, json: bool) -> anyhow::Result<()> {
    let all = all(admin).await?;
    if json {
        return print_json(&all);
    }
    let mut out = std::io::stdout().lock();
    for token in &all {
        writeln!(out, "{}", line(token)?)?;
    }
    Ok(())
}

/// The id of a token that is named by it, or by the name of the service.
async fn find(admin: &Administrator, text: &str) -> anyhow::Result<Uuid> {
    if let Ok(id) = Uuid::try_parse(text) {
        return Ok(id);
    }
    let all = all(admin).await?;
    let valid = all
        .iter()
        .find(|it| it.name == text && it.revoked_at.is_none());
    let Some(token) = valid else {
        bail!("there is no token {text:?} that is not revoked: `metasync token list` lists all");
    };
    Ok(token.id)
}

fn line(token: &Token) -> anyhow::Result<String> {
    let scope = serde_json::to_string(&token.scope).context("a scope is JSON")?;
    let state = match (token.revoked_at, token.expires_at) {
        (Some(at), _) => format!("revoked {at:.0}"),
        (None, Some(at)) if at <= Timestamp::now() => format!("expired {at:.0}"),
        (None, Some(at)) => format!("until {at:.0}"),
        (None, None) => "valid".to_owned(),
    };
    Ok(format!(
        "{}  {}  {}  {scope}  {state}",
        token.id, token.name, token.role
    ))
}
