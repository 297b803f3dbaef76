-- people: who signs in, their sign-ins, and service tokens
create schema people;

-- The person in whose name a transaction runs, from the setting `app.person`; null if it runs for a service.
create function app.person() returns uuid
language sql stable parallel safe
as $$ select nullif(current_setting('app.person', true), '')::uuid $$;

-- Whether a scope has every name of another one. The kind `*` stands for the kinds that are not listed.
create function people.includes(outer_scope jsonb, inner_scope jsonb) returns boolean
language sql immutable parallel safe
as $$
    select bool_and(allowed ? '*' or (not wanted ? '*' and wanted <@ allowed))
    from jsonb_object_keys(inner_scope || outer_scope || '{"*": []}') as kind,
         lateral (select coalesce(inner_scope -> kind, inner_scope -> '*', '[]') as wanted,
                         coalesce(outer_scope -> kind, outer_scope -> '*', '[]') as allowed) as names
$$;

create table people.person (
    id uuid primary key,
    issuer text,
    subject text,
    email text,
    name text,
    picture text,
    role text not null check (role in ('reader', 'writer', 'admin')),
    scope jsonb not null default '{}' check (jsonb_typeof(scope) = 'object'),
    language text,
    time_zone text,
    revision bigint not null default 1,
    request bytea unique check (octet_length(request) = 32),
    invitation bytea check (octet_length(invitation) = 32),
    invited_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    last_sign_in_at timestamptz,
    deactivated_at timestamptz,
    constraint identity_is_whole check ((issuer is null) = (subject is null)),
    constraint person_can_be_found check (subject is not null or email is not null),
    constraint identity_is_taken unique (issuer, subject)
);
comment on table people.person is 'people who have signed in or were invited; one who was invited has no issuer and subject until the first sign-in';
comment on column people.person.revision is 'the number of changes of role, scope, language, time zone and state, for conditional changes';
comment on column people.person.request is 'the digest of the Idempotency-Key of the invitation and of its sender';
comment on column people.person.invitation is 'the digest of what the request with this key invited, so that another one with the same key is refused';
-- One open invitation per address. Only ASCII letters are folded: the Kelvin sign is no k, and addresses with the two
-- belong to different people.
create unique index invitation_is_open on people.person (lower(email collate "C")) where subject is null;
create index person_by_email on people.person (lower(email collate "C"));

create table people.cookie (
    hash bytea primary key check (octet_length(hash) = 32),
    person_id uuid not null references people.person on delete cascade,
    created_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    expires_at timestamptz not null
);
comment on column people.cookie.hash is 'the SHA-256 of the value in the browser';
create index cookie_of_person on people.cookie (person_id);
create index cookie_by_end on people.cookie (expires_at);

create table people.token (
    id uuid primary key,
    hash bytea not null unique check (octet_length(hash) = 32),
    name text,
    role text check (role in ('reader', 'writer', 'admin')),
    scope jsonb check (jsonb_typeof(scope) = 'object'),
    request bytea unique check (octet_length(request) = 32),
    person_id uuid references people.person on delete cascade,
    cookie_hash bytea references people.cookie on delete cascade,
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    constraint belongs_to_one check (
        (name is not null and role is not null and scope is not null and person_id is null and cookie_hash is null)
        or (name is null and role is null and scope is null and person_id is not null and cookie_hash is not null
            and expires_at is not null))
);
comment on table people.token is 'tokens of services, with a name, role and scope of their own; and tokens of people, which have those of the person and end with the sign-in';
comment on column people.token.request is 'the digest of the Idempotency-Key of the creation and of its sender';
-- A name says who calls, so one that is used has one token at a time.
create unique index token_name_is_taken on people.token (name) where name is not null and revoked_at is null;
create index token_of_person on people.token (person_id) where person_id is not null;
create index token_of_cookie on people.token (cookie_hash) where cookie_hash is not null;

-- The states of sign-ins that came back from the issuer, so that none is used twice.
create table people.sign_in (
    state bytea primary key check (octet_length(state) = 32),
    at timestamptz not null default now()
);
create index sign_in_by_time on people.sign_in (at);

-- How often sign-in was tried, per keyed digest of an address of the network and per minute.
create table people.attempt (
    source bytea not null,
    minute timestamptz not null,
    attempts integer not null,
    primary key (source, minute)
);
create index attempt_by_minute on people.attempt (minute);
