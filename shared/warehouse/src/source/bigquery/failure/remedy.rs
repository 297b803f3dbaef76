//! Remedies for denied access, by BigQuery's message: it names the missing permission, or the resource
//! that may not be read.

use super::super::subject::Subject;
use crate::error::Remedy;

/// The role with the missing permission, by what the message contains. The first match counts.
const ROLES: [(&str, &str); 12] = [
    ("bigquery.jobs.create", "roles/bigquery.jobUser"),
    (
        "serviceusage.services.use",
        "roles/serviceusage.serviceUsageConsumer",
    ),
    (
        "fineGrainedGet",
        "roles/datacatalog.categoryFineGrainedReader",
    ),
    ("policy tag", "roles/datacatalog.categoryFineGrainedReader"),
    ("bigquery.tables.getData", "roles/bigquery.dataViewer"),
    ("bigquery.tables.updateData", "roles/bigquery.dataEditor"),
    ("bigquery.routines.", "roles/bigquery.dataViewer"),
    ("bigquery.connections.", "roles/bigquery.connectionUser"),
    ("bigquery.tables.get", "roles/bigquery.metadataViewer"),
    ("bigquery.tables.list", "roles/bigquery.metadataViewer"),
    ("bigquery.datasets.get", "roles/bigquery.metadataViewer"),
    ("permission to query table", "roles/bigquery.dataViewer"),
];

/// What to do, as text and as a remedy.
pub(super) fn of_denial(message: &str, subject: Subject<'_>) -> (String, Option<Remedy>) {
    if message.contains("VPC Service Controls") || message.contains("vpcServiceControls") {
        let help = "a VPC Service Controls perimeter blocks it, and no role helps: allow it in the perimeter";
        return (help.to_owned(), None);
    }
    if message.contains("Drive credentials") {
        let help = "share the Google Drive file with the account that runs this";
        return (help.to_owned(), None);
    }
    let named = ROLES.iter().find(|(words, _)| message.contains(words));
    let role = match (named, subject) {
        (Some((_, role)), _) => *role,
        // A permission whose role is unknown.
        (None, _) if names_a_permission(message) => {
            return ("grant a role that has this permission".to_owned(), None);
        }
        (None, Subject::Jobs(_)) if message.contains("Access Denied: Table") => {
            "roles/bigquery.dataViewer"
        }
        (None, Subject::Jobs(_)) => {
            let help = "BigQuery's message is all that is known about what is missing";
            return (help.to_owned(), None);
        }
        (None, Subject::Dataset(_) | Subject::Table(..) | Subject::Query(_)) => {
            "roles/bigquery.metadataViewer"
        }
    };
    let project = match subject {
        Subject::Jobs(project) => project,
        Subject::Table(dataset, _) | Subject::Dataset(dataset) | Subject::Query(dataset) => {
            &dataset.project
        }
    };
    let on = match (role, subject) {
        ("roles/bigquery.jobUser" | "roles/serviceusage.serviceUsageConsumer", _) => {
            format!("project {project}")
        }
        ("roles/datacatalog.categoryFineGrainedReader", _) => "the policy tag".to_owned(),
        ("roles/bigquery.connectionUser", _) => "the connection".to_owned(),
        (_, Subject::Jobs(_)) => "its dataset".to_owned(),
        (_, Subject::Dataset(dataset) | Subject::Query(dataset) | Subject::Table(dataset, _)) => {
            format!("dataset {dataset}")
        }
    };
    let remedy = Remedy::Grant {
        role,
        project: project.to_owned(),
    };
    (format!("grant {role} on {on}"), Some(remedy))
}

/// Whether the message contains a permission, `service.resource.verb`.
fn names_a_permission(message: &str) -> bool {
    let is_part =
        |part: &str| part.len() > 2 && part.bytes().all(|byte| byte.is_ascii_alphabetic());
    message.contains("ermission")
        && message
            .split(|c: char| c.is_whitespace() || "()'\"`,:".contains(c))
            .map(|word| word.trim_end_matches('.'))
            .any(|word| {
                let parts: Vec<&str> = word.split('.').collect();
                parts.len() == 3
                    && parts[0].starts_with(|c: char| c.is_ascii_lowercase())
                    && parts.into_iter().all(is_part)
            })
}
