//! The level that an experience reaches:
//!
//! ```text
//! level = 1
//! while experience >= 100 * level ** 1.5: level += 1
//! ```
//!
//! in double precision, as it was always computed. The loop would take two hundred billion turns for
//! the most that experience can be, so it begins where a closed form says that it about ends.

/// What the next level takes.
pub fn border(level: i64) -> f64 {
    100.0 * (level as f64).powf(1.5)
}

/// Of an experience from 0 to the most; a negative one is at level 1.
pub fn level(experience: i64) -> i64 {
    // An integer reaches a border where it reaches the next integer, which needs no rounding.
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

/// The experience with which the next level begins.
pub fn next_level_at(level: i64) -> i64 {
    border(level).ceil() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r9_the_level_is_that_of_the_loop_for_every_experience_up_to_ten_million() {
        // The loop's own state: for a greater experience it goes on from where it was.
        let mut by_loop = 1;
        for experience in 0..=10_000_000_i64 {
            while experience as f64 >= 100.0 * f64::from(by_loop).powf(1.5) {
                by_loop += 1;
            }
            assert_eq!(level(experience), i64::from(by_loop), "{experience}");
        }
    }

    #[test]
    fn r9_at_borders_beyond_one_more_is_the_next_level() {
        let mut borders: Vec<i64> = (2_000..200_000).step_by(97).collect();
        borders.extend((20..37).map(|power| (1_i64 << power) + 1));
        borders.extend((1_000..450_000).step_by(9_973).map(|root| root * root));
        for at in borders {
            let begins = next_level_at(at);
            assert_eq!(level(begins), at + 1, "{begins}");
            assert_eq!(level(begins - 1), at, "{begins}");
            // As the loop compares them; exactly, since these have no more than 53 bits.
            if begins < 1 << 53 {
                assert!(begins as f64 >= border(at) && ((begins - 1) as f64) < border(at));
            }
        }
    }

    #[test]
    fn the_most_experience_has_a_level_and_a_negative_one_the_first() {
        let most = level(i64::MAX);
        assert!(border(most - 1) <= i64::MAX as f64 && most > 200_000_000_000);
        assert_eq!((level(-1), level(0), level(99), level(100)), (1, 1, 1, 2));
    }
}
