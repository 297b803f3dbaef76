//! Access tokens for Google's services, such as the bucket and the warehouse.

use std::sync::Arc;

use anyhow::Context as _;
use gcp_auth::{CustomServiceAccount, MetadataServiceAccount, TokenProvider};
use tokio::sync::OnceCell;

use crate::{Env, Secret};

/// The Google identity of this process. It is looked up at the first call, so that startup reads no file
/// and calls no server. Clones share it and its tokens.
#[derive(Clone)]
pub struct Google {
    source: Source,
    provider: Arc<OnceCell<Arc<dyn TokenProvider>>>,
}

#[derive(Clone)]
enum Source {
    /// The key of a service account, in the file that `GOOGLE_APPLICATION_CREDENTIALS` names.
    Key(String),
    /// The metadata server of Cloud Run.
    CloudRun,
    /// The application default credentials of a person, or `gcloud`.
    Person,
}

impl Google {
    pub fn new(env: &Env) -> Self {
        let source = match env.get("GOOGLE_APPLICATION_CREDENTIALS") {
            Some(file) => Source::Key(file.to_owned()),
            None if env.get("K_SERVICE").is_some() => Source::CloudRun,
            None => Source::Person,
        };
        Self {
            source,
            provider: Arc::default(),
        }
    }

    /// An access token with these scopes, for `Authorization: Bearer`.
    ///
    /// # Errors
    /// A [`gcp_auth::Error`], with what was tried.
    pub async fn token(&self, scopes: &[&str]) -> anyhow::Result<Secret> {
        let provider = self.provider.get_or_try_init(|| self.provider()).await?;
        let token = provider.token(scopes).await;
        let token = token.context("Google returns no access token")?;
        Ok(Secret::new(token.as_str()))
    }

    async fn provider(&self) -> anyhow::Result<Arc<dyn TokenProvider>> {
        match &self.source {
            Source::Key(file) => {
                let account = CustomServiceAccount::from_file(file).with_context(|| {
                    format!("GOOGLE_APPLICATION_CREDENTIALS: {file:?} is not the key of a service account")
                })?;
                Ok(Arc::new(account))
            }
            Source::CloudRun => {
                let account = MetadataServiceAccount::new().await;
                Ok(Arc::new(
                    account.context("the metadata server has no service account")?,
                ))
            }
            Source::Person => gcp_auth::provider().await.context(
                "no Google login: set GOOGLE_APPLICATION_CREDENTIALS to the key file of a service \
                 account, or run `gcloud auth application-default login`",
            ),
        }
    }
}
