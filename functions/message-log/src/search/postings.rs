//! What segments list: for each piece of a text the moments of the messages that hold it.

use std::collections::BTreeMap;

use jiff::civil::Date;
use platform::postgres::types::Type;
use tokio_postgres::{Error, Transaction};

use super::moments::{self, Moment};
use super::segments::Segment;

/// In bytes. A longer list says little, and is read only where there is no shorter one.
const SHORT: i32 = 6_000;

/// Segments that one question looks into.
pub struct Group<'a> {
    pub question: usize,
    /// Which must all be in a message.
    pub pieces: Vec<i32>,
    pub segments: &'a [Segment],
}

/// The moments that may have a hit, in order, by question.
pub async fn candidates(
    db: &Transaction<'_>,
    groups: &[Group<'_>],
) -> Result<Vec<(usize, Vec<Moment>)>, Error> {
    let (mut questions, mut segments, mut pieces) = (Vec::new(), Vec::new(), Vec::new());
    for group in groups {
        for segment in group.segments {
            for piece in &group.pieces {
                questions.push(group.question as i32);
                segments.push(segment.number);
                pieces.push(*piece);
            }
        }
    }
    if pieces.is_empty() {
        return Ok(Vec::new());
    }
    let rows = db
        .query_typed(
            "select question, segment, moments
             from conversation.shortest_postings($1, $2, $3, $4)",
            &[
                (&questions, Type::INT4_ARRAY),
                (&segments, Type::INT8_ARRAY),
                (&pieces, Type::INT4_ARRAY),
                (&SHORT, Type::INT4),
            ],
        )
        .await?;
    let mut lists: BTreeMap<(i32, i64), Vec<&[u8]>> = BTreeMap::new();
    for row in &rows {
        let of = (row.try_get("question")?, row.try_get("segment")?);
        lists.entry(of).or_default().push(row.try_get("moments")?);
    }
    let found = lists.into_iter().map(|((question, segment), lists)| {
        let month = moments::month_of_segment(segment);
        (question as usize, in_all(month, lists))
    });
    Ok(found.collect())
}

fn in_all(month: Date, lists: Vec<&[u8]>) -> Vec<Moment> {
    let mut lists = lists
        .into_iter()
        .map(|list| moments::from_bytes(month, list));
    let mut found = lists.next().unwrap_or_default();
    for other in lists {
        let mut other = other.into_iter().peekable();
        found.retain(|moment| {
            while other.next_if(|it| it < moment).is_some() {}
            other.peek() == Some(moment)
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_candidate_where_all_lists_have_it() {
        let month = Date::constant(2026, 12, 1);
        let start = moments::of(moments::first_id(month));
        let list = |moments: &[u64]| moments.iter().map(|it| start + it).collect::<Vec<_>>();
        let lists = [&[1, 3, 5, 7][..], &[3, 7], &[2, 3, 7, 9]];
        let lists = lists.map(|it| moments::to_bytes(month, &list(it)));
        let in_all = |lists| in_all(month, lists);
        let bytes: Vec<&[u8]> = lists.iter().map(Vec::as_slice).collect();
        assert_eq!(in_all(bytes.clone()), list(&[3, 7]));
        assert_eq!(in_all(bytes[..1].to_vec()), list(&[1, 3, 5, 7]));
        assert!(in_all(Vec::new()).is_empty());
    }
}
