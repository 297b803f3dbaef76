-- For each question and segment the lists of the rarest of its pieces, if the segment has them all.
select asked.question, asked.segment, rarest.moments
from unnest($1::int4[], $2::int8[], $3::int4[], $4::int4[])
    as asked (question, segment, first, last)
cross join lateral (
    select posting.moments, count(*) over () as pieces
    from unnest(($5::int4[])[asked.first:asked.last]) as known (piece)
    -- The limit keeps the planner from reading whole segments for this.
    cross join lateral (
        select moments
        from conversation.search_posting as posting
        where posting.segment = asked.segment
          and posting.piece = known.piece
          -- The partitions.
          and posting.segment >= $6
          and posting.segment <= $7
        limit 1
    ) as posting
    order by octet_length(posting.moments)
    limit 3
) as rarest
where rarest.pieces = asked.last - asked.first + 1
