//! Service tokens: long random strings. The configuration holds only their SHA-256.

use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::{Caller, Role, Scope};
use crate::Secret;

pub(super) struct Tokens(Vec<(Hash, Caller)>);

type Hash = [u8; 32];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    role: Role,
    #[serde(default)]
    scope: Scope,
    sha256: String,
}

const FORM: &str = r#"[{"name": "..", "role": "reader" | "writer" | "admin", "scope": {"<kind>": ["<name>", ..] or ["*"], ..}, "sha256": "<64 hex digits>"}]"#;

impl Tokens {
    /// Parses the value of `AUTH_TOKENS`. An error states the position of a mistake and never quotes the
    /// value.
    pub(super) fn parse(json: &Secret) -> anyhow::Result<Self> {
        let entries: Vec<Entry> = serde_json::from_str(json.expose()).map_err(|error| {
            // The error's own text may quote a value, which may be a hash.
            let (line, column) = (error.line(), error.column());
            anyhow::anyhow!(
                "AUTH_TOKENS is not valid at line {line}, column {column}: write {FORM}"
            )
        })?;
        ensure!(
            !entries.is_empty(),
            "AUTH_TOKENS has no token: write {FORM}"
        );

        let mut tokens: Vec<(Hash, Caller)> = Vec::with_capacity(entries.len());
        for Entry {
            name,
            role,
            scope,
            sha256,
        } in entries
        {
            ensure!(
                !name.is_empty() && name.len() <= 100 && !name.contains(char::is_control),
                "AUTH_TOKENS: a name must have 1 to 100 printable characters",
            );
            let hash = hex::decode(&sha256)
                .ok()
                .and_then(|hash| hash.try_into().ok());
            let hash: Hash = hash.with_context(|| {
                format!(
                    "AUTH_TOKENS: sha256 of {name:?} must be 64 hex digits: \
                     `printf %s \"$token\" | sha256sum`",
                )
            })?;
            // What `printf %s "$token"` and `echo "$token"` print if the variable is not set.
            for nothing in ["", "\n"] {
                ensure!(
                    hash != Hash::from(Sha256::digest(nothing)),
                    "AUTH_TOKENS: sha256 of {name:?} is the digest of no token: create one with \
                     `token=$(openssl rand -hex 32)`, then `printf %s \"$token\" | sha256sum`",
                );
            }
            if let Some((_, other)) = tokens.iter().find(|(known, _)| *known == hash) {
                let other = &other.name;
                bail!("AUTH_TOKENS: {name:?} and {other:?} have the same sha256");
            }
            let caller = Caller::service(name.into(), role, Arc::new(scope));
            tokens.push((hash, caller));
        }
        Ok(Self(tokens))
    }

    pub(super) fn callers(&self) -> impl Iterator<Item = &Caller> {
        self.0.iter().map(|(_, caller)| caller)
    }

    /// Finds the caller with this token. It compares every token, so that the time reveals nothing.
    pub(super) fn caller(&self, bearer: &str) -> Option<Caller> {
        let hash: Hash = Sha256::digest(bearer).into();
        let mut found = None;
        for (known, caller) in &self.0 {
            if known.ct_eq(&hash).into() {
                found = Some(caller);
            }
        }
        found.cloned()
    }
}
