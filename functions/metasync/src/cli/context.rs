//! `metasync context`: the part of the cached schema that a model gets for a question.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::Arc;

use anyhow::ensure;
use cache_read::context::{self, Format, Request};
use cache_read::within;
use platform::auth::Names;
use platform::{Env, Resources};
use schema::document::{Document, Table};

use super::cache::load;

pub async fn run(
    env: &Env,
    question: &str,
    budget: usize,
    datasets: &[String],
    json: bool,
) -> anyhow::Result<()> {
    context::check_question(question)?;
    context::check_budget(budget)?;
    let store = Resources::new(env.clone()).store()?;
    let document = load(&*store).await?;
    let document = match datasets {
        [] => document,
        only => {
            check_datasets(&document, only)?;
            within(&document, &Names::only(only))
        }
    };
    let request = Request {
        question,
        token_budget: budget,
        datasets: None,
        format: Format::Text,
    };
    let answer = context::context(Arc::new(document), &request);
    if json {
        return super::print_json(&answer);
    }
    Ok(std::io::stdout()
        .lock()
        .write_all(answer.context.as_bytes())?)
}

/// Refuses datasets that the cache does not have: an empty context would read like an answer.
fn check_datasets(document: &Document, datasets: &[String]) -> anyhow::Result<()> {
    let of_source = document.source.datasets.iter().map(String::as_str);
    let known: BTreeSet<&str> = of_source
        .chain(document.tables.iter().map(Table::dataset))
        .collect();
    let unknown: Vec<String> = datasets
        .iter()
        .filter(|dataset| !known.contains(dataset.as_str()))
        .map(|dataset| format!("{dataset:?}"))
        .collect();
    ensure!(
        unknown.is_empty(),
        "--datasets names what the cache does not have ({}): write each dataset in full, \
         `project.dataset` or `database.schema`, or run `metasync sync` if it is new",
        unknown.join(", ")
    );
    Ok(())
}
