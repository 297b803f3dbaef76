-- stats-batch: what reads the places of messages to count them also deletes the differences that this makes obsolete

-- What transactions of a range added to the log and to tasks, by robeing and quarter hour; two rows may have the
-- same robeing and quarter hour. It is a function because a statement that writes runs on one core, while a query whose
-- rows a function returns may run on several, and roll-ups spend most of their time here.
create function robeing.present_counts(from_xid xid8, below_xid xid8)
returns table (
    robeing_id varchar, hour timestamptz, rows bigint, in_threads bigint, direct bigint, in_channels bigint,
    successful_tasks bigint, failed_tasks bigint,
    memory numeric, compute numeric, empathy numeric, leadership numeric, ethics numeric)
language plpgsql stable set plan_cache_mode = force_custom_plan as $$
#variable_conflict use_column
begin
    return query
        select robeing_id, date_bin('15 minutes', created_at, 'epoch'), count(*),
               count(*) filter (where not is_answer and place = 'thread'),
               count(*) filter (where not is_answer and place = 'direct'),
               count(*) filter (where not is_answer and place = 'channel'),
               0::bigint, 0::bigint, 0::numeric, 0::numeric, 0::numeric, 0::numeric, 0::numeric
        from conversation.committed(from_xid, below_xid)
        group by 1, 2;
    return query
        select robeing_id, date_bin('15 minutes', created_at, 'epoch'), count(*), 0::bigint, 0::bigint, 0::bigint,
               count(*) filter (where outcome = 'success'), count(*) filter (where outcome <> 'success'),
               coalesce(sum(experience) filter (where stat = 'memory'), 0),
               coalesce(sum(experience) filter (where stat = 'compute'), 0),
               coalesce(sum(experience) filter (where stat = 'empathy'), 0),
               coalesce(sum(experience) filter (where stat = 'leadership'), 0),
               coalesce(sum(experience) filter (where stat = 'ethics'), 0)
        from robeing.task
        where xid >= from_xid and xid < below_xid
        group by 1, 2;
end $$;

-- Counts messages where they are now, and deletes the differences to earlier places that it has seen: both in one
-- snapshot, so that a difference which it has not seen stays. Roll-ups of earlier releases, and their recounts, count
-- by this function as well, so nothing is counted once at its present place and corrected again later.
create or replace function robeing.hourly_counts(from_xid xid8, below_xid xid8)
returns table (
    robeing_id varchar, hour timestamptz, rows bigint, in_threads bigint, direct bigint, in_channels bigint,
    successful_tasks bigint, failed_tasks bigint,
    memory numeric, compute numeric, empathy numeric, leadership numeric, ethics numeric)
language plpgsql volatile as $$
#variable_conflict use_column
begin
    return query
        with counted_moves as (
            delete from robeing.moved where row_xid >= from_xid and row_xid < below_xid
        )
        select * from robeing.present_counts(from_xid, below_xid);
end $$;

comment on table robeing.moved is 'differences between the present places of counted messages and the places where they are counted: robeing.hourly_counts deletes those of the messages that it counts';
