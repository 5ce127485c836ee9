"""Grading: people grade sampled sessions and results against a rubric; a judge model grades the same; how far they agree is measured.

`document`   what a rubric holds
`rubrics`    making revisions of rubrics, and reading them
`rules`      how much of what is graded, against which rubric, and by which judge
`sampling`   taking what is graded, by a beat in the background
`items`      the queue: claiming, grading, skipping, and who may be shown what others gave
`transcript` what an item's graders read, people and judge alike
`judging`    the judge in the background
`agreement`  kappa and its interval, pure
`results`    agreement as it was measured
"""
