//! The cost of an index: the time to build it, and its memory during and after. It is measured in a separate
//! process.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use cache_read::context::Index;
use schema::document::{Column, Document, Table};

use super::fixture::Fixture;
use super::{cpu_time, share};

/// With this argument the process only builds indexes; with [`KOREAN`], of wide tables described in Korean.
pub const ALONE: &str = "--memory";
pub const KOREAN: &str = "--korean";

const VOCABULARY: u64 = 3_000;
const BUILDS: usize = 5;
const KEPT: u64 = 8;

pub fn report(fixture: Option<&str>) -> anyhow::Result<()> {
    println!(
        "\n| index of | build p50, CPU time | kept each | peak while the first is built |\n| --- | --- | --- | --- |"
    );
    for korean in [false, true] {
        let mut command = std::process::Command::new(std::env::current_exe()?);
        command.arg(ALONE);
        if korean {
            command.arg(KOREAN);
        }
        if let Some(fixture) = fixture {
            command.args(["--fixture", fixture]);
        }
        ensure!(
            command.status()?.success(),
            "the measurement of memory failed"
        );
    }
    Ok(())
}

pub fn alone(fixture: &Fixture, korean: bool) -> anyhow::Result<()> {
    let document = if korean {
        Arc::new(described(&fixture.pooled))
    } else {
        Arc::clone(&fixture.pooled)
    };
    let build = || Index::build(Arc::clone(&document));
    // Resets the peak.
    std::fs::write("/proc/self/clear_refs", "5")?;
    let before = status("VmRSS:")?;
    let first = build();
    let peak = status("VmHWM:")?.saturating_sub(before);
    let kept: Vec<Index> = (0..KEPT).map(|_| build()).collect();
    let after = status("VmRSS:")?;
    let mut builds: Vec<Duration> = Vec::new();
    for _ in 0..BUILDS {
        let start = cpu_time();
        let _index = build();
        builds.push(cpu_time() - start);
    }
    builds.sort();
    let columns: usize = document
        .tables
        .iter()
        .map(|table| table.columns.len())
        .sum();
    println!(
        "| {} tables, {columns} columns at the top{} | {} ms | {:.1} MiB | {:.1} MiB |",
        document.tables.len(),
        if korean { ", described in Korean" } else { "" },
        builds[BUILDS / 2].as_millis(),
        share(usize::try_from(after.saturating_sub(before))?, 1024) / share(kept.len() + 1, 1),
        share(usize::try_from(peak)?, 1024),
    );
    drop(first);
    Ok(())
}

/// The same number of tables, with 60 columns each. Every column has its own Korean sentence from a vocabulary of
/// [`VOCABULARY`] words with realistic frequencies. The columns have 12,000 different names.
fn described(like: &Document) -> Document {
    let mut seed = 7_u64;
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % below
    };
    let syllables: Vec<char> = ('가'..='힣').step_by(28).collect();
    let syllable = |random: &mut dyn FnMut(u64) -> u64| {
        syllables[usize::try_from(random(syllables.len() as u64)).unwrap_or(0)]
    };
    let words: Vec<String> = (0..VOCABULARY)
        .map(|_| (0..3).map(|_| syllable(&mut random)).collect())
        .collect();
    let mut sentence = |length: usize| {
        let words: Vec<&str> = (0..length)
            .map(|_| {
                let most = 1 + random(VOCABULARY);
                words[usize::try_from(random(most)).unwrap_or(0)].as_str()
            })
            .collect();
        words.join(" ")
    };
    let mut document = like.clone();
    for (number, table) in document.tables.iter_mut().enumerate() {
        let columns = (0..60).map(|at| {
            let subject = ["order", "customer", "amount", "region"][at % 4];
            let mut column = Column::leaf(format!("{subject}_{at}_{}", number % 200), "STRING");
            column.description = Some(sentence(8));
            column
        });
        *table = Table {
            columns: columns.collect(),
            ..Table::new(table.parts.clone(), table.kind)
        };
        table.description = Some(sentence(12));
    }
    document
}

/// A value from the status of this process, in KiB.
fn status(name: &str) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let line = line.with_context(|| format!("no {name} in /proc/self/status"))?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
