//! The blocks of messages, each searched by itself.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use shared::postgres::Client;
use shared::postgres::scoped::{self as db, Scope};
use shared::postgres::types::Type;
use tokio_postgres::Error;
use uuid::Uuid;

use super::{Hit, Words};
use crate::grams::{BLOCK, Grams, pieces};
use crate::identity::first_id_at;

/// Months of a robeing with what there is to search, newest first.
pub async fn months(
    client: &Client,
    scope: &Scope,
    robeing_id: &str,
) -> Result<Vec<(Date, i64)>, Error> {
    let rows = db::query(
        client,
        scope,
        "select month, messages
         from conversation.search_size
         where robeing_id = $1
         order by month desc",
        &[(&robeing_id, Type::TEXT)],
    )
    .await?;
    rows.iter()
        .map(|row| Ok((row.try_get("month")?, row.try_get("messages")?)))
        .collect()
}

/// What is searched of one month.
pub struct InMonth {
    pub month: Date,
    /// Of the robeing, in the search.
    pub messages: i64,
    pub past: Uuid,
    /// For each question.
    pub wanted: usize,
    /// How many blocks are looked into, the newest.
    pub depth: i64,
}

impl InMonth {
    pub fn first_id(&self) -> Uuid {
        first_id_at(start_of(self.month))
    }

    pub fn blocks(&self) -> i64 {
        let all = (self.messages + BLOCK - 1) / BLOCK;
        all.min(self.depth)
    }

    /// For each question, all words of which must be there, at least as many as are wanted, if there
    /// are so many; the newest first.
    pub async fn find(
        &self,
        client: &Client,
        scope: &Scope,
        robeing_id: &str,
        questions: &[Words],
    ) -> Result<Vec<Vec<Hit>>, Error> {
        let mut found = vec![Vec::new(); questions.len()];
        let first = self.first_id();
        let past = self.past.min(first_id_at(start_of(next(self.month))));
        let blocks = self.blocks();
        if past <= first || blocks == 0 {
            return Ok(found);
        }
        let newest = (self.messages - 1) / BLOCK;
        let grams = Grams::of(robeing_id);
        // A gram says only where to look, so that some of what it gives falls away.
        let wanted = i64::try_from(self.wanted).unwrap_or(i64::MAX / 4);
        let page = wanted + wanted / 4 + 5;
        let mut seen = 0_i64;
        let pieces: Vec<_> = questions
            .iter()
            .map(|question| pieces(&question.0.join(" ")))
            .collect();
        let mut open: Vec<i32> = (0..).take(questions.len()).collect();
        open.retain(|question| !pieces[*question as usize].is_empty());
        while !open.is_empty() {
            // The keys of a question and block are side by side, and the blocks of a question.
            let (mut keys, mut starts, mut widths) = (Vec::new(), Vec::new(), Vec::new());
            for question in &open {
                let pieces = &pieces[*question as usize];
                starts.push(keys.len() as i32);
                widths.push(pieces.len() as i32);
                for block in newest + 1 - blocks..=newest {
                    keys.extend(grams.in_block(block, pieces));
                }
            }
            let rows = db::query(
                client,
                scope,
                include_str!("blocks.sql"),
                &[
                    (&robeing_id, Type::TEXT),
                    (&open, Type::INT4_ARRAY),
                    (&starts, Type::INT4_ARRAY),
                    (&widths, Type::INT4_ARRAY),
                    (&keys, Type::INT4_ARRAY),
                    (&(blocks as i32 - 1), Type::INT4),
                    (&first, Type::UUID),
                    (&past, Type::UUID),
                    (&page, Type::INT8),
                    (&seen, Type::INT8),
                ],
            )
            .await?;
            let mut counts = vec![0_i64; questions.len()];
            for row in &rows {
                let question = row.try_get::<_, i32>("question")? as usize;
                let hit = Hit::of(row)?;
                counts[question] += 1;
                if questions[question].are_in(&hit) {
                    found[question].push(hit);
                }
            }
            open.retain(|question| {
                let question = *question as usize;
                counts[question] == page && found[question].len() < self.wanted
            });
            seen += page;
        }
        Ok(found)
    }
}

fn start_of(month: Date) -> Timestamp {
    let start = month.at(0, 0, 0, 0);
    Offset::UTC
        .to_timestamp(start)
        .unwrap_or(Timestamp::UNIX_EPOCH)
}

fn next(month: Date) -> Date {
    month.last_of_month().tomorrow().unwrap_or(month)
}
