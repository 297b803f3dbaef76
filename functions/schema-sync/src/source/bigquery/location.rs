//! Where datasets lie. Google finds the place of a query by itself, most of the time; where it looks
//! elsewhere it answers that there is no such dataset.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

use super::client::{Api, Client};
use super::failure::Failure;
use super::settings::Dataset;
use crate::source::Run;

/// What was found out, for as long as the process lives: a dataset never moves.
#[derive(Default)]
pub(super) struct Locations(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// By `project.dataset`.
    of: HashMap<String, String>,
    /// Where the last job had to be sent to: most likely the next one, too.
    last: Option<String>,
}

#[derive(Deserialize)]
struct DatasetResource {
    location: Option<String>,
}

/// As often as a dry run is sent; a query over two places is refused in both.
const PLACES: usize = 3;

impl Locations {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// None where nobody had to ask for it.
    pub(super) fn known(&self, dataset: &Dataset) -> Option<String> {
        self.lock().of.get(&dataset.to_string()).cloned()
    }

    fn last(&self) -> Option<String> {
        self.lock().last.clone()
    }
}

/// The dataset's location, asked for once.
pub(super) async fn find(
    client: &Client,
    dataset: &Dataset,
    run: &Run,
) -> Result<Option<String>, Failure> {
    if let Some(known) = client.locations.known(dataset) {
        return Ok(Some(known));
    }
    let path = ["projects", &dataset.project, "datasets", &dataset.name];
    let fields = [("fields", "location")];
    let found: DatasetResource = client.get(Api::GetDataset, &path, &fields, run).await?;
    if let Some(location) = &found.location {
        let mut known = client.locations.lock();
        known.of.insert(dataset.to_string(), location.clone());
        known.last = Some(location.clone());
    }
    Ok(found.location)
}

/// `jobs.insert` of a dry run, where the tables lie that it reads.
pub(super) async fn insert_job<T: DeserializeOwned>(
    client: &Client,
    project: &str,
    mut body: Value,
    run: &Run,
) -> Result<T, Failure> {
    let path = ["projects", project, "jobs"];
    let mut place = client.locations.last();
    let mut sent = 1;
    loop {
        if let Some(place) = &place {
            let job = Uuid::now_v7().to_string();
            body["jobReference"] = json!({"projectId": project, "jobId": job, "location": place});
        }
        let failure = match client.post(Api::InsertJob, &path, &body, run).await {
            Err(failure) if sent < PLACES => failure,
            done => return done,
        };
        let Some(dataset) = failure.dataset_elsewhere() else {
            return Err(failure);
        };
        let found = match find(client, &dataset, run).await {
            Ok(found) => found,
            // There is no such dataset anywhere: the query's fault.
            Err(missing) if missing.is_not_found() => return Err(failure),
            Err(other) => return Err(other),
        };
        if found.is_none() || found == place {
            return Err(failure);
        }
        client.locations.lock().last.clone_from(&found);
        place = found;
        sent += 1;
    }
}
