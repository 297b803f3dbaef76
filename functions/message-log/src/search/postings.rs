//! Reads posting lists: for each n-gram of a segment, the time keys of the messages that contain it.

use std::collections::BTreeMap;

use jiff::civil::Date;
use platform::postgres::types::Type;
use tokio_postgres::{Error, Transaction};

use super::segments::Segment;
use super::time_key::{self, TimeKey};

/// In bytes. A longer list is read only if there is no shorter one, since it excludes little.
const MAX_SECOND_LIST: i32 = 6_000;

/// Segments that one query reads.
pub struct Group<'a> {
    /// The index of the query.
    pub query: usize,
    /// N-grams that must all be in a message.
    pub ngrams: Vec<i32>,
    pub segments: &'a [Segment],
}

/// The time keys that may have a hit, in order, for each query.
pub async fn candidates(
    db: &Transaction<'_>,
    groups: &[Group<'_>],
) -> Result<Vec<(usize, Vec<TimeKey>)>, Error> {
    let (mut queries, mut segments, mut ngrams) = (Vec::new(), Vec::new(), Vec::new());
    for group in groups {
        for segment in group.segments {
            for ngram in &group.ngrams {
                queries.push(group.query as i32);
                segments.push(segment.number);
                ngrams.push(*ngram);
            }
        }
    }
    if ngrams.is_empty() {
        return Ok(Vec::new());
    }
    let rows = db
        .query_typed(
            "select query, segment, time_keys
             from conversation.shortest_postings($1, $2, $3, $4)",
            &[
                (&queries, Type::INT4_ARRAY),
                (&segments, Type::INT8_ARRAY),
                (&ngrams, Type::INT4_ARRAY),
                (&MAX_SECOND_LIST, Type::INT4),
            ],
        )
        .await?;
    let mut lists: BTreeMap<(i32, i64), Vec<&[u8]>> = BTreeMap::new();
    for row in &rows {
        let of = (row.try_get("query")?, row.try_get("segment")?);
        lists.entry(of).or_default().push(row.try_get("time_keys")?);
    }
    let found = lists.into_iter().map(|((query, segment), lists)| {
        let month = time_key::month_of_segment(segment);
        (query as usize, in_all(month, lists))
    });
    Ok(found.collect())
}

fn in_all(month: Date, lists: Vec<&[u8]>) -> Vec<TimeKey> {
    let mut lists = lists
        .into_iter()
        .map(|list| time_key::from_bytes(month, list));
    let mut found = lists.next().unwrap_or_default();
    for other in lists {
        let mut other = other.into_iter().peekable();
        found.retain(|key| {
            while other.next_if(|it| it < key).is_some() {}
            other.peek() == Some(key)
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ids_of_month;

    #[test]
    fn a_time_key_in_all_lists_is_a_candidate() {
        let month = Date::constant(2026, 12, 1);
        let start = time_key::of(ids_of_month(month).0);
        let list = |keys: &[u64]| keys.iter().map(|it| start + it).collect::<Vec<_>>();
        let lists = [&[1, 3, 5, 7][..], &[3, 7], &[2, 3, 7, 9]];
        let lists = lists.map(|it| time_key::to_bytes(month, &list(it)));
        let in_all = |lists| in_all(month, lists);
        let bytes: Vec<&[u8]> = lists.iter().map(Vec::as_slice).collect();
        assert_eq!(in_all(bytes.clone()), list(&[3, 7]));
        assert_eq!(in_all(bytes[..1].to_vec()), list(&[1, 3, 5, 7]));
        assert!(in_all(Vec::new()).is_empty());
    }
}
