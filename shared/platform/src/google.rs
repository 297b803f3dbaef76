//! Logging in to Google's services: for the bucket, and for the warehouse.

use std::sync::Arc;

use anyhow::Context as _;
use gcp_auth::{CustomServiceAccount, MetadataServiceAccount, TokenProvider};
use tokio::sync::OnceCell;

use crate::{Env, Secret};

/// Who this process is to Google: found at the first call, so that a start reads no file and
/// asks no server. Clones share it, and the tokens until they expire.
#[derive(Clone)]
pub struct Google {
    place: Place,
    provider: Arc<OnceCell<Arc<dyn TokenProvider>>>,
}

#[derive(Clone)]
enum Place {
    /// A service account's key, in the file that `GOOGLE_APPLICATION_CREDENTIALS` names.
    Key(String),
    /// Cloud Run and its kin: the metadata server knows, and nothing else needs to be tried.
    CloudRun,
    /// A person's machine: their application default credentials, or what `gcloud` gives.
    Machine,
}

impl Google {
    pub fn new(env: &Env) -> Self {
        let place = match env.get("GOOGLE_APPLICATION_CREDENTIALS") {
            Some(file) => Place::Key(file.to_owned()),
            None if env.get("K_SERVICE").is_some() => Place::CloudRun,
            None => Place::Machine,
        };
        Self {
            place,
            provider: Arc::default(),
        }
    }

    /// An access token for the scopes, as `Authorization: Bearer` wants it. The error is a
    /// [`gcp_auth::Error`] with what was tried.
    pub async fn token(&self, scopes: &[&str]) -> anyhow::Result<Secret> {
        let provider = self.provider.get_or_try_init(|| self.provider()).await?;
        let token = provider.token(scopes).await;
        let token = token.context("Google gives no access token")?;
        Ok(Secret::new(token.as_str()))
    }

    async fn provider(&self) -> anyhow::Result<Arc<dyn TokenProvider>> {
        match &self.place {
            Place::Key(file) => {
                let account = CustomServiceAccount::from_file(file).with_context(|| {
                    format!("GOOGLE_APPLICATION_CREDENTIALS {file:?} is no service account's key")
                })?;
                Ok(Arc::new(account))
            }
            Place::CloudRun => {
                let account = MetadataServiceAccount::new().await;
                Ok(Arc::new(
                    account.context("the metadata server knows no service account")?,
                ))
            }
            Place::Machine => gcp_auth::provider().await.context(
                "no Google login: set GOOGLE_APPLICATION_CREDENTIALS to a service account's key, \
                 or run `gcloud auth application-default login`",
            ),
        }
    }
}
