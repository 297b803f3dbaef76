SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
CREATE SCHEMA app;
CREATE SCHEMA conversation;
CREATE SCHEMA metasync;
CREATE SCHEMA privacy;
CREATE SCHEMA robeing;
CREATE FUNCTION app.names(kind text) RETURNS text[]
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ select string_to_array(current_setting('app.' || kind), e'\n') $$;
CREATE FUNCTION app.sees_all(kind text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ select current_setting('app.' || kind) = '*' $$;
CREATE FUNCTION conversation.add_month(day date) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog'
    AS $$
declare
    month timestamptz := date_trunc('month', day::timestamp) at time zone 'utc';
    next_month timestamptz := (date_trunc('month', day::timestamp) + interval '1 month') at time zone 'utc';
    suffix text := to_char(date_trunc('month', day::timestamp), 'YYYY_MM');
    first_id uuid := (lpad(to_hex((extract(epoch from month) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;
    past_id uuid := (lpad(to_hex((extract(epoch from next_month) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;
    months bigint := (extract(year from day) - 1970) * 12 + extract(month from day) - 1;
    parent text;
    child text;
begin
    perform pg_advisory_xact_lock(hashtextextended('conversation.add_month', 0));
    if exists (select from conversation.closed_month as closed where closed.month = date_trunc('month', day::timestamp)::date) then
        raise exception 'the month is closed' using errcode = 'check_violation', constraint = 'month_is_closed';
    end if;
    foreach parent in array array['log', 'counted'] loop
        child := parent || '_' || suffix;
        if to_regclass('conversation.' || child) is null then
            execute format('create table conversation.%I (like conversation.%I including all)', child, parent);
            -- Read through its parent, a partition obeys the parent's policy; read directly, it shows nothing.
            execute format('alter table conversation.%I enable row level security, force row level security', child);
            execute format('alter table conversation.%I attach partition conversation.%I for values from (%L) to (%L)', parent, child, first_id, past_id);
        end if;
    end loop;
    child := 'search_posting_' || suffix;
    if to_regclass('conversation.' || child) is null then
        -- Merging deletes whole segments, and new ones need the space soon.
        execute format(
            'create table conversation.%I (like conversation.search_posting including all)
             with (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0)',
            child);
        execute format('alter table conversation.%I enable row level security', child);
        execute format('alter table conversation.search_posting attach partition conversation.%I for values from (%s) to (%s)', child, months << 40, (months + 1) << 40);
    end if;
end $$;
CREATE FUNCTION conversation.adopt_cluster() RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    current_cluster bigint := (select system_identifier from pg_control_system());
    known_cluster bigint;
    month date;
begin
    select system_identifier into known_cluster from conversation.cluster for update;
    if known_cluster = current_cluster then
        return;
    end if;
    for month in select * from conversation.months() loop
        update conversation.log
        set xid = '3'
        where id >= conversation.first_id(month) and id < conversation.first_id((month + interval '1 month')::date);
    end loop;
    update conversation.edited set xid = '3';
    update conversation.cluster set system_identifier = current_cluster;
end $$;
CREATE FUNCTION conversation.close_month(month date) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    child text := 'log_' || to_char(month, 'YYYY_MM');
begin
    perform pg_advisory_xact_lock(hashtextextended('conversation.add_month', 0));
    insert into conversation.closed_month (month) values (close_month.month) on conflict do nothing;
    if to_regclass('conversation.' || child) is not null
        and not exists (select from pg_trigger where tgrelid = to_regclass('conversation.' || child) and tgname = 'closed')
    then
        execute format(
            'create trigger closed before insert or update of
                 message, response, parts, intent, metadata, user_id, slack_user_id, edited_at, deleted_at, erased_at
             on conversation.%I for each row execute function conversation.reject_closed_month()',
            child);
    end if;
end $$;
CREATE FUNCTION conversation.committed(from_xid xid8, below_xid xid8) RETURNS TABLE(robeing_id character varying, created_at timestamp with time zone, is_answer boolean, place text)
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
    select robeing_id, created_at, reply_to is not null, conversation.place(thread_ts, channel_id, channel_type)
    from conversation.log
    where xid >= from_xid and xid < below_xid and content <> '00000000-0000-0000-0000-000000000000'
$$;
CREATE FUNCTION conversation.first_id(day date) RETURNS uuid
    LANGUAGE sql IMMUTABLE
    AS $$
    select (lpad(to_hex((extract(epoch from day::timestamp at time zone 'utc') * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;
CREATE FUNCTION conversation.months() RETURNS SETOF date
    LANGUAGE sql STABLE
    AS $$
    select to_date(substr(relname, 5), 'YYYY_MM')
    from pg_inherits
    join pg_class on pg_class.oid = inhrelid
    where inhparent = 'conversation.log'::regclass and not inhdetachpending
$$;
SET default_tablespace = '';
CREATE TABLE conversation.log (
    id uuid NOT NULL,
    robeing_id character varying(100) NOT NULL,
    channel_id character varying(100),
    channel_type character varying(32),
    thread_ts character varying(128),
    user_id uuid,
    slack_user_id character varying(100),
    message text,
    response text,
    parts jsonb,
    intent character varying(100),
    confidence double precision,
    metadata jsonb NOT NULL,
    token_count integer NOT NULL,
    reply_to uuid,
    source character varying(16) NOT NULL,
    source_event_id character varying(512) NOT NULL,
    content uuid NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    created_at timestamp with time zone NOT NULL,
    edited_at timestamp with time zone,
    edit_order bytea,
    deleted_at timestamp with time zone,
    erased_at timestamp with time zone
)
PARTITION BY RANGE (id);
ALTER TABLE ONLY conversation.log FORCE ROW LEVEL SECURITY;
COMMENT ON COLUMN conversation.log.parts IS 'the message and the response as OpenTelemetry GenAI parts, masked, if they were sent in parts: {"message": [...], "response": [...]}';
COMMENT ON COLUMN conversation.log.reply_to IS 'the message that this row answers';
COMMENT ON COLUMN conversation.log.content IS 'digest of the masked content, which distinguishes a repeat from another message with the same key; nil once the row is erased';
COMMENT ON COLUMN conversation.log.xid IS 'a roll-up reads the rows of transactions that have ended, in this order, so that it misses no late commit';
COMMENT ON COLUMN conversation.log.edit_order IS 'the place of the newest edit among the edits of the message: a later edit has higher bytes';
COMMENT ON COLUMN conversation.log.erased_at IS 'the row is empty but for its id, which recognizes a redelivery of the same event as a repeat';
CREATE FUNCTION conversation.newest(robeing character varying, past uuid, thread character varying, channel character varying, most bigint) RETURNS SETOF conversation.log
    LANGUAGE plpgsql STABLE
    SET plan_cache_mode TO 'force_generic_plan'
    SET seq_page_cost TO '0'
    SET random_page_cost TO '0'
    AS $$
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
CREATE FUNCTION conversation.next_segment() RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog'
    AS $$ select nextval('conversation.segment_number') $$;
CREATE FUNCTION conversation.place(thread_ts text, channel_id text, channel_type text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select case
        when thread_ts is not null then 'thread'
        when channel_id is null or channel_type in ('im', 'mpim') then 'direct'
        else 'channel'
    end
$$;
CREATE FUNCTION conversation.reject_closed_month() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    raise exception 'the month is closed' using errcode = 'check_violation', constraint = 'month_is_closed';
end $$;
CREATE FUNCTION conversation.shortest_postings(queries integer[], segments bigint[], ngrams integer[], short integer) RETURNS TABLE(query integer, segment bigint, time_keys bytea)
    LANGUAGE plpgsql STABLE
    SET plan_cache_mode TO 'force_generic_plan'
    SET seq_page_cost TO '0'
    SET random_page_cost TO '0'
    AS $$
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
CREATE FUNCTION conversation.with_time_keys(robeing character varying, first_ids uuid[], past_ids uuid[]) RETURNS SETOF conversation.log
    LANGUAGE plpgsql STABLE
    SET plan_cache_mode TO 'force_generic_plan'
    SET seq_page_cost TO '0'
    SET random_page_cost TO '0'
    AS $$
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
CREATE FUNCTION robeing.hourly_counts(from_xid xid8, below_xid xid8) RETURNS TABLE(robeing_id character varying, hour timestamp with time zone, rows bigint, in_threads bigint, direct bigint, in_channels bigint, successful_tasks bigint, failed_tasks bigint, memory numeric, compute numeric, empathy numeric, leadership numeric, ethics numeric)
    LANGUAGE plpgsql STABLE
    SET plan_cache_mode TO 'force_custom_plan'
    AS $$
#variable_conflict use_column
begin
    return query
        select robeing_id, date_bin('1 hour', created_at, 'epoch'), count(*),
               count(*) filter (where not is_answer and place = 'thread'),
               count(*) filter (where not is_answer and place = 'direct'),
               count(*) filter (where not is_answer and place = 'channel'),
               0::bigint, 0::bigint, 0::numeric, 0::numeric, 0::numeric, 0::numeric, 0::numeric
        from conversation.committed(from_xid, below_xid)
        group by 1, 2;
    return query
        select robeing_id, date_bin('1 hour', created_at, 'epoch'), count(*), 0::bigint, 0::bigint, 0::bigint,
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
CREATE FUNCTION robeing.is_timezone(name text) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
begin
    perform now() at time zone name;
    return true;
exception when invalid_parameter_value then
    return false;
end $$;
CREATE FUNCTION robeing.merge_patch(target jsonb, patch jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE
    AS $$
declare
    name text;
    part jsonb;
begin
    if jsonb_typeof(patch) <> 'object' then
        return patch;
    end if;
    if target is null or jsonb_typeof(target) <> 'object' then
        target := '{}';
    end if;
    for name, part in select * from jsonb_each(patch) loop
        if jsonb_typeof(part) = 'null' then
            target := target - name;
        else
            target := target || jsonb_build_object(name, robeing.merge_patch(target -> name, part));
        end if;
    end loop;
    return target;
end $$;
CREATE FUNCTION robeing.notify_settings() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    perform pg_notify('robeing_settings', coalesce(new.robeing_id, old.robeing_id));
    return null;
end $$;
CREATE FUNCTION robeing.record_deleted() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
declare
    counted_below xid8;
begin
    if not exists (select from deleted) then
        return null;
    end if;
    select xid into counted_below from robeing.watermark where watermark.name = 'stats-batch' for share;
    insert into robeing.removed (robeing_id, hour, in_threads, direct, in_channels, was_counted)
    select robeing_id, date_bin('1 hour', created_at, 'epoch'),
           count(*) filter (where conversation.place(thread_ts, channel_id, channel_type) = 'thread'),
           count(*) filter (where conversation.place(thread_ts, channel_id, channel_type) = 'direct'),
           count(*) filter (where conversation.place(thread_ts, channel_id, channel_type) = 'channel'),
           xid < counted_below
    from deleted
    where reply_to is null and content <> '00000000-0000-0000-0000-000000000000'
    group by 1, 2, xid < counted_below;
    return null;
end $$;
CREATE FUNCTION robeing.record_erased() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
declare
    counted_below xid8;
begin
    if not exists (
        select from after where content = '00000000-0000-0000-0000-000000000000')
    then
        return null;
    end if;
    select xid into counted_below from robeing.watermark where watermark.name = 'stats-batch' for share;
    insert into robeing.removed (robeing_id, hour, in_threads, direct, in_channels, was_counted)
    select before.robeing_id, date_bin('1 hour', before.created_at, 'epoch'),
           count(*) filter (where conversation.place(before.thread_ts, before.channel_id, before.channel_type) = 'thread'),
           count(*) filter (where conversation.place(before.thread_ts, before.channel_id, before.channel_type) = 'direct'),
           count(*) filter (where conversation.place(before.thread_ts, before.channel_id, before.channel_type) = 'channel'),
           before.xid < counted_below
    from before
    join after using (id)
    where before.reply_to is null
      and before.content <> '00000000-0000-0000-0000-000000000000'
      and after.content = '00000000-0000-0000-0000-000000000000'
    group by 1, 2, before.xid < counted_below;
    return null;
end $$;
SET default_table_access_method = heap;
CREATE TABLE conversation.activity (
    robeing_id character varying(100) NOT NULL,
    hour timestamp with time zone NOT NULL,
    conversations bigint NOT NULL,
    messages bigint NOT NULL,
    responses bigint NOT NULL,
    tokens bigint NOT NULL,
    confidence_sum double precision NOT NULL,
    confidence_count bigint NOT NULL
);
ALTER TABLE ONLY conversation.activity FORCE ROW LEVEL SECURITY;
CREATE TABLE conversation.closed_month (
    month date NOT NULL,
    closed_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE conversation.cluster (
    system_identifier bigint NOT NULL
);
CREATE TABLE conversation.counted (
    id uuid NOT NULL,
    robeing_id character varying(100) NOT NULL,
    day date NOT NULL,
    intent character varying(100),
    confidence double precision,
    question uuid
)
PARTITION BY RANGE (id);
ALTER TABLE ONLY conversation.counted FORCE ROW LEVEL SECURITY;
COMMENT ON COLUMN conversation.counted.question IS 'the key of a row of question; null also if that question was not among the most frequent of its day';
CREATE TABLE conversation.counted_2026_11 (
    id uuid NOT NULL,
    robeing_id character varying(100) NOT NULL,
    day date NOT NULL,
    intent character varying(100),
    confidence double precision,
    question uuid
);
ALTER TABLE ONLY conversation.counted_2026_11 FORCE ROW LEVEL SECURITY;
COMMENT ON COLUMN conversation.counted_2026_11.question IS 'the key of a row of question; null also if that question was not among the most frequent of its day';
CREATE TABLE conversation.counted_2026_12 (
    id uuid NOT NULL,
    robeing_id character varying(100) NOT NULL,
    day date NOT NULL,
    intent character varying(100),
    confidence double precision,
    question uuid
);
ALTER TABLE ONLY conversation.counted_2026_12 FORCE ROW LEVEL SECURITY;
COMMENT ON COLUMN conversation.counted_2026_12.question IS 'the key of a row of question; null also if that question was not among the most frequent of its day';
CREATE TABLE conversation.counted_2027_01 (
    id uuid NOT NULL,
    robeing_id character varying(100) NOT NULL,
    day date NOT NULL,
    intent character varying(100),
    confidence double precision,
    question uuid
);
ALTER TABLE ONLY conversation.counted_2027_01 FORCE ROW LEVEL SECURITY;
COMMENT ON COLUMN conversation.counted_2027_01.question IS 'the key of a row of question; null also if that question was not among the most frequent of its day';
CREATE TABLE conversation.counted_2027_02 (
    id uuid NOT NULL,
    robeing_id character varying(100) NOT NULL,
    day date NOT NULL,
    intent character varying(100),
    confidence double precision,
    question uuid
);
ALTER TABLE ONLY conversation.counted_2027_02 FORCE ROW LEVEL SECURITY;
COMMENT ON COLUMN conversation.counted_2027_02.question IS 'the key of a row of question; null also if that question was not among the most frequent of its day';
CREATE TABLE conversation.dead_letter (
    id uuid NOT NULL,
    key uuid NOT NULL,
    source character varying(16) NOT NULL,
    source_event_id character varying(512) NOT NULL,
    is_exact boolean DEFAULT true NOT NULL,
    event_time timestamp with time zone,
    event_order bigint,
    sent_at timestamp with time zone,
    robeing_id character varying(100),
    reason text NOT NULL,
    body jsonb,
    attempts integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    last_attempt_at timestamp with time zone DEFAULT now() NOT NULL,
    replayed_at timestamp with time zone,
    message_id uuid,
    erased_at timestamp with time zone
);
ALTER TABLE ONLY conversation.dead_letter FORCE ROW LEVEL SECURITY;
COMMENT ON COLUMN conversation.dead_letter.key IS 'digest of robeing or sender, source and event id: a redelivery is another attempt and not another row, and no event replaces another one''s';
COMMENT ON COLUMN conversation.dead_letter.is_exact IS 'whether source_event_id is the id of the event, neither masked nor cut';
COMMENT ON COLUMN conversation.dead_letter.event_time IS 'the time that belongs to the event id, if it has one';
COMMENT ON COLUMN conversation.dead_letter.event_order IS 'the place of the event among those of the same time, if its queue numbers them';
COMMENT ON COLUMN conversation.dead_letter.sent_at IS 'when the event was sent, for a message without a time of its own';
COMMENT ON COLUMN conversation.dead_letter.body IS 'the masked body; null if masking failed or the body was too large';
COMMENT ON COLUMN conversation.dead_letter.message_id IS 'the message that the event became later';
COMMENT ON COLUMN conversation.dead_letter.erased_at IS 'the row is empty but for its key, so that a redelivery of the same event is not stored again';
CREATE TABLE conversation.edited (
    id uuid NOT NULL,
    robeing_id character varying(100) NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL
);
ALTER TABLE ONLY conversation.edited FORCE ROW LEVEL SECURITY;
CREATE TABLE conversation.ingest_key (
    key uuid NOT NULL,
    message_id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE conversation.intent (
    robeing_id character varying(100) NOT NULL,
    day date NOT NULL,
    intent character varying(100) NOT NULL,
    messages bigint NOT NULL,
    confidence_sum double precision NOT NULL,
    confidence_count bigint NOT NULL
);
ALTER TABLE ONLY conversation.intent FORCE ROW LEVEL SECURITY;
CREATE TABLE conversation.log_2026_11 (
    id uuid NOT NULL,
    robeing_id character varying(100) NOT NULL,
    channel_id character varying(100),
    channel_type character varying(32),
    thread_ts character varying(128),
    user_id uuid,
    slack_user_id character varying(100),
    message text,
    response text,
    parts jsonb,
    intent character varying(100),
    confidence double precision,
    metadata jsonb NOT NULL,
    token_count integer NOT NULL,
    reply_to uuid,
    source character varying(16) NOT NULL,
    source_event_id character varying(512) NOT NULL,
    content uuid NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    created_at timestamp with time zone NOT NULL,
    edited_at timestamp with time zone,
    edit_order bytea,
    deleted_at timestamp with time zone,
    erased_at timestamp with time zone
);
ALTER TABLE ONLY conversation.log_2026_11 FORCE ROW LEVEL SECURITY;
COMMENT ON COLUMN conversation.log_2026_11.parts IS 'the message and the response as OpenTelemetry GenAI parts, masked, if they were sent in parts: {"message": [...], "response": [...]}';
COMMENT ON COLUMN conversation.log_2026_11.reply_to IS 'the message that this row answers';
COMMENT ON COLUMN conversation.log_2026_11.content IS 'digest of the masked content, which distinguishes a repeat from another message with the same key; nil once the row is erased';
COMMENT ON COLUMN conversation.log_2026_11.xid IS 'a roll-up reads the rows of transactions that have ended, in this order, so that it misses no late commit';
COMMENT ON COLUMN conversation.log_2026_11.edit_order IS 'the place of the newest edit among the edits of the message: a later edit has higher bytes';
COMMENT ON COLUMN conversation.log_2026_11.erased_at IS 'the row is empty but for its id, which recognizes a redelivery of the same event as a repeat';
CREATE TABLE conversation.log_2026_12 (
    id uuid NOT NULL,
    robeing_id character varying(100) NOT NULL,
    channel_id character varying(100),
    channel_type character varying(32),
    thread_ts character varying(128),
    user_id uuid,
    slack_user_id character varying(100),
    message text,
    response text,
    parts jsonb,
    intent character varying(100),
    confidence double precision,
    metadata jsonb NOT NULL,
    token_count integer NOT NULL,
    reply_to uuid,
    source character varying(16) NOT NULL,
    source_event_id character varying(512) NOT NULL,
    content uuid NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    created_at timestamp with time zone NOT NULL,
    edited_at timestamp with time zone,
    edit_order bytea,
    deleted_at timestamp with time zone,
    erased_at timestamp with time zone
);
ALTER TABLE ONLY conversation.log_2026_12 FORCE ROW LEVEL SECURITY;
COMMENT ON COLUMN conversation.log_2026_12.parts IS 'the message and the response as OpenTelemetry GenAI parts, masked, if they were sent in parts: {"message": [...], "response": [...]}';
COMMENT ON COLUMN conversation.log_2026_12.reply_to IS 'the message that this row answers';
COMMENT ON COLUMN conversation.log_2026_12.content IS 'digest of the masked content, which distinguishes a repeat from another message with the same key; nil once the row is erased';
COMMENT ON COLUMN conversation.log_2026_12.xid IS 'a roll-up reads the rows of transactions that have ended, in this order, so that it misses no late commit';
COMMENT ON COLUMN conversation.log_2026_12.edit_order IS 'the place of the newest edit among the edits of the message: a later edit has higher bytes';
COMMENT ON COLUMN conversation.log_2026_12.erased_at IS 'the row is empty but for its id, which recognizes a redelivery of the same event as a repeat';
CREATE TABLE conversation.log_2027_01 (
    id uuid NOT NULL,
    robeing_id character varying(100) NOT NULL,
    channel_id character varying(100),
    channel_type character varying(32),
    thread_ts character varying(128),
    user_id uuid,
    slack_user_id character varying(100),
    message text,
    response text,
    parts jsonb,
    intent character varying(100),
    confidence double precision,
    metadata jsonb NOT NULL,
    token_count integer NOT NULL,
    reply_to uuid,
    source character varying(16) NOT NULL,
    source_event_id character varying(512) NOT NULL,
    content uuid NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    created_at timestamp with time zone NOT NULL,
    edited_at timestamp with time zone,
    edit_order bytea,
    deleted_at timestamp with time zone,
    erased_at timestamp with time zone
);
ALTER TABLE ONLY conversation.log_2027_01 FORCE ROW LEVEL SECURITY;
COMMENT ON COLUMN conversation.log_2027_01.parts IS 'the message and the response as OpenTelemetry GenAI parts, masked, if they were sent in parts: {"message": [...], "response": [...]}';
COMMENT ON COLUMN conversation.log_2027_01.reply_to IS 'the message that this row answers';
COMMENT ON COLUMN conversation.log_2027_01.content IS 'digest of the masked content, which distinguishes a repeat from another message with the same key; nil once the row is erased';
COMMENT ON COLUMN conversation.log_2027_01.xid IS 'a roll-up reads the rows of transactions that have ended, in this order, so that it misses no late commit';
COMMENT ON COLUMN conversation.log_2027_01.edit_order IS 'the place of the newest edit among the edits of the message: a later edit has higher bytes';
COMMENT ON COLUMN conversation.log_2027_01.erased_at IS 'the row is empty but for its id, which recognizes a redelivery of the same event as a repeat';
CREATE TABLE conversation.log_2027_02 (
    id uuid NOT NULL,
    robeing_id character varying(100) NOT NULL,
    channel_id character varying(100),
    channel_type character varying(32),
    thread_ts character varying(128),
    user_id uuid,
    slack_user_id character varying(100),
    message text,
    response text,
    parts jsonb,
    intent character varying(100),
    confidence double precision,
    metadata jsonb NOT NULL,
    token_count integer NOT NULL,
    reply_to uuid,
    source character varying(16) NOT NULL,
    source_event_id character varying(512) NOT NULL,
    content uuid NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    created_at timestamp with time zone NOT NULL,
    edited_at timestamp with time zone,
    edit_order bytea,
    deleted_at timestamp with time zone,
    erased_at timestamp with time zone
);
ALTER TABLE ONLY conversation.log_2027_02 FORCE ROW LEVEL SECURITY;
COMMENT ON COLUMN conversation.log_2027_02.parts IS 'the message and the response as OpenTelemetry GenAI parts, masked, if they were sent in parts: {"message": [...], "response": [...]}';
COMMENT ON COLUMN conversation.log_2027_02.reply_to IS 'the message that this row answers';
COMMENT ON COLUMN conversation.log_2027_02.content IS 'digest of the masked content, which distinguishes a repeat from another message with the same key; nil once the row is erased';
COMMENT ON COLUMN conversation.log_2027_02.xid IS 'a roll-up reads the rows of transactions that have ended, in this order, so that it misses no late commit';
COMMENT ON COLUMN conversation.log_2027_02.edit_order IS 'the place of the newest edit among the edits of the message: a later edit has higher bytes';
COMMENT ON COLUMN conversation.log_2027_02.erased_at IS 'the row is empty but for its id, which recognizes a redelivery of the same event as a repeat';
CREATE TABLE conversation.placeholder (
    conversation uuid NOT NULL,
    robeing_id character varying(100) NOT NULL,
    state jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE ONLY conversation.placeholder FORCE ROW LEVEL SECURITY;
CREATE TABLE conversation.question (
    key uuid NOT NULL,
    robeing_id character varying(100) NOT NULL,
    day date NOT NULL,
    question text NOT NULL,
    asked bigint NOT NULL
);
ALTER TABLE ONLY conversation.question FORCE ROW LEVEL SECURITY;
COMMENT ON COLUMN conversation.question.key IS 'digest of robeing, day and question';
COMMENT ON COLUMN conversation.question.asked IS 'how many messages asked it';
CREATE TABLE conversation.search_posting (
    segment bigint NOT NULL,
    ngram integer NOT NULL,
    time_keys bytea NOT NULL
)
PARTITION BY RANGE (segment);
ALTER TABLE ONLY conversation.search_posting ALTER COLUMN time_keys SET STORAGE EXTERNAL;
COMMENT ON COLUMN conversation.search_posting.time_keys IS 'five bytes per message: the milliseconds since its month began in UTC (four, big-endian), and the last byte of its id';
CREATE TABLE conversation.search_posting_2026_11 (
    segment bigint NOT NULL,
    ngram integer NOT NULL,
    time_keys bytea NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0.05', autovacuum_vacuum_cost_delay='0');
ALTER TABLE ONLY conversation.search_posting_2026_11 ALTER COLUMN time_keys SET STORAGE EXTERNAL;
COMMENT ON COLUMN conversation.search_posting_2026_11.time_keys IS 'five bytes per message: the milliseconds since its month began in UTC (four, big-endian), and the last byte of its id';
CREATE TABLE conversation.search_posting_2026_12 (
    segment bigint NOT NULL,
    ngram integer NOT NULL,
    time_keys bytea NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0.05', autovacuum_vacuum_cost_delay='0');
ALTER TABLE ONLY conversation.search_posting_2026_12 ALTER COLUMN time_keys SET STORAGE EXTERNAL;
COMMENT ON COLUMN conversation.search_posting_2026_12.time_keys IS 'five bytes per message: the milliseconds since its month began in UTC (four, big-endian), and the last byte of its id';
CREATE TABLE conversation.search_posting_2027_01 (
    segment bigint NOT NULL,
    ngram integer NOT NULL,
    time_keys bytea NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0.05', autovacuum_vacuum_cost_delay='0');
ALTER TABLE ONLY conversation.search_posting_2027_01 ALTER COLUMN time_keys SET STORAGE EXTERNAL;
COMMENT ON COLUMN conversation.search_posting_2027_01.time_keys IS 'five bytes per message: the milliseconds since its month began in UTC (four, big-endian), and the last byte of its id';
CREATE TABLE conversation.search_posting_2027_02 (
    segment bigint NOT NULL,
    ngram integer NOT NULL,
    time_keys bytea NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0.05', autovacuum_vacuum_cost_delay='0');
ALTER TABLE ONLY conversation.search_posting_2027_02 ALTER COLUMN time_keys SET STORAGE EXTERNAL;
COMMENT ON COLUMN conversation.search_posting_2027_02.time_keys IS 'five bytes per message: the milliseconds since its month began in UTC (four, big-endian), and the last byte of its id';
CREATE TABLE conversation.search_segment (
    segment bigint NOT NULL,
    robeing_id character varying(100) NOT NULL,
    month date NOT NULL,
    messages integer NOT NULL,
    first_id uuid NOT NULL,
    last_id uuid NOT NULL
);
ALTER TABLE ONLY conversation.search_segment FORCE ROW LEVEL SECURITY;
CREATE TABLE conversation.search_tail (
    robeing_id character varying(100) NOT NULL,
    id uuid NOT NULL,
    ngrams integer[] NOT NULL
);
ALTER TABLE ONLY conversation.search_tail FORCE ROW LEVEL SECURITY;
CREATE SEQUENCE conversation.segment_number
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
CREATE TABLE conversation.slack_user (
    team_id character varying(32) NOT NULL,
    slack_user_id character varying(100) NOT NULL,
    user_id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE conversation.thread (
    conversation uuid NOT NULL,
    robeing_id character varying(100) NOT NULL,
    first_message_at timestamp with time zone NOT NULL
);
ALTER TABLE ONLY conversation.thread FORCE ROW LEVEL SECURITY;
CREATE TABLE conversation.watermark (
    name character varying(32) NOT NULL,
    xid xid8 DEFAULT '0'::xid8 NOT NULL,
    after_id uuid DEFAULT '00000000-0000-0000-0000-000000000000'::uuid NOT NULL,
    cluster bigint NOT NULL,
    as_of timestamp with time zone,
    next_xid xid8 DEFAULT '0'::xid8 NOT NULL,
    next_at timestamp with time zone DEFAULT now() NOT NULL
);
COMMENT ON COLUMN conversation.watermark.xid IS 'all transactions before this one are rolled up';
COMMENT ON COLUMN conversation.watermark.after_id IS 'of transaction xid, the rows with an id up to this one are rolled up';
COMMENT ON COLUMN conversation.watermark.as_of IS 'everything committed by this time is rolled up';
COMMENT ON COLUMN conversation.watermark.next_xid IS 'once the horizon reaches this transaction, all transactions that had begun at next_at have ended';
CREATE TABLE metasync.migration (
    version integer NOT NULL,
    name character varying(255),
    applied_on character varying(255),
    checksum character varying(255)
);
CREATE TABLE privacy.erasure (
    id uuid NOT NULL,
    subject_kind character varying(16) NOT NULL,
    subject_digest bytea NOT NULL,
    scope text[],
    subject jsonb,
    owner character varying(32),
    after_id uuid,
    erased jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone
);
ALTER TABLE ONLY privacy.erasure FORCE ROW LEVEL SECURITY;
COMMENT ON COLUMN privacy.erasure.subject_digest IS 'keyed digest of the id in the request';
COMMENT ON COLUMN privacy.erasure.scope IS 'the robeings that the request reaches; null for all';
COMMENT ON COLUMN privacy.erasure.subject IS 'all ids of the subject, until nothing is left of them';
COMMENT ON COLUMN privacy.erasure.owner IS 'the owner of personal data that is being erased, with after_id as the cursor in its rows';
CREATE TABLE privacy.export (
    id uuid NOT NULL,
    subject_kind character varying(16) NOT NULL,
    subject_digest bytea NOT NULL,
    scope text[],
    request bytea,
    subject jsonb,
    owner character varying(32),
    after_id uuid,
    after_part bigint,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone,
    expires_at timestamp with time zone NOT NULL
);
ALTER TABLE ONLY privacy.export FORCE ROW LEVEL SECURITY;
CREATE TABLE privacy.export_file (
    export_id uuid NOT NULL,
    number integer NOT NULL,
    object character varying(200) NOT NULL,
    rows bigint NOT NULL,
    bytes bigint NOT NULL,
    sha256 bytea NOT NULL,
    is_whole boolean DEFAULT false NOT NULL
);
CREATE TABLE privacy.lease (
    name character varying(100) NOT NULL,
    holder uuid NOT NULL,
    held_until timestamp with time zone NOT NULL
);
CREATE TABLE privacy.month (
    month date NOT NULL,
    state character varying(16) NOT NULL,
    rows bigint,
    closed_at timestamp with time zone DEFAULT now() NOT NULL,
    archived_at timestamp with time zone,
    dropped_at timestamp with time zone
);
CREATE TABLE privacy.part (
    id bigint NOT NULL,
    month date NOT NULL,
    after_id uuid NOT NULL,
    last_id uuid,
    object character varying(200) NOT NULL,
    rows bigint,
    bytes bigint,
    sha256 bytea,
    content bytea,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    verified_at timestamp with time zone
);
COMMENT ON COLUMN privacy.part.after_id IS 'the file begins with the first row above this id, so that no two files contain the same row';
COMMENT ON COLUMN privacy.part.content IS 'digest of the rows, both as the database had them and as they were read back from the file';
ALTER TABLE privacy.part ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME privacy.part_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE privacy.person_key (
    id bigint NOT NULL,
    month date NOT NULL,
    robeing_id character varying(100) NOT NULL,
    user_id uuid,
    slack_user_id character varying(100),
    person_digest uuid NOT NULL,
    wrapped bytea NOT NULL
);
ALTER TABLE ONLY privacy.person_key FORCE ROW LEVEL SECURITY;
COMMENT ON COLUMN privacy.person_key.person_digest IS 'digest of robeing, user and Slack user, any of which may be missing';
COMMENT ON COLUMN privacy.person_key.wrapped IS 'the key, encrypted with the master key, which is not in the database';
ALTER TABLE privacy.person_key ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME privacy.person_key_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE privacy.receipt (
    number bigint NOT NULL,
    erasure_id uuid NOT NULL,
    body text NOT NULL,
    previous bytea NOT NULL,
    hash bytea NOT NULL,
    signature bytea NOT NULL
);
CREATE TABLE privacy.sealed (
    key_id bigint NOT NULL,
    part_id bigint NOT NULL,
    rows integer NOT NULL
);
CREATE TABLE robeing.growth (
    robeing_id character varying(100) NOT NULL,
    hour timestamp with time zone NOT NULL,
    in_threads bigint NOT NULL,
    direct bigint NOT NULL,
    in_channels bigint NOT NULL,
    successful_tasks bigint NOT NULL,
    failed_tasks bigint NOT NULL,
    memory_experience bigint NOT NULL,
    compute_experience bigint NOT NULL,
    empathy_experience bigint NOT NULL,
    leadership_experience bigint NOT NULL,
    ethics_experience bigint NOT NULL
);
ALTER TABLE ONLY robeing.growth FORCE ROW LEVEL SECURITY;
COMMENT ON COLUMN robeing.growth.in_threads IS 'conversations, by where they took place';
COMMENT ON COLUMN robeing.growth.memory_experience IS 'earned by tasks; in addition, each conversation earns 1 for the stat of its place';
CREATE TABLE robeing.removed (
    robeing_id character varying(100) NOT NULL,
    hour timestamp with time zone NOT NULL,
    in_threads bigint NOT NULL,
    direct bigint NOT NULL,
    in_channels bigint NOT NULL,
    was_counted boolean NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL
);
ALTER TABLE ONLY robeing.removed FORCE ROW LEVEL SECURITY;
COMMENT ON COLUMN robeing.removed.was_counted IS 'if false, the next roll-up counts it';
CREATE TABLE robeing.settings (
    id uuid NOT NULL,
    robeing_id character varying(100) NOT NULL,
    user_preference jsonb DEFAULT '{}'::jsonb NOT NULL,
    system_settings jsonb DEFAULT '{}'::jsonb NOT NULL,
    skill_settings jsonb DEFAULT '{}'::jsonb NOT NULL,
    user_revision bigint DEFAULT 0 NOT NULL,
    system_revision bigint DEFAULT 0 NOT NULL,
    skill_revision bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT category_is_too_large CHECK (((octet_length((user_preference)::text) <= 262144) AND (octet_length((system_settings)::text) <= 262144) AND (octet_length((skill_settings)::text) <= 262144))),
    CONSTRAINT timezone_is_unknown CHECK (((NOT (user_preference ? 'timezone'::text)) OR robeing.is_timezone((user_preference ->> 'timezone'::text))))
);
ALTER TABLE ONLY robeing.settings FORCE ROW LEVEL SECURITY;
COMMENT ON COLUMN robeing.settings.user_revision IS 'the number of changes of the category, which never decreases: a cached or conditional revision that is lower is out of date';
CREATE TABLE robeing.stats (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    robeing_id character varying(100) NOT NULL,
    level bigint DEFAULT 1 NOT NULL,
    experience bigint DEFAULT 0 NOT NULL,
    memory_stat bigint DEFAULT 10 NOT NULL,
    compute_stat bigint DEFAULT 10 NOT NULL,
    empathy_stat bigint DEFAULT 10 NOT NULL,
    leadership_stat bigint DEFAULT 10 NOT NULL,
    ethics_stat bigint DEFAULT 10 NOT NULL,
    total_conversations bigint DEFAULT 0 NOT NULL,
    successful_tasks bigint DEFAULT 0 NOT NULL,
    failed_tasks bigint DEFAULT 0 NOT NULL,
    memory_experience bigint DEFAULT 0 NOT NULL,
    compute_experience bigint DEFAULT 0 NOT NULL,
    empathy_experience bigint DEFAULT 0 NOT NULL,
    leadership_experience bigint DEFAULT 0 NOT NULL,
    ethics_experience bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE ONLY robeing.stats FORCE ROW LEVEL SECURITY;
COMMENT ON COLUMN robeing.stats.memory_experience IS 'the part of the experience that was earned for this stat';
CREATE TABLE robeing.task (
    id uuid NOT NULL,
    robeing_id character varying(100) NOT NULL,
    key uuid NOT NULL,
    task_type character varying(64) NOT NULL,
    difficulty smallint NOT NULL,
    outcome character varying(16) NOT NULL,
    stat character varying(16) NOT NULL,
    experience bigint NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE ONLY robeing.task FORCE ROW LEVEL SECURITY;
COMMENT ON COLUMN robeing.task.key IS 'digest of the sender''s idempotency key; the id of the row if there is none';
COMMENT ON COLUMN robeing.task.experience IS 'by the values of task types when the task ended';
CREATE TABLE robeing.watermark (
    name character varying(32) NOT NULL,
    xid xid8 DEFAULT '0'::xid8 NOT NULL,
    after_id uuid DEFAULT '00000000-0000-0000-0000-000000000000'::uuid NOT NULL,
    cluster bigint NOT NULL,
    as_of timestamp with time zone DEFAULT now() NOT NULL,
    next_xid xid8 DEFAULT '0'::xid8 NOT NULL,
    next_at timestamp with time zone DEFAULT now() NOT NULL
);
COMMENT ON COLUMN robeing.watermark.xid IS 'all transactions before this one are counted';
COMMENT ON COLUMN robeing.watermark.after_id IS 'always nil: a transaction is counted as a whole';
COMMENT ON COLUMN robeing.watermark.as_of IS 'everything committed by this time is counted';
COMMENT ON COLUMN robeing.watermark.next_xid IS 'once the horizon reaches this transaction, all transactions that had begun at next_at have ended';
ALTER TABLE ONLY conversation.counted ATTACH PARTITION conversation.counted_2026_11 FOR VALUES FROM ('01a19467-e800-0000-0000-000000000000') TO ('01a22ee6-b000-0000-0000-000000000000');
ALTER TABLE ONLY conversation.counted ATTACH PARTITION conversation.counted_2026_12 FOR VALUES FROM ('01a22ee6-b000-0000-0000-000000000000') TO ('01a2ce8b-d400-0000-0000-000000000000');
ALTER TABLE ONLY conversation.counted ATTACH PARTITION conversation.counted_2027_01 FOR VALUES FROM ('01a2ce8b-d400-0000-0000-000000000000') TO ('01a36e30-f800-0000-0000-000000000000');
ALTER TABLE ONLY conversation.counted ATTACH PARTITION conversation.counted_2027_02 FOR VALUES FROM ('01a36e30-f800-0000-0000-000000000000') TO ('01a3fe63-0800-0000-0000-000000000000');
ALTER TABLE ONLY conversation.log ATTACH PARTITION conversation.log_2026_11 FOR VALUES FROM ('01a19467-e800-0000-0000-000000000000') TO ('01a22ee6-b000-0000-0000-000000000000');
ALTER TABLE ONLY conversation.log ATTACH PARTITION conversation.log_2026_12 FOR VALUES FROM ('01a22ee6-b000-0000-0000-000000000000') TO ('01a2ce8b-d400-0000-0000-000000000000');
ALTER TABLE ONLY conversation.log ATTACH PARTITION conversation.log_2027_01 FOR VALUES FROM ('01a2ce8b-d400-0000-0000-000000000000') TO ('01a36e30-f800-0000-0000-000000000000');
ALTER TABLE ONLY conversation.log ATTACH PARTITION conversation.log_2027_02 FOR VALUES FROM ('01a36e30-f800-0000-0000-000000000000') TO ('01a3fe63-0800-0000-0000-000000000000');
ALTER TABLE ONLY conversation.search_posting ATTACH PARTITION conversation.search_posting_2026_11 FOR VALUES FROM ('749866930143232') TO ('750966441771008');
ALTER TABLE ONLY conversation.search_posting ATTACH PARTITION conversation.search_posting_2026_12 FOR VALUES FROM ('750966441771008') TO ('752065953398784');
ALTER TABLE ONLY conversation.search_posting ATTACH PARTITION conversation.search_posting_2027_01 FOR VALUES FROM ('752065953398784') TO ('753165465026560');
ALTER TABLE ONLY conversation.search_posting ATTACH PARTITION conversation.search_posting_2027_02 FOR VALUES FROM ('753165465026560') TO ('754264976654336');
INSERT INTO conversation.activity VALUES
	('sales', '2025-03-10 12:00:00+00', 1, 1, 1, 11, 0.5, 1),
	('sales', '2025-03-11 12:00:00+00', 0, 1, 1, 7, 0.5, 1),
	('sales', '2026-11-02 12:00:00+00', 1, 3, 2, 25, 1, 2),
	('sales', '2026-11-03 12:00:00+00', 0, 1, 1, 5, 0.5, 1);
INSERT INTO conversation.closed_month VALUES
	('2025-03-01', '2026-11-30 03:39:43.366532+00');
INSERT INTO conversation.cluster VALUES
	(7713804135355979732);
INSERT INTO conversation.counted_2026_11 VALUES
	('01a19c21-7200-7000-8000-1cfebbaea223', 'sales', '2026-11-02', 'refund', 0.5, 'e938fe99-7a56-d444-5a09-2236ba9f9810'),
	('01a19c21-7200-7000-800c-cf167a683147', 'sales', '2026-11-02', 'refund', 0.5, NULL);
INSERT INTO conversation.dead_letter VALUES
	('01a22a89-7ceb-7422-b811-f0e43ae8acc1', 'fa872abe-a25d-aeed-078b-93eb474bb154', 'http', 'empty', true, NULL, NULL, NULL, 'sales', 'message and response are both empty: send at least one of them', '{"id": "empty", "robeing_id": "sales"}', 1, '2026-11-30 03:39:43.211375+00', '2026-11-30 03:39:43.211375+00', NULL, NULL, NULL);
INSERT INTO conversation.ingest_key VALUES
	('f5a4f39e-f490-189e-b104-c93242db2b59', '01957fed-1a00-7000-800f-5a4f39ef4901', '2026-11-30 03:39:43.173273+00'),
	('64a02f55-e4b5-b169-781e-1b0c879cad36', '01958513-7600-7000-8006-4a02f55e4b5b', '2026-11-30 03:39:43.180242+00'),
	('ccf167a6-8314-7a98-1fcf-80cd59f80a4a', '01a19c21-7200-7000-800c-cf167a683147', '2026-11-30 03:39:43.192955+00'),
	('01cfebba-ea22-3471-00dc-509b34725e85', '01a19c21-7200-7000-8000-1cfebbaea223', '2026-11-30 03:39:43.198224+00'),
	('e949f55f-1f52-1bd9-2ae9-e1ffbefd6a25', '01a1a147-ce00-7000-800e-949f55f1f521', '2026-11-30 03:39:43.200791+00');
INSERT INTO conversation.intent VALUES
	('sales', '2026-11-02', 'refund', 2, 1, 2);
INSERT INTO conversation.log_2026_11 VALUES
	('01a19c21-7200-7000-800c-cf167a683147', 'sales', NULL, NULL, 't1', '0190b2a0-0000-7000-8000-000000000001', NULL, 'where is my refund? write to [EMAIL_1]', 'answer 3', NULL, 'refund', 0.5, '{}', 12, NULL, 'http', 'message-3', '611672f7-cabc-f30a-8fae-a13dbbeb0a75', '739', '2026-11-02 12:00:00+00', NULL, NULL, NULL, NULL),
	('01a19c21-7200-7000-8000-1cfebbaea223', 'sales', NULL, NULL, 't1', '0190b2a0-0000-7000-8000-000000000001', NULL, 'where is my refund?', 'answer 4', NULL, 'refund', 0.5, '{}', 7, NULL, 'http', 'message-4', '32af03bd-933f-d5df-35cc-1c5cdcdf3a87', '740', '2026-11-02 12:00:00+00', NULL, NULL, NULL, NULL),
	('01a19c21-7200-7199-809a-b58e0777b6e3', 'sales', 'C1', 'channel', '1793620800.000100', '01a22a89-7ce2-733f-a5ac-11d1954c9946', 'U1', 'hello again from slack', NULL, NULL, NULL, NULL, '{"ts": "1793620800.000100", "team": "T1", "channel": "C1"}', 6, NULL, 'slack', 'Ev1', '6d74c360-618c-1290-2f81-45faa18018ac', '743', '2026-11-02 12:00:00.0001+00', '2026-11-02 12:01:40+00', '\x00065f49e89b31c800065f49e89b31000000000000000003457632934df9f61f91a506d88a413fc87157eb', NULL, NULL),
	('01a1a147-ce00-7000-800e-949f55f1f521', 'sales', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{}', 0, NULL, 'http', '', '00000000-0000-0000-0000-000000000000', '741', '2026-11-03 12:00:00+00', NULL, NULL, '2026-11-30 03:39:43.444261+00', '2026-11-30 03:39:43.444261+00');
INSERT INTO conversation.question VALUES
	('e938fe99-7a56-d444-5a09-2236ba9f9810', 'sales', '2026-11-02', 'where is my refund', 1);
INSERT INTO conversation.search_tail VALUES
	('sales', '01a19c21-7200-7000-8000-1cfebbaea223', '{-1108472488,-519877558,-119906674,436405247,520794551,561918862,675003145,756137506,960386250,1014094040,1325256638,1677620350,2033462448,2075042704}'),
	('sales', '01a19c21-7200-7000-800c-cf167a683147', '{-1944549081,-1316258599,-1262885487,-1108472488,-716419892,-119906674,436405247,520794551,561918862,675003145,695795880,713862175,756137506,960386250,1014094040,1054096485,1133508087,1325256638,1677620350,2033462448,2062634714,2075042704}'),
	('sales', '01a19c21-7200-7199-809a-b58e0777b6e3', '{-1993408612,-1322299697,-856790012,-694389764,-638570711,-436137315,-90138020,-69840675,619424252,1408926807,1451979923}');
INSERT INTO conversation.slack_user VALUES
	('T1', 'U1', '01a22a89-7ce2-733f-a5ac-11d1954c9946', '2026-11-30 03:39:43.20285+00');
INSERT INTO conversation.thread VALUES
	('0e818920-24c5-4c45-39e1-4d031c805eea', 'sales', '2026-11-02 12:00:00.0001+00'),
	('c98e7426-eb02-59ab-4d37-9a13e2795dff', 'sales', '2025-03-10 12:00:00+00');
INSERT INTO conversation.watermark VALUES
	('message-log', '751', '00000000-0000-0000-0000-000000000000', 7713804135355979732, '2026-11-30 03:39:43.301043+00', '751', '2026-11-30 03:39:43.301043+00');
INSERT INTO metasync.migration VALUES
	(1, 'platform_scope', '2026-11-30T03:39:42.846323617Z', '11977001787541488910'),
	(2, 'message_log_log', '2026-11-30T03:39:42.848854824Z', '4691653997106959928'),
	(3, 'message_log_roll_up', '2026-11-30T03:39:42.861722126Z', '12810168278163748734'),
	(4, 'message_log_dead_letters', '2026-11-30T03:39:42.864681411Z', '4087886392237168733'),
	(5, 'message_log_search', '2026-11-30T03:39:42.866939331Z', '13702332099956757047'),
	(6, 'message_log_patterns', '2026-11-30T03:39:42.872684863Z', '17917367102553931221'),
	(7, 'settings_values', '2026-11-30T03:39:42.881436759Z', '1749414727945556350'),
	(8, 'stats_batch_stats', '2026-11-30T03:39:42.8846426Z', '5477064816696022081'),
	(9, 'privacy_archive', '2026-11-30T03:39:42.896639637Z', '6333478396071398949'),
	(10, 'privacy_requests', '2026-11-30T03:39:42.90859454Z', '17531005784416775471');
INSERT INTO privacy.erasure VALUES
	('01a22a89-7dd2-720c-bb65-a14e075c9c5b', 'user_id', '\x373873ca67d9103737c5ea336f69a025d4536d3043b654b75968e44d9f30dbec', NULL, NULL, NULL, NULL, '{"archive, rows": 1, "archive, files": 1, "conversation.log": 1, "privacy.person_key": 1, "conversation.intent": 1, "conversation.search": 1, "conversation.placeholder": 1}', '2026-11-30 03:39:43.442307+00', '2026-11-30 03:39:43.475375+00');
INSERT INTO privacy.month VALUES
	('2025-03-01', 'dropped', 2, '2026-11-30 03:39:43.369833+00', '2026-11-30 03:39:43.422617+00', '2026-11-30 03:39:43.434681+00');
INSERT INTO privacy.part OVERRIDING SYSTEM VALUE VALUES
	(1, '2025-03-01', '00000000-0000-0000-0000-000000000000', '01958513-7600-7000-8006-4a02f55e4b5b', 'archive/conversation.log/2025-03/01a22a89-7d97-75ea-abf1-b89041a4911e.parquet', 2, 3028, '\xe0e876c4ba95051e8b71a846660c8452cd2635d88eeabff4df71bb5c71932ce7', '\x117cffe5f9e2ddd25dbae765953a4248aadca4d375a141c4a5130af071c934ff', '2026-11-30 03:39:43.383632+00', '2026-11-30 03:39:43.415579+00');
INSERT INTO privacy.person_key OVERRIDING SYSTEM VALUE VALUES
	(2, '2025-03-01', 'sales', '0190b2a0-0000-7000-8000-000000000001', NULL, 'e7cd1aa7-6095-0587-ffa0-4e5f1954d95e', '\x4e7a3f592b04820d20b2b70446bcdab774dbbb11aff5eec6d28e7ba7bdabd946700c62892f2f2e25d6ce4687346487fed9a5ec87d01657631956a8123d64404c');
INSERT INTO privacy.receipt VALUES
	(1, '01a22a89-7dd2-720c-bb65-a14e075c9c5b', '{"erasure":"01a22a89-7dd2-720c-bb65-a14e075c9c5b","subject":{"kind":"user_id","digest":"373873ca67d9103737c5ea336f69a025d4536d3043b654b75968e44d9f30dbec"},"robeings":null,"erased":{"archive, files":1,"archive, rows":1,"conversation.intent":1,"conversation.log":1,"conversation.placeholder":1,"conversation.search":1,"privacy.person_key":1},"left":{"in_scope":0,"kept":[]},"asked_at":"2026-11-30T03:39:43.442307Z","verified_at":"2026-11-30T03:39:43.475375Z"}', '\x0000000000000000000000000000000000000000000000000000000000000000', '\x44bc3daf2a26f2940a3c5c12e4a7ba09fe4c022b3266fa3054b93b7eb55966be', '\x48b8b26b899273bf44854b88db174df9f4e8b7ee0e0766301c855940c16e30e6');
INSERT INTO privacy.sealed VALUES
	(2, 1, 1);
INSERT INTO robeing.growth VALUES
	('sales', '2026-11-02 12:00:00+00', 3, 0, 0, 0, 0, 0, 0, 0, 0, 0),
	('sales', '2026-11-30 03:00:00+00', 0, 0, 0, 3, 0, 0, 315, 0, 0, 0),
	('sales', '2025-03-11 12:00:00+00', 1, 0, 0, 0, 0, 0, 0, 0, 0, 0),
	('sales', '2026-11-03 12:00:00+00', 1, 0, 0, 0, 0, 0, 0, 0, 0, 0),
	('sales', '2025-03-10 12:00:00+00', 1, 0, 0, 0, 0, 0, 0, 0, 0, 0);
INSERT INTO robeing.removed VALUES
	('sales', '2026-11-03 12:00:00+00', 1, 0, 0, true, '783');
INSERT INTO robeing.settings VALUES
	('01a22a89-7ca9-71fb-9794-80a2c3ff3ef7', 'sales', '{"timezone": "Europe/Paris"}', '{}', '{}', 1, 0, 0, '2026-11-30 03:39:43.145758+00', '2026-11-30 03:39:43.145758+00');
INSERT INTO robeing.stats VALUES
	('46e2cea4-4f75-47c3-ac6b-94a3685c25df', 'sales', 3, 321, 10, 16, 10, 10, 10, 6, 3, 0, 6, 315, 0, 0, 0, '2026-11-30 03:39:43.212936+00', '2026-11-30 03:39:43.235953+00');
INSERT INTO robeing.task VALUES
	('01a22a89-7cec-77fb-b9ef-9ec2538bd2e1', 'sales', '7afaa346-b4bf-92bf-9dc2-1e9ae8098874', 'coding', 7, 'success', 'compute', 105, '746', '2026-11-30 03:39:43.212936+00'),
	('01a22a89-7cee-7669-bdf7-27beb7e09c14', 'sales', '78686d27-04d4-d690-0bb7-3f4941aa661a', 'coding', 7, 'success', 'compute', 105, '747', '2026-11-30 03:39:43.215026+00'),
	('01a22a89-7cf0-704e-9353-3dc957f7e114', 'sales', '1724980a-a084-bbaa-16a8-a69b664b7837', 'coding', 7, 'success', 'compute', 105, '748', '2026-11-30 03:39:43.216516+00');
INSERT INTO robeing.watermark VALUES
	('stats-batch', '752', '00000000-0000-0000-0000-000000000000', 7713804135355979732, '2026-11-30 03:39:43.307503+00', '752', '2026-11-30 03:39:43.307503+00');
SELECT pg_catalog.setval('conversation.segment_number', 1, false);
SELECT pg_catalog.setval('privacy.part_id_seq', 1, true);
SELECT pg_catalog.setval('privacy.person_key_id_seq', 2, true);
ALTER TABLE ONLY conversation.activity
    ADD CONSTRAINT activity_pkey PRIMARY KEY (robeing_id, hour);
ALTER TABLE ONLY conversation.closed_month
    ADD CONSTRAINT closed_month_pkey PRIMARY KEY (month);
ALTER TABLE ONLY conversation.cluster
    ADD CONSTRAINT cluster_pkey PRIMARY KEY (system_identifier);
ALTER TABLE ONLY conversation.counted
    ADD CONSTRAINT counted_pkey PRIMARY KEY (id);
ALTER TABLE ONLY conversation.counted_2026_11
    ADD CONSTRAINT counted_2026_11_pkey PRIMARY KEY (id);
ALTER TABLE ONLY conversation.counted_2026_12
    ADD CONSTRAINT counted_2026_12_pkey PRIMARY KEY (id);
ALTER TABLE ONLY conversation.counted_2027_01
    ADD CONSTRAINT counted_2027_01_pkey PRIMARY KEY (id);
ALTER TABLE ONLY conversation.counted_2027_02
    ADD CONSTRAINT counted_2027_02_pkey PRIMARY KEY (id);
ALTER TABLE ONLY conversation.dead_letter
    ADD CONSTRAINT dead_letter_key_key UNIQUE (key);
ALTER TABLE ONLY conversation.dead_letter
    ADD CONSTRAINT dead_letter_pkey PRIMARY KEY (id);
ALTER TABLE ONLY conversation.ingest_key
    ADD CONSTRAINT ingest_key_pkey PRIMARY KEY (key);
ALTER TABLE ONLY conversation.intent
    ADD CONSTRAINT intent_pkey PRIMARY KEY (robeing_id, day, intent);
ALTER TABLE ONLY conversation.log
    ADD CONSTRAINT log_pkey PRIMARY KEY (id);
ALTER TABLE ONLY conversation.log_2026_11
    ADD CONSTRAINT log_2026_11_pkey PRIMARY KEY (id);
ALTER TABLE ONLY conversation.log_2026_12
    ADD CONSTRAINT log_2026_12_pkey PRIMARY KEY (id);
ALTER TABLE ONLY conversation.log_2027_01
    ADD CONSTRAINT log_2027_01_pkey PRIMARY KEY (id);
ALTER TABLE ONLY conversation.log_2027_02
    ADD CONSTRAINT log_2027_02_pkey PRIMARY KEY (id);
ALTER TABLE ONLY conversation.placeholder
    ADD CONSTRAINT placeholder_pkey PRIMARY KEY (conversation);
ALTER TABLE ONLY conversation.question
    ADD CONSTRAINT question_pkey PRIMARY KEY (key);
ALTER TABLE ONLY conversation.search_posting
    ADD CONSTRAINT search_posting_pkey PRIMARY KEY (segment, ngram);
ALTER TABLE ONLY conversation.search_posting_2026_11
    ADD CONSTRAINT search_posting_2026_11_pkey PRIMARY KEY (segment, ngram);
ALTER TABLE ONLY conversation.search_posting_2026_12
    ADD CONSTRAINT search_posting_2026_12_pkey PRIMARY KEY (segment, ngram);
ALTER TABLE ONLY conversation.search_posting_2027_01
    ADD CONSTRAINT search_posting_2027_01_pkey PRIMARY KEY (segment, ngram);
ALTER TABLE ONLY conversation.search_posting_2027_02
    ADD CONSTRAINT search_posting_2027_02_pkey PRIMARY KEY (segment, ngram);
ALTER TABLE ONLY conversation.search_segment
    ADD CONSTRAINT search_segment_pkey PRIMARY KEY (segment);
ALTER TABLE ONLY conversation.search_tail
    ADD CONSTRAINT search_tail_pkey PRIMARY KEY (robeing_id, id);
ALTER TABLE ONLY conversation.slack_user
    ADD CONSTRAINT slack_user_pkey PRIMARY KEY (team_id, slack_user_id);
ALTER TABLE ONLY conversation.thread
    ADD CONSTRAINT thread_pkey PRIMARY KEY (conversation);
ALTER TABLE ONLY conversation.watermark
    ADD CONSTRAINT watermark_pkey PRIMARY KEY (name);
ALTER TABLE ONLY metasync.migration
    ADD CONSTRAINT migration_pkey PRIMARY KEY (version);
ALTER TABLE ONLY privacy.erasure
    ADD CONSTRAINT erasure_pkey PRIMARY KEY (id);
ALTER TABLE ONLY privacy.export_file
    ADD CONSTRAINT export_file_pkey PRIMARY KEY (export_id, number);
ALTER TABLE ONLY privacy.export
    ADD CONSTRAINT export_pkey PRIMARY KEY (id);
ALTER TABLE ONLY privacy.export
    ADD CONSTRAINT export_request_key UNIQUE (request);
ALTER TABLE ONLY privacy.lease
    ADD CONSTRAINT lease_pkey PRIMARY KEY (name);
ALTER TABLE ONLY privacy.month
    ADD CONSTRAINT month_pkey PRIMARY KEY (month);
ALTER TABLE ONLY privacy.part
    ADD CONSTRAINT part_month_after_id_key UNIQUE (month, after_id);
ALTER TABLE ONLY privacy.part
    ADD CONSTRAINT part_object_key UNIQUE (object);
ALTER TABLE ONLY privacy.part
    ADD CONSTRAINT part_pkey PRIMARY KEY (id);
ALTER TABLE ONLY privacy.person_key
    ADD CONSTRAINT person_key_month_person_digest_key UNIQUE (month, person_digest);
ALTER TABLE ONLY privacy.person_key
    ADD CONSTRAINT person_key_pkey PRIMARY KEY (id);
ALTER TABLE ONLY privacy.receipt
    ADD CONSTRAINT receipt_erasure_id_key UNIQUE (erasure_id);
ALTER TABLE ONLY privacy.receipt
    ADD CONSTRAINT receipt_pkey PRIMARY KEY (number);
ALTER TABLE ONLY privacy.sealed
    ADD CONSTRAINT sealed_pkey PRIMARY KEY (key_id, part_id);
ALTER TABLE ONLY robeing.growth
    ADD CONSTRAINT growth_pkey PRIMARY KEY (robeing_id, hour);
ALTER TABLE ONLY robeing.settings
    ADD CONSTRAINT settings_pkey PRIMARY KEY (id);
ALTER TABLE ONLY robeing.settings
    ADD CONSTRAINT settings_robeing_id_key UNIQUE (robeing_id);
ALTER TABLE ONLY robeing.stats
    ADD CONSTRAINT stats_pkey PRIMARY KEY (id);
ALTER TABLE ONLY robeing.stats
    ADD CONSTRAINT stats_robeing_id_key UNIQUE (robeing_id);
ALTER TABLE ONLY robeing.task
    ADD CONSTRAINT task_pkey PRIMARY KEY (id);
ALTER TABLE ONLY robeing.task
    ADD CONSTRAINT task_robeing_id_key_key UNIQUE (robeing_id, key);
ALTER TABLE ONLY robeing.watermark
    ADD CONSTRAINT watermark_pkey PRIMARY KEY (name);
CREATE INDEX counted_question ON ONLY conversation.counted USING btree (question) WHERE (question IS NOT NULL);
CREATE INDEX counted_2026_11_question_idx ON conversation.counted_2026_11 USING btree (question) WHERE (question IS NOT NULL);
CREATE INDEX counted_2026_12_question_idx ON conversation.counted_2026_12 USING btree (question) WHERE (question IS NOT NULL);
CREATE INDEX counted_2027_01_question_idx ON conversation.counted_2027_01 USING btree (question) WHERE (question IS NOT NULL);
CREATE INDEX counted_2027_02_question_idx ON conversation.counted_2027_02 USING btree (question) WHERE (question IS NOT NULL);
CREATE INDEX dead_letter_message ON conversation.dead_letter USING btree (message_id) WHERE (message_id IS NOT NULL);
CREATE INDEX edited_xid ON conversation.edited USING btree (xid);
CREATE INDEX ingest_key_created_at ON conversation.ingest_key USING brin (created_at);
CREATE INDEX log_erased ON ONLY conversation.log USING btree (id) WHERE (erased_at IS NOT NULL);
CREATE INDEX log_2026_11_id_idx ON conversation.log_2026_11 USING btree (id) WHERE (erased_at IS NOT NULL);
CREATE INDEX log_reply_to ON ONLY conversation.log USING btree (reply_to) WHERE (reply_to IS NOT NULL);
CREATE INDEX log_2026_11_reply_to_idx ON conversation.log_2026_11 USING btree (reply_to) WHERE (reply_to IS NOT NULL);
CREATE INDEX log_channel ON ONLY conversation.log USING btree (robeing_id, channel_id, id DESC) WHERE (channel_id IS NOT NULL);
CREATE INDEX log_2026_11_robeing_id_channel_id_id_idx ON conversation.log_2026_11 USING btree (robeing_id, channel_id, id DESC) WHERE (channel_id IS NOT NULL);
CREATE INDEX log_robeing ON ONLY conversation.log USING btree (robeing_id, id DESC);
CREATE INDEX log_2026_11_robeing_id_id_idx ON conversation.log_2026_11 USING btree (robeing_id, id DESC);
CREATE INDEX log_thread ON ONLY conversation.log USING btree (robeing_id, thread_ts, id DESC) WHERE (thread_ts IS NOT NULL);
CREATE INDEX log_2026_11_robeing_id_thread_ts_id_idx ON conversation.log_2026_11 USING btree (robeing_id, thread_ts, id DESC) WHERE (thread_ts IS NOT NULL);
CREATE INDEX log_slack_user ON ONLY conversation.log USING btree (slack_user_id, id DESC) WHERE (slack_user_id IS NOT NULL);
CREATE INDEX log_2026_11_slack_user_id_id_idx ON conversation.log_2026_11 USING btree (slack_user_id, id DESC) WHERE (slack_user_id IS NOT NULL);
CREATE INDEX log_user ON ONLY conversation.log USING btree (user_id, id DESC) WHERE (user_id IS NOT NULL);
CREATE INDEX log_2026_11_user_id_id_idx ON conversation.log_2026_11 USING btree (user_id, id DESC) WHERE (user_id IS NOT NULL);
CREATE INDEX log_xid ON ONLY conversation.log USING btree (xid);
CREATE INDEX log_2026_11_xid_idx ON conversation.log_2026_11 USING btree (xid);
CREATE INDEX log_2026_12_id_idx ON conversation.log_2026_12 USING btree (id) WHERE (erased_at IS NOT NULL);
CREATE INDEX log_2026_12_reply_to_idx ON conversation.log_2026_12 USING btree (reply_to) WHERE (reply_to IS NOT NULL);
CREATE INDEX log_2026_12_robeing_id_channel_id_id_idx ON conversation.log_2026_12 USING btree (robeing_id, channel_id, id DESC) WHERE (channel_id IS NOT NULL);
CREATE INDEX log_2026_12_robeing_id_id_idx ON conversation.log_2026_12 USING btree (robeing_id, id DESC);
CREATE INDEX log_2026_12_robeing_id_thread_ts_id_idx ON conversation.log_2026_12 USING btree (robeing_id, thread_ts, id DESC) WHERE (thread_ts IS NOT NULL);
CREATE INDEX log_2026_12_slack_user_id_id_idx ON conversation.log_2026_12 USING btree (slack_user_id, id DESC) WHERE (slack_user_id IS NOT NULL);
CREATE INDEX log_2026_12_user_id_id_idx ON conversation.log_2026_12 USING btree (user_id, id DESC) WHERE (user_id IS NOT NULL);
CREATE INDEX log_2026_12_xid_idx ON conversation.log_2026_12 USING btree (xid);
CREATE INDEX log_2027_01_id_idx ON conversation.log_2027_01 USING btree (id) WHERE (erased_at IS NOT NULL);
CREATE INDEX log_2027_01_reply_to_idx ON conversation.log_2027_01 USING btree (reply_to) WHERE (reply_to IS NOT NULL);
CREATE INDEX log_2027_01_robeing_id_channel_id_id_idx ON conversation.log_2027_01 USING btree (robeing_id, channel_id, id DESC) WHERE (channel_id IS NOT NULL);
CREATE INDEX log_2027_01_robeing_id_id_idx ON conversation.log_2027_01 USING btree (robeing_id, id DESC);
CREATE INDEX log_2027_01_robeing_id_thread_ts_id_idx ON conversation.log_2027_01 USING btree (robeing_id, thread_ts, id DESC) WHERE (thread_ts IS NOT NULL);
CREATE INDEX log_2027_01_slack_user_id_id_idx ON conversation.log_2027_01 USING btree (slack_user_id, id DESC) WHERE (slack_user_id IS NOT NULL);
CREATE INDEX log_2027_01_user_id_id_idx ON conversation.log_2027_01 USING btree (user_id, id DESC) WHERE (user_id IS NOT NULL);
CREATE INDEX log_2027_01_xid_idx ON conversation.log_2027_01 USING btree (xid);
CREATE INDEX log_2027_02_id_idx ON conversation.log_2027_02 USING btree (id) WHERE (erased_at IS NOT NULL);
CREATE INDEX log_2027_02_reply_to_idx ON conversation.log_2027_02 USING btree (reply_to) WHERE (reply_to IS NOT NULL);
CREATE INDEX log_2027_02_robeing_id_channel_id_id_idx ON conversation.log_2027_02 USING btree (robeing_id, channel_id, id DESC) WHERE (channel_id IS NOT NULL);
CREATE INDEX log_2027_02_robeing_id_id_idx ON conversation.log_2027_02 USING btree (robeing_id, id DESC);
CREATE INDEX log_2027_02_robeing_id_thread_ts_id_idx ON conversation.log_2027_02 USING btree (robeing_id, thread_ts, id DESC) WHERE (thread_ts IS NOT NULL);
CREATE INDEX log_2027_02_slack_user_id_id_idx ON conversation.log_2027_02 USING btree (slack_user_id, id DESC) WHERE (slack_user_id IS NOT NULL);
CREATE INDEX log_2027_02_user_id_id_idx ON conversation.log_2027_02 USING btree (user_id, id DESC) WHERE (user_id IS NOT NULL);
CREATE INDEX log_2027_02_xid_idx ON conversation.log_2027_02 USING btree (xid);
CREATE INDEX question_robeing ON conversation.question USING btree (robeing_id, day);
CREATE INDEX search_segment_robeing ON conversation.search_segment USING btree (robeing_id, month, last_id DESC);
CREATE UNIQUE INDEX erasure_running ON privacy.erasure USING btree (subject_digest, scope) NULLS NOT DISTINCT WHERE (finished_at IS NULL);
CREATE INDEX erasure_subject ON privacy.erasure USING btree (subject_digest);
CREATE INDEX export_subject ON privacy.export USING btree (subject_digest);
CREATE INDEX person_key_robeing ON privacy.person_key USING btree (robeing_id, month);
CREATE INDEX person_key_slack_user ON privacy.person_key USING btree (slack_user_id) WHERE (slack_user_id IS NOT NULL);
CREATE INDEX person_key_user ON privacy.person_key USING btree (user_id) WHERE (user_id IS NOT NULL);
CREATE INDEX sealed_part ON privacy.sealed USING btree (part_id);
CREATE INDEX removed_robeing ON robeing.removed USING btree (robeing_id);
CREATE INDEX removed_xid ON robeing.removed USING btree (xid);
CREATE INDEX stats_rank ON robeing.stats USING btree (experience DESC, robeing_id);
CREATE INDEX task_xid ON robeing.task USING btree (xid);
ALTER INDEX conversation.counted_pkey ATTACH PARTITION conversation.counted_2026_11_pkey;
ALTER INDEX conversation.counted_question ATTACH PARTITION conversation.counted_2026_11_question_idx;
ALTER INDEX conversation.counted_pkey ATTACH PARTITION conversation.counted_2026_12_pkey;
ALTER INDEX conversation.counted_question ATTACH PARTITION conversation.counted_2026_12_question_idx;
ALTER INDEX conversation.counted_pkey ATTACH PARTITION conversation.counted_2027_01_pkey;
ALTER INDEX conversation.counted_question ATTACH PARTITION conversation.counted_2027_01_question_idx;
ALTER INDEX conversation.counted_pkey ATTACH PARTITION conversation.counted_2027_02_pkey;
ALTER INDEX conversation.counted_question ATTACH PARTITION conversation.counted_2027_02_question_idx;
ALTER INDEX conversation.log_erased ATTACH PARTITION conversation.log_2026_11_id_idx;
ALTER INDEX conversation.log_pkey ATTACH PARTITION conversation.log_2026_11_pkey;
ALTER INDEX conversation.log_reply_to ATTACH PARTITION conversation.log_2026_11_reply_to_idx;
ALTER INDEX conversation.log_channel ATTACH PARTITION conversation.log_2026_11_robeing_id_channel_id_id_idx;
ALTER INDEX conversation.log_robeing ATTACH PARTITION conversation.log_2026_11_robeing_id_id_idx;
ALTER INDEX conversation.log_thread ATTACH PARTITION conversation.log_2026_11_robeing_id_thread_ts_id_idx;
ALTER INDEX conversation.log_slack_user ATTACH PARTITION conversation.log_2026_11_slack_user_id_id_idx;
ALTER INDEX conversation.log_user ATTACH PARTITION conversation.log_2026_11_user_id_id_idx;
ALTER INDEX conversation.log_xid ATTACH PARTITION conversation.log_2026_11_xid_idx;
ALTER INDEX conversation.log_erased ATTACH PARTITION conversation.log_2026_12_id_idx;
ALTER INDEX conversation.log_pkey ATTACH PARTITION conversation.log_2026_12_pkey;
ALTER INDEX conversation.log_reply_to ATTACH PARTITION conversation.log_2026_12_reply_to_idx;
ALTER INDEX conversation.log_channel ATTACH PARTITION conversation.log_2026_12_robeing_id_channel_id_id_idx;
ALTER INDEX conversation.log_robeing ATTACH PARTITION conversation.log_2026_12_robeing_id_id_idx;
ALTER INDEX conversation.log_thread ATTACH PARTITION conversation.log_2026_12_robeing_id_thread_ts_id_idx;
ALTER INDEX conversation.log_slack_user ATTACH PARTITION conversation.log_2026_12_slack_user_id_id_idx;
ALTER INDEX conversation.log_user ATTACH PARTITION conversation.log_2026_12_user_id_id_idx;
ALTER INDEX conversation.log_xid ATTACH PARTITION conversation.log_2026_12_xid_idx;
ALTER INDEX conversation.log_erased ATTACH PARTITION conversation.log_2027_01_id_idx;
ALTER INDEX conversation.log_pkey ATTACH PARTITION conversation.log_2027_01_pkey;
ALTER INDEX conversation.log_reply_to ATTACH PARTITION conversation.log_2027_01_reply_to_idx;
ALTER INDEX conversation.log_channel ATTACH PARTITION conversation.log_2027_01_robeing_id_channel_id_id_idx;
ALTER INDEX conversation.log_robeing ATTACH PARTITION conversation.log_2027_01_robeing_id_id_idx;
ALTER INDEX conversation.log_thread ATTACH PARTITION conversation.log_2027_01_robeing_id_thread_ts_id_idx;
ALTER INDEX conversation.log_slack_user ATTACH PARTITION conversation.log_2027_01_slack_user_id_id_idx;
ALTER INDEX conversation.log_user ATTACH PARTITION conversation.log_2027_01_user_id_id_idx;
ALTER INDEX conversation.log_xid ATTACH PARTITION conversation.log_2027_01_xid_idx;
ALTER INDEX conversation.log_erased ATTACH PARTITION conversation.log_2027_02_id_idx;
ALTER INDEX conversation.log_pkey ATTACH PARTITION conversation.log_2027_02_pkey;
ALTER INDEX conversation.log_reply_to ATTACH PARTITION conversation.log_2027_02_reply_to_idx;
ALTER INDEX conversation.log_channel ATTACH PARTITION conversation.log_2027_02_robeing_id_channel_id_id_idx;
ALTER INDEX conversation.log_robeing ATTACH PARTITION conversation.log_2027_02_robeing_id_id_idx;
ALTER INDEX conversation.log_thread ATTACH PARTITION conversation.log_2027_02_robeing_id_thread_ts_id_idx;
ALTER INDEX conversation.log_slack_user ATTACH PARTITION conversation.log_2027_02_slack_user_id_id_idx;
ALTER INDEX conversation.log_user ATTACH PARTITION conversation.log_2027_02_user_id_id_idx;
ALTER INDEX conversation.log_xid ATTACH PARTITION conversation.log_2027_02_xid_idx;
ALTER INDEX conversation.search_posting_pkey ATTACH PARTITION conversation.search_posting_2026_11_pkey;
ALTER INDEX conversation.search_posting_pkey ATTACH PARTITION conversation.search_posting_2026_12_pkey;
ALTER INDEX conversation.search_posting_pkey ATTACH PARTITION conversation.search_posting_2027_01_pkey;
ALTER INDEX conversation.search_posting_pkey ATTACH PARTITION conversation.search_posting_2027_02_pkey;
CREATE TRIGGER record_deleted AFTER DELETE ON conversation.log REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION robeing.record_deleted();
CREATE TRIGGER record_erased AFTER UPDATE ON conversation.log REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION robeing.record_erased();
CREATE TRIGGER notify AFTER INSERT OR DELETE OR UPDATE ON robeing.settings FOR EACH ROW EXECUTE FUNCTION robeing.notify_settings();
ALTER TABLE ONLY privacy.export_file
    ADD CONSTRAINT export_file_export_id_fkey FOREIGN KEY (export_id) REFERENCES privacy.export(id) ON DELETE CASCADE;
ALTER TABLE ONLY privacy.part
    ADD CONSTRAINT part_month_fkey FOREIGN KEY (month) REFERENCES privacy.month(month);
ALTER TABLE ONLY privacy.receipt
    ADD CONSTRAINT receipt_erasure_id_fkey FOREIGN KEY (erasure_id) REFERENCES privacy.erasure(id);
ALTER TABLE ONLY privacy.sealed
    ADD CONSTRAINT sealed_key_id_fkey FOREIGN KEY (key_id) REFERENCES privacy.person_key(id) ON DELETE CASCADE;
ALTER TABLE ONLY privacy.sealed
    ADD CONSTRAINT sealed_part_id_fkey FOREIGN KEY (part_id) REFERENCES privacy.part(id) ON DELETE CASCADE;
ALTER TABLE conversation.activity ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversation.counted ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversation.counted_2026_11 ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversation.counted_2026_12 ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversation.counted_2027_01 ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversation.counted_2027_02 ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversation.dead_letter ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversation.edited ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversation.intent ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversation.log ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversation.log_2026_11 ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversation.log_2026_12 ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversation.log_2027_01 ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversation.log_2027_02 ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversation.placeholder ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversation.question ENABLE ROW LEVEL SECURITY;
CREATE POLICY scope ON conversation.activity USING ((( SELECT app.sees_all('robeings'::text) AS sees_all) OR ((robeing_id)::text = ANY (( SELECT app.names('robeings'::text) AS names)::text[]))));
CREATE POLICY scope ON conversation.counted USING ((( SELECT app.sees_all('robeings'::text) AS sees_all) OR ((robeing_id)::text = ANY (( SELECT app.names('robeings'::text) AS names)::text[]))));
CREATE POLICY scope ON conversation.dead_letter USING ((( SELECT app.sees_all('robeings'::text) AS sees_all) OR ((robeing_id)::text = ANY (( SELECT app.names('robeings'::text) AS names)::text[]))));
CREATE POLICY scope ON conversation.edited USING ((( SELECT app.sees_all('robeings'::text) AS sees_all) OR ((robeing_id)::text = ANY (( SELECT app.names('robeings'::text) AS names)::text[]))));
CREATE POLICY scope ON conversation.intent USING ((( SELECT app.sees_all('robeings'::text) AS sees_all) OR ((robeing_id)::text = ANY (( SELECT app.names('robeings'::text) AS names)::text[]))));
CREATE POLICY scope ON conversation.log USING ((( SELECT app.sees_all('robeings'::text) AS sees_all) OR ((robeing_id)::text = ANY (( SELECT app.names('robeings'::text) AS names)::text[]))));
CREATE POLICY scope ON conversation.placeholder USING ((( SELECT app.sees_all('robeings'::text) AS sees_all) OR ((robeing_id)::text = ANY (( SELECT app.names('robeings'::text) AS names)::text[]))));
CREATE POLICY scope ON conversation.question USING ((( SELECT app.sees_all('robeings'::text) AS sees_all) OR ((robeing_id)::text = ANY (( SELECT app.names('robeings'::text) AS names)::text[]))));
CREATE POLICY scope ON conversation.search_segment USING ((( SELECT app.sees_all('robeings'::text) AS sees_all) OR ((robeing_id)::text = ANY (( SELECT app.names('robeings'::text) AS names)::text[]))));
CREATE POLICY scope ON conversation.search_tail USING ((( SELECT app.sees_all('robeings'::text) AS sees_all) OR ((robeing_id)::text = ANY (( SELECT app.names('robeings'::text) AS names)::text[]))));
CREATE POLICY scope ON conversation.thread USING ((( SELECT app.sees_all('robeings'::text) AS sees_all) OR ((robeing_id)::text = ANY (( SELECT app.names('robeings'::text) AS names)::text[]))));
ALTER TABLE conversation.search_posting_2026_11 ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversation.search_posting_2026_12 ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversation.search_posting_2027_01 ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversation.search_posting_2027_02 ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversation.search_segment ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversation.search_tail ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversation.thread ENABLE ROW LEVEL SECURITY;
ALTER TABLE privacy.erasure ENABLE ROW LEVEL SECURITY;
ALTER TABLE privacy.export ENABLE ROW LEVEL SECURITY;
ALTER TABLE privacy.person_key ENABLE ROW LEVEL SECURITY;
CREATE POLICY scope ON privacy.erasure USING ((( SELECT app.sees_all('robeings'::text) AS sees_all) OR (scope <@ ( SELECT app.names('robeings'::text) AS names))));
CREATE POLICY scope ON privacy.export USING ((( SELECT app.sees_all('robeings'::text) AS sees_all) OR (scope <@ ( SELECT app.names('robeings'::text) AS names))));
CREATE POLICY scope ON privacy.person_key USING ((( SELECT app.sees_all('robeings'::text) AS sees_all) OR ((robeing_id)::text = ANY (( SELECT app.names('robeings'::text) AS names)::text[]))));
ALTER TABLE robeing.growth ENABLE ROW LEVEL SECURITY;
ALTER TABLE robeing.removed ENABLE ROW LEVEL SECURITY;
CREATE POLICY scope ON robeing.growth USING ((( SELECT app.sees_all('robeings'::text) AS sees_all) OR ((robeing_id)::text = ANY (( SELECT app.names('robeings'::text) AS names)::text[]))));
CREATE POLICY scope ON robeing.removed USING ((( SELECT app.sees_all('robeings'::text) AS sees_all) OR ((robeing_id)::text = ANY (( SELECT app.names('robeings'::text) AS names)::text[]))));
CREATE POLICY scope ON robeing.settings USING ((( SELECT app.sees_all('robeings'::text) AS sees_all) OR ((robeing_id)::text = ANY (( SELECT app.names('robeings'::text) AS names)::text[]))));
CREATE POLICY scope ON robeing.stats USING ((( SELECT app.sees_all('robeings'::text) AS sees_all) OR ((robeing_id)::text = ANY (( SELECT app.names('robeings'::text) AS names)::text[]))));
CREATE POLICY scope ON robeing.task USING ((( SELECT app.sees_all('robeings'::text) AS sees_all) OR ((robeing_id)::text = ANY (( SELECT app.names('robeings'::text) AS names)::text[]))));
ALTER TABLE robeing.settings ENABLE ROW LEVEL SECURITY;
ALTER TABLE robeing.stats ENABLE ROW LEVEL SECURITY;
ALTER TABLE robeing.task ENABLE ROW LEVEL SECURITY;
