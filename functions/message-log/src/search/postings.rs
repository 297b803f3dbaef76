//! What segments list: for each piece of a text the moments of the messages that hold it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures::future::try_join_all;
use jiff::civil::Date;
use shared::postgres::Client;
use shared::postgres::scoped::{self as db, Scope};
use shared::postgres::types::Type;
use tokio_postgres::{Error, Row};
use uuid::Uuid;

use super::moments::{self, Moment};
use super::segments::Segment;

/// In bytes. A longer list says little, and is read only where there is no shorter one.
const SHORT: i32 = 16_000;

/// Segments that one question looks into.
pub struct Group<'a> {
    pub question: usize,
    /// Which must all be in a message.
    pub pieces: Vec<i32>,
    pub segments: &'a [Segment],
}

/// The moments that may have a hit: which question's, and the least id of each.
pub async fn candidates(
    client: &Client,
    scope: &Scope,
    groups: &[Group<'_>],
) -> Result<Vec<(usize, Uuid)>, Error> {
    let mut asked: BTreeMap<Date, Asked> = BTreeMap::new();
    for group in groups {
        for segment in group.segments {
            let of_month = asked.entry(segment.month).or_default();
            of_month.segments.insert(segment.number);
            of_month.pieces.extend(&group.pieces);
        }
    }
    let known = lists(client, scope, &asked, SHORT).await?;
    let mut found = Vec::new();
    let mut long: BTreeMap<Date, Asked> = BTreeMap::new();
    let mut only_long = Vec::new();
    for group in groups {
        let at = group.question;
        for segment in group.segments {
            let of_piece = |piece: &i32| Some((*piece, known.get(&(segment.number, *piece))?));
            let pieces = group.pieces.iter().map(of_piece);
            let Some(pieces) = pieces.collect::<Option<Vec<_>>>() else {
                continue;
            };
            let short = pieces
                .iter()
                .filter_map(|(_, list)| list.moments.as_deref());
            let short: Vec<&[u8]> = short.collect();
            if short.is_empty() {
                let shortest = pieces.iter().min_by_key(|(_, list)| list.length);
                if let Some((piece, _)) = shortest {
                    let of_month = long.entry(segment.month).or_default();
                    of_month.segments.insert(segment.number);
                    of_month.pieces.insert(*piece);
                    only_long.push((at, segment, *piece));
                }
            }
            let moments = in_all(short).into_iter();
            found.extend(moments.map(|moment| (at, moments::id(segment.month, moment))));
        }
    }
    if !only_long.is_empty() {
        let known = lists(client, scope, &long, i32::MAX).await?;
        for (at, segment, piece) in only_long {
            let list = known.get(&(segment.number, piece));
            let list = list.and_then(|list| list.moments.as_deref()).into_iter();
            let moments = in_all(list.collect()).into_iter();
            found.extend(moments.map(|moment| (at, moments::id(segment.month, moment))));
        }
    }
    Ok(found)
}

/// What is asked of a month.
#[derive(Default)]
struct Asked {
    segments: BTreeSet<i64>,
    pieces: BTreeSet<i32>,
}

struct List {
    /// In bytes.
    length: i32,
    /// None where it is longer than what was asked for.
    moments: Option<Vec<u8>>,
}

/// By segment and piece. A month is a partition, and the planner must see that there is no other.
async fn lists(
    client: &Client,
    scope: &Scope,
    asked: &BTreeMap<Date, Asked>,
    longest: i32,
) -> Result<HashMap<(i64, i32), List>, Error> {
    let of_months = asked.iter().map(async |(month, asked)| {
        let segments: Vec<i64> = asked.segments.iter().copied().collect();
        let pieces: Vec<i32> = asked.pieces.iter().copied().collect();
        db::query(
            client,
            scope,
            "select segment, piece, octet_length(moments) as length,
                    case when octet_length(moments) <= $5 then moments end as moments
             from conversation.search_posting
             where segment >= $1 and segment < $2 and segment = any ($3) and piece = any ($4)",
            &[
                (&moments::first_segment(*month), Type::INT8),
                (&moments::past_segment(*month), Type::INT8),
                (&segments, Type::INT8_ARRAY),
                (&pieces, Type::INT4_ARRAY),
                (&longest, Type::INT4),
            ],
        )
        .await
    });
    let rows = try_join_all(of_months).await?;
    let list = |row: &Row| {
        let key = (row.try_get("segment")?, row.try_get("piece")?);
        let list = List {
            length: row.try_get("length")?,
            moments: row.try_get("moments")?,
        };
        Ok((key, list))
    };
    rows.iter().flatten().map(list).collect()
}

/// What is in the shortest two of the lists, which is mostly what is in all.
fn in_all(mut lists: Vec<&[u8]>) -> Vec<Moment> {
    lists.sort_unstable_by_key(|list| list.len());
    let mut lists = lists.into_iter().map(moments::from_bytes);
    let mut found = lists.next().unwrap_or_default();
    if let Some(second) = lists.next() {
        found.retain(|moment| second.binary_search(moment).is_ok());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_candidate_where_all_lists_have_it() {
        let lists = [&[1, 3, 5, 7][..], &[3, 7], &[2, 3, 7, 9]].map(moments::to_bytes);
        let lists: Vec<&[u8]> = lists.iter().map(Vec::as_slice).collect();
        assert_eq!(in_all(lists), [3, 7]);
        assert_eq!(in_all(vec![&moments::to_bytes(&[4])]), [4]);
        assert!(in_all(Vec::new()).is_empty());
    }
}
