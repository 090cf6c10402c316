"""Every endpoint: the pinned shape of an answer, and a clear 4xx for each kind of bad request."""

from __future__ import annotations

import json
import logging
import math
from typing import Any

import pytest
from starlette.testclient import TestClient

from probe import Text
from probe.pipeline import Probe
from server.schemas.probe import EXAMPLE

LONGER = "The value must be a string, or none at all if the default of the platform is to be used instead."


def ask(client: TestClient, **body: Any) -> dict[str, Any]:
    answer = client.post("/v1/probe", json={"model": "demo", **body})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_the_pinned_shape(client: TestClient, demo: Probe) -> None:
    answer = ask(client, input=[LONGER], return_tokens=True)
    assert answer["id"].startswith("probe-") and answer["object"] == "probe"
    assert (answer["model"], answer["calibration"]) == ("demo", "demo")
    assert answer["fingerprint"]["target"].startswith("sha256:")
    (result,) = answer["results"]
    assert result["verdict"] in ("member", "not_member", "inconclusive", "out_of_distribution")
    assert 0 < result["p_value"] <= 1 and result["q_value"] == result["p_value"]
    assert result["claim"] == {
        "alpha": 0.01, "confidence": 0.95, "nonmembers": 3000, "k": 21, "members": 500,
        "smallest_alpha": pytest.approx(0.000998, abs=1e-6), "kind": "",
    }  # fmt: skip
    assert result["score"]["name"] == "combined"
    assert result["perplexity_ratio"] == pytest.approx(result["perplexity"] / result["reference_perplexity"])
    assert result["scores"]["ref"]["value"] == pytest.approx(-math.log(result["perplexity_ratio"]), abs=1e-5)
    assert len(result["tokens"]) == answer["usage"]["tokens"] - 1
    assert "".join(LONGER[token["start"] : token["end"]] for token in result["tokens"]) == LONGER
    for token in result["tokens"]:
        assert token["reference_difference"] == pytest.approx(token["logprob"] - token["reference_logprob"], abs=1e-5)


@pytest.mark.parametrize("entry", [LONGER, [LONGER], [{"id": "a", "text": LONGER}], [{"text": LONGER}]])
def test_forms_of_input(client: TestClient, entry: Any) -> None:
    answer = ask(client, input=entry, scores=["loss"])
    assert len(answer["results"]) == 1
    assert answer["results"][0]["scores"]["mink"] == {"value": None, "reason": "not requested"}
    assert answer["results"][0]["tokens"] is None


def test_the_library_and_the_service_agree(client: TestClient, demo: Probe) -> None:
    (direct,), (served,) = demo([Text(LONGER)]), ask(client, input=LONGER)["results"]
    assert direct.verdict and served["verdict"] == direct.verdict.call
    assert served["p_value"] == direct.verdict.p_value


def test_a_bad_text_is_a_result_and_its_neighbours_stand(client: TestClient) -> None:
    body = json.dumps({"model": "demo", "input": [LONGER, "", "\ud800", "word " * 400, LONGER]})
    answer = client.post("/v1/probe", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 200, answer.text
    errors = [result["error"] for result in answer.json()["results"]]
    assert errors[0] is None and errors[4] is None
    assert "the text is empty" in errors[1] and "unpaired surrogate" in errors[2] and "the limit is 300" in errors[3]


def test_no_text_at_all_is_an_empty_list(client: TestClient) -> None:
    assert ask(client, input=[])["results"] == []


@pytest.mark.parametrize(
    ("body", "status", "param", "words"),
    [
        ({"model": "other", "input": "x"}, 404, "model", "There are: demo"),
        ({"model": "demo", "input": "x", "scores": ["typo"]}, 404, "scores", "There are: loss"),
        ({"model": "demo", "input": "x", "calibration": "typo"}, 404, "calibration", "There are: demo"),
        ({"model": "demo", "input": "x", "calibration": "../etc"}, 422, "calibration", "cannot name"),
        ({"model": "demo", "input": "x", "alpha": 2}, 422, "alpha", "between 0 and 0.5"),
        ({"model": "demo", "input": LONGER, "alpha": 1.2e-308}, 422, "alpha", "1e-09 or more"),
        ({"model": "demo", "input": ["x"] * 9}, 422, "input", "at most 8"),
        ({"model": "demo", "input": 3}, 422, "input", "a list of texts"),
        ({"model": "demo", "input": {"text": "x"}}, 422, "input", "a list of texts"),
        ({"model": "demo", "input": "x", "return_tokens": "false"}, 422, "return_tokens", "valid boolean"),
        ({"model": "demo", "input": "x", "alpha": "0.01"}, 422, "alpha", "valid number"),
        ({"model": "demo", "input": "x", "scores": [3]}, 422, "scores.0", "string"),
        ({"model": "demo", "input": [LONGER * 5] * 4, "scores": ["loss"]}, 422, "input", "at most 400"),
        ({"model": "demo"}, 422, "input", "required"),
        ({"input": "x"}, 422, "model", "required"),
        ({"model": "demo", "input": "x", "typo": 1}, 422, "typo", "not permitted"),
    ],
)
def test_bad_requests_name_the_field_and_the_remedy(
    client: TestClient, body: dict[str, Any], status: int, param: str, words: str
) -> None:
    answer = client.post("/v1/probe", json=body)
    error = answer.json()["error"]
    assert answer.status_code == status, answer.text
    assert error["type"] == "invalid_request_error" and error["code"]
    assert error["param"] == param and words in error["message"]


def test_a_row_that_holds_no_text_is_a_result_and_its_neighbours_stand(client: TestClient) -> None:
    odd = [None, 3, ["x"], {"id": "a"}, {"id": "b", "text": None}, {"id": 1, "text": "x"}, {"text": "x", "typo": 1}]
    body = json.dumps({"model": "demo", "input": [LONGER, *odd[:3], LONGER]})
    answer = client.post("/v1/probe", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 200, answer.text
    found = answer.json()["results"]
    assert [row["index"] for row in found] == [0, 1, 2, 3, 4]
    assert found[0]["verdict"] == found[4]["verdict"] is not None
    (wrong,) = {row["error"] for row in found[1:4]}
    assert wrong.startswith("Cannot score: it is neither a text nor")
    told = ask(client, input=odd[3:])["results"]
    assert {row["error"] for row in told} == {wrong} and [row["id"] for row in told] == ["a", "b", None, None]


@pytest.mark.parametrize("row", ['{"id": "\\ud800", "text": "x"}', '{"id": "\\ud800"}'])
def test_a_surrogate_in_the_id_of_a_row_is_that_row_s_error(client: TestClient, row: str) -> None:
    content = f'{{"model": "demo", "input": [{row}, "{LONGER}"]}}'
    answer = client.post("/v1/probe", content=content, headers={"content-type": "application/json"})
    first, second = answer.json()["results"]
    assert (answer.status_code, first["id"], second["error"]) == (200, None, None) and "neither a text" in first[
        "error"
    ]


@pytest.mark.parametrize("fields", ['"input": "x", "calibration": "\\ud800"', '"input": "x", "scores": ["\\ud800"]'])
def test_surrogates_in_names_are_the_caller_s_fault(client: TestClient, fields: str) -> None:
    answer = client.post(
        "/v1/probe", content=f'{{"model": "demo", {fields}}}', headers={"content-type": "application/json"}
    )
    assert answer.status_code in (404, 422) and answer.json()["error"]["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[1, 2]", b"null", b"NaN"])
def test_malformed_bodies(client: TestClient, body: bytes) -> None:
    answer = client.post("/v1/probe", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("body", [b"{", b'{"input": "\xff"}', b"[" * 15_000, b"1" * 5000])
def test_what_is_no_json_is_told_as_that(client: TestClient, body: bytes) -> None:
    answer = client.post("/v1/probe", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_json"), answer.text
    assert answer.json()["error"]["message"] == "The body is not valid JSON."


def test_bodies_have_a_limit_announced_or_not(client: TestClient) -> None:
    large = json.dumps({"model": "demo", "input": "x" * 30_000}).encode()
    pieces = (large[begin : begin + 1000] for begin in range(0, len(large), 1000))
    for content in (large, pieces):
        answer = client.post("/v1/probe", content=content, headers={"content-type": "application/json"})
        assert answer.status_code == 413
        assert "larger than 20,000 bytes" in answer.json()["error"]["message"]


def test_unknown_paths_and_methods_use_the_envelope(client: TestClient) -> None:
    assert client.get("/v1/nothing").json()["error"]["code"] == "not_found"
    assert client.get("/v1/files/", follow_redirects=False).status_code == 404  # a redirect would take its Host
    assert client.get("/v1/probe").json()["error"]["code"] == "method_not_allowed"


def test_models_and_calibrations(client: TestClient) -> None:
    (model,) = client.get("/v1/models").json()["data"]
    assert (model["id"], model["object"], model["calibration"], model["dtype"]) == ("demo", "model", "demo", "float32")
    for calibration in client.get("/v1/calibrations").json()["data"]:
        assert calibration["id"] in ("demo", "demo-records")
        assert (calibration["fits"], calibration["nonmembers"], calibration["tokens"][0]) == (["demo"], 3000, 10)


def test_another_calibration_by_name(client: TestClient) -> None:
    answer = ask(client, input=LONGER, calibration="demo-records")
    assert answer["calibration"] == "demo-records"
    assert answer["results"][0]["claim"]["members"] == 0


def test_health(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready"}


def test_openapi_has_examples_and_the_error_shape(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()
    request = schema["components"]["schemas"]["ProbeRequest"]
    assert request["examples"][0]["input"] == [EXAMPLE]
    assert (
        ask(client, **{k: v for k, v in request["examples"][0].items() if k != "model"})["results"][0]["error"] is None
    )
    assert "429" in schema["paths"]["/v1/probe"]["post"]["responses"]


def test_links_lead_to_operations_that_take_what_they_bring(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()
    found = 0
    for methods in schema["paths"].values():
        for operation in methods.values():
            for response in operation["responses"].values():
                for link in response.get("links", {}).values():
                    path, method = link["operationRef"].removeprefix("#/paths/").rsplit("/", 1)
                    target = schema["paths"][path.replace("~1", "/")][method]
                    assert set(link.get("parameters", {})) <= {one["name"] for one in target.get("parameters", [])}
                    assert link.get("parameters") or link["requestBody"]
                    found += 1
    assert found > 20


def test_answers_that_are_no_json_are_documented_as_what_they_are(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    report = paths["/v1/documents/{name}/report"]["get"]["responses"]
    assert list(report["200"]["content"]) == ["text/html"] and list(report["404"]["content"]) == ["application/json"]
    part = paths["/v1/batches/{name}/parts/{number}"]["get"]["responses"]["200"]["content"]
    assert part == {"application/vnd.apache.parquet": {"schema": {"type": "string", "format": "binary"}}}


def test_no_text_in_logs(
    client: TestClient, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    marker = "zyzzyva-marker"
    with caplog.at_level(logging.DEBUG):
        ask(client, input=[f"{LONGER} {marker}", marker + "\ud800"[:0]])
        client.post("/v1/probe", json={"model": "demo", "input": marker, "alpha": marker})
        client.post("/v1/probe", json={"model": "demo", "input": marker, "scores": [3]})
    printed = "".join(capfd.readouterr())
    assert marker not in caplog.text and marker not in printed
