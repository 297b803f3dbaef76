//! Collects hits, and keeps no more than fit into a page.

use super::Hit;
use crate::page;

/// The newest hits, newest first, without duplicates.
pub struct Hits {
    pub hits: Vec<Hit>,
    /// Whether older hits were left out because of their size.
    pub is_cut: bool,
    wanted: usize,
    /// The bytes of the hits that were added since the last [`settle`](Self::settle).
    new_bytes: usize,
}

impl Hits {
    pub fn new(wanted: usize) -> Self {
        Self {
            hits: Vec::new(),
            is_cut: false,
            wanted,
            new_bytes: 0,
        }
    }

    pub fn push(&mut self, hit: Hit) {
        self.new_bytes += hit.bytes();
        self.hits.push(hit);
        if self.new_bytes > page::BYTES {
            self.settle();
        }
    }

    pub fn extend(&mut self, hits: impl IntoIterator<Item = Hit>) {
        for hit in hits {
            self.push(hit);
        }
        self.settle();
    }

    /// Adds the hits of another part of the index. If those were cut, older hits are missing in it.
    pub fn add(&mut self, other: Self) {
        let last = other.hits.last().filter(|_| other.is_cut).map(|hit| hit.id);
        self.extend(other.hits);
        if let Some(last) = last {
            self.hits.retain(|hit| hit.id >= last);
            self.is_cut = true;
        }
    }

    /// How many more hits are wanted.
    pub fn missing(&self) -> usize {
        match self.is_cut {
            true => 0,
            false => self.wanted.saturating_sub(self.hits.len()),
        }
    }

    /// The last wanted hit, if there are enough hits.
    pub fn last_wanted(&self) -> Option<&Hit> {
        self.hits.last().filter(|_| self.missing() == 0)
    }

    /// Sorts the hits and drops those that don't fit into a page. A dropped hit never returns.
    pub fn settle(&mut self) {
        self.new_bytes = 0;
        self.hits.sort_by_key(|hit| std::cmp::Reverse(hit.id));
        self.hits.dedup_by_key(|hit| hit.id);
        self.hits.truncate(self.wanted);
        let mut bytes = 0;
        let enough = self.hits.iter().position(|hit| {
            bytes += hit.bytes();
            bytes > page::BYTES
        });
        if let Some(enough) = enough {
            self.hits.truncate(enough + 1);
            self.is_cut = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;

    fn hit(id: u128, bytes: usize) -> Hit {
        Hit {
            id: Uuid::from_u128(id),
            channel_id: None,
            thread_ts: None,
            user_id: None,
            message: Some("x".repeat(bytes)),
            response: None,
            intent: None,
            tokens: 0,
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn ids(hits: &Hits) -> Vec<u128> {
        hits.hits.iter().map(|hit| hit.id.as_u128()).collect()
    }

    #[test]
    fn the_newest_hits_are_kept_up_to_the_wanted_number_and_the_size_of_a_page() {
        let mut hits = Hits::new(3);
        hits.extend([hit(5, 1), hit(7, 1), hit(5, 1), hit(6, 1), hit(4, 1)]);
        assert_eq!((ids(&hits), hits.is_cut), (vec![7, 6, 5], false));
        assert_eq!(hits.last_wanted().map(|hit| hit.id.as_u128()), Some(5));

        let large = page::BYTES / 2;
        let mut hits = Hits::new(100);
        hits.extend((0..50).map(|id| hit(id, large)));
        assert_eq!((ids(&hits), hits.is_cut), (vec![49, 48, 47], true));
        assert_eq!(hits.missing(), 0);
        hits.extend([hit(60, large), hit(3, 1)]);
        assert_eq!(ids(&hits), [60, 49, 48]);
    }

    #[test]
    fn hits_older_than_the_last_of_a_cut_part_are_left_out() {
        let mut cut = Hits::new(100);
        cut.extend((10..50).map(|id| hit(id, page::BYTES / 2)));
        let mut hits = Hits::new(100);
        hits.extend([hit(48, 1), hit(5, 1)]);
        hits.add(cut);
        assert_eq!((ids(&hits), hits.is_cut), (vec![49, 48, 47], true));
    }
}
