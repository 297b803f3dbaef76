//! The features that a level unlocks, and achievements. Both follow from the stats by thresholds.

use serde::Serialize;
use utoipa::ToSchema;

use crate::totals::Totals;

/// Features, each with the level that unlocks it.
pub const FEATURES: [(i64, &str); 6] = [
    (1, "conversation"),
    (3, "news"),
    (5, "email"),
    (8, "auto_reply"),
    (12, "mentoring"),
    (20, "autonomy"),
];

/// The success rate in percent, and the number of tasks, that make a robeing reliable.
const RELIABLE: (i64, i64) = (90, 50);

/// Achievements, each with its metric and the value that it needs.
const ACHIEVEMENTS: [(&str, Metric, i64); 10] = [
    ("first_conversation", Metric::Conversations, 1),
    ("conversations_100", Metric::Conversations, 100),
    ("conversations_10000", Metric::Conversations, 10_000),
    ("first_task", Metric::Successes, 1),
    ("tasks_50", Metric::Successes, 50),
    ("tasks_1000", Metric::Successes, 1_000),
    ("level_5", Metric::Level, 5),
    ("level_10", Metric::Level, 10),
    ("level_25", Metric::Level, 25),
    ("reliable", Metric::ReliableTasks, RELIABLE.1),
];

#[derive(Clone, Copy)]
enum Metric {
    Conversations,
    Successes,
    Level,
    /// All tasks, if 90% of them were successful.
    ReliableTasks,
}

#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct Achievement {
    achievement: &'static str,
    achieved: bool,
    /// The current value of the metric.
    count: i64,
    /// The value at which it is achieved.
    needed: i64,
}

pub fn features(level: i64) -> Vec<&'static str> {
    let unlocked = FEATURES.iter().filter(|(from, _)| level >= *from);
    unlocked.map(|(_, feature)| *feature).collect()
}

pub fn achievements(totals: &Totals) -> Vec<Achievement> {
    let tasks = totals.successful_tasks.saturating_add(totals.failed_tasks);
    let is_reliable =
        i128::from(totals.successful_tasks) * 100 >= i128::from(tasks) * i128::from(RELIABLE.0);
    let achievements = ACHIEVEMENTS.into_iter();
    achievements
        .map(|(achievement, metric, needed)| {
            let count = match metric {
                Metric::Conversations => totals.total_conversations,
                Metric::Successes => totals.successful_tasks,
                Metric::Level => totals.level,
                Metric::ReliableTasks if is_reliable => tasks,
                Metric::ReliableTasks => 0,
            };
            Achievement {
                achievement,
                achieved: count >= needed,
                count,
                needed,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_unlocks_features_and_counts_reach_achievements() {
        assert_eq!(features(1), ["conversation"]);
        assert_eq!(features(5), ["conversation", "news", "email"]);
        let achieved = |totals: &Totals| -> Vec<&str> {
            let all = achievements(totals).into_iter();
            all.filter(|it| it.achieved)
                .map(|it| it.achievement)
                .collect()
        };
        let mut totals = Totals::default();
        assert!(achieved(&totals).is_empty());
        (totals.total_conversations, totals.successful_tasks) = (100, 45);
        totals.failed_tasks = 5;
        assert_eq!(
            achieved(&totals),
            [
                "first_conversation",
                "conversations_100",
                "first_task",
                "reliable"
            ]
        );
        totals.failed_tasks = 6;
        assert!(!achieved(&totals).contains(&"reliable"));
    }
}
