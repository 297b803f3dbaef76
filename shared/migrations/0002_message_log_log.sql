-- message-log: the log of all conversations, by month, and what keeps its rows unique
create schema conversation;

-- Each month is a range of ids. An id is a version 7 UUID, and its first 48 bits are its time in milliseconds. So
-- the id alone is unique across months, and the order of ids is the order of created_at, without ties.
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
alter table conversation.log enable row level security, force row level security;
create policy scope on conversation.log
    using ((select app.sees_all('robeings')) or robeing_id = any ((select app.names('robeings'))::text[]));

comment on column conversation.log.parts is 'the message and the response as OpenTelemetry GenAI parts, masked, if they were sent in parts: {"message": [...], "response": [...]}';
comment on column conversation.log.reply_to is 'the message that this row answers';
comment on column conversation.log.content is 'digest of the masked content, which distinguishes a repeat from another message with the same key; nil once the row is erased';
comment on column conversation.log.xid is 'a roll-up reads the rows of transactions that have ended, in this order, so that it misses no late commit';
comment on column conversation.log.edit_order is 'the place of the newest edit among the edits of the message: a later edit has higher bytes';
comment on column conversation.log.erased_at is 'the row is empty but for its id, which recognizes a redelivery of the same event as a repeat';

create index log_robeing on conversation.log (robeing_id, id desc);
create index log_user on conversation.log (user_id, id desc) where user_id is not null;
create index log_slack_user on conversation.log (slack_user_id, id desc) where slack_user_id is not null;
create index log_channel on conversation.log (robeing_id, channel_id, id desc) where channel_id is not null;
create index log_thread on conversation.log (robeing_id, thread_ts, id desc) where thread_ts is not null;
create index log_reply_to on conversation.log (reply_to) where reply_to is not null;
create index log_xid on conversation.log (xid);
-- For the search for copies that outlived their message.
create index log_erased on conversation.log (id) where erased_at is not null;

-- Keys of events that don't carry a time: the same key leads to the same row, in whichever month it is.
create table conversation.ingest_key (
    key uuid primary key,
    message_id uuid not null,
    created_at timestamptz not null default now()
);
create index ingest_key_created_at on conversation.ingest_key using brin (created_at);

-- The numbers of the placeholders of a conversation, by digests of the masked values.
create table conversation.placeholder (
    conversation uuid primary key,
    robeing_id varchar(100) not null,
    state jsonb not null,
    created_at timestamptz not null default now()
);
alter table conversation.placeholder enable row level security, force row level security;
create policy scope on conversation.placeholder
    using ((select app.sees_all('robeings')) or robeing_id = any ((select app.names('robeings'))::text[]));

-- Each Slack user gets a user_id with their first message. Operators may change it to the id by which they know
-- the person.
create table conversation.slack_user (
    team_id varchar(32) not null,
    slack_user_id varchar(100) not null,
    user_id uuid not null,
    created_at timestamptz not null default now(),
    primary key (team_id, slack_user_id)
);

-- Months that accept no message: they are archived, or their archive is being written.
create table conversation.closed_month (
    month date primary key,
    closed_at timestamptz not null default now()
);

create function conversation.reject_closed_month() returns trigger
language plpgsql as $$
begin
    raise exception 'the month is closed' using errcode = 'check_violation', constraint = 'month_is_closed';
end $$;

-- Creates the partitions for the month of a day, unless they exist. Fails if the month is closed. Each partition is
-- created alone and then attached: `create table .. partition of` would lock out readers and writers of the parent.
create function conversation.add_month(day date) returns void
language plpgsql security definer set search_path = pg_catalog as $$
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

-- Closes a month: from then on rows are neither inserted nor changed, but can be deleted. Waits for transactions
-- that write to this month, and doesn't block readers.
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
             on conversation.%I for each row execute function conversation.reject_closed_month()',
            child);
    end if;
end $$;

-- The months that are partitions of the log.
create function conversation.months() returns setof date
language sql stable as $$
    select to_date(substr(relname, 5), 'YYYY_MM')
    from pg_inherits
    join pg_class on pg_class.oid = inhrelid
    where inhparent = 'conversation.log'::regclass and not inhdetachpending
$$;

create function conversation.first_id(day date) returns uuid
language sql immutable as $$
    select (lpad(to_hex((extract(epoch from day::timestamp at time zone 'utc') * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

-- Where a message was said: in a thread, directly to the robeing, or in a channel.
create function conversation.place(thread_ts text, channel_id text, channel_type text) returns text
language sql immutable parallel safe as $$
    select case
        when thread_ts is not null then 'thread'
        when channel_id is null or channel_type in ('im', 'mpim') then 'direct'
        else 'channel'
    end
$$;

-- The rows that transactions of a range inserted, without text or person, for whoever counts conversations. A row
-- that answers another belongs to the conversation of that row. Erased rows are left out.
create function conversation.committed(from_xid xid8, below_xid xid8)
returns table (robeing_id varchar, created_at timestamptz, is_answer boolean, place text)
language sql stable parallel safe as $$
    select robeing_id, created_at, reply_to is not null, conversation.place(thread_ts, channel_id, channel_type)
    from conversation.log
    where xid >= from_xid and xid < below_xid and content <> '00000000-0000-0000-0000-000000000000'
$$;
