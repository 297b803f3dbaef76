resource "google_cloud_run_v2_service" "this" {
  for_each = local.services

  project     = var.project
  location    = var.region
  name        = "${var.name}-${each.key}"
  description = each.value.description
  # Behind a load balancer, the address that it reports is that of the client only if there is no way around it. Schedules
  # and queues of the project count as internal.
  ingress = var.domain == null ? "INGRESS_TRAFFIC_ALL" : "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
  # The service holds no data.
  deletion_protection = false

  # The service authenticates the callers of its routes itself. A service without routes accepts only its
  # triggers.
  invoker_iam_disabled = length(each.value.routes) > 0
  custom_audiences     = [local.audiences[each.key]]

  template {
    service_account                  = google_service_account.function[each.key].email
    timeout                          = "${each.value.timeout_seconds}s"
    max_instance_request_concurrency = each.value.concurrency.requests

    scaling {
      min_instance_count = 0
      max_instance_count = each.value.concurrency.instances
    }

    dynamic "vpc_access" {
      for_each = each.value.uses.database ? google_compute_subnetwork.this : []

      content {
        egress = "ALL_TRAFFIC"

        network_interfaces {
          network    = vpc_access.value.network
          subnetwork = vpc_access.value.id
        }
      }
    }

    containers {
      image   = var.image
      command = ["/${each.key}"]

      resources {
        cpu_idle          = true
        startup_cpu_boost = true

        limits = {
          # With less than one CPU, Cloud Run allows one request at a time.
          cpu    = "1"
          memory = "${max(512, each.value.memory_mb)}Mi"
        }
      }

      ports {
        container_port = 8080
      }

      startup_probe {
        period_seconds    = 1
        timeout_seconds   = 1
        failure_threshold = 30

        http_get {
          path = "/healthz"
        }
      }

      liveness_probe {
        period_seconds    = 30
        timeout_seconds   = 5
        failure_threshold = 3

        http_get {
          path = "/healthz"
        }
      }

      dynamic "env" {
        for_each = local.environment[each.key]

        content {
          name  = env.key
          value = env.value
        }
      }

      # Cloud Run reads these before it starts the process.
      dynamic "env" {
        for_each = setintersection(local.reads[each.key], var.secrets)

        content {
          name = env.value

          value_source {
            secret_key_ref {
              secret  = google_secret_manager_secret.this[env.value].secret_id
              version = "latest"
            }
          }
        }
      }

      dynamic "volume_mounts" {
        for_each = local.sockets[each.key]

        content {
          name       = "cloudsql"
          mount_path = "/cloudsql"
        }
      }
    }

    dynamic "volumes" {
      for_each = local.sockets[each.key]

      content {
        name = "cloudsql"

        cloud_sql_instance {
          instances = [volumes.value]
        }
      }
    }
  }

  # Everything that a running service needs exists before it, and outlives it when the deployment is destroyed. A
  # revision whose account can't read its secrets doesn't start.
  depends_on = [
    google_bigquery_dataset_iam_member.reads,
    google_compute_router_nat.this,
    google_project_iam_member.database,
    google_project_iam_member.queries,
    google_project_service.this,
    google_secret_manager_secret_iam_member.function,
    google_sql_database.this,
    google_storage_bucket_iam_member.list,
    google_storage_bucket_iam_member.objects,
  ]
}

locals {
  # The audiences of the triggers' tokens, which must be known before the services have an address.
  audiences = { for name, it in local.functions : name => "${var.name}-${name}.events" }

  triggered = { for name, it in local.functions : name => it if length(it.schedules) + length(it.queues) > 0 }

  environment = {
    for name, reads in local.reads : name => merge(
      contains(reads, "PUBLIC_URL") ? { PUBLIC_URL = local.public_urls[name] } : {},
      # The load balancer adds its own address after the client's.
      var.domain != null && contains(reads, "FORWARDED_HOPS") ? { FORWARDED_HOPS = "2" } : {},
      { for variable, value in var.variables : variable => value if contains(reads, variable) },
      contains(local.uses_bucket, name) ? { BUCKET_URL = "gs://${google_storage_bucket.this.name}" } : {},
      # For the traces in the log.
      { GOOGLE_CLOUD_PROJECT = var.project },
      contains(keys(local.triggered), name) ? {
        AUTH_TRIGGER_ACCOUNT  = google_service_account.caller[name].email
        AUTH_TRIGGER_AUDIENCE = local.audiences[name]
      } : {},
    )
  }

  # The socket of the database, for the functions that use it.
  sockets = {
    for name, it in local.functions : name => it.uses.database ? google_sql_database_instance.this[*].connection_name : []
  }
}
