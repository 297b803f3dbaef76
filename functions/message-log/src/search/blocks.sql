-- For each question its blocks one after the other, and no further than is asked for: `limit` ends the
-- loop.
select asked.question, found.*
from unnest($2::int4[], $3::int4[], $4::int4[], $5::int4[], $6::int8[])
    as asked (question, start, width, blocks, seen)
cross join lateral (
    select nth, log.id, log.channel_id, log.thread_ts, log.user_id, log.message, log.response,
           log.intent, log.token_count, log.created_at
    from generate_series(0, asked.blocks - 1) as nth
    cross join lateral (
        select search.id
        from conversation.search
        where search.robeing_id = $1
          -- The partition.
          and search.id >= $8
          and search.id < $9
          -- Not as a range: its pages would be looked for again in each block.
          and (search.id < $11) is true
          and search.grams @> ($7::int4[])[
              asked.start + nth * asked.width + 1 : asked.start + (nth + 1) * asked.width]
        order by search.id desc
        limit $10 + asked.seen
    ) as hit
    join conversation.log on log.id = hit.id and log.id >= $8 and log.id < $9
    where log.robeing_id = $1
    offset asked.seen
    limit $10
) as found
