//! The provider, the endpoint and the key of a model, by the name in `LLM_MODEL`.
//!
//! | `LLM_MODEL` | provider | key | variable of the address |
//! | --- | --- | --- | --- |
//! | `claude-...`, `anthropic/...` | Anthropic | `ANTHROPIC_API_KEY` | `ANTHROPIC_BASE_URL` |
//! | `gpt-...`, `o3...`, `openai/...` | OpenAI | `OPENAI_API_KEY` | `OPENAI_BASE_URL`, with its `/v1` |
//! | `gemini-...`, `gemini/...` | Gemini | `GEMINI_API_KEY` or `GOOGLE_API_KEY` | `GOOGLE_GEMINI_BASE_URL` |
//! | `ollama/...` | Ollama | none, or `OLLAMA_API_KEY` | `OLLAMA_HOST`; `localhost:11434` |
//! | anything, with `LLM_BASE_URL` | an OpenAI-compatible server | `LLM_API_KEY` or `OPENAI_API_KEY`, or none | `LLM_BASE_URL`, with its `/v1` |
//!
//! With the first three providers, the name of a reasoning model may end with an effort: `gpt-5-mini-low`.
//! `accepts` describes what a model accepts.

use std::fmt;

use anyhow::Context as _;
use genai::adapter::AdapterKind;
use genai::resolver::{AuthData, Endpoint};
use genai::{Headers, ModelIden, ServiceTarget};
use url::Url;

use super::accepts::{Accepts, Thinking, accepts, is_openai};
use super::effort::Effort;
use crate::{Env, Secret, http_client};

/// The variables that select and configure a model.
pub const VARIABLES: [&str; 14] = [
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_BASE_URL",
    "GEMINI_API_KEY",
    "GOOGLE_API_KEY",
    "GOOGLE_GEMINI_BASE_URL",
    "LLM_API_KEY",
    "LLM_ATTEMPTS",
    "LLM_BASE_URL",
    "LLM_MODEL",
    "LLM_TIMEOUT_SECONDS",
    "OLLAMA_API_KEY",
    "OLLAMA_HOST",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
];

pub struct Model {
    /// The value of `LLM_MODEL`.
    pub name: String,
    pub provider: Provider,
    /// The name that the provider knows.
    pub id: String,
    /// The effort at the end of `LLM_MODEL`.
    pub effort: Option<Effort>,
    pub accepts: Accepts,
    endpoint: Url,
}

/// The API through which a model is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    Messages,
    /// OpenAI's Chat Completions.
    Chat,
    Responses,
    GenerateContent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    Anthropic,
    Openai,
    Gemini,
    Ollama,
    /// The server at `LLM_BASE_URL`.
    Compatible,
}

impl fmt::Display for Provider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Anthropic => "anthropic",
            Self::Openai => "openai",
            Self::Gemini => "gemini",
            Self::Ollama => "ollama",
            Self::Compatible => "the server at LLM_BASE_URL",
        })
    }
}

impl Provider {
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Anthropic => &["ANTHROPIC_API_KEY"],
            Self::Openai => &["OPENAI_API_KEY"],
            Self::Gemini => &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
            Self::Ollama => &["OLLAMA_API_KEY"],
            Self::Compatible => &["LLM_API_KEY", "OPENAI_API_KEY"],
        }
    }

    pub fn key_names(self) -> String {
        self.keys().join(" or ")
    }

    /// The variable of the address.
    pub fn address(self) -> &'static str {
        match self {
            Self::Anthropic => "ANTHROPIC_BASE_URL",
            Self::Openai => "OPENAI_BASE_URL",
            Self::Gemini => "GOOGLE_GEMINI_BASE_URL",
            Self::Ollama => "OLLAMA_HOST",
            Self::Compatible => "LLM_BASE_URL",
        }
    }

    fn works_without_key(self) -> bool {
        matches!(self, Self::Ollama | Self::Compatible)
    }

    pub fn key(self, env: &Env) -> anyhow::Result<Option<Secret>> {
        let key = self.keys().iter().find_map(|name| env.secret(name));
        if key.is_none() && !self.works_without_key() {
            let names = self.key_names();
            let why = self
                .keys()
                .iter()
                .find_map(|name| env.why_without_value(name));
            anyhow::bail!(why.unwrap_or_else(|| format!(
                "{names} is not set: set it to a key of {self}, which LLM_MODEL selects"
            )));
        }
        Ok(key)
    }

    /// The base URL of the protocol, with a slash at the end.
    fn endpoint(self, env: &Env) -> anyhow::Result<Url> {
        let variable = self.address();
        match self {
            Self::Anthropic => address(env, variable, "https://api.anthropic.com/v1")
                .map(|url| versioned(url, "v1")),
            Self::Openai => address(env, variable, "https://api.openai.com/v1"),
            Self::Gemini => address(env, variable, "https://generativelanguage.googleapis.com")
                .map(|url| versioned(url, "v1beta")),
            Self::Ollama => {
                let host = env.get("OLLAMA_HOST").unwrap_or("localhost");
                ollama_address(host)
                    .map(|url| versioned(url, "v1"))
                    .with_context(|| format!("OLLAMA_HOST is {host:?}: set it to host:port"))
            }
            Self::Compatible => address(env, variable, "http://localhost/v1"),
        }
    }
}

impl Model {
    /// Reads `LLM_MODEL` and the variables of its provider. `None` if it is unset.
    pub fn read(env: &Env) -> anyhow::Result<Option<Self>> {
        let Some(name) = env.get("LLM_MODEL") else {
            return Ok(None);
        };
        let (provider, model) = if env.get("LLM_BASE_URL").is_some() {
            (Provider::Compatible, name)
        } else {
            by_name(name).with_context(|| {
                format!(
                    "LLM_MODEL is {name:?}, which names no provider: put anthropic/, openai/, gemini/ or \
                     ollama/ before it, or set LLM_BASE_URL"
                )
            })?
        };
        let (id, effort) = match provider {
            Provider::Anthropic | Provider::Openai | Provider::Gemini => Effort::split(model),
            // Their names may end with the same words.
            Provider::Ollama | Provider::Compatible => (model, None),
        };
        let accepts = accepts(provider, id);
        if effort.is_some() && accepts.thinking == Thinking::Never {
            anyhow::bail!(
                "LLM_MODEL is {name:?}, but {id} has no effort: set LLM_MODEL to {id}, or to a model \
                 that reasons"
            );
        }
        Ok(Some(Self {
            name: name.to_owned(),
            provider,
            id: id.to_owned(),
            effort,
            accepts,
            endpoint: provider.endpoint(env)?,
        }))
    }

    /// The host and the port of the endpoint, for errors.
    pub fn place(&self) -> String {
        http_client::place(&self.endpoint)
    }

    /// The API of the model. If Chat Completions refuses it, the Responses API remains.
    pub fn api(&self, chat_refuses: bool) -> Api {
        match self.provider {
            Provider::Anthropic => Api::Messages,
            Provider::Gemini => Api::GenerateContent,
            // Chat Completions has no effort above `xhigh`.
            Provider::Openai
                if self.accepts.responses_only
                    || chat_refuses
                    || self.effort == Some(Effort::Max) =>
            {
                Api::Responses
            }
            Provider::Openai | Provider::Ollama | Provider::Compatible => Api::Chat,
        }
    }

    /// The address and the key, for a request to this API.
    pub fn target(&self, api: Api, key: Option<&Secret>) -> anyhow::Result<ServiceTarget> {
        let kind = match api {
            Api::Messages => AdapterKind::Anthropic,
            Api::Responses => AdapterKind::OpenAIResp,
            Api::GenerateContent => AdapterKind::Gemini,
            // Chat Completions without parameters that the client adds by the name of the model. Ollama
            // supports it too, including schemas, which the client can't send in Ollama's own protocol.
            Api::Chat => AdapterKind::Custom(0),
        };
        let auth = match key {
            Some(key) => AuthData::from_single(key.expose()),
            None => AuthData::RequestOverride {
                url: self.endpoint.join("chat/completions")?.to_string(),
                headers: Headers::default(),
            },
        };
        Ok(ServiceTarget {
            endpoint: Endpoint::from_owned(self.endpoint.as_str()),
            auth,
            model: ModelIden::new(kind, self.id.as_str()),
        })
    }

    /// Whether the model is called at OpenAI itself, and not at another server with its protocol.
    pub fn is_at_openai(&self) -> bool {
        self.provider == Provider::Openai && self.endpoint.host_str() == Some("api.openai.com")
    }
}

fn by_name(name: &str) -> Option<(Provider, &str)> {
    if let Some((prefix, model)) = name.split_once('/') {
        let provider = match prefix {
            "anthropic" => Provider::Anthropic,
            "openai" => Provider::Openai,
            "gemini" | "google" => Provider::Gemini,
            "ollama" => Provider::Ollama,
            _ => return None,
        };
        return (!model.is_empty()).then_some((provider, model));
    }
    if name.starts_with("claude-") {
        Some((Provider::Anthropic, name))
    } else if name.starts_with("gemini-") {
        Some((Provider::Gemini, name))
    } else if is_openai(name) {
        Some((Provider::Openai, name))
    } else {
        None
    }
}

fn address(env: &Env, variable: &str, default: &str) -> anyhow::Result<Url> {
    let value = env.get(variable).unwrap_or(default);
    // The error leaves the value out, which may contain a password.
    let url = Url::parse(value)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .with_context(|| {
            format!("{variable} is not a URL: set it to one with http:// or https://")
        })?;
    Ok(as_folder(url))
}

fn as_folder(mut url: Url) -> Url {
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    url
}

/// Adds the version of the protocol, which the variables of these providers leave out.
fn versioned(url: Url, version: &str) -> Url {
    let mut url = as_folder(url);
    if !url.path().ends_with(&format!("/{version}/")) {
        let path = format!("{}{version}/", url.path());
        url.set_path(&path);
    }
    url
}

/// The address by Ollama's rules: the default scheme is `http`, with the default port 11434.
fn ollama_address(host: &str) -> Option<Url> {
    if host.contains("://") {
        return Url::parse(host).ok().filter(Url::has_host);
    }
    let host = match host.strip_prefix(':') {
        Some(port) => format!("localhost:{port}"),
        None => host.to_owned(),
    };
    let mut url = Url::parse(&format!("http://{host}")).ok()?;
    if url.port().is_none() && !host.ends_with(":80") {
        url.set_port(Some(11434)).ok()?;
    }
    // The address on which a server listens is not one to connect to.
    if url.host_str() == Some("0.0.0.0") {
        url.set_host(Some("127.0.0.1")).ok()?;
    }
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> anyhow::Result<Option<Model>> {
        let env = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Model::read(&env)
    }

    fn endpoint(variables: &[(&str, &str)]) -> String {
        let model = read(variables).expect("it reads").expect("a model is set");
        model.endpoint.to_string()
    }

    #[test]
    fn a_name_determines_its_provider() {
        for (name, provider, model) in [
            (
                "claude-sonnet-4-5",
                Provider::Anthropic,
                "claude-sonnet-4-5",
            ),
            ("anthropic/claude-x", Provider::Anthropic, "claude-x"),
            ("gpt-4o-mini", Provider::Openai, "gpt-4o-mini"),
            ("o4-mini", Provider::Openai, "o4-mini"),
            ("gemini-2.5-flash", Provider::Gemini, "gemini-2.5-flash"),
            ("google/gemini-2.5-pro", Provider::Gemini, "gemini-2.5-pro"),
            ("ollama/qwen3:8b", Provider::Ollama, "qwen3:8b"),
            (
                "ollama/library/gpt-oss:20b",
                Provider::Ollama,
                "library/gpt-oss:20b",
            ),
        ] {
            assert_eq!(by_name(name), Some((provider, model)), "{name}");
        }
        for name in ["gpt-oss-120b", "llama3", "mistral/large", "ollama/", "opus"] {
            assert_eq!(by_name(name), None, "{name}");
        }
    }

    #[test]
    fn a_name_without_a_provider_is_refused_with_a_hint() {
        let error = read(&[("LLM_MODEL", "llama3")]).err().expect("refused");
        assert!(error.to_string().contains("ollama/"), "{error}");
    }

    #[test]
    fn a_missing_key_is_an_error_that_names_the_variable() {
        for (model, key) in [
            ("claude-x", "ANTHROPIC_API_KEY"),
            ("gpt-4o", "OPENAI_API_KEY"),
            ("gemini-2.5-flash", "GEMINI_API_KEY or GOOGLE_API_KEY"),
        ] {
            let model = read(&[("LLM_MODEL", model)]).unwrap().expect("a model");
            let error = model.provider.key(&Env::default()).expect_err("no key");
            assert!(error.to_string().starts_with(key), "{error}");
        }
    }

    #[test]
    fn an_empty_name_means_no_model() {
        let model = read(&[("LLM_MODEL", ""), ("OPENAI_API_KEY", "k")]).expect("it reads");
        assert!(model.is_none());
    }

    #[test]
    fn a_compatible_server_needs_no_key_and_gets_the_name_unchanged() {
        let model = read(&[
            ("LLM_MODEL", "anthropic/claude-x"),
            ("LLM_BASE_URL", "https://gateway.example/api/v1"),
        ])
        .expect("it reads")
        .expect("a model is set");
        assert_eq!(model.provider, Provider::Compatible);
        assert_eq!(model.id, "anthropic/claude-x");
        assert_eq!(model.endpoint.as_str(), "https://gateway.example/api/v1/");
    }

    #[test]
    fn the_version_of_the_protocol_is_added_once() {
        let claude = ("LLM_MODEL", "claude-x");
        let key = ("ANTHROPIC_API_KEY", "k");
        assert_eq!(endpoint(&[claude, key]), "https://api.anthropic.com/v1/");
        for base in ["http://proxy:1/v1", "http://proxy:1", "http://proxy:1/"] {
            let base = ("ANTHROPIC_BASE_URL", base);
            assert_eq!(endpoint(&[claude, key, base]), "http://proxy:1/v1/");
        }
    }

    #[test]
    fn the_address_of_ollama_follows_ollamas_rules() {
        for (host, url) in [
            ("127.0.0.1:4000", "http://127.0.0.1:4000/v1/"),
            ("gpu", "http://gpu:11434/v1/"),
            (":5000", "http://localhost:5000/v1/"),
            ("0.0.0.0", "http://127.0.0.1:11434/v1/"),
            ("https://ollama.example", "https://ollama.example/v1/"),
        ] {
            assert_eq!(
                endpoint(&[("LLM_MODEL", "ollama/m"), ("OLLAMA_HOST", host)]),
                url
            );
        }
        assert_eq!(
            endpoint(&[("LLM_MODEL", "ollama/m")]),
            "http://localhost:11434/v1/"
        );
    }

    #[test]
    fn an_invalid_address_is_refused_without_quoting_it() {
        let error = read(&[("LLM_MODEL", "m"), ("LLM_BASE_URL", "user:secret@host")])
            .err()
            .expect("refused");
        assert!(error.to_string().starts_with("LLM_BASE_URL"), "{error}");
        assert!(!format!("{error:#}").contains("secret"), "{error:#}");
    }

    #[test]
    fn an_effort_of_a_model_that_has_none_is_refused_with_the_name_to_set() {
        for (name, id, key) in [
            ("gpt-4o-high", "gpt-4o", "OPENAI_API_KEY"),
            (
                "claude-3-5-haiku-low",
                "claude-3-5-haiku",
                "ANTHROPIC_API_KEY",
            ),
            ("gemini-2.0-flash-low", "gemini-2.0-flash", "GEMINI_API_KEY"),
        ] {
            let error = read(&[("LLM_MODEL", name), (key, "k")])
                .err()
                .expect("refused")
                .to_string();
            assert!(
                error.contains(&format!("set LLM_MODEL to {id},")),
                "{error}"
            );
        }
    }
}
