"""The engine: one loop that watches the contact centres and places the calls that their agents can take."""
