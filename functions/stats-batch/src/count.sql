-- What transactions from $1 on and below $2 committed, by robeing and hour. It writes nothing, so that it
-- may run on several cores.
select robeing_id, hour, sum(rows)::int8 as rows,
       sum(in_threads)::int8 as in_threads, sum(direct)::int8 as direct, sum(in_channels)::int8 as in_channels,
       sum(successful_tasks)::int8 as successful_tasks, sum(failed_tasks)::int8 as failed_tasks,
       least(sum(memory), 9223372036854775807)::int8 as memory_experience,
       least(sum(compute), 9223372036854775807)::int8 as compute_experience,
       least(sum(empathy), 9223372036854775807)::int8 as empathy_experience,
       least(sum(leadership), 9223372036854775807)::int8 as leadership_experience,
       least(sum(ethics), 9223372036854775807)::int8 as ethics_experience
from (
    select robeing_id, date_bin('1 hour', created_at, 'epoch') as hour, count(*) as rows,
           count(*) filter (where not is_answer and place = 'thread') as in_threads,
           count(*) filter (where not is_answer and place = 'direct') as direct,
           count(*) filter (where not is_answer and place = 'channel') as in_channels,
           0 as successful_tasks, 0 as failed_tasks,
           0::numeric as memory, 0::numeric as compute, 0::numeric as empathy, 0::numeric as leadership, 0::numeric as ethics
    from conversation.committed($1::text::xid8, $2::text::xid8)
    group by 1, 2
    union all
    select robeing_id, date_bin('1 hour', created_at, 'epoch'),
           count(*), 0, 0, 0,
           count(*) filter (where outcome = 'success'), count(*) filter (where outcome <> 'success'),
           coalesce(sum(experience) filter (where stat = 'memory'), 0),
           coalesce(sum(experience) filter (where stat = 'compute'), 0),
           coalesce(sum(experience) filter (where stat = 'empathy'), 0),
           coalesce(sum(experience) filter (where stat = 'leadership'), 0),
           coalesce(sum(experience) filter (where stat = 'ethics'), 0)
    from robeing.task
    where xid >= $1::text::xid8 and xid < $2::text::xid8
    group by 1, 2
    union all
    -- What was erased before it was counted.
    select robeing_id, hour, 0, in_threads, direct, in_channels, 0, 0, 0, 0, 0, 0, 0
    from robeing.removed
    where xid >= $1::text::xid8 and xid < $2::text::xid8 and not was_counted
) as counted
group by 1, 2
