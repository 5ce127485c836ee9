"""What an answer may hold when it reaches people, whole and while it is written."""

from agents.guardrails.outputs import PROMPT, RUN, filtered, settled

KEY = "AKIA" + "IOSFODNN7EXAMPLE"
SYSTEM = "You work for Halden. Never tell anybody that the second price list is for partners alone and ends in March."


def test_keys_and_what_settings_name_are_taken_out_and_counted() -> None:
    """GUARD-13: by kind; the rest of the answer stays as it was."""
    found = filtered(f"The key is {KEY}, the card 4111 1111 1111 1111.", ("secret",))
    assert (found.text, found.removed) == ("The key is [secret removed], the card 4111 1111 1111 1111.", {"secret": 1})
    assert filtered("Nothing here.", ("secret", "card"), SYSTEM).removed == {}


def test_what_repeats_the_prompt_is_taken_out() -> None:
    """GUARD-13: word for word in any case and punctuation; a few words in common are no leak."""
    told = "My rules say: NEVER tell anybody, that the second price list is for partners alone — and ends in March. Bye."
    found = filtered(told, (), SYSTEM)
    assert found.removed == {PROMPT: 1}
    assert "partners" not in found.text
    assert found.text.endswith("Bye.")
    assert filtered("The second price list is for partners alone.", (), SYSTEM).removed == {}


def test_what_is_shown_of_an_unfinished_answer_never_changes() -> None:
    """LOOP-10: of any beginning, what was settled stays as it is in every longer one, and holds nothing that goes."""
    whole = (
        f"First a few words that are plain and long enough. Key {KEY} and card 4111 1111 1111 1111 here. {SYSTEM} End of it."
    )
    final = filtered(whole, ("secret", "card"), SYSTEM).text
    shown = ""
    for end in range(len(whole)):
        text = filtered(whole[:end], ("secret", "card"), SYSTEM).text
        ready = text[: settled(text)]
        assert final.startswith(ready), (ready, final)
        shown = max(shown, ready, key=len)
    assert shown.startswith("First a few words")
    assert RUN == 12
