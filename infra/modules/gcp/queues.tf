# Topics of the functions that have a queue. A message that fails is delivered again, after longer and
# longer pauses. After the configured number of attempts, it goes to the dead letters. `metasync`
# recognizes a subscription by its name.
resource "google_pubsub_topic" "messages" {
  for_each = local.queues

  project = var.project
  name    = "${var.name}-${each.key}"

  depends_on = [google_project_service.this]
}

resource "google_pubsub_topic" "dead_letters" {
  for_each = local.queues

  project = var.project
  name    = "${var.name}-${each.key}-dead-letters"

  depends_on = [google_project_service.this]
}

# Without a subscription, dead letters would be lost at once.
resource "google_pubsub_subscription" "dead_letters" {
  for_each = local.queues

  project                    = var.project
  name                       = "${var.name}-${each.key}-dead-letters"
  topic                      = google_pubsub_topic.dead_letters[each.key].id
  message_retention_duration = "1209600s"

  expiration_policy {
    ttl = ""
  }
}

resource "google_pubsub_subscription" "messages" {
  for_each = { for name, queue in local.queues : name => queue if var.image != null }

  project                    = var.project
  name                       = "${var.name}-${each.key}"
  topic                      = google_pubsub_topic.messages[each.key].id
  ack_deadline_seconds       = min(600, max(10, local.functions[each.value.consumer].timeout_seconds))
  message_retention_duration = "604800s"

  expiration_policy {
    ttl = ""
  }

  push_config {
    push_endpoint = "${google_cloud_run_v2_service.this[each.value.consumer].uri}/events/${each.value.consumer}"

    oidc_token {
      service_account_email = google_service_account.caller[each.value.consumer].email
      audience              = local.audiences[each.value.consumer]
    }
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead_letters[each.key].id
    max_delivery_attempts = max(5, each.value.receives)
  }
}

# Pub/Sub moves failed messages with its own service account.
locals {
  pubsub = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}

resource "google_pubsub_topic_iam_member" "dead_letters" {
  for_each = local.queues

  project = var.project
  topic   = google_pubsub_topic.dead_letters[each.key].name
  role    = "roles/pubsub.publisher"
  member  = local.pubsub
}

resource "google_pubsub_subscription_iam_member" "messages" {
  for_each = google_pubsub_subscription.messages

  project      = var.project
  subscription = each.value.name
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub
}
