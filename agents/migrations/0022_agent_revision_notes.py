"""A revision of an agent may say why it was made."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('agents', '0021_canary_guards'),
    ]

    operations = [
        migrations.AddField(
            model_name='agentrevision',
            name='note',
            field=models.TextField(db_default='', default=''),
        ),
    ]
