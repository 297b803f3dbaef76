//! The release binary as a server.

use std::net::SocketAddr;
use std::process::Command;

use kit::lambda::Process;
use kit::process::{release, serve_without_log};
use platform::Env;
use serde_json::Value;

pub struct Function {
    pub address: SocketAddr,
    http: reqwest::Client,
    _process: Process,
}

impl Function {
    pub fn start(database: &str) -> anyhow::Result<Self> {
        let mut command = Command::new(release("message-log", "message-log"));
        command
            .env_clear()
            .env("AUTH_MODE", "open")
            .env("RUST_LOG", "warn")
            .env("DATABASE_URL", database)
            .env("MASKING_KEY", "07".repeat(32));
        let (process, address) = serve_without_log(command);
        Ok(Self {
            address,
            http: platform::http_client::build(&Env::default())?,
            _process: process,
        })
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
