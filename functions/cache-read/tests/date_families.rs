//! Families whose shards are named only by a date, and families that views block.

use schema::document::{Document, Shards, Table, TableKind};
use schema::family;

use crate::common::{document, serving, table};

fn days(others: &[(&str, TableKind)]) -> Table {
    let mut shards = Shards {
        count: 31,
        first: "20240101".into(),
        last: "20240131".into(),
        ..Shards::default()
    };
    family::set_neighbors("*", &mut shards, others.iter().copied());
    Table {
        shards: Some(shards),
        ..table("p.day.*", &["type", "actor"])
    }
}

fn archive() -> Document {
    let mut latest = table("p.day.latest", &["type"]);
    latest.kind = TableKind::View;
    document(vec![days(&[("latest", TableKind::View)]), latest])
}

#[tokio::test]
async fn a_family_of_dates_is_found_by_its_name_and_by_its_end() {
    let (app, _) = serving(&archive()).await;
    for name in ["p.day.*", "day.*", "*", "p.day.%2A"] {
        let found = app.get(&format!("/v1/schema/tables/{name}")).await.json();
        assert_eq!(found["name"], "p.day.*", "{name}");
        assert_eq!(found["shards"]["blocked_by"][0], "latest");
        assert_eq!(found["shards"]["wildcard"], "2*");
    }
}

#[tokio::test]
async fn the_ddl_and_the_card_of_a_blocked_family_tell_what_to_read_instead() {
    let (app, _) = serving(&archive()).await;
    for format in ["ddl", "text"] {
        let path = format!("/v1/schema/tables/p.day.*?format={format}");
        let response = app.get(&path).await;
        let text = response.text();
        assert!(text.contains("because it also matches views"), "{text}");
        let instead = "latest; read `p.day.2*` instead, _TABLE_SUFFIX '0240101' to '0240131'";
        assert!(text.contains(instead), "{text}");
    }
}
