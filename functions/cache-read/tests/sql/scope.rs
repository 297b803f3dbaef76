//! Only queries within the caller's datasets reach the warehouse, and no answer names anything else.

use kit::Reply;
use schema::document::TableKind;
use serde_json::{Value, json};

use super::story::{GOOD, Story, query, told};
use crate::common::orders;

#[tokio::test]
async fn only_a_single_select_within_the_callers_datasets_reaches_the_warehouse() {
    for sql in [
        "delete from `p.shop.orders` where true",
        "insert into `p.shop.orders` (id) values ('1')",
        "update `p.shop.orders` set id = '1' where true",
        "merge `p.shop.orders` o using `p.shop.customers` c on o.id = c.id when matched then delete",
        "truncate table `p.shop.orders`",
        "drop table `p.shop.orders`",
        "create table `p.shop.t` as select 1 as n",
        "grant `roles/x` on schema `p.shop` to 'user:a'",
        "export data options (uri = 'gs://b/*') as select id from `p.shop.orders`",
        "declare n int64; set n = 1; select n",
        "begin select 1; end",
        "execute immediate 'select 1'",
        "call `p.shop.procedure`()",
        "select id from `p.shop.orders`; select id from `p.shop.customers`",
        "select id from `p.shop.orders`; drop table `p.shop.orders`",
        "select salary from `p.hr.people`",
        "select id from `p.shop.orders` where id in (select id from `p.hr.people`)",
        "select salary from people",
        "select table_name from `p.hr.INFORMATION_SCHEMA.TABLES`",
        "select * from `p.*`",
        "select id from `q.other.orders`",
        "select * from external_query('p.eu.connection', 'select 1')",
        "select * from ml.predict(model `p.hr.m`, table `p.shop.orders`)",
        "select * from ml.predict(model `p.shop.m`, table `p.hr.people`)",
        "select ml.predict(1) from `p.shop.orders`",
        "select ai.generate('x') from `p.shop.orders`",
        "select query from `region-us`.INFORMATION_SCHEMA.JOBS",
        "select table_name from `p.region-us.INFORMATION_SCHEMA.TABLES`",
        "select * from `p.shop.__TABLES__`",
        "select * from appends(table `p.hr.people`)",
        "select * from vector_search(table `p.hr.people`, 'e', (select 1))",
        "select session_user() from `p.shop.orders`",
        "values (1)",
        "select 1 union all values (1)",
        "from `p.hr.people`",
        "from `p.shop.orders` |> join `p.hr.people` using (id)",
        "",
    ] {
        let story = Story::with([query(sql), query(sql)]).await;
        let answer = told(&story.ask_as("p.shop").await);
        assert_eq!(answer["kind"], "cannot_answer", "{sql}");
        assert_eq!(answer["sql"], Value::Null);
        assert_eq!(story.dry_runs(), 0, "{sql}");
    }
}

#[tokio::test]
async fn sql_that_parser_and_bigquery_read_differently_never_reaches_the_warehouse() {
    for sql in [
        "select id from `p.shop.orders` -- x\runion all select cast(salary as string) from `p.hr.people`",
        "select id from `p.shop.orders` # x\r; drop table `p.shop.orders`",
        "select id from `p.shop.orders` -- x\u{2028}union all select salary from `p.hr.people`",
        r"select r'\' as a, ' , salary from `p.hr.people` -- ' as x from `p.shop.orders`",
        r"select b'\' as a, ' , salary from `p.hr.people` -- ' as x from `p.shop.orders`",
        r#"select r"\" as a, " , salary from `p.hr.people` -- " as x from `p.shop.orders`"#,
        r"select z.x from (select id as `a\`, ' `, 1 as x, salary from `p.hr.people`) as z -- ' as x from `p.shop.orders`) as z",
        "select id /* /* */ , salary from `p.hr.people` -- */ from `p.shop.orders`",
        "select @@x' , salary from `p.hr.people` -- ' from `p.shop.orders`",
        "select id from `p.shop.orders` |> union all (select salary from `p.hr.people`)",
        "select id from `p.shop.orders` -- a comment",
        "select id from `p.shop.orders` /* a comment */",
        "# a comment\nselect id from `p.shop.orders`",
    ] {
        let story = Story::with([query(sql), query(sql)]).await;
        let answer = told(&story.ask_as("p.shop").await);
        assert_eq!(answer["kind"], "cannot_answer", "{sql:?}");
        assert_eq!(answer["tables"], json!([]), "{sql:?}");
        assert_eq!(story.dry_runs(), 0, "{sql:?}");
    }
}

#[tokio::test]
async fn a_query_whose_dry_run_is_not_a_select_or_reads_another_dataset_is_refused() {
    for (kind, reads) in [
        ("SCRIPT", &["p.shop.orders"][..]),
        ("DROP_TABLE", &[]),
        ("SELECT", &["p.shop.orders", "p.hr.people"]),
        ("SELECT", &["p.shop.orders", "q.shop.orders"]),
        ("SELECT", &["p.shop.orders", "p.unknown.secrets"]),
    ] {
        for datasets in ["p.shop", "p.shop,p.hr"] {
            let story = Story::with([query(GOOD), query(GOOD)]).await;
            story.bigquery.plan_as(GOOD, kind, reads);
            let answer = told(&story.ask_as(datasets).await);
            assert_eq!(answer["kind"], "cannot_answer", "{kind} {reads:?}");
            assert_eq!((&answer["sql"], story.dry_runs()), (&Value::Null, 2));
            let words =
                answer["reason"].as_str().unwrap().to_owned() + &story.model.requests()[1].user;
            for hidden in ["p.hr", "people", "q.shop", "secrets"] {
                let is_told = words.contains(hidden);
                assert!(!is_told || datasets.contains("hr"), "{words}");
            }
        }
    }
    let story = Story::with([query(GOOD)]).await;
    story
        .bigquery
        .plan_as(GOOD, "SELECT", &["p.shop.orders", "p.shop.orders_by_day"]);
    assert_eq!(told(&story.ask_as("p.shop").await)["sql"], GOOD);
}

#[tokio::test]
async fn a_view_may_read_tables_out_of_scope() {
    let mut document = orders();
    document.tables[2].kind = TableKind::View;
    let story = Story::with([query(GOOD)]).await;
    story.store.sync(&crate::common::sealed(document)).await;
    story.bigquery.plan_as(GOOD, "SELECT", &["p.hr.people"]);
    let answer = told(&story.ask_as("p.shop").await);
    assert_eq!(answer["tables"], json!(["p.shop.orders"]));
}

#[tokio::test]
async fn a_short_name_is_repaired_to_the_full_name() {
    for short in [
        "select count(*) as n from orders",
        "select count(*) as n from shop.orders",
        "select count(*) as n from `shop.orders`",
    ] {
        let story = Story::with([query(short), query(GOOD)]).await;
        let answer = told(&story.ask("how many orders?").await);
        assert_eq!(answer["sql"], GOOD);
        assert_eq!(story.dry_runs(), 1, "{short}");
        let repair = &story.model.requests()[1].user;
        assert!(repair.contains("is short for p.shop.orders"), "{repair}");
    }
}

#[tokio::test]
async fn prompt_repair_and_refusal_mention_nothing_out_of_scope() {
    let hidden = query("select salary from `p.hr.people`");
    let story = Story::with([hidden.clone(), hidden]).await;
    let reply = story.ask_as("p.shop").await;
    let unknown = query("select salary from `p.no.nobody`");
    let other = Story::with([unknown.clone(), unknown]).await;
    let other = other.ask_as("p.shop").await;

    let reason = |reply: &Reply| told(reply)["reason"].as_str().unwrap().to_owned();
    assert_eq!(
        reason(&reply).replace("p.hr.people", "it"),
        reason(&other).replace("p.no.nobody", "it")
    );
    let asked = story.model.requests();
    assert!(!asked[0].user.contains("p.hr") && !asked[0].user.contains("salary"));
}

#[tokio::test]
async fn warehouse_messages_about_hidden_names_reach_only_callers_who_may_see_them() {
    let sql = "select count(*) as n from `p.shop.orders` where id = 'hr.people'";
    for (datasets, told_so) in [("p.shop", false), ("p.shop,p.hr", true)] {
        let story = Story::with([query(sql), query(sql)]).await;
        story.bigquery.unknown_table("hr.people");

        let answer = told(&story.ask_as(datasets).await);

        let reason = answer["reason"].as_str().unwrap();
        assert_eq!(
            reason.contains("Not found: Table p:hr.people"),
            told_so,
            "{reason}"
        );
        let repair = &story.model.requests()[1].user;
        assert_eq!(
            repair.contains("Not found: Table p:hr.people"),
            told_so,
            "{repair}"
        );
        assert_eq!(story.dry_runs(), 2);
    }
}

#[tokio::test]
async fn a_short_name_that_may_refer_to_a_hidden_table_is_refused() {
    let mut document = orders();
    document
        .tables
        .push(crate::common::table("p.secret.orders", &["id"]));
    let sql = "select id from orders";
    let story = Story::with([query(sql), query(sql)]).await;
    story.store.sync(&crate::common::sealed(document)).await;

    let answer = told(&story.ask_as("p.shop").await);

    assert_eq!(answer["kind"], "cannot_answer");
    let reason = answer["reason"].as_str().unwrap();
    assert!(
        reason.contains("is short for p.shop.orders") && !reason.contains("secret"),
        "{reason}"
    );
    assert_eq!(story.dry_runs(), 0);
}

#[tokio::test]
async fn a_message_that_names_what_nobody_listed_is_replaced_by_its_kind_and_place() {
    let sql = "select count(*) as n from `p.shop.orders` where id = 'secret.vault'";
    for datasets in ["p.shop", "p.shop,p.hr"] {
        let story = Story::with([query(sql), query(sql)]).await;
        story.bigquery.unknown_table("secret.vault");

        let answer = told(&story.ask_as(datasets).await);

        let reason = answer["reason"].as_str().unwrap();
        assert_eq!(
            reason, "no valid query was found: the warehouse rejects the query",
            "{datasets}"
        );
        let repair = &story.model.requests()[1].user;
        assert!(!repair.contains("Not found"), "{repair}");
    }
}
