//! `metasync stats`: one roll-up, or a recount of everything.

use std::io::Write as _;

use platform::plural::counted;
use platform::{Env, Resources};
use stats_batch::{Stats, rebuild, roll_up};

use super::print_json;

pub async fn run(env: &Env, is_rebuild: bool, json: bool) -> anyhow::Result<()> {
    let stats = Stats::open(&Resources::new(env.clone()))?;
    if is_rebuild {
        let rebuilt = rebuild::run(&stats).await?;
        if json {
            return print_json(&rebuilt);
        }
        writeln!(
            std::io::stdout(),
            "recounted {} of {}; corrected {}",
            counted(rebuilt.conversations, "conversation"),
            counted(rebuilt.robeings, "robeing"),
            counted(rebuilt.changed, "row")
        )?;
        return Ok(());
    }
    let rolled_up = roll_up::run(&stats).await?;
    if json {
        return print_json(&rolled_up);
    }
    let rest = if rolled_up.complete {
        ""
    } else {
        "; more is left, or another run is in progress"
    };
    writeln!(
        std::io::stdout(),
        "rolled up {} of {}{rest}",
        counted(rolled_up.rows, "row"),
        counted(rolled_up.robeings, "robeing")
    )?;
    Ok(())
}
