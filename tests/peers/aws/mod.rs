//! The AWS example, applied with Amazon's own provider to moto: what stands there afterwards is what
//! the catalogue says, a message goes from the queue into a row, a second apply changes nothing, and
//! destroy leaves nothing.

mod amazon;
mod deployed;
mod message;
mod newcomer;

use std::collections::BTreeMap;
use std::process::Output;

use serde_json::Value;
use tests::catalogue::{self, Function};

use crate::server::{Server, is_missing, is_skipped};
use crate::terraform::{PEER, Terraform};
use amazon::Amazon;

fn moto() -> Server {
    Server::start("moto", "bin/moto_server", |port| {
        ["-H", "127.0.0.1", "-p", &port.to_string()]
            .map(str::to_owned)
            .into()
    })
}

const APPLY: &[&str] = &["apply", "-auto-approve"];

fn assert_succeeded(output: &Output) {
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}\n{errors}");
    assert!(!printed.contains("Warning"), "{printed}");
}

/// The resources that a plan would touch. moto gives JSON back in a spelling of its own, which counts
/// as the same.
fn changes(plan: &str) -> Vec<String> {
    let plan: Value = serde_json::from_str(plan).expect("a plan");
    let changes = plan["resource_changes"].as_array().expect("a list");
    let touched = changes.iter().filter(|it| {
        let change = &it["change"];
        parsed(&change["before"]) != parsed(&change["after"])
    });
    let address = |it: &Value| it["address"].as_str().unwrap_or_default().to_owned();
    touched.map(address).collect()
}

/// With the text of JSON in place of its spelling.
fn parsed(value: &Value) -> Value {
    match value {
        Value::String(text) => serde_json::from_str(text).unwrap_or_else(|_| value.clone()),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, it)| (name.clone(), parsed(it)));
            Value::Object(fields.collect())
        }
        other => other.clone(),
    }
}

#[tokio::test]
async fn m12_the_example_is_applied_works_changes_nothing_when_applied_again_and_goes() {
    if is_missing(PEER) || is_skipped("moto") {
        return;
    }
    let moto = moto();
    let amazon = Amazon::new(moto.url());
    let terraform = Terraform::aws("infra/aws", Some(moto.url()));

    assert_succeeded(&terraform.with_variables(APPLY, &[]));
    let deployed = deployed::deployment(false);
    deployed::is_what_the_catalogue_says(&amazon, &deployed).await;
    message::goes_from_the_queue_into_a_row(&amazon).await;

    assert_succeeded(&terraform.with_variables(&["plan", "-out=again"], &[]));
    let again = terraform.succeeds(&["show", "-json", "again"]);
    assert_eq!(changes(&again), [] as [String; 0]);

    assert_succeeded(&terraform.with_variables(&["destroy", "-auto-approve"], &[]));
    deployed::is_gone(&amazon).await;
}

#[tokio::test]
async fn all_functions_as_one_are_applied_as_the_catalogue_says() {
    if is_missing(PEER) || is_skipped("moto") {
        return;
    }
    let moto = moto();
    let amazon = Amazon::new(moto.url());
    let terraform = Terraform::aws("infra/aws", Some(moto.url()));

    let one = &["functions=[\"metasync\"]"];
    assert_succeeded(&terraform.with_variables(APPLY, one));

    let deployed = deployed::deployment(true);
    deployed::is_what_the_catalogue_says(&amazon, &deployed).await;
}

#[test]
fn terraform_computes_the_catalogue_that_these_tests_compute() {
    if is_missing(PEER) {
        return;
    }
    let terraform = Terraform::aws("infra/modules/catalogue", None);
    terraform.succeeds(APPLY);
    let printed = terraform.succeeds(&["output", "-json", "functions"]);
    let computed: BTreeMap<String, Function> = serde_json::from_str(&printed).expect("functions");
    assert_eq!(computed, catalogue::functions());
}

#[test]
fn m12_the_modules_tests_hold() {
    if is_missing(PEER) {
        return;
    }
    let terraform = Terraform::aws("infra/modules/aws", None);
    terraform.succeeds(&["validate"]);
    let said = terraform.succeeds(&["test"]);
    assert!(
        said.contains("Success!") && said.contains(" 0 failed"),
        "{said}"
    );
}
