"""A deletion audit as one HTML file that needs nothing else: no request leaves it, and no text is in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from probe.audit.deletion.cautions import cautions, notes
from probe.audit.deletion.decide import Outcome
from probe.audit.deletion.result import Deletion
from probe.audit.deletion.summary import limits, reason
from probe.audit.deletion.together import Together
from probe.audit.deletion.ulira import Attack
from probe.audit.picture import Plot, picture
from probe.audit.report import page, said
from probe.versions import versions

SHOWN = 50  # single texts in a table
COLUMNS = ("text", "before", "after", "retrained", "z", "p", "p by t", "q", "call")


def html(found: Deletion, pictures: Sequence[Plot]) -> str:
    called = sum(call is not Outcome.UNSHOWN for call in found.calls)
    return page(
        "probe.audit.deletion",
        outcome=str(found.outcome), reason=reason(found), limits=limits(found), cautions=cautions(found),
        notes=notes(found), confidence=1 - found.options.alpha, figures=figures(found), columns=COLUMNS,
        rows=texts(found, SHOWN), texts=len(found.calls), called=called, models=_models(found),
        pictures=[picture(plot) for plot in pictures], unscored=found.unscored, left_out=found.left_out,
        provenance=_provenance(found),
    )  # fmt: skip


def figures(found: Deletion) -> dict[str, str]:
    """Returns what is said of all texts, by its name."""
    whole, attack, alpha = found.together, found.attack, found.options.alpha
    rows = {"deleted texts": f"{int(found.deleted.sum()):,}, unseen {int((~found.deleted).sum()):,}"}
    if isinstance(whole, Together):
        rows |= {
            "effect before": f"{whole.earlier.interval(1 - alpha):.4f} nats per token, p = {whole.earlier.p:.2g}",
            "effect after": f"{whole.effect.interval(1 - alpha):.4f} nats per token, p = {whole.effect.p:.2g}",
            "margin": f"{found.options.margin}" + (f", {whole.same.nats:.4f} nats" if whole.same.nats else ""),
            "equivalence": f"p = {whole.same.p:.2g}",
        }
    calls = Counter(map(str, found.calls))
    rows["single texts"] = ", ".join(f"{count:,} {call}" for call, count in calls.most_common())
    rows["U-LiRA"] = (
        f"{attack.deleted:.3f} of pairs told apart ({attack.unseen:.3f} by unseen texts), p = {attack.p:.2g}"
        if isinstance(attack, Attack)
        else attack.reason
    )
    return rows | {"PrivLeak": said(found.privleak)}


def texts(found: Deletion, most: int) -> list[list[str]]:
    """Returns a row of COLUMNS for the deleted texts that stray furthest."""
    phi, tested = found.phi, found.found
    after, retrained = phi.after.mean(0), phi.retrained.mean(0)
    order = sorted(range(len(tested.p)), key=lambda place: (tested.p[place], -abs(tested.z[place])))[:most]
    return [
        [
            found.ids[i], *(f"{one[i]:.3f}" for one in (phi.before, after, retrained)), f"{tested.z[i]:+.2f}",
            *(f"{one[i]:.3g}" for one in (tested.p, tested.p_t, found.q)), str(found.calls[i]),
        ]
        for i in order
    ]  # fmt: skip


def roles(found: Deletion) -> list[str]:
    """Returns a name per model: before, after 1 ..., retrained 1 ..."""
    counted = (("after", len(found.phi.after)), ("retrained", len(found.phi.retrained)))
    return ["before", *(f"{role} {number}" for role, count in counted for number in range(1, count + 1))]


def _models(found: Deletion) -> list[tuple[str, str, str, str]]:
    rows = zip(roles(found), found.models, found.leaks, strict=True)
    return [(role, model.name, said(leak.auc), said(leak.tpr)) for role, model, leak in rows]


def _provenance(found: Deletion) -> dict[str, str]:
    hashes = {role: model.model for role, model in zip(roles(found), found.models, strict=True)}
    first = found.models[0]
    return hashes | {
        "tokenizer": first.tokenizer, "dtype": first.dtype, "windows": first.windows,
        "engine": f"{first.engine}, {first.device}", "texts": found.data, "alpha": f"{found.options.alpha:g}",
        "margin": str(found.options.margin), **versions(),
    }  # fmt: skip
