-- Counts day $1 again by quarter hour, from the log and the tasks of transactions before $2.
with bounds as materialized (
    select $1::date::timestamp at time zone 'utc' as start, ($1::date + 1)::timestamp at time zone 'utc' as past,
           date_trunc('month', $1::date::timestamp)::date in (select conversation.months()) as is_in_log
),
counted as (
    select robeing_id, date_bin('15 minutes', created_at, 'epoch') as hour,
           count(*) filter (where not is_answer and place = 'thread') as in_threads,
           count(*) filter (where not is_answer and place = 'direct') as direct,
           count(*) filter (where not is_answer and place = 'channel') as in_channels,
           0 as successful_tasks, 0 as failed_tasks, 0 as memory, 0 as compute, 0 as empathy, 0 as leadership, 0 as ethics
    from conversation.committed_on($1, $2::text::xid8)
    group by 1, 2
    union all
    select robeing_id, date_bin('15 minutes', created_at, 'epoch'), 0, 0, 0,
           count(*) filter (where outcome = 'success'), count(*) filter (where outcome <> 'success'),
           coalesce(sum(experience) filter (where stat = 'memory'), 0),
           coalesce(sum(experience) filter (where stat = 'compute'), 0),
           coalesce(sum(experience) filter (where stat = 'empathy'), 0),
           coalesce(sum(experience) filter (where stat = 'leadership'), 0),
           coalesce(sum(experience) filter (where stat = 'ethics'), 0)
    from robeing.task, bounds
    where xid < $2::text::xid8 and created_at >= start and created_at < past
    group by 1, 2
    union all
    select robeing_id, hour, in_threads, direct, in_channels, 0, 0, 0, 0, 0, 0, 0
    from robeing.removed, bounds
    where (was_counted or xid < $2::text::xid8) and hour >= start and hour < past and is_in_log
    union all
    -- A message whose place became known later stays counted where it was.
    select robeing_id, hour, -in_threads, -direct, -in_channels, 0, 0, 0, 0, 0, 0, 0
    from robeing.moved, bounds
    where row_xid < $2::text::xid8 and hour >= start and hour < past and is_in_log
    union all
    -- For a month that has left the log, what was counted before.
    select robeing_id, hour, in_threads, direct, in_channels, 0, 0, 0, 0, 0, 0, 0
    from robeing.growth, bounds
    where hour >= start and hour < past and not is_in_log
),
quarters as materialized (
    select robeing_id, hour,
           sum(in_threads) as in_threads, sum(direct) as direct, sum(in_channels) as in_channels,
           sum(successful_tasks) as successful_tasks, sum(failed_tasks) as failed_tasks,
           least(sum(memory), 9223372036854775807) as memory, least(sum(compute), 9223372036854775807) as compute,
           least(sum(empathy), 9223372036854775807) as empathy,
           least(sum(leadership), 9223372036854775807) as leadership,
           least(sum(ethics), 9223372036854775807) as ethics
    from counted
    group by 1, 2
    having sum(in_threads + direct + in_channels + successful_tasks + failed_tasks) > 0
),
deleted as (
    delete from robeing.growth
    using bounds
    where hour >= start and hour < past
      and not exists (
          select from quarters where (quarters.robeing_id, quarters.hour) = (growth.robeing_id, growth.hour))
)
insert into robeing.growth as known
select * from quarters
on conflict (robeing_id, hour) do update
set in_threads = excluded.in_threads, direct = excluded.direct, in_channels = excluded.in_channels,
    successful_tasks = excluded.successful_tasks, failed_tasks = excluded.failed_tasks,
    memory_experience = excluded.memory_experience, compute_experience = excluded.compute_experience,
    empathy_experience = excluded.empathy_experience,
    leadership_experience = excluded.leadership_experience, ethics_experience = excluded.ethics_experience
where known.* is distinct from excluded.*
