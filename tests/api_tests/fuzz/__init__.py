"""Random requests of the admin and of the REST API, none of which gets a 500."""
