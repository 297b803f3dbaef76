//! Formats events as lines.

use std::fmt::{self, Write as _};

use jiff::Timestamp;
use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::{METRIC, request};

/// The length limit of a value, in bytes: platforms drop or split lines of 256 KiB.
const LONGEST_VALUE: usize = 16 * 1024;

/// The fields of every line. Fields of events with the same name are left out.
const RESERVED: [&str; 9] = [
    "timestamp",
    "time",
    "level",
    "severity",
    "message",
    "target",
    "function",
    "requestId",
    "_aws",
];

pub(super) enum Format {
    Json {
        function: &'static str,
        /// Whether metrics use CloudWatch's embedded metric format.
        emf: bool,
        /// The Google Cloud project, which is part of the name of a trace.
        project: Option<String>,
    },
    Text,
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
                emf,
                project,
            } => json_line(
                (self.now)(),
                event,
                fields,
                function,
                *emf,
                project.as_deref(),
            ),
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
    emf: bool,
    project: Option<&str>,
) -> String {
    let metadata = event.metadata();
    let time = format!("{now:.3}");
    let mut line = Object::new();
    line.field("timestamp", &time);
    line.field("time", &time);
    line.field("level", metadata.level().as_str());
    line.field("severity", severity(*metadata.level()));
    let metric = fields.take_metric(metadata.target());
    line.field("message", &fields.message);
    line.field("target", metadata.target());
    line.field("function", function);
    request::current(|request| {
        line.field("requestId", &request.id);
        if let Some(trace) = &request.trace {
            let name = project.map(|project| format!("projects/{project}/traces/{trace}"));
            line.field(
                "logging.googleapis.com/trace",
                name.as_ref().unwrap_or(trace),
            );
        }
        if let Some(span) = &request.span {
            line.field("logging.googleapis.com/spanId", span);
        }
    });
    for (name, value) in &fields.own {
        line.field(name, value);
    }
    if let Some(Metric { name, unit, value }) = metric {
        line.field(&name, &value);
        line.field("unit", &unit);
        if emf {
            let embedded = serde_json::json!({
                "Timestamp": now.as_millisecond(),
                "CloudWatchMetrics": [{
                    "Namespace": "metasync",
                    "Dimensions": [["function"]],
                    "Metrics": [{"Name": name, "Unit": unit}],
                }],
            });
            line.field("_aws", &embedded);
        }
    }
    line.end()
}

fn text_line(now: Timestamp, event: &Event<'_>, mut fields: Fields) -> String {
    let metadata = event.metadata();
    fields.take_metric(metadata.target());
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
struct Object(String);

impl Object {
    fn new() -> Self {
        Self("{".to_owned())
    }

    fn field(&mut self, name: &str, value: &(impl Serialize + ?Sized)) {
        let (Ok(name), Ok(value)) = (serde_json::to_string(name), serde_json::to_string(value))
        else {
            return;
        };
        let comma = if self.0.len() > 1 { "," } else { "" };
        let _ = write!(self.0, "{comma}{name}:{value}");
    }

    fn end(mut self) -> String {
        self.0.push_str("}\n");
        self.0
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

struct Metric {
    name: String,
    unit: String,
    value: f64,
}

impl Fields {
    fn push(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::Text(text)) => self.message = text,
            (name, _) if RESERVED.contains(&name) => {}
            (name, value) => self.own.push((name, value)),
        }
    }

    /// The metric of an event, if it is one, which also becomes its message.
    fn take_metric(&mut self, target: &str) -> Option<Metric> {
        if target != METRIC {
            return None;
        }
        let (mut name, mut unit, mut value) = (None, None, None);
        for field in self.own.drain(..) {
            match field {
                ("name", Value::Text(text)) => name = Some(text),
                ("unit", Value::Text(text)) => unit = Some(text),
                ("value", Value::Float(float)) => value = Some(float),
                _ => {}
            }
        }
        let metric = Metric {
            name: name?,
            unit: unit?,
            value: value?,
        };
        self.message = format!("{} is {} {}", metric.name, metric.value, metric.unit);
        Some(metric)
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
    use crate::telemetry::{RequestContext, Unit, metric};

    fn on_cloud(emf: bool) -> Format {
        Format::Json {
            function: "probe",
            emf,
            project: Some("p1".to_owned()),
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
    fn a_line_has_the_fields_that_both_clouds_read() {
        let log = log_of(on_cloud(false), || {
            tracing::warn!(target: "platform::x", tables = 3_u64, ok = true, "read {}\n", "it");
        });
        assert_eq!(
            log,
            concat!(
                r#"{"timestamp":"2026-01-01T12:00:00.001Z","time":"2026-01-01T12:00:00.001Z","#,
                r#""level":"WARN","severity":"WARNING","message":"read it\n","#,
                r#""target":"platform::x","function":"probe","tables":3,"ok":true}"#,
                "\n"
            )
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
            log_of(on_cloud(true), || tracing::info!(target: "t", "hello"))
        });
        assert!(log.await.ends_with(concat!(
            r#""message":"hello","target":"t","function":"probe","requestId":"req-1","#,
            r#""logging.googleapis.com/trace":"#,
            r#""projects/p1/traces/4bf92f3577b34da6a3ce929d0e0e4736","#,
            r#""logging.googleapis.com/spanId":"00f067aa0ba902b7"}"#,
            "\n"
        )));
    }

    #[test]
    fn a_metric_on_lambda_uses_the_embedded_metric_format() {
        let log = log_of(on_cloud(true), || metric("lag", Unit::Seconds, 1.5));
        let (line, metric) = log.split_once(r#","_aws":"#).expect("a metric");
        assert_eq!(
            line,
            concat!(
                r#"{"timestamp":"2026-01-01T12:00:00.001Z","time":"2026-01-01T12:00:00.001Z","#,
                r#""level":"INFO","severity":"INFO","message":"lag is 1.5 Seconds","#,
                r#""target":"metric","function":"probe","lag":1.5,"unit":"Seconds""#
            )
        );
        let metric = metric.strip_suffix("}\n").expect("the end of the line");
        let metric: serde_json::Value = serde_json::from_str(metric).expect("JSON");
        let expected = serde_json::json!({
            "Timestamp": 1_767_268_800_001_i64,
            "CloudWatchMetrics": [{
                "Namespace": "metasync",
                "Dimensions": [["function"]],
                "Metrics": [{"Name": "lag", "Unit": "Seconds"}],
            }],
        });
        assert_eq!(metric, expected);
    }

    #[test]
    fn a_metric_elsewhere_is_the_same_line_without_that_format() {
        let with = log_of(on_cloud(true), || metric("rows", Unit::Count, 12.0));
        let without = log_of(on_cloud(false), || metric("rows", Unit::Count, 12.0));
        let (same, metric) = with.split_once(r#","_aws""#).expect("a metric");
        assert_eq!(without, format!("{same}}}\n"));
        assert!(!metric.is_empty());
    }

    #[test]
    fn an_event_cannot_overwrite_the_fields_of_the_platform() {
        let log = log_of(on_cloud(false), || {
            tracing::info!(target: "t", level = "ERROR", requestId = "forged", "hello");
        });
        let line: serde_json::Value = serde_json::from_str(&log).expect("JSON");
        assert_eq!(line["level"], "INFO");
        assert_eq!(line.get("requestId"), None);
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
        let log = log_of(on_cloud(false), || {
            let long = "ü".repeat(LONGEST_VALUE);
            tracing::info!(long, "hello");
        });
        let line: serde_json::Value = serde_json::from_str(&log).expect("JSON");
        assert_eq!(line["long"].as_str().map(str::len), Some(LONGEST_VALUE + 3));
    }
}
