//! Names in the configuration that match nothing: datasets and robeings in the scopes of `AUTH_TOKENS`, and the robeings
//! of Slack apps. Who asks with such a scope gets an empty answer, which reads as if there were no data.

use std::collections::BTreeMap;

use platform::auth::Names;
use platform::{Env, Resources};
use robeing::ROBEINGS;
use schema::name::DATASETS;
use stats_batch::Stats;

use super::given::Given;
use super::report::{Outcome, failed, fine, hint, skipped};
use crate::cli::cache;

pub async fn check(resources: &Resources) -> Outcome {
    let Ok(auth) = resources.auth() else {
        return skipped("no caller can authenticate");
    };
    let env = resources.env();
    let mut datasets = Vec::new();
    let mut robeings: Vec<(String, String)> = Vec::new();
    for caller in auth.token_callers() {
        let place = format!("the scope of {:?} in AUTH_TOKENS", caller.name);
        if let Names::Only(only) = caller.scope.of(DATASETS) {
            datasets.push((place.clone(), only.to_vec()));
        }
        if let Names::Only(only) = caller.scope.of(ROBEINGS) {
            robeings.extend(only.iter().map(|name| (place.clone(), name.clone())));
        }
    }
    let by_app = env.get("SLACK_ROBEINGS").unwrap_or("{}");
    let by_app: BTreeMap<String, String> = serde_json::from_str(by_app).unwrap_or_default();
    for (app, robeing) in by_app {
        robeings.push((format!("SLACK_ROBEINGS of {app:?}"), robeing));
    }
    if let Some(robeing) = env.get("SLACK_DEFAULT_ROBEING") {
        robeings.push(("SLACK_DEFAULT_ROBEING".to_owned(), robeing.to_owned()));
    }
    if datasets.is_empty() && robeings.is_empty() {
        return skipped("no scope names a dataset or a robeing");
    }
    let unknown_datasets = unknown_datasets(resources, &datasets).await;
    let unknown_robeings = unknown_robeings(resources, &robeings).await;
    outcome(env, unknown_datasets, unknown_robeings)
}

/// A dataset that matches nothing is a mistake. A robeing may be new, and get its first message later.
fn outcome(env: &Env, datasets: Option<Vec<String>>, robeings: Option<Vec<String>>) -> Outcome {
    match (datasets, robeings) {
        (None, None) => skipped("there is no schema and no message to compare them with"),
        (Some(datasets), robeings) if !datasets.is_empty() => {
            let robeings = robeings.unwrap_or_default();
            let remedy = Given::of(env, "AUTH_TOKENS").edit();
            failed(
                [datasets, robeings].concat().join("; "),
                format!("{remedy}  # with the names that are meant"),
            )
        }
        (_, Some(robeings)) if !robeings.is_empty() => {
            let port = env.get("PORT").unwrap_or("8080");
            let remedy = format!(
                "curl -sS -H \"authorization: Bearer $TOKEN\" http://localhost:{port}/v1/robeings  \
                 # lists the robeings that the token may see"
            );
            hint(robeings.join("; "), remedy)
        }
        _ => fine("each name matches something"),
    }
}

/// None without a schema.
async fn unknown_datasets(
    resources: &Resources,
    scopes: &[(String, Vec<String>)],
) -> Option<Vec<String>> {
    let store = resources.store().ok()?;
    let document = cache::load(&*store).await.ok()?;
    let of_scope = |(place, names): &(String, Vec<String>)| -> Vec<String> {
        let unmatched = cache_read::unmatched(names, &document).into_iter();
        unmatched.map(|told| format!("{place}: {told}")).collect()
    };
    Some(scopes.iter().flat_map(of_scope).collect())
}

/// None without messages.
async fn unknown_robeings(
    resources: &Resources,
    names: &[(String, String)],
) -> Option<Vec<String>> {
    let known = Stats::open(resources).ok()?.robeings().await.ok()?;
    if known.is_empty() {
        return None;
    }
    let unknown = names.iter().filter(|(_, name)| !known.contains(name));
    let told = unknown.map(|(place, name)| {
        let meant = ground::hint(name, known.iter().map(String::as_str));
        format!("{place}: {name:?} matches no robeing that has messages{meant}")
    });
    Some(told.collect())
}
