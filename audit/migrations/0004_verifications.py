"""Verifications of the log from inside are kept: how far they came, what they found, and who answered for it."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0003_checkpoints'),
    ]

    operations = [
        migrations.CreateModel(
            name='VerificationRun',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('what', models.TextField(db_collation='C')),
                ('stream', models.TextField(db_default='', default='')),
                ('since', models.BigIntegerField(db_default=0, default=0)),
                ('since_root', models.TextField(db_default='', default='')),
                ('upto', models.BigIntegerField(db_default=0, default=0)),
                ('place', models.BigIntegerField(db_default=0, default=0)),
                ('peaks', models.JSONField(default=list)),
                ('checked', models.BigIntegerField(db_default=0, default=0)),
                ('actor_kind', models.TextField()),
                ('actor_id', models.TextField()),
                ('actor_name', models.TextField()),
                ('remark', models.TextField(db_default='', default='')),
                ('began_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('ended_at', models.DateTimeField(null=True)),
                ('seconds', models.FloatField(db_default=0, default=0)),
                ('ok', models.BooleanField(null=True)),
                ('first_bad', models.JSONField(null=True)),
                ('evidence', models.JSONField(null=True)),
                ('acknowledged_at', models.DateTimeField(null=True)),
                ('acknowledged_by', models.TextField(db_default='', default='')),
                ('note', models.TextField(db_default='', default='')),
            ],
            options={
                'db_table': 'audit_verification',
                'indexes': [models.Index(condition=models.Q(('acknowledged_at', None), ('ok', False)), fields=['id'], name='audit_verification_finding')],
                'constraints': [models.CheckConstraint(condition=models.Q(('what__in', ['whole', 'stream', 'since', 'incremental'])), name='audit_verification_of_something'), models.CheckConstraint(condition=models.Q(models.Q(('ended_at', None), ('ok', None)), models.Q(('ended_at__isnull', False), ('ok__isnull', False)), _connector='OR'), name='audit_verification_ends_so'), models.UniqueConstraint(models.Value(True), condition=models.Q(('ended_at', None)), name='audit_verification_one_open')],
            },
        ),
    ]
