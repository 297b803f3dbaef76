# The secrets, without values. You set these by hand (see the output next_steps), so they are not in the
# state.
resource "aws_secretsmanager_secret" "this" {
  for_each = var.secrets

  name                    = "${var.name}/${each.key}"
  description             = "${each.key} of ${var.name}"
  recovery_window_in_days = var.keep_data ? 7 : 0
}
