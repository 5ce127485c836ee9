"""The tables of requests, decisions, policies and tool settings."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [("audit", "0002_append_only")]

    operations = [
        migrations.CreateModel(
            name='ApprovalRequest',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('number', models.BigIntegerField(unique=True)),
                ('kind', models.TextField()),
                ('status', models.TextField(default='pending')),
                ('revision', models.IntegerField(db_default=1, default=1)),
                ('digest', models.TextField()),
                ('body', models.BinaryField()),
                ('session_id', models.UUIDField(null=True)),
                ('session_ref', models.TextField(db_default='', default='')),
                ('call_id', models.UUIDField(null=True)),
                ('agent', models.TextField(db_default='', default='')),
                ('environment', models.TextField(db_default='', default='')),
                ('tool', models.TextField(db_default='', default='')),
                ('tier', models.TextField(db_default='', default='')),
                ('blast_radius', models.TextField(db_default='', default='')),
                ('risk', models.SmallIntegerField(db_default=3, default=3)),
                ('summary', models.TextField()),
                ('reasons', models.JSONField(default=list)),
                ('reasoning_id', models.UUIDField(null=True)),
                ('raw_arguments_id', models.UUIDField(null=True)),
                ('facts', models.JSONField(default=dict)),
                ('taint', models.JSONField(default=list)),
                ('cost_microusd', models.BigIntegerField(db_default=0, default=0)),
                ('prompt_version', models.TextField(db_default='', default='')),
                ('requested_by', models.TextField(db_default='', default='')),
                ('requested_for', models.TextField(db_default='', default='')),
                ('excluded', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None)),
                ('requester', models.BigIntegerField(null=True)),
                ('self_confirm', models.BooleanField(db_default=False, default=False)),
                ('reauthenticate', models.BooleanField(db_default=False, default=False)),
                ('groups', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list, size=None)),
                ('required', models.SmallIntegerField(db_default=1, default=1)),
                ('hold_s', models.SmallIntegerField(db_default=5, default=5)),
                ('held_until', models.DateTimeField(null=True)),
                ('expires_at', models.DateTimeField()),
                ('decided_at', models.DateTimeField(null=True)),
                ('decided_by', models.BigIntegerField(null=True)),
                ('decided_name', models.TextField(db_default='', default='')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('status__in', ['pending', 'held'])), fields=['expires_at', 'id'], name='request_waiting'), models.Index(condition=models.Q(('status__in', ['pending', 'held', 'approved'])), fields=['expires_at'], name='request_due'), models.Index(fields=['-number'], name='request_newest'), models.Index(fields=['session_id'], name='request_of_session'), models.Index(fields=['tool', '-number'], name='request_of_tool')],
                'constraints': [models.CheckConstraint(condition=models.Q(('status__in', ['answered', 'approved', 'consumed', 'expired', 'held', 'pending', 'rejected', 'void', 'withdrawn'])), name='request_status_known'), models.CheckConstraint(condition=models.Q(('kind__in', ('tool_call', 'budget', 'question', 'unknown_outcome', 'stuck', 'prompt_release'))), name='request_kind_known'), models.CheckConstraint(condition=models.Q(('digest__regex', '^[0-9a-f]{64}$')), name='request_digest_is_sha256'), models.UniqueConstraint(condition=models.Q(('status__in', ['pending', 'held', 'approved'])), fields=('call_id',), name='one_open_request_per_call'), models.CheckConstraint(condition=models.Q(models.Q(('status__in', ['held', 'approved', 'consumed', 'rejected', 'answered']), _negated=True), models.Q(('decided_at__isnull', False), ('decided_by__isnull', False)), _connector='OR'), name='decided_needs_decider_and_time'), models.CheckConstraint(condition=models.Q(models.Q(('status', 'held'), _negated=True), ('held_until__isnull', False), _connector='OR'), name='held_needs_its_end'), models.CheckConstraint(condition=models.Q(('required__gte', 1)), name='request_needs_a_human')],
            },
        ),
        migrations.CreateModel(
            name='PolicyRevision',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('number', models.IntegerField(unique=True)),
                ('document', models.JSONField()),
                ('checksum', models.TextField()),
                ('note', models.TextField(db_default='', default='')),
                ('created_by', models.TextField(db_default='', default='')),
                ('current', models.BooleanField(db_default=False, default=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('current', True)), fields=('current',), name='one_current_policy')],
            },
        ),
        migrations.CreateModel(
            name='ToolSetting',
            fields=[
                ('name', models.TextField(primary_key=True, serialize=False)),
                ('tier', models.TextField(null=True)),
                ('enabled', models.BooleanField(db_default=True, default=True)),
                ('reason', models.TextField(db_default='', default='')),
                ('changed_by', models.TextField(db_default='', default='')),
                ('revision', models.IntegerField(db_default=1, default=1)),
                ('changed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('tier__isnull', True), ('tier__in', ['read_only', 'reversible_write', 'irreversible_write', 'destructive']), _connector='OR'), name='setting_tier_known')],
            },
        ),
        migrations.CreateModel(
            name='Decision',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('revision', models.IntegerField()),
                ('verdict', models.TextField()),
                ('digest', models.TextField()),
                ('decided_by', models.BigIntegerField()),
                ('decided_name', models.TextField()),
                ('token', models.TextField(db_default='', default='')),
                ('instruction', models.TextField(db_default='', default='')),
                ('answer', models.TextField(db_default='', default='')),
                ('amount', models.BigIntegerField(null=True)),
                ('difference', models.JSONField(default=list)),
                ('idempotency_key', models.TextField(db_default='', default='')),
                ('voided', models.TextField(db_default='', default='')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('request', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='decisions', to='approvals.approvalrequest')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('verdict__in', ('approve', 'reject', 'edit', 'answer', 'extend', 'happened', 'run_again', 'give_up'))), name='verdict_known'), models.UniqueConstraint(condition=models.Q(('voided', '')), fields=('request', 'revision', 'decided_by'), name='one_decision_per_person_and_revision'), models.UniqueConstraint(condition=models.Q(('idempotency_key', ''), _negated=True), fields=('request', 'decided_by', 'idempotency_key'), name='one_decision_per_idempotency_key')],
            },
        ),
    ]
