//! How much a model thinks before it answers.

use serde::Serialize;

/// The effort at the end of a model's name, as in `gpt-5-mini-low`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    None,
    Minimal,
    Low,
    Medium,
    High,
    Xhigh,
    Max,
}

use Effort::{High, Low, Max, Medium, Minimal, None as No, Xhigh};

impl Effort {
    /// Splits the effort from the end of a name.
    pub fn split(name: &str) -> (&str, Option<Self>) {
        // This is the name of a model, not an effort.
        if name.ends_with("codex-max") {
            return (name, None);
        }
        let Some((model, word)) = name.rsplit_once('-') else {
            return (name, None);
        };
        let effort = match word {
            "none" | "zero" => No,
            "minimal" => Minimal,
            "low" => Low,
            "medium" => Medium,
            "high" => High,
            "xhigh" => Xhigh,
            "max" => Max,
            _ => return (name, None),
        };
        (model, Some(effort))
    }

    /// The tokens that thinking may use. They count towards the limit of output tokens of every provider.
    pub fn tokens(self) -> u32 {
        match self {
            No => 0,
            Minimal => 1_024,
            Low => 4_000,
            Medium => 8_000,
            High | Xhigh | Max => 24_000,
        }
    }

    /// The effort among these that is closest, or the lower one of two.
    pub fn nearest(self, accepted: &[Self]) -> Self {
        let distance = |other: &Self| (*other as u8).abs_diff(self as u8);
        accepted
            .iter()
            .copied()
            .min_by_key(|other| (distance(other), *other))
            .unwrap_or(self)
    }
}

/// The efforts that models accept, by the first row whose prefix matches. A model without a row gets the
/// effort unchanged.
const ACCEPTED: &[(&str, &[Effort])] = &[
    // OpenAI: the pages of the models at developers.openai.com/api/docs/models.
    ("gpt-6-astra", &[Low, Medium, High, Xhigh, Max]),
    ("gpt-6.1-sol", &[Low, Medium, High, Xhigh, Max]),
    ("gpt-6", &[No, Low, Medium, High, Xhigh, Max]),
    ("gpt-5.6", &[No, Low, Medium, High, Xhigh, Max]),
    ("gpt-5.1-codex-max", &[No, Low, Medium, High, Xhigh]),
    ("gpt-5.1", &[No, Low, Medium, High]),
    ("gpt-5-pro", &[High]),
    ("gpt-5-codex", &[Low, Medium, High]),
    ("gpt-5.", &[No, Low, Medium, High, Xhigh]),
    ("gpt-5", &[Minimal, Low, Medium, High]),
    ("o1", &[Low, Medium, High]),
    ("o3", &[Low, Medium, High]),
    ("o4", &[Low, Medium, High]),
    // Anthropic: platform.claude.com/docs/en/build-with-claude/effort.
    ("claude-opus-4-6", &[No, Low, Medium, High, Max]),
    ("claude-sonnet-4-6", &[No, Low, Medium, High, Max]),
    ("claude-opus-4-", &[No, Low, Medium, High, Xhigh, Max]),
    ("claude-opus-5-5", &[Low, Medium, High, Xhigh, Max]),
    ("claude-sonnet-5-5", &[Low, Medium, High, Xhigh, Max]),
    ("claude-opus-5", &[No, Low, Medium, High, Xhigh, Max]),
    ("claude-sonnet-5", &[No, Low, Medium, High, Xhigh, Max]),
    ("claude-", &[Low, Medium, High, Xhigh, Max]),
    // Gemini: ai.google.dev/gemini-api/docs/thinking.
    ("gemini-3-pro", &[Low, High]),
    ("gemini-3", &[Minimal, Low, Medium, High]),
    ("gemini-", &[Low, Medium, High]),
];

/// The effort to send to a model that takes it as a word.
pub fn accepted(model: &str, effort: Effort) -> Effort {
    let row = ACCEPTED
        .iter()
        .find(|(prefix, _)| model.starts_with(prefix));
    row.map_or(effort, |(_, efforts)| effort.nearest(efforts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_effort_is_split_from_the_end_of_a_name() {
        for (name, model, effort) in [
            ("gpt-5-mini-low", "gpt-5-mini", Some(Low)),
            ("claude-opus-5-5-xhigh", "claude-opus-5-5", Some(Xhigh)),
            ("gemini-2.5-flash-none", "gemini-2.5-flash", Some(No)),
            ("gpt-5.1-codex-max", "gpt-5.1-codex-max", None),
            ("gpt-5.1-codex-max-high", "gpt-5.1-codex-max", Some(High)),
            ("gpt-5-mini", "gpt-5-mini", None),
            ("o3", "o3", None),
        ] {
            assert_eq!(Effort::split(name), (model, effort), "{name}");
        }
    }

    #[test]
    fn a_model_gets_the_nearest_effort_that_it_accepts() {
        for (model, effort, sent) in [
            ("gpt-5", No, Minimal),
            ("gpt-5-mini", Xhigh, High),
            ("gpt-5-pro", Low, High),
            ("gpt-5.1", Minimal, No),
            ("gpt-5.4-mini", Xhigh, Xhigh),
            ("gpt-6-astra", No, Low),
            ("gpt-6-luna", No, No),
            ("o3-pro", Max, High),
            ("claude-sonnet-4-6", Xhigh, High),
            ("claude-opus-4-8", Xhigh, Xhigh),
            ("claude-opus-5-5", No, Low),
            ("claude-haiku-6", No, Low),
            ("gemini-3-pro-preview", Medium, Low),
            ("gemini-4-argon", Minimal, Low),
            ("gpt-9", Max, Max),
        ] {
            assert_eq!(accepted(model, effort), sent, "{model} {effort:?}");
        }
    }
}
