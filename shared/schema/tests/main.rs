//! The rules of the schema document, on its public interface.

mod details;
mod round_trip;
mod schema_faults;
mod schema_files;
mod terraform_files;
