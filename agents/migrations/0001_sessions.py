"""The tables of agents, prompts, sessions and workers."""

import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
import django.db.models.functions.datetime
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Prompt',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('slug', models.TextField(unique=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name='WorkerHeartbeat',
            fields=[
                ('owner', models.TextField(primary_key=True, serialize=False)),
                ('cluster', models.TextField(db_default='drain', default='drain')),
                ('sessions', models.IntegerField(db_default=0, default=0)),
                ('started_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('beat_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name='Agent',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('slug', models.TextField(unique=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('slug__regex', '^[a-z0-9][a-z0-9-]{0,62}$')), name='agent_slug_form')],
            },
        ),
        migrations.CreateModel(
            name='AgentRevision',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('number', models.IntegerField()),
                ('document', models.JSONField()),
                ('checksum', models.TextField()),
                ('created_by', models.TextField(db_default='', default='')),
                ('current', models.BooleanField(db_default=False, default=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('agent', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='revisions', to='agents.agent')),
            ],
        ),
        migrations.CreateModel(
            name='PromptVersion',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('version', models.TextField()),
                ('text', models.TextField()),
                ('variables', models.JSONField(default=dict)),
                ('parameters', models.JSONField(default=dict)),
                ('checksum', models.TextField()),
                ('note', models.TextField(db_default='', default='')),
                ('author', models.TextField(db_default='', default='')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('parent', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agents.promptversion')),
                ('prompt', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='agents.prompt')),
            ],
        ),
        migrations.CreateModel(
            name='Release',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('share', models.SmallIntegerField(db_default=100, default=100)),
                ('reason', models.TextField(db_default='', default='')),
                ('released_by', models.TextField(db_default='', default='')),
                ('started_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('ended_at', models.DateTimeField(null=True)),
                ('prompt', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='releases', to='agents.prompt')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agents.promptversion')),
            ],
        ),
        migrations.CreateModel(
            name='Session',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('number', models.BigIntegerField(unique=True)),
                ('environment', models.TextField()),
                ('task_type', models.TextField(db_default='default', default='default')),
                ('title', models.TextField()),
                ('started_kind', models.TextField()),
                ('started_by', models.TextField()),
                ('started_name', models.TextField()),
                ('started_user', models.BigIntegerField(null=True)),
                ('token', models.TextField(db_default='', default='')),
                ('on_behalf_of', models.TextField(db_default='', default='')),
                ('on_behalf_user', models.BigIntegerField(null=True)),
                ('tenant', models.TextField(db_default='', default='')),
                ('feature', models.TextField(db_default='', default='')),
                ('dry_run', models.BooleanField(db_default=False, default=False)),
                ('webhook_url', models.TextField(db_default='', default='')),
                ('status', models.TextField(default='queued')),
                ('step', models.IntegerField(db_default=0, default=0)),
                ('nudges', models.IntegerField(db_default=0, default=0)),
                ('stop', models.TextField(db_default='', default='')),
                ('stop_note', models.JSONField(default=dict)),
                ('error', models.JSONField(null=True)),
                ('ready_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('lease_owner', models.TextField(null=True)),
                ('lease_token', models.BigIntegerField(db_default=0, default=0)),
                ('lease_expires', models.DateTimeField(null=True)),
                ('attempts', models.SmallIntegerField(db_default=0, default=0)),
                ('turns', models.IntegerField(db_default=0, default=0)),
                ('tool_calls', models.IntegerField(db_default=0, default=0)),
                ('input_tokens', models.BigIntegerField(db_default=0, default=0)),
                ('output_tokens', models.BigIntegerField(db_default=0, default=0)),
                ('cost_microusd', models.BigIntegerField(db_default=0, default=0)),
                ('active_ms', models.BigIntegerField(db_default=0, default=0)),
                ('consecutive_errors', models.IntegerField(db_default=0, default=0)),
                ('notes', models.JSONField(default=dict)),
                ('taint', models.JSONField(default=list)),
                ('answer_id', models.UUIDField(null=True)),
                ('partial', models.BooleanField(db_default=False, default=False)),
                ('next_index', models.IntegerField(db_default=0, default=0)),
                ('watched_until', models.DateTimeField(null=True)),
                ('trace', models.TextField(db_default='', default='')),
                ('schema_version', models.SmallIntegerField(db_default=1, default=1)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('updated_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('ended_at', models.DateTimeField(null=True)),
                ('expires_at', models.DateTimeField()),
                ('agent', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='sessions', to='agents.agent')),
                ('prompt_version', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agents.promptversion')),
                ('revision', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agents.agentrevision')),
            ],
        ),
        migrations.CreateModel(
            name='Message',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('index', models.IntegerField()),
                ('source', models.TextField()),
                ('trust', models.TextField(db_default='trusted', default='trusted')),
                ('text_id', models.UUIDField()),
                ('author', models.BigIntegerField(null=True)),
                ('author_name', models.TextField(db_default='', default='')),
                ('supersedes', models.UUIDField(null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('session', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='messages', to='agents.session')),
            ],
        ),
        migrations.CreateModel(
            name='Turn',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('index', models.IntegerField()),
                ('number', models.IntegerField()),
                ('text_id', models.UUIDField(null=True)),
                ('calls', models.SmallIntegerField(db_default=0, default=0)),
                ('finish_reason', models.TextField()),
                ('model', models.TextField()),
                ('prompt_version', models.TextField()),
                ('input_tokens', models.IntegerField(db_default=0, default=0)),
                ('output_tokens', models.IntegerField(db_default=0, default=0)),
                ('cached_tokens', models.IntegerField(db_default=0, default=0)),
                ('cost_microusd', models.BigIntegerField(db_default=0, default=0)),
                ('estimated', models.BooleanField(db_default=False, default=False)),
                ('duration_ms', models.IntegerField(db_default=0, default=0)),
                ('first_token_ms', models.IntegerField(null=True)),
                ('retries', models.SmallIntegerField(db_default=0, default=0)),
                ('omitted', models.IntegerField(db_default=0, default=0)),
                ('span', models.TextField(db_default='', default='')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('session', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='turn_rows', to='agents.session')),
            ],
        ),
        migrations.CreateModel(
            name='ToolCall',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('index', models.SmallIntegerField()),
                ('provider_id', models.TextField()),
                ('key', models.TextField()),
                ('tool', models.TextField()),
                ('tier', models.TextField(db_default='', default='')),
                ('definition', models.TextField(db_default='', default='')),
                ('status', models.TextField(default='proposed')),
                ('raw_id', models.UUIDField(null=True)),
                ('arguments_id', models.UUIDField(null=True)),
                ('fingerprint', models.TextField(db_default='', default='')),
                ('judgement', models.JSONField(default=dict)),
                ('repeat_of', models.UUIDField(null=True)),
                ('needs_approval', models.BooleanField(db_default=False, default=False)),
                ('request_id', models.UUIDField(null=True)),
                ('consumed_id', models.UUIDField(null=True)),
                ('edited', models.BooleanField(db_default=False, default=False)),
                ('dry', models.BooleanField(db_default=False, default=False)),
                ('attempts', models.SmallIntegerField(db_default=0, default=0)),
                ('result_id', models.UUIDField(null=True)),
                ('result_hash', models.TextField(db_default='', default='')),
                ('result_size', models.IntegerField(db_default=0, default=0)),
                ('error_type', models.TextField(db_default='', default='')),
                ('trust', models.TextField(db_default='trusted', default='trusted')),
                ('sources', models.JSONField(default=list)),
                ('confidence', models.FloatField(null=True)),
                ('superseded_by', models.UUIDField(null=True)),
                ('started_at', models.DateTimeField(null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('duration_ms', models.IntegerField(null=True)),
                ('span', models.TextField(db_default='', default='')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('session', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='calls', to='agents.session')),
                ('turn', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='call_rows', to='agents.turn')),
            ],
        ),
        migrations.AddConstraint(
            model_name='agentrevision',
            constraint=models.UniqueConstraint(fields=('agent', 'number'), name='agent_revision_number'),
        ),
        migrations.AddConstraint(
            model_name='agentrevision',
            constraint=models.UniqueConstraint(condition=models.Q(('current', True)), fields=('agent',), name='one_current_revision_per_agent'),
        ),
        migrations.AddConstraint(
            model_name='promptversion',
            constraint=models.UniqueConstraint(fields=('prompt', 'version'), name='prompt_version_once'),
        ),
        migrations.AddConstraint(
            model_name='promptversion',
            constraint=models.CheckConstraint(condition=models.Q(('version__regex', '^\\d+\\.\\d+\\.\\d+(-[0-9A-Za-z.-]+)?$')), name='prompt_version_semver'),
        ),
        migrations.AddConstraint(
            model_name='release',
            constraint=models.CheckConstraint(condition=models.Q(('share__gte', 1), ('share__lte', 100)), name='release_share_range'),
        ),
        migrations.AddConstraint(
            model_name='release',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at__isnull', True), ('share', 100)), fields=('prompt',), name='one_live_release'),
        ),
        migrations.AddIndex(
            model_name='session',
            index=models.Index(condition=models.Q(('status', 'queued')), fields=['ready_at'], name='session_ready'),
        ),
        migrations.AddIndex(
            model_name='session',
            index=models.Index(condition=models.Q(('status', 'running')), fields=['lease_expires'], name='session_running'),
        ),
        migrations.AddIndex(
            model_name='session',
            index=models.Index(condition=models.Q(('status__in', ['queued', 'running', 'waiting_approval', 'waiting_input', 'paused'])), fields=['expires_at'], name='session_due'),
        ),
        migrations.AddIndex(
            model_name='session',
            index=models.Index(fields=['status', '-number'], name='session_by_status'),
        ),
        migrations.AddIndex(
            model_name='session',
            index=models.Index(fields=['agent', '-number'], name='session_by_agent'),
        ),
        migrations.AddConstraint(
            model_name='session',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['cancelled', 'completed', 'dead_letter', 'expired', 'failed', 'halted', 'paused', 'queued', 'running', 'waiting_approval', 'waiting_input'])), name='session_status_known'),
        ),
        migrations.AddConstraint(
            model_name='session',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('lease_expires__isnull', True), ('lease_owner__isnull', True)), models.Q(('lease_expires__isnull', False), ('lease_owner__isnull', False)), _connector='OR'), name='lease_all_or_none'),
        ),
        migrations.AddConstraint(
            model_name='session',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'running'), _negated=True), ('lease_owner__isnull', False), _connector='OR'), name='running_needs_lease'),
        ),
        migrations.AddConstraint(
            model_name='session',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status__in', ['cancelled', 'completed', 'dead_letter', 'expired', 'failed', 'halted']), _negated=True), ('ended_at__isnull', False), _connector='OR'), name='ended_needs_time'),
        ),
        migrations.AddConstraint(
            model_name='session',
            constraint=models.CheckConstraint(condition=models.Q(('stop__in', ['', 'pause', 'cancel', 'expire'])), name='stop_known'),
        ),
        migrations.AddConstraint(
            model_name='session',
            constraint=models.CheckConstraint(condition=models.Q(('cost_microusd__gte', 0), ('input_tokens__gte', 0), ('output_tokens__gte', 0), ('tool_calls__gte', 0), ('turns__gte', 0)), name='spent_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=models.UniqueConstraint(fields=('session', 'index'), name='message_index_once'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=models.CheckConstraint(condition=models.Q(('trust__in', ['trusted', 'untrusted'])), name='message_trust_known'),
        ),
        migrations.AddConstraint(
            model_name='turn',
            constraint=models.UniqueConstraint(fields=('session', 'index'), name='turn_index_once'),
        ),
        migrations.AddConstraint(
            model_name='turn',
            constraint=models.UniqueConstraint(fields=('session', 'number'), name='turn_number_once'),
        ),
        migrations.AddIndex(
            model_name='toolcall',
            index=models.Index(fields=['session', 'fingerprint'], name='call_repeats'),
        ),
        migrations.AddConstraint(
            model_name='toolcall',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['allowed', 'approved', 'awaiting', 'denied', 'executing', 'expired', 'failed', 'invalid', 'proposed', 'rejected', 'resolved', 'succeeded', 'unknown', 'withdrawn'])), name='call_status_known'),
        ),
        migrations.AddConstraint(
            model_name='toolcall',
            constraint=models.UniqueConstraint(fields=('key',), name='call_key_once'),
        ),
        migrations.AddConstraint(
            model_name='toolcall',
            constraint=models.UniqueConstraint(fields=('turn', 'index'), name='call_place_once'),
        ),
        migrations.AddConstraint(
            model_name='toolcall',
            constraint=models.CheckConstraint(condition=models.Q(('needs_approval', False), models.Q(('status__in', ['executing', 'succeeded', 'failed', 'unknown', 'resolved']), _negated=True), ('consumed_id__isnull', False), _connector='OR'), name='executing_needs_consumed_approval'),
        ),
        migrations.AddConstraint(
            model_name='toolcall',
            constraint=models.UniqueConstraint(fields=('consumed_id',), name='approval_consumed_by_one_call'),
        ),
        migrations.AddConstraint(
            model_name='toolcall',
            constraint=models.CheckConstraint(condition=models.Q(('consumed_id__isnull', True), ('consumed_id', models.F('request_id')), _connector='OR'), name='consumed_is_its_own_request'),
        ),
        migrations.AddConstraint(
            model_name='toolcall',
            constraint=models.CheckConstraint(condition=models.Q(('trust__in', ['trusted', 'untrusted'])), name='call_trust_known'),
        ),
    ]
