//! What a source reports while it works: requests, bytes billed, and progress.

use std::sync::atomic::{AtomicU64, Ordering};

/// Receives what a source reports while it reads or plans.
pub trait Observer: Send + Sync {
    /// One request is sent to the warehouse; retries and further pages count as well.
    fn request(&self);

    /// The warehouse bills a query, in bytes.
    fn billed(&self, bytes: u64);

    /// How far the reading has come.
    fn progress(&self, progress: Progress);
}

/// How far a reading has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    Listing {
        datasets_done: usize,
        datasets: usize,
    },
    Reading {
        tables_done: usize,
        tables: usize,
    },
}

/// An observer that counts requests and bytes billed, and ignores progress.
#[derive(Debug, Default)]
pub struct Usage {
    requests: AtomicU64,
    bytes_billed: AtomicU64,
}

impl Usage {
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    pub fn bytes_billed(&self) -> u64 {
        self.bytes_billed.load(Ordering::Relaxed)
    }
}

impl Observer for Usage {
    fn request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    fn billed(&self, bytes: u64) {
        self.bytes_billed.fetch_add(bytes, Ordering::Relaxed);
    }

    fn progress(&self, _: Progress) {}
}
