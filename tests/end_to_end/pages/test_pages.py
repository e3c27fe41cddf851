"""What people look at, in a real browser over the folder a demo left; pictures go to `test-results/pages`."""

import json
import re
import shutil
import urllib.request

import pytest

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.browser,
    pytest.mark.xdist_group("demo"),
    pytest.mark.timeout(900),  # the first one here may have to wait for the demo itself
    pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium on PATH"),
]

GROUPS = ["bronze", "silver", "gold", "ops", "serving", "staging", "mart", "embeddings", "training"]
ASSETS = """{ assetNodes {
    assetKey { path }
    description
    groupName
    owners { ... on TeamAssetOwner { team } ... on UserAssetOwner { email } }
    assetChecksOrError { ... on AssetChecks { checks { name executionForLatestMaterialization { status } } } }
} }"""


def ask(dagster: str, query: str) -> dict:
    body = json.dumps({"query": query}).encode()
    request = urllib.request.Request(f"{dagster}/graphql", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)["data"]


def test_lineage_shows_every_layer_up_to_the_marts(served, page):
    page.go(f"{served.dagster}/asset-groups")
    page.shows(*GROUPS)
    page.settle()
    page.shot("lineage")
    assert page.js("document.querySelector('[role=dialog]')") is None
    page.go(f"{served.dagster}/assets/mart/equipment_reliability?view=lineage&lineageScope=upstream&lineageDepth=9")
    page.shows("signal_hourly", "deviation_daily", "health_daily", "stg_remaining_life", "life_model", "history")
    page.settle()
    page.shot("lineage-of-a-mart")


def test_every_asset_is_in_the_catalogue_with_description_owner_and_no_failed_check(served, page):
    nodes = ask(served.dagster, ASSETS)["assetNodes"]
    assert {node["groupName"] for node in nodes} == set(GROUPS)
    for node in nodes:
        assert node["description"], node
        assert node["owners"], node
    checks = [
        (node["assetKey"]["path"], check["name"], (check["executionForLatestMaterialization"] or {}).get("status"))
        for node in nodes
        for check in node["assetChecksOrError"].get("checks", [])
    ]
    assert [one for one in checks if one[2] not in ("SUCCEEDED", None)] == []
    assert sum(status == "SUCCEEDED" for _, _, status in checks) >= 100
    # Tall enough that no row is left out of the document.
    page.size(1600, 70 * len(nodes) + 200)
    page.go(f"{served.dagster}/assets")
    page.shows(*(" / ".join(node["assetKey"]["path"]) for node in nodes))
    page.settle()
    page.shot("catalogue")


def test_an_asset_tells_what_it_is_in_which_units_and_how_much(served, page):
    page.go(f"{served.dagster}/assets/gold/remaining_life")
    page.shows(
        "Life left of each machine",
        "Grain: site, equipment, day.",
        "life left, as the model expects it [cycles]",
        "data-platform",
    )
    page.settle()
    assert "Row count" in page.text()
    page.shot("asset")
    page.go(f"{served.dagster}/assets/gold/remaining_life?view=events")
    page.shows("rows_by_day", "bronze_version", "null_rate")
    page.until("[...document.images].some(one => one.src.startsWith('data:image/png') && one.naturalWidth > 10)")
    page.shot("asset-metadata")


def test_its_checks_are_green(served, page):
    page.go(f"{served.dagster}/assets/gold/kpi_daily?view=checks")
    page.shows("Checks (", "Passed", "keys_are_unique")
    page.settle()
    (count,) = re.findall(r"Checks \((\d+)\)", page.text())
    assert int(count) > 3
    assert page.text().count("Succeeded") == int(count)
    page.shot("checks")


def test_all_runs_have_succeeded(served, page, demo):
    page.go(f"{served.dagster}/runs")
    tenants = {answer["tenant"] for answer in demo.summary["answers"]}
    page.shows("Success", *(f"tenant: {tenant}" for tenant in tenants))
    page.settle()
    page.shot("runs")
    assert "Failure" not in page.text()
    page.click("a[href^='/runs/']")
    page.shows("RUN_SUCCESS")
    page.settle()
    page.shot("run")


def sign_in(page, demo, tenant: str, password: str | None = None) -> None:
    known = (demo.run / "secrets" / f"analyst_{tenant}").read_text().strip()
    words = {"tenant": tenant, "email": f"analyst@{tenant}.example", "password": password or known}
    for name, word in words.items():
        page.js(f"document.querySelector('input[name={name}]').value = ''")
        page.click(f"input[name={name}]")
        page.type(word)
    page.click("#sign-in button")


def fits(page) -> bool:
    return page.js("document.documentElement.scrollWidth <= innerWidth")


def test_a_wrong_password_is_refused_in_words(served, page, demo):
    page.go(served.agents)
    page.there("#sign-in:not([hidden])")
    page.shot("chat-signed-out")
    sign_in(page, demo, demo.summary["answers"][0]["tenant"], "not the password")
    page.shows("ign-in is refused")
    page.shot("chat-refused")
    assert page.js("sessionStorage.getItem('session')") is None
    assert page.js("document.getElementById('talk').hidden")
    # The browser itself notes the refusal, nothing else.
    assert [error.split(" http")[0].rsplit(" ", 1)[-1] for error in page.errors] == ["(Unauthorized)"]
    page.errors.clear()


def test_an_answer_with_its_tools_and_evidence(served, page, demo):
    asked = demo.summary["answers"][0]
    page.go(served.agents)
    page.there("#sign-in:not([hidden])")
    sign_in(page, demo, asked["tenant"])
    page.there("#examples li:nth-child(3) button")
    page.shot("chat-signed-in")
    page.click("#question")
    page.type(asked["question"])
    page.click("#ask button")
    page.there(".calls details")
    page.shot("chat-working")
    page.there("#ask button:enabled", within_s=120)
    page.shot("chat-answer")
    (answer,) = page.texts(".answer")
    assert len(answer) > 100
    assert page.texts(".calls b") == asked["tools"]
    assert page.texts(".verdict b")[0].startswith("✓")
    page.js("document.querySelectorAll('details').forEach(one => one.open = true)")
    sources = page.texts(".evidence .source")
    assert len(sources) >= len(asked["tools"])
    for source in sources:
        assert re.search(r"^\w+\.\w+ · version \d+ · \d+ rows? · \d+ checks? passed$", source.strip()), source
    assert all("SELECT" in query for query in page.texts(".evidence pre"))
    assert page.js("document.querySelectorAll('.calls td').length") > 10
    page.js("scrollTo(0, 0)")
    page.shot("chat-open")
    page.js("document.querySelector('.verdict').scrollIntoView()")
    page.shot("chat-evidence")
    page.scheme("dark")
    page.shot("chat-evidence-dark")
    page.js("scrollTo(0, 0)")
    page.shot("chat-open-dark")


def test_on_a_phone_nothing_is_wider_than_the_screen(served, page, demo):
    page.size(390, 844)
    page.go(served.agents)
    page.there("#sign-in:not([hidden])")
    assert fits(page)
    page.shot("phone-signed-out")
    sign_in(page, demo, demo.summary["answers"][-1]["tenant"])
    page.there("#examples li:nth-child(3) button")
    assert fits(page)
    page.shot("phone-signed-in")
    page.click("#examples button")
    page.there(".evidence:not([hidden])", within_s=120)
    assert fits(page)
    page.shot("phone-answer")
    assert page.texts(".calls .refused") == []
    assert page.texts(".verdict b")[0].startswith("✓")
    page.js("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert fits(page)
    page.shot("phone-open")
    page.click("#leave")
    page.there("#sign-in:not([hidden])")
    assert page.texts(".turn") == []
    assert page.js("sessionStorage.getItem('session')") is None
