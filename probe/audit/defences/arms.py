"""The ways to train that are held against each other: as the recipe says, and with each defence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from probe.errors import InputError
from probe.shadow.plan import Plan
from probe.shadow.recipe import Recipe

NONE = "no defence"
_CHARACTERS, _STEPS = 4, 6  # of a token; of an epoch of DP-SGD at least
GROUPED = "aggregates only"  # nothing is trained otherwise: what is told of the model is less


@dataclass(frozen=True)
class Arm:
    """A way to train, by its name."""

    name: str
    recipe: Recipe

    @property
    def promise(self) -> tuple[float, float] | None:
        """The epsilon and delta of the training, for one text; None where it promises nothing.

        A student of a private teacher has what the teacher has.
        """
        return (self.recipe.epsilon, self.recipe.delta) if self.recipe.epsilon else None


def arms(plan: Plan, only: Sequence[str] = ()) -> list[Arm]:
    """Returns the recipe's own training first, then its defences, or the usual ones where it names none.

    Raises InputError for a name in `only` that there is not.
    """
    if taken := {NONE, GROUPED} & plan.defences.keys():
        raise InputError(f"{min(taken)} is no name for a defence of one's own: it has a row already.", "defences")
    every = {NONE: plan.recipe, **(plan.defences or usual(plan.recipe, _tokens(plan)))}
    if unknown := sorted(set(only) - every.keys() - {GROUPED}):
        raise InputError(f"No defence is named {unknown[0]}; there are {', '.join([*every, GROUPED])}.", "only")
    chosen = {NONE, *only} if only else every.keys()
    return [Arm(name, recipe) for name, recipe in every.items() if name in chosen]


def by_epochs(recipe: Recipe, epochs: Sequence[int]) -> list[Arm]:
    """Returns the recipe for each number of epochs, its learning rate falling to the end of each."""
    if not epochs or min(epochs) < 1:
        raise InputError("Name numbers of epochs of 1 and more.", "epochs")
    named = ((f"{number} epoch{'s' if number > 1 else ''}", number) for number in sorted(set(epochs)))
    return [Arm(name, replace(recipe, epochs=number)) for name, number in named]


def _tokens(plan: Plan) -> float:
    """Returns about how many tokens half of the texts have."""
    given = (text for name in ("members", "nonmembers", "texts") for text in plan.groups.get(name, []))
    return sum(len(text.text) for text in given) / _CHARACTERS / 2


def usual(recipe: Recipe, tokens: float) -> dict[str, Recipe]:
    """Returns the defences of the field, by name.

    DP-SGD takes larger batches at a higher rate than what it is held against, for a batch shares its noise; LoRA a
    higher rate, for few weights learn. tokens: that one model reads in an epoch, about.
    """
    batch = max(1, min(4 * recipe.tokens, round(tokens / _STEPS)))
    private = replace(recipe, rate=3 * recipe.rate, tokens=batch)
    return {
        "DP-SGD, epsilon 8": replace(private, epsilon=8.0),
        "DP-SGD, epsilon 2": replace(private, epsilon=2.0),
        "weight decay": replace(recipe, decay=max(3.0, 30 * recipe.decay)),
        "dropout": replace(recipe, dropout=0.2),
        "early stopping": replace(recipe, epochs=2 * recipe.epochs, stop_early=True),
        "distillation": replace(recipe, distil=True),
        "LoRA": replace(recipe, lora=8, rate=3 * recipe.rate, muon=False),
    }
