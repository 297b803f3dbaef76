//! A fresh database for each test: on the server of `DATABASE_URL` where that is set, else on a
//! throwaway one that lives as long as the test process.
//!
//! Tests use it as a deployment does: with an ordinary role that owns the database and is subject to
//! row-level security. The server's own role creates databases, and nothing else.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use platform::Env;
use platform::postgres::{self, Client, types::Type};
use throwaway_postgres::Server;
use tokio::sync::OnceCell;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

const PREFIX: &str = "metasync_test_";
/// The ordinary role of a server that is not ours to throw away.
const ROLE: &str = "metasync_test";
/// A role that nobody grants anything to, of which the ordinary role is a member.
pub const STRANGER: &str = "metasync_stranger";
/// After this a database of a test process that was killed is taken for abandoned.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

/// A database that nobody else knows; dropping this drops it.
#[derive(Debug)]
pub struct Database {
    pub url: String,
    name: String,
    admin_url: String,
}

/// A database with every migration applied, copied from a template.
pub async fn database() -> Database {
    let host = host().await.expect("a Postgres for tests");
    let template = host
        .template
        .get_or_try_init(|| host.make_template())
        .await
        .expect("the migrations apply to an empty database");
    host.create(template).await.expect("a copy of the template")
}

/// A database with nothing in it: a warehouse to be, or somewhere to migrate.
pub async fn empty_database() -> Database {
    let host = host().await.expect("a Postgres for tests");
    host.create("template0").await.expect("an empty database")
}

impl Database {
    /// The environment of a function that uses this database, and nothing else.
    pub fn env(&self) -> Env {
        env_of(&self.url)
    }

    /// With the functions' role, in the scope of all robeings unless a statement sets another.
    pub async fn client(&self) -> Client {
        let url = in_every_scope(&self.url);
        connect(&url).await.expect("the test's own database")
    }

    /// With the functions' role, as a connection of the pool is: in no scope.
    pub async fn unscoped_client(&self) -> Client {
        connect(&self.url).await.expect("the test's own database")
    }

    /// The same database with a role that nothing is granted to.
    pub fn stranger_url(&self) -> String {
        with_parameters(
            &self.url,
            &[("options", &format!("-c%20role%3D{STRANGER}"))],
        )
    }

    /// The same database with the role of the server: to check that it is warned of, for no other use.
    pub fn admin_url(&self) -> String {
        with_database(&self.admin_url, &self.name).expect("it was a URL before")
    }

    /// Everything of the database as text, to look for what must not be there: also what a policy or the
    /// want of one hides from its owner.
    pub async fn dump(&self) -> String {
        let client = connect(&self.admin_url())
            .await
            .expect("the server's own role");
        let tables = client
            .query_typed(
                "select format('%I.%I', schemaname, tablename)
                 from pg_tables where schemaname not in ('pg_catalog', 'information_schema')",
                &[],
            )
            .await
            .expect("tables");
        let mut text = String::new();
        for table in tables {
            let table: String = table.get(0);
            let sql =
                format!("select coalesce(string_agg(row::text, ' '), '') from {table} as row");
            let row = client.query_typed_one(&sql, &[]).await.expect("rows");
            text += row.get(0);
        }
        text
    }

    /// Runs statements that set up what a test needs.
    pub async fn run(&self, sql: &str) {
        if let Err(error) = self.client().await.batch_execute(sql).await {
            panic!("{error:?} in:\n{sql}");
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (admin_url, name) = (self.admin_url.clone(), self.name.clone());
        // A test's own runtime can't be waited on from within it.
        let dropped = std::thread::spawn(move || -> anyhow::Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async {
                let admin = connect(&admin_url).await?;
                let drop = format!("drop database if exists {name} with (force)");
                Ok(admin.batch_execute(&drop).await?)
            })
        });
        if let Ok(Err(error)) = dropped.join() {
            eprintln!("cannot drop the test database: {error:#}");
        }
    }
}

struct Host {
    admin_url: String,
    role: Role,
    template: OnceCell<String>,
    /// Stops by itself when the process is gone; a static is never dropped.
    _server: Option<Server>,
}

async fn host() -> anyhow::Result<&'static Host> {
    static HOST: OnceCell<Host> = OnceCell::const_new();
    HOST.get_or_try_init(|| async {
        let env = Env::from_process();
        let server = match env.get("DATABASE_URL") {
            Some(url) => {
                drop_abandoned(url).await.context("DATABASE_URL")?;
                None
            }
            None => Some(Server::start(&env)?),
        };
        let (admin_url, role) = match &server {
            Some(server) => (server.admin_url("postgres"), Role::of_throwaway()),
            None => {
                let url = env.get("DATABASE_URL").unwrap_or_default().to_owned();
                let role = Role::of_server(&url);
                (url, role)
            }
        };
        create_roles(&admin_url, &role).await?;
        Ok(Host {
            admin_url,
            role,
            template: OnceCell::new(),
            _server: server,
        })
    })
    .await
}

/// The role that tests use their databases with.
struct Role {
    name: &'static str,
    password: Option<String>,
}

impl Role {
    fn of_throwaway() -> Self {
        Self {
            name: throwaway_postgres::ROLE,
            password: None,
        }
    }

    /// Each test process that uses the server finds the same password.
    fn of_server(admin_url: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        admin_url.hash(&mut hasher);
        Self {
            name: ROLE,
            password: Some(format!("{:016x}", hasher.finish())),
        }
    }
}

/// Creates what tests log in with, unless another test process did.
async fn create_roles(admin_url: &str, role: &Role) -> anyhow::Result<()> {
    let Role { name, password } = role;
    let login = match password {
        None => String::new(),
        Some(password) => format!("alter role {name} login password '{password}';"),
    };
    let roles = format!(
        "do $$ declare
             name text;
         begin
             perform pg_advisory_xact_lock(hashtext('{name}'));
             foreach name in array array['{name}', '{STRANGER}'] loop
                 if not exists (select from pg_roles where rolname = name) then
                     execute format('create role %I', name);
                 end if;
             end loop;
             {login}
             grant {STRANGER} to {name};
         end $$"
    );
    let admin = connect(admin_url).await?;
    admin
        .batch_execute(&roles)
        .await
        .context("for tests, write DATABASE_URL with a role that may create databases and roles")
}

impl Host {
    /// The name of a database with these migrations. On a server that outlives us it stays, for
    /// the next test process.
    async fn make_template(&self) -> anyhow::Result<String> {
        let name = template_name();
        let admin = connect(&self.admin_url).await?;
        let there = admin
            .query_typed_opt(
                "select from pg_database where datname = $1",
                &[(&name, Type::TEXT)],
            )
            .await?;
        if there.is_some() {
            return Ok(name);
        }
        // Under the final name only when it is whole; where another process was first, its is as
        // good, and ours is dropped.
        let made = self.create("template0").await?;
        postgres::migrate(&made.env(), migrations::FILES).await?;
        let rename = format!("alter database {} rename to {name}", made.name);
        match admin.batch_execute(&rename).await {
            Err(error) if error.code() != Some(&SqlState::DUPLICATE_DATABASE) => Err(error.into()),
            _ => Ok(name),
        }
    }

    async fn create(&self, template: &str) -> anyhow::Result<Database> {
        let name = format!("{PREFIX}{}", Uuid::now_v7().simple());
        let role = &self.role;
        let mut login = vec![("user", role.name)];
        login.extend(role.password.as_deref().map(|it| ("password", it)));
        let url = with_parameters(&with_database(&self.admin_url, &name)?, &login);
        let admin = connect(&self.admin_url).await?;
        let create = format!(
            "create database {name} owner {} template {template}",
            role.name
        );
        admin.batch_execute(&create).await?;
        Ok(Database {
            url,
            name,
            admin_url: self.admin_url.clone(),
        })
    }
}

/// Another set of migrations is another template.
fn template_name() -> String {
    let mut hasher = DefaultHasher::new();
    migrations::FILES.hash(&mut hasher);
    format!("metasync_template_{:016x}", hasher.finish())
}

/// What a test process that was killed left on a server that is not ours to throw away.
async fn drop_abandoned(url: &str) -> anyhow::Result<()> {
    let admin = connect(url).await?;
    let databases = admin
        .query_typed(
            "select datname
             from pg_database
             where starts_with(datname, $1)
               and not exists (
                 select from pg_stat_activity as session
                 where session.datname = pg_database.datname)",
            &[(&PREFIX, Type::TEXT)],
        )
        .await?;
    for row in databases {
        let name: String = row.try_get("datname")?;
        if made_at(&name).and_then(|made| made.elapsed().ok()) > Some(ABANDONED) {
            admin
                .batch_execute(&format!("drop database if exists {name}"))
                .await?;
        }
    }
    Ok(())
}

fn made_at(name: &str) -> Option<SystemTime> {
    let id = Uuid::try_parse(name.strip_prefix(PREFIX)?).ok()?;
    let (seconds, _) = id.get_timestamp()?.to_unix();
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

async fn connect(url: &str) -> anyhow::Result<Client> {
    // A test holds it for as long as it takes.
    let pool = postgres::open(&env_of(url))?.within(Duration::MAX);
    Ok(pool.get().await.map_err(platform::Error::from)?)
}

/// With the process's CA bundle, in case its server needs one, and no other variable.
fn env_of(url: &str) -> Env {
    let env = Env::default().with("DATABASE_URL", url);
    match Env::from_process().get("DATABASE_CA") {
        Some(bundle) => env.with("DATABASE_CA", bundle),
        None => env,
    }
}

/// The same server, another database.
fn with_database(url: &str, name: &str) -> anyhow::Result<String> {
    let (base, query) = match url.split_once('?') {
        Some((base, query)) => (base, format!("?{query}")),
        None => (url, String::new()),
    };
    let (scheme, rest) = base.split_once("://").context(
        "for tests, write DATABASE_URL as a URL: postgres://user:password@host/postgres",
    )?;
    let authority = rest.split('/').next().unwrap_or_default();
    Ok(format!("{scheme}://{authority}/{name}{query}"))
}

/// Of connections that see the rows of all robeings unless a statement sets another scope.
pub fn in_every_scope(url: &str) -> String {
    with_parameters(url, &[("options", "-c%20app.robeings%3D*")])
}

/// With these parameters instead of what it said of them; percent-encoded as they are to stand there.
fn with_parameters(url: &str, parameters: &[(&str, &str)]) -> String {
    let mut url = url.to_owned();
    for (name, value) in parameters {
        let (rest, _) = postgres::take_parameter(&url, name);
        let joint = if rest.contains('?') { '&' } else { '?' };
        url = format!("{rest}{joint}{name}={value}");
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_of_a_url_is_replaced_and_the_rest_kept() {
        for (url, expected) in [
            ("postgres://u:p@h:1/d", "postgres://u:p@h:1/x"),
            ("postgres://h", "postgres://h/x"),
            (
                "postgres:///d?host=/a/b&user=u",
                "postgres:///x?host=/a/b&user=u",
            ),
        ] {
            assert_eq!(with_database(url, "x").unwrap(), expected);
        }
        assert!(with_database("host=h dbname=d", "x").is_err());
    }

    #[test]
    fn only_names_of_ours_tell_when_they_were_made() {
        let ours = format!("{PREFIX}{}", Uuid::now_v7().simple());
        assert!(made_at(&ours).unwrap().elapsed().unwrap() < ABANDONED);
        assert_eq!(made_at("metasync_test_mine"), None);
        assert_eq!(made_at("production"), None);
    }
}
