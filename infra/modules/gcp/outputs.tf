output "urls" {
  description = "The URL of each service. With a domain, only schedules and queues can call it."
  value       = { for name, service in google_cloud_run_v2_service.this : name => service.uri }
}

output "domain" {
  description = "The host of your own, and the address to which its A record must point."
  value = one([for address in google_compute_global_address.this : {
    name    = var.domain.name
    address = address.address
  }])
}

output "address" {
  description = "The address from which services with a database call hosts outside."
  value       = one(google_compute_address.nat[*].address)
}

output "bucket_url" {
  description = "BUCKET_URL of the deployment, for the command line."
  value       = "gs://${google_storage_bucket.this.name}"
}

output "functions" {
  description = "The service account of each function, and the one that may call its triggers."
  value = {
    for name, account in google_service_account.function : name => {
      account = account.email
      caller  = try(google_service_account.caller[name].email, null)
    }
  }
}

output "queues" {
  description = "The topics to which publishers send messages, by the function that they belong to."
  value = {
    for name, topic in google_pubsub_topic.messages : name => {
      topic        = topic.id
      dead_letters = google_pubsub_subscription.dead_letters[name].id
    }
  }
}

output "schedules" {
  description = "The schedules, by name."
  value       = { for name, job in google_cloud_scheduler_job.this : name => job.schedule }
}

output "secrets" {
  description = "The secret that holds each variable's value."
  value       = { for variable, secret in google_secret_manager_secret.this : variable => secret.id }
}

output "database" {
  description = "The connection name of the database, for the Cloud SQL proxy."
  value       = one(google_sql_database_instance.this[*].connection_name)
}

output "repository" {
  description = "The repository of the image."
  value       = local.repository
}

output "next_steps" {
  description = "The commands to run after apply."
  value = concat(
    [
      for variable, secret in google_secret_manager_secret.this :
      format("printf %%s \"$%s\" | gcloud secrets versions add %s --project %s --data-file -", variable, secret.secret_id, var.project)
    ],
    var.image == null ? [
      "gcloud auth configure-docker ${var.region}-docker.pkg.dev",
      "docker build --platform linux/amd64 --tag ${local.repository}/metasync . && docker push ${local.repository}/metasync",
      "echo \"image = \\\"$(docker inspect --format '{{index .RepoDigests 0}}' ${local.repository}/metasync)\\\"\" > infra/gcp/image.auto.tfvars",
      "terraform -chdir=infra/gcp apply",
    ] : [],
    length(local.uses_database) > 0 ? ["metasync migrate"] : [],
    # The first sync, which a schedule repeats.
    [
      for name in keys(local.schedules) : "gcloud scheduler jobs run ${var.name}-${name} --location ${var.region} --project ${var.project}"
      if endswith(name, "schema-sync-sync")
    ],
    ["metasync doctor --gcp"],
  )
}

locals {
  repository = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.this.repository_id}"
}
