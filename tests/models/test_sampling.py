"""Continuations: the model's own distribution, one random stream per prompt and sample."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from probe import open_probe
from probe.models.base import Sampler
from probe.models.cache import Cache, CachedEngine
from probe.models.local import LocalEngine
from probe.models.sampling import Noise, stream
from probe.models.writing import Prompt, write
from probe.pipeline import Probe
from probe.types import Tokens, Unscored
from probe.wanted import while_wanted
from tests.tiny import ASSETS

TEXTS = [
    "The iterator yields each key once, and then it stops; otherwise the default value is returned.",
    "Return the number of items in the queue.",
    "If the file does not exist, it is made; otherwise its content is lost.",
]


def prompts_of(engine: LocalEngine, texts: list[str], size: int = 12) -> list[Prompt]:
    return [Prompt(entry.ids, size) for entry in engine.tokenize(texts) if isinstance(entry, Tokens)]


def by_hand(model: Any, prompt: Prompt, sample: int, end: int) -> list[int]:
    """The same noise over whole forward passes without a cache."""
    ids, noise = prompt.ids.tolist(), stream(prompt, sample)
    for _ in range(prompt.size):
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1].float()
        waits = torch.from_numpy(noise.standard_exponential(len(logits), dtype=np.float32))
        ids.append(int((logits - waits.log()).argmax()))
        if ids[-1] == end:
            return ids[len(prompt.ids) : -1]
    return ids[len(prompt.ids) :]


@pytest.mark.parametrize("shape", ["embedded", "llama", "gpt2", "gemma2"])
def test_samples_are_those_of_whole_passes(make_model: Callable[[str], Path], shape: str) -> None:
    """Also after scoring has changed the model's attention to packed rows."""
    from transformers import AutoModelForCausalLM

    folder = ASSETS / "target" if shape == "embedded" else make_model(shape)
    engine = LocalEngine.open(str(folder), dtype="float32")
    prompts = prompts_of(engine, TEXTS, 8)
    engine.score([tokens for tokens in engine.tokenize(TEXTS) if isinstance(tokens, Tokens)])
    plain = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    end = plain.generation_config.eos_token_id
    for prompt, found in zip(prompts, engine.write(prompts, 3), strict=True):
        wanted = [by_hand(plain, prompt, sample, end) for sample in range(3)]
        assert found == engine._tokenizer.decode(wanted) and len(set(found)) > 1  # type: ignore[arg-type]


def test_noise_draws_from_the_softmax() -> None:
    """20,000 draws of four words: every share within 4 standard errors."""
    logits, n = torch.tensor([2.0, 1.0, 0.0, -1.0]), 20_000
    noise = Noise([Prompt(np.array([1, 2], np.int32), 1)] * n, n)
    drawn = noise(torch.empty(0), logits.expand(n, 4)).argmax(1)
    shares, wanted = torch.bincount(drawn, minlength=4) / n, logits.softmax(0)
    assert (shares - wanted).abs().max() < 4 * float((wanted * (1 - wanted) / n).sqrt().max())


def test_a_sampler_s_draws_are_of_its_distribution() -> None:
    """At half the temperature, of the two likeliest words; ties with the last of them are kept, as p_z has it."""
    logits, n = torch.tensor([2.0, 1.0, 0.0, 1.0]), 20_000
    noise = Noise([Prompt(np.array([1, 2], np.int32), 1)] * n, n, Sampler(0.5, 2))
    shares = torch.bincount(noise(torch.empty(0), logits.expand(n, 4)).argmax(1), minlength=4) / n
    wanted = torch.tensor([4.0, 2.0, -torch.inf, 2.0]).softmax(0)
    assert shares[2] == 0
    assert (shares - wanted).abs().max() < 4 * float((wanted * (1 - wanted) / n).sqrt().max())


def test_a_top_k_of_1_is_greedy(tmp_path: Path) -> None:
    engine = CachedEngine(LocalEngine.open(str(ASSETS / "target")), Cache(tmp_path / "cache.sqlite", 1 << 24))
    prompts = [Prompt(one.ids, 12) for one in engine.tokenize(TEXTS) if isinstance(one, Tokens)]
    (greedy, drawn) = (write(engine, prompts, samples, Sampler(top_k=1)) for samples in (0, 2))
    assert [one * 2 for one in greedy if isinstance(one, list)] == drawn
    assert drawn != write(engine, prompts, 2, Sampler(4.0)) != write(engine, prompts, 2)


def test_company_does_not_matter() -> None:
    engine = LocalEngine.open(str(ASSETS / "target"))
    prompts = prompts_of(engine, [*TEXTS, TEXTS[1].replace("queue", "stack")])
    together = engine.write(prompts[::-1] + prompts, 4)
    assert together[:4][::-1] == together[4:] == [engine.write([prompt], 4)[0] for prompt in prompts]


def test_between_two_tokens_it_ends_once_nobody_waits() -> None:
    engine, asked = LocalEngine.open(str(ASSETS / "target")), []

    def gone() -> None:
        asked.append(True)
        if len(asked) > 4:
            raise TimeoutError

    with while_wanted(gone), pytest.raises(TimeoutError):
        engine.write(prompts_of(engine, TEXTS[:1], 30), 2)
    assert len(asked) == 5


def test_each_answer_has_its_own_size() -> None:
    engine = LocalEngine.open(str(ASSETS / "target"))
    (prompt,) = prompts_of(engine, TEXTS[:1], 3)
    longer = Prompt(prompt.ids, 9)
    short, long = engine.write([prompt, longer], 2)
    assert not isinstance(short, Unscored) and not isinstance(long, Unscored)
    assert all(
        other.startswith(one.strip()) or other.strip().startswith(one.strip())
        for one, other in zip(short, long, strict=True)
    )


def test_what_does_not_fit_the_context_is_refused_in_words(make_model: Callable[[str], Path]) -> None:
    engine = LocalEngine.open(str(make_model("llama")))
    short, long = prompts_of(engine, [TEXTS[1], TEXTS[0] * 2], 30)
    found = engine.write([long, short], 1)
    assert isinstance(found[0], Unscored) and "send passages of it" in found[0].reason
    assert isinstance(found[1], list) and len(found[1]) == 1
    (alien,) = engine.write([Prompt(np.array([1, 10**6], np.int32), 3)], 1)
    assert isinstance(alien, Unscored) and "its own tokenizer" in alien.reason
    assert engine.write([], 3) == []


def test_a_model_without_an_end_of_text_goes_on_to_the_limit(make_model: Callable[[str], Path]) -> None:
    engine = LocalEngine.open(str(make_model("llama")))
    engine.load()
    engine.network.model.generation_config.eos_token_id = None
    (prompt,) = prompts_of(engine, TEXTS[1:2], 8)
    (found,) = engine.write([prompt], 2)
    assert isinstance(found, list) and found == engine._tokenizer.decode(
        [by_hand(engine.network.model, prompt, sample, end=-1) for sample in range(2)]
    )


def test_where_memory_does_not_suffice_fewer_are_drawn_at_once() -> None:
    """The device is said to be full past so many rows: six hold two prompts of three samples, two hold none."""
    engine = LocalEngine.open(str(ASSETS / "target"))
    prompts = prompts_of(engine, [TEXTS[1]] * 3)
    wanted, generate = engine.write(prompts, 3), engine.network.model.generate

    def full_past(most: int) -> Callable[..., torch.Tensor]:
        def tight(ids: torch.Tensor, **options: Any) -> torch.Tensor:
            if len(ids) > most:
                raise torch.OutOfMemoryError
            return generate(ids, **options)  # type: ignore[no-any-return]

        return tight

    engine.network.model.generate = full_past(6)
    assert engine.write(prompts, 3) == wanted
    engine.network.model.generate = full_past(2)
    assert all(isinstance(found, Unscored) and "out of memory" in found.reason for found in engine.write(prompts, 3))


def test_engines_that_cannot_write_say_so() -> None:
    class Mute:
        pass

    (found,) = write(Mute(), [Prompt(np.array([1], np.int32), 2)], 3)
    assert isinstance(found, Unscored) and "memprobe ask" in found.reason


def test_samia_end_to_end(demo: Probe) -> None:
    texts = [TEXTS[0], "word", "", TEXTS[2]]
    results = demo(texts, scores=["samia", "loss"])
    values = [result.scores["samia"].value if result.scores else None for result in results]
    assert 0 <= values[0] <= 1 and 0 <= values[3] <= 1  # type: ignore[operator]
    assert "fewer than 2 words" in str(results[1].scores["samia"].reason) and results[2].error
    assert [r.scores["samia"].value for r in demo(texts[::-1][:1], scores=["samia"])] == values[3:]


def test_a_cached_engine_writes_too(tmp_path: Path) -> None:
    from probe.config import Settings

    opened = open_probe(str(ASSETS / "target"), settings=Settings(home=tmp_path, cache_bytes=1 << 20))
    assert isinstance(opened.target, CachedEngine)
    (result,) = opened(TEXTS[:1], scores=["samia"])
    assert result.scores["samia"].value is not None
