# The whole Google Cloud side, as it is meant to stay. docs/terraform.md has the picture.

module "project" {
  source = "../../modules/project"

  project = var.project
  also = concat(
    ["compute", "container"],
    var.expose == null ? [] : ["certificatemanager", "iap"],
    var.budget == null ? [] : ["billingbudgets"],
  )
}

module "network" {
  source = "../../modules/network"

  project          = module.project.id
  region           = var.region
  prefix           = var.prefix
  nat              = var.nat
  proxy_only_range = var.proxy_only_range
  expose           = var.expose
}

module "cluster" {
  source = "../../modules/cluster"

  project             = module.project.id
  region              = var.region
  prefix              = var.prefix
  mode                = var.mode
  zone                = var.zone
  pool                = var.pool
  gpu                 = var.gpu
  release_channel     = var.release_channel
  deletion_protection = var.deletion_protection
  network             = module.network.network
  subnetwork          = module.network.subnetwork
  pods_range          = module.network.pods_range
  services_range      = module.network.services_range
}

module "data" {
  source = "../../modules/data"

  project       = module.project.id
  region        = var.region
  prefix        = var.prefix
  workload_pool = module.cluster.workload_pool
  rows_days     = var.rows_days
  is_kept       = var.deletion_protection
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
  branch               = var.branch
  build_region         = var.build_region
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
  targets           = var.targets
  settings          = var.rollout_settings
  secrets           = { for setting in var.secrets_with_value : setting => module.data.secrets[setting] }
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
  budget         = var.budget
}
