//! The time of the first question to a cold function: it reads and parses the document, builds the index, and
//! selects and renders the context.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use kit::TestApp;
use platform::store::Put;
use platform::{Env, Resources};
use rustix::time::ClockId;
use schema::document::Document;
use schema::versions::{self, content_hash};
use serde_json::json;

use super::{Fixture, time_of, times};

const STARTS: usize = 20;

#[derive(Default)]
struct Measured {
    wall: Vec<Duration>,
    cpu: Vec<Duration>,
}

pub fn report(fixture: &Fixture) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let bucket = format!("file://{}", folder.path().display());
    let env = Env::default().with("BUCKET_URL", &bucket);
    let mut document = Document::clone(&fixture.pooled);
    document.version = content_hash(&document);
    let question = &fixture.questions.first().context("no question")?.text;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let store = Resources::new(env.clone()).store()?;
        versions::publish(&*store, &document, Put::IfAbsent).await?;
        let body = json!({"question": question, "token_budget": 4_000});
        let (mut first, mut next) = (Measured::default(), Measured::default());
        for _ in 0..STARTS {
            // A folder replaces the bucket; a cloud adds its transfer time.
            let app = TestApp::with_env(env.clone()).start(cache_read::app).await;
            for measured in [&mut first, &mut next] {
                let (start, cpu) = (Instant::now(), time_of(ClockId::ProcessCPUTime));
                let reply = app.post("/v1/schema/context", &body).await;
                measured.wall.push(start.elapsed());
                measured.cpu.push(time_of(ClockId::ProcessCPUTime) - cpu);
                ensure!(reply.status == 200, "{}", reply.text());
            }
        }
        println!("\n| pooled, over HTTP | p50 | p99 |\n| --- | --- | --- |");
        for (what, measured) in [
            ("first question to a cold function", &mut first),
            ("the next", &mut next),
        ] {
            times(what, &mut measured.wall);
            times(&format!("{what}, CPU time"), &mut measured.cpu);
        }
        Ok(())
    })
}
