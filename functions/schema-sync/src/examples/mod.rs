//! Examples: questions with the SQL that answers them.
//!
//! Each is grounded in the schema and planned by the warehouse (`review`), and again whenever a table that it
//! reads changes (`list`). Examples that fail are quarantined with their error, and `report` tells people which
//! ones. People add, change and remove them (`edit`).

mod edit;
mod list;
mod report;
mod review;

pub use edit::{Editor, NewExample, Outcome, tag};
pub use list::{Datasets, Reasons, Reviewed, is_same, review, touched, unseen};
pub use report::{ExampleChange, ExampleFate, dropped, example_changes};
pub use review::{Audience, Planning, Reviewer, Verdict, parsed, problem};
