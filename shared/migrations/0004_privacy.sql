-- privacy: months that are put away, people who are forgotten or given what is held of them, and what the log needs for it
create schema privacy;

create index log_slack_user on conversation.log (slack_user_id, id desc) where slack_user_id is not null;

alter table conversation.log add column erased_at timestamptz;
comment on column conversation.log.erased_at is 'nothing of it is left but the id, so that the same event, delivered again, is still a repeat';
alter table conversation.dead_letter add column erased_at timestamptz;
comment on column conversation.dead_letter.erased_at is 'nothing of it is left but the key, so that the same event, delivered again, is not kept again';

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
create or replace function conversation.add_month(day date) returns void
language plpgsql security definer set search_path = pg_catalog as $$
declare
    month timestamptz := date_trunc('month', day::timestamp) at time zone 'utc';
    below timestamptz := (date_trunc('month', day::timestamp) + interval '1 month') at time zone 'utc';
    suffix text := to_char(date_trunc('month', day::timestamp), 'YYYY_MM');
    first uuid := (lpad(to_hex((extract(epoch from month) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;
    past uuid := (lpad(to_hex((extract(epoch from below) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;
    months bigint := (extract(year from day) - 1970) * 12 + extract(month from day) - 1;
    child text;
begin
    perform pg_advisory_xact_lock(hashtextextended('conversation.add_month', 0));
    if exists (select from conversation.closed_month as closed where closed.month = date_trunc('month', day::timestamp)::date) then
        raise exception 'the month is closed' using errcode = 'check_violation', constraint = 'month_is_closed';
    end if;
    child := 'log_' || suffix;
    if to_regclass('conversation.' || child) is null then
        execute format('create table conversation.%I (like conversation.log including all)', child);
        -- Read through its parent, it obeys the parent's policy; read directly, it shows nothing.
        execute format('alter table conversation.%I enable row level security', child);
        execute format('alter table conversation.%I force row level security', child);
        execute format('alter table conversation.log attach partition conversation.%I for values from (%L) to (%L)', child, first, past);
    end if;
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

-- Who is at a job that one alone must do. Whoever is killed holds it no longer than it says.
create table privacy.lease (
    name varchar(100) primary key,
    holder uuid not null,
    held_until timestamptz not null
);

-- A month on its way: closed, then archived (each of its rows is in a part that was read back), then dropped.
create table privacy.month (
    month date primary key,
    state varchar(16) not null,
    rows bigint,
    closed_at timestamptz not null default now(),
    archived_at timestamptz,
    dropped_at timestamptz
);

-- A file of an archived month. What is not verified was given up half-way, and is made again.
create table privacy.part (
    id bigint generated always as identity primary key,
    month date not null references privacy.month,
    after_id uuid not null,
    last_id uuid,
    object varchar(200) not null unique,
    rows bigint,
    bytes bigint,
    sha256 bytea,
    content bytea,
    created_at timestamptz not null default now(),
    verified_at timestamptz,
    unique (month, after_id)
);
comment on column privacy.part.after_id is 'it begins with the first row above this id: no two parts hold the same row';
comment on column privacy.part.content is 'digest of its rows as the database had them and the file gave them back';

-- What a person's rows of a month are sealed with. Without its row here they are noise.
create table privacy.person_key (
    id bigint generated always as identity primary key,
    month date not null,
    robeing_id varchar(100) not null,
    user_id uuid,
    slack_user_id varchar(100),
    owner uuid not null,
    wrapped bytea not null,
    unique (month, owner)
);
create index person_key_user on privacy.person_key (user_id) where user_id is not null;
create index person_key_slack_user on privacy.person_key (slack_user_id) where slack_user_id is not null;
create index person_key_robeing on privacy.person_key (robeing_id, month);
comment on column privacy.person_key.owner is 'digest of robeing, user and Slack user, any of which may be missing';
comment on column privacy.person_key.wrapped is 'encrypted with the master key, which is not in the database';

-- Which files hold rows of which key, so that a person's are found without reading all.
create table privacy.sealed (
    key_id bigint not null references privacy.person_key on delete cascade,
    part_id bigint not null references privacy.part on delete cascade,
    rows integer not null,
    primary key (key_id, part_id)
);
create index sealed_part on privacy.sealed (part_id);

create table privacy.erasure (
    id uuid primary key,
    subject_kind varchar(16) not null,
    subject bytea not null,
    scope text[],
    whose jsonb,
    after_id uuid,
    erased jsonb not null default '{}',
    created_at timestamptz not null default now(),
    finished_at timestamptz
);
comment on column privacy.erasure.subject is 'keyed digest of the id that was asked for';
comment on column privacy.erasure.scope is 'the robeings it is for; null for all';
comment on column privacy.erasure.whose is 'the ids that are looked for, until nothing is left of them';
create unique index erasure_running on privacy.erasure (subject, scope) nulls not distinct where finished_at is null;
create index erasure_subject on privacy.erasure (subject);

-- Each names the one before it by its hash.
create table privacy.receipt (
    number bigint primary key,
    erasure_id uuid not null unique references privacy.erasure,
    body text not null,
    previous bytea not null,
    hash bytea not null,
    signature bytea not null
);

create table privacy.export (
    id uuid primary key,
    subject_kind varchar(16) not null,
    subject bytea not null,
    scope text[],
    request bytea unique,
    whose jsonb,
    stage varchar(16) not null default 'messages',
    after_id uuid,
    after_part bigint,
    created_at timestamptz not null default now(),
    finished_at timestamptz,
    expires_at timestamptz not null
);
create index export_subject on privacy.export (subject);

create table privacy.export_file (
    export_id uuid not null references privacy.export on delete cascade,
    number integer not null,
    object varchar(200) not null,
    rows bigint not null,
    bytes bigint not null,
    sha256 bytea not null,
    is_whole boolean not null default false,
    primary key (export_id, number)
);

-- The second wall, as the log has it.
alter table privacy.person_key enable row level security;
alter table privacy.person_key force row level security;
create policy scope on privacy.person_key using (
    (select current_setting('app.robeings')) = '*'
    or robeing_id = any ((select string_to_array(current_setting('app.robeings'), e'\n'))::text[]));

-- Of all robeings it is for those alone who may see them all.
do $$
declare
    name text;
begin
    foreach name in array array['erasure', 'export'] loop
        execute format('alter table privacy.%I enable row level security', name);
        execute format('alter table privacy.%I force row level security', name);
        execute format(
            $policy$
                create policy scope on privacy.%I using (
                    (select current_setting('app.robeings')) = '*'
                    or scope <@ (select string_to_array(current_setting('app.robeings'), e'\n'))::text[])
            $policy$,
            name);
    end loop;
end $$;
