"""The demo: a demo PBX, users of all four roles and a campaign that runs. `manage.py demo` starts it."""
