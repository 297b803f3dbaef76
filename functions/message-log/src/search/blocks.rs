//! The blocks of messages, each searched by itself.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use shared::postgres::Client;
use shared::postgres::scoped::{self as db, Scope};
use shared::postgres::types::Type;
use tokio_postgres::Error;
use uuid::Uuid;

use super::{Hit, Words, in_order};
use crate::grams::{Grams, pieces};
use crate::identity::first_id_at;

/// Blocks of a robeing and month, those with the newest messages first.
pub struct Month {
    pub month: Date,
    blocks: Vec<Block>,
}

#[derive(Clone, Copy)]
struct Block {
    number: i32,
    last_id: Uuid,
}

/// What is asked of a month's blocks: each question's words must all be in a message.
pub struct Question<'a> {
    pub robeing_id: &'a str,
    pub words: &'a [Words],
    /// Only what is older.
    pub past: Uuid,
    /// Of each.
    pub wanted: usize,
}

/// How far one question has come.
#[derive(Clone, Default)]
struct Progress {
    hits: Vec<Hit>,
    /// Which blocks are left to be looked into.
    from: usize,
    to: usize,
    /// How many rows of the first of them have been seen, and up to which.
    seen: i64,
    seen_to: Uuid,
}

/// The newest blocks with messages before `past`, at most so many; the newest month first.
pub async fn months(
    client: &Client,
    scope: &Scope,
    robeing_id: &str,
    past: Uuid,
    most: i64,
) -> Result<Vec<Month>, Error> {
    let rows = db::query(
        client,
        scope,
        "select month, block, last_id
         from conversation.search_block
         where robeing_id = $1 and first_id < $2
         order by last_id desc
         limit $3",
        &[
            (&robeing_id, Type::TEXT),
            (&past, Type::UUID),
            (&most, Type::INT8),
        ],
    )
    .await?;
    let mut months: Vec<Month> = Vec::new();
    for row in rows {
        let month: Date = row.try_get("month")?;
        let block = Block {
            number: row.try_get("block")?,
            last_id: row.try_get("last_id")?,
        };
        match months.last_mut() {
            Some(last) if last.month == month => last.blocks.push(block),
            _ => months.push(Month {
                month,
                blocks: vec![block],
            }),
        }
    }
    Ok(months)
}

impl Month {
    pub fn first_id(&self) -> Uuid {
        first_id_at(start_of(self.month))
    }

    /// For each of the words their newest messages, as many as are wanted, if there are so many.
    pub async fn find(
        &self,
        client: &Client,
        scope: &Scope,
        question: &Question<'_>,
    ) -> Result<Vec<Vec<Hit>>, Error> {
        let first = self.first_id();
        let below = first_id_at(start_of(next(self.month)));
        // A gram says only where to look, so that some of what it gives falls away.
        let wanted = i64::try_from(question.wanted).unwrap_or(i64::MAX / 4);
        let page = wanted + wanted / 4 + 5;
        let grams = Grams::of(question.robeing_id);
        let pieces: Vec<_> = question
            .words
            .iter()
            .map(|words| pieces(&words.0.join(" ")))
            .collect();
        let mut progress: Vec<Progress> = pieces
            .iter()
            .map(|pieces| Progress {
                to: if pieces.is_empty() {
                    0
                } else {
                    self.blocks.len()
                },
                ..Progress::default()
            })
            .collect();
        loop {
            let mut asked: Vec<i32> = (0..).take(progress.len()).collect();
            asked.retain(|at| progress[*at as usize].is_open());
            if asked.is_empty() {
                return Ok(progress.into_iter().map(|it| it.hits).collect());
            }
            // The keys of one block are side by side, and the blocks of one question.
            let mut keys: Vec<i32> = Vec::new();
            let (mut starts, mut widths) = (Vec::new(), Vec::new());
            let (mut counts, mut seen) = (Vec::new(), Vec::new());
            for at in &asked {
                let (progress, pieces) = (&progress[*at as usize], &pieces[*at as usize]);
                starts.push(keys.len() as i32);
                widths.push(pieces.len() as i32);
                counts.push((progress.to - progress.from) as i32);
                seen.push(progress.seen);
                for block in &self.blocks[progress.from..progress.to] {
                    keys.extend(grams.in_block(block.number, pieces));
                }
            }
            let rows = db::query(
                client,
                scope,
                include_str!("blocks.sql"),
                &[
                    (&question.robeing_id, Type::TEXT),
                    (&asked, Type::INT4_ARRAY),
                    (&starts, Type::INT4_ARRAY),
                    (&widths, Type::INT4_ARRAY),
                    (&counts, Type::INT4_ARRAY),
                    (&seen, Type::INT8_ARRAY),
                    (&keys, Type::INT4_ARRAY),
                    (&first, Type::UUID),
                    (&below, Type::UUID),
                    (&page, Type::INT8),
                    (&question.past, Type::UUID),
                ],
            )
            .await?;
            let mut found: Vec<Vec<(usize, Hit)>> = vec![Vec::new(); progress.len()];
            for row in &rows {
                let at = row.try_get::<_, i32>("question")? as usize;
                let nth = row.try_get::<_, i32>("nth")? as usize;
                found[at].push((nth, Hit::of(row)?));
            }
            for at in asked {
                let at = at as usize;
                let full = found[at].len() as i64 == page;
                let (progress, words) = (&mut progress[at], &question.words[at]);
                progress.goes_on_after(&found[at], full);
                let hits = found[at].drain(..).map(|(_, hit)| hit);
                progress.hits.extend(hits.filter(|hit| words.are_in(hit)));
                in_order(&mut progress.hits);
                progress.leaves_out(&self.blocks, question.wanted);
            }
        }
    }
}

impl Progress {
    fn is_open(&self) -> bool {
        self.from < self.to
    }

    /// Behind the last row of a page; where the page is not full, there is nothing more.
    fn goes_on_after(&mut self, page: &[(usize, Hit)], full: bool) {
        let Some((last, row)) = page.last().filter(|_| full) else {
            self.from = self.to;
            return;
        };
        let of_last = page.iter().filter(|(nth, _)| nth == last).count() as i64;
        self.seen = if *last == 0 { self.seen } else { 0 } + of_last;
        self.seen_to = row.id;
        self.from += last;
    }

    /// Blocks that have nothing newer than the last of enough hits. What comes later, out of its time,
    /// is in a block of its own, so that one block may well go on where another does.
    fn leaves_out(&mut self, blocks: &[Block], wanted: usize) {
        if let Some(last) = self.hits.get(wanted.saturating_sub(1)) {
            let newer = |block: &Block| block.last_id > last.id;
            if self.is_open() && self.seen_to <= last.id {
                (self.from, self.seen) = (self.from + 1, 0);
            }
            self.to = self.to.min(blocks.partition_point(newer)).max(self.from);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(id: u128) -> Hit {
        Hit {
            id: Uuid::from_u128(id),
            channel_id: None,
            thread_ts: None,
            user_id: None,
            message: None,
            response: None,
            intent: None,
            tokens: 0,
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    /// What is left open after a full page of three, of which three are wanted.
    fn left(newest_of_blocks: [u128; 3], page: [(usize, u128); 3]) -> (usize, usize, i64) {
        let blocks = newest_of_blocks.map(|id| Block {
            number: 0,
            last_id: Uuid::from_u128(id),
        });
        let mut progress = Progress {
            to: blocks.len(),
            ..Progress::default()
        };
        let page = page.map(|(nth, id)| (nth, hit(id)));
        progress.goes_on_after(&page, true);
        progress.hits.extend(page.map(|(_, hit)| hit));
        in_order(&mut progress.hits);
        progress.leaves_out(&blocks, 3);
        (progress.from, progress.to, progress.seen)
    }

    #[test]
    fn enough_of_the_first_block_is_enough_unless_another_has_newer_ones() {
        let of_first = [(0, 90), (0, 50), (0, 40)];
        let (from, to, _) = left([90, 30, 20], of_first);
        assert!(from >= to);
        assert_eq!(left([90, 80, 20], of_first), (1, 2, 0));
    }

    #[test]
    fn a_block_that_was_not_read_to_its_end_goes_on_while_it_may_have_newer_ones() {
        assert_eq!(left([90, 80, 20], [(0, 30), (1, 80), (1, 70)]), (1, 2, 2));
        let (from, to, _) = left([90, 80, 20], [(0, 90), (1, 80), (1, 70)]);
        assert!(from >= to);
    }
}
