//! What the log contains.

use std::io::Write;
use std::sync::{Arc, LazyLock, Mutex};

use serde_json::json;
use tracing::Dispatch;
use tracing::subscriber::NoSubscriber;

use crate::common::{KIM, OLD, said, start_with};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Captures the log of this thread until the guard is dropped.
    fn install(&self) -> tracing::subscriber::DefaultGuard {
        // While there is only one subscriber, another thread that reaches a line of the program first turns it off.
        static OTHER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));
        LazyLock::force(&OTHER);
        let writer = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::INFO)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    /// The lines with metrics since the last call.
    fn metrics(&self) -> Vec<String> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap());
        let text = String::from_utf8(bytes).unwrap();
        let lines = text.lines().filter(|line| line.contains("metrics"));
        lines.map(str::to_owned).collect()
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
async fn the_metrics_of_a_run_an_erasure_and_an_export_are_one_line_each() {
    let it = start_with(&[("RETENTION_DAYS", "36500")]).await;
    it.stored(said("r1", KIM, "hello", &format!("{OLD}-10")))
        .await;
    it.roll_up().await;
    let log = Log::default();
    let _guard = log.install();
    let assert_one_line = |names: &[&str]| {
        let lines = log.metrics();
        assert_eq!(lines.len(), 1, "{names:?}: {lines:#?}");
        for name in names {
            assert!(lines[0].contains(name), "{name}: {lines:?}");
        }
    };
    privacy::run::run(&it.privacy()).await.expect("a run");
    assert_one_line(&[
        "expired_rows",
        "archived_rows",
        "archived_bytes",
        "archive_duration",
        "retention_lag",
    ]);
    it.export(json!({"user_id": KIM})).await;
    assert_one_line(&["exports", "export_duration"]);
    it.erase(json!({"user_id": KIM})).await;
    assert_one_line(&["erasures", "erased_rows", "erasure_duration"]);
}
