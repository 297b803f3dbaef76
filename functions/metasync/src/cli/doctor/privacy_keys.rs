//! What the keys of `PRIVACY_KEY` are needed for, so that an old one can be removed after a rotation.

use platform::Resources;
use privacy::Privacy;
use privacy::rotate::{self, Fault, Usages};

use super::given::{Given, filled_in};
use super::report::{Outcome, failed, fine, hint, skipped};
use super::{pending, psql, repair};

const KEY: &str = "PRIVACY_KEY";

pub async fn check(resources: &Resources) -> Outcome {
    let env = resources.env();
    let needed = ["PRIVACY_KEY", "DATABASE_URL", "BUCKET_URL"];
    if let Some(missing) = needed.into_iter().find(|name| env.get(name).is_none()) {
        return skipped(format!("{missing} is not set"));
    }
    let privacy = match Privacy::open(resources) {
        Ok(privacy) => privacy,
        Err(error) => return failed(format!("{error:#}"), repair::of(env, &error)),
    };
    match rotate::usages(&privacy).await {
        // No key repairs these: somebody changed the table.
        Ok(Usages {
            locked: 0,
            fault: Some(fault @ (Fault::Missing(_) | Fault::Changed(_))),
            ..
        }) => {
            let url = Given::of(env, "DATABASE_URL").value();
            let receipts = "select number, erasure_id, body from privacy.receipt order by number";
            failed(fault.to_string(), format!("psql \"{url}\" -c '{receipts}'"))
        }
        Ok(usages) => outcome(&usages, &Given::of(env, KEY)),
        Err(error) => {
            let lacks = pending(resources).await;
            let remedy = match lacks.is_ok_and(|pending| !pending.is_empty()) {
                true => "metasync migrate".to_owned(),
                false => psql(env, "'select 1'"),
            };
            failed(format!("{error:#}"), remedy)
        }
    }
}

fn outcome(usages: &Usages, key: &Given<'_>) -> Outcome {
    let value = key.value();
    // The shell refuses it while OLD_KEY is unset, so that no other text is appended.
    let append = key.set(&format!(
        "\"{value},${{OLD_KEY:?set it to the key that was removed}}\""
    ));
    if usages.locked > 0 {
        let locked = usages.locked;
        return failed(
            format!("the archive has {locked} keys that no key in PRIVACY_KEY can unwrap"),
            append,
        );
    }
    if let Some(fault) = usages.fault {
        return failed(fault.to_string(), append);
    }
    let unused = usages.unused();
    if unused.is_empty() {
        let [first, others @ ..] = &*usages.keys else {
            return fine("none");
        };
        let others: u64 = others.iter().map(|it| it.archive_keys + it.receipts).sum();
        return match others {
            0 => fine(format!(
                "the key opens {} keys of the archive and signed {} receipts",
                first.archive_keys, first.receipts
            )),
            _ => fine(format!(
                "older keys are needed for {others} keys of the archive and receipts, until the next daily run of privacy"
            )),
        };
    }
    let kept = (1..=usages.keys.len()).filter(|position| !unused.contains(position));
    let kept: Vec<String> = kept.map(|position| position.to_string()).collect();
    let unused: Vec<String> = unused.iter().map(usize::to_string).collect();
    let unused = unused.join(" and ");
    // Only the operator knows which key is the new one, and how long it has been first. Links of exports aren't counted.
    let is_old = filled_in(
        "OLD_FOR_A_DAY",
        &format!("yes if key {unused} is old, and another key has been first for a day"),
    );
    let keep = key.set(&format!(
        "\"$(printf %s \"{value}\" | cut -d, -f{})\"",
        kept.join(",")
    ));
    hint(
        format!(
            "no key of the archive and no receipt needs key {unused} of PRIVACY_KEY. If it is new, put it first. If it \
             is old, remove it once another key has been first for a day: until then, links of exports need it"
        ),
        format!(": {is_old} && {keep}"),
    )
}

#[cfg(test)]
mod tests {
    use privacy::rotate::Usage;

    use super::*;

    #[test]
    fn the_command_that_removes_an_unused_key_does_nothing_until_somebody_says_that_it_is_old() {
        let used = Usage {
            archive_keys: 1,
            receipts: 1,
        };
        let usages = Usages {
            keys: vec![used, Usage::default(), used],
            ..Usages::default()
        };
        let env = platform::Env::default();
        let Outcome::Hint { remedy, .. } = outcome(&usages, &Given::of(&env, KEY)) else {
            panic!("a hint");
        };
        let run = |variables: &[(&str, &str)]| {
            let script = format!("{remedy}\nprintf %s \"$PRIVACY_KEY\"");
            let mut shell = std::process::Command::new("sh");
            let shell = shell.args(["-c", &script]).env(KEY, "k1,k2,k3");
            let ended = shell.envs(variables.iter().copied()).output();
            let ended = ended.expect("sh");
            let printed = String::from_utf8(ended.stdout).expect("UTF-8");
            (ended.status.success(), printed)
        };
        assert_eq!(run(&[]), (false, String::new()));
        assert_eq!(run(&[("OLD_FOR_A_DAY", "yes")]), (true, "k1,k3".to_owned()));
    }
}
