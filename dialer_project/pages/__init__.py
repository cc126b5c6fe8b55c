"""The pages of the admin site, one module a noun. They read by scope and write by services, nothing else."""
