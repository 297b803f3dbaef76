# The rights on BigQuery by WAREHOUSE_URL: bigquery://project/dataset[,project.dataset].
locals {
  bigquery = try(regex("^bigquery://([^/]+)/(.+)$", var.variables.WAREHOUSE_URL), [null, ""])

  # The project that pays for queries and dry runs.
  billed_project = local.bigquery[0]

  datasets = {
    for name in compact(split(",", local.bigquery[1])) : name => {
      project = length(split(".", name)) == 2 ? split(".", name)[0] : local.billed_project
      name    = reverse(split(".", name))[0]
    }
  }

  uses_warehouse = [for name, it in local.functions : name if it.uses.warehouse]

  reads_datasets = merge([
    for function in local.uses_warehouse : {
      for key, dataset in local.datasets : "${function} ${key}" => merge(dataset, { function = function })
    }
  ]...)
}

# SQL counts as verified once BigQuery has planned it, which requires the right to read the data.
resource "google_bigquery_dataset_iam_member" "reads" {
  for_each = local.reads_datasets

  project    = each.value.project
  dataset_id = each.value.name
  role       = "roles/bigquery.dataViewer"
  member     = google_service_account.function[each.value.function].member
}

resource "google_project_iam_member" "queries" {
  for_each = toset(length(local.datasets) > 0 ? local.uses_warehouse : [])

  project = local.billed_project
  role    = "roles/bigquery.jobUser"
  member  = google_service_account.function[each.value].member
}
