from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('telephony', '0002_result_rules'),
    ]

    operations = [
        migrations.AlterField(
            model_name='contactcenter',
            name='kind',
            field=models.CharField(choices=[('asterisk_ami', 'Asterisk (AMI)'), ('rest', 'JSON endpoint (REST)'), ('demo', 'Demo PBX')], max_length=20, verbose_name='kind'),
        ),
        migrations.AlterField(
            model_name='contactcenter',
            name='settings',
            field=models.JSONField(default=dict, help_text='As JSON; docs/contact-centres.md describes the settings of each kind.', verbose_name='settings'),
        ),
    ]
