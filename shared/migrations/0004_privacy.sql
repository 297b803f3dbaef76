-- privacy: months that are put away, people who are forgotten or given what is held of them
create schema privacy;

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
    subject_digest bytea not null,
    scope text[],
    subject jsonb,
    owner varchar(32),
    after_id uuid,
    erased jsonb not null default '{}',
    created_at timestamptz not null default now(),
    finished_at timestamptz
);
comment on column privacy.erasure.subject_digest is 'keyed digest of the id in the request';
comment on column privacy.erasure.scope is 'the robeings that the request reaches; null for all';
comment on column privacy.erasure.subject is 'all ids of the subject, until nothing is left of them';
comment on column privacy.erasure.owner is 'the owner of personal data that is being erased, with after_id as the cursor in its rows';
create unique index erasure_running on privacy.erasure (subject_digest, scope) nulls not distinct where finished_at is null;
create index erasure_subject on privacy.erasure (subject_digest);

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
    subject_digest bytea not null,
    scope text[],
    request bytea unique,
    subject jsonb,
    owner varchar(32),
    after_id uuid,
    after_part bigint,
    created_at timestamptz not null default now(),
    finished_at timestamptz,
    expires_at timestamptz not null
);
create index export_subject on privacy.export (subject_digest);

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
