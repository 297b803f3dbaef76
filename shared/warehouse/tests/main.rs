//! The rules of reading warehouses, a folder or file for each kind, and one for real schemas that are
//! read by several kinds.

mod bigquery;
mod folder;
mod folder_families;
#[cfg(unix)]
mod folder_files;
mod ga4;
mod postgres;

use std::sync::Mutex;

use schema::Dialect;
use schema::name::TableName;
use warehouse::{Observer, Progress};

/// A name of plain parts, or of a project with dots: `project.dataset.table`.
fn name(joined: &str) -> TableName {
    TableName::of_unquoted(joined, Dialect::Bigquery).expect("three parts")
}

/// Records the progress that a source reports.
#[derive(Default)]
struct Recorder(Mutex<Vec<Progress>>);

impl Recorder {
    fn progress(&self) -> Vec<Progress> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Recorder {
    fn request(&self) {}

    fn billed(&self, _: u64) {}

    fn progress(&self, progress: Progress) {
        self.0.lock().unwrap().push(progress);
    }
}
