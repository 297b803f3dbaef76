//! The release binary as a server.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use kit::lambda::Process;
use serde_json::Value;
use shared::Env;

pub struct Function {
    pub address: SocketAddr,
    http: reqwest::Client,
    _process: Process,
}

impl Function {
    pub async fn start(database: &str) -> anyhow::Result<Self> {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--release", "-p", "message-log"]);
        ensure!(cargo.status()?.success(), "message-log does not build");
        // Beside the folder of this benchmark's own profile.
        let built = Path::new(env!("CARGO_BIN_EXE_hello")).parent();
        let built = built.context("a binary is in a folder")?;
        let binary = built.with_file_name("release").join("message-log");

        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        drop(listener);
        let process = Command::new(binary)
            .env_clear()
            .env("AUTH_MODE", "open")
            .env("RUST_LOG", "warn")
            .env("PORT", address.port().to_string())
            .env("DATABASE_URL", database)
            .env("MASKING_KEY", "07".repeat(32))
            .stdout(Stdio::null())
            .spawn()?;
        let function = Self {
            address,
            http: shared::http_client::build(&Env::default())?,
            _process: Process(process),
        };
        while function.get("/healthz").await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(function)
    }

    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let url = format!("http://{}{path}", self.address);
        let reply = self.http.get(url).send().await?.error_for_status()?;
        Ok(reply.json().await?)
    }

    pub async fn post(&self, path: &str, body: String) -> anyhow::Result<Value> {
        let request = self
            .http
            .post(format!("http://{}{path}", self.address))
            .header("content-type", "application/json")
            .body(body);
        Ok(request.send().await?.error_for_status()?.json().await?)
    }
}
