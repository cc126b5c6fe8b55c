import django.db.models.deletion
from django.db import migrations, models

STATUSES = [
    ("NOT_CALLED", "Not called"), ("SUCCESS", "Success"), ("FAILED", "Failed"), ("BUSY", "Busy"),
    ("REFUSED", "Refused"), ("AMD", "Answering machine"),
    ("SERVICE_TEMPORARY_UNAVAILABLE", "Service unavailable"), ("DO_NOT_CALL", "Do not call"),
    ("UNKNOWN", "Unknown"),
]
POOLS = [("WAITING", "Waiting"), ("CLAIMED", "In a call"), ("DONE", "Done")]

# The counts: each statement on leads adds its differences, in its transaction (leads.counts folds them).
# The campaign of a lead: PostgreSQL's own foreign key asks for each row once more at the commit, which took half of
# an import. The same is held here by the statement: an INSERT locks the campaigns it names as a foreign key would,
# the deletion of a campaign waits for that lock and then looks for leads.
HOLD = """
CREATE FUNCTION leads_added() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE missing bigint;
BEGIN
    PERFORM FROM campaigns_campaign c WHERE c.id IN (SELECT DISTINCT campaign_id FROM added) FOR KEY SHARE;
    SELECT a.campaign_id INTO missing FROM (SELECT DISTINCT campaign_id FROM added) a
     WHERE NOT EXISTS (SELECT FROM campaigns_campaign c WHERE c.id = a.campaign_id) LIMIT 1;
    IF FOUND THEN
        RAISE foreign_key_violation USING MESSAGE = 'there is no campaign ' || missing || ' for these leads';
    END IF;
    INSERT INTO leads_leadcount (campaign_id, status, pool, leads, calls)
    SELECT campaign_id, status, pool, count(*), sum(attempts) FROM added GROUP BY campaign_id, status, pool;
    RETURN NULL;
END $$;
CREATE FUNCTION leads_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO leads_leadcount (campaign_id, status, pool, leads, calls)
    SELECT campaign_id, status, pool, -count(*), -sum(attempts) FROM removed GROUP BY campaign_id, status, pool;
    RETURN NULL;
END $$;
CREATE FUNCTION leads_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM (TABLE added) a WHERE NOT EXISTS (
        SELECT FROM campaigns_campaign c WHERE c.id = a.campaign_id)) THEN
        RAISE foreign_key_violation USING MESSAGE = 'there is no such campaign for these leads';
    END IF;
    INSERT INTO leads_leadcount (campaign_id, status, pool, leads, calls)
    SELECT campaign_id, status, pool, sum(leads), sum(calls)
      FROM (SELECT campaign_id, status, pool, 1 AS leads, attempts AS calls FROM added
            UNION ALL SELECT campaign_id, status, pool, -1, -attempts FROM removed) AS each
     GROUP BY campaign_id, status, pool
    HAVING sum(leads) <> 0 OR sum(calls) <> 0;
    RETURN NULL;
END $$;
CREATE FUNCTION leads_emptied() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM leads_leadcount;
    RETURN NULL;
END $$;
CREATE FUNCTION leads_campaign_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM removed r JOIN leads_lead l ON l.campaign_id = r.id) THEN
        RAISE foreign_key_violation USING MESSAGE = 'the campaign still has leads';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER leads_added AFTER INSERT ON leads_lead
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION leads_added();
CREATE TRIGGER leads_removed AFTER DELETE ON leads_lead
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION leads_removed();
CREATE TRIGGER leads_changed AFTER UPDATE ON leads_lead
    REFERENCING NEW TABLE AS added OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION leads_changed();
CREATE TRIGGER leads_emptied AFTER TRUNCATE ON leads_lead
    FOR EACH STATEMENT EXECUTE FUNCTION leads_emptied();
CREATE TRIGGER leads_campaign_removed AFTER DELETE ON campaigns_campaign
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION leads_campaign_removed();
INSERT INTO leads_leadcount (campaign_id, status, pool, leads, calls)
SELECT campaign_id, status, pool, count(*), sum(attempts) FROM leads_lead GROUP BY campaign_id, status, pool;
-- rows come and go with each call
ALTER TABLE leads_leadcount SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000)
"""
LET_GO = """
DROP TRIGGER leads_campaign_removed ON campaigns_campaign;
DROP TRIGGER leads_emptied ON leads_lead;
DROP TRIGGER leads_changed ON leads_lead;
DROP TRIGGER leads_removed ON leads_lead;
DROP TRIGGER leads_added ON leads_lead;
DROP FUNCTION leads_campaign_removed(), leads_emptied(), leads_changed(), leads_removed(), leads_added()
"""


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0001_initial"), ("leads", "0006_history")]

    operations = [
        migrations.RemoveIndex(model_name="lead", name="lead_campaign_status"),
        migrations.AlterField(
            model_name="lead",
            name="campaign",
            field=models.ForeignKey(
                db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE,
                related_name="leads", to="campaigns.campaign", verbose_name="campaign",
            ),
        ),
        migrations.AlterField(
            model_name="lead",
            name="phone_number",
            field=models.CharField(db_collation="C", max_length=20, verbose_name="phone number"),
        ),
        migrations.AlterField(
            model_name="lead",
            name="status",
            field=models.CharField(
                choices=STATUSES, db_collation="C", default="NOT_CALLED", editable=False, max_length=32,
                verbose_name="status",
            ),
        ),
        migrations.AlterField(
            model_name="lead",
            name="pool",
            field=models.CharField(
                choices=POOLS, db_collation="C", default="WAITING", editable=False, max_length=8
            ),
        ),
        migrations.AlterField(
            model_name="callattempt",
            name="phone_number",
            field=models.CharField(db_collation="C", max_length=20, verbose_name="phone number"),
        ),
        migrations.AddIndex(
            model_name="lead", index=models.Index(fields=["campaign", "id"], name="lead_list")
        ),
        migrations.AddIndex(
            model_name="lead",
            index=models.Index(
                condition=models.Q(("pool", "DONE"), _negated=True), fields=["campaign", "id"],
                name="lead_list_not_done",
            ),
        ),
        migrations.AddIndex(
            model_name="lead",
            index=models.Index(
                condition=models.Q(("status", "NOT_CALLED")), fields=["campaign", "id"],
                name="lead_list_not_called",
            ),
        ),
        migrations.AddIndex(
            model_name="lead",
            index=models.Index(
                condition=models.Q(("status", "NOT_CALLED"), _negated=True),
                fields=["campaign", "status", "id"], name="lead_list_called",
            ),
        ),
        migrations.CreateModel(
            name="LeadCount",
            fields=[
                ("id", models.BigAutoField(
                    auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                )),
                ("status", models.CharField(choices=STATUSES, db_collation="C", max_length=32)),
                ("pool", models.CharField(choices=POOLS, db_collation="C", max_length=8)),
                ("leads", models.BigIntegerField()),
                ("calls", models.BigIntegerField()),
                ("campaign", models.ForeignKey(
                    db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING,
                    related_name="lead_counts", to="campaigns.campaign",
                )),
            ],
            options={"verbose_name": "lead count", "verbose_name_plural": "lead counts"},
        ),
        migrations.RunSQL(HOLD, LET_GO),
    ]
