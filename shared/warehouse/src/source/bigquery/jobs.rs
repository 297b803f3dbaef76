//! The location of a job. BigQuery infers it from the datasets, most of the time. If it infers
//! another one, it reports that the dataset does not exist.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

use super::client::{Api, Client};
use super::failure::Failure;
use super::settings::Dataset;
use crate::observer::Observer;

/// How often a dry run is sent: a query over two locations is refused in both.
const LOCATIONS: usize = 3;

#[derive(Deserialize)]
struct DatasetResource {
    location: Option<String>,
}

/// The location of a dataset, from the cache or from `datasets.get`.
pub(super) async fn find_location(
    client: &Client,
    dataset: &Dataset,
    observer: &dyn Observer,
) -> Result<Option<String>, Failure> {
    if let Some(known) = client.locations.of_dataset(dataset) {
        return Ok(Some(known));
    }
    let path = ["projects", &dataset.project, "datasets", &dataset.name];
    let fields = [("fields", "location")];
    let resource: DatasetResource = client
        .get(Api::GetDataset, &path, &fields, observer)
        .await?;
    if let Some(location) = &resource.location {
        client.locations.set_dataset(dataset, location);
    }
    Ok(resource.location)
}

/// Inserts a dry run in the location of the tables that it reads.
pub(super) async fn insert<T: DeserializeOwned>(
    client: &Client,
    project: &str,
    mut body: Value,
    observer: &dyn Observer,
) -> Result<T, Failure> {
    let path = ["projects", project, "jobs"];
    let mut location = client.locations.of_last_job();
    let mut sent = 1;
    loop {
        if let Some(location) = &location {
            let job = Uuid::now_v7().to_string();
            body["jobReference"] =
                json!({"projectId": project, "jobId": job, "location": location});
        }
        let failure = match client.post(Api::InsertJob, &path, &body, observer).await {
            Err(failure) if sent < LOCATIONS => failure,
            done => return done,
        };
        let Some(dataset) = failure.dataset_elsewhere() else {
            return Err(failure);
        };
        let found = match find_location(client, &dataset, observer).await {
            Ok(found) => found,
            // No such dataset exists anywhere, so the query is at fault.
            Err(missing) if missing.is_not_found() => return Err(failure),
            Err(other) => return Err(other),
        };
        if found.is_none() || found == location {
            return Err(failure);
        }
        client.locations.set_last_job(found.clone());
        location = found;
        sent += 1;
    }
}
