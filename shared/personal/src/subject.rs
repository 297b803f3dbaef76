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
    /// Whether the scope of the caller is everything, and not only every robeing.
    #[serde(default)]
    pub everything: bool,
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
    /// The Slack ids that other people have as well. A row with no other id may be theirs.
    #[serde(default)]
    pub shared_slack_user_ids: Vec<String>,
    /// The user id of all rows with a Slack id that no event of Slack has shown, if it is one.
    #[serde(default)]
    pub paired_user_ids: Vec<Uuid>,
    /// Further user ids that rows with the Slack ids have. Those rows may be in exports of these people.
    #[serde(default)]
    pub other_user_ids: Vec<Uuid>,
    /// The Slack ids with each team or enterprise in which they are the person's, such as `T0123ABCD:U0123ABCD`. A
    /// Slack id without one here is meant in any team.
    #[serde(default)]
    pub slack_names: Vec<String>,
}

/// What is to be done with rows that don't say for certain whose they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Rows that may be the person's are erased too: nothing of the person may be left.
    Erase,
    /// Rows that may be another person's are left out: an export is given to somebody.
    Export,
}

impl Purpose {
    /// The condition under which a row with a Slack id of the person is taken, with [`Person::values`] as $1 to $5.
    pub fn condition(self) -> &'static str {
        match self {
            Self::Erase => "slack_user_id = any ($2) and (user_id is null or user_id <> all ($3))",
            Self::Export => {
                "slack_user_id = any ($2) and slack_user_id <> all ($4)
                 and (user_id is null or user_id = any ($5))"
            }
        }
    }
}

impl Person {
    /// Adds further user ids that rows with the Slack ids have. A person whom only agents have named is known to be one
    /// if there is one.
    pub fn add_other_user_ids(&mut self, ids: Vec<Uuid>) {
        self.other_user_ids.extend(ids);
        self.other_user_ids.sort_unstable();
        self.other_user_ids.dedup();
        if !self.user_ids.is_empty() {
            return;
        }
        if self.other_user_ids.len() > 1 {
            self.paired_user_ids.clear();
            self.shared_slack_user_ids.clone_from(&self.slack_user_ids);
        } else {
            self.paired_user_ids.clone_from(&self.other_user_ids);
        }
    }

    /// The ids as five values of a statement: users, Slack users, namesakes, shared Slack users, and paired users.
    pub fn values(&self) -> [(&(dyn ToSql + Sync), Type); 5] {
        let [users, slack_users, namesakes] = self.names();
        [
            users,
            slack_users,
            namesakes,
            (&self.shared_slack_user_ids, Type::TEXT_ARRAY),
            (&self.paired_user_ids, Type::UUID_ARRAY),
        ]
    }

    /// The ids as three values of a statement: users, Slack users, and namesakes.
    pub fn names(&self) -> [(&(dyn ToSql + Sync), Type); 3] {
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
    ///
    /// For an export without the Slack ids that other people have as well.
    pub fn id_patterns(&self, purpose: Purpose) -> Vec<String> {
        let Identity::Person(person) = &self.identity else {
            return Vec::new();
        };
        let users = person.user_ids.iter();
        let users = users.map(|id| id.to_string().replace('-', "-?"));
        let is_taken =
            |id: &&String| purpose == Purpose::Erase || !person.shared_slack_user_ids.contains(id);
        let slack_users = person.slack_user_ids.iter().filter(is_taken).map(|id| {
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
