//! Entries of the audit log, for tests and benchmarks of many.

use platform::postgres::Client;
use platform::postgres::types::Type;

/// Records this many entries in one statement, as 100 services would.
pub async fn record_many(client: &Client, count: i64) {
    let recorded = client
        .execute_typed(
            "with entry as (
                 insert into people.audit
                     (id, action, subject_kind, subject, detail, actor_kind, personal, salt, personal_digest, request_id)
                 select overlay(gen_random_uuid()::text placing left(time, 8) || '-' || substr(time, 9) || '-7' from 1 for 15)::uuid,
                        'setting.change', 'robeing', 'robeing-' || n % 1000,
                        jsonb_build_object('category', 'user', 'keys', jsonb_build_array('timezone', 'language')),
                        'token', jsonb_build_object('actor', name, 'address', null), salt,
                        sha256(salt || '\\x01' || int8send(octet_length(name)) || name::bytea || '\\x00' || int8send(0)
                               || '\\x00' || int8send(0)),
                        gen_random_uuid()::text
                 from generate_series(1, $1::int8) as n,
                      lateral (select 'service-' || n % 100 as name, uuid_send(gen_random_uuid()) as salt,
                                      lpad(to_hex((extract(epoch from now()) * 1000)::int8 + n / 10), 12, '0') as time) as its
                 returning id
             )
             insert into people.audit_pending (audit_id) select id from entry",
            &[(&count, Type::INT8)],
        )
        .await
        .expect("entries of the audit log");
    assert_eq!(recorded, count.unsigned_abs());
}
