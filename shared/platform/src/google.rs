//! Access tokens for Google's services, such as the bucket and the warehouse.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anyhow::Context as _;
use gcp_auth::{CustomServiceAccount, MetadataServiceAccount, TokenProvider};
use serde::Deserialize;
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
    /// The application default credentials of a person, or `gcloud`. Google charges a person's calls to a project,
    /// which the credentials name.
    Person {
        quota_project: Arc<OnceLock<Option<String>>>,
        /// `HOME`, below which gcloud stores the credentials.
        home: Option<PathBuf>,
    },
}

/// The header that names the project whose quota a call uses.
pub const QUOTA_PROJECT: &str = "x-goog-user-project";

impl Google {
    pub fn new(env: &Env) -> Self {
        let source = match env.get("GOOGLE_APPLICATION_CREDENTIALS") {
            Some(file) => Source::Key(file.to_owned()),
            None if env.get("K_SERVICE").is_some() => Source::CloudRun,
            None => Source::Person {
                quota_project: Arc::new(match env.get("GOOGLE_CLOUD_QUOTA_PROJECT") {
                    Some(project) => OnceLock::from(Some(project.to_owned())),
                    None => OnceLock::new(),
                }),
                home: env.get("HOME").map(PathBuf::from),
            },
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

    /// The project whose quota the calls of a person use, for the header [`QUOTA_PROJECT`]. Service accounts use that
    /// of their own project.
    pub fn quota_project(&self) -> Option<&str> {
        match &self.source {
            Source::Key(_) | Source::CloudRun => None,
            Source::Person {
                quota_project,
                home,
            } => quota_project
                .get_or_init(|| home.as_deref().and_then(quota_project_in))
                .as_deref(),
        }
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
            Source::Person { .. } => gcp_auth::provider().await.context(
                "no Google login: set GOOGLE_APPLICATION_CREDENTIALS to the key file of a service \
                 account, or run `gcloud auth application-default login`",
            ),
        }
    }
}

/// The quota project in the application default credentials.
fn quota_project_in(home: &Path) -> Option<String> {
    #[derive(Deserialize)]
    struct Credentials {
        quota_project_id: Option<String>,
    }
    let file = home.join(".config/gcloud/application_default_credentials.json");
    let text = std::fs::read(file).ok()?;
    let credentials: Credentials = serde_json::from_slice(&text).ok()?;
    credentials.quota_project_id.filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(credentials: &str) -> (tempfile::TempDir, Env) {
        let home = tempfile::tempdir().expect("a temporary folder");
        let folder = home.path().join(".config/gcloud");
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(
            folder.join("application_default_credentials.json"),
            credentials,
        )
        .expect("a file");
        let env = Env::default().with("HOME", home.path().display().to_string());
        (home, env)
    }

    #[test]
    fn the_quota_project_of_a_person_is_that_of_the_credentials_unless_a_variable_names_one() {
        let (_home, env) = home(r#"{"type": "authorized_user", "quota_project_id": "shop"}"#);
        assert_eq!(Google::new(&env).quota_project(), Some("shop"));
        let given = env.clone().with("GOOGLE_CLOUD_QUOTA_PROJECT", "other");
        assert_eq!(Google::new(&given).quota_project(), Some("other"));

        let (_home, without) = home(r#"{"type": "authorized_user"}"#);
        assert_eq!(Google::new(&without).quota_project(), None);
        assert_eq!(Google::new(&Env::default()).quota_project(), None);
    }

    #[test]
    fn a_service_account_uses_the_quota_of_its_own_project() {
        let (_home, env) = home(r#"{"quota_project_id": "shop"}"#);
        let key = env
            .clone()
            .with("GOOGLE_APPLICATION_CREDENTIALS", "/key.json");
        assert_eq!(Google::new(&key).quota_project(), None);
        assert_eq!(
            Google::new(&env.with("K_SERVICE", "settings")).quota_project(),
            None
        );
    }
}
