-- Counts every quarter hour again, from the log and the tasks of transactions before $1.
with months as materialized (
    select to_char(month, 'YYYY_MM') as month from conversation.months() as month
),
counted as (
    select robeing_id, hour, in_threads, direct, in_channels, successful_tasks, failed_tasks,
           memory, compute, empathy, leadership, ethics
    from robeing.present_counts('0', $1::text::xid8)
    union all
    select robeing_id, hour, in_threads, direct, in_channels, 0, 0, 0, 0, 0, 0, 0
    from robeing.removed
    where (was_counted or xid < $1::text::xid8)
      and to_char(hour at time zone 'utc', 'YYYY_MM') in (select month from months)
    union all
    -- A message whose place became known later stays counted where it was.
    select robeing_id, hour, -in_threads, -direct, -in_channels, 0, 0, 0, 0, 0, 0, 0
    from robeing.moved
    where row_xid < $1::text::xid8
      and to_char(hour at time zone 'utc', 'YYYY_MM') in (select month from months)
    union all
    -- For a month that has left the log, what was counted before.
    select robeing_id, hour, in_threads, direct, in_channels, 0, 0, 0, 0, 0, 0, 0
    from robeing.growth
    where to_char(hour at time zone 'utc', 'YYYY_MM') not in (select month from months)
),
hours as materialized (
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
    where not exists (
        select from hours where (hours.robeing_id, hours.hour) = (growth.robeing_id, growth.hour))
    returning 1
),
stored as (
    insert into robeing.growth as known
    select * from hours
    on conflict (robeing_id, hour) do update
    set in_threads = excluded.in_threads, direct = excluded.direct, in_channels = excluded.in_channels,
        successful_tasks = excluded.successful_tasks, failed_tasks = excluded.failed_tasks,
        memory_experience = excluded.memory_experience, compute_experience = excluded.compute_experience,
        empathy_experience = excluded.empathy_experience,
        leadership_experience = excluded.leadership_experience, ethics_experience = excluded.ethics_experience
    where known.* is distinct from excluded.*
    returning 1
),
totals as materialized (
    select robeing_id,
           sum(in_threads + direct + in_channels) as conversations,
           sum(successful_tasks) as successful_tasks, sum(failed_tasks) as failed_tasks,
           least(sum(in_threads + memory), 9223372036854775807) as memory,
           least(sum(compute), 9223372036854775807) as compute,
           least(sum(direct + empathy), 9223372036854775807) as empathy,
           least(sum(in_channels + leadership), 9223372036854775807) as leadership,
           least(sum(ethics), 9223372036854775807) as ethics
    from hours
    group by 1
    union all
    select robeing_id, 0, 0, 0, 0, 0, 0, 0, 0
    from robeing.stats
    where robeing_id not in (select robeing_id from hours)
),
changed as (
    insert into robeing.stats as known
        (robeing_id, total_conversations, successful_tasks, failed_tasks, memory_experience,
         compute_experience, empathy_experience, leadership_experience, ethics_experience)
    select * from totals
    on conflict (robeing_id) do update
    set total_conversations = excluded.total_conversations,
        successful_tasks = excluded.successful_tasks, failed_tasks = excluded.failed_tasks,
        memory_experience = excluded.memory_experience, compute_experience = excluded.compute_experience,
        empathy_experience = excluded.empathy_experience,
        leadership_experience = excluded.leadership_experience,
        ethics_experience = excluded.ethics_experience, updated_at = now()
    where (known.total_conversations, known.successful_tasks, known.failed_tasks, known.memory_experience,
           known.compute_experience, known.empathy_experience, known.leadership_experience, known.ethics_experience)
          is distinct from
          (excluded.total_conversations, excluded.successful_tasks, excluded.failed_tasks, excluded.memory_experience,
           excluded.compute_experience, excluded.empathy_experience, excluded.leadership_experience, excluded.ethics_experience)
    returning 1
)
select (select count(*) from totals) as robeings,
       (select coalesce(sum(conversations), 0) from totals)::int8 as conversations,
       (select count(*) from deleted) + (select count(*) from stored) + (select count(*) from changed) as changed
