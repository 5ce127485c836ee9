"""Rollouts that somebody planned in steps."""

import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('agents', '0029_grading'),
    ]

    operations = [
        migrations.CreateModel(
            name='RolloutPlan',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('steps', models.JSONField()),
                ('at', models.SmallIntegerField(db_default=0, default=0)),
                ('since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('waits', models.TextField(db_default='', default='')),
                ('had', models.IntegerField(db_default=0, default=0)),
                ('reason', models.TextField(db_default='', default='')),
                ('planned_by', models.TextField()),
                ('status', models.TextField(default='active')),
                ('why', models.TextField(db_default='', default='')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('ended_at', models.DateTimeField(null=True)),
                ('prompt', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='plans', to='agents.prompt')),
                ('version', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agents.promptversion')),
            ],
            options={
                'indexes': [models.Index(fields=['prompt', '-created_at'], name='rollout_plan_newest')],
                'constraints': [
                    models.CheckConstraint(condition=models.Q(('status__in', ['active', 'cancelled', 'done', 'overtaken', 'paused'])), name='rollout_plan_status_known'),
                    models.CheckConstraint(condition=models.Q(('status__in', ['active', 'paused']), ('ended_at__isnull', False), _connector='XOR'), name='rollout_plan_ended_says_when'),
                    models.UniqueConstraint(condition=models.Q(('status__in', ['active', 'paused'])), fields=('prompt',), name='one_open_plan_per_prompt'),
                ],
            },
        ),
    ]
