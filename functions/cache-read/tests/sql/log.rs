//! What the log contains.

use std::io::Write;
use std::sync::{Arc, Mutex};

use kit::llm::Answer;

use super::story::{GOOD, Story, query};

#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Captures the log of this thread until the guard is dropped.
    pub(super) fn install(&self) -> tracing::subscriber::DefaultGuard {
        let writer = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_metrics_of_a_question_are_one_line_also_if_its_query_is_repaired() {
    let log = Log::default();
    let _guard = log.install();
    let wrong = "select totl from `p.shop.orders`";
    let story = Story::with([query(wrong), query(GOOD)]).await;
    story.ask("how many orders?").await;
    let log = log.text();
    let lines = log.lines().filter(|line| line.contains("sql_llm_calls"));
    let lines: Vec<&str> = lines.collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    for metric in ["sql_repairs", "sql_written", "sql_llm_input_tokens"] {
        assert!(lines[0].contains(metric), "{metric}: {lines:?}");
    }
}

#[tokio::test]
async fn the_log_has_metrics_and_neither_question_nor_sql() {
    let log = Log::default();
    let _guard = log.install();
    let secret = "select totl_secret from `p.shop.orders`";
    let story = Story::with([
        query(secret),
        query(GOOD),
        query(secret),
        query(secret),
        Answer::error(400, "secret"),
    ])
    .await;
    for _ in 0..3 {
        story.ask("what is the secret of 홍길동?").await;
    }
    let log = log.text();
    for metric in [
        "sql_llm_calls",
        "sql_llm_input_tokens",
        "sql_llm_output_tokens",
        "sql_repairs",
        "sql_written",
        "sql_refused_cannot_answer",
    ] {
        assert!(log.contains(metric), "{metric}");
    }
    for hidden in ["홍길동", "totl_secret", "count(*)"] {
        assert!(!log.contains(hidden), "{hidden}");
    }
}
