//! What the log holds of a person or of a robeing: taken out, given out, left to expire.
//!
//! Whoever adds a table with somebody's column here adds it to [`COLUMNS`], and to the calls below
//! that it concerns; a test of `privacy` holds the list against the database.

pub mod erase;
pub mod expire;
pub mod export;
mod held;

use std::collections::BTreeMap;

use platform::Result;
use platform::auth::Names;
use platform::postgres::scoped::Scope;
use platform::postgres::types::{ToSql, Type};
use robeing::ROBEINGS;
use serde::{Deserialize, Serialize};
use tokio_postgres::Transaction;
use uuid::Uuid;

pub use held::{held, outlived};

/// Each column of the schema `conversation` that says whose a row is.
pub const COLUMNS: [(&str, &str); 17] = [
    ("conversation.log", "user_id"),
    ("conversation.log", "slack_user_id"),
    ("conversation.log", "robeing_id"),
    ("conversation.slack_user", "user_id"),
    ("conversation.slack_user", "slack_user_id"),
    ("conversation.dead_letter", "robeing_id"),
    ("conversation.placeholder", "robeing_id"),
    ("conversation.placeholder", "conversation"),
    ("conversation.thread", "robeing_id"),
    ("conversation.thread", "conversation"),
    ("conversation.activity", "robeing_id"),
    ("conversation.counted", "robeing_id"),
    ("conversation.intent", "robeing_id"),
    ("conversation.question", "robeing_id"),
    ("conversation.search_tail", "robeing_id"),
    ("conversation.search_segment", "robeing_id"),
    ("conversation.edited", "robeing_id"),
];

/// The condition under which a name of Slack is theirs, with [`Person::ids`] as $1 to $3: also one that
/// came since the ids were looked up.
const NAME_IS_THEIRS: &str =
    "(user_id = any ($1) or slack_user_id = any ($2) and user_id <> all ($3))";

/// The condition under which a dead letter is theirs, with the robeing, the ids as [`Whose::quoted`] and
/// the scope as $1 to $3. One that no robeing owns may still say whose it was to be.
const LETTER_IS_THEIRS: &str = "
    erased_at is null
    and ($3::text[] is null or robeing_id = any ($3))
    and (robeing_id = $1
         or robeing_id is null and body ->> 'robeing_id' = $1
         or exists (select from unnest($2::text[]) as id where position(id in lower(body::text)) > 0))";

/// How many rows each table lost, or gave.
pub type Counts = BTreeMap<String, u64>;

/// Whose rows, of which robeings.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Whose {
    pub subject: Subject,
    /// None: of all.
    pub robeings: Option<Vec<String>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    Person(Person),
    /// All it was told, by whomever, and all it said.
    Robeing(String),
}

/// All ids of one person.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Person {
    pub user_ids: Vec<Uuid>,
    pub slack_user_ids: Vec<String>,
    /// Who Slack calls the same in another team: not theirs.
    pub others: Vec<Uuid>,
}

impl Person {
    fn ids(&self) -> [(&(dyn ToSql + Sync), Type); 3] {
        [
            (&self.user_ids, Type::UUID_ARRAY),
            (&self.slack_user_ids, Type::TEXT_ARRAY),
            (&self.others, Type::UUID_ARRAY),
        ]
    }
}

/// Everything that these ids lead to must be read in one snapshot: an id that Slack's first event brings
/// in between would be taken for somebody else's.
impl Whose {
    pub fn robeing(robeing_id: String, robeings: &Names) -> Self {
        Self {
            subject: Subject::Robeing(robeing_id),
            robeings: only(robeings),
        }
    }

    /// Of the person who is called so here, by all names that Slack has for them.
    pub async fn user(db: &Transaction<'_>, user_id: Uuid, robeings: &Names) -> Result<Self> {
        let slack_user_ids = strings(
            db,
            "select distinct slack_user_id from conversation.slack_user where user_id = $1 order by 1",
            &user_id,
            Type::UUID,
        )
        .await?;
        Self::person(db, vec![user_id], slack_user_ids, robeings).await
    }

    /// Of whomever Slack calls so. Ids of two teams may be alike: give the `user_id` then.
    pub async fn slack_user(
        db: &Transaction<'_>,
        slack_user_id: String,
        robeings: &Names,
    ) -> Result<Self> {
        let rows = db
            .query_typed(
                "select distinct user_id from conversation.slack_user where slack_user_id = $1 order by 1",
                &[(&slack_user_id, Type::TEXT)],
            )
            .await?;
        let user_ids = rows
            .iter()
            .map(|row| row.try_get(0))
            .collect::<Result<Vec<Uuid>, _>>()?;
        let mut slack_user_ids = strings(
            db,
            "select distinct slack_user_id from conversation.slack_user where user_id = any ($1) order by 1",
            &user_ids,
            Type::UUID_ARRAY,
        )
        .await?;
        if !slack_user_ids.contains(&slack_user_id) {
            slack_user_ids.push(slack_user_id);
        }
        Self::person(db, user_ids, slack_user_ids, robeings).await
    }

    async fn person(
        db: &Transaction<'_>,
        user_ids: Vec<Uuid>,
        slack_user_ids: Vec<String>,
        robeings: &Names,
    ) -> Result<Self> {
        let rows = db
            .query_typed(
                "select distinct user_id
                 from conversation.slack_user
                 where slack_user_id = any ($1) and user_id <> all ($2)
                 order by 1",
                &[
                    (&slack_user_ids, Type::TEXT_ARRAY),
                    (&user_ids, Type::UUID_ARRAY),
                ],
            )
            .await?;
        let others = rows
            .iter()
            .map(|row| row.try_get(0))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            subject: Subject::Person(Person {
                user_ids,
                slack_user_ids,
                others,
            }),
            robeings: only(robeings),
        })
    }

    /// What a transaction on their behalf may see: no more than who asked for it.
    pub fn scope(&self) -> Scope {
        match &self.robeings {
            None => Scope::all(ROBEINGS),
            Some(names) => Scope::only(ROBEINGS, names.iter().map(String::as_str)),
        }
    }

    /// The ids as they stand in JSON, by which a dead letter is told.
    fn quoted(&self) -> Vec<String> {
        let Subject::Person(person) = &self.subject else {
            return Vec::new();
        };
        let users = person.user_ids.iter().map(|id| format!("\"{id}\""));
        let slack = person.slack_user_ids.iter();
        let slack = slack.map(|id| {
            serde_json::Value::from(id.as_str())
                .to_string()
                .to_lowercase()
        });
        users.chain(slack).collect()
    }
}

async fn strings(
    db: &Transaction<'_>,
    sql: &'static str,
    value: &(dyn ToSql + Sync),
    kind: Type,
) -> Result<Vec<String>> {
    let rows = db.query_typed(sql, &[(value, kind)]).await?;
    let texts = rows.iter().map(|row| row.try_get(0));
    Ok(texts.collect::<Result<_, _>>()?)
}

fn only(robeings: &Names) -> Option<Vec<String>> {
    match robeings {
        Names::All => None,
        Names::Only(names) => Some(names.clone()),
    }
}

/// The next rows of theirs after `after`, in the order of ids: those that say so themselves. With
/// `not_erased`, those of a robeing that hold something still.
async fn next_ids(
    db: &Transaction<'_>,
    whose: &Whose,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Uuid>, tokio_postgres::Error> {
    let rows = match &whose.subject {
        Subject::Person(person) => {
            db.query_typed(
                "select id
                 from conversation.log
                 where user_id = any ($1)
                   and id > $4
                   and ($5::text[] is null or robeing_id = any ($5))
                 union
                 select id
                 from conversation.log
                 where slack_user_id = any ($2)
                   and (user_id is null or user_id <> all ($3))
                   and id > $4
                   and ($5::text[] is null or robeing_id = any ($5))
                 order by id
                 limit $6",
                &[
                    (&person.user_ids, Type::UUID_ARRAY),
                    (&person.slack_user_ids, Type::TEXT_ARRAY),
                    (&person.others, Type::UUID_ARRAY),
                    (&after, Type::UUID),
                    (&whose.robeings, Type::TEXT_ARRAY),
                    (&limit, Type::INT8),
                ],
            )
            .await?
        }
        Subject::Robeing(robeing_id) => {
            db.query_typed(
                "select id
                 from conversation.log
                 where robeing_id = $1
                   and id > $2
                   and ($3::text[] is null or robeing_id = any ($3))
                   and erased_at is null
                 order by id
                 limit $4",
                &[
                    (robeing_id, Type::TEXT),
                    (&after, Type::UUID),
                    (&whose.robeings, Type::TEXT_ARRAY),
                    (&limit, Type::INT8),
                ],
            )
            .await?
        }
    };
    rows.iter().map(|row| row.try_get(0)).collect()
}

/// What answers them and says of nobody else that it is theirs: it may repeat what they said.
async fn answers_to(
    db: &Transaction<'_>,
    whose: &Whose,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, Uuid)>, tokio_postgres::Error> {
    let rows = db
        .query_typed(
            "select asked.id as reply_to, answer.id
             from conversation.log as answer
             join conversation.log as asked
                 on asked.id = answer.reply_to and asked.robeing_id = answer.robeing_id
             where answer.reply_to = any ($1)
               and answer.user_id is null
               and answer.slack_user_id is null
               and answer.erased_at is null
               and ($2::text[] is null or answer.robeing_id = any ($2))
             order by asked.id, answer.id",
            &[
                (&ids, Type::UUID_ARRAY),
                (&whose.robeings, Type::TEXT_ARRAY),
            ],
        )
        .await?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect()
}
