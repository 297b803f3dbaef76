//! One JSON line an event, readable by CloudWatch and Cloud Logging alike, and figures for their
//! dashboards. Where a person looks on, lines are plain text.

mod lines;
mod request;

use std::io::{IsTerminal as _, Write as _};

use anyhow::Context as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::Env;
use lines::{Format, Lines};

pub use request::RequestContext;
pub(crate) use request::within;

/// Who reads the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The platform collects stdout: JSON lines, unless stdout is a terminal.
    Platform,
    /// A person runs a command whose output is on stdout: text on stderr.
    Person,
}

/// Sends every event of this process to its log, panics included. The level is `RUST_LOG`
/// (`info,platform::store=debug`), else `AWS_LAMBDA_LOG_LEVEL`, else `info` (`warn` for a person).
pub fn install(function: &'static str, env: &Env, audience: Audience) -> anyhow::Result<()> {
    let person = audience == Audience::Person || std::io::stdout().is_terminal();
    let format = if person {
        Format::Text
    } else {
        Format::Json {
            function,
            emf: env.get("AWS_LAMBDA_RUNTIME_API").is_some(),
            project: env.get("GOOGLE_CLOUD_PROJECT").map(str::to_owned),
        }
    };
    let lines = Lines::new(format, move |line: &str| {
        // A log that can't be written must not end what it tells of.
        let _ = if person {
            std::io::stderr().lock().write_all(line.as_bytes())
        } else {
            std::io::stdout().lock().write_all(line.as_bytes())
        };
    });
    let levels = match audience {
        Audience::Platform => levels(env, "info")?,
        // Figures are for dashboards: a person is told what a command did in its answer.
        Audience::Person => levels(env, "warn")?.with_target(FIGURE, LevelFilter::OFF),
    };
    tracing_subscriber::registry()
        .with(levels)
        .with(lines)
        .try_init()
        .context("the log is installed already")?;
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("no message");
        let location = panic.location().map(ToString::to_string);
        tracing::error!(location, "panicked: {message}");
    }));
    Ok(())
}

fn levels(env: &Env, default: &str) -> anyhow::Result<Targets> {
    let (name, value) = if let Some(value) = env.get("RUST_LOG") {
        ("RUST_LOG", value)
    } else if let Some(value) = env.get("AWS_LAMBDA_LOG_LEVEL") {
        // Lambda knows a level above `ERROR`.
        let fatal = value.eq_ignore_ascii_case("fatal");
        ("AWS_LAMBDA_LOG_LEVEL", if fatal { "error" } else { value })
    } else {
        ("the default", default)
    };
    let levels: Targets = value.parse().with_context(|| {
        format!("{name} is {value:?}: set it to a level (`info`), or to `target=level`, with commas between")
    })?;
    // Figures feed dashboards: a quieter log must not empty them.
    Ok(levels.with_target(FIGURE, tracing::Level::INFO))
}

/// The id of the request being answered, as the platform or the caller named it.
pub fn request_id() -> Option<String> {
    request::current(|request| request.id.clone())
}

/// The target of the events that are figures.
const FIGURE: &str = "figure";

/// A figure: a count, a duration in ms, a lag in s, under the name it has in dashboards.
/// A CloudWatch metric of the namespace `metasync` on Lambda, a field of that name elsewhere.
pub fn figure(name: &'static str, unit: Unit, value: f64) {
    tracing::info!(target: FIGURE, name, unit = unit.name(), value);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Count,
    Milliseconds,
    Seconds,
    Bytes,
    /// From 0 to 100.
    Percent,
}

impl Unit {
    /// As CloudWatch spells it.
    fn name(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
            Self::Seconds => "Seconds",
            Self::Bytes => "Bytes",
            Self::Percent => "Percent",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Env {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn rust_log_wins_over_lambdas_level_and_both_over_the_default() {
        use tracing::Level;
        let debugs = |env: &Env| {
            levels(env, "info")
                .expect("good levels")
                .would_enable("platform::store", &Level::DEBUG)
        };

        assert!(!debugs(&env(&[])));
        assert!(debugs(&env(&[("AWS_LAMBDA_LOG_LEVEL", "DEBUG")])));
        let both = env(&[("AWS_LAMBDA_LOG_LEVEL", "DEBUG"), ("RUST_LOG", "warn")]);
        assert!(!debugs(&both));
        let one_target = env(&[("RUST_LOG", "warn,platform::store=debug")]);
        assert!(debugs(&one_target));
    }

    #[test]
    fn a_level_that_does_not_parse_is_named() {
        let error = levels(&env(&[("RUST_LOG", "platform=loud")]), "info").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with(r#"RUST_LOG is "platform=loud""#)
        );
        assert!(levels(&env(&[("AWS_LAMBDA_LOG_LEVEL", "FATAL")]), "info").is_ok());
    }

    #[test]
    fn a_quiet_log_still_carries_figures() {
        let levels = levels(&env(&[("RUST_LOG", "off")]), "info").expect("good levels");
        assert!(levels.would_enable(FIGURE, &tracing::Level::INFO));
        assert!(!levels.would_enable("platform", &tracing::Level::ERROR));
    }
}
