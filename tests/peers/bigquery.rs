//! Reading from local-bigquery, an independent implementation of BigQuery's API, `INFORMATION_SCHEMA` and dry runs.

use std::sync::LazyLock;
use std::time::Duration;

use platform::{Env, Resources};
use schema::document::{Column, Mode, Table, TableKind};
use schema::sql_type::parse_column;
use schema::table_schema::TableField;
use serde_json::{Value, json};
use warehouse::source::bigquery::{BigQuery, Settings};
use warehouse::{Plan, Planned, Reading, Source as _, Usage};

use crate::server::{Server, is_skipped};

const PEER: &str = "local-bigquery";

static LOCAL: LazyLock<Server> =
    LazyLock::new(|| Server::start(PEER, "bin/serve", |port| vec![port.to_string()]));

/// The first query of a source reads policy tags, collations, rounding modes and defaults, which the peer's
/// `INFORMATION_SCHEMA` lacks. It is repeated without each of them.
const REFUSED: u64 = 4;

/// A project of one test, with the dataset `shop`.
struct Project {
    name: &'static str,
    http: reqwest::Client,
}

impl Project {
    /// None if the peer is not installed.
    async fn create(name: &'static str) -> Option<Self> {
        if is_skipped(PEER) {
            return None;
        }
        let resources = Resources::new(Env::default());
        let project = Self {
            name,
            http: resources.http().unwrap(),
        };
        let reference = json!({"datasetReference": {"projectId": name, "datasetId": "shop"}});
        project.post("datasets", reference).await;
        Some(project)
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let url = format!("{}/bigquery/v2/projects/{}/{path}", LOCAL.url(), self.name);
        let answer = self.http.post(url).json(&body).send().await.unwrap();
        let status = answer.status();
        let answer = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {answer}");
        serde_json::from_str(&answer).unwrap()
    }

    async fn sql(&self, sql: &str) {
        let body = json!({"query": sql, "useLegacySql": false});
        self.post("queries", body).await;
    }

    async fn table(&self, table: &str, fields: &Value) {
        let reference = json!({"projectId": self.name, "datasetId": "shop", "tableId": table});
        let body = json!({"tableReference": reference, "schema": {"fields": fields}});
        self.post("datasets/shop/tables", body).await;
    }

    /// Adds customers, their orders (nested, partitioned, clustered, with keys) and a view.
    async fn with_shop(self) -> Self {
        for sql in [
            r#"create table shop.customers (
                 id int64 not null options (description = 'the id'),
                 name string,
                 address struct<street string options (description = 'a "street"'), zip array<string>>,
                 primary key (id) not enforced)
               options (description = 'People "who" buy\nthings')"#,
            "create table shop.orders (
               id int64 not null, customer int64, at timestamp,
               items array<struct<sku string, price struct<amount float64, currency string>>>,
               primary key (id) not enforced,
               foreign key (customer) references shop.customers (id) not enforced)
             partition by date(at) cluster by customer options (require_partition_filter = true)",
            "create view shop.named as select id, name from shop.customers",
        ] {
            self.sql(sql).await;
        }
        self
    }

    fn source(&self, change: impl FnOnce(&mut Settings)) -> BigQuery {
        let env = Env::default()
            .with("WAREHOUSE_URL", format!("bigquery://{}/shop", self.name))
            .with("BIGQUERY_EMULATOR_HOST", LOCAL.url());
        let mut settings = Settings::from_env(&env).unwrap();
        settings.retries.first_backoff = Duration::from_millis(50);
        // A query can take seconds on a slow machine, and polling for its result would count as requests.
        settings.retries.timeout = Duration::from_secs(240);
        change(&mut settings);
        BigQuery::new(settings, self.http.clone())
    }

    async fn read(&self, known: &[Table]) -> (Reading, u64) {
        read(&self.source(|_| {}), known).await
    }

    async fn read_by_query(&self) -> (Reading, u64) {
        read(&self.source(|settings| settings.query_above = 0), &[]).await
    }
}

/// Returns the reading and the number of requests.
async fn read(source: &BigQuery, known: &[Table]) -> (Reading, u64) {
    let usage = Usage::default();
    let reading = source.read(known, &usage).await.unwrap();
    assert_eq!(reading.problems, []);
    (reading, usage.requests())
}

fn ga4() -> Vec<Column> {
    include_str!("../../functions/metasync/samples/ga4_events.txt")
        .lines()
        .map(|line| {
            let (name, data_type) = line.split_once(' ').expect("a name and a type");
            parse_column(name, data_type).unwrap()
        })
        .collect()
}

fn ga4_fields() -> Value {
    let fields: Vec<_> = ga4().into_iter().map(TableField::from).collect();
    serde_json::to_value(fields).unwrap()
}

fn paths(columns: &[Column]) -> usize {
    let below = columns.iter().map(|column| paths(&column.fields));
    columns.len() + below.sum::<usize>()
}

fn table<'a>(reading: &'a Reading, name: &str) -> &'a Table {
    let mut tables = reading.tables.iter();
    let found = tables.find(|table| table.name.rsplit('.').next() == Some(name));
    found.unwrap_or_else(|| panic!("no {name}"))
}

#[tokio::test]
async fn ga4_in_date_shards_is_one_family_with_all_108_paths() {
    let Some(project) = Project::create("ga4").await else {
        return;
    };
    for day in 1..=9 {
        let name = format!("events_2020110{day}");
        project.table(&name, &ga4_fields()).await;
    }
    project
        .table("events_intraday_20201110", &ga4_fields())
        .await;

    let (by_gets, requests) = project.read(&[]).await;
    let (by_query, queried) = project.read_by_query().await;

    let events = table(&by_gets, "events_*");
    assert_eq!(by_gets.tables.len(), 2);
    assert_eq!(events.columns, ga4());
    assert_eq!((events.columns.len(), paths(&events.columns)), (23, 108));
    let shards = events.shards.as_ref().unwrap();
    assert_eq!((shards.count, shards.versions.len()), (9, 1));
    assert_eq!(shards.siblings, ["events_intraday_*"]);
    let repeated = events.columns.iter().filter(|c| c.mode == Mode::Repeated);
    assert_eq!(repeated.count(), 3);
    assert_eq!(requests, 1 + 2 + 1);
    assert_eq!(by_query.tables, by_gets.tables);
    assert_eq!(queried, 2 + REFUSED);
}

#[tokio::test]
async fn gets_and_the_query_describe_nested_partitioned_and_keyed_tables_alike() {
    let Some(project) = Project::create("nested").await else {
        return;
    };
    let project = project.with_shop().await;

    let (by_gets, _) = project.read(&[]).await;
    let (by_query, _) = project.read_by_query().await;

    let orders = table(&by_gets, "orders");
    assert!(orders.require_partition_filter);
    assert_eq!(orders.partitioning.as_ref().unwrap().column, "at");
    assert_eq!(orders.clustering, ["customer"]);
    assert_eq!(orders.primary_key, ["id"]);
    assert_eq!(orders.foreign_keys[0].references, "nested.shop.customers");
    assert_eq!(orders.foreign_keys[0].referenced_columns, ["id"]);
    assert_eq!(orders.columns[3].mode, Mode::Repeated);
    assert_eq!(paths(&orders.columns), 8);
    assert_eq!(table(&by_gets, "named").kind, TableKind::View);
    let customers = table(&by_query, "customers");
    let description = customers.description.as_deref();
    assert_eq!(description, Some("People \"who\" buy\nthings"));
    // The peer has the rows and bytes of an empty table even where BigQuery has none.
    let sizeless = |reading: &Reading| -> Vec<Table> {
        let tables = reading.tables.iter().cloned();
        tables
            .map(|table| Table {
                rows: None,
                bytes: None,
                ..table
            })
            .collect()
    };
    assert_eq!(sizeless(&by_query), sizeless(&by_gets));
}

#[tokio::test]
async fn lengths_and_precisions_are_kept() {
    let Some(project) = Project::create("lengths").await else {
        return;
    };
    project
        .sql("create table shop.t (a string(10), b numeric(10, 2), c bytes(4))")
        .await;

    let (reading, _) = project.read(&[]).await;

    let types: Vec<_> = reading.tables[0]
        .columns
        .iter()
        .map(Column::sql_type)
        .collect();
    assert_eq!(types, ["STRING(10)", "NUMERIC(10, 2)", "BYTES(4)"]);
}

#[tokio::test]
async fn an_unchanged_dataset_costs_two_requests_and_an_altered_table_a_third() {
    let Some(project) = Project::create("altered").await else {
        return;
    };
    let project = project.with_shop().await;
    let (first, _) = project.read(&[]).await;

    let (unchanged, requests) = project.read(&first.tables).await;
    assert_eq!(unchanged.tables, first.tables);
    assert_eq!(requests, 2 + REFUSED);

    project
        .sql("alter table shop.customers add column email string")
        .await;
    let (altered, requests) = project.read(&unchanged.tables).await;
    assert_eq!(requests, 3 + REFUSED);
    let email = table(&altered, "customers").columns.last().unwrap();
    assert_eq!(
        (email.name.as_str(), email.data_type.as_str()),
        ("email", "STRING")
    );

    project.sql("drop view shop.named").await;
    project.sql("drop table shop.orders").await;
    let (dropped, requests) = project.read(&altered.tables).await;
    assert_eq!(requests, 2 + REFUSED);
    let names: Vec<_> = dropped
        .tables
        .iter()
        .map(|table| table.name.as_str())
        .collect();
    assert_eq!(names, ["altered.shop.customers"]);
}

#[tokio::test]
async fn gets_and_the_query_find_a_shard_with_another_schema() {
    let Some(project) = Project::create("drifted").await else {
        return;
    };
    for day in 1..=8 {
        let n = if day < 6 { "INTEGER" } else { "STRING" };
        let fields = json!([{"name": "n", "type": n}]);
        project.table(&format!("t_2021010{day}"), &fields).await;
    }

    let (by_gets, _) = project.read(&[]).await;
    let (by_query, _) = project.read_by_query().await;

    let versions = &by_gets.tables[0].shards.as_ref().unwrap().versions;
    assert_eq!(versions[1].first, "20210106");
    assert!(versions[1].changes[0].breaks_wildcard);
    assert_eq!(by_query.tables, by_gets.tables);
}

#[tokio::test]
async fn dry_runs_plan_wildcards_and_unnest_and_reject_unknown_names() {
    let Some(project) = Project::create("planned").await else {
        return;
    };
    let project = project.with_shop().await;
    for day in 1..=2 {
        project
            .table(&format!("events_2020110{day}"), &ga4_fields())
            .await;
    }
    let source = project.source(|_| {});
    let usage = Usage::default();

    for (sql, columns) in [
        (
            "select event_name, count(*) as n from `planned.shop.events_*`
             where _TABLE_SUFFIX between '20201101' and '20201102' group by event_name",
            vec![("event_name", "STRING"), ("n", "INT64")],
        ),
        (
            "select param.key, param.value.int_value as number
             from `planned.shop.events_*`, unnest(event_params) as param",
            vec![("key", "STRING"), ("number", "INT64")],
        ),
        (
            "select c.name from shop.orders as o join shop.customers as c on c.id = o.customer
             where o.at > timestamp '2021-01-01'",
            vec![("name", "STRING")],
        ),
    ] {
        match source.plan(sql, &usage).await.unwrap() {
            Plan::Accepted(Planned {
                verified, reads, ..
            }) => {
                assert!(
                    reads.iter().all(|it| it.table.project == "planned"),
                    "{reads:?}"
                );
                let found = verified.columns.iter();
                let found: Vec<_> = found
                    .map(|column| (column.name.as_str(), column.data_type.as_str()))
                    .collect();
                assert_eq!(found, columns, "{sql}");
                assert!(verified.bytes_processed.is_some());
            }
            Plan::Rejected(error) => panic!("{sql}: {error}"),
        }
    }
    for sql in [
        "select nme from shop.customers",
        "select address.town from shop.customers",
        "select 1 from shop.nowhere",
        "select from where",
    ] {
        let plan = source.plan(sql, &usage).await.unwrap();
        assert!(matches!(plan, Plan::Rejected(_)), "{sql}");
    }
}

#[tokio::test]
async fn a_missing_dataset_is_reported_as_a_problem() {
    let Some(project) = Project::create("missing").await else {
        return;
    };
    let project = project.with_shop().await;
    let source = project.source(|settings| {
        let mut gone = settings.datasets[0].clone();
        gone.name = "gone".to_owned();
        settings.datasets.push(gone);
    });

    let reading = source.read(&[], &Usage::default()).await.unwrap();

    assert_eq!(reading.tables.len(), 3);
    assert_eq!(reading.problems[0].subject, "missing.gone");
}
