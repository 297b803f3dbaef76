#![doc = include_str!("../README.md")]

/// Every migration in order: the file's name and its text.
pub const FILES: &[(&str, &str)] = &[
    (
        "0001_message_log.sql",
        include_str!("../0001_message_log.sql"),
    ),
    ("0002_settings.sql", include_str!("../0002_settings.sql")),
    (
        "0003_stats_batch.sql",
        include_str!("../0003_stats_batch.sql"),
    ),
    ("0004_privacy.sql", include_str!("../0004_privacy.sql")),
];

#[cfg(test)]
mod tests {
    use super::FILES;

    #[test]
    fn each_file_of_the_folder_is_compiled_in_in_order_and_names_its_owner() {
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
            assert!(
                sql.starts_with("-- "),
                "{name}: the first line names the owner"
            );
        }
    }
}
