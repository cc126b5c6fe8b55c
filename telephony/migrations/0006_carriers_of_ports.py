from django.db import migrations


def one_for_each_registrar(apps, schema_editor):
    """Ports that are there get a carrier without limits, so that it can rest."""
    Carrier, DialerPort = apps.get_model("telephony", "Carrier"), apps.get_model("telephony", "DialerPort")
    for host in DialerPort.objects.order_by().values_list("registrar_host", flat=True).distinct():
        carrier = Carrier.objects.get_or_create(name=host[:100])[0]
        DialerPort.objects.filter(registrar_host=host).update(carrier=carrier)


class Migration(migrations.Migration):
    dependencies = [("telephony", "0005_carriers")]
    operations = [migrations.RunPython(one_for_each_registrar, migrations.RunPython.noop)]
