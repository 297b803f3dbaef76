//! What the keys of `PRIVACY_KEY` are needed for, so that an old one can be removed after a rotation.

use platform::Resources;
use privacy::Privacy;
use privacy::rotate::{self, Usages};

use super::given::Given;
use super::report::{Outcome, failed, fine, hint, skipped};

const KEY: &str = "PRIVACY_KEY";

pub async fn check(resources: &Resources) -> Outcome {
    let env = resources.env();
    let needed = ["PRIVACY_KEY", "DATABASE_URL", "BUCKET_URL"];
    if let Some(missing) = needed.into_iter().find(|name| env.get(name).is_none()) {
        return skipped(format!("{missing} is not set"));
    }
    let privacy = match Privacy::open(resources) {
        Ok(privacy) => privacy,
        Err(error) => return failed(format!("{error:#}"), Given::of(env, KEY).edit()),
    };
    match rotate::usages(&privacy).await {
        Ok(usages) => outcome(&usages, &Given::of(env, KEY)),
        Err(error) => failed(format!("{error:#}"), "metasync migrate"),
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
    if let Some(fault) = &usages.fault {
        return failed(fault.clone(), append);
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
    hint(
        format!(
            "nothing needs key {} of PRIVACY_KEY: remove it if it is an old one, or put it first if it is new",
            unused.join(" and ")
        ),
        key.set(&format!(
            "\"$(printf %s \"{value}\" | cut -d, -f{})\"",
            kept.join(",")
        )),
    )
}
