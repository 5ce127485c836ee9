"""Grading: rubrics, what is graded, grades of people and of the judge; and what a result cost, told apart by model."""

import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.functions.datetime
import uuid
from django.db import migrations, models

from audit.grants import application_role

GUARD = """
-- What a grade was given for, and what was given, stays: changing either would rewrite a measured agreement.
CREATE FUNCTION "%(schema)s".agents_grading_rubric_is_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(NEW) - 'status' IS DISTINCT FROM to_jsonb(OLD) - 'status' THEN
        RAISE EXCEPTION 'a rubric is immutable; add another revision' USING ERRCODE = '23001';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER grading_rubric_is_immutable BEFORE UPDATE ON "%(schema)s".agents_gradingrubric
    FOR EACH ROW EXECUTE FUNCTION "%(schema)s".agents_grading_rubric_is_immutable();

CREATE FUNCTION "%(schema)s".agents_grade_is_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a grade is immutable; a correction is another grade' USING ERRCODE = '23001';
END $$;
CREATE TRIGGER grade_is_immutable BEFORE UPDATE OR DELETE ON "%(schema)s".agents_grade
    FOR EACH ROW EXECUTE FUNCTION "%(schema)s".agents_grade_is_immutable();
"""


def guard(apps, schema_editor):
    """Let the database refuse changes."""
    with schema_editor.connection.cursor() as cursor:
        schema, _ = application_role(cursor)
        cursor.execute(GUARD.replace("%(schema)s", schema.replace('"', '""')))


class Migration(migrations.Migration):

    dependencies = [
        ('agents', '0028_reruns'),
    ]

    operations = [
        migrations.CreateModel(
            name='Grade',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('by_kind', models.TextField()),
                ('by', models.TextField()),
                ('name', models.TextField()),
                ('scores', models.JSONField()),
                ('notes', models.JSONField(default=dict)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name='GradingItem',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('number', models.BigIntegerField(unique=True)),
                ('subject', models.TextField()),
                ('upto', models.IntegerField(null=True)),
                ('status', models.TextField(default='coming')),
                ('grades', models.IntegerField(db_default=0, default=0)),
                ('claimed_by', models.BigIntegerField(null=True)),
                ('claimed_name', models.TextField(db_default='', default='')),
                ('claimed_until', models.DateTimeField(null=True)),
                ('skipped_reason', models.TextField(db_default='', default='')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name='GradingRubric',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('slug', models.TextField()),
                ('revision', models.IntegerField()),
                ('document', models.JSONField()),
                ('checksum', models.TextField()),
                ('author', models.TextField()),
                ('status', models.TextField(default='current')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name='GradingRule',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('kind', models.TextField()),
                ('key', models.TextField()),
                ('rubric', models.TextField()),
                ('share', models.SmallIntegerField(db_default=0, default=0)),
                ('judge', models.TextField(db_default='', default='')),
                ('cap_microusd', models.BigIntegerField()),
                ('seen_session', models.BigIntegerField(db_default=0, default=0)),
                ('seen_run', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('revision', models.IntegerField(db_default=1, default=1)),
                ('changed_by', models.TextField()),
                ('changed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name='Judging',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('model', models.TextField()),
                ('status', models.TextField(default='queued')),
                ('ready_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('lease_token', models.IntegerField(db_default=0, default=0)),
                ('lease_expires', models.DateTimeField(null=True)),
                ('attempts', models.SmallIntegerField(db_default=0, default=0)),
                ('error', models.TextField(db_default='', default='')),
                ('calls', models.IntegerField(db_default=0, default=0)),
                ('input_tokens', models.BigIntegerField(db_default=0, default=0)),
                ('output_tokens', models.BigIntegerField(db_default=0, default=0)),
                ('cost_microusd', models.BigIntegerField(db_default=0, default=0)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('ended_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.AddField(
            model_name='evalresult',
            name='uses',
            field=models.JSONField(null=True),
        ),
        migrations.AddIndex(
            model_name='evalresult',
            index=django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['created_at'], name='result_by_time', pages_per_range=32),
        ),
        migrations.AddField(
            model_name='gradingitem',
            name='result',
            field=models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agents.evalresult'),
        ),
        migrations.AddField(
            model_name='gradingitem',
            name='session',
            field=models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agents.session'),
        ),
        migrations.AddField(
            model_name='grade',
            name='item',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='given', to='agents.gradingitem'),
        ),
        migrations.AddConstraint(
            model_name='gradingrubric',
            constraint=models.UniqueConstraint(fields=('slug', 'revision'), name='one_grading_rubric_revision'),
        ),
        migrations.AddConstraint(
            model_name='gradingrubric',
            constraint=models.UniqueConstraint(condition=models.Q(('status', 'current')), fields=('slug',), name='one_current_grading_rubric'),
        ),
        migrations.AddConstraint(
            model_name='gradingrubric',
            constraint=models.CheckConstraint(condition=models.Q(('slug__regex', '^[a-z0-9][a-z0-9-]{0,62}$')), name='grading_rubric_slug_form'),
        ),
        migrations.AddConstraint(
            model_name='gradingrubric',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['current', 'superseded'])), name='grading_rubric_status_known'),
        ),
        migrations.AddField(
            model_name='gradingitem',
            name='rubric',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agents.gradingrubric'),
        ),
        migrations.AddField(
            model_name='gradingrule',
            name='agent',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agents.agent'),
        ),
        migrations.AddField(
            model_name='gradingitem',
            name='rule',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='items', to='agents.gradingrule'),
        ),
        migrations.AddField(
            model_name='judging',
            name='item',
            field=models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='judging', to='agents.gradingitem'),
        ),
        migrations.AddIndex(
            model_name='grade',
            index=models.Index(fields=['item', 'by_kind', 'by', '-created_at'], name='grades_of_item'),
        ),
        migrations.AddConstraint(
            model_name='grade',
            constraint=models.CheckConstraint(condition=models.Q(('by_kind__in', ['person', 'judge'])), name='grade_by_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='grade',
            constraint=models.UniqueConstraint(condition=models.Q(('by_kind', 'judge')), fields=('item', 'by'), name='one_grade_of_a_judge'),
        ),
        migrations.AddConstraint(
            model_name='gradingrule',
            constraint=models.UniqueConstraint(fields=('kind', 'key'), name='one_grading_rule'),
        ),
        migrations.AddConstraint(
            model_name='gradingrule',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['agent', 'suite'])), name='grading_rule_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='gradingrule',
            constraint=models.CheckConstraint(condition=models.Q(('share__gte', 0), ('share__lte', 100)), name='grading_rule_share_range'),
        ),
        migrations.AddConstraint(
            model_name='gradingrule',
            constraint=models.CheckConstraint(condition=models.Q(('cap_microusd__gte', 1)), name='grading_rule_cap_positive'),
        ),
        migrations.AddIndex(
            model_name='gradingitem',
            index=models.Index(condition=models.Q(('status', 'waiting')), fields=['number'], name='grading_waits'),
        ),
        migrations.AddIndex(
            model_name='gradingitem',
            index=models.Index(condition=models.Q(('status', 'coming')), fields=['number'], name='grading_coming'),
        ),
        migrations.AddIndex(
            model_name='gradingitem',
            index=models.Index(fields=['rule', '-number'], name='grading_of_rule'),
        ),
        migrations.AddConstraint(
            model_name='gradingitem',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['coming', 'graded', 'skipped', 'waiting'])), name='grading_item_status_known'),
        ),
        migrations.AddConstraint(
            model_name='gradingitem',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('result__isnull', False), ('session__isnull', True)), models.Q(('result__isnull', True), ('session__isnull', False)), _connector='OR'), name='grading_item_of_one_thing'),
        ),
        migrations.AddConstraint(
            model_name='gradingitem',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('claimed_by__isnull', True), ('claimed_until__isnull', True)), models.Q(('claimed_by__isnull', False), ('claimed_until__isnull', False)), _connector='OR'), name='grading_claim_all_or_none'),
        ),
        migrations.AddConstraint(
            model_name='gradingitem',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'graded'), _negated=True), ('grades__gte', 1), _connector='OR'), name='graded_has_a_grade'),
        ),
        migrations.AddIndex(
            model_name='judging',
            index=models.Index(condition=models.Q(('status__in', ['queued', 'running'])), fields=['ready_at'], name='judging_open'),
        ),
        migrations.AddIndex(
            model_name='judging',
            index=django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['ended_at'], name='judging_by_time', pages_per_range=32),
        ),
        migrations.AddConstraint(
            model_name='judging',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['done', 'failed', 'queued', 'running'])), name='judging_status_known'),
        ),
        migrations.AddConstraint(
            model_name='judging',
            constraint=models.CheckConstraint(condition=models.Q(('status', 'running'), ('lease_expires__isnull', True), _connector='XOR'), name='judging_lease'),
        ),
        migrations.AddConstraint(
            model_name='judging',
            constraint=models.CheckConstraint(condition=models.Q(('calls__gte', 0), ('cost_microusd__gte', 0), ('input_tokens__gte', 0), ('output_tokens__gte', 0)), name='judging_spent_not_negative'),
        ),
        migrations.RunPython(guard, migrations.RunPython.noop),
    ]
