//! The variables that functions require.

/// A variable without a default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Variable {
    pub name: &'static str,
    /// What to set it to.
    pub meaning: &'static str,
}

pub const WAREHOUSE_URL: Variable = Variable {
    name: "WAREHOUSE_URL",
    meaning: "bigquery://project/dataset, postgres://user:password@host/database, or file:///folder",
};
pub const BUCKET_URL: Variable = Variable {
    name: "BUCKET_URL",
    meaning: "s3://bucket, gs://bucket, or file:///folder",
};
pub const DATABASE_URL: Variable = Variable {
    name: "DATABASE_URL",
    meaning: "postgres://user:password@host/database",
};
pub const MASKING_KEY: Variable = Variable {
    name: "MASKING_KEY",
    meaning: KEY,
};
pub const METASYNC_KEYS: Variable = Variable {
    name: "METASYNC_KEYS",
    meaning: KEY,
};
pub const PRIVACY_KEY: Variable = Variable {
    name: "PRIVACY_KEY",
    meaning: KEY,
};
const KEY: &str = "64 hex digits, for example from `openssl rand -hex 32`";
