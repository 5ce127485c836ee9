"""The classes of raw content: what each is, and which of them have an end. Pure."""

from collections.abc import Mapping

CLASSES: Mapping[str, str] = {
    "goal": "What sessions were asked to do",
    "message": "Messages of people, programs and strangers to a session",
    "answer": "What agents answered",
    "raw_answer": "Answers before something was taken out of them",
    "reasoning": "What models wrote beside their calls, and their answers",
    "raw_arguments": "Arguments as the model wrote them",
    "arguments": "Arguments as they were checked or changed by a reviewer",
    "result": "What tools returned",
    "withheld": "What was kept from a model until a person releases it",
    "summary": "Summaries of earlier steps",
    "instruction": "What reviewers wrote with a decision",
    "grade": "Grades of people and judges, with their notes",
    "reason": "Why somebody broke the glass",
    "note": "What people found: of a broken glass, of a log that did not verify",
    "memory": "Names of remembered facts that were deleted",
}
"""Classes that can be given days. Others are for ever: texts of prompts, cases and rubrics stay as long as their versions."""
LONGEST_DAYS = 36_500
