#![doc = include_str!("../README.md")]

/// Every migration in order: the name of the file and its text.
pub const FILES: &[(&str, &str)] = &[
    (
        "0001_platform_scope.sql",
        include_str!("../0001_platform_scope.sql"),
    ),
    (
        "0002_message_log_log.sql",
        include_str!("../0002_message_log_log.sql"),
    ),
    (
        "0003_message_log_roll_up.sql",
        include_str!("../0003_message_log_roll_up.sql"),
    ),
    (
        "0004_message_log_dead_letters.sql",
        include_str!("../0004_message_log_dead_letters.sql"),
    ),
    (
        "0005_message_log_search.sql",
        include_str!("../0005_message_log_search.sql"),
    ),
    (
        "0006_message_log_patterns.sql",
        include_str!("../0006_message_log_patterns.sql"),
    ),
    (
        "0007_settings_values.sql",
        include_str!("../0007_settings_values.sql"),
    ),
    (
        "0008_stats_batch_stats.sql",
        include_str!("../0008_stats_batch_stats.sql"),
    ),
    (
        "0009_privacy_archive.sql",
        include_str!("../0009_privacy_archive.sql"),
    ),
    (
        "0010_privacy_requests.sql",
        include_str!("../0010_privacy_requests.sql"),
    ),
    (
        "0011_message_log_quarter_hours.sql",
        include_str!("../0011_message_log_quarter_hours.sql"),
    ),
    (
        "0012_stats_batch_quarter_hours.sql",
        include_str!("../0012_stats_batch_quarter_hours.sql"),
    ),
    (
        "0013_settings_time_zones.sql",
        include_str!("../0013_settings_time_zones.sql"),
    ),
    (
        "0014_message_log_people.sql",
        include_str!("../0014_message_log_people.sql"),
    ),
    (
        "0015_message_log_identities.sql",
        include_str!("../0015_message_log_identities.sql"),
    ),
    (
        "0016_stats_batch_moved.sql",
        include_str!("../0016_stats_batch_moved.sql"),
    ),
    (
        "0017_stats_batch_moves.sql",
        include_str!("../0017_stats_batch_moves.sql"),
    ),
    (
        "0018_message_log_restored.sql",
        include_str!("../0018_message_log_restored.sql"),
    ),
    (
        "0019_stats_batch_counted_places.sql",
        include_str!("../0019_stats_batch_counted_places.sql"),
    ),
    (
        "0020_message_log_feedback.sql",
        include_str!("../0020_message_log_feedback.sql"),
    ),
    (
        "0021_message_log_dismissals.sql",
        include_str!("../0021_message_log_dismissals.sql"),
    ),
    (
        "0022_message_log_feedback_team.sql",
        include_str!("../0022_message_log_feedback_team.sql"),
    ),
    (
        "0023_people_people.sql",
        include_str!("../0023_people_people.sql"),
    ),
    (
        "0024_people_audit.sql",
        include_str!("../0024_people_audit.sql"),
    ),
];

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::FILES;

    #[test]
    fn every_file_of_the_folder_is_compiled_in_in_order_and_names_its_owner() {
        let folder = env!("CARGO_MANIFEST_DIR");
        let mut files: Vec<(String, String)> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
            .map(|path| {
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                (name, std::fs::read_to_string(path).unwrap())
            })
            .collect();
        files.sort();

        let compiled: Vec<_> = FILES
            .iter()
            .map(|(name, sql)| ((*name).to_owned(), (*sql).to_owned()))
            .collect();
        assert_eq!(compiled, files);
        for (position, (name, sql)) in files.iter().enumerate() {
            assert!(name.starts_with(&format!("{:04}_", position + 1)), "{name}");
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            assert!(name.trim_end_matches(".sql").chars().all(plain), "{name}");
            let owner = sql.strip_prefix("-- ").and_then(|sql| sql.split_once(": "));
            let (owner, _) =
                owner.unwrap_or_else(|| panic!("{name}: the first line names no owner"));
            let start = format!("{}_", owner.replace('-', "_"));
            assert!(
                name[5..].starts_with(&start),
                "{name}: its owner is {owner}"
            );
            let root = std::path::Path::new(folder).join("../..");
            let is_owner = |parent: &&str| root.join(parent).join(owner).is_dir();
            let has_owner = ["functions", "shared"].iter().any(is_owner);
            assert!(has_owner, "{name}: there is no folder {owner}");
        }
    }

    #[test]
    fn no_file_has_changed_since_it_landed() {
        let sums = include_str!("../SHA256SUMS");
        let frozen: Vec<String> = sums.lines().map(str::to_owned).collect();
        let lines = FILES.iter().map(|(name, sql)| {
            let digest = Sha256::digest(sql);
            let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{digest}  {name}")
        });
        let actual: Vec<String> = lines.collect();
        assert_eq!(
            actual, frozen,
            "a file that has landed is frozen: put the change into a new file, and add that file to SHA256SUMS"
        );
    }
}
