//! The configuration of the service in front of every app.

use std::sync::Arc;

use tower_http::cors::CorsLayer;

use super::address::Hops;
use super::cors;
use super::limits::Limits;
use super::rate::Rates;
use crate::{All as _, Resources};

pub(super) struct Settings {
    pub(super) limits: Limits,
    pub(super) hops: Hops,
    pub(super) rates: Arc<Rates>,
    pub(super) cors: Option<CorsLayer>,
}

impl Settings {
    /// # Errors
    /// If a variable has an invalid value. The error names all of them.
    pub(super) fn read(resources: &Resources) -> anyhow::Result<Self> {
        let env = resources.env();
        let (limits, hops, rates, cors) = (
            Limits::new(env),
            Hops::new(env),
            Rates::new(env, resources.clock()),
            cors::layer(env),
        )
            .all()?;
        Ok(Self {
            limits,
            hops,
            rates: Arc::new(rates),
            cors,
        })
    }
}
