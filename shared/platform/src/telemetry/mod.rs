//! The log: one JSON line per event, in the format of CloudWatch on Lambda and of Cloud Logging elsewhere, and
//! metrics for their dashboards. On a terminal, lines are plain text.

mod lines;
mod metrics;
mod request;

use std::io::{IsTerminal as _, Write as _};

use anyhow::Context as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::Env;
use lines::{Collector, Format, Lines};

pub use metrics::{Metrics, Unit, metric};
pub use request::RequestContext;
pub(crate) use request::within;

/// The reader of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The platform, which collects stdout: JSON lines, or text if stdout is a terminal.
    Platform,
    /// A person, for a command that prints to stdout: text on stderr.
    Person,
}

/// Writes every event of this process to the log, panics included. The level is `RUST_LOG`
/// (`info,platform::store=debug`), otherwise `AWS_LAMBDA_LOG_LEVEL`, otherwise `info` (`warn` for a person).
pub fn install(function: &'static str, env: &Env, audience: Audience) -> anyhow::Result<()> {
    let person = audience == Audience::Person || std::io::stdout().is_terminal();
    let format = if person {
        Format::Text
    } else {
        let collector = match env.get("AWS_LAMBDA_RUNTIME_API") {
            Some(_) => Collector::CloudWatch,
            None => Collector::CloudLogging {
                project: env.get("GOOGLE_CLOUD_PROJECT").map(str::to_owned),
            },
        };
        Format::Json {
            function,
            collector,
        }
    };
    let lines = Lines::new(format, move |line: &str| {
        // A failure to write the log must not end the work.
        let _ = if person {
            std::io::stderr().lock().write_all(line.as_bytes())
        } else {
            std::io::stdout().lock().write_all(line.as_bytes())
        };
    });
    let levels = match audience {
        Audience::Platform => levels(env, "info")?,
        // Metrics are for dashboards; commands print their results.
        Audience::Person => levels(env, "warn")?.with_target(METRIC, LevelFilter::OFF),
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
        // Lambda has a level above `ERROR`.
        let fatal = value.eq_ignore_ascii_case("fatal");
        ("AWS_LAMBDA_LOG_LEVEL", if fatal { "error" } else { value })
    } else {
        ("the default", default)
    };
    let levels: Targets = value.parse().with_context(|| {
        format!("{name} is {value:?}: set it to a level (`info`), or to `target=level`, separated by commas")
    })?;
    // Metrics are written at every level of the log.
    Ok(levels.with_target(METRIC, tracing::Level::INFO))
}

/// The id of the current request, which the platform or the caller may have chosen.
pub fn request_id() -> Option<String> {
    request::current(|request| request.id.clone())
}

/// The target of events that are metrics.
const METRIC: &str = "metric";

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
    fn rust_log_overrides_lambdas_level_and_both_override_the_default() {
        use tracing::Level;
        let debugs = |env: &Env| {
            levels(env, "info")
                .expect("valid levels")
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
    fn an_invalid_level_is_an_error_that_names_the_variable() {
        let error = levels(&env(&[("RUST_LOG", "platform=loud")]), "info").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with(r#"RUST_LOG is "platform=loud""#)
        );
        assert!(levels(&env(&[("AWS_LAMBDA_LOG_LEVEL", "FATAL")]), "info").is_ok());
    }

    #[test]
    fn metrics_are_written_even_if_the_log_is_off() {
        let levels = levels(&env(&[("RUST_LOG", "off")]), "info").expect("valid levels");
        assert!(levels.would_enable(METRIC, &tracing::Level::INFO));
        assert!(!levels.would_enable("platform", &tracing::Level::ERROR));
    }
}
