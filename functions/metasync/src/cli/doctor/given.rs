//! How this configuration gives a variable: as its value, in a file, or as a reference to a secret. A command that
//! reads or repairs the variable has the same form.

use std::path::Path;

use platform::Env;

use super::{aws, gcp};

/// A variable, and where its value is.
pub struct Given<'a> {
    env: &'a Env,
    name: &'a str,
    form: Form<'a>,
}

enum Form<'a> {
    Value,
    File(&'a str),
    Amazon {
        /// The ARN without a field, stage or version.
        id: String,
        region: &'a str,
        /// A field of a JSON secret.
        field: Option<&'a str>,
    },
    Google {
        project: &'a str,
        secret: &'a str,
        version: &'a str,
    },
}

impl<'a> Given<'a> {
    pub fn of(env: &'a Env, name: &'a str) -> Self {
        let given = env.given().unwrap_or(env);
        let form = match given.get(&format!("{name}_FILE")) {
            Some(path) if given.get(name).is_none() => Form::File(path),
            _ => reference(given.get(name).unwrap_or_default()),
        };
        Self { env, name, form }
    }

    /// The value within a double-quoted word of the shell.
    pub fn value(&self) -> String {
        match &self.form {
            Form::Value => format!("${}", self.name),
            Form::File(path) => format!("$(cat {})", quoted(path)),
            Form::Amazon { id, region, field } => {
                let field = field.map(|it| format!(" | jq -r '.\"{it}\"'"));
                format!(
                    "$(aws secretsmanager get-secret-value --region {region} --secret-id {id} \
                     --query SecretString --output text{})",
                    field.unwrap_or_default()
                )
            }
            Form::Google {
                project,
                secret,
                version,
            } => format!(
                "$(gcloud secrets versions access {version} --secret {secret} --project {project})"
            ),
        }
    }

    /// The command that sets the variable to a word of the shell.
    pub fn set(&self, word: &str) -> String {
        let name = self.name;
        match &self.form {
            Form::Value => format!("export {name}={word}"),
            // As the documentation says: readers see the old file or the new one.
            Form::File(path) if is_written(path) => {
                let (old, new) = (quoted(path), quoted(&format!("{path}.new")));
                format!("cp -p {old} {new} && printf %s {word} > {new} && mv {new} {old}")
            }
            Form::File(path) => {
                let (folder, path) = (folder(path), quoted(path));
                format!("mkdir -p {folder} && (umask 077; printf %s {word} > {path})")
            }
            // An assignment fails if the word can't be expanded. A pipe would store what is left of it.
            Form::Amazon { id, region, field } => {
                let of_secret = format!("--region {region} --secret-id {id}");
                let field = field.map(|field| {
                    format!(
                        "value=$(aws secretsmanager get-secret-value {of_secret} --query SecretString \
                         --output text | jq -e --arg value \"$value\" '.\"{field}\" = $value') && "
                    )
                });
                format!(
                    "(value={word} && {}aws secretsmanager put-secret-value {of_secret} --secret-string \
                     \"$value\")",
                    field.unwrap_or_default()
                )
            }
            Form::Google {
                project,
                secret,
                version,
            } => {
                let add = format!(
                    "(value={word} && printf %s \"$value\" | gcloud secrets versions add {secret} --project \
                     {project} --data-file -)"
                );
                match *version {
                    "latest" => add,
                    _ => format!("{add}  # then name the new version in {name}"),
                }
            }
        }
    }

    /// The command that replaces a value that is missing or not valid by one that the reader knows.
    pub fn edit(&self) -> String {
        if let Some(reason) = self.env.why_unread(self.name) {
            return self.read_again(reason);
        }
        match &self.form {
            Form::File(path) if is_written(path) => format!("${{EDITOR:-vi}} {}", quoted(path)),
            Form::File(path) => self.write(path),
            _ => self.set(&self.new_value()),
        }
    }

    /// A word of the shell for the value, which the reader knows. The shell refuses it until it is set, so that a
    /// command that is pasted as it is stores nothing.
    fn new_value(&self) -> String {
        filled_in(&format!("NEW_{}", self.name), "the new value")
    }

    fn write(&self, path: &str) -> String {
        let (folder, path, name) = (folder(path), quoted(path), self.name);
        format!(
            "mkdir -p {folder} && (umask 077; cat > {path})  # paste the value of {name}, then press Enter and Ctrl-D"
        )
    }

    /// The command that repairs or diagnoses why a secret can't be read.
    fn read_again(&self, reason: &str) -> String {
        let name = self.name;
        if reason.ends_with("unset one of the two") {
            return format!("unset {name}_FILE  # or: unset {name}");
        }
        // The reason names the command if there is one.
        let named = reason.split('`').nth(1).map(str::to_owned);
        match &self.form {
            Form::File(path) if !Path::new(path).exists() => self.write(path),
            Form::File(path) => format!("ls -ld {}", quoted(path)),
            Form::Amazon { .. } => named.unwrap_or_else(|| aws::LOGIN.to_owned()),
            Form::Google { .. } => named.unwrap_or_else(|| gcp::LOGIN.to_owned()),
            Form::Value => self.set(&self.new_value()),
        }
    }
}

/// The folder of a file, as a word of the shell.
fn folder(path: &str) -> String {
    let folder = Path::new(path).parent().map(Path::to_string_lossy);
    let folder = folder.filter(|it| !it.is_empty());
    quoted(folder.as_deref().unwrap_or("."))
}

/// Whether the file has a value.
fn is_written(path: &str) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.len() > 0)
}

fn reference(value: &str) -> Form<'_> {
    let parts: Vec<&str> = value.split(':').collect();
    if let [
        "arn",
        _,
        "secretsmanager",
        region,
        _,
        "secret",
        _,
        field @ ..,
    ] = &parts[..]
    {
        return Form::Amazon {
            id: parts[..7].join(":"),
            region,
            field: field.first().copied().filter(|it| !it.is_empty()),
        };
    }
    let parts: Vec<&str> = value.split('/').collect();
    match parts[..] {
        ["projects", project, "secrets", secret, "versions", version] => Form::Google {
            project,
            secret,
            version,
        },
        _ => Form::Value,
    }
}

/// A word of the shell that is the value of a variable, and that the shell refuses until somebody has set it.
pub fn filled_in(variable: &str, meaning: &str) -> String {
    format!("\"${{{variable}:?set it to {meaning}}}\"")
}

/// A word of the shell without expansions.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reference_is_read_and_set_where_it_points_to() {
        let arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:keys";
        let aws = "--region eu-central-1 --secret-id arn:aws:secretsmanager:eu-central-1:123456789012:secret:keys";
        let read =
            format!("aws secretsmanager get-secret-value {aws} --query SecretString --output text");
        let put = format!("aws secretsmanager put-secret-value {aws} --secret-string \"$value\")");
        for (given, value, set) in [
            (
                "k1",
                "$PRIVACY_KEY".to_owned(),
                "export PRIVACY_KEY=\"k2\"".to_owned(),
            ),
            (
                arn,
                format!("$({read})"),
                format!("(value=\"k2\" && {put}"),
            ),
            (
                &format!("{arn}:privacy::"),
                format!("$({read} | jq -r '.\"privacy\"')"),
                format!(
                    "(value=\"k2\" && value=$({read} | jq -e --arg value \"$value\" '.\"privacy\" = \
                     $value') && {put}"
                ),
            ),
            (
                "projects/p/secrets/keys/versions/latest",
                "$(gcloud secrets versions access latest --secret keys --project p)".to_owned(),
                "(value=\"k2\" && printf %s \"$value\" | gcloud secrets versions add keys --project p \
                 --data-file -)"
                    .to_owned(),
            ),
        ] {
            let env = Env::default().with("PRIVACY_KEY", given);
            let key = Given::of(&env, "PRIVACY_KEY");
            assert_eq!((key.value(), key.set("\"k2\"")), (value, set));
        }
    }

    #[tokio::test]
    async fn a_command_with_a_value_to_fill_in_stores_nothing_if_it_is_pasted_as_it_is() {
        use std::os::unix::fs::PermissionsExt as _;

        let programs = tempfile::tempdir().expect("a folder");
        for name in ["aws", "gcloud", "jq"] {
            let program = programs.path().join(name);
            let text = "#!/bin/sh\necho \"$0 $*\" >> \"$LOG\"; echo '{}'\n";
            std::fs::write(&program, text).expect("a program");
            let mode = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(&program, mode).expect("a program");
        }
        let log = programs.path().join("log");
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", programs.path().display());
        let arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:keys";
        let field = format!("{arn}:masking::");
        let google = "projects/p/secrets/keys/versions/latest";
        for given in ["x", arn, &field, google] {
            let env = Env::default().with("MASKING_KEY", given);
            let command = Given::of(&env, "MASKING_KEY").edit();
            let run = |variables: &[(&str, &str)]| {
                let script = format!("{command} && printf %s \"$MASKING_KEY\"");
                let mut shell = std::process::Command::new("sh");
                let shell = shell.args(["-c", &script]).env("PATH", &path);
                let shell = shell.env("LOG", &log).env_remove("MASKING_KEY");
                let ended = shell.envs(variables.iter().copied()).output();
                let ended = ended.expect("sh");
                let called = std::fs::read_to_string(&log).unwrap_or_default();
                let _ = std::fs::remove_file(&log);
                let printed = String::from_utf8(ended.stdout).expect("UTF-8");
                (ended.status.success(), printed + &called)
            };
            let (is_done, left) = run(&[]);
            assert!(!is_done && left.is_empty(), "{command}: {left}");
            let (is_done, left) = run(&[("NEW_MASKING_KEY", "k2")]);
            assert!(is_done && !left.is_empty(), "{command}: {left}");
        }
    }
}
