"""Exports: what was asked for, the parts of files, and the streams that one which is being made touches."""

import django.db.models.deletion
import django.db.models.functions.datetime
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0007_retention'),
    ]

    operations = [
        migrations.CreateModel(
            name='Export',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('number', models.BigIntegerField(unique=True)),
                ('kind', models.TextField()),
                ('filter', models.JSONField()),
                ('texts', models.BooleanField()),
                ('status', models.TextField(default='queued')),
                ('wanted', models.BigIntegerField(null=True)),
                ('size', models.BigIntegerField(null=True)),
                ('older', models.BigIntegerField(null=True)),
                ('done', models.BigIntegerField(db_default=0, default=0)),
                ('head', models.TextField(db_collation='C', db_default='', default='')),
                ('complete', models.BooleanField(db_default=False, default=False)),
                ('entries', models.BigIntegerField(db_default=0, default=0)),
                ('parts', models.IntegerField(db_default=0, default=0)),
                ('bytes', models.BigIntegerField(db_default=0, default=0)),
                ('sha256', models.TextField(db_default='', default='')),
                ('error', models.TextField(db_default='', default='')),
                ('ready_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('lease_token', models.IntegerField(db_default=0, default=0)),
                ('lease_expires', models.DateTimeField(null=True)),
                ('asked_kind', models.TextField()),
                ('asked_id', models.TextField()),
                ('asked_by', models.TextField()),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('ended_at', models.DateTimeField(null=True)),
                ('expires_at', models.DateTimeField(null=True)),
            ],
            options={
                'db_table': 'audit_export',
                'indexes': [models.Index(fields=['asked_kind', 'asked_id', '-number'], name='audit_export_asked_by'), models.Index(condition=models.Q(('status__in', ('queued', 'running'))), fields=['ready_at'], name='audit_export_open'), models.Index(condition=models.Q(('status', 'ready')), fields=['expires_at'], name='audit_export_kept')],
                'constraints': [models.CheckConstraint(condition=models.Q(('status__in', ['cancelled', 'expired', 'failed', 'queued', 'ready', 'running'])), name='audit_export_status_known'), models.CheckConstraint(condition=models.Q(('kind__in', ('bundle', 'csv'))), name='audit_export_kind_known'), models.CheckConstraint(condition=models.Q(('status', 'running'), ('lease_expires__isnull', True), _connector='XOR'), name='audit_export_lease'), models.CheckConstraint(condition=models.Q(models.Q(('status', 'ready'), _negated=True), models.Q(('complete', True), ('expires_at__isnull', False), models.Q(('sha256', ''), _negated=True)), _connector='OR'), name='audit_export_ready_is_whole')],
            },
        ),
        migrations.CreateModel(
            name='ExportPart',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('start', models.BigIntegerField()),
                ('data', models.BinaryField()),
                ('export', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='written', to='audit.export')),
            ],
            options={
                'db_table': 'audit_export_part',
                'constraints': [models.UniqueConstraint(fields=('export', 'start'), name='audit_export_part_place')],
            },
        ),
        migrations.CreateModel(
            name='ExportStream',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.TextField(db_collation='C')),
                ('export', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='audit.export')),
            ],
            options={
                'db_table': 'audit_export_stream',
                'constraints': [models.UniqueConstraint(fields=('export', 'name'), name='audit_export_stream_once')],
            },
        ),
    ]
