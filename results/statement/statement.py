"""What a result is: an in-toto Statement whose predicate holds facts only, never prices."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from suites.base.labels import MOST_CHIPS
from suites.base.strict_model import StrictModel

__all__ = [
    "PREDICATE_TYPE",
    "STATEMENT_TYPE",
    "Chip",
    "CiIdentity",
    "Digest",
    "Engine",
    "Machine",
    "Measurement",
    "Meter",
    "Output",
    "Predicate",
    "Run",
    "Software",
    "Source",
    "Statement",
    "Subject",
    "json_schema",
]

# in-toto attestation framework, Statement v1.
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:fenmark:result:v1"

Text = Annotated[str, Field(max_length=4096)]
Name = Annotated[str, Field(min_length=1, max_length=256)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
# RFC 3339 in UTC, to the second or finer: sorts as text, reads in any language.
Timestamp = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$")]
StatedLabel = Annotated[str, Field(max_length=256)] | int | float | bool
# What a run was asked for: a TOML value of one level.
Option = Text | int | float | bool | Annotated[list[StatedLabel], Field(max_length=1024)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=2**53 - 1)]


class Digest(StrictModel):
    sha256: Sha256


class Subject(StrictModel):
    """The evidence the statement is about: the file of raw samples."""

    name: Name
    digest: Digest


class PlanCell(StrictModel):
    """One cell of a plan.

    Attributes:
        name: of the plan.
        sha256: of its file.
        cell: id of the cell: its labels, and digits of its options.
    """

    name: Name
    sha256: Sha256
    cell: Name


class Run(StrictModel):
    """Which run this is.

    Attributes:
        id: random UUID, so that two runs are never one.
        runner: id of the runner's key file; the signature, not this name, proves who it was.
        suite_version: version of the code that measured.
        seed: seeds every generated input; with a nonce, `results.statement.nonce.seed_of` it.
        nonce: challenge issued by the API, None for a local run.
        not_before: root hash of the log when the challenge was issued; the run is not older.
        options: of the suites, as asked for; without what holds on one machine only (paths, the
            endpoint's URL). None in results older than this field.
        reproduces: digest of the result this run repeats.
        plan: the plan this run is a cell of, None for a run by itself.
    """

    id: Name
    runner: Name
    suite_version: Name
    suites: Annotated[list[Name], Field(min_length=1, max_length=16)]
    profile: Literal["quick", "standard", "full"]
    seed: Count
    started_at: Timestamp
    finished_at: Timestamp
    nonce: Annotated[str, Field(max_length=256)] | None = None
    not_before: Annotated[str, Field(max_length=256)] | None = None
    options: dict[Name, Option] | None = None
    reproduces: Sha256 | None = None
    plan: PlanCell | None = None


class Chip(StrictModel):
    """What was measured: the accelerators, or the CPU where there are none.

    Attributes:
        catalog_id: stem of `results/catalog/chips/<id>.toml`, None when unlisted.
        name: as the driver or the CPU reports it.
        count: chips, or logical cores of a CPU given to the run.
        features: vector extensions or compute capability.
    """

    catalog_id: Name | None
    name: Name
    kind: Literal["cpu", "gpu", "npu", "other"]
    count: Annotated[int, Field(ge=1, le=MOST_CHIPS)]
    features: Annotated[list[Name], Field(max_length=256, default_factory=list)]
    memory_bytes: Count | None = None


class Machine(StrictModel):
    """The host. `conditions` holds what moved or might have: load, governor, temperature."""

    chip: Chip
    cpu_name: Name
    cpu_cores: Count
    memory_bytes: Count
    os: Name
    kernel: Name
    container: Name | None
    virtual_machine: Name | None
    driver: Name | None
    conditions: Annotated[dict[Name, StatedLabel], Field(default_factory=dict)]


class Software(StrictModel):
    """Versions of everything in the measured path, and variables that change speed."""

    python: Name
    packages: dict[Name, Name]
    environment: Annotated[dict[Name, Text], Field(default_factory=dict)]


class CiIdentity(StrictModel):
    """The CI job that ran, as the CI says it.

    Attributes:
        claimed_by: "oidc": claims of a token GitHub issued to the job, read by the job itself;
            "environment": the runner's variables. Neither proves anything by itself: the
            signature says who vouches for it.
        workflow_ref: path and ref of the workflow file, `owner/repo/.github/workflows/…@ref`.
        job_workflow_ref: the same of the reusable workflow the job comes from; a token says it.
        commit: that the workflow ran for.
        runner_environment: whether GitHub or the runner's owner holds the machine.
    """

    claimed_by: Literal["oidc", "environment"]
    repository: Name
    workflow_ref: Name
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    run_id: Name
    run_attempt: Name
    event: Name
    runner_environment: Literal["github-hosted", "self-hosted"]
    job_workflow_ref: Name | None = None


class Source(StrictModel):
    """The code that measured: its commit, and whether the tree differed from it."""

    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")] | None
    modified: bool
    ci_run: Text | None = None
    ci: CiIdentity | None = None


class Engine(StrictModel):
    """The engine under test and the model it ran.

    Attributes:
        model: geometry id of `suites/models`, or the served name at a foreign endpoint.
        weights_sha256: digest of the weight file, None at a foreign endpoint.
        weights: "random" for generated weights (true speed, no meaning), else "real"/"unknown".
        precision: such as "q8_0", "bf16", "fp8".
        flags: what the engine was started with.
        image: the container image it ran in, by digest, as the runner states it.
    """

    name: Name
    version: Name
    model: Name
    weights_sha256: Sha256 | None
    weights: Literal["random", "real", "unknown"]
    precision: Name
    flags: Annotated[dict[Name, StatedLabel], Field(default_factory=dict)]
    image: (
        Annotated[str, Field(max_length=512, pattern=r"^[^\s@]+@sha256:[0-9a-f]{64}$")] | None
    ) = None


class Meter(StrictModel):
    """An energy meter, or the model that stood in for one.

    Attributes:
        scope: what the joules cover.
        method: how they were got; "model" is bounds from nameplate power, not a measurement.
        accuracy_percent: as the maker states it, None when unknown.
    """

    name: Name
    scope: Literal["chip", "package", "node", "wall"]
    method: Literal["hardware counter", "sampled power", "external meter", "model"]
    accuracy_percent: Finite | None = None
    calibrated_at: Timestamp | None = None
    note: Text = ""


class Measurement(StrictModel):
    """One figure; the fields are those of `suites.base.records.Row`."""

    suite: Name
    case: Name
    metric: Name
    unit: Name
    value: Finite
    low: Finite | None
    high: Finite | None
    n: Count
    method: Literal["measured", "modelled", "reported"]
    labels: Annotated[dict[Name, StatedLabel], Field(default_factory=dict)]


class Output(StrictModel):
    """A few elements of what a kernel gave in the first process, at places its seed chose.

    Anyone who knows the seed can compute them again: see `suites.kernels.spotcheck`.
    """

    case: Name
    elements: Annotated[list[Finite], Field(min_length=1, max_length=16)]


class Predicate(StrictModel):
    schema_version: Literal[1]
    run: Run
    machine: Machine
    software: Software
    source: Source
    engines: Annotated[list[Engine], Field(max_length=64)]
    meters: Annotated[list[Meter], Field(max_length=64)]
    measurements: Annotated[list[Measurement], Field(min_length=1, max_length=10_000)]
    warnings: Annotated[list[Text], Field(max_length=1000, default_factory=list)]
    outputs: Annotated[list[Output], Field(max_length=1000, default_factory=list)]

    @field_validator("schema_version", mode="before")
    @classmethod
    def _is_whole(cls, version: Any) -> Any:
        # A literal takes what equals it, and in Python true and 1.0 equal 1.
        if type(version) is not int:
            raise ValueError("is not a whole number")
        return version


class Statement(StrictModel):
    """in-toto Statement v1 around a Fenmark predicate."""

    type_: Annotated[Literal["https://in-toto.io/Statement/v1"], Field(alias="_type")]
    subject: Annotated[list[Subject], Field(min_length=1, max_length=64)]
    predicateType: Literal["urn:fenmark:result:v1"]  # noqa: N815 - in-toto's own name
    predicate: Predicate

    def to_json(self) -> dict[str, Any]:
        return self.model_dump(by_alias=True, mode="json")


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema published as `results/schema/statement-v1.json`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": PREDICATE_TYPE,
        **Statement.model_json_schema(by_alias=True),
    }


# python -m results.statement.statement > results/schema/statement-v1.json
if __name__ == "__main__":
    print(json.dumps(json_schema(), indent=1, sort_keys=True))
