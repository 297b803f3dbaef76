# The secrets, without values. You set these by hand (see the output next_steps), so they are not in the
# state. With keep_data, a deleted secret can be restored for a month: without its keys, data is unreadable.
resource "aws_secretsmanager_secret" "this" {
  for_each = var.secrets

  name                    = "${var.name}/${each.key}"
  description             = "${each.key} of ${var.name}"
  recovery_window_in_days = var.keep_data ? 30 : 0
}
