//! `/api/me`: the person who is signed in, what they choose, and tokens in their name.

use axum::extract::State;
use http::HeaderMap;
use jiff::Timestamp;
use people::Actor;
use people::person::{Person, Preferences};
use platform::auth::{Role, Scope};
use platform::serve::ClientAddress;
use platform::time_zone::Zone;
use platform::{Caller, Error, Json, Result};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{SignIn, cookie_of};

/// The longest tag of a language, in characters.
const LONGEST_TAG: usize = 35;

/// The person who calls.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Me {
    user_id: Uuid,
    email: Option<String>,
    name: Option<String>,
    /// The URL of a picture.
    picture: Option<String>,
    role: Role,
    /// The names per kind: `{"robeings": ["sales"], "datasets": ["*"]}`. The kind `*` stands for all that are not listed.
    #[schema(value_type = Object)]
    scope: Scope,
    /// A BCP 47 tag.
    language: Option<String>,
    /// A name of the IANA database, or an offset.
    time_zone: Option<String>,
}

impl From<Person> for Me {
    fn from(person: Person) -> Self {
        Self {
            user_id: person.id,
            email: person.email,
            name: person.name,
            picture: person.picture,
            role: person.role,
            scope: person.scope,
            language: person.language,
            time_zone: person.time_zone,
        }
    }
}

/// What to change. What is missing or null stays.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// A BCP 47 tag: `ko`, `en-GB`, `zh-Hant-TW`.
    language: Option<String>,
    /// A name of the IANA database, or an offset: `Asia/Seoul`, `+09:00`.
    time_zone: Option<String>,
}

/// A token that acts as the person.
#[derive(Serialize, utoipa::ToSchema)]
pub struct OwnToken {
    /// For `Authorization: Bearer`. It is not shown again.
    token: String,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Read who you are
#[utoipa::path(
    get,
    path = "/api/me",
    tag = "sign-in",
    operation_id = "read_me",
    responses(
        (status = 200, description = "the person", body = Me),
        (status = 403, description = "the caller is a service"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn read(State(sign_in): State<SignIn>, caller: Caller) -> Result<Json<Me>> {
    let person = sign_in.people.person(&Scope::all(), id(&caller)?).await?;
    Ok(Json(person.into()))
}

/// Choose your language and time zone
#[utoipa::path(
    patch,
    path = "/api/me",
    tag = "sign-in",
    operation_id = "change_me",
    request_body = Choice,
    responses(
        (status = 200, description = "the person", body = Me),
        (status = 400, description = "the language or the time zone is not valid"),
        (status = 403, description = "the caller is a service, or the request may come from a page of another origin"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn change(
    State(sign_in): State<SignIn>,
    caller: Caller,
    Json(choice): Json<Choice>,
) -> Result<Json<Me>> {
    let id = id(&caller)?;
    let language = choice.language.map(|tag| canonical(&tag)).transpose()?;
    let zone = choice.time_zone;
    let zone = zone.map(|name| Zone::of_parameter("time_zone", &name));
    let zone = zone.transpose()?;
    let preferences = Preferences {
        language,
        time_zone: zone.map(|zone| zone.name().to_owned()),
    };
    let person = sign_in.people.prefer(id, &preferences).await?;
    Ok(Json(person.into()))
}

/// Create a token in your name
///
/// For programs that you run: it has your role and scope for an hour, and ends with this sign-in. A sign-in has at most
/// 10 such tokens: a further one ends the oldest.
#[utoipa::path(
    post,
    path = "/api/me/token",
    tag = "sign-in",
    operation_id = "create_own_token",
    responses(
        (status = 200, description = "the token, which is not shown again", body = OwnToken),
        (status = 401, description = "there is no cookie of a sign-in, or there are other credentials beside it"),
        (status = 403, description = "the request may come from a page of another origin"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn token(
    State(sign_in): State<SignIn>,
    caller: Caller,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
) -> Result<Json<OwnToken>> {
    let cookie = cookie_of(&headers)?.ok_or_else(|| {
        Error::Unauthenticated(
            "only the cookie of a sign-in gives a token: send it without `Authorization`"
                .to_owned(),
        )
    })?;
    let actor = Actor::of(&caller, address);
    let (token, expires_at) = sign_in.people.token_of_person(cookie, &actor).await?;
    Ok(Json(OwnToken { token, expires_at }))
}

fn id(caller: &Caller) -> Result<Uuid> {
    caller.person().ok_or_else(|| {
        Error::Forbidden("this is for people, and the caller is a service".to_owned())
    })
}

/// A tag in the usual case: `zh-Hant-TW`.
fn canonical(tag: &str) -> Result<String> {
    let invalid =
        || Error::Invalid("language: use a BCP 47 tag, such as `ko` or `en-GB`".to_owned());
    let mut parts = tag.split('-');
    let language = parts.next().unwrap_or_default();
    let is_language =
        matches!(language.len(), 2..=3) && language.bytes().all(|it| it.is_ascii_alphabetic());
    if !is_language || tag.len() > LONGEST_TAG {
        return Err(invalid());
    }
    let mut canonical = language.to_ascii_lowercase();
    let mut is_extension = false;
    for part in parts {
        let is_part =
            matches!(part.len(), 1..=8) && part.bytes().all(|it| it.is_ascii_alphanumeric());
        if !is_part {
            return Err(invalid());
        }
        is_extension |= part.len() == 1;
        canonical.push('-');
        match part.len() {
            2 if !is_extension => canonical.push_str(&part.to_ascii_uppercase()),
            4 if !is_extension && part.bytes().all(|it| it.is_ascii_alphabetic()) => {
                canonical.push_str(&part[..1].to_ascii_uppercase());
                canonical.push_str(&part[1..].to_ascii_lowercase());
            }
            _ => canonical.push_str(&part.to_ascii_lowercase()),
        }
    }
    // An extension needs a value.
    let ends_open = canonical
        .rsplit('-')
        .next()
        .is_some_and(|last| last.len() == 1);
    if ends_open {
        Err(invalid())
    } else {
        Ok(canonical)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_a_bcp_47_tag_in_its_usual_case() {
        for (tag, expected) in [
            ("ko", "ko"),
            ("EN-gb", "en-GB"),
            ("zh-hant-tw", "zh-Hant-TW"),
            ("es-419", "es-419"),
            ("de-1996", "de-1996"),
            ("en-US-u-ca-gregory", "en-US-u-ca-gregory"),
            ("fil", "fil"),
        ] {
            assert_eq!(canonical(tag).unwrap(), expected);
        }
        let too_long = format!("en-{}", ["abcdefgh"; 5].join("-"));
        for tag in [
            "",
            "k",
            "korean",
            "ko_KR",
            "ko-",
            "-ko",
            "ko--KR",
            "ko-k\u{0}",
            "한국어",
            "en-u",
            &too_long,
        ] {
            assert!(canonical(tag).is_err(), "{tag}");
        }
    }
}
