"""An index by time for what policy refused in the last days."""
import django.contrib.postgres.indexes
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('agents', '0004_stops'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='toolcall',
            index=django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['created_at'], name='call_by_time', pages_per_range=32),
        ),
    ]
