//! What is found by the pieces of its text: in the tail, and in segments.

use std::collections::BTreeMap;

use jiff::civil::Date;
use shared::postgres::Client;
use shared::postgres::scoped::{self as db, Scope};
use shared::postgres::types::Type;
use tokio_postgres::Error;
use uuid::Uuid;

use super::{Hit, Words, in_order, moments};
use crate::pieces::hashes;

/// In messages: the segments that are looked into first, which have enough of a common word.
const FIRST_LOOK: i64 = 4_096;
/// How many times as many are looked into each next time.
const FURTHER: i64 = 64;

/// Of one robeing, those with the newest messages first.
pub struct Segments(Vec<Segment>);

struct Segment {
    number: i64,
    month: Date,
    messages: i64,
    last_id: Uuid,
}

/// What is asked: each question's words must all be in a message.
pub struct Question<'a> {
    pub robeing_id: &'a str,
    pub words: &'a [Words],
    /// Only what is older.
    pub past: Uuid,
    /// Of each.
    pub wanted: usize,
}

/// How far one question has come.
#[derive(Default)]
struct Progress {
    pieces: Vec<i32>,
    /// The first segment that has not been looked into.
    from: usize,
    /// How many messages those have that are looked into next.
    look: i64,
    /// The first ids of moments that may have a hit, oldest first.
    candidates: Vec<Uuid>,
    hits: Vec<Hit>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    LookFurther,
    /// What so many of the newest candidates say.
    Read(usize),
    Done,
}

impl Segments {
    /// Those with messages before `past`, until they come to so many.
    pub async fn open(
        client: &Client,
        scope: &Scope,
        robeing_id: &str,
        past: Uuid,
        messages: i64,
    ) -> Result<Self, Error> {
        let rows = db::query(
            client,
            scope,
            "select segment, month, messages::int8, last_id
             from conversation.search_segment
             where robeing_id = $1 and first_id < $2
             order by last_id desc",
            &[(&robeing_id, Type::TEXT), (&past, Type::UUID)],
        )
        .await?;
        let mut segments = Vec::new();
        let mut reached = 0;
        for row in rows {
            if reached >= messages {
                break;
            }
            let segment = Segment {
                number: row.try_get("segment")?,
                month: row.try_get("month")?,
                messages: row.try_get("messages")?,
                last_id: row.try_get("last_id")?,
            };
            reached += segment.messages;
            segments.push(segment);
        }
        Ok(Self(segments))
    }

    /// For each of the questions its newest messages, as many as are wanted, if there are so many.
    pub async fn find(
        &self,
        client: &Client,
        scope: &Scope,
        question: &Question<'_>,
    ) -> Result<Vec<Vec<Hit>>, Error> {
        let mut progress: Vec<Progress> = question
            .words
            .iter()
            .map(|words| Progress {
                pieces: pieces(question.robeing_id, words),
                look: FIRST_LOOK,
                ..Progress::default()
            })
            .collect();
        look_into_tail(client, scope, question, &mut progress).await?;
        loop {
            let next: Vec<Next> = progress
                .iter()
                .map(|it| it.next(&self.0, question.wanted))
                .collect();
            if next.contains(&Next::LookFurther) {
                self.look_further(client, scope, question, &next, &mut progress)
                    .await?;
            } else if next.iter().any(|it| *it != Next::Done) {
                read(client, scope, question, &next, &mut progress).await?;
            } else {
                return Ok(progress.into_iter().map(|it| it.hits).collect());
            }
        }
    }

    async fn look_further(
        &self,
        client: &Client,
        scope: &Scope,
        question: &Question<'_>,
        next: &[Next],
        progress: &mut [Progress],
    ) -> Result<(), Error> {
        let mut months: BTreeMap<i64, Date> = BTreeMap::new();
        let (mut asked, mut segments): (Vec<i32>, Vec<i64>) = (Vec::new(), Vec::new());
        let (mut firsts, mut lasts): (Vec<i32>, Vec<i32>) = (Vec::new(), Vec::new());
        let mut pieces: Vec<i32> = Vec::new();
        for (at, (it, next)) in (0..).zip(progress.iter_mut().zip(next)) {
            if *next != Next::LookFurther {
                continue;
            }
            let first = pieces.len() as i32 + 1;
            pieces.extend(&it.pieces);
            for segment in it.looked_into(&self.0) {
                months.insert(segment.number, segment.month);
                asked.push(at);
                segments.push(segment.number);
                firsts.push(first);
                lasts.push(pieces.len() as i32);
            }
        }
        let first = months.first_key_value().map(|(number, _)| *number);
        let last = months.last_key_value().map(|(number, _)| *number);
        let rows = db::query(
            client,
            scope,
            include_str!("postings.sql"),
            &[
                (&asked, Type::INT4_ARRAY),
                (&segments, Type::INT8_ARRAY),
                (&firsts, Type::INT4_ARRAY),
                (&lasts, Type::INT4_ARRAY),
                (&pieces, Type::INT4_ARRAY),
                (&first, Type::INT8),
                (&last, Type::INT8),
            ],
        )
        .await?;
        let mut lists: BTreeMap<(i32, i64), Vec<Vec<u32>>> = BTreeMap::new();
        for row in &rows {
            let key = (row.try_get("question")?, row.try_get("segment")?);
            let moments = moments::from_bytes(row.try_get("moments")?);
            lists.entry(key).or_default().push(moments);
        }
        for ((at, segment), lists) in lists {
            let month = months[&segment];
            let ids = in_all(lists).map(|moment| moments::id(month, moment));
            progress[at as usize]
                .candidates
                .extend(ids.filter(|id| *id < question.past));
        }
        for it in progress {
            it.candidates.sort_unstable();
            it.candidates.dedup();
        }
        Ok(())
    }
}

impl Progress {
    fn next(&self, segments: &[Segment], wanted: usize) -> Next {
        let enough = self.hits.get(wanted.saturating_sub(1)).map(|last| last.id);
        let older = |id: &Uuid| enough.is_some_and(|last| *id <= last);
        let candidates = self.candidates.len() - self.candidates.partition_point(older);
        let missing = wanted.saturating_sub(self.hits.len());
        let left = segments.get(self.from).filter(|_| !self.pieces.is_empty());
        let has_newer = left.is_some_and(|segment| !older(&segment.last_id));
        if has_newer && candidates < missing.max(1) {
            Next::LookFurther
        } else if candidates > 0 {
            // A piece says only where to look, so that some of them fall away.
            Next::Read(candidates.min(missing + missing / 4 + 2))
        } else {
            Next::Done
        }
    }

    /// The next segments, which count as looked into from now on.
    fn looked_into<'a>(&mut self, segments: &'a [Segment]) -> &'a [Segment] {
        let start = self.from;
        let mut messages = 0;
        while let Some(segment) = segments.get(self.from).filter(|_| messages < self.look) {
            messages += segment.messages;
            self.from += 1;
        }
        self.look = self.look.saturating_mul(FURTHER);
        &segments[start..self.from]
    }
}

/// A letter alone may be anywhere in a longer word, of which it is no piece.
fn pieces(robeing_id: &str, words: &Words) -> Vec<i32> {
    let words = words.0.iter().map(String::as_str);
    let long: Vec<&str> = words.filter(|word| word.chars().nth(1).is_some()).collect();
    hashes(robeing_id, &long.join(" "))
}

/// What is in each of the lists, of which there is at least one.
fn in_all(mut lists: Vec<Vec<u32>>) -> impl Iterator<Item = u32> {
    lists.sort_unstable_by_key(|list| std::cmp::Reverse(list.len()));
    let rarest = lists.pop().unwrap_or_default();
    let in_others = move |moment: &u32| {
        let mut others = lists.iter();
        others.all(|list| list.binary_search(moment).is_ok())
    };
    rarest.into_iter().filter(in_others)
}

async fn look_into_tail(
    client: &Client,
    scope: &Scope,
    question: &Question<'_>,
    progress: &mut [Progress],
) -> Result<(), Error> {
    let (mut firsts, mut lasts): (Vec<i32>, Vec<i32>) = (Vec::new(), Vec::new());
    let mut pieces: Vec<i32> = Vec::new();
    for it in &*progress {
        firsts.push(pieces.len() as i32 + 1);
        pieces.extend(&it.pieces);
        lasts.push(pieces.len() as i32);
    }
    let rows = db::query(
        client,
        scope,
        "select nth::int4 - 1 as question, id
         from unnest($3::int4[], $4::int4[]) with ordinality as asked (first, last, nth)
         join conversation.search_tail
             on first <= last and pieces @> ($5::int4[])[first:last]
         where robeing_id = $1 and id < $2
         order by id",
        &[
            (&question.robeing_id, Type::TEXT),
            (&question.past, Type::UUID),
            (&firsts, Type::INT4_ARRAY),
            (&lasts, Type::INT4_ARRAY),
            (&pieces, Type::INT4_ARRAY),
        ],
    )
    .await?;
    for row in &rows {
        let at: i32 = row.try_get("question")?;
        let id: Uuid = row.try_get("id")?;
        progress[at as usize].candidates.push(moments::first(id));
    }
    Ok(())
}

/// Takes candidates for hits where the words are in their texts.
async fn read(
    client: &Client,
    scope: &Scope,
    question: &Question<'_>,
    next: &[Next],
    progress: &mut [Progress],
) -> Result<(), Error> {
    let (mut asked, mut moments): (Vec<i32>, Vec<Uuid>) = (Vec::new(), Vec::new());
    for (at, (it, next)) in (0..).zip(progress.iter_mut().zip(next)) {
        if let Next::Read(count) = next {
            let newest = it.candidates.split_off(it.candidates.len() - count);
            asked.extend(newest.iter().map(|_| at));
            moments.extend(newest);
        }
    }
    let pasts: Vec<Uuid> = moments.iter().map(|id| moments::past(*id)).collect();
    let (first, past) = (moments.iter().min(), pasts.iter().max());
    let rows = db::query(
        client,
        scope,
        "select asked.question, log.id, log.channel_id, log.thread_ts, log.user_id, log.message,
                log.response, log.intent, log.token_count, log.created_at
         from unnest($2::int4[], $3::uuid[], $4::uuid[]) as asked (question, first, past)
         join conversation.log
             on log.id >= asked.first and log.id < asked.past
         where log.robeing_id = $1
           -- The partitions.
           and log.id >= $5
           and log.id < $6",
        &[
            (&question.robeing_id, Type::TEXT),
            (&asked, Type::INT4_ARRAY),
            (&moments, Type::UUID_ARRAY),
            (&pasts, Type::UUID_ARRAY),
            (&first, Type::UUID),
            (&past, Type::UUID),
        ],
    )
    .await?;
    for row in &rows {
        let at = row.try_get::<_, i32>("question")? as usize;
        let hit = Hit::of(row)?;
        if hit.id < question.past && question.words[at].are_in(&hit) {
            progress[at].hits.push(hit);
        }
    }
    for it in progress {
        in_order(&mut it.hits);
        it.hits.truncate(question.wanted);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

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

    /// Of three wanted, with segments up to these ids left.
    fn next(hits: &[u128], candidates: &[u128], left: &[u128]) -> Next {
        let progress = Progress {
            pieces: vec![1],
            candidates: candidates.iter().copied().map(Uuid::from_u128).collect(),
            hits: hits.iter().copied().map(hit).collect(),
            ..Progress::default()
        };
        let segment = |last: &u128| Segment {
            number: 0,
            month: Date::default(),
            messages: 1,
            last_id: Uuid::from_u128(*last),
        };
        let left: Vec<Segment> = left.iter().map(segment).collect();
        progress.next(&left, 3)
    }

    #[test]
    fn what_may_be_newer_than_enough_hits_is_looked_at_and_nothing_else() {
        assert_eq!(next(&[], &[], &[9]), Next::LookFurther);
        assert_eq!(next(&[], &[7, 8], &[6]), Next::LookFurther);
        assert_eq!(next(&[], &[6, 7, 8], &[5]), Next::Read(3));
        assert_eq!(next(&[], &[7], &[]), Next::Read(1));
        assert_eq!(next(&[9, 8], &[], &[]), Next::Done);
        assert_eq!(next(&[9, 8, 7], &[3, 6], &[5]), Next::Done);
        assert_eq!(next(&[9, 8, 4], &[3, 6], &[5]), Next::Read(1));
        assert_eq!(next(&[9, 8, 4], &[3], &[5]), Next::LookFurther);
    }

    #[test]
    fn a_moment_is_a_candidate_where_all_lists_have_it() {
        let lists = vec![vec![1, 3, 5, 7], vec![3, 7], vec![2, 3, 7, 9]];
        assert_eq!(in_all(lists).collect::<Vec<_>>(), [3, 7]);
        assert_eq!(in_all(vec![vec![4]]).collect::<Vec<_>>(), [4]);
    }
}
