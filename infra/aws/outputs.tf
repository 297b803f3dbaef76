output "url" {
  description = "The URL of the functions."
  value       = module.metasync.url
}

output "domain" {
  description = "The host of your own, and the host and hosted zone to which its CNAME or alias record must point."
  value       = module.metasync.domain
}

output "address" {
  description = "The address from which functions with a database call hosts outside, if there is a NAT gateway."
  value       = module.metasync.address
}

output "bucket_url" {
  description = "BUCKET_URL of the deployment, for the command line."
  value       = module.metasync.bucket_url
}

output "functions" {
  description = "The deployed functions."
  value       = module.metasync.functions
}

output "queues" {
  description = "The queues to which publishers send messages."
  value       = module.metasync.queues
}

output "secrets" {
  description = "The secret that holds each variable's value."
  value       = module.metasync.secrets
}

output "database" {
  description = "The host of the database, if one was created."
  value       = module.metasync.database
}

output "next_steps" {
  description = "The commands to run after apply, one per line: print them with `output -raw`."
  value       = join("\n", module.metasync.next_steps)
}
