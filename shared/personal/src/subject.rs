//! Whom a request is about, and in which robeings.

use platform::postgres::scoped::Scope;
use platform::postgres::types::{ToSql, Type};
use robeing::ROBEINGS;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// A person or a robeing, in the robeings that a request reaches.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Subject {
    pub identity: Identity,
    /// None: in all robeings.
    pub robeings: Option<Vec<String>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    Person(Person),
    /// A robeing: everything that anybody told it, and everything that it said.
    Robeing(String),
}

/// All ids of one person.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Person {
    pub user_ids: Vec<Uuid>,
    pub slack_user_ids: Vec<String>,
    /// Other people who have one of the Slack ids, in another team.
    pub namesakes: Vec<Uuid>,
}

impl Person {
    /// The ids as three values of a statement: users, Slack users, and namesakes.
    pub fn values(&self) -> [(&(dyn ToSql + Sync), Type); 3] {
        [
            (&self.user_ids, Type::UUID_ARRAY),
            (&self.slack_user_ids, Type::TEXT_ARRAY),
            (&self.namesakes, Type::UUID_ARRAY),
        ]
    }
}

impl Subject {
    pub fn person(&self) -> Option<&Person> {
        match &self.identity {
            Identity::Person(person) => Some(person),
            Identity::Robeing(_) => None,
        }
    }

    pub fn robeing(&self) -> Option<&String> {
        match &self.identity {
            Identity::Person(_) => None,
            Identity::Robeing(robeing_id) => Some(robeing_id),
        }
    }

    /// The robeing that is the subject, if the request reaches it.
    pub fn robeing_in_reach(&self) -> Option<&String> {
        let reaches = |robeing_id: &&String| match &self.robeings {
            None => true,
            Some(names) => names.contains(robeing_id),
        };
        self.robeing().filter(reaches)
    }

    /// What a transaction on behalf of the request sees: no more than the caller who made it.
    pub fn scope(&self) -> Scope {
        match &self.robeings {
            None => Scope::all(ROBEINGS),
            Some(names) => Scope::only(ROBEINGS, names.iter().map(String::as_str)),
        }
    }

    /// Regular expressions that find the ids of a person in the text of a JSON value in lower case: a user id
    /// in each of its spellings, a Slack id as a whole string, and either as a word of a value that is one
    /// text, such as a body that is no JSON.
    pub fn id_patterns(&self) -> Vec<String> {
        let Identity::Person(person) = &self.identity else {
            return Vec::new();
        };
        let users = person.user_ids.iter();
        let users = users.map(|id| id.to_string().replace('-', "-?"));
        let slack_users = person.slack_user_ids.iter().map(|id| {
            let quoted = Value::from(id.as_str()).to_string().to_lowercase();
            let id = escaped(&quoted[1..quoted.len() - 1]);
            format!(r#""{id}\\?"|^"(.*[^[:alnum:]_])?{id}([^[:alnum:]_]|$)"#)
        });
        users.chain(slack_users).collect()
    }
}

/// A text as a regular expression that matches it alone.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_ascii_punctuation() {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}
