//! The rules of the schema document, on its public interface.

mod details;
mod round_trip;
mod schema_files;
