# The way out of the database's network, for the functions that call an identity provider, a warehouse or a model.
# It costs money every hour, so it is a setting. One zone has it: if that zone fails, calls outside fail.
locals {
  nat = local.create_database && var.nat
}

check "nat" {
  assert {
    condition     = local.create_database || !var.nat
    error_message = "nat belongs to the network of the database that the setting database creates: without it, give a network whose subnets have a way out."
  }
}

resource "aws_internet_gateway" "this" {
  count = local.nat || length(local.operator_cidrs) > 0 ? 1 : 0

  vpc_id = aws_vpc.this[0].id
  tags   = { Name = var.name }
}

moved {
  from = aws_internet_gateway.operators
  to   = aws_internet_gateway.this
}

resource "aws_subnet" "nat" {
  count = local.nat ? 1 : 0

  vpc_id            = aws_vpc.this[0].id
  cidr_block        = cidrsubnet(local.cidr, 2, 2)
  availability_zone = data.aws_availability_zones.this[0].names[0]
  tags              = { Name = "${var.name}-nat" }
}

resource "aws_route_table" "nat" {
  count = local.nat ? 1 : 0

  vpc_id = aws_vpc.this[0].id
  tags   = { Name = "${var.name}-nat" }
}

resource "aws_route_table_association" "nat" {
  count = local.nat ? 1 : 0

  subnet_id      = aws_subnet.nat[0].id
  route_table_id = aws_route_table.nat[0].id
}

resource "aws_route" "nat_to_internet" {
  count = local.nat ? 1 : 0

  route_table_id         = aws_route_table.nat[0].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this[0].id
}

resource "aws_eip" "nat" {
  count = local.nat ? 1 : 0

  domain = "vpc"
  tags   = { Name = "${var.name}-nat" }

  depends_on = [aws_internet_gateway.this]
}

resource "aws_nat_gateway" "this" {
  count = local.nat ? 1 : 0

  allocation_id = aws_eip.nat[0].id
  subnet_id     = aws_subnet.nat[0].id
  tags          = { Name = var.name }

  depends_on = [aws_route.nat_to_internet, aws_route_table_association.nat]
}

resource "aws_route" "functions_to_internet" {
  count = local.nat ? 1 : 0

  route_table_id         = aws_route_table.this[0].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this[0].id
}

resource "aws_vpc_security_group_egress_rule" "functions_to_internet" {
  count = local.nat ? 1 : 0

  security_group_id = aws_security_group.functions[0].id
  description       = "HTTPS"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"
}
