//! A value that changes when a secret does.

use std::sync::{Arc, PoisonError, RwLock};

use super::Refresh;

/// A value made from variables. When a secret to which they refer changes, the value is made again. If that
/// fails, the previous one stays.
pub struct Rotating<T> {
    current: Arc<RwLock<Arc<T>>>,
    refresh: Refresh,
}

impl<T> Clone for Rotating<T> {
    fn clone(&self) -> Self {
        Self {
            current: self.current.clone(),
            refresh: self.refresh.clone(),
        }
    }
}

impl<T> Rotating<T> {
    pub(crate) fn new(value: T, refresh: Refresh) -> Self {
        Self {
            current: Arc::new(RwLock::new(Arc::new(value))),
            refresh,
        }
    }

    /// A value that never changes.
    pub fn fixed(value: T) -> Self {
        Self::new(value, Refresh::default())
    }

    /// The current value. Use one for the whole of an operation.
    pub fn current(&self) -> Arc<T> {
        let _ = self.refresh.begin_if_due();
        let current = self.current.read();
        current.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn cell(&self) -> Arc<RwLock<Arc<T>>> {
        self.current.clone()
    }
}
