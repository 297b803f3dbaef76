//! Formats events as lines.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use jiff::Timestamp;
use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::metrics::Metric;
use super::{METRIC, request};

/// The length limit of a value, in bytes: platforms drop or split lines of 256 KiB.
const LONGEST_VALUE: usize = 16 * 1024;

const TRACE: &str = "logging.googleapis.com/trace";
const SPAN: &str = "logging.googleapis.com/spanId";

/// The fields of the platform. Fields of events with the same name are left out, even from lines that lack
/// them.
const RESERVED: [&str; 11] = [
    "timestamp",
    "time",
    "level",
    "severity",
    "message",
    "target",
    "function",
    "requestId",
    "_aws",
    TRACE,
    SPAN,
];

pub(super) enum Format {
    Json {
        function: &'static str,
        collector: Collector,
    },
    Text,
}

/// The service that reads the lines. Each has its own names for the time and the level.
pub(super) enum Collector {
    CloudWatch,
    /// Cloud Logging, or a service that reads the same names.
    CloudLogging {
        /// The Google Cloud project, which is part of the name of a trace.
        project: Option<String>,
    },
}

impl Collector {
    fn time(&self) -> &'static str {
        match self {
            Self::CloudWatch => "timestamp",
            Self::CloudLogging { .. } => "time",
        }
    }

    fn level(&self, level: Level) -> (&'static str, &'static str) {
        match self {
            Self::CloudWatch => ("level", level.as_str()),
            Self::CloudLogging { .. } => ("severity", severity(level)),
        }
    }
}

pub(super) struct Lines<W> {
    format: Format,
    now: fn() -> Timestamp,
    write: W,
}

impl<W: Fn(&str)> Lines<W> {
    pub(super) fn new(format: Format, write: W) -> Self {
        Self {
            format,
            now: Timestamp::now,
            write,
        }
    }
}

impl<S: Subscriber, W: Fn(&str) + 'static> Layer<S> for Lines<W> {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let line = match &self.format {
            Format::Json {
                function,
                collector,
            } => json_line((self.now)(), event, fields, function, collector),
            Format::Text => text_line((self.now)(), event, fields),
        };
        (self.write)(&line);
    }
}

fn json_line(
    now: Timestamp,
    event: &Event<'_>,
    mut fields: Fields,
    function: &str,
    collector: &Collector,
) -> String {
    let metadata = event.metadata();
    let mut line = Object::default();
    line.field(collector.time(), &format!("{now:.3}"));
    let (name, level) = collector.level(*metadata.level());
    line.field(name, level);
    let metrics = fields.take_metrics(metadata.target());
    line.field("message", &fields.message);
    line.field("target", metadata.target());
    line.field("function", function);
    request::current(|request| {
        line.field("requestId", &request.id);
        if let Some(trace) = &request.trace {
            let name = match collector {
                Collector::CloudLogging {
                    project: Some(project),
                } => &format!("projects/{project}/traces/{trace}"),
                _ => trace,
            };
            line.field(TRACE, name);
        }
        if let Some(span) = &request.span {
            line.field(SPAN, span);
        }
    });
    for (name, value) in &fields.own {
        line.field(name, value);
    }
    let metrics: Vec<Metric> = metrics
        .into_iter()
        .filter(|metric| line.field(&metric.name, &metric.value))
        .collect();
    if matches!(collector, Collector::CloudWatch) && !metrics.is_empty() {
        let metrics = metrics
            .iter()
            .map(|it| serde_json::json!({"Name": it.name, "Unit": it.unit}));
        let embedded = serde_json::json!({
            "Timestamp": now.as_millisecond(),
            "CloudWatchMetrics": [{
                "Namespace": "metasync",
                "Dimensions": [["function"]],
                "Metrics": metrics.collect::<Vec<_>>(),
            }],
        });
        line.field("_aws", &embedded);
    }
    line.end()
}

fn text_line(now: Timestamp, event: &Event<'_>, mut fields: Fields) -> String {
    let metadata = event.metadata();
    fields.take_metrics(metadata.target());
    let time = now.strftime("%H:%M:%S");
    let mut line = format!("{time} {:5} {}", metadata.level(), fields.message);
    for (name, value) in &fields.own {
        let value = match value {
            Value::Text(text) => text.clone(),
            other => serde_json::to_string(other).unwrap_or_default(),
        };
        let _ = write!(line, " {name}={value}");
    }
    // A line break in a value would begin a line of its own.
    let mut line = line.replace('\n', " ");
    line.push('\n');
    line
}

/// The name of the level in Cloud Logging.
fn severity(level: Level) -> &'static str {
    match level {
        Level::TRACE | Level::DEBUG => "DEBUG",
        Level::INFO => "INFO",
        Level::WARN => "WARNING",
        Level::ERROR => "ERROR",
    }
}

/// A JSON object on one line, with its fields in the order of their insertion.
#[derive(Default)]
struct Object {
    names: BTreeSet<String>,
    text: String,
}

impl Object {
    /// Appends a field, unless the object has one with this name: parsers disagree on which of two they keep.
    /// Returns whether it was appended.
    fn field(&mut self, name: &str, value: &(impl Serialize + ?Sized)) -> bool {
        let (Ok(key), Ok(value)) = (serde_json::to_string(name), serde_json::to_string(value))
        else {
            return false;
        };
        if !self.names.insert(name.to_owned()) {
            return false;
        }
        let before = if self.text.is_empty() { '{' } else { ',' };
        let _ = write!(self.text, "{before}{key}:{value}");
        true
    }

    fn end(mut self) -> String {
        self.text.push_str("}\n");
        self.text
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Value {
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Text(String),
}

#[derive(Default)]
struct Fields {
    message: String,
    own: Vec<(&'static str, Value)>,
}

impl Fields {
    fn push(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::Text(text)) => self.message = text,
            (name, _) if RESERVED.contains(&name) => {}
            (name, value) => self.own.push((name, value)),
        }
    }

    /// The metrics of an event, if it has some, which also become its message.
    fn take_metrics(&mut self, target: &str) -> Vec<Metric> {
        if target != METRIC {
            return Vec::new();
        }
        let metrics = self.own.drain(..).find_map(|field| match field {
            ("metrics", Value::Text(text)) => serde_json::from_str(&text).ok(),
            _ => None,
        });
        let metrics: Vec<Metric> = metrics.unwrap_or_default();
        let all: Vec<String> = metrics
            .iter()
            .map(|it| format!("{} is {} {}", it.name, it.value, it.unit))
            .collect();
        self.message = all.join(", ");
        metrics
    }
}

impl Visit for Fields {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, Value::Bool(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, Value::Signed(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field, Value::Unsigned(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push(field, Value::Float(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.push(field, Value::Text(cut(value.to_owned())));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.push(field, Value::Text(cut(format!("{value:?}"))));
    }
}

fn cut(mut text: String) -> String {
    if text.len() > LONGEST_VALUE {
        text.truncate(text.floor_char_boundary(LONGEST_VALUE));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::telemetry::{Metrics, RequestContext, Unit, metric};

    fn on_lambda() -> Format {
        Format::Json {
            function: "probe",
            collector: Collector::CloudWatch,
        }
    }

    fn on_cloud_run() -> Format {
        Format::Json {
            function: "probe",
            collector: Collector::CloudLogging {
                project: Some("p1".to_owned()),
            },
        }
    }

    /// The log of `work`, at one millisecond past noon.
    fn log_of(format: Format, work: impl FnOnce()) -> String {
        let log = Arc::new(Mutex::new(String::new()));
        let into = log.clone();
        let mut lines = Lines::new(format, move |line: &str| {
            into.lock().expect("no panic while locked").push_str(line);
        });
        lines.now = || Timestamp::from_millisecond(1_767_268_800_001).expect("in range");
        let subscriber = tracing_subscriber::registry().with(lines);
        tracing::subscriber::with_default(subscriber, work);
        let log = log.lock().expect("no panic while locked");
        log.clone()
    }

    #[test]
    fn each_cloud_gets_the_time_and_the_level_once_under_the_names_that_it_reads() {
        let warn =
            || tracing::warn!(target: "platform::x", tables = 3_u64, ok = true, "read {}\n", "it");
        let rest = concat!(
            r#""message":"read it\n","target":"platform::x","function":"probe","tables":3,"ok":true}"#,
            "\n"
        );
        assert_eq!(
            log_of(on_lambda(), warn),
            format!(r#"{{"timestamp":"2026-01-01T12:00:00.001Z","level":"WARN",{rest}"#)
        );
        assert_eq!(
            log_of(on_cloud_run(), warn),
            format!(r#"{{"time":"2026-01-01T12:00:00.001Z","severity":"WARNING",{rest}"#)
        );
    }

    #[tokio::test]
    async fn a_line_of_a_request_has_its_id_and_trace() {
        let request = Arc::new(RequestContext {
            id: "req-1".to_owned(),
            trace: Some("4bf92f3577b34da6a3ce929d0e0e4736".to_owned()),
            span: Some("00f067aa0ba902b7".to_owned()),
        });
        let log = request::within(request, async {
            log_of(
                on_cloud_run(),
                || tracing::info!(target: "t", { "logging.googleapis.com/trace" = "forged" }, "hello"),
            )
        });
        assert!(log.await.ends_with(concat!(
            r#""message":"hello","target":"t","function":"probe","requestId":"req-1","#,
            r#""logging.googleapis.com/trace":"#,
            r#""projects/p1/traces/4bf92f3577b34da6a3ce929d0e0e4736","#,
            r#""logging.googleapis.com/spanId":"00f067aa0ba902b7"}"#,
            "\n"
        )));
    }

    fn three_metrics() {
        let metrics = Metrics::default();
        metrics.add("duration", Unit::Milliseconds, 1.5);
        metrics.add("rows", Unit::Count, 12.0);
        metrics.add("bytes", Unit::Bytes, 0.0);
    }

    #[test]
    fn all_metrics_of_a_run_are_one_line_in_the_embedded_metric_format() {
        let log = log_of(on_lambda(), three_metrics);
        let (line, embedded) = log.split_once(r#","_aws":"#).expect("metrics");
        assert_eq!(
            line,
            concat!(
                r#"{"timestamp":"2026-01-01T12:00:00.001Z","level":"INFO","#,
                r#""message":"duration is 1.5 Milliseconds, rows is 12 Count, bytes is 0 Bytes","#,
                r#""target":"metric","function":"probe","duration":1.5,"rows":12.0,"bytes":0.0"#
            )
        );
        let embedded = embedded.strip_suffix("}\n").expect("the end of the line");
        let embedded: serde_json::Value = serde_json::from_str(embedded).expect("JSON");
        let expected = serde_json::json!({
            "Timestamp": 1_767_268_800_001_i64,
            "CloudWatchMetrics": [{
                "Namespace": "metasync",
                "Dimensions": [["function"]],
                "Metrics": [
                    {"Name": "duration", "Unit": "Milliseconds"},
                    {"Name": "rows", "Unit": "Count"},
                    {"Name": "bytes", "Unit": "Bytes"},
                ],
            }],
        });
        assert_eq!(embedded, expected);
    }

    #[test]
    fn metrics_elsewhere_are_fields_of_a_line_without_that_format() {
        let log = log_of(on_cloud_run(), three_metrics);
        assert!(
            log.ends_with(concat!(
                r#""target":"metric","function":"probe","duration":1.5,"rows":12.0,"bytes":0.0}"#,
                "\n"
            )),
            "{log}"
        );
        let text = log_of(Format::Text, || metric("rows", Unit::Count, 12.0));
        assert_eq!(text, "12:00:00 INFO  rows is 12 Count\n");
    }

    #[test]
    fn an_event_cannot_overwrite_the_fields_of_the_platform() {
        for format in [on_lambda(), on_cloud_run()] {
            let log = log_of(format, || {
                tracing::info!(
                    target: "t",
                    level = "ERROR",
                    severity = "ERROR",
                    time = "noon",
                    requestId = "forged",
                    "hello"
                );
            });
            assert!(!log.contains("ERROR") && !log.contains("noon"), "{log}");
            assert!(!log.contains("requestId"), "{log}");
        }
    }

    #[test]
    fn no_field_appears_twice_in_a_line() {
        let log = log_of(on_lambda(), || {
            tracing::info!(target: "t", tables = 1, tables = 2, "hello");
        });
        assert_eq!(log.matches(r#""tables""#).count(), 1, "{log}");

        let log = log_of(on_lambda(), || metric("function", Unit::Count, 1.0));
        assert_eq!(log.matches(r#""function":"#).count(), 1, "{log}");
        assert!(log.contains(r#""function":"probe""#), "{log}");
    }

    #[test]
    fn a_person_gets_one_line_of_text_per_event() {
        let log = log_of(Format::Text, || {
            tracing::error!(tables = 3, place = "a\nb", "no luck");
        });
        assert_eq!(log, "12:00:00 ERROR no luck tables=3 place=a b\n");
    }

    #[test]
    fn a_long_value_is_cut_and_the_line_still_parses() {
        let log = log_of(on_cloud_run(), || {
            let long = "ü".repeat(LONGEST_VALUE);
            tracing::info!(long, "hello");
        });
        let line: serde_json::Value = serde_json::from_str(&log).expect("JSON");
        assert_eq!(line["long"].as_str().map(str::len), Some(LONGEST_VALUE + 3));
    }
}
