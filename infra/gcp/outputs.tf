output "urls" {
  description = "The URL of each service. With a domain, only schedules and queues can call it."
  value       = module.metasync.urls
}

output "domain" {
  description = "The host of your own, and the address to which its A record must point."
  value       = module.metasync.domain
}

output "address" {
  description = "The address from which services with a database call hosts outside, if there is Cloud NAT."
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
  description = "The topics to which publishers send messages."
  value       = module.metasync.queues
}

output "secrets" {
  description = "The secret that holds each variable's value."
  value       = module.metasync.secrets
}

output "database" {
  description = "The connection name of the database, if one was created."
  value       = module.metasync.database
}

output "repository" {
  description = "The repository of the image."
  value       = module.metasync.repository
}

output "next_steps" {
  description = "The commands to run after apply, one per line: print them with `output -raw`."
  value       = join("\n", module.metasync.next_steps)
}
