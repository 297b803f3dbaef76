//! The permissions that `terraform apply` needs for each type of resource in `infra/modules/gcp`, to create, read,
//! change and destroy it, and the predefined role that grants them.

/// The permissions for one type of resource.
pub struct Needed {
    pub resource: &'static str,
    pub role: &'static str,
    pub permissions: &'static [&'static str],
    /// What a deployment without such a resource doesn't use. None if every deployment has it.
    pub used_by: Option<Use>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// A setting of the module, and what it is for.
    Setting(&'static str),
    /// A warehouse in BigQuery: permissions on the projects of its datasets.
    Datasets,
    /// The same, on the project that pays for its queries.
    Queries,
}

const fn needed(
    resource: &'static str,
    role: &'static str,
    permissions: &'static [&'static str],
) -> Needed {
    Needed {
        resource,
        role,
        permissions,
        used_by: None,
    }
}

const fn with(
    used_by: Use,
    resource: &'static str,
    role: &'static str,
    permissions: &'static [&'static str],
) -> Needed {
    Needed {
        resource,
        role,
        permissions,
        used_by: Some(used_by),
    }
}

const DATABASE: Use = Use::Setting("a database of its own");
const DOMAIN: Use = Use::Setting("a domain");
const NAT: Use = Use::Setting("nat");

/// A service, a schedule and a subscription act as service accounts.
const ACT_AS: &[&str] = &["iam.serviceAccounts.actAs"];
const PROJECT_POLICY: &[&str] = &[
    "resourcemanager.projects.getIamPolicy",
    "resourcemanager.projects.setIamPolicy",
];

pub const NEEDED: &[Needed] = &[
    needed(
        "google_artifact_registry_repository",
        "roles/artifactregistry.admin",
        &[
            "artifactregistry.repositories.create",
            "artifactregistry.repositories.delete",
            "artifactregistry.repositories.get",
            "artifactregistry.repositories.update",
            // For the image, which the steps after apply push.
            "artifactregistry.repositories.uploadArtifacts",
        ],
    ),
    needed(
        "google_cloud_run_v2_service",
        "roles/run.admin",
        &[
            "run.operations.get",
            "run.services.create",
            "run.services.delete",
            "run.services.get",
            "run.services.update",
        ],
    ),
    needed(
        "google_cloud_run_v2_service",
        "roles/iam.serviceAccountUser",
        ACT_AS,
    ),
    needed(
        "google_cloud_run_v2_service_iam_member",
        "roles/run.admin",
        &["run.services.getIamPolicy", "run.services.setIamPolicy"],
    ),
    needed(
        "google_cloud_scheduler_job",
        "roles/cloudscheduler.admin",
        &[
            "cloudscheduler.jobs.create",
            "cloudscheduler.jobs.delete",
            "cloudscheduler.jobs.get",
            // For the first sync.
            "cloudscheduler.jobs.run",
            "cloudscheduler.jobs.update",
        ],
    ),
    needed(
        "google_cloud_scheduler_job",
        "roles/iam.serviceAccountUser",
        ACT_AS,
    ),
    needed(
        "google_monitoring_alert_policy",
        "roles/monitoring.alertPolicyEditor",
        &[
            "monitoring.alertPolicies.create",
            "monitoring.alertPolicies.delete",
            "monitoring.alertPolicies.get",
            "monitoring.alertPolicies.update",
        ],
    ),
    needed(
        "google_monitoring_notification_channel",
        "roles/monitoring.notificationChannelEditor",
        &[
            "monitoring.notificationChannels.create",
            "monitoring.notificationChannels.delete",
            "monitoring.notificationChannels.get",
            "monitoring.notificationChannels.update",
        ],
    ),
    needed(
        "google_project",
        "roles/browser",
        &["resourcemanager.projects.get"],
    ),
    needed(
        "google_project_iam_custom_role",
        "roles/iam.roleAdmin",
        &[
            "iam.roles.create",
            "iam.roles.delete",
            "iam.roles.get",
            "iam.roles.undelete",
            "iam.roles.update",
        ],
    ),
    with(
        DATABASE,
        "google_project_iam_member",
        "roles/resourcemanager.projectIamAdmin",
        PROJECT_POLICY,
    ),
    with(
        Use::Queries,
        "google_project_iam_member",
        "roles/resourcemanager.projectIamAdmin",
        PROJECT_POLICY,
    ),
    needed(
        "google_project_service",
        "roles/serviceusage.serviceUsageAdmin",
        &[
            "serviceusage.services.enable",
            "serviceusage.services.get",
            "serviceusage.services.list",
        ],
    ),
    needed(
        "google_pubsub_subscription",
        "roles/pubsub.admin",
        &[
            "pubsub.subscriptions.create",
            "pubsub.subscriptions.delete",
            "pubsub.subscriptions.get",
            "pubsub.subscriptions.update",
            "pubsub.topics.attachSubscription",
        ],
    ),
    needed(
        "google_pubsub_subscription",
        "roles/iam.serviceAccountUser",
        ACT_AS,
    ),
    needed(
        "google_pubsub_subscription_iam_member",
        "roles/pubsub.admin",
        &[
            "pubsub.subscriptions.getIamPolicy",
            "pubsub.subscriptions.setIamPolicy",
        ],
    ),
    needed(
        "google_pubsub_topic",
        "roles/pubsub.admin",
        &[
            "pubsub.topics.create",
            "pubsub.topics.delete",
            "pubsub.topics.get",
            "pubsub.topics.update",
        ],
    ),
    needed(
        "google_pubsub_topic_iam_member",
        "roles/pubsub.admin",
        &["pubsub.topics.getIamPolicy", "pubsub.topics.setIamPolicy"],
    ),
    needed(
        "google_secret_manager_secret",
        "roles/secretmanager.admin",
        &[
            "secretmanager.secrets.create",
            "secretmanager.secrets.delete",
            "secretmanager.secrets.get",
            "secretmanager.secrets.update",
            // For the values, which the steps after apply store.
            "secretmanager.versions.add",
        ],
    ),
    needed(
        "google_secret_manager_secret_iam_member",
        "roles/secretmanager.admin",
        &[
            "secretmanager.secrets.getIamPolicy",
            "secretmanager.secrets.setIamPolicy",
        ],
    ),
    needed(
        "google_service_account",
        "roles/iam.serviceAccountAdmin",
        &[
            "iam.serviceAccounts.create",
            "iam.serviceAccounts.delete",
            "iam.serviceAccounts.get",
            "iam.serviceAccounts.update",
        ],
    ),
    with(
        DATABASE,
        "google_sql_database",
        "roles/cloudsql.admin",
        &[
            "cloudsql.databases.create",
            "cloudsql.databases.delete",
            "cloudsql.databases.get",
            "cloudsql.databases.update",
        ],
    ),
    with(
        DATABASE,
        "google_sql_database_instance",
        "roles/cloudsql.admin",
        &[
            "cloudsql.instances.create",
            "cloudsql.instances.delete",
            "cloudsql.instances.get",
            "cloudsql.instances.update",
        ],
    ),
    needed(
        "google_storage_bucket",
        "roles/storage.admin",
        &[
            "storage.buckets.create",
            "storage.buckets.delete",
            "storage.buckets.get",
            "storage.buckets.update",
        ],
    ),
    needed(
        "google_storage_bucket_iam_member",
        "roles/storage.admin",
        &[
            "storage.buckets.getIamPolicy",
            "storage.buckets.setIamPolicy",
        ],
    ),
    with(
        Use::Datasets,
        "google_bigquery_dataset_iam_member",
        "roles/bigquery.dataOwner",
        &[
            "bigquery.datasets.get",
            "bigquery.datasets.getIamPolicy",
            "bigquery.datasets.setIamPolicy",
            "bigquery.datasets.update",
        ],
    ),
    with(
        DOMAIN,
        "google_compute_backend_service",
        "roles/compute.loadBalancerAdmin",
        &[
            "compute.backendServices.create",
            "compute.backendServices.delete",
            "compute.backendServices.get",
            "compute.backendServices.update",
            "compute.backendServices.use",
            "compute.regionNetworkEndpointGroups.use",
        ],
    ),
    with(
        DOMAIN,
        "google_compute_global_address",
        "roles/compute.loadBalancerAdmin",
        &[
            "compute.globalAddresses.create",
            "compute.globalAddresses.delete",
            "compute.globalAddresses.get",
            "compute.globalAddresses.use",
        ],
    ),
    with(
        DOMAIN,
        "google_compute_global_forwarding_rule",
        "roles/compute.loadBalancerAdmin",
        &[
            "compute.globalForwardingRules.create",
            "compute.globalForwardingRules.delete",
            "compute.globalForwardingRules.get",
            "compute.globalForwardingRules.setLabels",
        ],
    ),
    with(
        DOMAIN,
        "google_compute_managed_ssl_certificate",
        "roles/compute.loadBalancerAdmin",
        &[
            "compute.sslCertificates.create",
            "compute.sslCertificates.delete",
            "compute.sslCertificates.get",
        ],
    ),
    with(
        DOMAIN,
        "google_compute_region_network_endpoint_group",
        "roles/compute.loadBalancerAdmin",
        &[
            "compute.regionNetworkEndpointGroups.create",
            "compute.regionNetworkEndpointGroups.delete",
            "compute.regionNetworkEndpointGroups.get",
            "compute.regionNetworkEndpointGroups.use",
        ],
    ),
    with(
        DOMAIN,
        "google_compute_ssl_policy",
        "roles/compute.loadBalancerAdmin",
        &[
            "compute.sslPolicies.create",
            "compute.sslPolicies.delete",
            "compute.sslPolicies.get",
            "compute.sslPolicies.update",
            "compute.sslPolicies.use",
        ],
    ),
    with(
        DOMAIN,
        "google_compute_target_https_proxy",
        "roles/compute.loadBalancerAdmin",
        &[
            "compute.targetHttpsProxies.create",
            "compute.targetHttpsProxies.delete",
            "compute.targetHttpsProxies.get",
            "compute.targetHttpsProxies.update",
            "compute.targetHttpsProxies.use",
        ],
    ),
    with(
        DOMAIN,
        "google_compute_url_map",
        "roles/compute.loadBalancerAdmin",
        &[
            "compute.urlMaps.create",
            "compute.urlMaps.delete",
            "compute.urlMaps.get",
            "compute.urlMaps.update",
            "compute.urlMaps.use",
        ],
    ),
    with(
        NAT,
        "google_compute_address",
        "roles/compute.networkAdmin",
        &[
            "compute.addresses.create",
            "compute.addresses.delete",
            "compute.addresses.get",
            "compute.addresses.setLabels",
            "compute.addresses.use",
        ],
    ),
    with(
        NAT,
        "google_compute_network",
        "roles/compute.networkAdmin",
        &[
            "compute.networks.create",
            "compute.networks.delete",
            "compute.networks.get",
            "compute.networks.updatePolicy",
            "compute.networks.use",
        ],
    ),
    with(
        NAT,
        "google_compute_router",
        "roles/compute.networkAdmin",
        &[
            "compute.routers.create",
            "compute.routers.delete",
            "compute.routers.get",
            "compute.routers.update",
        ],
    ),
    with(
        NAT,
        "google_compute_router_nat",
        "roles/compute.networkAdmin",
        &[
            "compute.routers.create",
            "compute.routers.delete",
            "compute.routers.get",
            "compute.routers.update",
        ],
    ),
    with(
        NAT,
        "google_compute_subnetwork",
        "roles/compute.networkAdmin",
        &[
            "compute.subnetworks.create",
            "compute.subnetworks.delete",
            "compute.subnetworks.get",
            "compute.subnetworks.update",
            "compute.subnetworks.use",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::cli::doctor::modules::types_in;

    #[test]
    fn every_type_of_resource_in_the_modules_has_its_permissions_and_no_other_type_is_listed() {
        let listed: BTreeSet<String> = NEEDED.iter().map(|it| it.resource.to_owned()).collect();
        assert_eq!(listed, types_in("gcp"));
    }

    #[test]
    fn a_permission_names_a_service_a_resource_and_a_verb() {
        for needed in NEEDED {
            assert!(needed.role.starts_with("roles/"), "{}", needed.role);
            for permission in needed.permissions {
                assert_eq!(permission.split('.').count(), 3, "{permission}");
            }
        }
    }
}
