# Messages for the functions that take them from a queue. One that fails comes again, later and
# later, and after so many times it lies in the dead letters.
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

# Without a subscription a dead letter is gone at once.
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
  ack_deadline_seconds       = min(600, max(10, local.functions[each.key].timeout_seconds))
  message_retention_duration = "604800s"

  expiration_policy {
    ttl = ""
  }

  push_config {
    push_endpoint = "${google_cloud_run_v2_service.this[each.key].uri}/events/${each.key}"

    oidc_token {
      service_account_email = google_service_account.caller[each.key].email
      audience              = local.audiences[each.key]
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

# Pub/Sub itself moves what failed, as its own account.
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
