//! A property test: after any sequence of changes, derived data equals a rebuild from the remaining messages.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use super::{delete, edit, patterns, question, questions, start, ts, word};
use crate::common::Fixture;

const PEOPLE: [&str; 3] = ["U0KIM", "U0LEE", "U0PARK"];
const ROBEINGS: [&str; 2] = ["sales", "r2"];

#[derive(Clone, Debug)]
enum Step {
    Say {
        person: usize,
        robeing: usize,
        days_ago: i64,
        intent: bool,
    },
    Edit(prop::sample::Index),
    Delete(prop::sample::Index),
    RollUp,
    Erase(usize),
    /// Expires the messages of a robeing that are more than a day old.
    Expire(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<prop::sample::Index>();
    prop_oneof![
        6 => (0..PEOPLE.len(), 0..ROBEINGS.len(), prop_oneof![Just(0_i64), Just(3)], any::<bool>())
            .prop_map(|(person, robeing, days_ago, intent)| Step::Say { person, robeing, days_ago, intent }),
        3 => index.prop_map(Step::Edit),
        2 => any::<prop::sample::Index>().prop_map(Step::Delete),
        3 => Just(Step::RollUp),
        1 => (0..PEOPLE.len()).prop_map(Step::Erase),
        1 => (0..ROBEINGS.len()).prop_map(Step::Expire),
    ]
}

/// The expected state of a message.
struct Message {
    ts: String,
    person: usize,
    robeing: usize,
    days_ago: i64,
    /// The word in its question; none once the message is gone.
    word: Option<String>,
    intent: Option<String>,
}

#[derive(Default)]
struct Story {
    said: Vec<Message>,
    words: usize,
    gone: BTreeSet<String>,
}

impl Story {
    fn word(&mut self) -> String {
        self.words += 1;
        word(self.words)
    }

    /// One of the messages from Slack, which go to the first robeing.
    fn in_slack(&mut self, index: &prop::sample::Index) -> Option<&mut Message> {
        let mut said: Vec<&mut Message> =
            self.said.iter_mut().filter(|it| it.robeing == 0).collect();
        let count = said.len();
        (count > 0).then(|| said.swap_remove(index.index(count)))
    }

    async fn play(&mut self, it: &Fixture, step: &Step) {
        match step {
            Step::Say {
                person,
                robeing,
                days_ago,
                intent,
            } => {
                let word = self.word();
                let ts = ts(*days_ago, self.words);
                let intent = intent.then(|| self.word());
                let mut message = json!({
                    "robeing_id": ROBEINGS[*robeing], "channel_id": "C1", "slack_ts": ts,
                    "slack_user_id": PEOPLE[*person], "message": question(&word),
                });
                message["intent"] = json!(intent);
                it.stored(message).await;
                self.said.push(Message {
                    ts,
                    person: *person,
                    robeing: *robeing,
                    days_ago: *days_ago,
                    word: Some(word),
                    intent,
                });
            }
            Step::Edit(index) => {
                let word = self.word();
                let n = self.words;
                let Some(said) = self.in_slack(index) else {
                    return;
                };
                edit(it, &said.ts, PEOPLE[said.person], &question(&word), n).await;
                let gone = match &mut said.word {
                    Some(before) => std::mem::replace(before, word),
                    None => word,
                };
                self.gone.insert(gone);
            }
            Step::Delete(index) => {
                let Some(said) = self.in_slack(index) else {
                    return;
                };
                delete(it, &said.ts).await;
                let gone = [said.word.take(), said.intent.take()];
                self.gone.extend(gone.into_iter().flatten());
            }
            Step::RollUp => it.roll_up().await,
            Step::Erase(person) => {
                let subject = json!({"slack_user_id": PEOPLE[*person]});
                let reply = it.app.post("/v1/erasures", subject).await;
                assert!([200, 404].contains(&reply.status.as_u16()), "{reply:?}");
                for said in self.said.iter_mut().filter(|it| it.person == *person) {
                    self.gone.extend(said.word.take());
                    self.gone.extend(said.intent.take());
                }
            }
            Step::Expire(robeing) => {
                // Messages expire only after their roll-up.
                it.roll_up().await;
                let days = format!(
                    "insert into robeing.settings (id, robeing_id, system_settings, system_revision)
                     values (gen_random_uuid(), '{}', '{{\"memory_ttl_days\": 1}}', 1)
                     on conflict (robeing_id) do nothing",
                    ROBEINGS[*robeing]
                );
                it.database.run(&days).await;
                it.run().await;
                it.database.run("delete from robeing.settings").await;
                let old = |said: &&mut Message| said.robeing == *robeing && said.days_ago > 1;
                for said in self.said.iter_mut().filter(old) {
                    self.gone.extend(said.word.take());
                    self.gone.extend(said.intent.take());
                }
                self.said
                    .retain(|said| said.robeing != *robeing || said.days_ago <= 1);
            }
        }
    }

    async fn verify(&self, it: &Fixture) {
        it.roll_up().await;
        let dump = it.database.dump().await;
        for word in &self.gone {
            assert!(!dump.contains(word.as_str()), "{word} is still there");
        }
        for (place, robeing) in ROBEINGS.iter().enumerate() {
            let alive = || self.said.iter().filter(|said| said.robeing == place);
            let words: BTreeMap<String, i64> = alive()
                .filter_map(|said| said.word.as_ref())
                .map(|word| (format!("where is the {word}"), 1))
                .collect();
            assert_eq!(questions(it, robeing).await, words, "{robeing}");
            let intents: BTreeSet<&str> =
                alive().filter_map(|said| said.intent.as_deref()).collect();
            let patterns = patterns(it, robeing).await;
            let list = patterns["intents"].as_array().expect("a list").iter();
            let counted: BTreeSet<&str> = list
                .map(|it| it["intent"].as_str().expect("a name"))
                .collect();
            assert_eq!(counted, intents, "{robeing}");
            for said in alive() {
                if let Some(word) = &said.word {
                    let path = format!("/v1/robeings/{robeing}/search?q={word}");
                    let found = it.log.get(&path).await.json();
                    assert_eq!(found["items"].as_array().map(Vec::len), Some(1), "{word}");
                }
            }
        }
    }
}

/// The rows that patterns are computed from, except the counts of messages.
async fn derived(it: &Fixture) -> String {
    let client = it.database.client().await;
    let mut text = String::new();
    for table in ["question", "intent", "counted"] {
        let sql = format!(
            "select coalesce(string_agg(row::text, e'\n' order by row::text), '') from conversation.{table} as row"
        );
        text += client
            .query_typed_one(&sql, &[])
            .await
            .expect("rows")
            .get(0);
        text.push('\n');
    }
    text
}

#[test]
fn derived_data_equals_a_rebuild_from_the_remaining_messages_after_any_sequence_of_changes() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let cases = Config {
        cases: 6,
        max_shrink_iters: 10,
        failure_persistence: None,
        ..Config::default()
    };
    let result = TestRunner::new(cases).run(&prop::collection::vec(step(), 8..24), |steps| {
        runtime.block_on(async {
            let it = start().await;
            let mut story = Story::default();
            for step in &steps {
                story.play(&it, step).await;
            }
            story.verify(&it).await;
            let updated = derived(&it).await;
            // A restore into another cluster causes a rebuild.
            it.database
                .run("update conversation.watermark set cluster = 1 where name = 'message-log'")
                .await;
            it.roll_up().await;
            assert_eq!(updated, derived(&it).await);
        });
        Ok(())
    });
    result.expect("derived data equals a rebuild");
}
