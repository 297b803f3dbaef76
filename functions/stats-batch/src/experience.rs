//! What the end of a task is worth: experience by its type times its difficulty, for the stat of its
//! type; of a failure a fifth, and at least one.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use platform::Env;
use serde::Deserialize;

use crate::points::Stat;

/// The type of all that are not named.
const OTHER: &str = "other";
const FAILURE: i64 = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Worth {
    /// Times the difficulty.
    pub experience: i64,
    pub stat: Stat,
}

pub struct Table(BTreeMap<String, Worth>);

const BUILT_IN: [(&str, i64, Stat); 7] = [
    ("research", 12, Stat::Memory),
    ("analysis", 12, Stat::Compute),
    ("coding", 15, Stat::Compute),
    ("support", 10, Stat::Empathy),
    ("coordination", 12, Stat::Leadership),
    ("review", 10, Stat::Ethics),
    (OTHER, 10, Stat::Compute),
];

impl Table {
    /// The built-in table, with what `TASK_EXPERIENCE` (JSON: `{"<type>": {"experience", "stat"}}`)
    /// adds to it or has instead.
    pub fn read(env: &Env) -> anyhow::Result<Self> {
        let built_in = BUILT_IN.into_iter();
        let mut table: BTreeMap<String, Worth> = built_in
            .map(|(name, experience, stat)| (name.to_owned(), Worth { experience, stat }))
            .collect();
        if let Some(json) = env.get("TASK_EXPERIENCE") {
            let own: BTreeMap<String, Worth> = serde_json::from_str(json).context(
                "TASK_EXPERIENCE is no table: write {\"support\": {\"experience\": 10, \"stat\": \"empathy\"}}",
            )?;
            table.extend(own);
        }
        for (name, worth) in &table {
            ensure!(
                (1..=1_000_000).contains(&worth.experience),
                "TASK_EXPERIENCE: the experience of {name:?} must be 1 to 1000000"
            );
        }
        Ok(Self(table))
    }

    /// The stat, and what is earned for it.
    pub fn worth(&self, task_type: &str, difficulty: i16, is_success: bool) -> (Stat, i64) {
        let worth = self.0.get(task_type).unwrap_or(&self.0[OTHER]);
        let experience = worth.experience * i64::from(difficulty);
        if is_success {
            (worth.stat, experience)
        } else {
            (worth.stat, (experience / FAILURE).max(1))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r11_experience_is_by_type_and_difficulty_and_the_table_can_be_another() {
        let table = Table::read(&Env::default()).unwrap();
        assert_eq!(table.worth("coding", 10, true), (Stat::Compute, 150));
        assert_eq!(table.worth("coding", 10, false), (Stat::Compute, 30));
        assert_eq!(table.worth("review", 1, true), (Stat::Ethics, 10));
        assert_eq!(table.worth("juggling", 3, true), (Stat::Compute, 30));

        let own = r#"{"juggling": {"experience": 2, "stat": "leadership"}, "review": {"experience": 1, "stat": "memory"}}"#;
        let table = Table::read(&Env::default().with("TASK_EXPERIENCE", own)).unwrap();
        assert_eq!(table.worth("juggling", 3, true), (Stat::Leadership, 6));
        assert_eq!(table.worth("review", 1, false), (Stat::Memory, 1));
        assert_eq!(table.worth("coding", 1, true), (Stat::Compute, 15));
        for bad in [
            "[]",
            "{\"a\": {\"experience\": 0, \"stat\": \"memory\"}}",
            "{\"a\": {\"experience\": 1, \"stat\": \"luck\"}}",
        ] {
            let error = Table::read(&Env::default().with("TASK_EXPERIENCE", bad))
                .map(drop)
                .unwrap_err();
            assert!(
                error.to_string().starts_with("TASK_EXPERIENCE"),
                "{error:#}"
            );
        }
    }
}
