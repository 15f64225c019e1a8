# The whole without a cluster and without a network: the server is a Cloud Run service, whose
# instances are gone, and cost nothing, while nobody asks. It is closed until `open_to` is said.

module "project" {
  source = "../../modules/project"

  project = var.project
  also    = var.budget == null ? [] : ["billingbudgets"]
}

module "service" {
  source = "../../modules/service"

  project             = module.project.id
  region              = var.region
  prefix              = var.prefix
  open_to             = var.open_to
  min_instances       = var.min_instances
  max_instances       = var.max_instances
  concurrency         = var.concurrency
  memory              = var.memory
  deletion_protection = var.deletion_protection
}

module "data" {
  source = "../../modules/data"

  project   = module.project.id
  region    = var.region
  prefix    = var.prefix
  rows_days = var.rows_days
  is_kept   = var.deletion_protection
}

# No readers: Cloud Run's own agent may pull from every repository of its project.
module "registry_and_build" {
  source = "../../modules/registry_and_build"

  project              = module.project.id
  region               = var.region
  prefix               = var.prefix
  readers              = {}
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
  images_repository = module.registry_and_build.repository
  build_region      = module.registry_and_build.build_region
  make_topic        = var.make_topic
  settings          = var.rollout_settings
  secrets           = { for setting in var.secrets_with_value : setting => module.data.secrets[setting] }
  service = {
    name            = module.service.name
    region          = module.service.region
    service_account = module.service.service_account
    image           = module.registry_and_build.image
  }
}

module "monitoring" {
  source = "../../modules/monitoring"

  project        = module.project.id
  project_number = module.project.number
  prefix         = var.prefix
  service        = { name = module.service.name, region = module.service.region }
  function       = module.deployer.service
  dead_letters   = module.deployer.dead_letters
  email          = var.alert_email
  budget         = var.budget
}
