-- privacy: requests to erase or export what is stored about a person or a robeing
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
-- A request that reaches all robeings (scope is null) is visible only to those who see all robeings.
alter table privacy.erasure enable row level security, force row level security;
create policy scope on privacy.erasure
    using ((select app.sees_all('robeings')) or scope <@ (select app.names('robeings'))::text[]);

-- Receipts of erasures. Each contains the hash of the one before it.
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
alter table privacy.export enable row level security, force row level security;
create policy scope on privacy.export
    using ((select app.sees_all('robeings')) or scope <@ (select app.names('robeings'))::text[]);

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
