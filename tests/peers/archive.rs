//! An archive file, read by DuckDB and Arrow. A row is decrypted with a third-party library, as the documentation
//! describes.

use std::process::Command;

use kit::TestApp;
use kit::postgres::database;
use serde_json::json;

use crate::server::{folder, is_skipped};

const KEY: [u8; 32] = [8; 32];

const READ: &str = r#"
import hashlib, hmac, json, sys
import duckdb, pyarrow.parquet as pq, zstandard
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

path, wrapped = sys.argv[1], bytes.fromhex(sys.argv[2])

# DuckDB counts and filters without a key.
rows, first, tokens = duckdb.execute(
    "select count(*), min(created_at), sum(token_count) from read_parquet(?)", [path]).fetchone()
assert rows == 3 and str(first.astimezone(__import__('datetime').timezone.utc)).startswith('2025-08-01 12:00:00'), (rows, first)
assert duckdb.execute("select count(*) from read_parquet(?) where robeing_id = 'r2'", [path]).fetchone()[0] == 1
types = dict(duckdb.execute("select column_name, column_type from (describe select * from read_parquet(?))", [path]).fetchall())
assert types['id'] == 'UUID' and types['created_at'] == 'TIMESTAMP WITH TIME ZONE' and types['robeing_id'] == 'VARCHAR', types
codecs = {name: codec for name, codec in duckdb.execute(
    "select path_in_schema, compression from parquet_metadata(?)", [path]).fetchall()}
assert codecs['robeing_id'] == 'ZSTD', codecs

# Arrow reads the same rows.
table = pq.read_table(path)
assert table.num_rows == 3 and table.schema.field('created_at').type.tz == 'UTC', table.schema
metadata = pq.read_metadata(path).metadata
assert metadata[b'metasync.format'] == b'1' and metadata[b'metasync.month'] == b'2025-08', metadata

# The master key unwraps the key of a person, which decrypts only the rows of that person.
wrap = hmac.new(bytes([8] * 32), b'wrap', hashlib.sha256).digest()
key = AESGCM(wrap).decrypt(wrapped[4:16], wrapped[16:], b'metasync person key')
decrypted = []
for row in table.to_pylist():
    try:
        row_id = row['id'].bytes if hasattr(row['id'], 'bytes') else bytes(row['id'])
        compressed = AESGCM(key).decrypt(row['sealed'][:12], row['sealed'][12:], row_id)
    except Exception:
        continue
    decrypted.append(json.loads(zstandard.ZstdDecompressor().decompress(compressed)))
assert [it['message'] for it in decrypted] == ['mine'], decrypted
print('read')
"#;

#[tokio::test]
async fn duckdb_and_arrow_read_an_archive_and_only_the_keys_decrypt_it() {
    if is_skipped("parquet") {
        return;
    }
    let database = database().await;
    let bucket = tempfile::tempdir().expect("a folder");
    let builder = |name| {
        TestApp::with_env(database.env())
            .named(name)
            .set("BUCKET_URL", format!("file://{}", bucket.path().display()))
            .set("MASKING_KEY", "07".repeat(32))
            .set("PRIVACY_KEY", "08".repeat(KEY.len()))
    };
    let log = builder("message-log").start(message_log::app).await;
    let stats = builder("stats-batch").start(stats_batch::app).await;
    let app = builder("privacy").start(privacy::app).await;
    for (robeing, text, day) in [
        ("r1", "mine", "01"),
        ("r1", "theirs", "02"),
        ("r2", "more", "31"),
    ] {
        let message = json!({"robeing_id": robeing, "message": text, "slack_user_id": text,
            "created_at": format!("2025-08-{day}T12:00:00Z")});
        let reply = log.post("/v1/messages", message).await;
        assert_eq!(reply.status, 201, "{reply:?}");
    }
    let client = database.client().await;
    let mut state = json!(null);
    for _ in 0..200 {
        log.post("/events/message-log", json!({})).await;
        stats.post("/events/stats-batch", json!({})).await;
        let ran = app.post("/events/privacy", json!({})).await;
        state = ran.json()["archived"][0]["state"].clone();
        if state == "dropped" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(state, "dropped");
    let row = client
        .query_typed_one(
            "select object, (select encode(wrapped, 'hex') from privacy.person_key where slack_user_id = 'mine')
             from privacy.part",
            &[],
        )
        .await
        .expect("a part");
    let (object, wrapped): (String, String) = (row.get(0), row.get(1));
    let output = Command::new(folder("parquet").join("bin/python"))
        .args(["-c", READ])
        .arg(bucket.path().join(object))
        .arg(wrapped)
        .output()
        .expect("Python runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert_eq!(output.stdout, b"read\n");
}
