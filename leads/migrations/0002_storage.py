from django.db import migrations

# Leads and attempts are updated several times each while a campaign runs: room on the page keeps the updates
# off the indexes (HOT), and an early vacuum keeps the claim's index short.
TUNE = """
ALTER TABLE leads_lead SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE leads_callattempt SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
"""
RESET = """
ALTER TABLE leads_lead RESET (fillfactor, autovacuum_vacuum_scale_factor);
ALTER TABLE leads_callattempt RESET (fillfactor, autovacuum_vacuum_scale_factor);
"""


class Migration(migrations.Migration):
    dependencies = [("leads", "0001_initial")]
    operations = [migrations.RunSQL(TUNE, RESET)]
