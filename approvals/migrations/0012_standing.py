"""Standing approvals: the table, the column of decisions that names one, and the triggers that hold both together."""

import django.db.models.deletion
import django.db.models.functions.datetime
import uuid
from pathlib import Path
from django.db import migrations, models

from audit.grants import application_role


FILE = Path(__file__).parent / "standing_v1.sql"


def make_guards(apps, schema_editor):
    """Run the SQL file; its functions look for tables in this schema alone."""
    with schema_editor.connection.cursor() as cursor:
        schema, _ = application_role(cursor)
        cursor.execute(FILE.read_text(encoding="utf-8").replace("%(schema)s", schema.replace('"', '""')))


class Migration(migrations.Migration):

    dependencies = [
        ('approvals', '0011_controls'),
    ]

    operations = [
        migrations.CreateModel(
            name='StandingApproval',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('session_id', models.UUIDField()),
                ('session_ref', models.TextField()),
                ('tool', models.TextField()),
                ('status', models.TextField(default='active')),
                ('count', models.SmallIntegerField()),
                ('left', models.SmallIntegerField()),
                ('minutes', models.SmallIntegerField()),
                ('ends_at', models.DateTimeField()),
                ('vary', models.JSONField(default=list)),
                ('up_to', models.JSONField(default=dict)),
                ('policy', models.IntegerField()),
                ('given_by', models.BigIntegerField()),
                ('given_name', models.TextField()),
                ('ended_name', models.TextField(db_default='', default='')),
                ('ended_at', models.DateTimeField(null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.AddField(
            model_name='decision',
            name='standing_id',
            field=models.UUIDField(null=True),
        ),
        migrations.AddIndex(
            model_name='decision',
            index=models.Index(condition=models.Q(('standing_id__isnull', False)), fields=['standing_id'], name='decision_by_standing'),
        ),
        migrations.AddField(
            model_name='standingapproval',
            name='decision',
            field=models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='standing', to='approvals.decision'),
        ),
        migrations.AddField(
            model_name='standingapproval',
            name='request',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='standing', to='approvals.approvalrequest'),
        ),
        migrations.AddIndex(
            model_name='standingapproval',
            index=models.Index(fields=['session_id', '-created_at'], name='standing_of_session'),
        ),
        migrations.AddConstraint(
            model_name='standingapproval',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['active', 'revoked', 'undone', 'used_up'])), name='standing_status_known'),
        ),
        migrations.AddConstraint(
            model_name='standingapproval',
            constraint=models.CheckConstraint(condition=models.Q(('count__range', (1, 50)), ('left__gte', 0), ('left__lte', models.F('count'))), name='standing_is_bounded'),
        ),
        migrations.AddConstraint(
            model_name='standingapproval',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('left', 0), ('status', 'active'), _negated=True), models.Q(('left__gt', 0), ('status', 'used_up'), _negated=True)), name='standing_used_up_is_said'),
        ),
        migrations.AddConstraint(
            model_name='standingapproval',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'revoked'), _negated=True), models.Q(('ended_at__isnull', False), models.Q(('ended_name', ''), _negated=True)), _connector='OR'), name='revoked_needs_who_and_when'),
        ),
        migrations.AddConstraint(
            model_name='standingapproval',
            constraint=models.UniqueConstraint(condition=models.Q(('status', 'undone'), _negated=True), fields=('request',), name='one_standing_approval_per_request'),
        ),
        migrations.RunPython(make_guards),
    ]
