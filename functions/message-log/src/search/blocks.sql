-- For each question block by block, the newest first, and no further than is asked for: `limit` ends the
-- loop. Blocks are counted from the oldest that is looked into.
select asked.question, found.*
from unnest($2::int4[], $3::int4[], $4::int4[]) as asked (question, start, width)
cross join lateral (
    select log.id, log.channel_id, log.thread_ts, log.user_id, log.message, log.response, log.intent,
           log.token_count, log.created_at
    from generate_series($6::int4, 0, -1) as nth
    cross join lateral (
        select search.id
        from conversation.search
        where search.id >= $7
          and search.id < $8
          and search.grams @> ($5::int4[])[
              asked.start + nth * asked.width + 1 : asked.start + (nth + 1) * asked.width]
        order by search.id desc
        limit $9 + $10
    ) as hit
    join conversation.log on log.id = hit.id and log.id >= $7 and log.id < $8
    where log.robeing_id = $1
    offset $10
    limit $9
) as found
