//! What a level unlocks, and what was achieved: by thresholds, from the stats alone.

use serde::Serialize;
use utoipa::ToSchema;

use crate::stats::Totals;

/// From which level on a feature is the robeing's.
pub const FEATURES: [(i64, &str); 6] = [
    (1, "conversation"),
    (3, "news"),
    (5, "email"),
    (8, "auto_reply"),
    (12, "mentoring"),
    (20, "autonomy"),
];

/// Successes of a hundred tasks, and how many it takes to be called reliable.
const RELIABLE: (i64, i64) = (90, 50);

/// Their names, what is counted, and how much of it each takes.
const ACHIEVEMENTS: [(&str, Counted, i64); 10] = [
    ("first_conversation", Counted::Conversations, 1),
    ("conversations_100", Counted::Conversations, 100),
    ("conversations_10000", Counted::Conversations, 10_000),
    ("first_task", Counted::Successes, 1),
    ("tasks_50", Counted::Successes, 50),
    ("tasks_1000", Counted::Successes, 1_000),
    ("level_5", Counted::Level, 5),
    ("level_10", Counted::Level, 10),
    ("level_25", Counted::Level, 25),
    ("reliable", Counted::ReliableTasks, RELIABLE.1),
];

#[derive(Clone, Copy)]
enum Counted {
    Conversations,
    Successes,
    Level,
    /// All tasks, if nine of ten were successful.
    ReliableTasks,
}

#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct Achievement {
    achievement: &'static str,
    achieved: bool,
    /// How much there is of what it takes, and how much that is.
    count: i64,
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
        .map(|(achievement, counted, needed)| {
            let count = match counted {
                Counted::Conversations => totals.total_conversations,
                Counted::Successes => totals.successful_tasks,
                Counted::Level => totals.level,
                Counted::ReliableTasks if is_reliable => tasks,
                Counted::ReliableTasks => 0,
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
    fn r13_levels_unlock_features_and_counts_achieve() {
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
