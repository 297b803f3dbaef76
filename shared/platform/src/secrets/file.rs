//! Secrets in files, as containers mount them.

use std::path::Path;

use anyhow::anyhow;
use tokio::io::AsyncReadExt as _;
use tokio::time::sleep;

use super::{Content, Failure, PAUSE, Read};

/// The largest secret in bytes, as in Secret Manager.
const LARGEST: u64 = 64 * 1024;
/// The variables that can be read from a file. A name such as `TLS_KEY_FILE` or `SSL_CERT_FILE` belongs to
/// another program.
const IN_FILES: [&str; 21] = [
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_BASE_URL",
    "AUTH_JWKS_URL",
    "AUTH_TOKENS",
    "AWS_SECRET_ACCESS_KEY",
    "BUCKET_URL",
    "DATABASE_URL",
    "GEMINI_API_KEY",
    "GOOGLE_API_KEY",
    "GOOGLE_GEMINI_BASE_URL",
    "LLM_API_KEY",
    "LLM_BASE_URL",
    "MASKING_KEY",
    "METASYNC_KEYS",
    "OLLAMA_API_KEY",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "PRIVACY_KEY",
    "SIGN_IN_CLIENT_SECRET",
    "SLACK_SIGNING_SECRET",
    "WAREHOUSE_URL",
];

/// The variable for which a variable `<NAME>_FILE` names a file.
pub(super) fn variable_of(name: &str) -> Option<&str> {
    let variable = name.strip_suffix("_FILE")?;
    IN_FILES.contains(&variable).then_some(variable)
}

/// Reads a file, without the line break at its end.
pub(super) async fn read(path: &Path) -> Read {
    let failed = |reason: &str| Failure::permanent(anyhow!("{}: {reason}", path.display()));
    let unreadable = |error| failed(&format!("{error}; mount the file, or unset the variable"));
    // Before the file is opened: opening a named pipe waits for whoever writes to it.
    let kind = tokio::fs::metadata(path).await.map_err(unreadable)?;
    if !kind.is_file() {
        return Err(failed(
            "this is not a regular file: name the file that has the secret",
        ));
    }
    let file = tokio::fs::File::open(path).await.map_err(unreadable)?;
    let mut bytes = Vec::new();
    let read = file.take(LARGEST + 1).read_to_end(&mut bytes).await;
    if read.map_err(unreadable)? as u64 > LARGEST {
        return Err(failed(
            "the file is larger than 64 KiB: store only the secret in it",
        ));
    }
    let text = String::from_utf8(bytes).map_err(|_| failed("the file is not UTF-8 text"))?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        let remedy = format!("write it to {}", path.display());
        return Ok(Content::NoValue { remedy });
    }
    Ok(Content::Text(text.to_owned()))
}

/// Reads a file whose content has changed until two readings in a row are equal: the first one may have met a
/// writer halfway.
pub(super) async fn settled(path: &Path, mut found: Content) -> Read {
    loop {
        sleep(PAUSE).await;
        let again = read(path).await?;
        if again == found {
            return Ok(again);
        }
        found = again;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_variables_lists_those_that_can_be_read_from_files() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
        let page = std::fs::read_to_string(page).expect("the page");
        let (_, section) = page.split_once("### Secrets in files").expect("a section");
        let (section, _) = section.split_once("\n## ").expect("its end");
        let listed = section.lines().find(|it| it.contains("This works for"));
        let listed = listed.expect("a list").split('`').skip(1).step_by(2);
        let mut listed: Vec<&str> = listed.filter(|it| *it != "_FILE").collect();
        listed.sort_unstable();
        assert_eq!(listed, IN_FILES);
    }
}
