# A network with one fixed address to the outside, for hosts that admit only known addresses. The services with a
# database join it, and everything that they send leaves through it.
resource "google_compute_network" "this" {
  count = var.nat ? 1 : 0

  project                 = var.project
  name                    = var.name
  auto_create_subnetworks = false

  depends_on = [google_project_service.this]
}

resource "google_compute_subnetwork" "this" {
  count = var.nat ? 1 : 0

  project = var.project
  region  = var.region
  name    = var.name
  network = google_compute_network.this[0].id
  # An instance takes up to four addresses while a revision is replaced.
  ip_cidr_range            = "10.72.0.0/22"
  private_ip_google_access = true
}

resource "google_compute_address" "nat" {
  count = var.nat ? 1 : 0

  project = var.project
  region  = var.region
  name    = "${var.name}-nat"

  depends_on = [google_project_service.this]
}

resource "google_compute_router" "this" {
  count = var.nat ? 1 : 0

  project = var.project
  region  = var.region
  name    = var.name
  network = google_compute_network.this[0].id
}

resource "google_compute_router_nat" "this" {
  count = var.nat ? 1 : 0

  project                            = var.project
  region                             = var.region
  name                               = var.name
  router                             = google_compute_router.this[0].name
  nat_ip_allocate_option             = "MANUAL_ONLY"
  nat_ips                            = [google_compute_address.nat[0].id]
  source_subnetwork_ip_ranges_to_nat = "ALL_SUBNETWORKS_ALL_IP_RANGES"
}
