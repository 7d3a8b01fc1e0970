"""The state machines are valid, end on every path with the lock released, and stay within their bounds."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.archives import ROOT
from tests.infra.conftest import MODEL, Assembly, Synthesizer, Template, machines, of_type

NAMES = ("onboarding", "retraining", "rollout", "rollback", "attribution")
TRANSITIONS = 40


@pytest.fixture(scope="module")
def definitions(shipped: Assembly) -> dict[str, Template]:
    return machines(shipped.model())


def definition(definitions: dict[str, Template], name: str) -> Template:
    return definitions[f"{MODEL}--{name}"]


def following(state: Template) -> set[str]:
    """Where a state may lead to."""
    ways = {state.get("Next"), state.get("Default")}
    for rule in [*state.get("Choices", []), *state.get("Catch", [])]:
        ways.add(rule["Next"])
    return {way for way in ways if way is not None}


def paths(states: Template, start: str) -> Iterator[list[str]]:
    """All ways from a state to an end, loops taken once."""
    stack = [[start]]
    while stack:
        path = stack.pop()
        ways = following(states[path[-1]]) - set(path)
        if states[path[-1]]["Type"] in ("Succeed", "Fail"):
            yield path
        stack.extend([*path, way] for way in ways)


@pytest.mark.parametrize("name", NAMES)
def test_definitions_satisfy_the_linter(definitions: dict[str, Template], name: str, tmp_path: Path) -> None:
    # given
    file = tmp_path / "machine.json"
    file.write_text(json.dumps(definition(definitions, name)))
    # when
    command = [str(ROOT / "node_modules" / ".bin" / "asl-validator"), "--json-path", str(file)]
    linted = subprocess.run(command, capture_output=True, text=True)
    # then
    assert linted.returncode == 0, linted.stdout


def test_the_machine_of_an_attached_endpoint_satisfies_the_linter(attached: Assembly, tmp_path: Path) -> None:
    # given
    found = machines(attached.model())
    file = tmp_path / "machine.json"
    file.write_text(json.dumps(found[f"{MODEL}--onboarding"]))
    # when
    command = [str(ROOT / "node_modules" / ".bin" / "asl-validator"), "--json-path", str(file)]
    # then
    assert subprocess.run(command, capture_output=True).returncode == 0
    assert "InspectAttached" in found[f"{MODEL}--onboarding"]["States"]


def test_the_machine_that_explains_exactly_satisfies_the_linter(synthesize: Synthesizer, tmp_path: Path) -> None:
    # given
    found = machines(synthesize({"monitors.attribution.method": "exact"}).model())
    file = tmp_path / "machine.json"
    file.write_text(json.dumps(found[f"{MODEL}--attribution"]))
    # when
    command = [str(ROOT / "node_modules" / ".bin" / "asl-validator"), "--json-path", str(file)]
    # then
    assert subprocess.run(command, capture_output=True).returncode == 0
    assert "Explain" in found[f"{MODEL}--attribution"]["States"]


@pytest.mark.parametrize("name", NAMES)
def test_every_state_can_be_reached(definitions: dict[str, Template], name: str) -> None:
    # given
    machine = definition(definitions, name)
    reached, open_ways = set(), {machine["StartAt"]}
    while open_ways:
        state = open_ways.pop()
        reached.add(state)
        open_ways |= following(machine["States"][state]) - reached
    # then
    assert reached == set(machine["States"])


@pytest.mark.parametrize("name", ["retraining", "rollback"])
def test_every_path_that_takes_the_lock_gives_it_back(definitions: dict[str, Template], name: str) -> None:
    # given
    states = definition(definitions, name)["States"]
    start = states["AcquireLock"]["Next"]
    # then
    for path in paths(states, start):
        assert any(state.startswith("Release") for state in path), path


def test_the_rollout_gives_back_a_lock_that_it_took_itself(definitions: dict[str, Template]) -> None:
    # given
    states = definition(definitions, "rollout")["States"]
    # then
    for path in paths(states, states["AcquireLock"]["Next"]):
        (question,) = [state for state in path if state.startswith("Release") and state.endswith("?")]
        (rule,) = states[question]["Choices"]
        assert rule["Variable"] == "$.request.lock_owner"
        assert rule["StringEquals"] == ""
        assert states[rule["Next"]]["Resource"].endswith("dynamodb:deleteItem")


@pytest.mark.parametrize("name", NAMES)
def test_no_error_of_a_task_ends_an_execution_unhandled(definitions: dict[str, Template], name: str) -> None:
    # given
    states = definition(definitions, name)["States"]
    bare = {
        key
        for key, state in states.items()
        if state["Type"] in ("Task", "Parallel")
        and "States.ALL" not in [error for catch in state.get("Catch", []) for error in catch["ErrorEquals"]]
    }
    # then
    allowed = {key for key in states if key == "AcquireLock" or key.startswith(("Release", "DeleteFailed"))}
    assert bare <= allowed


@pytest.mark.parametrize("name", NAMES)
def test_executions_are_bounded_in_time_and_length(definitions: dict[str, Template], name: str) -> None:
    # given
    machine = definition(definitions, name)
    # then
    assert machine["TimeoutSeconds"] > 0
    assert max(len(path) for path in paths(machine["States"], machine["StartAt"])) <= TRANSITIONS


def test_a_failure_after_the_new_fleet_serves_brings_the_old_one_back(definitions: dict[str, Template]) -> None:
    # given
    states = definition(definitions, "rollout")["States"]
    # then
    for state in ("Verify", "MoveServing", "MoveSettings"):
        assert states[state]["Catch"][-1] == {
            "ErrorEquals": ["States.ALL"],
            "Next": "GoBack",
            "ResultPath": "$.failure",
        }
    assert states["GoBack"]["Parameters"]["EndpointConfigName.$"] == "$.plan.previous_endpoint_config"
    assert "AutoRollbackConfiguration" not in states["GoBack"]["Parameters"]["DeploymentConfig"]


def test_serving_and_both_versions_records_move_at_once(definitions: dict[str, Template]) -> None:
    # given
    items = definition(definitions, "rollout")["States"]["MoveServing"]["Parameters"]["TransactItems"]
    # then
    assert [next(iter(item)) for item in items] == ["Put", "Update", "Update"]
    assert items[0]["Put"]["Item"]["pk"] == {"S": "serving"}


def test_no_message_that_fails_stops_a_machine(definitions: dict[str, Template]) -> None:
    # then
    for machine in definitions.values():
        for name, state in machine["States"].items():
            if name.startswith("Notify"):
                assert state["Catch"][0]["Next"] == state["Next"]


def test_machines_are_traced_and_log_errors_without_data(shipped: Assembly) -> None:
    # then
    for machine in of_type(shipped.model(), "AWS::StepFunctions::StateMachine").values():
        logging = machine["Properties"]["LoggingConfiguration"]
        assert (logging["Level"], logging["IncludeExecutionData"]) == ("ERROR", False)
        assert machine["Properties"]["TracingConfiguration"] == {"Enabled": True}
