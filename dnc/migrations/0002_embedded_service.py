from django.db import migrations


def add(apps, schema_editor):
    apps.get_model("dnc", "DncService").objects.get_or_create(
        kind="EMBEDDED", defaults={"name": "Embedded do-not-call list"}
    )


class Migration(migrations.Migration):
    """The embedded service is always there; it can be neither changed nor deleted (G 2.5)."""

    dependencies = [("dnc", "0001_initial")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
