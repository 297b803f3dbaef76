//! What a request contains: its JSON body, its query, the parameters in its path, and its conditions.
//!
//! These extractors replace those of axum, whose errors repeat the words of libraries. Each error here names
//! the field or parameter, and says what it must be and what it is.

mod conditions;
mod cursor;
pub mod etags;
pub mod json;
mod limit;
mod page;
mod path;
mod query;
mod strict;
mod text;
pub mod wording;

pub use conditions::Conditions;
pub use cursor::Cursor;
pub use etags::Tags;
pub use json::{Json, JsonItems, RawBody};
pub(crate) use limit::BodyLimit;
pub use page::page_limit;
pub use path::Path;
pub use query::Query;
pub use strict::Strict;
