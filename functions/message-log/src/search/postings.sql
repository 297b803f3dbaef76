-- For each question and segment the lists of the rarest of its pieces, if the segment has them all.
with found as materialized (
    select posting.*
    from unnest($1::int8[], $2::int8[], $3::int4[], $4::int4[])
        as month (first_segment, past_segment, first, last)
    -- A partition each.
    cross join lateral (
        select segment, piece, moments
        from conversation.search_posting
        where segment >= month.first_segment
          and segment < month.past_segment
          and segment = any (($5::int8[])[month.first:month.last])
          and piece = any ($7::int4[])
        offset 0
    ) as posting
)
select question, segment, moments
from (
    select asked.question, asked.pieces, found.segment, found.moments,
           count(*) over (partition by asked.question, found.segment) as found_pieces,
           row_number() over (partition by asked.question, found.segment
                              order by octet_length(found.moments)) as nth
    from unnest($6::int4[], $7::int4[], $8::int4[]) as asked (question, piece, pieces)
    join found on found.piece = asked.piece
) as list
where found_pieces = pieces and nth <= 3
