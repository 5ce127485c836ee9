"""Checks of the rows against the log."""

import uuid

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('agents', '0031_one_spelling_of_versions'),
    ]

    operations = [
        migrations.CreateModel(
            name='AgreementRun',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('by_name', models.TextField()),
                ('started_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('position', models.JSONField(default=list)),
                ('ms', models.IntegerField(default=0)),
                ('counts', models.JSONField(default=dict)),
                ('wrong', models.IntegerField(default=0)),
                ('findings', models.JSONField(default=list)),
            ],
            options={
                'indexes': [models.Index(fields=['-started_at'], name='agreement_newest')],
                'constraints': [
                    models.UniqueConstraint(
                        condition=models.Q(('ended_at__isnull', True)), fields=('by_name',), name='one_open_agreement'
                    ),
                    models.CheckConstraint(condition=models.Q(('ms__gte', 0), ('wrong__gte', 0)), name='agreement_counts'),
                ],
            },
        ),
    ]
