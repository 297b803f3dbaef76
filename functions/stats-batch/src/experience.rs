//! The experience that a task earns: a value per task type, multiplied by the difficulty, for the stat of the type. A
//! failed task earns a fifth of it, and at least 1.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use platform::Env;
use serde::Deserialize;

use crate::points::Stat;

/// The type whose value applies to all other types.
const OTHER: &str = "other";
/// A failed task earns one part in this many.
const FAILURE_PARTS: i64 = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskValue {
    /// Experience per point of difficulty.
    pub experience: i64,
    pub stat: Stat,
}

/// The values of task types.
pub struct TaskValues(BTreeMap<String, TaskValue>);

const BUILT_IN: [(&str, i64, Stat); 7] = [
    ("research", 12, Stat::Memory),
    ("analysis", 12, Stat::Compute),
    ("coding", 15, Stat::Compute),
    ("support", 10, Stat::Empathy),
    ("coordination", 12, Stat::Leadership),
    ("review", 10, Stat::Ethics),
    (OTHER, 10, Stat::Compute),
];

impl TaskValues {
    /// The built-in values, with additions and replacements from `TASK_EXPERIENCE` (JSON:
    /// `{"<type>": {"experience", "stat"}}`).
    pub fn read(env: &Env) -> anyhow::Result<Self> {
        let built_in = BUILT_IN.into_iter();
        let mut values: BTreeMap<String, TaskValue> = built_in
            .map(|(name, experience, stat)| (name.to_owned(), TaskValue { experience, stat }))
            .collect();
        if let Some(json) = env.get("TASK_EXPERIENCE") {
            let own: BTreeMap<String, TaskValue> = serde_json::from_str(json).context(
                "TASK_EXPERIENCE is not a map of task types: write {\"support\": {\"experience\": 10, \"stat\": \"empathy\"}}",
            )?;
            values.extend(own);
        }
        for (name, value) in &values {
            ensure!(
                (1..=1_000_000).contains(&value.experience),
                "TASK_EXPERIENCE: the experience of {name:?} must be 1 to 1000000"
            );
        }
        Ok(Self(values))
    }

    /// The stat of a task, and the experience that it earns.
    pub fn of_task(&self, task_type: &str, difficulty: i16, is_success: bool) -> (Stat, i64) {
        let value = self.0.get(task_type).unwrap_or(&self.0[OTHER]);
        let experience = value.experience * i64::from(difficulty);
        if is_success {
            (value.stat, experience)
        } else {
            (value.stat, (experience / FAILURE_PARTS).max(1))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn experience_depends_on_type_and_difficulty_and_can_be_configured() {
        let values = TaskValues::read(&Env::default()).unwrap();
        assert_eq!(values.of_task("coding", 10, true), (Stat::Compute, 150));
        assert_eq!(values.of_task("coding", 10, false), (Stat::Compute, 30));
        assert_eq!(values.of_task("review", 1, true), (Stat::Ethics, 10));
        assert_eq!(values.of_task("juggling", 3, true), (Stat::Compute, 30));

        let own = r#"{"juggling": {"experience": 2, "stat": "leadership"}, "review": {"experience": 1, "stat": "memory"}}"#;
        let values = TaskValues::read(&Env::default().with("TASK_EXPERIENCE", own)).unwrap();
        assert_eq!(values.of_task("juggling", 3, true), (Stat::Leadership, 6));
        assert_eq!(values.of_task("review", 1, false), (Stat::Memory, 1));
        assert_eq!(values.of_task("coding", 1, true), (Stat::Compute, 15));
        for bad in [
            "[]",
            "{\"a\": {\"experience\": 0, \"stat\": \"memory\"}}",
            "{\"a\": {\"experience\": 1, \"stat\": \"luck\"}}",
        ] {
            let error = TaskValues::read(&Env::default().with("TASK_EXPERIENCE", bad))
                .map(drop)
                .unwrap_err();
            assert!(
                error.to_string().starts_with("TASK_EXPERIENCE"),
                "{error:#}"
            );
        }
    }
}
