//! What is found by the pieces of its text: in the tail, and in segments.

use std::collections::BTreeSet;

use platform::postgres::types::{ToSql, Type};
use platform::work::Workers;
use tokio::try_join;
use tokio_postgres::{Error, Row, Transaction};
use uuid::Uuid;

use super::moments::{self, Moment};
use super::postings::{self, Group};
use super::{Hit, Hits, Words, in_parts};
use crate::pieces::hashes;

/// In messages: the segments that are looked into first, which have enough of a common word.
const FIRST_LOOK: i64 = 4_096;
/// How many times as many are looked into each next time.
const FURTHER: i64 = 64;
/// Where a text has so many pieces of what is asked for, it mostly has all.
const PIECES: usize = 12;

/// Of one robeing, those with the newest messages first.
pub struct Segments(Vec<Segment>);

#[derive(Clone, Copy)]
pub struct Segment {
    pub number: i64,
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
    /// What folds the texts that are read.
    pub workers: &'a Workers,
}

/// How far one question has come.
struct Progress {
    pieces: Vec<i32>,
    /// The first segment that has not been looked into.
    from: usize,
    /// How many messages those have that are looked into next.
    look: i64,
    /// How many candidates are read next, and how many in all.
    page: usize,
    patience: usize,
    /// Moments that may have a hit, oldest first.
    candidates: Vec<Moment>,
    /// Those of them that are being read.
    read: Vec<Moment>,
    hits: Hits,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    LookFurther,
    /// What so many of the newest candidates say.
    Read(usize),
    Done,
}

impl Segments {
    pub async fn open(db: &Transaction<'_>, robeing_id: &str) -> Result<Self, Error> {
        let rows = db
            .query_typed(
                "select segment, messages::int8, first_id, last_id
                 from conversation.search_segment
                 where robeing_id = $1
                 order by last_id desc",
                &[(&robeing_id, Type::TEXT)],
            )
            .await?;
        let segment = |row: &Row| {
            Ok(Segment {
                number: row.try_get("segment")?,
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

    /// For each of the questions its newest messages, as many as are wanted, if there are so many. In the
    /// transaction that opened them: what a roll-up packs or merges meanwhile is where it was.
    pub async fn find(
        &self,
        db: &Transaction<'_>,
        question: &Question<'_>,
    ) -> Result<Vec<Hits>, Error> {
        if question.words.is_empty() {
            return Ok(Vec::new());
        }
        let within = self.before(question.past, question.reach);
        let mut progress: Vec<Progress> = question
            .words
            .iter()
            .map(|words| Progress::new(pieces(question.robeing_id, words), question))
            .collect();
        let groups = within.further(&mut progress);
        let (of_tail, found) = try_join!(
            in_tail(db, question, &progress),
            postings::candidates(db, &groups)
        )?;
        add(question, &mut progress, of_tail);
        add(question, &mut progress, found);
        loop {
            let groups = within.further(&mut progress);
            if !groups.is_empty() {
                let found = postings::candidates(db, &groups).await?;
                add(question, &mut progress, found);
                continue;
            }
            let moments = within.taken(&mut progress);
            if moments.is_empty() {
                return Ok(progress.into_iter().map(|it| it.hits).collect());
            }
            read(db, question, &mut progress, &moments).await?;
        }
    }

    /// What each question that has to look further looks into next.
    fn further<'a>(&'a self, progress: &mut [Progress]) -> Vec<Group<'a>> {
        let mut groups = Vec::new();
        for (question, it) in progress.iter_mut().enumerate() {
            if it.next(&self.0) == Next::LookFurther {
                groups.push(Group {
                    question,
                    pieces: it.pieces.clone(),
                    segments: it.looked_into(&self.0),
                });
            }
        }
        groups
    }

    /// The moments that are read next, each once: for each question the newest of its candidates.
    fn taken(&self, progress: &mut [Progress]) -> BTreeSet<Moment> {
        for it in &mut *progress {
            it.read.clear();
            if let Next::Read(count) = it.next(&self.0) {
                it.read = it.candidates.split_off(it.candidates.len() - count);
                it.page *= 2;
                it.patience -= count;
            }
        }
        progress.iter().flat_map(|it| &it.read).copied().collect()
    }
}

impl Progress {
    fn new(pieces: Vec<i32>, question: &Question<'_>) -> Self {
        Self {
            pieces,
            from: 0,
            look: FIRST_LOOK,
            page: question.wanted + question.wanted / 4 + 2,
            patience: question.patience,
            candidates: Vec::new(),
            read: Vec::new(),
            hits: Hits::new(question.wanted),
        }
    }

    fn next(&self, segments: &[Segment]) -> Next {
        let missing = self.hits.missing();
        let enough = self.hits.last_wanted().map(|last| last.id);
        let left = segments.get(self.from).filter(|_| !self.pieces.is_empty());
        let left = left
            .map(|segment| segment.last_id)
            .filter(|it| Some(*it) > enough);
        // What is older may yet prove to be none of the newest.
        let sure = left.max(enough);
        // Within a millisecond candidates are in no order.
        let older = |moment: &Moment| Some(moments::past(*moment)) <= sure;
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

fn add(question: &Question<'_>, progress: &mut [Progress], found: Vec<(usize, Vec<Moment>)>) {
    for (at, moments) in found {
        let before = moments.partition_point(|it| moments::id(*it) < question.past);
        progress[at].candidates.extend(&moments[..before]);
    }
    for it in progress {
        // The stable one, which only merges what is in order already.
        it.candidates.sort();
        it.candidates.dedup();
    }
}

async fn in_tail(
    db: &Transaction<'_>,
    question: &Question<'_>,
    progress: &[Progress],
) -> Result<Vec<(usize, Vec<Moment>)>, Error> {
    let (mut firsts, mut lasts): (Vec<i32>, Vec<i32>) = (Vec::new(), Vec::new());
    let mut pieces: Vec<i32> = Vec::new();
    for it in progress {
        firsts.push(pieces.len() as i32 + 1);
        pieces.extend(&it.pieces);
        lasts.push(pieces.len() as i32);
    }
    let rows = db
        .query_typed(
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
            Ok((at as usize, vec![moments::of(row.try_get("id")?)]))
        })
        .collect()
}

/// What was said at these moments, for the questions that asked for it and whose words are in it: one by
/// one, since most is dropped at once.
async fn read(
    db: &Transaction<'_>,
    question: &Question<'_>,
    progress: &mut [Progress],
    moments: &BTreeSet<Moment>,
) -> Result<(), Error> {
    let firsts: Vec<Uuid> = moments.iter().map(|it| moments::id(*it)).collect();
    let pasts: Vec<Uuid> = moments.iter().map(|it| moments::past(*it)).collect();
    let values: [(&(dyn ToSql + Sync), Type); 3] = [
        (&question.robeing_id, Type::TEXT),
        (&firsts, Type::UUID_ARRAY),
        (&pasts, Type::UUID_ARRAY),
    ];
    let rows = db.query_typed_raw(
        "select id, channel_id, thread_ts, user_id, message, response, intent, token_count, created_at
         from conversation.sent_at($1, $2, $3)",
        values,
    )
    .await?;
    in_parts(rows, question.workers, |said| {
        keep(question, progress, said);
    })
    .await
}

/// What was read, by the questions that asked for it and whose words are in the text.
fn keep(question: &Question<'_>, progress: &mut [Progress], said: Vec<(String, Hit)>) {
    for (text, hit) in said.into_iter().filter(|(_, hit)| hit.id < question.past) {
        let moment = moments::of(hit.id);
        for (it, words) in progress.iter_mut().zip(question.words) {
            if it.read.binary_search(&moment).is_ok() && words.are_in_folded(&text) {
                it.hits.push(hit.clone());
            }
        }
    }
    for it in progress {
        it.hits.settle();
    }
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
    fn next(hits: &[u64], candidates: &[u64], left: &[u64]) -> Next {
        let id = |millisecond: &u64| moments::id(millisecond << 8);
        let mut progress = progress(20);
        progress.pieces = vec![1];
        progress.candidates = candidates.iter().map(|it| it << 8).collect();
        progress.hits.extend(hits.iter().map(|it| hit(id(it))));
        progress.page = 5;
        let segment = |last: &u64| Segment {
            number: 0,
            messages: 1,
            first_id: Uuid::nil(),
            last_id: id(last),
        };
        let left: Vec<Segment> = left.iter().map(segment).collect();
        progress.next(&left)
    }

    fn progress(patience: usize) -> Progress {
        let question = Question {
            robeing_id: "r1",
            words: &[],
            past: Uuid::max(),
            wanted: 3,
            reach: i64::MAX,
            patience,
            workers: &Workers::default(),
        };
        Progress::new(Vec::new(), &question)
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
        let mut impatient = progress(0);
        impatient.candidates = vec![u64::MAX >> 16];
        assert_eq!(impatient.next(&[]), Next::Done);
    }
}
