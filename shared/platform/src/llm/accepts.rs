//! What a model accepts, by its name. A provider refuses a whole request because of one parameter that the
//! model doesn't know, so a parameter is sent only if it is known to be accepted. A name without a row is
//! that of a newer model: all providers have moved from a temperature and a budget of thinking tokens to an
//! effort, and from JSON in the prompt to a schema.
//!
//! Sources: platform.claude.com/docs (models overview, extended thinking, structured outputs),
//! developers.openai.com/api/docs (models, reasoning, structured outputs, prompt caching),
//! ai.google.dev/gemini-api/docs (models, thinking, structured output).

use super::model::Provider;

/// What a model accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepts {
    /// Whether it accepts a temperature of 0, and answers better with it, while it doesn't think.
    pub temperature: bool,
    pub format: Format,
    pub thinking: Thinking,
    /// The limit of output tokens, including thinking.
    pub max_output: u32,
    pub limit: Limit,
    /// Whether it is available only through OpenAI's Responses API.
    pub responses_only: bool,
    /// Whether OpenAI charges for writing to its prompt cache, and takes `prompt_cache_options`.
    pub paid_cache: bool,
}

/// How a model is asked for JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// By a schema.
    Schema,
    /// By JSON mode. The prompt has the schema.
    Json,
    /// By the prompt alone.
    Prompt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thinking {
    Never,
    /// Only if the request has a budget of tokens.
    Budget,
    /// Unless the request has a budget of zero.
    DefaultBudget,
    /// Only if the request has an effort.
    Effort,
    /// Always, or unless the request has an effort of none.
    DefaultEffort,
    /// The server decides.
    Unknown,
}

/// The parameter for the limit of output tokens in OpenAI's Chat Completions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    MaxTokens,
    MaxCompletionTokens,
}

impl Limit {
    pub fn parameter(self) -> &'static str {
        match self {
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
        }
    }

    pub fn other(self) -> Self {
        match self {
            Self::MaxTokens => Self::MaxCompletionTokens,
            Self::MaxCompletionTokens => Self::MaxTokens,
        }
    }
}

/// Models with open weights, and others, of which every server accepts a temperature.
const WITH_TEMPERATURE: &[&str] = &[
    "codestral",
    "command",
    "deepseek",
    "devstral",
    "exaone",
    "falcon",
    "gemma",
    "glm",
    "gpt-oss",
    "granite",
    "grok",
    "hermes",
    "llama",
    "mistral",
    "ministral",
    "mixtral",
    "nemotron",
    "olmo",
    "phi",
    "qwen",
    "smollm",
    "solar",
    "starcoder",
    "yi-",
];

/// Models of DeepSeek's own API, which think by default.
const DEEPSEEK_THINKING: &[&str] = &["deepseek-flash", "deepseek-reasoner", "deepseek-v4"];

/// A version of a model: major, minor.
type Version = (u32, u32);
/// The version of a name that has none, such as `gemini-flash-latest`.
const NEWEST: Version = (u32::MAX, 0);

const DEFAULT: Accepts = Accepts {
    temperature: false,
    format: Format::Schema,
    thinking: Thinking::Unknown,
    max_output: u32::MAX,
    limit: Limit::MaxTokens,
    responses_only: false,
    paid_cache: false,
};

/// What a model of a provider accepts.
pub fn accepts(provider: Provider, model: &str) -> Accepts {
    let name = model.to_ascii_lowercase();
    match provider {
        Provider::Anthropic => anthropic(&name),
        Provider::Openai => openai(&name),
        Provider::Gemini => gemini(&name),
        Provider::Ollama => Accepts {
            temperature: true,
            ..DEFAULT
        },
        Provider::Compatible => compatible(&name),
    }
}

fn anthropic(name: &str) -> Accepts {
    let version = version(name).unwrap_or(NEWEST);
    let is_opus = name.contains("opus");
    Accepts {
        temperature: version < (4, 7),
        format: if version < (4, 1) {
            Format::Prompt
        } else {
            Format::Schema
        },
        thinking: match version {
            _ if version < (3, 7) => Thinking::Never,
            _ if version < (4, 6) => Thinking::Budget,
            _ if version < (5, 0) => Thinking::Effort,
            _ => Thinking::DefaultEffort,
        },
        max_output: match version {
            _ if version < (3, 5) => 4_096,
            _ if version < (3, 7) => 8_192,
            _ if is_opus && version < (4, 5) => 32_000,
            _ if version < (4, 6) => 64_000,
            _ => 128_000,
        },
        ..DEFAULT
    }
}

fn openai(name: &str) -> Accepts {
    // The name of a fine-tuned model: `ft:gpt-4o-mini-2024-07-18:acme::id`.
    let name = name.strip_prefix("ft:").unwrap_or(name);
    let responses_only = ["-pro", "codex", "deep-research", "computer-use"]
        .iter()
        .any(|part| name.contains(part));
    if is_o_series(name) {
        return Accepts {
            thinking: Thinking::DefaultEffort,
            max_output: 100_000,
            limit: Limit::MaxCompletionTokens,
            responses_only,
            ..DEFAULT
        };
    }
    let version = match name {
        // Azure's spelling.
        _ if name.starts_with("gpt-35") => (3, 5),
        _ => version(name).unwrap_or(NEWEST),
    };
    if version >= (5, 0) {
        return Accepts {
            thinking: if name.contains("-chat") {
                Thinking::Unknown
            } else {
                Thinking::DefaultEffort
            },
            max_output: 128_000,
            limit: Limit::MaxCompletionTokens,
            responses_only,
            paid_cache: version >= (5, 6) && version != NEWEST,
            ..DEFAULT
        };
    }
    let has_schemas =
        (name.contains("4o") && !name.ends_with("2024-05-13") && !name.contains("chatgpt"))
            || version >= (4, 1);
    let is_original = version == (4, 0) && !name.contains("4-turbo") && !name.contains("4o");
    Accepts {
        temperature: !name.contains("search"),
        format: match version {
            _ if has_schemas => Format::Schema,
            _ if is_original => Format::Prompt,
            _ => Format::Json,
        },
        thinking: Thinking::Never,
        max_output: match version {
            (4, 1) => 32_768,
            _ if has_schemas || name.contains("chatgpt") => 16_384,
            _ => 4_096,
        },
        responses_only,
        ..DEFAULT
    }
}

fn gemini(name: &str) -> Accepts {
    let version = version(name).unwrap_or(NEWEST);
    if name.contains("gemma") {
        return Accepts {
            temperature: true,
            format: Format::Prompt,
            max_output: 8_192,
            ..DEFAULT
        };
    }
    Accepts {
        // Gemini 3 and later may loop with a temperature below 1.
        temperature: version < (3, 0),
        thinking: match version {
            _ if version < (2, 5) => Thinking::Never,
            _ if version < (3, 0) => Thinking::DefaultBudget,
            _ => Thinking::DefaultEffort,
        },
        // The limit of a request without streaming.
        max_output: if version < (2, 5) { 8_192 } else { 32_768 },
        ..DEFAULT
    }
}

/// A server at `LLM_BASE_URL`, which may be a gateway to one of the providers.
fn compatible(name: &str) -> Accepts {
    let base = name.rsplit('/').next().unwrap_or(name);
    let is_openai = is_openai(base.strip_prefix("ft:").unwrap_or(base));
    let accepts = if base.contains("claude") {
        anthropic(base)
    } else if is_openai {
        openai(base)
    } else if base.contains("gemini") {
        gemini(base)
    } else {
        Accepts {
            temperature: WITH_TEMPERATURE.iter().any(|part| base.contains(part)),
            // DeepSeek's API has JSON mode only, and so do some servers of its models.
            format: if base.starts_with("deepseek-") {
                Format::Json
            } else {
                Format::Schema
            },
            thinking: if DEEPSEEK_THINKING.iter().any(|part| base.starts_with(part)) {
                Thinking::DefaultEffort
            } else {
                Thinking::Unknown
            },
            ..DEFAULT
        }
    };
    Accepts {
        // A gateway translates the older parameter; OpenAI and Azure don't.
        limit: if is_openai && base == name {
            accepts.limit
        } else {
            Limit::MaxTokens
        },
        responses_only: false,
        paid_cache: false,
        ..accepts
    }
}

/// Whether a name is that of a model that only OpenAI, Azure or a gateway serves.
pub fn is_openai(name: &str) -> bool {
    // `gpt-oss` has open weights, which many providers serve.
    (name.starts_with("gpt-") && !name.starts_with("gpt-oss"))
        || ["chatgpt-", "chat-latest", "codex-"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
        || is_o_series(name)
}

/// `o3`, `o4-mini`.
fn is_o_series(name: &str) -> bool {
    name.strip_prefix('o')
        .and_then(|rest| rest.chars().next())
        .is_some_and(|c| c.is_ascii_digit())
}

/// The first number of a name, and the number right behind it. A date is not a version.
fn version(name: &str) -> Option<Version> {
    let short = |digits: &str| {
        (1..=2)
            .contains(&digits.len())
            .then(|| digits.parse().ok())
            .flatten()
    };
    let mut parts = name.split(['-', '.', ':']).peekable();
    while let Some(part) = parts.next() {
        let digits = part
            .find(|c: char| !c.is_ascii_digit())
            .map_or(part, |end| &part[..end]);
        if let Some(major) = short(digits) {
            let minor = parts.peek().and_then(|next| short(next));
            let minor = minor.filter(|_| digits.len() == part.len());
            return Some((major, minor.unwrap_or(0)));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_from_names_of_every_form() {
        for (name, expected) in [
            ("claude-opus-4-20250514", Some((4, 0))),
            ("claude-3-5-sonnet-20241022", Some((3, 5))),
            ("claude-opus-4.8", Some((4, 8))),
            ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", Some((4, 5))),
            ("claude-mythos-preview", None),
            ("gpt-4o-mini-2024-07-18", Some((4, 0))),
            ("gpt-4.1-nano", Some((4, 1))),
            ("gpt-4-0613", Some((4, 0))),
            ("gpt-4-32k", Some((4, 0))),
            ("gpt-6.1-sol", Some((6, 1))),
            ("gemini-2.5-flash", Some((2, 5))),
            ("gemini-flash-latest", None),
        ] {
            assert_eq!(version(name), expected, "{name}");
        }
    }

    #[test]
    fn only_models_that_are_known_to_accept_a_temperature_get_one() {
        use Provider::{Anthropic, Compatible, Gemini, Ollama, Openai};
        for (provider, name, takes) in [
            (Anthropic, "claude-sonnet-4-5", true),
            (Anthropic, "claude-opus-4-6", true),
            (Anthropic, "claude-opus-4-7", false),
            (Anthropic, "claude-haiku-5-5", false),
            (Anthropic, "claude-fable-5-1", false),
            (Anthropic, "claude-x", false),
            (Openai, "gpt-4o", true),
            (Openai, "gpt-4o-search-preview", false),
            (Openai, "gpt-5-mini", false),
            (Openai, "gpt-10", false),
            (Openai, "o3", false),
            (Openai, "chat-latest", false),
            (Gemini, "gemini-2.5-flash", true),
            (Gemini, "gemini-3-pro", false),
            (Gemini, "gemini-flash-latest", false),
            (Ollama, "anything", true),
            (Compatible, "meta-llama/Llama-3.3-70B-Instruct", true),
            (Compatible, "anthropic/claude-opus-5", false),
            (Compatible, "openai/gpt-4o", true),
            (Compatible, "gpt-5-mini", false),
            (Compatible, "my-deployment", false),
        ] {
            assert_eq!(accepts(provider, name).temperature, takes, "{name}");
        }
    }

    #[test]
    fn models_without_structured_output_get_json_mode_or_the_schema_in_the_prompt() {
        use Provider::{Anthropic, Compatible, Gemini, Openai};
        for (provider, name, format) in [
            (Anthropic, "claude-3-5-haiku-20241022", Format::Prompt),
            (Anthropic, "claude-sonnet-4-20250514", Format::Prompt),
            (Anthropic, "claude-opus-4-1", Format::Schema),
            (Anthropic, "claude-sonnet-5-5", Format::Schema),
            (Openai, "gpt-3.5-turbo", Format::Json),
            (Openai, "gpt-4-0613", Format::Prompt),
            (Openai, "gpt-4-turbo", Format::Json),
            (Openai, "gpt-4o-2024-05-13", Format::Json),
            (Openai, "gpt-4o", Format::Schema),
            (Openai, "gpt-4.1", Format::Schema),
            (Openai, "gpt-7", Format::Schema),
            (Gemini, "gemma-3-27b-it", Format::Prompt),
            (Gemini, "gemini-4-argon", Format::Schema),
            (Compatible, "deepseek-chat", Format::Json),
            (Compatible, "any", Format::Schema),
        ] {
            assert_eq!(accepts(provider, name).format, format, "{name}");
        }
    }

    #[test]
    fn models_of_the_responses_api_alone_are_known() {
        for name in [
            "o1-pro",
            "o3-pro-2025-06-10",
            "gpt-5-pro",
            "gpt-5.4-pro-2026-03-05",
            "gpt-5-codex",
            "gpt-5.1-codex-max",
            "codex-mini-latest",
            "o3-deep-research",
        ] {
            assert!(accepts(Provider::Openai, name).responses_only, "{name}");
            let gateway = accepts(Provider::Compatible, name);
            assert!(!gateway.responses_only, "{name}");
        }
        for name in ["gpt-4o", "gpt-5-mini", "gpt-6.1-sol", "o3", "gpt-7"] {
            assert!(!accepts(Provider::Openai, name).responses_only, "{name}");
        }
    }

    #[test]
    fn azure_and_openai_get_their_newer_limit_and_gateways_the_older_one() {
        for (provider, name, limit) in [
            (Provider::Openai, "gpt-5", Limit::MaxCompletionTokens),
            (Provider::Openai, "gpt-10", Limit::MaxCompletionTokens),
            (Provider::Openai, "gpt-4o", Limit::MaxTokens),
            (Provider::Compatible, "gpt-5", Limit::MaxCompletionTokens),
            (Provider::Compatible, "openai/gpt-5", Limit::MaxTokens),
            (Provider::Compatible, "qwen3:8b", Limit::MaxTokens),
        ] {
            assert_eq!(accepts(provider, name).limit, limit, "{name}");
        }
    }
}
