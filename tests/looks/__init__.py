"""What people see: every page by name, pictures of all of them (`make shots`), and their check for accessibility."""
