//! The costs of a run are reported, whether or not it changed anything.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::*;

#[tokio::test]
async fn a_run_without_changes_reports_its_costs() {
    let stub = LlmStub::start(|asked| {
        let text = |_: &str, path: &str| match path {
            "status" => "See the column statuss_old.".to_owned(),
            _ => String::new(),
        };
        EnrichPrompt::parse(asked).answer(text, &[])
    })
    .await;
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    let store = memory();
    run(&sync(&warehouse, store.clone())).await;

    let answer = run(&sync_with(&warehouse, store.clone(), &stub)).await;

    assert!(!answer.updated, "nothing that was written is right");
    assert!(answer.ledger.llm_calls > 0);
    assert!(answer.ledger.llm_input_tokens > 0 && answer.ledger.llm_output_tokens > 0);
    assert_eq!(answer.ledger.dropped[0].path.as_deref(), Some("status"));
    assert!(
        answer.ledger.problems.is_empty(),
        "they stand in the answer itself"
    );
    let told = serde_json::to_value(&answer).unwrap();
    assert_eq!(told["ledger"]["llm_calls"], json!(answer.ledger.llm_calls));

    let again = run(&sync_with(&warehouse, store, &stub)).await;
    assert_eq!(
        again.ledger.llm_calls, 0,
        "what had no answer is not asked again"
    );
}

/// The lines of metrics that this thread emits.
#[derive(Clone, Default)]
struct MetricLines(Arc<Mutex<Vec<Value>>>);

impl MetricLines {
    /// The metrics since the last call, which must be one line.
    fn one(&self) -> BTreeMap<String, f64> {
        let lines = std::mem::take(&mut *self.0.lock().unwrap());
        let [line] = lines.as_slice() else {
            panic!("{} lines of metrics: {lines:?}", lines.len());
        };
        let metrics = line.as_array().unwrap();
        let all: BTreeMap<String, f64> = metrics
            .iter()
            .map(|metric| {
                let name = metric["name"].as_str().unwrap().to_owned();
                (name, metric["value"].as_f64().unwrap())
            })
            .collect();
        assert_eq!(all.len(), metrics.len(), "a metric appears twice: {line}");
        all
    }
}

impl tracing::Subscriber for MetricLines {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "metric"
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

impl tracing::field::Visit for MetricLines {
    fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
        assert_eq!(field.name(), "metrics");
        let line = serde_json::from_str(value).unwrap();
        self.0.lock().unwrap().push(line);
    }

    fn record_debug(&mut self, field: &tracing::field::Field, _: &dyn std::fmt::Debug) {
        panic!("{field} is no text");
    }
}

#[tokio::test]
async fn every_run_emits_its_metrics_in_one_line_even_if_it_fails() {
    let stub = LlmStub::start(|asked| {
        let text = |_: &str, path: &str| format!("Meaning of {path}.");
        EnrichPrompt::parse(asked).answer(text, &[])
    })
    .await;
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    let sync = sync_with(&warehouse, memory(), &stub);
    let lines = MetricLines::default();
    let _here = tracing::subscriber::set_default(lines.clone());

    let answer = run(&sync).await;

    let metrics = lines.one();
    assert_eq!(metrics["sync_llm_calls"], answer.ledger.llm_calls as f64);
    assert!(metrics["sync_llm_input_tokens"] > 0.0);
    assert_eq!(metrics["sync_tables"], 1.0);
    assert_eq!(metrics["sync_failed"], 0.0);
    for name in ["sync_duration", "sync_requests", "sync_bytes_billed"] {
        assert!(metrics.contains_key(name), "{name}");
    }

    run(&sync).await;
    let unchanged = lines.one();
    assert_eq!(unchanged["sync_updated"], 0.0);
    assert_eq!(unchanged["sync_llm_calls"], 0.0);

    warehouse.down.store(true, Ordering::Relaxed);
    sync.run(&Run::default()).await.unwrap_err();
    assert_eq!(lines.one()["sync_failed"], 1.0);
}
