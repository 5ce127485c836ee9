"""A version's number has one spelling: no zeros in front, no empty word. What is there already is looked at first."""

from django.db import migrations, models

NUMBER, WORD = "(0|[1-9][0-9]{0,8})", "(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
FORM = rf"^(?=.{{1,80}}$){NUMBER}\.{NUMBER}\.{NUMBER}(-{WORD}(\.{WORD})*)?$"


def look(apps, schema_editor):
    """Name the versions that would be refused, instead of letting the database say that some row is."""
    version = apps.get_model("agents", "PromptVersion")
    rows = version.objects.using(schema_editor.connection.alias).exclude(version__regex=FORM)
    if odd := [f"{slug} {number}" for slug, number in rows.values_list("prompt__slug", "version")[:10]]:
        raise RuntimeError(
            f"These versions of prompts are numbered in a spelling of their own: {', '.join(odd)}. Versions never change; go back"
            " to the release before this one, export the prompts, and take them into a new installation with other numbers."
        )


class Migration(migrations.Migration):

    dependencies = [
        ("agents", "0030_rollout_plans"),
    ]

    operations = [
        migrations.RunPython(look, migrations.RunPython.noop),
        migrations.RemoveConstraint(model_name="promptversion", name="prompt_version_semver"),
        migrations.AddConstraint(
            model_name="promptversion",
            constraint=models.CheckConstraint(condition=models.Q(version__regex=FORM), name="prompt_version_one_spelling"),
        ),
    ]
