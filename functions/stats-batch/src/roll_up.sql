-- Counts what the transactions from $1 up to, but not including, $2 committed, by robeing and quarter hour.
with counted as materialized (
    select * from robeing.hourly_counts($1::text::xid8, $2::text::xid8)
    union all
    -- Conversations that were removed before they were counted.
    select robeing_id, hour, 0, in_threads, direct, in_channels, 0, 0, 0, 0, 0, 0, 0
    from robeing.removed
    where xid >= $1::text::xid8 and xid < $2::text::xid8 and not was_counted
),
hours as (
    select robeing_id, hour,
           sum(in_threads) as in_threads, sum(direct) as direct, sum(in_channels) as in_channels,
           sum(successful_tasks) as successful_tasks, sum(failed_tasks) as failed_tasks,
           sum(memory) as memory, sum(compute) as compute, sum(empathy) as empathy,
           sum(leadership) as leadership, sum(ethics) as ethics
    from counted
    group by 1, 2
    -- A quarter hour with answers only has no conversation of its own.
    having sum(in_threads + direct + in_channels + successful_tasks + failed_tasks) > 0
),
grown as (
    insert into robeing.growth as known
    select robeing_id, hour, in_threads, direct, in_channels, successful_tasks, failed_tasks,
           least(memory, 9223372036854775807), least(compute, 9223372036854775807),
           least(empathy, 9223372036854775807), least(leadership, 9223372036854775807),
           least(ethics, 9223372036854775807)
    from hours
    on conflict (robeing_id, hour) do update
    set in_threads = known.in_threads + excluded.in_threads,
        direct = known.direct + excluded.direct,
        in_channels = known.in_channels + excluded.in_channels,
        successful_tasks = known.successful_tasks + excluded.successful_tasks,
        failed_tasks = known.failed_tasks + excluded.failed_tasks,
        memory_experience = least(known.memory_experience::numeric + excluded.memory_experience, 9223372036854775807),
        compute_experience = least(known.compute_experience::numeric + excluded.compute_experience, 9223372036854775807),
        empathy_experience = least(known.empathy_experience::numeric + excluded.empathy_experience, 9223372036854775807),
        leadership_experience = least(known.leadership_experience::numeric + excluded.leadership_experience, 9223372036854775807),
        ethics_experience = least(known.ethics_experience::numeric + excluded.ethics_experience, 9223372036854775807)
),
-- Each conversation earns 1 for the stat of its place.
totals as (
    insert into robeing.stats as known
        (robeing_id, total_conversations, successful_tasks, failed_tasks, memory_experience,
         compute_experience, empathy_experience, leadership_experience, ethics_experience)
    select robeing_id,
           sum(in_threads + direct + in_channels), sum(successful_tasks), sum(failed_tasks),
           least(sum(in_threads + memory), 9223372036854775807),
           least(sum(compute), 9223372036854775807),
           least(sum(direct + empathy), 9223372036854775807),
           least(sum(in_channels + leadership), 9223372036854775807),
           least(sum(ethics), 9223372036854775807)
    from hours
    group by 1
    on conflict (robeing_id) do update
    set total_conversations = known.total_conversations + excluded.total_conversations,
        successful_tasks = known.successful_tasks + excluded.successful_tasks,
        failed_tasks = known.failed_tasks + excluded.failed_tasks,
        memory_experience = least(known.memory_experience::numeric + excluded.memory_experience, 9223372036854775807),
        compute_experience = least(known.compute_experience::numeric + excluded.compute_experience, 9223372036854775807),
        empathy_experience = least(known.empathy_experience::numeric + excluded.empathy_experience, 9223372036854775807),
        leadership_experience = least(known.leadership_experience::numeric + excluded.leadership_experience, 9223372036854775807),
        ethics_experience = least(known.ethics_experience::numeric + excluded.ethics_experience, 9223372036854775807),
        updated_at = now()
    returning robeing_id, memory_experience, compute_experience, empathy_experience,
              leadership_experience, ethics_experience
)
-- If no robeing has grown, one row without a robeing.
select (select coalesce(sum(rows), 0) from counted)::int8 as rows, totals.*
from (select) as single_row
left join totals on true
