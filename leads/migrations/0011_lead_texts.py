import django.db.models.deletion
from django.db import migrations, models


# leads_added of migration 0007 in one pass over the new leads instead of three, and with their texts. The texts of
# leads that come, go, or get another name or number are blanked in the transaction that does it.
BLANK = """
CREATE OR REPLACE FUNCTION leads_added() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE named bigint[]; missing bigint;
BEGIN
    WITH parts AS MATERIALIZED (
        SELECT campaign_id, id >> 5 AS part, status, pool, count(*) AS leads, sum(attempts) AS calls
          FROM added GROUP BY campaign_id, id >> 5, status, pool
    ), counted AS (
        INSERT INTO leads_leadcount (campaign_id, status, pool, leads, calls)
        SELECT campaign_id, status, pool, sum(leads), sum(calls) FROM parts GROUP BY campaign_id, status, pool
    ), blanked AS (
        INSERT INTO leads_leadtext AS t (campaign_id, part, text)
        SELECT DISTINCT campaign_id, part, NULL::text FROM parts ORDER BY campaign_id, part
        ON CONFLICT (campaign_id, part) DO UPDATE SET text = NULL
    )
    SELECT array_agg(DISTINCT campaign_id) INTO named FROM parts;
    PERFORM FROM campaigns_campaign c WHERE c.id = ANY (named) FOR KEY SHARE;
    SELECT n INTO missing FROM unnest(named) n
     WHERE NOT EXISTS (SELECT FROM campaigns_campaign c WHERE c.id = n) LIMIT 1;
    IF FOUND THEN
        RAISE foreign_key_violation USING MESSAGE = 'there is no campaign ' || missing || ' for these leads';
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION lead_texts_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE leads_leadtext t SET text = NULL
      FROM (SELECT DISTINCT campaign_id, id >> 5 AS part FROM removed) AS r
     WHERE t.campaign_id = r.campaign_id AND t.part = r.part;
    RETURN NULL;
END $$;
CREATE FUNCTION lead_texts_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO leads_leadtext AS t (campaign_id, part, text)
    SELECT DISTINCT campaign_id, NEW.id >> 5, NULL::text FROM (VALUES (OLD.campaign_id), (NEW.campaign_id)) AS each (campaign_id)
    ON CONFLICT (campaign_id, part) DO UPDATE SET text = NULL;
    RETURN NULL;
END $$;
CREATE FUNCTION lead_texts_emptied() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM leads_leadtext;
    RETURN NULL;
END $$;
CREATE FUNCTION lead_texts_of_campaign() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM leads_leadtext WHERE campaign_id = OLD.id;
    RETURN NULL;
END $$;
CREATE TRIGGER lead_texts_removed AFTER DELETE ON leads_lead
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION lead_texts_removed();
CREATE TRIGGER lead_texts_changed AFTER UPDATE OF name, phone_number, campaign_id, id ON leads_lead FOR EACH ROW
    WHEN ((OLD.name, OLD.phone_number, OLD.campaign_id, OLD.id)
          IS DISTINCT FROM (NEW.name, NEW.phone_number, NEW.campaign_id, NEW.id))
    EXECUTE FUNCTION lead_texts_changed();
CREATE TRIGGER lead_texts_emptied AFTER TRUNCATE ON leads_lead
    FOR EACH STATEMENT EXECUTE FUNCTION lead_texts_emptied();
CREATE TRIGGER lead_texts_of_campaign AFTER DELETE ON campaigns_campaign
    FOR EACH ROW EXECUTE FUNCTION lead_texts_of_campaign();
-- texts of some 2 kB stay in their rows, uncompressed: they are there to be looked through
ALTER TABLE leads_leadtext ALTER COLUMN text SET STORAGE EXTERNAL, SET (toast_tuple_target = 8160);
INSERT INTO leads_leadtext (campaign_id, part) SELECT DISTINCT campaign_id, id >> 5 FROM leads_lead
"""
UNDO = """
DROP TRIGGER lead_texts_of_campaign ON campaigns_campaign;
DROP TRIGGER lead_texts_emptied ON leads_lead;
DROP TRIGGER lead_texts_changed ON leads_lead;
DROP TRIGGER lead_texts_removed ON leads_lead;
DROP FUNCTION lead_texts_of_campaign(), lead_texts_emptied(), lead_texts_changed(), lead_texts_removed();
CREATE OR REPLACE FUNCTION leads_added() RETURNS trigger LANGUAGE plpgsql AS $$
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
END $$
"""


class Migration(migrations.Migration):

    dependencies = [
        ('campaigns', '0006_early_media'),
        ('leads', '0010_early_media'),
    ]

    operations = [
        migrations.CreateModel(
            name='LeadText',
            fields=[
                ('pk', models.CompositePrimaryKey('campaign_id', 'part', blank=True, editable=False, primary_key=True, serialize=False)),
                ('part', models.BigIntegerField()),
                ('text', models.TextField(db_collation='C', null=True)),
                ('campaign', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='campaigns.campaign')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('text', None)), fields=['campaign', 'part'], name='lead_text_blank')],
            },
        ),
        migrations.RunSQL(BLANK, UNDO),
    ]
