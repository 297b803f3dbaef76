//! A progress bar for terminals.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use schema_sync::run::{Progress, Run};

pub struct Bar(ProgressBar);

impl Bar {
    /// Draws on standard error, if that is a terminal.
    pub fn new() -> Self {
        let bar = if super::is_terminal() {
            ProgressBar::new(0)
        } else {
            ProgressBar::hidden()
        };
        let style = ProgressStyle::with_template("{spinner} {msg:<22} {wide_bar} {pos}/{len}");
        bar.set_style(style.expect("the template is well-formed"));
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    /// A run that advances this bar.
    pub fn run(&self) -> Run {
        let bar = self.0.clone();
        Run::with_progress(move |progress| {
            let (message, done, of) = match progress {
                Progress::Warehouse(warehouse::Progress::Listing {
                    datasets_done,
                    datasets,
                }) => ("listing datasets", datasets_done, datasets),
                Progress::Warehouse(warehouse::Progress::Reading {
                    tables_done,
                    tables,
                }) => ("reading tables", tables_done, tables),
                Progress::Describing {
                    batches_done,
                    batches,
                } => ("asking the LLM", batches_done, batches),
                Progress::Verifying {
                    examples_done,
                    examples,
                } => ("verifying examples", examples_done, examples),
                Progress::Storing => ("storing", 1, 1),
            };
            bar.set_message(message);
            bar.set_length(of as u64);
            bar.set_position(done as u64);
        })
    }

    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}
