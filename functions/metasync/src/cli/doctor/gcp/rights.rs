//! Whether the caller may do what `terraform apply` does, by the permissions that IAM says it has on the projects.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::Project;
use super::needed::{NEEDED, Needed, Use};
use crate::cli::doctor::report::{Outcome, Report, failed, fine, hint};

const CHECK: &str = "rights";
/// The number of permissions that IAM tests in one call.
const MOST: usize = 100;

impl Project<'_> {
    pub(super) async fn rights(&self, report: &mut Report) {
        let mut is_fine = true;
        for (project, needed) in self.wanted() {
            let permissions: BTreeSet<&str> = needed
                .iter()
                .flat_map(|it| it.permissions.iter().copied())
                .collect();
            let granted = match self.granted(&project, &permissions).await {
                Ok(granted) => granted,
                Err(outcome) => return report.add(CHECK, outcome),
            };
            for outcome in self.missing(&project, &needed, &granted) {
                is_fine &= !matches!(outcome, Outcome::Failed { .. });
                report.add(CHECK, outcome);
            }
        }
        if is_fine {
            report.add(CHECK, fine("enough to deploy"));
        }
    }

    /// What is needed on each project: that of the deployment, and those of the warehouse.
    fn wanted(&self) -> BTreeMap<String, Vec<&'static Needed>> {
        let mut wanted: BTreeMap<String, Vec<&Needed>> = BTreeMap::new();
        let (billed, datasets) = self.warehouse();
        for needed in NEEDED {
            let projects = match needed.used_by {
                None | Some(Use::Setting(_)) => vec![self.id.to_owned()],
                Some(Use::Datasets) => datasets.iter().cloned().collect(),
                Some(Use::Queries) => billed.iter().cloned().collect(),
            };
            for project in projects {
                wanted.entry(project).or_default().push(needed);
            }
        }
        wanted
    }

    /// The project that pays for queries, and those of the datasets. None without a warehouse in BigQuery.
    fn warehouse(&self) -> (Option<String>, BTreeSet<String>) {
        let url = self.env.get("WAREHOUSE_URL").unwrap_or_default();
        let place = url.strip_prefix("bigquery://").unwrap_or_default();
        let Some((billed, datasets)) = place.split_once('/') else {
            return (None, BTreeSet::new());
        };
        let of = |dataset: &str| match dataset.split_once('.') {
            Some((project, _)) => project.to_owned(),
            None => billed.to_owned(),
        };
        let datasets = datasets.split(',').filter(|it| !it.is_empty());
        (Some(billed.to_owned()), datasets.map(of).collect())
    }

    async fn granted(
        &self,
        project: &str,
        permissions: &BTreeSet<&str>,
    ) -> Result<BTreeSet<String>, Outcome> {
        let path = format!("/v1/projects/{project}:testIamPermissions");
        let permissions: Vec<&str> = permissions.iter().copied().collect();
        let mut granted = BTreeSet::new();
        for some in permissions.chunks(MOST) {
            let wanted = json!({ "permissions": some });
            let found = self.call("cloudresourcemanager", &path, Some(wanted));
            let found = found.await?;
            let found = found["permissions"].as_array().into_iter().flatten();
            granted.extend(found.filter_map(Value::as_str).map(str::to_owned));
        }
        Ok(granted)
    }

    /// One outcome per role that is missing.
    fn missing(
        &self,
        project: &str,
        needed: &[&Needed],
        granted: &BTreeSet<String>,
    ) -> Vec<Outcome> {
        // By role, first those that every deployment needs, then those of each setting.
        let mut roles: BTreeMap<(Option<&str>, &str), [BTreeSet<&str>; 2]> = BTreeMap::new();
        for it in needed {
            let setting = match it.used_by {
                Some(Use::Setting(setting)) => Some(setting),
                _ => None,
            };
            let lacking = it.permissions.iter().filter(|it| !granted.contains(**it));
            for permission in lacking {
                let [permissions, resources] = roles.entry((setting, it.role)).or_default();
                permissions.insert(permission);
                resources.insert(it.resource);
            }
        }
        let join = |names: BTreeSet<&str>| names.into_iter().collect::<Vec<_>>().join(", ");
        let missing = roles.into_iter().map(|((setting, role), lists)| {
            let verb = if lists[0].len() == 1 { "is" } else { "are" };
            let [permissions, resources] = lists.map(join);
            let detail = format!("{permissions} {verb} missing on {project}, for {resources}");
            let remedy = self.grant(project, role);
            if let Some(setting) = setting {
                return hint(format!("for {setting}, {detail}"), remedy);
            }
            failed(detail, remedy)
        });
        missing.collect()
    }

    /// The command that grants a role to the caller.
    pub(super) fn grant(&self, project: &str, role: &str) -> String {
        format!(
            "gcloud projects add-iam-policy-binding {project} --role {role} --member \"{}\"",
            self.member()
        )
    }

    /// The caller, in a policy: the service account of the key file, or the person.
    pub(super) fn member(&self) -> String {
        let file = self.env.get("GOOGLE_APPLICATION_CREDENTIALS");
        let text = file.and_then(|file| std::fs::read_to_string(file).ok());
        let key: Option<Value> = text.and_then(|text| serde_json::from_str(&text).ok());
        match key.as_ref().and_then(|key| key["client_email"].as_str()) {
            Some(account) => format!("serviceAccount:{account}"),
            None => "user:$(gcloud config get account)".to_owned(),
        }
    }
}
