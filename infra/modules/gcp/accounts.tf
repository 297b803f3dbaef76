# One service account per function, with exactly the rights of its entry in the catalogue, and one that may
# call its triggers.
resource "google_service_account" "function" {
  for_each = local.functions

  project      = var.project
  account_id   = "${var.name}-${each.key}"
  display_name = "${var.name}: ${each.key}"
  description  = each.value.description

  depends_on = [google_project_service.this]
}

resource "google_service_account" "caller" {
  for_each = local.triggered

  project      = var.project
  account_id   = "${var.name}-${each.key}-call"
  display_name = "${var.name}: runs ${each.key}"
  description  = "Schedules and queues call ${each.key} with its token"

  depends_on = [google_project_service.this]
}

# For services without public routes.
resource "google_cloud_run_v2_service_iam_member" "caller" {
  for_each = { for name, it in local.services : name => it if contains(keys(local.triggered), name) && length(it.routes) == 0 }

  project  = var.project
  location = var.region
  name     = google_cloud_run_v2_service.this[each.key].name
  role     = "roles/run.invoker"
  member   = google_service_account.caller[each.key].member
}

# Google's predefined roles for objects grant more than a function needs.
resource "google_project_iam_custom_role" "objects" {
  for_each = {
    read = { title = "read objects", permissions = ["storage.objects.get"] }
    # Overwriting an object deletes the previous one.
    write = { title = "write objects", permissions = ["storage.objects.create", "storage.objects.delete"] }
    # Without it, Google returns 403 for objects that don't exist.
    list = { title = "tell missing objects", permissions = ["storage.objects.list"] }
  }

  project     = var.project
  role_id     = "${replace(var.name, "-", "_")}_${each.key}"
  title       = "${var.name}: ${each.value.title}"
  description = "For the functions of ${var.name} that use its bucket"
  permissions = each.value.permissions

  depends_on = [google_project_service.this]
}

locals {
  # The prefixes that each function reads, and those that it writes, which includes deletion.
  grants = merge([
    for name, it in local.functions : merge(
      { for prefix in it.uses.bucket.read : "${name} read ${prefix}" => { name = name, role = "read", prefix = prefix } },
      { for prefix in setunion(it.uses.bucket.write, it.uses.bucket.delete) : "${name} write ${prefix}" => { name = name, role = "write", prefix = prefix } },
    )
  ]...)
}

resource "google_storage_bucket_iam_member" "objects" {
  for_each = local.grants

  bucket = google_storage_bucket.this.name
  role   = google_project_iam_custom_role.objects[each.value.role].name
  member = google_service_account.function[each.value.name].member

  condition {
    title      = "below ${each.value.prefix}"
    expression = "resource.name.startsWith(\"projects/_/buckets/${google_storage_bucket.this.name}/objects/${each.value.prefix}\")"
  }
}

resource "google_storage_bucket_iam_member" "list" {
  for_each = toset(local.uses_bucket)

  bucket = google_storage_bucket.this.name
  role   = google_project_iam_custom_role.objects["list"].name
  member = google_service_account.function[each.value].member
}

resource "google_project_iam_member" "database" {
  for_each = toset(var.database == null ? [] : local.uses_database)

  project = var.project
  role    = "roles/cloudsql.client"
  member  = google_service_account.function[each.value].member
}
