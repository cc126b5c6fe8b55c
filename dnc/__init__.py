"""Do-not-call services and the embedded list (G 2.3 to 2.5)."""
