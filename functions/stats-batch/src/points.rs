//! The distribution of stat points: three per level, over five stats.
//!
//! Each point of experience was earned for one stat: by a task for the stat of its type, by a conversation in a thread
//! for memory, by a direct conversation for empathy, and by a conversation in a channel for leadership. The points of
//! all levels are distributed in these proportions, by largest remainder. Ties go to the first stat in the order
//! memory, compute, empathy, leadership, ethics. So the stats reflect what a robeing does, and recomputing them gives
//! the same result.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The value of each stat at level 1.
pub const INITIAL_STAT: i64 = 10;
const POINTS_PER_LEVEL: i64 = 3;

/// A stat. Ties go to the first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stat {
    Memory,
    Compute,
    Empathy,
    Leadership,
    Ethics,
}

impl Stat {
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Compute => "compute",
            Self::Empathy => "empathy",
            Self::Leadership => "leadership",
            Self::Ethics => "ethics",
        }
    }
}

/// The five stats at a level, from the experience that was earned for each.
pub fn stats(level: i64, earned: [i64; 5]) -> [i64; 5] {
    let points = i128::from(POINTS_PER_LEVEL * (level - 1));
    let total: i128 = earned.iter().map(|&it| i128::from(it)).sum();
    let mut stats = [INITIAL_STAT; 5];
    if total == 0 {
        return stats;
    }
    let mut remainders = [(0_i128, 0_usize); 5];
    let mut distributed = 0;
    for (at, earned) in earned.into_iter().enumerate() {
        let share = points * i128::from(earned);
        let whole = share / total;
        distributed += whole;
        stats[at] += whole as i64;
        remainders[at] = (-(share % total), at);
    }
    remainders.sort_unstable();
    let left = usize::try_from(points - distributed).unwrap_or_default();
    for (_, at) in remainders.into_iter().take(left) {
        stats[at] += 1;
    }
    stats
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn points_follow_the_earned_experience_and_ties_go_to_the_first_stat() {
        for (level, earned, expected) in [
            (1, [50, 0, 0, 0, 0], [10, 10, 10, 10, 10]),
            (2, [100, 0, 0, 0, 0], [13, 10, 10, 10, 10]),
            (2, [60, 60, 0, 0, 0], [12, 11, 10, 10, 10]),
            (2, [20, 20, 20, 20, 20], [11, 11, 11, 10, 10]),
            (3, [0, 10, 10, 0, 280], [10, 10, 10, 10, 16]),
            (4, [0, 1, 0, 0, 2], [10, 13, 10, 10, 16]),
        ] {
            assert_eq!(stats(level, earned), expected, "{level} {earned:?}");
        }
    }

    proptest! {
        #[test]
        fn every_level_gives_three_points_and_none_is_lost(
            level in prop_oneof![1_i64..200, Just(205_000_000_000)],
            mut earned in prop::array::uniform5(prop_oneof![0_i64..1_000, Just(0), Just(i64::MAX)]),
        ) {
            earned[0] += i64::from(earned.iter().all(|&it| it == 0));
            let after = stats(level, earned);
            prop_assert_eq!(after.iter().sum::<i64>(), 5 * INITIAL_STAT + 3 * (level - 1));
            let total: i128 = earned.iter().map(|&it| i128::from(it)).sum();
            for (stat, earned) in after.into_iter().zip(earned) {
                // Less than one point from the exact share.
                let share = i128::from(3 * (level - 1)) * i128::from(earned);
                prop_assert!((i128::from(stat - INITIAL_STAT) * total - share).abs() < total);
            }
        }
    }
}
