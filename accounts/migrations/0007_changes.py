from django.db import migrations, models

KINDS = [
    "accounts.user",
    "campaigns.campaign",
    "campaigns.schedule",
    "dnc.dncservice",
    "groups.dialergroup",
    "leads.evidencepolicy",
    "leads.lead",
    "telephony.contactcenter",
    "telephony.dialerport",
    "telephony.queue",
    "telephony.resultrule",
]

ROWS = """
    SELECT '{kind}-' || history_id AS id, history_date AS at, history_actor AS actor_name, history_door AS door,
        history_address AS address, '{kind}'::text AS kind, id::bigint AS object_id, history_object_name AS object_name,
        COALESCE(
            history_change_reason,
            CASE history_type WHEN '+' THEN 'CREATED' WHEN '-' THEN 'DELETED' ELSE 'CHANGED' END
        )::text AS action,
        history_words AS fields
    FROM {table}
"""


def view(kinds) -> str:
    """A kind of object that gets a history later is added by a migration that creates this view anew."""
    parts = [
        ROWS.format(kind=kind, table="{}_historical{}".format(*kind.split("."))) for kind in kinds
    ]
    return "CREATE VIEW accounts_change AS" + "UNION ALL".join(parts)


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0006_history'),
        ('campaigns', '0004_history'),
        ('dnc', '0003_history'),
        ('groups', '0004_history'),
        ('leads', '0006_history'),
        ('telephony', '0004_history'),
    ]

    operations = [
        migrations.CreateModel(
            name='Change',
            fields=[
                ('id', models.TextField(primary_key=True, serialize=False)),
                ('at', models.DateTimeField(verbose_name='when')),
                ('actor_name', models.CharField(max_length=150, verbose_name='who')),
                ('door', models.CharField(choices=[('PAGES', 'Pages'), ('API', 'API'), ('SHELL', 'Command line')], max_length=5, verbose_name='through')),
                ('address', models.GenericIPAddressField(null=True, verbose_name='from address')),
                ('kind', models.TextField(verbose_name='kind')),
                ('object_id', models.BigIntegerField(verbose_name='object')),
                ('object_name', models.CharField(max_length=255, verbose_name='what')),
                ('action', models.TextField(choices=[('CREATED', 'Created'), ('CHANGED', 'Changed'), ('DELETED', 'Deleted'), ('STARTED', 'Started'), ('STOPPED', 'Stopped')], verbose_name='action')),
                ('fields', models.JSONField(default=list, verbose_name='changes')),
            ],
            options={
                'verbose_name': 'change',
                'verbose_name_plural': 'changes',
                'ordering': ['-at', '-id'],
                'managed': False,
            },
        ),
        migrations.RunSQL(view(KINDS), "DROP VIEW accounts_change"),
    ]
