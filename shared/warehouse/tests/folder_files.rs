//! Files in a folder that can't be read: each is a problem, and the rest is read.

use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use schema::document::Problem;
use warehouse::source::folder::Folder;
use warehouse::{Reading, Source as _, SourceError, Unread, Usage};

const ONE: &str = r#"[{"name": "a", "type": "INTEGER"}]"#;

fn write(folder: &Path, name: &str, content: impl AsRef<[u8]>) {
    std::fs::write(folder.join(name), content).unwrap();
}

async fn read(folder: &Path) -> Result<Reading, SourceError> {
    let folder = Folder::new(folder);
    let usage = Usage::default();
    let reading = folder.read(&[], &usage);
    // A pipe has no writer, so that a read of it never ends.
    tokio::time::timeout(Duration::from_secs(60), reading)
        .await
        .expect("it ends")
}

fn detail<'p>(problems: &'p [Problem], subject: &str) -> &'p str {
    let problem = problems.iter().find(|problem| problem.subject == subject);
    &problem
        .unwrap_or_else(|| panic!("{subject}: {problems:?}"))
        .detail
}

#[tokio::test]
async fn a_broken_file_is_a_problem_that_names_the_file_the_column_and_the_fix() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "p.d.good.json", ONE);
    let record =
        |field: &str| format!(r#"[{{"name": "items", "type": "RECORD", "fields": [{field}]}}]"#);
    for (table, content, place, fix) in [
        ("json", "[{".to_owned(), "invalid JSON", "bq show"),
        ("empty", String::new(), "it is empty", "bq show"),
        (
            "twice",
            record(r#"{"name": "Id", "type": "DATE"}, {"name": "ID", "type": "DATE"}"#),
            "column items.ID",
            "rename or remove one",
        ),
        (
            "unnamed",
            record(r#"{"name": "", "type": "DATE"}"#),
            "column 1 of items has an empty name",
            "give it a name",
        ),
        (
            "typo",
            record(r#"{"name": "a", "type": "TEXT"}"#),
            "column items.a",
            "use one of",
        ),
        (
            "number",
            record(r#"{"name": "a", "type": "STRING", "maxLength": "x"}"#),
            "column items.a, `maxLength`",
            "correct it",
        ),
    ] {
        write(folder, &format!("p.d.{table}.json"), content);
        let reading = read(folder).await.unwrap();
        let subject = format!("p.d.{table}");
        let detail = detail(&reading.problems, &subject);
        assert!(detail.starts_with(&format!("{subject}.json: ")), "{detail}");
        assert!(detail.contains(place) && detail.contains(fix), "{detail}");
        assert!(reading.unread.contains(&Unread::Table(subject)));
        assert_eq!(reading.tables.len(), 1);
    }
}

#[tokio::test]
async fn a_bad_byte_ends_no_sync() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "p.d.good.json", ONE);
    write(folder, "p.d.bytes.json", b"[{\"name\": \"caf\xe9\"}]");
    let name = std::ffi::OsStr::from_bytes(b"p.d.caf\xe9.json");
    std::fs::write(folder.join(name), ONE).unwrap();

    let reading = read(folder).await.unwrap();

    assert_eq!(reading.tables.len(), 1);
    let bytes = detail(&reading.problems, "p.d.bytes");
    assert!(bytes.contains("byte 14 is not valid UTF-8"), "{bytes}");
    let named = detail(&reading.problems, "p.d.caf\u{fffd}.json");
    assert!(named.contains("rename it"), "{named}");
}

#[tokio::test]
async fn a_file_name_with_a_sign_that_bigquery_refuses_is_a_problem() {
    for (name, sign) in [
        ("p.d.a`b", "`"),
        ("p.d.a\\b", "\\"),
        ("p.d$.a", "$"),
        ("p.d.a@b", "@"),
        ("p.d.😀", "😀"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "p.d.größe 1-2.json", ONE);
        write(folder.path(), &format!("{name}.json"), ONE);
        let reading = read(folder.path()).await.unwrap();
        let [problem] = &reading.problems[..] else {
            panic!("{name}: {:?}", reading.problems);
        };
        let expected = format!("allows no {sign} in the name of a dataset or table: rename it");
        assert!(problem.detail.contains(&expected), "{problem:?}");
        assert_eq!(reading.tables.len(), 1, "{name}");
    }
}

#[tokio::test]
async fn a_file_name_without_exactly_three_parts_is_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (name, reason) in [
        ("table", "fewer than three parts"),
        ("d.table", "fewer than three parts"),
        ("p.q.d.table", "more than three parts"),
        ("p..table", "a part of its name is empty"),
        (".d.table", "a part of its name is empty"),
        ("p.d.", "a part of its name is empty"),
        ("example.com:p.q.d.t", "more than three parts"),
        ("p.d.two\nlines", "a control character"),
    ] {
        write(folder, &format!("{name}.json"), ONE);
        write(folder, "example.com:p.d.good.json", ONE);
        let reading = read(folder).await.unwrap();
        let subject = format!("{name}.json").replace('\n', " ");
        let detail = detail(&reading.problems, &subject);
        assert!(detail.contains(reason), "{name}: {detail}");
        assert!(detail.contains("project.dataset.table.json"), "{detail}");
        assert_eq!(reading.tables[0].name, "example.com:p.d.good");
        assert_eq!(reading.tables.len(), 1);
    }
}

#[tokio::test]
async fn two_files_for_one_table_are_a_problem_and_neither_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "p.d.good.json", ONE);
    write(folder, "p.d.t.json", ONE);
    write(folder, "p.d.t.JSON", ONE);

    let reading = read(folder).await.unwrap();

    let detail = detail(&reading.problems, "p.d.t");
    assert!(detail.contains("p.d.t.JSON, p.d.t.json"), "{detail}");
    assert!(detail.contains("keep one"), "{detail}");
    assert_eq!(reading.unread, [Unread::Table("p.d.t".to_owned())]);
    assert_eq!(reading.tables.len(), 1);
}

#[tokio::test]
async fn file_names_that_differ_only_in_the_encoding_of_an_accent_are_of_one_table() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "p.d.good.json", ONE);
    write(folder, "p.d.cafe\u{301}.json", ONE);
    let one = read(folder).await.unwrap();
    assert_eq!(one.tables[0].name, "p.d.caf\u{e9}");

    write(folder, "p.d.caf\u{e9}.json", ONE);
    let two = read(folder).await.unwrap();
    let detail = detail(&two.problems, "p.d.caf\u{e9}");
    assert!(detail.contains("keep one"), "{detail}");
    assert_eq!(two.tables.len(), 1);
}

#[tokio::test]
async fn the_problem_of_a_file_names_all_of_its_faults() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "p.d.good.json", ONE);
    let long = "a_name_of_a_column_that_takes_some_room_in_the_text_of_a_problem";
    let field = |n: usize| format!(r#"{{"name": "{long}_{n}", "type": "STRING(0)"}}"#);
    let fields: Vec<String> = (0..15).map(field).collect();
    write(folder, "p.d.bad.json", format!("[{}]", fields.join(",")));

    let reading = read(folder).await.unwrap();

    let detail = detail(&reading.problems, "p.d.bad");
    for n in 0..15 {
        assert!(detail.contains(&format!("{long}_{n}:")), "{n}: {detail}");
    }
}

#[tokio::test]
async fn a_file_that_repeats_the_table_of_another_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let of = |project: &str| {
        format!(
            r#"{{"tableReference": {{"projectId": "{project}", "datasetId": "d", "tableId": "t"}},
                "schema": {ONE}}}"#
        )
    };
    write(folder, "p.d.t.json", of("p"));
    write(folder, "p.d.copy.json", of("p"));
    write(folder, "p.d.renamed.json", of("elsewhere"));

    let reading = read(folder).await.unwrap();

    assert_eq!(reading.problems.len(), 1, "{:?}", reading.problems);
    let detail = detail(&reading.problems, "p.d.copy");
    assert!(detail.contains("the schema of p.d.t"), "{detail}");
    assert_eq!(reading.tables.len(), 3);
}

#[tokio::test]
async fn what_is_no_regular_file_is_a_problem_and_never_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "p.d.good.json", ONE);
    let pipe = Command::new("mkfifo")
        .arg(folder.join("p.d.pipe.json"))
        .status();
    assert!(pipe.unwrap().success());
    let _socket = UnixListener::bind(folder.join("p.d.socket.json")).unwrap();
    std::fs::create_dir(folder.join("p.d.folder.json")).unwrap();
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, folder.join(name)).unwrap();
    link("/dev/zero", "p.d.device.json");
    link("nothing", "p.d.dangling.json");
    link("p.d.loop.json", "p.d.loop.json");
    link("p.d.good.json", "p.d.linked.json");

    let reading = read(folder).await.unwrap();

    for (table, reason) in [
        ("pipe", "it is a pipe"),
        ("socket", "a socket"),
        ("folder", "it is a folder"),
        ("device", "a device"),
        (
            "dangling",
            "it is a link to a file that does not exist: remove it",
        ),
        ("loop", "replace it by a regular file"),
    ] {
        let detail = detail(&reading.problems, &format!("p.d.{table}"));
        assert!(detail.contains(reason), "{table}: {detail}");
        assert!(detail.contains(&format!("p.d.{table}.json: ")), "{detail}");
    }
    let names: Vec<_> = reading.tables.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["p.d.good", "p.d.linked"]);
}

#[tokio::test]
async fn a_file_that_is_too_large_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "p.d.good.json", ONE);
    let large = std::fs::File::create(folder.join("p.d.large.json")).unwrap();
    large.set_len((16 << 20) + 1).unwrap();

    let reading = read(folder).await.unwrap();

    let detail = detail(&reading.problems, "p.d.large");
    assert!(detail.contains("larger than 16 MB"), "{detail}");
    assert!(detail.contains("remove it"), "{detail}");
}

#[tokio::test]
async fn if_no_file_can_be_read_the_error_counts_them_and_quotes_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "p.d.b.json", "[");
    let one = read(folder).await.unwrap_err().to_string();
    assert!(
        one.starts_with("the only schema file can't be read; p.d.b: "),
        "{one}"
    );
    assert!(one.contains("bq show"), "{one}");
    write(folder, "a.json", ONE);
    let two = read(folder).await.unwrap_err().to_string();
    assert!(
        two.starts_with("none of 2 schema files can be read; the first is a.json: "),
        "{two}"
    );
}
