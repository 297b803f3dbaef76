//! The locations of datasets that are known already.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::settings::Dataset;

/// A cache for the life of the process: a dataset never moves.
#[derive(Default)]
pub(super) struct Locations(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// Locations by `project.dataset`.
    of_datasets: HashMap<String, String>,
    /// The location of the last job, most likely that of the next one, too.
    of_last_job: Option<String>,
}

impl Locations {
    /// The location of a dataset; none if it was never looked up.
    pub(super) fn of_dataset(&self, dataset: &Dataset) -> Option<String> {
        self.lock().of_datasets.get(&dataset.to_string()).cloned()
    }

    pub(super) fn of_last_job(&self) -> Option<String> {
        self.lock().of_last_job.clone()
    }

    pub(super) fn set_dataset(&self, dataset: &Dataset, location: &str) {
        let mut known = self.lock();
        known
            .of_datasets
            .insert(dataset.to_string(), location.to_owned());
        known.of_last_job = Some(location.to_owned());
    }

    pub(super) fn set_last_job(&self, location: Option<String>) {
        self.lock().of_last_job = location;
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
