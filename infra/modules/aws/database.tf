# A Postgres in a network of its own. The functions that use it join that network, from which they reach the
# database, the bucket and the secrets, and nothing else unless there is a NAT gateway (nat.tf).
data "aws_availability_zones" "this" {
  count = local.create_database ? 1 : 0
  state = "available"

  # Local zones and other zones that an account must opt in to have no RDS.
  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

locals {
  create_database = var.database != null

  database = {
    class            = try(var.database.class, "db.t4g.micro")
    storage_gb       = try(var.database.storage_gb, 20)
    version          = try(var.database.version, "16")
    highly_available = try(var.database.highly_available, false)
    operator_cidrs   = try(tolist(var.database.operator_cidrs), [])
  }

  operator_cidrs = local.database.operator_cidrs
  cidr           = "10.72.0.0/24"

  # The variables that make functions call an issuer.
  issuers = sort(setintersection(setunion(keys(var.variables), var.secrets), ["AUTH_ISSUER", "SIGN_IN_CLIENT_ID"]))

  # The network that each function joins, if any.
  networks = {
    for name, it in local.functions : name => !it.uses.database || (!local.create_database && var.network == null) ? null : (
      local.create_database ? {
        subnet_ids         = toset(aws_subnet.this[*].id)
        security_group_ids = toset([aws_security_group.functions[0].id])
        } : {
        subnet_ids         = toset(try(var.network.subnet_ids, []))
        security_group_ids = toset(try(var.network.security_group_ids, []))
      }
    )
  }
}

check "network" {
  assert {
    condition     = !(local.create_database && !var.nat && contains(local.names, "metasync"))
    error_message = "metasync as one function with a database in a private network reaches neither a warehouse nor a model outside: set nat, give DATABASE_URL and a network with a way out, or deploy the functions by themselves."
  }

  assert {
    condition     = !(local.create_database && !var.nat && length(local.uses_database) > 0 && length(local.issuers) > 0)
    error_message = "${join(" and ", local.issuers)} names an issuer, which functions with a database in a private network can't reach: set nat, or give DATABASE_URL and a network with a way out."
  }
}

resource "aws_vpc" "this" {
  count = local.create_database ? 1 : 0

  cidr_block           = local.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = { Name = var.name }
}

# The default group of the network, which nothing uses, allows no traffic.
resource "aws_default_security_group" "this" {
  count = local.create_database ? 1 : 0

  vpc_id = aws_vpc.this[0].id
}

resource "aws_subnet" "this" {
  count = local.create_database ? 2 : 0

  vpc_id            = aws_vpc.this[0].id
  cidr_block        = cidrsubnet(local.cidr, 2, count.index)
  availability_zone = data.aws_availability_zones.this[0].names[count.index]
  tags              = { Name = "${var.name}-${count.index}" }
}

resource "aws_route_table" "this" {
  count = local.create_database ? 1 : 0

  vpc_id = aws_vpc.this[0].id
  tags   = { Name = var.name }
}

resource "aws_route_table_association" "this" {
  count = local.create_database ? 2 : 0

  subnet_id      = aws_subnet.this[count.index].id
  route_table_id = aws_route_table.this[0].id
}

# For operators who run migrations from outside. Functions have no public address, so the gateway gives them no way
# out.
resource "aws_route" "operators" {
  for_each = toset(local.operator_cidrs)

  route_table_id         = aws_route_table.this[0].id
  destination_cidr_block = each.value
  gateway_id             = aws_internet_gateway.this[0].id
}

resource "aws_vpc_endpoint" "s3" {
  count = local.create_database ? 1 : 0

  vpc_id            = aws_vpc.this[0].id
  service_name      = "com.amazonaws.${data.aws_region.this.id}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [aws_route_table.this[0].id]
}

resource "aws_vpc_endpoint" "secrets" {
  count = local.create_database ? 1 : 0

  vpc_id              = aws_vpc.this[0].id
  service_name        = "com.amazonaws.${data.aws_region.this.id}.secretsmanager"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  # One is enough, and each one costs money every hour.
  subnet_ids         = [aws_subnet.this[0].id]
  security_group_ids = [aws_security_group.endpoints[0].id]
}

resource "aws_security_group" "functions" {
  count = local.create_database ? 1 : 0

  name        = "${var.name}-functions"
  description = "The functions of ${var.name} that use the database"
  vpc_id      = aws_vpc.this[0].id
  tags        = { Name = "${var.name}-functions" }
}

resource "aws_vpc_security_group_egress_rule" "functions_to_database" {
  count = local.create_database ? 1 : 0

  security_group_id            = aws_security_group.functions[0].id
  description                  = "Postgres"
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
  referenced_security_group_id = aws_security_group.database[0].id
}

resource "aws_vpc_security_group_egress_rule" "functions_to_endpoints" {
  count = local.create_database ? 1 : 0

  security_group_id            = aws_security_group.functions[0].id
  description                  = "Secrets Manager"
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
  referenced_security_group_id = aws_security_group.endpoints[0].id
}

resource "aws_vpc_security_group_egress_rule" "functions_to_s3" {
  count = local.create_database ? 1 : 0

  security_group_id = aws_security_group.functions[0].id
  description       = "S3"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  prefix_list_id    = aws_vpc_endpoint.s3[0].prefix_list_id
}

resource "aws_security_group" "endpoints" {
  count = local.create_database ? 1 : 0

  name        = "${var.name}-endpoints"
  description = "Secrets Manager, for the functions of ${var.name}"
  vpc_id      = aws_vpc.this[0].id
  tags        = { Name = "${var.name}-endpoints" }
}

resource "aws_vpc_security_group_ingress_rule" "endpoints_from_functions" {
  count = local.create_database ? 1 : 0

  security_group_id            = aws_security_group.endpoints[0].id
  description                  = "The functions"
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
  referenced_security_group_id = aws_security_group.functions[0].id
}

resource "aws_security_group" "database" {
  count = local.create_database ? 1 : 0

  name        = "${var.name}-database"
  description = "The database of ${var.name}"
  vpc_id      = aws_vpc.this[0].id
  tags        = { Name = "${var.name}-database" }
}

resource "aws_vpc_security_group_ingress_rule" "database_from_functions" {
  count = local.create_database ? 1 : 0

  security_group_id            = aws_security_group.database[0].id
  description                  = "The functions"
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
  referenced_security_group_id = aws_security_group.functions[0].id
}

resource "aws_vpc_security_group_ingress_rule" "database_from_operators" {
  for_each = toset(local.operator_cidrs)

  security_group_id = aws_security_group.database[0].id
  description       = "An operator"
  ip_protocol       = "tcp"
  from_port         = 5432
  to_port           = 5432
  cidr_ipv4         = each.value
}

resource "aws_db_subnet_group" "this" {
  count = local.create_database ? 1 : 0

  name       = var.name
  subnet_ids = aws_subnet.this[*].id
}

# Connections require TLS.
resource "aws_db_parameter_group" "this" {
  count = local.create_database ? 1 : 0

  name   = var.name
  family = "postgres${local.database.version}"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }
}

resource "aws_db_instance" "this" {
  count = local.create_database ? 1 : 0

  identifier           = var.name
  engine               = "postgres"
  engine_version       = local.database.version
  instance_class       = local.database.class
  allocated_storage    = local.database.storage_gb
  storage_type         = "gp3"
  storage_encrypted    = true
  multi_az             = local.database.highly_available
  db_name              = "metasync"
  parameter_group_name = aws_db_parameter_group.this[0].name

  # AWS creates and rotates the owner's password and keeps it in a secret. It is not in the state.
  username                    = "owner"
  manage_master_user_password = true

  db_subnet_group_name   = aws_db_subnet_group.this[0].name
  vpc_security_group_ids = [aws_security_group.database[0].id]
  publicly_accessible    = length(local.operator_cidrs) > 0

  backup_retention_period    = 7
  copy_tags_to_snapshot      = true
  auto_minor_version_upgrade = true
  deletion_protection        = var.keep_data
  skip_final_snapshot        = !var.keep_data
  final_snapshot_identifier  = var.keep_data ? "${var.name}-last" : null
}
