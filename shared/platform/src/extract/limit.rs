//! The size limit of a request's body.

use crate::Error;

/// The limit of the route, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimit(pub(crate) usize);

impl BodyLimit {
    /// The error of a larger body.
    pub(crate) fn exceeded(self) -> Error {
        let (size, unit) = match self.0 {
            size if size > 0 && size % (1 << 20) == 0 => (size >> 20, "MiB"),
            size if size > 0 && size % (1 << 10) == 0 => (size >> 10, "KiB"),
            size => (size, "bytes"),
        };
        Error::TooLarge(format!(
            "the body is larger than this route accepts: send at most {size} {unit}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_a_large_body_states_the_limit() {
        for (bytes, limit) in [(16 << 20, "16 MiB"), (4096, "4 KiB"), (1000, "1000 bytes")] {
            let error = BodyLimit(bytes).exceeded().to_string();
            assert!(error.ends_with(&format!("send at most {limit}")), "{error}");
        }
    }
}
