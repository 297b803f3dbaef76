//! A fresh database for each test, on the server of `DATABASE_URL` if that is set, otherwise on a throwaway
//! server that stops with the test process.
//!
//! As in a deployment, tests use an ordinary role that owns the database and is subject to row-level
//! security. The superuser only creates databases and roles.

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
/// The ordinary role on the server of `DATABASE_URL`.
const ROLE: &str = "metasync_test";
/// A role without any grant. The ordinary role is a member of it.
pub const UNPRIVILEGED: &str = "metasync_unprivileged";
/// The age after which an unused test database counts as abandoned by a killed test process.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

/// A database of one test, which is dropped together with this value.
#[derive(Debug)]
pub struct Database {
    pub url: String,
    name: String,
    admin_url: String,
}

/// A database with all migrations applied, copied from a template.
pub async fn database() -> Database {
    let host = host().await.expect("a Postgres for tests");
    let template = host
        .template
        .get_or_try_init(|| host.create_template())
        .await
        .expect("the migrations apply to an empty database");
    host.create(template).await.expect("a copy of the template")
}

/// An empty database, for a warehouse or for migrations.
pub async fn empty_database() -> Database {
    let host = host().await.expect("a Postgres for tests");
    host.create("template0").await.expect("an empty database")
}

/// An empty database without an encoding, which stores any bytes as text.
pub async fn database_of_any_bytes() -> Database {
    let host = host().await.expect("a Postgres for tests");
    let created = host.create("template0 encoding 'SQL_ASCII' locale 'C'");
    created.await.expect("an empty database")
}

impl Database {
    /// An environment with this database only.
    pub fn env(&self) -> Env {
        env_of(&self.url)
    }

    /// A connection with the ordinary role, in the scope of all robeings unless a statement sets another.
    pub async fn client(&self) -> Client {
        let url = in_every_scope(&self.url);
        connect(&url)
            .await
            .expect("a connection to the test's database")
    }

    /// A connection with the ordinary role and no scope, like a connection of the pool.
    pub async fn unscoped_client(&self) -> Client {
        connect(&self.url)
            .await
            .expect("a connection to the test's database")
    }

    /// The URL of this database with [`UNPRIVILEGED`].
    pub fn unprivileged_url(&self) -> String {
        with_parameters(
            &self.url,
            &[("options", &format!("-c%20role%3D{UNPRIVILEGED}"))],
        )
    }

    /// The URL of this database with the superuser, for tests of the warning about superusers.
    pub fn admin_url(&self) -> String {
        with_database(&self.admin_url, &self.name).expect("a valid URL")
    }

    /// All rows of the database as text, including rows that row-level security hides, for assertions that
    /// some text is absent.
    pub async fn dump(&self) -> String {
        let client = connect(&self.admin_url())
            .await
            .expect("a connection with the superuser");
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

    /// Runs statements that set up a test.
    pub async fn run(&self, sql: &str) {
        if let Err(error) = self.client().await.batch_execute(sql).await {
            panic!("{error:?} in:\n{sql}");
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (admin_url, name) = (self.admin_url.clone(), self.name.clone());
        // On its own thread, because drop can't wait on the runtime of the test.
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
    /// Stops by itself when the process ends; a static is never dropped.
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

/// The ordinary role.
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

    /// Every test process derives the same password.
    fn of_server(admin_url: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        admin_url.hash(&mut hasher);
        Self {
            name: ROLE,
            password: Some(format!("{:016x}", hasher.finish())),
        }
    }
}

/// Creates the roles unless they exist.
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
             foreach name in array array['{name}', '{UNPRIVILEGED}'] loop
                 if not exists (select from pg_roles where rolname = name) then
                     execute format('create role %I', name);
                 end if;
             end loop;
             {login}
             grant {UNPRIVILEGED} to {name};
         end $$"
    );
    let admin = connect(admin_url).await?;
    admin
        .batch_execute(&roles)
        .await
        .context("tests need a DATABASE_URL with a role that may create databases and roles")
}

impl Host {
    /// Creates the template with all migrations unless it exists, and returns its name. On the server of
    /// `DATABASE_URL` it stays for later test processes.
    async fn create_template(&self) -> anyhow::Result<String> {
        let name = template_name();
        let admin = connect(&self.admin_url).await?;
        let existing = admin
            .query_typed_opt(
                "select from pg_database where datname = $1",
                &[(&name, Type::TEXT)],
            )
            .await?;
        if existing.is_some() {
            return Ok(name);
        }
        // Renamed when it is complete. If another process was first, its template is used and this one is
        // dropped.
        let template = self.create("template0").await?;
        postgres::migrate(&template.env(), migrations::FILES).await?;
        let rename = format!("alter database {} rename to {name}", template.name);
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

/// The name depends on the migrations.
fn template_name() -> String {
    let mut hasher = DefaultHasher::new();
    migrations::FILES.hash(&mut hasher);
    format!("metasync_template_{:016x}", hasher.finish())
}

/// Drops the databases that killed test processes left on the server of `DATABASE_URL`.
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
        if created_at(&name).and_then(|created| created.elapsed().ok()) > Some(ABANDONED) {
            admin
                .batch_execute(&format!("drop database if exists {name}"))
                .await?;
        }
    }
    Ok(())
}

fn created_at(name: &str) -> Option<SystemTime> {
    let id = Uuid::try_parse(name.strip_prefix(PREFIX)?).ok()?;
    let (seconds, _) = id.get_timestamp()?.to_unix();
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

async fn connect(url: &str) -> anyhow::Result<Client> {
    // A test may hold the connection for any time.
    let pool = postgres::open(&env_of(url))?.within(Duration::MAX);
    Ok(pool.get().await.map_err(platform::Error::from)?)
}

/// An environment with this `DATABASE_URL`, and with the `DATABASE_CA` of the process.
fn env_of(url: &str) -> Env {
    let env = Env::default().with("DATABASE_URL", url);
    match Env::from_process().get("DATABASE_CA") {
        Some(bundle) => env.with("DATABASE_CA", bundle),
        None => env,
    }
}

/// The URL with another database.
fn with_database(url: &str, name: &str) -> anyhow::Result<String> {
    let (base, query) = match url.split_once('?') {
        Some((base, query)) => (base, format!("?{query}")),
        None => (url, String::new()),
    };
    let (scheme, rest) = base
        .split_once("://")
        .context("tests need a DATABASE_URL of the form postgres://user:password@host/postgres")?;
    let authority = rest.split('/').next().unwrap_or_default();
    Ok(format!("{scheme}://{authority}/{name}{query}"))
}

/// The URL with the scope of all robeings, unless a statement sets another.
pub fn in_every_scope(url: &str) -> String {
    with_parameters(url, &[("options", "-c%20app.robeings%3D*")])
}

/// The URL with these parameters, which must be percent-encoded, in place of those with the same name.
fn with_parameters(url: &str, parameters: &[(&str, &str)]) -> String {
    let mut url = url.to_owned();
    for (name, value) in parameters {
        let (rest, _) = postgres::take_parameter(&url, name);
        let separator = if rest.contains('?') { '&' } else { '?' };
        url = format!("{rest}{separator}{name}={value}");
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_database_of_a_url_is_replaced() {
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
    fn only_names_of_test_databases_have_a_creation_time() {
        let name = format!("{PREFIX}{}", Uuid::now_v7().simple());
        assert!(created_at(&name).unwrap().elapsed().unwrap() < ABANDONED);
        assert_eq!(created_at("metasync_test_mine"), None);
        assert_eq!(created_at("production"), None);
    }
}
