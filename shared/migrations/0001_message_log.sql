-- message-log: every conversation, masked and once, by month; what was refused; what answers are searched and counted by
create schema conversation;

-- Months are ranges of the id, a version 7 UUID whose first 48 bits are its milliseconds. So the id
-- alone is unique across all of them, and its order is the order of created_at, without ties.
create table conversation.log (
    id uuid primary key,
    robeing_id varchar(100) not null,
    channel_id varchar(100),
    channel_type varchar(32),
    thread_ts varchar(128),
    user_id uuid,
    slack_user_id varchar(100),
    message text,
    response text,
    parts jsonb,
    intent varchar(100),
    confidence double precision,
    metadata jsonb not null,
    token_count integer not null,
    reply_to uuid,
    source varchar(16) not null,
    source_event_id varchar(512) not null,
    content uuid not null,
    xid xid8 not null default pg_current_xact_id(),
    created_at timestamptz not null,
    edited_at timestamptz,
    edit_order bytea,
    deleted_at timestamptz,
    erased_at timestamptz
) partition by range (id);

comment on column conversation.log.parts is 'what came in the shape of OpenTelemetry GenAI, masked: {"message": [...], "response": [...]}';
comment on column conversation.log.reply_to is 'the message that this row answers';
comment on column conversation.log.content is 'digest of the masked content: tells a repeat from another content under the same key';
comment on column conversation.log.xid is 'a roll-up takes what is below the horizon of running transactions, so that late commits are not missed';
comment on column conversation.log.edit_order is 'the place of the newest edit among the edits of its message: a later one has higher bytes';
comment on column conversation.log.erased_at is 'nothing of it is left but the id, so that the same event, delivered again, is still a repeat';

create index log_robeing on conversation.log (robeing_id, id desc);
create index log_user on conversation.log (user_id, id desc) where user_id is not null;
create index log_slack_user on conversation.log (slack_user_id, id desc) where slack_user_id is not null;
create index log_channel on conversation.log (robeing_id, channel_id, id desc) where channel_id is not null;
create index log_thread on conversation.log (robeing_id, thread_ts, id desc) where thread_ts is not null;
create index log_reply_to on conversation.log (reply_to) where reply_to is not null;
create index log_xid on conversation.log (xid);
-- What is looked through for anything that outlived its message.
create index log_erased on conversation.log (id) where erased_at is not null;

-- Keys that don't carry the time of their event: the same key leads to the same row, whichever month it is in.
create table conversation.ingest_key (
    key uuid primary key,
    message_id uuid not null,
    created_at timestamptz not null default now()
);
create index ingest_key_created_at on conversation.ingest_key using brin (created_at);

-- What numbers the placeholders of a conversation: digests, no values.
create table conversation.placeholder (
    conversation uuid primary key,
    robeing_id varchar(100) not null,
    state jsonb not null,
    created_at timestamptz not null default now()
);

-- Fills itself; whoever knows a person by another id may change user_id.
create table conversation.slack_user (
    team_id varchar(32) not null,
    slack_user_id varchar(100) not null,
    user_id uuid not null,
    created_at timestamptz not null default now(),
    primary key (team_id, slack_user_id)
);

create table conversation.dead_letter (
    id uuid primary key,
    key uuid not null unique,
    source varchar(16) not null,
    source_event_id varchar(512) not null,
    is_exact boolean not null default true,
    event_time timestamptz,
    event_order bigint,
    sent_at timestamptz,
    robeing_id varchar(100),
    reason text not null,
    body jsonb,
    attempts integer not null default 1,
    created_at timestamptz not null default now(),
    last_attempt_at timestamptz not null default now(),
    replayed_at timestamptz,
    message_id uuid,
    erased_at timestamptz
);
comment on column conversation.dead_letter.key is 'digest of owner, source and event id, so that a redelivery is another attempt and not another row, and nobody''s event takes the place of another''s';
comment on column conversation.dead_letter.is_exact is 'whether the event id is as its source has it, neither masked nor cut';
comment on column conversation.dead_letter.event_time is 'the time that comes with the event id, where one does';
comment on column conversation.dead_letter.event_order is 'its place among those of that time, where its queue numbers them';
comment on column conversation.dead_letter.sent_at is 'when it was handed over, for a message that does not say when it was said';
create index dead_letter_message on conversation.dead_letter (message_id) where message_id is not null;
comment on column conversation.dead_letter.body is 'masked; null where masking is what failed';
comment on column conversation.dead_letter.erased_at is 'nothing of it is left but the key, so that the same event, delivered again, is not kept again';

-- What was rolled up last, until a robeing and month have enough of it for a segment. It holds no text:
-- a piece is a hash of the robeing and two letters.
create table conversation.search_tail (
    robeing_id varchar(100) not null,
    id uuid not null,
    pieces integer[] not null,
    primary key (robeing_id, id)
);

-- A segment holds messages of one robeing and month, rolled up one after the other; small ones are
-- merged into larger ones. Its number begins with the month, counted from 1970, which is how a month's
-- postings are one partition.
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

-- Which messages of a segment hold a piece. It is read by way of a segment, which obeys its robeing's policy.
create table conversation.search_posting (
    segment bigint not null,
    piece integer not null,
    moments bytea not null,
    primary key (segment, piece)
) partition by range (segment);
comment on column conversation.search_posting.moments is 'five bytes each: milliseconds since the month began in UTC (four, big-endian), and the last of the id';
-- Nothing in them is there twice.
alter table conversation.search_posting alter column moments set storage external;

-- The reads of context and search. Statements that come without a name are planned each time, which
-- takes longer than to run them where there are many partitions; what a function runs is planned once
-- a connection, for whatever values, and only the partitions that the values lead to are looked into. By the
-- rows that are looked at alone: it does not know then how many there are of a robeing, or are wanted,
-- and would rather read in one go what all robeings said than by an index what one did.
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

-- What was sent at these moments: from the first id that each may have, before the first of the next
-- millisecond, with the same last byte.
create function conversation.sent_at(robeing varchar, firsts uuid[], pasts uuid[])
returns setof conversation.log
language plpgsql stable
set plan_cache_mode = force_generic_plan set seq_page_cost = 0 set random_page_cost = 0
as $$
begin
    return query
        select said.*
        from unnest(firsts, pasts) as moment (first, past)
        cross join lateral (
            select * from conversation.log
            where robeing_id = robeing
              and id >= moment.first
              and id < moment.past
              and get_byte(uuid_send(id), 15) = get_byte(uuid_send(moment.first), 15)
            -- Keeps the planner from reading all of them between the first and the last.
            offset 0
        ) as said;
end $$;

-- For each question and segment the shortest list of its pieces, and the next where that is not longer
-- than `short`, in bytes; none where a piece has no list, since nothing in the segment has it.
create function conversation.shortest_postings(questions integer[], segments bigint[], pieces integer[], short integer)
returns table (question integer, segment bigint, moments bytea)
language plpgsql stable
set plan_cache_mode = force_generic_plan set seq_page_cost = 0 set random_page_cost = 0
as $$
#variable_conflict use_column
begin
    return query
        select question, segment, moments
        from (
            select question, segment, moments, octet_length(moments) as length,
                   row_number() over (of_segment order by octet_length(moments)) as nth,
                   count(*) filter (where moments is null) over of_segment as missing
            from unnest(questions, segments, pieces) as asked (question, segment, piece)
            left join lateral (
                select moments
                from conversation.search_posting as posting
                where posting.segment = asked.segment and posting.piece = asked.piece
                offset 0
            ) as list on true
            window of_segment as (partition by question, segment)
        ) as known
        where missing = 0 and (nth = 1 or nth = 2 and length <= short);
end $$;

-- What waits for the next roll-up to be found by its new text, or by none.
create table conversation.edited (
    id uuid not null,
    robeing_id varchar(100) not null,
    xid xid8 not null default pg_current_xact_id()
);
create index edited_xid on conversation.edited (xid);

-- Up to where the log is rolled up into all that follows: transactions below xid, and of that one, where
-- it is a large one, what has an id up to after_id. An xid means nothing in another cluster.
create table conversation.watermark (
    name varchar(32) primary key,
    xid xid8 not null,
    after_id uuid not null default '00000000-0000-0000-0000-000000000000',
    cluster bigint not null,
    run_at timestamptz
);
insert into conversation.watermark (name, xid, cluster)
select 'message-log', '0', system_identifier from pg_control_system();

-- By the hour in UTC, so that a day can be that of any time zone.
create table conversation.activity (
    robeing_id varchar(100) not null,
    hour timestamptz not null,
    conversations bigint not null,
    messages bigint not null,
    responses bigint not null,
    tokens bigint not null,
    confidence_sum double precision not null,
    confidence_count bigint not null,
    primary key (robeing_id, hour)
);

-- A conversation is counted in the hour in which it is first seen.
create table conversation.thread (
    conversation uuid primary key,
    robeing_id varchar(100) not null,
    first_message_at timestamptz not null
);

create table conversation.intent (
    robeing_id varchar(100) not null,
    day date not null,
    intent varchar(100) not null,
    messages bigint not null,
    confidence_sum double precision not null,
    confidence_count bigint not null,
    primary key (robeing_id, day, intent)
);

create table conversation.question (
    key uuid primary key,
    robeing_id varchar(100) not null,
    day date not null,
    question text not null,
    asked bigint not null
);
create index question_robeing on conversation.question (robeing_id, day);
comment on column conversation.question.key is 'digest of robeing, day and question';

-- What each message is counted as in `intent` and `question`, so that both follow it when it is edited,
-- deleted, erased or expires.
create table conversation.counted (
    id uuid primary key,
    robeing_id varchar(100) not null,
    day date not null,
    intent varchar(100),
    confidence double precision,
    question uuid
) partition by range (id);
create index counted_question on conversation.counted (question) where question is not null;
comment on column conversation.counted.question is 'the key of a row of question; null also where that was not among the most frequent of its day';

-- The second wall, after the scope in each statement: a transaction sees the robeings that it names
-- in `app.robeings`, one a line, and everything for `*`. Where it names none it fails or sees nothing.
do $$
declare
    name text;
begin
    foreach name in array array['log', 'placeholder', 'dead_letter', 'activity', 'thread', 'intent', 'question', 'counted', 'search_tail', 'search_segment', 'edited'] loop
        execute format('alter table conversation.%I enable row level security', name);
        execute format('alter table conversation.%I force row level security', name);
        execute format(
            $policy$
                create policy scope on conversation.%I using (
                    (select current_setting('app.robeings')) = '*'
                    or robeing_id = any ((select string_to_array(current_setting('app.robeings'), e'\n'))::text[]))
            $policy$,
            name);
    end loop;
end $$;

-- Months that take no message any more: they are in the archive, or on the way there.
create table conversation.closed_month (
    month date primary key,
    closed_at timestamptz not null default now()
);

create function conversation.refuse_closed() returns trigger
language plpgsql as $$
begin
    raise exception 'the month is closed' using errcode = 'check_violation', constraint = 'month_is_closed';
end $$;

-- Makes room for the month of a day, if there is none yet and it is not closed. The parent stays open
-- to readers and writers: a partition is attached, which `create table .. partition of` would lock out.
create function conversation.add_month(day date) returns void
language plpgsql security definer set search_path = pg_catalog as $$
declare
    month timestamptz := date_trunc('month', day::timestamp) at time zone 'utc';
    below timestamptz := (date_trunc('month', day::timestamp) + interval '1 month') at time zone 'utc';
    suffix text := to_char(date_trunc('month', day::timestamp), 'YYYY_MM');
    first uuid := (lpad(to_hex((extract(epoch from month) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;
    past uuid := (lpad(to_hex((extract(epoch from below) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;
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
            -- Read through its parent, it obeys the parent's policy; read directly, it shows nothing.
            execute format('alter table conversation.%I enable row level security', child);
            execute format('alter table conversation.%I force row level security', child);
            execute format('alter table conversation.%I attach partition conversation.%I for values from (%L) to (%L)', parent, child, first, past);
        end if;
    end loop;
    child := 'search_posting_' || suffix;
    if to_regclass('conversation.' || child) is null then
        -- What is merged is deleted whole, and its pages are wanted again soon.
        execute format(
            'create table conversation.%I (like conversation.search_posting including all)
             with (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0)',
            child);
        execute format('alter table conversation.%I enable row level security', child);
        execute format('alter table conversation.search_posting attach partition conversation.%I for values from (%s) to (%s)', child, months << 40, (months + 1) << 40);
    end if;
end $$;

-- From here on no row of the month comes in or changes, but rows can go. Waits for who is writing to
-- this very month, and keeps nobody from reading.
create function conversation.close_month(month date) returns void
language plpgsql as $$
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
             on conversation.%I for each row execute function conversation.refuse_closed()',
            child);
    end if;
end $$;
