//! The points of level-ups: three a level, over the five stats.
//!
//! Each point of experience was earned for one stat: by a task for the stat of its type, by a
//! conversation for memory in a thread, empathy where somebody talked to the robeing alone, and
//! leadership in a channel. All points of all levels are given in these proportions, whole ones; what is
//! left over goes to the largest remainders, and of equal ones to the first in the order memory,
//! compute, empathy, leadership, ethics. So stats follow what a robeing does, and are the same
//! however often they are computed.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Of each stat, at level 1.
pub const FIRST: i64 = 10;
const A_LEVEL: i64 = 3;

/// In the order in which ties are decided.
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

/// The five stats at a level, by the experience that was earned for each.
pub fn stats(level: i64, earned: [i64; 5]) -> [i64; 5] {
    let points = i128::from(A_LEVEL * (level - 1));
    let total: i128 = earned.iter().map(|&it| i128::from(it)).sum();
    let mut stats = [FIRST; 5];
    if total == 0 {
        return stats;
    }
    let mut rests = [(0_i128, 0_usize); 5];
    let mut given = 0;
    for (at, earned) in earned.into_iter().enumerate() {
        let share = points * i128::from(earned);
        let whole = share / total;
        given += whole;
        stats[at] += whole as i64;
        rests[at] = (-(share % total), at);
    }
    rests.sort_unstable();
    let left = usize::try_from(points - given).unwrap_or_default();
    for (_, at) in rests.into_iter().take(left) {
        stats[at] += 1;
    }
    stats
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn r10_points_go_where_experience_was_earned_and_ties_to_the_first() {
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
        fn r10_every_level_gives_three_points_and_none_is_lost(
            level in prop_oneof![1_i64..200, Just(205_000_000_000)],
            mut earned in prop::array::uniform5(prop_oneof![0_i64..1_000, Just(0), Just(i64::MAX)]),
        ) {
            earned[0] += i64::from(earned.iter().all(|&it| it == 0));
            let after = stats(level, earned);
            prop_assert_eq!(after.iter().sum::<i64>(), 5 * FIRST + 3 * (level - 1));
            let total: i128 = earned.iter().map(|&it| i128::from(it)).sum();
            for (stat, earned) in after.into_iter().zip(earned) {
                // Within one point of the exact share.
                let share = i128::from(3 * (level - 1)) * i128::from(earned);
                prop_assert!((i128::from(stat - FIRST) * total - share).abs() < total);
            }
        }
    }
}
