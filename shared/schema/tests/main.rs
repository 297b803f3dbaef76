//! The rules of the schema document, on its public interface.

mod round_trip;
