"""Indexes by time for the measures of the last days."""
import django.contrib.postgres.indexes
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('approvals', '0004_inbox'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='approvalrequest',
            index=django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['created_at'], name='request_by_time', pages_per_range=32),
        ),
        migrations.AddIndex(
            model_name='decision',
            index=django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['created_at'], name='decision_by_time', pages_per_range=32),
        ),
    ]
