//! The observer of one run: its costs and its progress.

use warehouse::{Observer, Usage};

/// Counts what a run costs and reports its progress.
#[derive(Default)]
pub struct Run {
    usage: Usage,
    progress: Option<Box<dyn Fn(Progress) + Send + Sync>>,
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The warehouse is being read.
    Warehouse(warehouse::Progress),
    Describing {
        batches_done: usize,
        batches: usize,
    },
    Verifying {
        examples_done: usize,
        examples: usize,
    },
    Storing,
}

impl Run {
    /// A run that somebody watches. The problems in its answer are not logged as well.
    pub fn with_progress(progress: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        Self {
            progress: Some(Box::new(progress)),
            ..Self::default()
        }
    }

    /// Calls of the warehouse.
    pub fn requests(&self) -> u64 {
        self.usage.requests()
    }

    pub fn bytes_billed(&self) -> u64 {
        self.usage.bytes_billed()
    }

    /// Whether somebody watches the run and reads its answer. A scheduler ignores the answer.
    pub(crate) fn is_watched(&self) -> bool {
        self.progress.is_some()
    }

    pub(crate) fn report(&self, progress: Progress) {
        if let Some(report) = &self.progress {
            report(progress);
        }
    }
}

impl Observer for Run {
    fn request(&self) {
        self.usage.request();
    }

    fn billed(&self, bytes: u64) {
        self.usage.billed(bytes);
    }

    fn progress(&self, progress: warehouse::Progress) {
        self.report(Progress::Warehouse(progress));
    }
}
