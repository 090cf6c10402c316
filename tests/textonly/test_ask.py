"""The whole flow, and the command, against servers that generate with the embedded target or know what they know."""

from __future__ import annotations

import re

import pytest

from probe.errors import InputError, OverBudget
from probe.models.budget import Budget, Prices
from probe.models.generate import GenerateEngine
from probe.textonly import quiz
from probe.textonly.ask import NOTE, ask
from probe.textonly.passages import Passage
from probe.textonly.plan import Attack, Options, plan
from probe.types import Unscored
from tests.textonly.conftest import Serve
from tests.textonly.serving import Server

KNOWN = [f"Passage {i} says that the value is {i * i} and that nothing else follows it." for i in range(6)]
OTHER = [f"Text {i} holds the number {i * 7} which nobody has ever read before today." for i in range(6)]


def passages() -> list[Passage]:
    return [
        Passage(text, text[:9], (f"{text} Truly.", f"Indeed, {text}", f"So: {text} Yes.")) for text in KNOWN + OTHER
    ]


def memory(prompt: str) -> str:
    """Knows one half of the passages by heart, and else says A."""
    for text in KNOWN:
        if prompt.endswith("Answer:"):
            if found := re.search(rf"^([A-D])\. {re.escape(text)}$", prompt, re.MULTILINE):
                return f"The answer is {found[1]}."
        elif prompt in text:
            return text.removeprefix(prompt)
    return "A"


def test_what_is_known_scores_higher(serve: Serve) -> None:
    address, _ = serve(Server("completions", reply=memory))
    engine, steps = GenerateEngine(address), []
    asked = ask(engine, passages(), Options(samples=2), lambda done, total: steps.append((done, total)))
    known, other = asked.results[:6], asked.results[6:]
    assert [(r.samia.value, r.quiz.value, r.unparsable) for r in known] == [(1.0, 1.0, 0)] * 6
    assert [(r.samia.value, r.quiz.value) for r in other] == [(0.0, quiz.CHANCE)] * 6
    assert all((r.samia_zlib.value or 0) > 10 for r in known) and asked.note == NOTE
    assert isinstance(asked.quiz, quiz.Mean) and asked.quiz.accuracy == pytest.approx(0.625)
    assert asked.quiz.low > quiz.CHANCE and asked.price is None
    total = 12 * (2 + 24)
    assert steps[-1] == (total, total) and [done for done, _ in steps] == list(range(1, total + 1))
    assert asked.usage.requests == total + 1


def test_the_embedded_target_is_asked_for_real(serve: Serve) -> None:
    address, _ = serve(Server("chat/completions"))
    rows = [
        Passage("Return a new list containing all items", "x", ("a", "b", "c")),
        Passage("one"),
        Passage("two words"),
    ]
    asked = ask(GenerateEngine(address), rows, Options(samples=2, permutations=4))
    first, second, third = asked.results
    assert first.samia.value is not None and first.quiz.value is not None and first.unparsable is not None
    assert "fewer than 2 words" in str(second.samia.reason) and second.failed
    assert third.samia.value is not None and third.quiz.reason == 'the quiz takes three "paraphrases" of each text'
    assert isinstance(asked.quiz, Unscored) and "takes 10 passages; 1 were scored" in asked.quiz.reason


@pytest.mark.parametrize(("attack", "requests"), [("samia", 2 * 12), ("quiz", 4 * 12), ("both", 6 * 12)])
def test_the_plan_says_what_will_be_asked(serve: Serve, attack: Attack, requests: int) -> None:
    server = Server("completions", reply=memory)
    address, _ = serve(server)
    options = Options(attack, samples=2, permutations=4)
    engine = GenerateEngine(address, budget=Budget(requests=requests + 1))
    made = plan(engine, passages(), options)
    assert made.estimate.requests == requests + 1 and server.asked == 0  # one finds the dialect
    asked = ask(engine, passages(), options)
    assert server.asked == asked.usage.requests == made.estimate.requests
    assert {r.samia.reason for r in asked.results} == ({"not requested"} if attack == "quiz" else {None})
    with pytest.raises(OverBudget, match="Refused before asking"):
        ask(engine, passages(), options)  # the budget is the engine's, not the call's


def test_a_failed_question_leaves_the_passage_without_quiz(serve: Serve) -> None:
    def reply(prompt: str) -> str | None:
        return None if KNOWN[0] in prompt and f"A. {KNOWN[0]}\n" in prompt else "A"

    address, _ = serve(Server("completions", reply=reply))
    first, *rest = ask(GenerateEngine(address), passages(), Options("quiz")).results
    assert str(first.quiz.reason).startswith("6 of 24 questions failed: the server answered without text")
    assert all(result.quiz.value == quiz.CHANCE for result in rest)


def test_what_is_paid_for_is_scored_where_the_server_counts_more_than_was_estimated(serve: Serve) -> None:
    server = Server("completions", reply=memory)
    address, _ = serve(server)
    free = GenerateEngine(address)
    options = Options(samples=2, permutations=4)
    estimate = plan(free, passages(), options).estimate
    engine = GenerateEngine(address, concurrency=1, budget=Budget(price=estimate.input, prices=Prices(1e6, 0)))
    server.inflation = estimate.input // 10 // 30  # some thirty answers use up what should have paid for 73
    asked = ask(engine, passages(), options)
    assert all(result.samia.value is not None for result in asked.results)
    assert asked.results[0].quiz.value == 1.0  # the first still fits
    last = str(asked.results[-1].quiz.reason)
    assert last.startswith("4 of 4 questions failed: not asked, because the budget is used up")
    assert 25 < server.asked == asked.usage.requests < 40 and asked.price


def test_wrong_options() -> None:
    engine = GenerateEngine("http://127.0.0.1:9")
    for options in ({"attack": "other"}, {"samples": 0}, {"permutations": 3}):
        with pytest.raises(InputError):
            Options(**options)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"nothing to ask: .*paraphrases"):
        plan(engine, [Passage("some words")], Options("quiz"))
    with pytest.raises(InputError, match="there is no text"):
        plan(engine, [], Options())
