//! Finds messages by the n-grams of their texts, in the tail and in segments.

use std::collections::BTreeSet;

use platform::postgres::types::{ToSql, Type};
use platform::work::Workers;
use tokio::try_join;
use tokio_postgres::{Error, Row, Transaction};
use uuid::Uuid;

use super::ngrams::hashes;
use super::postings::{self, Group};
use super::time_key::{self, TimeKey};
use super::{Hit, Hits, Terms, read_in_parts};

/// The number of messages in the segments that are read first. They contain enough hits for a common term.
const FIRST_MESSAGES: i64 = 4_096;
/// The factor by which that number grows with each further read.
const GROWTH: i64 = 64;
/// The most n-grams per query. A text that contains this many of them mostly contains all.
const MAX_NGRAMS: usize = 12;

/// The segments of a robeing, those with the newest messages first.
pub struct Segments(Vec<Segment>);

#[derive(Clone, Copy)]
pub struct Segment {
    pub number: i64,
    messages: i64,
    first_id: Uuid,
    last_id: Uuid,
}

/// One or more queries. A hit contains all terms of its query.
pub struct Lookup<'a> {
    pub robeing_id: &'a str,
    pub queries: &'a [Terms],
    /// Only messages with lower ids are hits.
    pub past: Uuid,
    /// The most hits per query.
    pub wanted: usize,
    /// Only the newest segments before `past` with this many messages are read.
    pub max_messages: i64,
    /// The most candidates per query whose texts are read. For some terms, most candidates are no hits.
    pub max_candidates: usize,
    /// For folding texts.
    pub workers: &'a Workers,
}

/// The progress of one key of a query.
struct Progress {
    /// The place of the query. Each of its keys has a progress of its own.
    query: usize,
    ngrams: Vec<i32>,
    /// The first segment that has not been read.
    next_segment: usize,
    /// How many messages are in the segments that are read next.
    next_messages: i64,
    /// How many candidates are read next.
    next_candidates: usize,
    /// How many more candidates may be read.
    candidates_left: usize,
    /// Time keys that may have a hit, oldest first.
    candidates: Vec<TimeKey>,
    /// The candidates that are being read.
    reading: Vec<TimeKey>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    ReadSegments,
    /// Read the texts of the newest candidates, this many.
    ReadCandidates(usize),
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

    /// The newest segments with messages before `past`, until they have `messages` messages.
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

    /// Returns the newest hits of each query. It must run in the transaction that opened the segments, whose
    /// snapshot still has what a roll-up packs or merges meanwhile.
    pub async fn find(
        &self,
        db: &Transaction<'_>,
        lookup: &Lookup<'_>,
    ) -> Result<Vec<Hits>, Error> {
        if lookup.queries.is_empty() {
            return Ok(Vec::new());
        }
        let within = self.before(lookup.past, lookup.max_messages);
        let mut progress: Vec<Progress> = Vec::new();
        for (query, terms) in lookup.queries.iter().enumerate() {
            for key in terms.keys() {
                let ngrams = ngrams(lookup.robeing_id, &key);
                progress.push(Progress::new(query, ngrams, lookup));
            }
        }
        let no_hits = || Hits::new(lookup.wanted);
        let mut hits: Vec<Hits> = lookup.queries.iter().map(|_| no_hits()).collect();
        let groups = within.next_groups(&mut progress, &hits);
        let (of_tail, found) = try_join!(
            in_tail(db, lookup, &progress),
            postings::candidates(db, &groups)
        )?;
        add_candidates(lookup, &mut progress, of_tail);
        add_candidates(lookup, &mut progress, found);
        loop {
            let groups = within.next_groups(&mut progress, &hits);
            if !groups.is_empty() {
                let found = postings::candidates(db, &groups).await?;
                add_candidates(lookup, &mut progress, found);
                continue;
            }
            let keys = within.next_candidates(&mut progress, &hits);
            if keys.is_empty() {
                return Ok(hits);
            }
            read_candidates(db, lookup, &progress, &mut hits, &keys).await?;
        }
    }

    /// The next segments of each query that needs more candidates.
    fn next_groups<'a>(&'a self, progress: &mut [Progress], hits: &[Hits]) -> Vec<Group<'a>> {
        let mut groups = Vec::new();
        for (query, it) in progress.iter_mut().enumerate() {
            if it.next(&self.0, &hits[it.query]) == Next::ReadSegments {
                groups.push(Group {
                    query,
                    ngrams: it.ngrams.clone(),
                    segments: it.take_segments(&self.0),
                });
            }
        }
        groups
    }

    /// Takes the newest candidates of each query that has enough of them.
    fn next_candidates(&self, progress: &mut [Progress], hits: &[Hits]) -> BTreeSet<TimeKey> {
        for it in &mut *progress {
            it.reading.clear();
            if let Next::ReadCandidates(count) = it.next(&self.0, &hits[it.query]) {
                it.reading = it.candidates.split_off(it.candidates.len() - count);
                it.next_candidates *= 2;
                it.candidates_left -= count;
            }
        }
        progress
            .iter()
            .flat_map(|it| &it.reading)
            .copied()
            .collect()
    }
}

impl Progress {
    fn new(query: usize, ngrams: Vec<i32>, lookup: &Lookup<'_>) -> Self {
        Self {
            query,
            ngrams,
            next_segment: 0,
            next_messages: FIRST_MESSAGES,
            next_candidates: lookup.wanted + lookup.wanted / 4 + 2,
            candidates_left: lookup.max_candidates,
            candidates: Vec::new(),
            reading: Vec::new(),
        }
    }

    /// What comes next, given the hits of the query by all its keys.
    fn next(&self, segments: &[Segment], hits: &Hits) -> Next {
        let missing = hits.missing();
        let last_wanted = hits.last_wanted().map(|last| last.id);
        let unread = segments
            .get(self.next_segment)
            .filter(|_| !self.ngrams.is_empty());
        let last_unread = unread
            .map(|segment| segment.last_id)
            .filter(|it| Some(*it) > last_wanted);
        // Hits in an unread segment may be newer than older candidates.
        let newest_other = last_unread.max(last_wanted);
        // Within a millisecond candidates have no order.
        let is_older = |key: &TimeKey| Some(time_key::past_id(*key)) <= newest_other;
        let candidates = self.candidates.len() - self.candidates.partition_point(is_older);
        if self.candidates_left == 0 {
            Next::Done
        } else if last_unread.is_some() && candidates < missing.max(1) {
            Next::ReadSegments
        } else if candidates == 0 {
            Next::Done
        } else {
            let count = candidates.min(self.next_candidates);
            Next::ReadCandidates(count.min(self.candidates_left))
        }
    }

    /// Takes the next segments.
    fn take_segments<'a>(&mut self, segments: &'a [Segment]) -> &'a [Segment] {
        let start = self.next_segment;
        let mut messages = 0;
        while let Some(segment) = segments.get(self.next_segment)
            && messages < self.next_messages
        {
            messages += segment.messages;
            self.next_segment += 1;
        }
        self.next_messages = self.next_messages.saturating_mul(GROWTH);
        &segments[start..self.next_segment]
    }
}

fn ngrams(robeing_id: &str, key: &str) -> Vec<i32> {
    let mut ngrams = hashes(robeing_id, key);
    ngrams.truncate(MAX_NGRAMS);
    ngrams
}

fn add_candidates(
    lookup: &Lookup<'_>,
    progress: &mut [Progress],
    found: Vec<(usize, Vec<TimeKey>)>,
) {
    for (query, keys) in found {
        let before = keys.partition_point(|it| time_key::first_id(*it) < lookup.past);
        progress[query].candidates.extend(&keys[..before]);
    }
    for it in progress {
        // A stable sort merges runs that are already in order.
        it.candidates.sort();
        it.candidates.dedup();
    }
}

async fn in_tail(
    db: &Transaction<'_>,
    lookup: &Lookup<'_>,
    progress: &[Progress],
) -> Result<Vec<(usize, Vec<TimeKey>)>, Error> {
    // The n-grams of all queries in one array, and the slice of each.
    let (mut firsts, mut lasts): (Vec<i32>, Vec<i32>) = (Vec::new(), Vec::new());
    let mut ngrams: Vec<i32> = Vec::new();
    for it in progress {
        firsts.push(ngrams.len() as i32 + 1);
        ngrams.extend(&it.ngrams);
        lasts.push(ngrams.len() as i32);
    }
    let rows = db
        .query_typed(
            "select nth::int4 - 1 as query, id
             from unnest($3::int4[], $4::int4[]) with ordinality as query (first, last, nth)
             join conversation.search_tail
                 on first <= last and ngrams @> ($5::int4[])[first:last]
             where robeing_id = $1 and id < $2",
            &[
                (&lookup.robeing_id, Type::TEXT),
                (&lookup.past, Type::UUID),
                (&firsts, Type::INT4_ARRAY),
                (&lasts, Type::INT4_ARRAY),
                (&ngrams, Type::INT4_ARRAY),
            ],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let query: i32 = row.try_get("query")?;
            Ok((query as usize, vec![time_key::of(row.try_get("id")?)]))
        })
        .collect()
}

/// Reads the messages with these time keys and keeps the hits. Rows are streamed, since most are dropped at once.
async fn read_candidates(
    db: &Transaction<'_>,
    lookup: &Lookup<'_>,
    progress: &[Progress],
    hits: &mut [Hits],
    keys: &BTreeSet<TimeKey>,
) -> Result<(), Error> {
    let firsts: Vec<Uuid> = keys.iter().map(|it| time_key::first_id(*it)).collect();
    let pasts: Vec<Uuid> = keys.iter().map(|it| time_key::past_id(*it)).collect();
    let values: [(&(dyn ToSql + Sync), Type); 3] = [
        (&lookup.robeing_id, Type::TEXT),
        (&firsts, Type::UUID_ARRAY),
        (&pasts, Type::UUID_ARRAY),
    ];
    let rows = db.query_typed_raw(
        "select id, channel_id, thread_ts, user_id, message, response, intent, token_count, created_at
         from conversation.with_time_keys($1, $2, $3)",
        values,
    )
    .await?;
    read_in_parts(rows, lookup.workers, |messages| {
        keep_hits(lookup, progress, hits, messages);
    })
    .await
}

/// Keeps messages for the queries that read them and whose terms they contain.
fn keep_hits(
    lookup: &Lookup<'_>,
    progress: &[Progress],
    hits: &mut [Hits],
    messages: Vec<(String, Hit)>,
) {
    let messages = messages.into_iter();
    for (text, hit) in messages.filter(|(_, hit)| hit.id < lookup.past) {
        let key = time_key::of(hit.id);
        for it in progress {
            if it.reading.binary_search(&key).is_ok() && lookup.queries[it.query].are_in(&text) {
                hits[it.query].push(hit.clone());
            }
        }
    }
    for it in hits {
        it.settle();
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

    /// What is next for a query that wants three hits. Hits, candidates and the last messages of unread segments are
    /// given by their milliseconds.
    fn next(hits: &[u64], candidates: &[u64], unread: &[u64]) -> Next {
        let id = |millisecond: &u64| time_key::first_id(millisecond << 8);
        let mut progress = progress(20);
        progress.ngrams = vec![1];
        progress.candidates = candidates.iter().map(|it| it << 8).collect();
        let mut found = Hits::new(3);
        found.extend(hits.iter().map(|it| hit(id(it))));
        progress.next_candidates = 5;
        let segment = |last: &u64| Segment {
            number: 0,
            messages: 1,
            first_id: Uuid::nil(),
            last_id: id(last),
        };
        let unread: Vec<Segment> = unread.iter().map(segment).collect();
        progress.next(&unread, &found)
    }

    fn progress(max_candidates: usize) -> Progress {
        let lookup = Lookup {
            robeing_id: "r1",
            queries: &[],
            past: Uuid::max(),
            wanted: 3,
            max_messages: i64::MAX,
            max_candidates,
            workers: &Workers::default(),
        };
        Progress::new(0, Vec::new(), &lookup)
    }

    #[test]
    fn only_what_may_be_newer_than_the_last_wanted_hit_is_read() {
        assert_eq!(next(&[], &[], &[9]), Next::ReadSegments);
        assert_eq!(next(&[], &[7, 8], &[6]), Next::ReadSegments);
        assert_eq!(next(&[], &[6, 7, 8], &[7]), Next::ReadSegments);
        assert_eq!(next(&[], &[6, 7, 8], &[5]), Next::ReadCandidates(3));
        assert_eq!(
            next(&[], &[2, 3, 4, 5, 6, 7, 8], &[]),
            Next::ReadCandidates(5)
        );
        assert_eq!(next(&[9, 8], &[], &[]), Next::Done);
        assert_eq!(next(&[9, 8, 7], &[3, 6], &[5]), Next::Done);
        assert_eq!(next(&[9, 8, 4], &[3, 6], &[3]), Next::ReadCandidates(1));
        assert_eq!(next(&[9, 8, 4], &[3], &[5]), Next::ReadSegments);
        // In the same millisecond as the last hit.
        assert_eq!(next(&[9, 8, 4], &[3, 4], &[]), Next::ReadCandidates(1));
        let mut exhausted = progress(0);
        exhausted.candidates = vec![u64::MAX >> 16];
        assert_eq!(exhausted.next(&[], &Hits::new(3)), Next::Done);
    }
}
