from importlib import import_module

from django.db import migrations

before = import_module("accounts.migrations.0007_changes")
DROP = "DROP VIEW accounts_change;"


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0007_changes'),
        ('telephony', '0005_carriers'),
    ]

    operations = [
        migrations.RunSQL(
            DROP + before.view([*before.KINDS, "telephony.carrier"]), DROP + before.view(before.KINDS)
        ),
    ]
