"""What bounds the load: limits, the book of the rates, who waits, who runs in a tool."""

import django.db.models.functions.datetime
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('agents', '0014_breakers'),
    ]

    operations = [
        migrations.CreateModel(
            name='RateWait',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('owner', models.UUIDField()),
                ('session_id', models.UUIDField()),
                ('session_ref', models.TextField()),
                ('agent', models.TextField()),
                ('model', models.TextField()),
                ('tokens', models.BigIntegerField()),
                ('asked_at', models.DateTimeField()),
                ('seen_at', models.DateTimeField()),
                ('back_at', models.DateTimeField(null=True)),
                ('slot_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='Limit',
            fields=[
                ('scope', models.TextField(primary_key=True, serialize=False)),
                ('requests', models.BigIntegerField(null=True)),
                ('tokens', models.BigIntegerField(null=True)),
                ('at_once', models.BigIntegerField(null=True)),
                ('revision', models.IntegerField(db_default=0, default=0)),
                ('reason', models.TextField(db_default='', default='')),
                ('changed_by', models.TextField(db_default='', default='')),
                ('changed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('at_once__isnull', True), ('scope__startswith', 'model:')), models.Q(('scope__startswith', 'tool:'), ('tokens__isnull', True)), models.Q(('requests__isnull', True), ('scope__startswith', 'queue:'), ('tokens__isnull', True)), _connector='OR'), name='limit_fits_its_scope'), models.CheckConstraint(condition=models.Q(models.Q(('requests__isnull', True), ('requests__gte', 1), _connector='OR'), models.Q(('tokens__isnull', True), ('tokens__gte', 1), _connector='OR'), models.Q(('at_once__isnull', True), ('at_once__gte', 1), _connector='OR')), name='limit_leaves_something')],
            },
        ),
        migrations.CreateModel(
            name='RateBook',
            fields=[
                ('id', models.SmallIntegerField(primary_key=True, serialize=False)),
                ('state', models.JSONField(db_default={}, default=dict)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='one_rate_book')],
            },
        ),
        migrations.CreateModel(
            name='ToolRun',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('tool', models.TextField()),
                ('started_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('until', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
            ],
            options={
                'indexes': [models.Index(fields=['tool', 'started_at'], name='runs_of_a_tool')],
                'constraints': [models.CheckConstraint(condition=models.Q(('until__gte', models.F('started_at'))), name='run_ends_after_start')],
            },
        ),
        # Workers keep the limits in memory; this tells them at once to look again.
        migrations.RunSQL(
            "CREATE TRIGGER limit_tells AFTER INSERT OR UPDATE OR DELETE ON agents_limit"
            " FOR EACH STATEMENT EXECUTE FUNCTION approvals_tell()",
            "DROP TRIGGER limit_tells ON agents_limit",
        ),
        migrations.RunSQL("INSERT INTO agents_ratebook (id) VALUES (1)", migrations.RunSQL.noop),
    ]
