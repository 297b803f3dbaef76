//! The AWS example, applied to moto with the provider of AWS: the deployment matches the catalogue, a message goes
//! from the queue into a row, a second apply changes nothing, and destroy leaves nothing.

mod account;
mod amazon;
mod deployed;
mod doctor;
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

/// The resources that a plan would change. moto reformats JSON, which does not count as a change.
fn changes(plan: &str) -> Vec<String> {
    let plan: Value = serde_json::from_str(plan).expect("a plan");
    let changes = plan["resource_changes"].as_array().expect("a list");
    let changed = changes.iter().filter(|it| {
        let change = &it["change"];
        parsed(&change["before"]) != parsed(&change["after"])
    });
    let address = |it: &Value| it["address"].as_str().unwrap_or_default().to_owned();
    changed.map(address).collect()
}

/// Parses strings that are JSON, so that their formatting does not matter.
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
async fn the_example_can_be_applied_used_applied_again_without_changes_and_destroyed() {
    if is_missing(PEER) || is_skipped("moto") {
        return;
    }
    let moto = moto();
    let amazon = Amazon::new(moto.url());
    let terraform = Terraform::aws("infra/aws", Some(moto.url()));

    assert_succeeded(&terraform.with_variables(APPLY, &[]));
    let deployed = deployed::deployment(false);
    deployed::matches_the_catalogue(&amazon, &deployed).await;
    message::goes_from_the_queue_into_a_row(&amazon).await;

    assert_succeeded(&terraform.with_variables(&["plan", "-out=again"], &[]));
    let again = terraform.succeeds(&["show", "-json", "again"]);
    assert_eq!(changes(&again), [] as [String; 0]);

    assert_succeeded(&terraform.with_variables(&["destroy", "-auto-approve"], &[]));
    deployed::is_gone(&amazon).await;
}

#[tokio::test]
async fn a_deployment_of_metasync_alone_matches_the_catalogue() {
    if is_missing(PEER) || is_skipped("moto") {
        return;
    }
    let moto = moto();
    let amazon = Amazon::new(moto.url());
    let terraform = Terraform::aws("infra/aws", Some(moto.url()));

    let one = &["functions=[\"metasync\"]"];
    assert_succeeded(&terraform.with_variables(APPLY, one));

    let deployed = deployed::deployment(true);
    deployed::matches_the_catalogue(&amazon, &deployed).await;
}

#[tokio::test]
async fn the_functions_of_a_database_have_a_way_out_through_nat_and_nobody_has_a_way_in() {
    if is_missing(PEER) || is_skipped("moto") {
        return;
    }
    let moto = moto();
    let amazon = Amazon::new(moto.url());
    let terraform = Terraform::aws("infra/aws", Some(moto.url()));
    let own = [
        "functions=[\"metasync\"]",
        "database={}",
        "nat=true",
        "variables={AUTH_ISSUER=\"https://id.example.com\", AUTH_AUDIENCE=\"metasync\"}",
    ];
    assert_succeeded(&terraform.with_variables(APPLY, &own));

    let path = "/2015-03-31/functions/metasync-metasync";
    let network = amazon.get("lambda", path).await["Configuration"]["VpcConfig"].clone();
    let subnets = network["SubnetIds"].as_array().expect("a network");
    assert_eq!(subnets.len(), 2);
    for subnet in subnets {
        let table = amazon.route_table(subnet.as_str().expect("an id")).await;
        let is_routed = table.contains("0.0.0.0/0") && table.contains("<natGatewayId>nat-");
        assert!(is_routed && !table.contains("<gatewayId>igw-"), "{table}");
    }
    assert_succeeded(&terraform.with_variables(&["destroy", "-auto-approve"], &own));
    assert_eq!(resources(&terraform), [] as [String; 0]);
}

/// Everything that the state holds.
fn resources(terraform: &Terraform) -> Vec<String> {
    let list = terraform.succeeds(&["state", "list"]);
    list.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_destroy_that_must_keep_data_deletes_nothing() {
    if is_missing(PEER) || is_skipped("moto") {
        return;
    }
    let moto = moto();
    let terraform = Terraform::aws("infra/aws", Some(moto.url()));
    let one = ["functions=[\"metasync\"]"];
    let kept = [one[0], "keep_data=true"];
    assert_succeeded(&terraform.with_variables(APPLY, &kept));
    let before = resources(&terraform);

    // Whatever keep_data is now: the deployment was applied with true.
    for variables in [&kept[..], &one] {
        let refused = terraform.with_variables(&["destroy", "-auto-approve"], variables);
        assert!(!refused.status.success());
        let printed = String::from_utf8_lossy(&refused.stdout).into_owned()
            + &String::from_utf8_lossy(&refused.stderr);
        assert!(
            printed.contains("apply with keep_data = false"),
            "{printed}"
        );
        assert_eq!(resources(&terraform), before);
    }

    assert_succeeded(&terraform.with_variables(APPLY, &one));
    assert_succeeded(&terraform.with_variables(&["destroy", "-auto-approve"], &one));
    assert_eq!(resources(&terraform), [] as [String; 0]);
}

#[test]
fn terraform_and_these_tests_compute_the_same_catalogue() {
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
fn the_tests_of_the_terraform_modules_pass() {
    if is_missing(PEER) {
        return;
    }
    for module in ["infra/modules/aws", "infra/modules/routes"] {
        let terraform = Terraform::aws(module, None);
        terraform.succeeds(&["validate"]);
        let text = terraform.succeeds(&["test"]);
        assert!(
            text.contains("Success!") && text.contains(" 0 failed"),
            "{module}: {text}"
        );
    }
}
