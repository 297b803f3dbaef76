-- Block by block, the newest first, and no further than is asked for: `limit` ends the loop. Blocks are
-- counted from the oldest that is looked into.
select log.id, log.channel_id, log.thread_ts, log.user_id, log.message, log.response, log.intent,
       log.token_count, log.created_at
from generate_series($4::int4, 0, -1) as block
cross join lateral (
    select search.id
    from conversation.search
    where search.id >= $5
      and search.id < $6
      -- The keys of this block: as many for each block, one after the other.
      and search.grams @> ($2::int4[])[block * $3 + 1 : (block + 1) * $3]
    order by search.id desc
    limit $7 + $8
) as hit
join conversation.log on log.id = hit.id and log.id >= $5 and log.id < $6
where log.robeing_id = $1
offset $8
limit $7
