-- Counts by robeing and hour, a list a column, added to the hours and totals of each robeing that has
-- grown.
with hours as (
    select *
    from unnest($1::text[], $2::timestamptz[], $3::int8[], $4::int8[], $5::int8[], $6::int8[], $7::int8[],
                $8::int8[], $9::int8[], $10::int8[], $11::int8[], $12::int8[])
        as new (robeing_id, hour, in_threads, direct, in_channels, successful_tasks, failed_tasks,
                memory, compute, empathy, leadership, ethics)
    -- Answers alone are part of conversations that are counted elsewhere.
    where in_threads + direct + in_channels + successful_tasks + failed_tasks > 0
),
grown as (
    insert into robeing.growth as known
    select * from hours
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
)
-- A conversation gives one to the stat of its place.
insert into robeing.stats as known
    (robeing_id, total_conversations, successful_tasks, failed_tasks, memory_experience,
     compute_experience, empathy_experience, leadership_experience, ethics_experience)
select robeing_id,
       sum(in_threads + direct + in_channels), sum(successful_tasks), sum(failed_tasks),
       least(sum(in_threads) + sum(memory), 9223372036854775807),
       least(sum(compute), 9223372036854775807),
       least(sum(direct) + sum(empathy), 9223372036854775807),
       least(sum(in_channels) + sum(leadership), 9223372036854775807),
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
