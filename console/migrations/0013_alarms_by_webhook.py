"""Alarms of the log go to several programs: each is told once of a place in the log."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("console", "0012_told_of_the_log")]

    operations = [
        migrations.AlterField(model_name="callback", name="n", field=models.BigIntegerField()),
        migrations.AddConstraint(
            model_name="callback",
            constraint=models.UniqueConstraint(fields=("n", "url"), name="each_program_told_once"),
        ),
    ]
