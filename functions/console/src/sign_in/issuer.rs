//! The issuer: where people are sent to sign in, and who they are when they come back.

use anyhow::anyhow;
use oauth2::basic::{
    BasicErrorResponse, BasicErrorResponseType, BasicRevocationErrorResponse,
    BasicTokenIntrospectionResponse, BasicTokenType,
};
use oauth2::{
    AuthType, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet,
    ExtraTokenFields, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope,
    StandardRevocableToken, StandardTokenResponse, TokenResponse as _,
};
use people::policy::Identity;
use platform::auth::IdTokens;
use platform::secrets::Rotating;
use platform::{Error, Resources, Result, Secret};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;
use url::Url;

use super::configuration::Configuration;
use super::discovery::{Discovery, Endpoints};
use super::http::{Bounded, Failed};
use super::identity;
use super::login::Login;
use super::user_info;

/// The random bytes of a state and of a nonce.
const RANDOM_BYTES: u32 = 32;
const SCOPES: [&str; 3] = ["openid", "email", "profile"];

type Client = oauth2::Client<
    BasicErrorResponse,
    Tokens,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;
type Tokens = StandardTokenResponse<WithIdToken, BasicTokenType>;

#[derive(Debug, Deserialize, Serialize)]
struct WithIdToken {
    id_token: Option<String>,
}

impl ExtraTokenFields for WithIdToken {}

/// A person whom a verified ID token names.
pub struct Identified {
    pub identity: Identity,
    /// What the issuer signed. The token without its signature, of which there may be several for the same content.
    pub signed: String,
    /// In seconds since 1970.
    pub issued_at: Option<u64>,
}

/// The configured issuer.
pub struct Issuer {
    configuration: Configuration,
    secret: Rotating<Option<Secret>>,
    http: Bounded,
    discovery: Discovery,
    id_tokens: IdTokens,
}

impl Issuer {
    pub fn open(resources: &Resources, configuration: Configuration) -> anyhow::Result<Self> {
        let http = Bounded(resources.http()?);
        let issuer = &configuration.issuer;
        Ok(Self {
            secret: resources.rotating(|env| Ok(env.secret("SIGN_IN_CLIENT_SECRET")))?,
            discovery: Discovery::new(http.clone(), resources.clock().clone(), issuer)?,
            id_tokens: IdTokens::new(
                resources,
                "SIGN_IN_ISSUER",
                issuer,
                &configuration.client_id,
            )?,
            http,
            configuration,
        })
    }

    pub fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// The endpoints of the issuer.
    ///
    /// # Errors
    /// `Unavailable` if it has not said them for a day.
    pub async fn endpoints(&self) -> Result<Endpoints> {
        self.discovery.endpoints().await
    }

    /// A new login, and the address of the issuer that continues it.
    ///
    /// # Errors
    /// `Unavailable` if the issuer can't be reached.
    pub async fn begin(&self, return_to: &str, now: u64) -> Result<(Login, Url)> {
        let endpoints = self.endpoints().await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let nonce = CsrfToken::new_random_len(RANDOM_BYTES).into_secret();
        let state = || CsrfToken::new_random_len(RANDOM_BYTES);
        let client = self.client(&endpoints)?;
        let request = client
            .authorize_url(state)
            .add_scopes(SCOPES.map(|scope| Scope::new(scope.to_owned())))
            .add_extra_param("nonce", &nonce)
            .set_pkce_challenge(challenge);
        let (url, state) = request.url();
        let login = Login {
            state: state.into_secret(),
            nonce,
            verifier: verifier.into_secret(),
            issuer: self.configuration.issuer.clone(),
            return_to: return_to.to_owned(),
            at: now,
        };
        Ok((login, url))
    }

    /// Checks that the person comes back from the issuer to which the login sent them (RFC 9207). `named` is the issuer
    /// that sent them back, if it says.
    ///
    /// # Errors
    /// `Invalid` if it is another one.
    pub fn check(&self, endpoints: &Endpoints, login: &Login, named: Option<&str>) -> Result<()> {
        let own = &self.configuration.issuer;
        let is_named = match named {
            Some(named) => named == own,
            None => !endpoints.names_itself,
        };
        if is_named && login.issuer == *own {
            return Ok(());
        }
        Err(Error::Invalid(
            "another issuer sent this browser back: sign in again".to_owned(),
        ))
    }

    /// The person for whom the issuer created the code.
    ///
    /// # Errors
    /// `Unauthenticated` if the code or the ID token is not valid, `Unavailable` if the issuer can't be reached.
    pub async fn redeem(
        &self,
        endpoints: &Endpoints,
        code: &str,
        login: &Login,
    ) -> Result<Identified> {
        let tokens = self
            .client(endpoints)?
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(login.verifier.clone()))
            .request_async(&self.http)
            .await
            .map_err(|error| self.translate(error))?;
        let id_token = tokens.extra_fields().id_token.as_deref();
        let id_token = id_token
            .ok_or_else(|| unavailable(anyhow!("the token endpoint sent no `id_token`")))?;
        let mut claims = self.id_tokens.verify(id_token).await?;
        let nonce = claims.get("nonce").and_then(Value::as_str);
        let nonce = nonce.unwrap_or_default().as_bytes();
        if !bool::from(nonce.ct_eq(login.nonce.as_bytes())) {
            return Err(Error::Unauthenticated(
                "the ID token is of another login: sign in again".to_owned(),
            ));
        }
        if let Some(url) = &endpoints.user_info
            && !claims.contains_key("email")
        {
            user_info::add(&self.http, url, tokens.access_token(), &mut claims).await?;
        }
        self.identified(id_token, &claims)
    }

    /// The person for whom the issuer created an ID token that did not come from the token endpoint.
    ///
    /// # Errors
    /// `Unauthenticated` if it is not valid, `Unavailable` if the issuer can't be reached.
    pub async fn identify(&self, id_token: &str) -> Result<Identified> {
        let claims = self.id_tokens.verify(id_token).await?;
        self.identified(id_token, &claims)
    }

    fn identified(&self, id_token: &str, claims: &Map<String, Value>) -> Result<Identified> {
        let (signed, _) = id_token.rsplit_once('.').unwrap_or_default();
        Ok(Identified {
            identity: identity::of_claims(&self.configuration.issuer, claims)?,
            signed: signed.to_owned(),
            issued_at: claims.get("iat").and_then(Value::as_u64),
        })
    }

    fn client(&self, endpoints: &Endpoints) -> Result<Client> {
        let configuration = &self.configuration;
        let client_id = ClientId::new(configuration.client_id.clone());
        let mut client = oauth2::Client::new(client_id)
            .set_auth_uri(endpoints.authorization.clone())
            .set_token_uri(endpoints.token.clone())
            .set_redirect_uri(RedirectUrl::from_url(configuration.callback.clone()));
        // A client without a secret is public, and says its id in the body.
        if let Some(secret) = &*self.secret.current() {
            let method = match endpoints {
                Endpoints {
                    accepts_basic: true,
                    ..
                } => AuthType::BasicAuth,
                Endpoints {
                    accepts_post: true, ..
                } => AuthType::RequestBody,
                _ => {
                    return Err(unavailable(anyhow!(
                        "the issuer accepts SIGN_IN_CLIENT_SECRET neither by client_secret_basic nor by \
                         client_secret_post: register the client with one of these methods"
                    )));
                }
            };
            client = client
                .set_auth_type(method)
                .set_client_secret(ClientSecret::new(secret.expose().to_owned()));
        }
        Ok(client)
    }

    /// The texts of the issuer are never shown nor logged: they may have anything.
    fn translate(&self, error: RequestTokenError<Failed, BasicErrorResponse>) -> Error {
        use BasicErrorResponseType::{Extension, InvalidGrant};
        match error {
            RequestTokenError::ServerResponse(answer) => match answer.error() {
                InvalidGrant => Error::Unauthenticated(
                    "the issuer doesn't accept this login, or accepted it before: sign in again"
                        .to_owned(),
                ),
                other => {
                    let reason = match other {
                        Extension(_) => "an unknown error",
                        known => known.as_ref(),
                    };
                    unavailable(anyhow!(
                        "the token endpoint returned {reason}: check that SIGN_IN_CLIENT_ID and SIGN_IN_CLIENT_SECRET \
                         are those of the client, and that {} is registered for it",
                        self.configuration.callback
                    ))
                }
            },
            RequestTokenError::Request(failed) => {
                unavailable(anyhow::Error::new(failed).context("the token endpoint"))
            }
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
                unavailable(anyhow!("the token endpoint sent an unexpected response"))
            }
        }
    }
}

fn unavailable(cause: anyhow::Error) -> Error {
    Error::unavailable(
        "the issuer can't complete sign-ins now: try again later",
        cause,
    )
}
