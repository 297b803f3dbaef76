-- message-log: the index of search, by n-grams, and the functions that read for search and context

-- Messages that are rolled up and wait until a robeing and month have enough of them for a segment. No text is
-- stored: an n-gram is a hash of the robeing and of two or three letters.
create table conversation.search_tail (
    robeing_id varchar(100) not null,
    id uuid not null,
    ngrams integer[] not null,
    primary key (robeing_id, id)
);
alter table conversation.search_tail enable row level security, force row level security;
create policy scope on conversation.search_tail
    using ((select app.sees_all('robeings')) or robeing_id = any ((select app.names('robeings'))::text[]));

-- A segment indexes messages of one robeing and month that were rolled up one after the other. Small segments are
-- merged into larger ones. The number of a segment starts with its month, counted from 1970, so that the postings
-- of a month are one partition.
create sequence conversation.segment_number;
create function conversation.next_segment() returns bigint
language sql security definer set search_path = pg_catalog
as $$ select nextval('conversation.segment_number') $$;
create table conversation.search_segment (
    segment bigint primary key,
    robeing_id varchar(100) not null,
    month date not null,
    messages integer not null,
    first_id uuid not null,
    last_id uuid not null
);
create index search_segment_robeing on conversation.search_segment (robeing_id, month, last_id desc);
alter table conversation.search_segment enable row level security, force row level security;
create policy scope on conversation.search_segment
    using ((select app.sees_all('robeings')) or robeing_id = any ((select app.names('robeings'))::text[]));

-- The messages of a segment that contain an n-gram. Postings need no policy of their own: they are read by the
-- number of a segment, and segments have a policy.
create table conversation.search_posting (
    segment bigint not null,
    ngram integer not null,
    time_keys bytea not null,
    primary key (segment, ngram)
) partition by range (segment);
comment on column conversation.search_posting.time_keys is 'five bytes per message: the milliseconds since its month began in UTC (four, big-endian), and the last byte of its id';
-- Time keys don't compress.
alter table conversation.search_posting alter column time_keys set storage external;

-- The functions below are plpgsql, with a generic plan, because planning an unnamed statement takes longer than
-- running it if the log has many partitions. A function's statement is planned once per connection, and only the
-- partitions that its values lead to are read. A generic plan doesn't know how many rows of a robeing there are or
-- are wanted, and would prefer to scan whole partitions. With page costs of 0 only the number of rows counts, and
-- it uses the indexes.

-- The newest messages of a robeing before an id, of a thread or channel if one is given.
create function conversation.newest(robeing varchar, past uuid, thread varchar, channel varchar, most bigint)
returns setof conversation.log
language plpgsql stable
set plan_cache_mode = force_generic_plan set seq_page_cost = 0 set random_page_cost = 0
as $$
begin
    if thread is not null then
        return query
            select * from conversation.log
            where robeing_id = robeing and thread_ts = thread and id < past and deleted_at is null
              and (channel is null or channel_id = channel)
            order by id desc limit most;
    elsif channel is not null then
        return query
            select * from conversation.log
            where robeing_id = robeing and channel_id = channel and id < past and deleted_at is null
            order by id desc limit most;
    else
        return query
            select * from conversation.log
            where robeing_id = robeing and id < past and deleted_at is null
            order by id desc limit most;
    end if;
end $$;

-- The messages with some time keys. Each time key is given as the first id that it may stand for and the first id
-- of the next millisecond.
create function conversation.with_time_keys(robeing varchar, first_ids uuid[], past_ids uuid[])
returns setof conversation.log
language plpgsql stable
set plan_cache_mode = force_generic_plan set seq_page_cost = 0 set random_page_cost = 0
as $$
begin
    return query
        select message.*
        from unnest(first_ids, past_ids) as time_key (first_id, past_id)
        cross join lateral (
            select * from conversation.log
            where robeing_id = robeing
              and id >= time_key.first_id
              and id < time_key.past_id
              and get_byte(uuid_send(id), 15) = get_byte(uuid_send(time_key.first_id), 15)
            -- Keeps the planner from reading everything between the lowest and the highest id.
            offset 0
        ) as message;
end $$;

-- For each query and segment the shortest posting list of the query's n-grams, and the second shortest if it has at
-- most `short` bytes. Nothing if an n-gram has no list, since then no message of the segment contains them all.
create function conversation.shortest_postings(queries integer[], segments bigint[], ngrams integer[], short integer)
returns table (query integer, segment bigint, time_keys bytea)
language plpgsql stable
set plan_cache_mode = force_generic_plan set seq_page_cost = 0 set random_page_cost = 0
as $$
#variable_conflict use_column
begin
    return query
        select query, segment, time_keys
        from (
            select query, segment, time_keys, octet_length(time_keys) as length,
                   row_number() over (of_segment order by octet_length(time_keys)) as nth,
                   count(*) filter (where time_keys is null) over of_segment as missing
            from unnest(queries, segments, ngrams) as wanted (query, segment, ngram)
            left join lateral (
                select time_keys
                from conversation.search_posting as posting
                where posting.segment = wanted.segment and posting.ngram = wanted.ngram
                offset 0
            ) as posting on true
            window of_segment as (partition by query, segment)
        ) as list
        where missing = 0 and (nth = 1 or nth = 2 and length <= short);
end $$;
