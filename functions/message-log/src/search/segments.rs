//! What is found by the pieces of its text: in the tail, and in segments.

use jiff::civil::Date;
use shared::postgres::Client;
use shared::postgres::scoped::{self as db, Scope};
use shared::postgres::types::Type;
use tokio::try_join;
use tokio_postgres::{Error, Row};
use uuid::Uuid;

use super::postings::{self, Group};
use super::{Hit, Words, in_order, moments};
use crate::pieces::hashes;

/// In messages: the segments that are looked into first, which have enough of a common word.
const FIRST_LOOK: i64 = 4_096;
/// How many times as many are looked into each next time.
const FURTHER: i64 = 64;
/// Where a text has so many pieces of what is asked for, it mostly has all.
const PIECES: usize = 12;

/// Of one robeing, those with the newest messages first.
#[derive(PartialEq)]
pub struct Segments(Vec<Segment>);

#[derive(Clone, Copy, PartialEq)]
pub struct Segment {
    pub number: i64,
    pub month: Date,
    messages: i64,
    first_id: Uuid,
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
    /// The newest segments with this many messages before `past` are looked into.
    pub reach: i64,
    /// So many messages that may hold the words of one are read; of some words most don't.
    pub patience: usize,
}

/// How far one question has come.
#[derive(Default)]
struct Progress {
    pieces: Vec<i32>,
    /// The first segment that has not been looked into.
    from: usize,
    /// How many messages those have that are looked into next.
    look: i64,
    /// How many candidates are read next, and how many in all.
    page: usize,
    patience: usize,
    /// Moments that may have a hit, by the least ids they may have, oldest first. As numbers: there may
    /// be many to be sorted.
    candidates: Vec<u128>,
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
    pub async fn open(client: &Client, scope: &Scope, robeing_id: &str) -> Result<Self, Error> {
        let rows = db::query(
            client,
            scope,
            "select segment, month, messages::int8, first_id, last_id
             from conversation.search_segment
             where robeing_id = $1
             order by last_id desc",
            &[(&robeing_id, Type::TEXT)],
        )
        .await?;
        let segment = |row: &Row| {
            Ok(Segment {
                number: row.try_get("segment")?,
                month: row.try_get("month")?,
                messages: row.try_get("messages")?,
                first_id: row.try_get("first_id")?,
                last_id: row.try_get("last_id")?,
            })
        };
        Ok(Self(rows.iter().map(segment).collect::<Result<_, _>>()?))
    }

    /// Those with messages before `past`, until they come to so many.
    fn before(&self, past: Uuid, messages: i64) -> Self {
        let mut reached = 0;
        let mut within = self.0.clone();
        within.retain(|segment| {
            let is_within = segment.first_id < past && reached < messages;
            reached += if is_within { segment.messages } else { 0 };
            is_within
        });
        Self(within)
    }

    /// For each of the questions its newest messages, as many as are wanted, if there are so many.
    pub async fn find(
        mut self,
        client: &Client,
        scope: &Scope,
        question: &Question<'_>,
    ) -> Result<Vec<Vec<Hit>>, Error> {
        if question.words.is_empty() {
            return Ok(Vec::new());
        }
        loop {
            let within = self.before(question.past, question.reach);
            let found = within.find_once(client, scope, question).await?;
            // What a roll-up packed or merged meanwhile may have been seen neither before nor after.
            let now = Self::open(client, scope, question.robeing_id).await?;
            if now == self {
                return Ok(found);
            }
            self = now;
        }
    }

    async fn find_once(
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
                page: question.wanted + question.wanted / 4 + 2,
                patience: question.patience,
                ..Progress::default()
            })
            .collect();
        let groups = self.further(&mut progress, question.wanted);
        let (of_tail, found) = try_join!(
            in_tail(client, scope, question, &progress),
            postings::candidates(client, scope, &groups)
        )?;
        add(question, &mut progress, of_tail);
        add(question, &mut progress, found);
        loop {
            let groups = self.further(&mut progress, question.wanted);
            if !groups.is_empty() {
                let found = postings::candidates(client, scope, &groups).await?;
                add(question, &mut progress, found);
            } else if !read(client, scope, question, self, &mut progress).await? {
                return Ok(progress.into_iter().map(|it| it.hits).collect());
            }
        }
    }

    /// What each question that has to look further looks into next.
    fn further<'a>(&'a self, progress: &mut [Progress], wanted: usize) -> Vec<Group<'a>> {
        let mut groups = Vec::new();
        for (question, it) in progress.iter_mut().enumerate() {
            if it.next(&self.0, wanted) == Next::LookFurther {
                groups.push(Group {
                    question,
                    pieces: it.pieces.clone(),
                    segments: it.looked_into(&self.0),
                });
            }
        }
        groups
    }
}

impl Progress {
    fn next(&self, segments: &[Segment], wanted: usize) -> Next {
        let missing = wanted.saturating_sub(self.hits.len());
        let enough = self.hits.get(wanted.saturating_sub(1)).map(|last| last.id);
        let left = segments.get(self.from).filter(|_| !self.pieces.is_empty());
        let left = left
            .map(|segment| segment.last_id)
            .filter(|it| Some(*it) > enough);
        // What is older may yet prove to be none of the newest.
        let sure = left.max(enough);
        // Within a millisecond candidates are in no order.
        let older = |id: &u128| Some(moments::past(Uuid::from_u128(*id))) <= sure;
        let candidates = self.candidates.len() - self.candidates.partition_point(older);
        if self.patience == 0 {
            Next::Done
        } else if left.is_some() && candidates < missing.max(1) {
            Next::LookFurther
        } else if candidates == 0 {
            Next::Done
        } else {
            Next::Read(candidates.min(self.page).min(self.patience))
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
    let mut pieces = hashes(robeing_id, &long.join(" "));
    pieces.truncate(PIECES);
    pieces
}

fn add(question: &Question<'_>, progress: &mut [Progress], found: Vec<(usize, Uuid)>) {
    for (at, least) in found {
        if least < question.past {
            progress[at].candidates.push(least.as_u128());
        }
    }
    for it in progress {
        it.candidates.sort_unstable();
        it.candidates.dedup();
    }
}

async fn in_tail(
    client: &Client,
    scope: &Scope,
    question: &Question<'_>,
    progress: &[Progress],
) -> Result<Vec<(usize, Uuid)>, Error> {
    let (mut firsts, mut lasts): (Vec<i32>, Vec<i32>) = (Vec::new(), Vec::new());
    let mut pieces: Vec<i32> = Vec::new();
    for it in progress {
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
         where robeing_id = $1 and id < $2",
        &[
            (&question.robeing_id, Type::TEXT),
            (&question.past, Type::UUID),
            (&firsts, Type::INT4_ARRAY),
            (&lasts, Type::INT4_ARRAY),
            (&pieces, Type::INT4_ARRAY),
        ],
    )
    .await?;
    rows.iter()
        .map(|row| {
            let at: i32 = row.try_get("question")?;
            Ok((at as usize, moments::least(row.try_get("id")?)))
        })
        .collect()
}

/// Takes candidates for hits where the words are in their texts. Whether there were any to be read.
async fn read(
    client: &Client,
    scope: &Scope,
    question: &Question<'_>,
    segments: &Segments,
    progress: &mut [Progress],
) -> Result<bool, Error> {
    let (mut asked, mut moments): (Vec<i32>, Vec<Uuid>) = (Vec::new(), Vec::new());
    for (at, it) in (0..).zip(&mut *progress) {
        if let Next::Read(count) = it.next(&segments.0, question.wanted) {
            let newest = it.candidates.split_off(it.candidates.len() - count);
            it.page *= 2;
            it.patience -= count;
            asked.extend(newest.iter().map(|_| at));
            moments.extend(newest.into_iter().map(Uuid::from_u128));
        }
    }
    if moments.is_empty() {
        return Ok(false);
    }
    let pasts: Vec<Uuid> = moments.iter().map(|id| moments::past(*id)).collect();
    let (first, past) = (moments.iter().min(), pasts.iter().max());
    let rows = db::query(
        client,
        scope,
        "select asked.question, said.*
         from unnest($2::int4[], $3::uuid[], $4::uuid[]) as asked (question, least, past)
         cross join lateral (
             select id, channel_id, thread_ts, user_id, message, response, intent, token_count, created_at
             from conversation.log
             where robeing_id = $1
               and id >= asked.least
               and id < asked.past
               and get_byte(uuid_send(id), 15) = get_byte(uuid_send(asked.least), 15)
               -- The partitions.
               and id >= $5
               and id < $6
             -- Keeps the planner from reading all of them between the first and the last.
             offset 0
         ) as said",
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
    Ok(true)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn hit(id: Uuid) -> Hit {
        Hit {
            id,
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

    /// Of three wanted, with segments up to these left, all by their milliseconds.
    fn next(hits: &[u128], candidates: &[u128], left: &[u128]) -> Next {
        let id = |millisecond: &u128| Uuid::from_u128(millisecond << 80);
        let progress = Progress {
            pieces: vec![1],
            candidates: candidates.iter().map(|it| id(it).as_u128()).collect(),
            hits: hits.iter().map(|it| hit(id(it))).collect(),
            page: 5,
            patience: 20,
            ..Progress::default()
        };
        let segment = |last: &u128| Segment {
            number: 0,
            month: Date::default(),
            messages: 1,
            first_id: Uuid::nil(),
            last_id: id(last),
        };
        let left: Vec<Segment> = left.iter().map(segment).collect();
        progress.next(&left, 3)
    }

    #[test]
    fn what_may_be_newer_than_enough_hits_is_looked_at_and_nothing_else() {
        assert_eq!(next(&[], &[], &[9]), Next::LookFurther);
        assert_eq!(next(&[], &[7, 8], &[6]), Next::LookFurther);
        assert_eq!(next(&[], &[6, 7, 8], &[7]), Next::LookFurther);
        assert_eq!(next(&[], &[6, 7, 8], &[5]), Next::Read(3));
        assert_eq!(next(&[], &[2, 3, 4, 5, 6, 7, 8], &[]), Next::Read(5));
        assert_eq!(next(&[9, 8], &[], &[]), Next::Done);
        assert_eq!(next(&[9, 8, 7], &[3, 6], &[5]), Next::Done);
        assert_eq!(next(&[9, 8, 4], &[3, 6], &[3]), Next::Read(1));
        assert_eq!(next(&[9, 8, 4], &[3], &[5]), Next::LookFurther);
        // Of the same millisecond as the last.
        assert_eq!(next(&[9, 8, 4], &[3, 4], &[]), Next::Read(1));
        let impatient = Progress {
            candidates: vec![u128::MAX],
            patience: 0,
            ..Progress::default()
        };
        assert_eq!(impatient.next(&[], 3), Next::Done);
    }
}
