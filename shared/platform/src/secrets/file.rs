//! Secrets in files, as containers mount them.

use std::path::Path;

use anyhow::anyhow;

use super::{Content, Failure, Read};

/// The largest secret in bytes, as in Secret Manager.
const LARGEST: usize = 64 * 1024;
/// What the name of a variable that holds a secret ends with. Others that end in `_FILE` belong to other
/// programs, such as `SSL_CERT_FILE` and `AWS_WEB_IDENTITY_TOKEN_FILE`.
const HOLDS_A_SECRET: [&str; 4] = ["_KEY", "_SECRET", "_TOKENS", "_URL"];

/// The variable for which a variable `<NAME>_FILE` names a file.
pub(super) fn variable_of(name: &str) -> Option<&str> {
    let variable = name.strip_suffix("_FILE")?;
    let holds_a_secret = HOLDS_A_SECRET.iter().any(|end| variable.ends_with(end));
    holds_a_secret.then_some(variable)
}

/// Reads a file, without the line break at its end.
pub(super) async fn read(path: &Path) -> Read {
    let failed = |reason: &str| Failure::permanent(anyhow!("{}: {reason}", path.display()));
    let bytes = tokio::fs::read(path)
        .await
        .map_err(|error| failed(&format!("{error}; mount the file, or unset the variable")))?;
    if bytes.len() > LARGEST {
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
