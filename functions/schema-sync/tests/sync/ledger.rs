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

/// The metrics that this thread emits, by name.
#[derive(Clone, Default)]
struct Metrics(Arc<Mutex<BTreeMap<String, f64>>>);

impl Metrics {
    fn of(&self, name: &str) -> Option<f64> {
        self.0.lock().unwrap().get(name).copied()
    }
}

impl tracing::Subscriber for Metrics {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "metric"
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut metric = Metric::default();
        event.record(&mut metric);
        self.0.lock().unwrap().insert(metric.name, metric.value);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[derive(Default)]
struct Metric {
    name: String,
    value: f64,
}

impl tracing::field::Visit for Metric {
    fn record_f64(&mut self, field: &tracing::field::Field, value: f64) {
        if field.name() == "value" {
            self.value = value;
        }
    }

    fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
        if field.name() == "name" {
            value.clone_into(&mut self.name);
        }
    }

    fn record_debug(&mut self, _: &tracing::field::Field, _: &dyn std::fmt::Debug) {}
}

#[tokio::test]
async fn every_run_emits_metrics_even_if_it_fails() {
    let stub = LlmStub::start(|asked| {
        let text = |_: &str, path: &str| format!("Meaning of {path}.");
        EnrichPrompt::parse(asked).answer(text, &[])
    })
    .await;
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    let sync = sync_with(&warehouse, memory(), &stub);
    let metrics = Metrics::default();
    let _here = tracing::subscriber::set_default(metrics.clone());

    let answer = run(&sync).await;

    let calls = metrics.of("sync_llm_calls");
    assert_eq!(calls, Some(answer.ledger.llm_calls as f64));
    assert!(
        metrics
            .of("sync_llm_input_tokens")
            .is_some_and(|it| it > 0.0)
    );
    assert_eq!(metrics.of("sync_tables"), Some(1.0));
    assert_eq!(metrics.of("sync_failed"), Some(0.0));
    for name in ["sync_duration", "sync_requests", "sync_bytes_billed"] {
        assert!(metrics.of(name).is_some(), "{name}");
    }

    run(&sync).await;
    let unchanged = ["sync_updated", "sync_llm_calls"].map(|name| metrics.of(name));
    assert_eq!(unchanged, [Some(0.0), Some(0.0)]);

    warehouse.down.store(true, Ordering::Relaxed);
    sync.run(&Run::default()).await.unwrap_err();
    assert_eq!(metrics.of("sync_failed"), Some(1.0));
}
