-- privacy: the archive of months that have left the log, encrypted per person
create schema privacy;

-- Locks of jobs of which one may run at a time. If the holder is killed, the lock expires at held_until.
create table privacy.lease (
    name varchar(100) primary key,
    holder uuid not null,
    held_until timestamptz not null
);

-- The months that leave the log: closed, then archived (each row is in a file that was read back), then dropped.
create table privacy.month (
    month date primary key,
    state varchar(16) not null,
    rows bigint,
    closed_at timestamptz not null default now(),
    archived_at timestamptz,
    dropped_at timestamptz
);

-- The files of archived months. A file that is not verified is incomplete and is written again.
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
comment on column privacy.part.after_id is 'the file begins with the first row above this id, so that no two files contain the same row';
comment on column privacy.part.content is 'digest of the rows, both as the database had them and as they were read back from the file';

-- The keys that encrypt the archived rows of one person, robeing and month. Deleting a key makes the rows unreadable.
create table privacy.person_key (
    id bigint generated always as identity primary key,
    month date not null,
    robeing_id varchar(100) not null,
    user_id uuid,
    slack_user_id varchar(100),
    person_digest uuid not null,
    wrapped bytea not null,
    unique (month, person_digest)
);
create index person_key_user on privacy.person_key (user_id) where user_id is not null;
create index person_key_slack_user on privacy.person_key (slack_user_id) where slack_user_id is not null;
create index person_key_robeing on privacy.person_key (robeing_id, month);
comment on column privacy.person_key.person_digest is 'digest of robeing, user and Slack user, any of which may be missing';
comment on column privacy.person_key.wrapped is 'the key, encrypted with the master key, which is not in the database';
alter table privacy.person_key enable row level security, force row level security;
create policy scope on privacy.person_key
    using ((select app.sees_all('robeings')) or robeing_id = any ((select app.names('robeings'))::text[]));

-- Which files contain rows of which key, so that the rows of a person are found without reading all files.
create table privacy.sealed (
    key_id bigint not null references privacy.person_key on delete cascade,
    part_id bigint not null references privacy.part on delete cascade,
    rows integer not null,
    primary key (key_id, part_id)
);
create index sealed_part on privacy.sealed (part_id);
