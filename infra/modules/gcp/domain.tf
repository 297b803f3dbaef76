# One host for all services, by a load balancer whose rules are the routes of the catalogue. Cookies belong to one host,
# so people sign in at this one. Without it, each service has the host that Cloud Run gives it.
locals {
  # The services behind the host.
  hosted = { for name, it in local.services : name => it if var.domain != null && length(it.routes) > 0 }

  public_urls = {
    for name in keys(local.functions) : name => (var.domain == null
      ? "https://${var.name}-${name}-${data.google_project.this.number}.${var.region}.run.app"
      : "https://${var.domain.name}"
    )
  }
}

module "routes" {
  source = "../routes"

  functions = { for name, it in local.hosted : name => it.routes }
}

resource "google_compute_global_address" "this" {
  count = var.domain == null ? 0 : 1

  project = var.project
  name    = var.name

  depends_on = [google_project_service.this]
}

resource "google_compute_region_network_endpoint_group" "this" {
  for_each = local.hosted

  project               = var.project
  region                = var.region
  name                  = "${var.name}-${each.key}"
  network_endpoint_type = "SERVERLESS"

  cloud_run {
    service = google_cloud_run_v2_service.this[each.key].name
  }
}

resource "google_compute_backend_service" "this" {
  for_each = local.hosted

  project               = var.project
  name                  = "${var.name}-${each.key}"
  description           = each.value.description
  protocol              = "HTTPS"
  load_balancing_scheme = "EXTERNAL_MANAGED"

  backend {
    group = google_compute_region_network_endpoint_group.this[each.key].id
  }
}

resource "google_compute_url_map" "this" {
  count = length(local.hosted) > 0 ? 1 : 0

  project         = var.project
  name            = var.name
  default_service = google_compute_backend_service.this[module.routes.default].id

  host_rule {
    hosts        = [var.domain.name]
    path_matcher = "routes"
  }

  path_matcher {
    name            = "routes"
    default_service = google_compute_backend_service.this[module.routes.default].id

    dynamic "route_rules" {
      for_each = [for rule in module.routes.rules : rule if rule.function != module.routes.default]

      content {
        priority = route_rules.key + 1
        service  = google_compute_backend_service.this[route_rules.value.function].id

        match_rules {
          full_path_match     = route_rules.value.full
          path_template_match = route_rules.value.template
        }
      }
    }
  }
}

# Google issues and renews it once the host leads to the address.
resource "google_compute_managed_ssl_certificate" "this" {
  count = var.domain == null ? 0 : 1

  project = var.project
  name    = "${var.name}-${substr(sha256(var.domain.name), 0, 8)}"

  managed {
    domains = [var.domain.name]
  }

  # A certificate in use can't be replaced.
  lifecycle {
    create_before_destroy = true
  }

  depends_on = [google_project_service.this]
}

resource "google_compute_ssl_policy" "this" {
  count = var.domain == null ? 0 : 1

  project         = var.project
  name            = var.name
  profile         = "MODERN"
  min_tls_version = "TLS_1_2"

  depends_on = [google_project_service.this]
}

resource "google_compute_target_https_proxy" "this" {
  count = length(google_compute_url_map.this)

  project          = var.project
  name             = var.name
  url_map          = google_compute_url_map.this[0].id
  ssl_certificates = [google_compute_managed_ssl_certificate.this[0].id]
  ssl_policy       = google_compute_ssl_policy.this[0].id
}

resource "google_compute_global_forwarding_rule" "this" {
  count = length(google_compute_url_map.this)

  project               = var.project
  name                  = var.name
  target                = google_compute_target_https_proxy.this[0].id
  ip_address            = google_compute_global_address.this[0].id
  port_range            = "443"
  load_balancing_scheme = "EXTERNAL_MANAGED"
}
