//! The level for an amount of experience:
//!
//! ```text
//! level = 1
//! while experience >= 100 * level ** 1.5: level += 1
//! ```
//!
//! The loop computes in double precision. For the largest amount it would take 200 billion steps, so the
//! implementation starts at the result of a closed formula, which is close.

/// The experience that ends a level.
pub fn border(level: i64) -> f64 {
    100.0 * (level as f64).powf(1.5)
}

/// The level for an amount of experience. A negative amount has level 1.
pub fn level(experience: i64) -> i64 {
    // Comparing with the rounded-up border is exact, since experience is an integer.
    let has_passed = |level: i64| i128::from(experience) >= border(level).ceil() as i128;
    let about = (experience.max(0) as f64 / 100.0).powf(2.0 / 3.0);
    let mut level = (about as i64).max(1);
    while level > 1 && !has_passed(level - 1) {
        level -= 1;
    }
    while has_passed(level) {
        level += 1;
    }
    level
}

/// The experience at which the next level begins.
pub fn next_level_at(level: i64) -> i64 {
    border(level).ceil() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_is_that_of_the_loop_for_every_experience_up_to_ten_million() {
        // The state of the loop, which continues with each amount.
        let mut by_loop = 1;
        for experience in 0..=10_000_000_i64 {
            while experience as f64 >= 100.0 * f64::from(by_loop).powf(1.5) {
                by_loop += 1;
            }
            assert_eq!(level(experience), i64::from(by_loop), "{experience}");
        }
    }

    #[test]
    fn at_large_borders_one_more_point_is_the_next_level() {
        let mut borders: Vec<i64> = (2_000..200_000).step_by(97).collect();
        borders.extend((20..37).map(|power| (1_i64 << power) + 1));
        borders.extend((1_000..450_000).step_by(9_973).map(|root| root * root));
        for at in borders {
            let begins = next_level_at(at);
            assert_eq!(level(begins), at + 1, "{begins}");
            assert_eq!(level(begins - 1), at, "{begins}");
            // The comparison of the loop, which is exact up to 53 bits.
            if begins < 1 << 53 {
                assert!(begins as f64 >= border(at) && ((begins - 1) as f64) < border(at));
            }
        }
    }

    #[test]
    fn the_largest_experience_has_a_level_and_a_negative_one_has_level_1() {
        let most = level(i64::MAX);
        assert!(border(most - 1) <= i64::MAX as f64 && most > 200_000_000_000);
        assert_eq!((level(-1), level(0), level(99), level(100)), (1, 1, 1, 2));
    }
}
