# The smallest whole: to try it for an evening, and to take it back with one command. Nothing is
# protected, nothing is open to the internet, and nodes are Google's.

module "project" {
  source = "../../modules/project"

  project = var.project
  also    = ["compute", "container"]
}

module "network" {
  source = "../../modules/network"

  project = module.project.id
  region  = var.region
  prefix  = var.prefix
}

module "cluster" {
  source = "../../modules/cluster"

  project             = module.project.id
  region              = var.region
  prefix              = var.prefix
  deletion_protection = false
  network             = module.network.network
  subnetwork          = module.network.subnetwork
  pods_range          = module.network.pods_range
  services_range      = module.network.services_range
}

module "data" {
  source = "../../modules/data"

  project           = module.project.id
  region            = var.region
  prefix            = var.prefix
  workload_pool     = module.cluster.workload_pool
  old_versions_days = 1
  rows_days         = 7
  is_kept           = false
}

module "registry_and_build" {
  source = "../../modules/registry_and_build"

  project              = module.project.id
  region               = var.region
  prefix               = var.prefix
  readers              = { node = module.cluster.node_service_account }
  models_bucket        = module.data.models_bucket
  github               = var.github
  connected_repository = var.connected_repository
  build_region         = var.build_region
  keep_days            = 7
  keep_newest          = 5
}

module "deployer" {
  source = "../../modules/deployer"

  project           = module.project.id
  region            = var.region
  prefix            = var.prefix
  pubsub_agent      = module.project.pubsub_agent
  source_folder     = "${path.module}/../../../cloud_function"
  cluster           = { name = module.cluster.name, location = module.cluster.location }
  images_repository = module.registry_and_build.repository
  build_region      = module.registry_and_build.build_region
  make_topic        = var.make_topic
}

module "monitoring" {
  source = "../../modules/monitoring"

  project        = module.project.id
  project_number = module.project.number
  prefix         = var.prefix
  cluster        = { workload_pool = module.cluster.workload_pool }
  function       = module.deployer.service
  dead_letters   = module.deployer.dead_letters
  email          = var.alert_email
}
