//! A folder with files that can't be read: the response lists each with its fix, and the rest is synced.

use warehouse::source::folder::Folder;

use super::*;

#[tokio::test]
async fn a_file_that_cannot_be_read_is_a_problem_of_the_response_and_ends_no_sync() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| std::fs::write(folder.path().join(name), content);
    write("p.d.good.json", br#"[{"name": "a", "type": "integer"}]"#).unwrap();
    write(
        "p.d.twice.json",
        br#"{"schema": [{"name": "Id", "type": "DATE"}, {"name": "id", "type": "DATE"}]}"#,
    )
    .unwrap();
    write("p.d.bytes.json", b"[{\"name\": \"\xff\"}]").unwrap();
    write("table.json", b"[]").unwrap();
    let source = Arc::new(Folder::new(folder.path()));
    let sync = Sync {
        source,
        ..sync(&Warehouse::new().shared(), memory())
    };
    let app = TestApp::without_database(|_| Ok(schema_sync::api::router(sync.clone()))).await;

    let response = app.post("/v1/schema/sync", json!({})).await.json();

    assert_eq!(response["status"], "success");
    assert_eq!(response["message"], "MetaSync completed with 3 problems");
    assert_eq!(response["tables_count"], 1);
    let problems = response["problems"].as_array().unwrap();
    for (subject, told) in [
        (
            "p.d.twice",
            "p.d.twice.json: column id: there is already a column Id",
        ),
        (
            "p.d.bytes",
            "p.d.bytes.json: byte 11 is not valid UTF-8: save it as UTF-8",
        ),
        ("table.json", "rename it to project.dataset.table.json"),
    ] {
        let problem = problems.iter().find(|it| it["subject"] == subject);
        let detail =
            problem.unwrap_or_else(|| panic!("{subject}: {problems:?}"))["detail"].as_str();
        assert!(detail.unwrap().contains(told), "{detail:?}");
    }
}
