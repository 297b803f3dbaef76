//! Where a person goes after signing in: a page of this service, and never one of another.

use url::Url;

/// The longest path with its query, in characters.
const LONGEST: usize = 2_000;
/// Where a person goes without a valid path.
const HOME: &str = "/";

/// The path to go to, if it is one of this service; otherwise `/`.
pub fn local(path: Option<&str>) -> &str {
    path.filter(|path| is_local(path)).unwrap_or(HOME)
}

/// Whether browsers resolve the text to a page of this service. They skip some characters, read `\` as `/`, and read
/// `//` as the start of a host.
fn is_local(path: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\\\"<>".contains(&byte);
    let has_form = path.starts_with('/')
        && !path.starts_with("//")
        && path.len() <= LONGEST
        && path.bytes().all(is_plain);
    // Any origin will do: the path must not lead away from it.
    let base = Url::parse("https://own.invalid").expect("a URL");
    has_form
        && base
            .join(path)
            .is_ok_and(|url| url.origin() == base.origin() && !url.path().starts_with("//"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_service_are_followed() {
        let longest = format!("/{}", "a".repeat(LONGEST - 1));
        for path in [
            "/",
            "/projects/1?tab=people&q=a%20b#top",
            "/a//b",
            "/?next=https://evil.example",
            "/@evil.example",
            "/:80",
            &longest,
        ] {
            assert_eq!(local(Some(path)), path);
        }
        let too_long = format!("{longest}a");
        for path in [
            "",
            "projects",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/a\\b",
            "/\t/evil.example",
            "/\n/evil.example",
            "/a\r\nset-cookie: a=b",
            "/a b",
            "/a\"b",
            "/<script>",
            "/\0",
            "/.//evil.example",
            "/..//evil.example",
            "/%2e//evil.example",
            "/a/..//evil.example",
            "https://evil.example",
            "https:evil.example",
            "javascript:alert(1)",
            "@evil.example",
            ".evil.example",
            "?a",
            "/\u{AC00}",
            "/\u{2028}",
            &too_long,
        ] {
            assert_eq!(local(Some(path)), "/", "{path:?}");
        }
        assert_eq!(local(None), "/");
    }
}
