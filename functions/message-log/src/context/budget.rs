//! Chooses the memories and turns that fit into a token budget. A text that two rows have is returned once:
//! an agent may log an answer together with its message, and Slack as a message of its own.

use std::collections::{HashMap, HashSet};

use super::{Context, Role, Turn, TurnKind};
use crate::log::tokens;
use crate::markup::is_repeated;
use crate::page;
use crate::search::Hit;

/// Memories get one part in this many of the budget, of the messages and of the bytes.
const MEMORY_PARTS: usize = 4;

/// The space that is used, in characters and in bytes of JSON.
#[derive(Default)]
struct Used {
    characters: usize,
    bytes: usize,
}

impl Used {
    /// Adds a message if it fits.
    fn add(&mut self, hit: &Hit, max_characters: usize, max_bytes: usize) -> bool {
        let characters = self.characters + characters(hit);
        let bytes = self.bytes + json_bytes(hit);
        let fits = characters <= max_characters && bytes <= max_bytes;
        if fits {
            *self = Self { characters, bytes };
        }
        fits
    }
}

/// Takes the best memories for a part of the budget, and as many of the last turns as fit into the rest.
pub(super) fn fill(
    memories: &[Hit],
    recent: Vec<Hit>,
    token_budget: i32,
    max_messages: i64,
) -> Context {
    let max_characters = usize::try_from(token_budget).unwrap_or_default() * 4;
    let max_messages = usize::try_from(max_messages).unwrap_or_default();
    let mut used = Used::default();
    let recent = without_repeats(recent);
    let mut told: HashSet<_> = recent.iter().map(texts).collect();
    let mut chosen: Vec<&Hit> = Vec::new();
    for memory in memories.iter().filter(|it| told.insert(texts(it))) {
        if chosen.len() < max_messages / MEMORY_PARTS
            && used.add(
                memory,
                max_characters / MEMORY_PARTS,
                page::BYTES / MEMORY_PARTS,
            )
        {
            chosen.push(memory);
        }
    }
    chosen.sort_by_key(|hit| hit.id);
    let mut last: Vec<&Hit> = Vec::new();
    for hit in &recent {
        if chosen.len() + last.len() == max_messages || !used.add(hit, max_characters, page::BYTES)
        {
            break;
        }
        last.push(hit);
    }
    last.reverse();
    let memories = chosen.into_iter().map(|hit| (TurnKind::Memory, hit));
    let last = last.into_iter().map(|hit| (TurnKind::Recent, hit));
    let turns: Vec<Turn> = memories
        .chain(last)
        .flat_map(|(kind, hit)| turns(kind, hit))
        .collect();
    let context: String = turns.iter().map(Turn::line).collect();
    Context {
        tokens: tokens(&context),
        context,
        turns,
    }
}

/// The messages without the turns that repeat the one before in their thread, from newest to oldest as before.
fn without_repeats(recent: Vec<Hit>) -> Vec<Hit> {
    let mut last: HashMap<_, (Role, String)> = HashMap::new();
    let mut kept = Vec::with_capacity(recent.len());
    for mut hit in recent.into_iter().rev() {
        let thread = (hit.channel_id.clone(), hit.thread_ts.clone());
        for (role, text) in [
            (Role::User, &mut hit.message),
            (Role::Assistant, &mut hit.response),
        ] {
            let Some(said) = text.clone() else {
                continue;
            };
            let known = last.get(&thread);
            if known.is_some_and(|(by, known)| *by == role && is_repeated(known, &said)) {
                *text = None;
            } else {
                last.insert(thread.clone(), (role, said));
            }
        }
        if hit.message.is_some() || hit.response.is_some() {
            kept.push(hit);
        }
    }
    kept.reverse();
    kept
}

fn texts(hit: &Hit) -> (Option<&str>, Option<&str>) {
    (hit.message.as_deref(), hit.response.as_deref())
}

fn turns(kind: TurnKind, hit: &Hit) -> impl Iterator<Item = Turn> {
    let texts = [(Role::User, &hit.message), (Role::Assistant, &hit.response)];
    texts.into_iter().filter_map(move |(role, text)| {
        Some(Turn {
            id: hit.id,
            kind,
            role,
            text: text.clone()?,
            created_at: hit.created_at,
        })
    })
}

fn characters(hit: &Hit) -> usize {
    turns(TurnKind::Recent, hit)
        .map(|turn| turn.line().chars().count())
        .sum()
}

/// An upper bound: each text is in `context` and in `turns`.
fn json_bytes(hit: &Hit) -> usize {
    /// The other fields of a turn.
    const FRAME: usize = 256;
    let json = |turn: Turn| serde_json::to_string(&turn.text).map_or(usize::MAX / 4, |it| it.len());
    turns(TurnKind::Recent, hit)
        .map(|turn| 2 * json(turn) + FRAME)
        .sum()
}

impl Turn {
    fn line(&self) -> String {
        let role = match self.role {
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        format!("{role}: {}\n", self.text)
    }
}
