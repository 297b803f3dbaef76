#![doc = include_str!("../README.md")]

use platform::auth::{Kind, is_name};
use platform::{Caller, Error, Result};

/// The kind of robeings' ids: `robeings` in the JSON of a scope.
pub const ROBEINGS: Kind = Kind::new("robeings");

/// Checks that the caller's scope includes a robeing.
///
/// # Errors
/// `Invalid` if no robeing can have this id (see [`is_name`]). `Forbidden` if the robeing is not in
/// scope, whether or not it exists.
pub fn may_see(caller: &Caller, robeing_id: &str) -> Result<()> {
    if !is_name(robeing_id) {
        return Err(Error::Invalid(
            "a robeing's id must have 1 to 100 characters, without control characters, and must \
             not be `*`"
                .to_owned(),
        ));
    }
    if caller.scope.of(ROBEINGS).contain(robeing_id) {
        return Ok(());
    }
    Err(Error::Forbidden(format!(
        "the robeing is not in the scope of {:?}",
        caller.name
    )))
}
