//! Metrics: counts, durations, lags. All metrics of one unit of work are one line of the log.

use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::METRIC;

/// The metrics of one unit of work, such as a sync. When it is dropped, they are written as one line, because each
/// line costs. On Lambda, each is a CloudWatch metric of the namespace `metasync`; elsewhere, a field of the log
/// with its name.
#[derive(Debug, Default)]
pub struct Metrics(Mutex<Vec<Metric>>);

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Metric {
    pub name: Cow<'static, str>,
    pub unit: Cow<'static, str>,
    pub value: f64,
}

impl Metrics {
    /// Adds a metric, or adds to its value if the unit of work has it already.
    pub fn add(&self, name: &'static str, unit: Unit, value: f64) {
        // JSON has no other numbers.
        if !value.is_finite() {
            return;
        }
        let mut metrics = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match metrics.iter_mut().find(|it| it.name == name) {
            Some(metric) => metric.value += value,
            None => metrics.push(Metric {
                name: name.into(),
                unit: unit.name().into(),
                value,
            }),
        }
    }

    /// Adds 1 to a count.
    pub fn count(&self, name: &'static str) {
        self.add(name, Unit::Count, 1.0);
    }
}

impl Drop for Metrics {
    fn drop(&mut self) {
        let metrics = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !metrics.is_empty()
            && let Ok(metrics) = serde_json::to_string(metrics)
        {
            tracing::info!(target: METRIC, metrics);
        }
    }
}

/// Writes one metric. Several of the same unit of work belong into [`Metrics`].
pub fn metric(name: &'static str, unit: Unit, value: f64) {
    Metrics::default().add(name, unit, value);
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
    /// The name of the unit in CloudWatch.
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
