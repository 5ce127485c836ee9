"""Budgets with their meters and reservations, the function that moves those, and what sessions and spend need for it."""

import uuid
from pathlib import Path

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from audit.grants import application_role

FILE = Path(__file__).parent / "budgets_v1.sql"


def make_guards(apps, schema_editor):
    """Run the SQL file; its functions look for tables in this schema alone."""
    with schema_editor.connection.cursor() as cursor:
        schema, _ = application_role(cursor)
        cursor.execute(FILE.read_text(encoding="utf-8").replace("%(schema)s", schema.replace('"', '""')))


class Migration(migrations.Migration):

    dependencies = [
        ('agents', '0011_turns_in_order'),
    ]

    operations = [
        migrations.CreateModel(
            name='Budget',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('kind', models.TextField()),
                ('key', models.TextField(db_default='', default='')),
                ('period', models.TextField()),
                ('cap_microusd', models.BigIntegerField()),
                ('at_cap', models.TextField(db_default='halt', default='halt')),
                ('status', models.TextField(default='active')),
                ('revision', models.IntegerField(db_default=1, default=1)),
                ('made_by', models.TextField()),
                ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('changed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('ended_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='Meter',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField()),
                ('cap_microusd', models.BigIntegerField()),
                ('spent_microusd', models.BigIntegerField(db_default=0, default=0)),
                ('reserved_microusd', models.BigIntegerField(db_default=0, default=0)),
                ('alerted', models.SmallIntegerField(db_default=0, default=0)),
                ('refused_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='ModelUse',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('purpose', models.TextField()),
                ('model', models.TextField()),
                ('prompt_version', models.TextField()),
                ('input_tokens', models.IntegerField(db_default=0, default=0)),
                ('output_tokens', models.IntegerField(db_default=0, default=0)),
                ('cost_microusd', models.BigIntegerField(db_default=0, default=0)),
                ('estimated', models.BooleanField(db_default=False, default=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name='Reservation',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('meters', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None)),
                ('worst_microusd', models.BigIntegerField()),
                ('owner', models.TextField()),
                ('session_id', models.UUIDField()),
                ('model', models.TextField()),
                ('purpose', models.TextField()),
                ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('expires_at', models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name='session',
            name='priority',
            field=models.TextField(null=True),
        ),
        migrations.AddIndex(
            model_name='turn',
            index=django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['created_at'], name='turn_by_time', pages_per_range=32),
        ),
        migrations.AddConstraint(
            model_name='session',
            constraint=models.CheckConstraint(condition=models.Q(('priority__isnull', True), ('priority__in', ['low', 'high']), _connector='OR'), name='priority_known'),
        ),
        migrations.AddConstraint(
            model_name='budget',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['active', 'ended'])), name='budget_status_known'),
        ),
        migrations.AddConstraint(
            model_name='budget',
            constraint=models.CheckConstraint(condition=models.Q(('period__in', ['day', 'month'])), name='budget_period_known'),
        ),
        migrations.AddConstraint(
            model_name='budget',
            constraint=models.CheckConstraint(condition=models.Q(('at_cap__in', ['halt', 'queue'])), name='budget_at_cap_known'),
        ),
        migrations.AddConstraint(
            model_name='budget',
            constraint=models.CheckConstraint(condition=models.Q(('cap_microusd__gte', 1), ('cap_microusd__lte', 1000000000000000)), name='budget_cap_is_an_amount'),
        ),
        migrations.AddConstraint(
            model_name='budget',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('key', ''), ('kind', 'all')), models.Q(('kind__in', ['agent', 'tenant']), models.Q(('key', ''), _negated=True)), _connector='OR'), name='budget_names_its_kind'),
        ),
        migrations.AddConstraint(
            model_name='budget',
            constraint=models.UniqueConstraint(condition=models.Q(('status', 'active')), fields=('kind', 'key', 'period'), name='one_active_budget_per_scope_and_period'),
        ),
        migrations.AddConstraint(
            model_name='budget',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', True), ('status', 'active')), models.Q(('ended_at__isnull', False), ('status', 'ended')), _connector='OR'), name='ended_budget_needs_time'),
        ),
        migrations.AddField(
            model_name='meter',
            name='budget',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='meters', to='agents.budget'),
        ),
        migrations.AddField(
            model_name='modeluse',
            name='session',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='uses', to='agents.session'),
        ),
        migrations.AddConstraint(
            model_name='reservation',
            constraint=models.CheckConstraint(condition=models.Q(('worst_microusd__gte', 0)), name='worst_case_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='reservation',
            constraint=models.CheckConstraint(condition=models.Q(('meters', []), _negated=True), name='reservation_is_on_a_meter'),
        ),
        migrations.AddConstraint(
            model_name='meter',
            constraint=models.UniqueConstraint(fields=('budget', 'starts_at'), name='one_meter_per_budget_and_period'),
        ),
        migrations.AddConstraint(
            model_name='meter',
            constraint=models.CheckConstraint(condition=models.Q(('spent_microusd__gte', 0)), name='spent_money_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='meter',
            constraint=models.CheckConstraint(condition=models.Q(('reserved_microusd__gte', 0)), name='reserved_money_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='meter',
            constraint=models.CheckConstraint(condition=models.Q(('alerted__in', [0, 50, 80, 100])), name='meter_level_known'),
        ),
        migrations.AddIndex(
            model_name='modeluse',
            index=models.Index(fields=['session'], name='use_of_session'),
        ),
        migrations.AddIndex(
            model_name='modeluse',
            index=django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['created_at'], name='use_by_time', pages_per_range=32),
        ),
        migrations.RunPython(make_guards),
    ]
