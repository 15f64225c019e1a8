"""The contract: `/openapi.json`, made from the models, the routes and what is said of them here."""
